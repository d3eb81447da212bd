import { GantryError } from '../errors.ts';
import type { ImageSet } from './image-set.ts';

/** IDX files of unsigned bytes (http://yann.lecun.com/exdb/mnist/, "file formats"): images have three dimensions, labels one. */
const IMAGES = { magic: 0x00000803, kind: 'images', headerBytes: 16 } as const;
const LABELS = { magic: 0x00000801, kind: 'labels', headerBytes: 8 } as const;
/** Of a file of images, the longer one. */
export const IDX_HEADER_BYTES = IMAGES.headerBytes;

type Header = Pick<ImageSet, 'count' | 'rows' | 'columns'> & {
  /** Bytes of the whole file, the header included. */
  readonly fileBytes: number;
};

/**
 * Reads what the first bytes of an (uncompressed) IDX image file announce.
 * @param file at least its first 16 bytes
 * @param name how errors call the file
 * @throws GantryError E_DATASET
 */
export function readIdxHeader(file: Uint8Array, name: string): Header {
  const [count = 0, rows = 0, columns = 0] = sides(file, name, IMAGES);
  const pixels = count * rows * columns;
  if (pixels === 0) {
    throw problem(name, `${count} images of ${rows}×${columns} are none to train with; fetch the file again`);
  }
  return { count, rows, columns, fileBytes: IMAGES.headerBytes + pixels };
}

/**
 * Decodes an (uncompressed) IDX image file; the pixels share its memory.
 * @param name how errors call the file
 * @throws GantryError E_DATASET
 */
export function decodeIdxImages(file: Uint8Array, name: string): ImageSet {
  const { fileBytes, ...images } = readIdxHeader(file, name);
  requireLength(file, name, `${images.count} images`, fileBytes);
  return { ...images, channels: 1, pixels: file.subarray(IMAGES.headerBytes) };
}

/**
 * Decodes an (uncompressed) IDX file of labels, 0 … 255 each; they share its memory.
 * @param name how errors call the file
 * @throws GantryError E_DATASET
 */
export function decodeIdxLabels(file: Uint8Array, name: string): Uint8Array {
  const [count = 0] = sides(file, name, LABELS);
  requireLength(file, name, `${count} labels`, LABELS.headerBytes + count);
  return file.subarray(LABELS.headerBytes);
}

/** The numbers of a header, behind the magic one. */
function sides(file: Uint8Array, name: string, { magic, kind, headerBytes }: typeof IMAGES | typeof LABELS): number[] {
  if (file.length < headerBytes) {
    const bytes = `${file.length} bytes are too few for an IDX header of ${headerBytes}`;
    throw problem(name, `${bytes}; fetch the file again`);
  }
  const header = new DataView(file.buffer, file.byteOffset, headerBytes);
  const found = header.getUint32(0);
  if (found !== magic) {
    const hex = (n: number) => `0x${n.toString(16).padStart(8, '0')}`;
    const expected = `${hex(magic)} (IDX ${kind}) was expected`;
    throw problem(name, `magic number ${hex(found)} where ${expected}; is this the ${kind} file?`);
  }
  return Array.from({ length: headerBytes / 4 - 1 }, (_, i) => header.getUint32(4 * (i + 1)));
}

function requireLength(file: Uint8Array, name: string, what: string, bytes: number): void {
  if (file.length === bytes) return;
  throw problem(name, `${file.length} bytes where ${what} take ${bytes}; the file is damaged: fetch it again`);
}

function problem(name: string, text: string): GantryError {
  return new GantryError('E_DATASET', `${name}: ${text}`);
}
