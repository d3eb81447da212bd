import { GantryError } from '../errors.ts';
import type { ImageSet } from './image-set.ts';

/** IDX files of unsigned bytes (http://yann.lecun.com/exdb/mnist/, "file formats"): images have three dimensions, labels one. */
const KINDS = {
  images: { magic: 0x00000803, headerBytes: 16 },
  labels: { magic: 0x00000801, headerBytes: 8 },
} as const;

/** What an IDX file holds. */
export type IdxKind = keyof typeof KINDS;

/**
 * Bytes of the whole (uncompressed) file, as its header announces them.
 * @param file at least its beginning
 * @param name how errors call the file
 * @returns undefined where there is not enough of the file to tell
 * @throws GantryError E_DATASET if it is of another kind, or of no images
 */
export function idxFileBytes(file: Uint8Array, name: string, kind: IdxKind): number | undefined {
  const { headerBytes } = KINDS[kind];
  if (file.length < headerBytes) return undefined;
  return sidesIn(file, name, kind).reduce((product, side) => product * side, 1) + headerBytes;
}

/**
 * Decodes an (uncompressed) IDX image file; the pixels share its memory.
 * @param name how errors call the file
 * @throws GantryError E_DATASET
 */
export function decodeIdxImages(file: Uint8Array, name: string): ImageSet {
  const [count = 0, rows = 0, columns = 0] = sidesIn(file, name, 'images');
  const pixels = contentOf(file, name, 'images', count, rows * columns);
  return { count, rows, columns, channels: 1, pixels };
}

/**
 * Decodes an (uncompressed) IDX file of labels, 0 … 255 each; they share its memory.
 * @param name how errors call the file
 * @throws GantryError E_DATASET
 */
export function decodeIdxLabels(file: Uint8Array, name: string): Uint8Array {
  const [count = 0] = sidesIn(file, name, 'labels');
  return contentOf(file, name, 'labels', count, 1);
}

/** The sides of the array, of which the first is the number of images or labels. */
function sidesIn(file: Uint8Array, name: string, kind: IdxKind): number[] {
  const { magic, headerBytes } = KINDS[kind];
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
  const sides = Array.from({ length: headerBytes / 4 - 1 }, (_, i) => header.getUint32(4 * (i + 1)));
  if (kind === 'images' && sides.includes(0)) {
    const [count, rows, columns] = sides;
    throw problem(name, `${count} images of ${rows}×${columns} are none to train with; fetch the file again`);
  }
  return sides;
}

/** What follows the header. @param size bytes of each image or label */
function contentOf(file: Uint8Array, name: string, kind: IdxKind, count: number, size: number): Uint8Array {
  const { headerBytes } = KINDS[kind];
  const bytes = headerBytes + count * size;
  if (file.length === bytes) return file.subarray(headerBytes);
  const lengths = `${file.length} bytes where ${count} ${kind} take ${bytes}`;
  throw problem(name, `${lengths}; the file is damaged: fetch it again`);
}

function problem(name: string, text: string): GantryError {
  return new GantryError('E_DATASET', `${name}: ${text}`);
}
