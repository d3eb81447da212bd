import { GantryError } from '../errors.ts';

/** An IDX file of images: unsigned bytes, three dimensions (http://yann.lecun.com/exdb/mnist/, "file formats"). */
const MAGIC = 0x00000803;
export const IDX_HEADER_BYTES = 16;

/** A set of grey images. */
export interface ImageSet {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  /** [count,rows,columns], 0 = background … 255 = ink */
  readonly pixels: Uint8Array;
}

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
  const fail = (problem: string) => new GantryError('E_DATASET', `${name}: ${problem}`);
  if (file.length < IDX_HEADER_BYTES) {
    throw fail(`${file.length} bytes are too few for an IDX header of ${IDX_HEADER_BYTES}; fetch the file again`);
  }
  const header = new DataView(file.buffer, file.byteOffset, IDX_HEADER_BYTES);
  const magic = header.getUint32(0);
  if (magic !== MAGIC) {
    const hex = (n: number) => `0x${n.toString(16).padStart(8, '0')}`;
    throw fail(`magic number ${hex(magic)} where ${hex(MAGIC)} (IDX images) was expected; is this the images file?`);
  }
  const [count, rows, columns] = [header.getUint32(4), header.getUint32(8), header.getUint32(12)];
  const pixels = count * rows * columns;
  if (pixels === 0) throw fail(`${count} images of ${rows}×${columns} are none to train with; fetch the file again`);
  return { count, rows, columns, fileBytes: IDX_HEADER_BYTES + pixels };
}

/**
 * Decodes an (uncompressed) IDX image file; the pixels share its memory.
 * @param name how errors call the file
 * @throws GantryError E_DATASET
 */
export function decodeIdxImages(file: Uint8Array, name: string): ImageSet {
  const { fileBytes, ...images } = readIdxHeader(file, name);
  if (file.length !== fileBytes) {
    const problem = `${file.length} bytes where ${images.count} images take ${fileBytes}`;
    throw new GantryError('E_DATASET', `${name}: ${problem}; the file is damaged: fetch it again`);
  }
  return { ...images, pixels: file.subarray(IDX_HEADER_BYTES) };
}

/** The first `limit` images. */
export function takeImages({ pixels, rows, columns }: ImageSet, limit: number): ImageSet {
  return { count: limit, rows, columns, pixels: pixels.subarray(0, limit * rows * columns) };
}
