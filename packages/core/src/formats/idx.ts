import { GantryError } from '../errors.ts';

/** An IDX file of images: unsigned bytes, three dimensions (http://yann.lecun.com/exdb/mnist/, "file formats"). */
const MAGIC = 0x00000803;
const HEADER_BYTES = 16;

/** A set of grey images. */
export interface ImageSet {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  /** [count,rows,columns], 0 = background … 255 = ink */
  readonly pixels: Uint8Array;
}

/**
 * Decodes an (uncompressed) IDX image file; the pixels share its memory.
 * @param name how errors call the file
 * @throws GantryError E_DATASET
 */
export function decodeIdxImages(file: Uint8Array, name: string): ImageSet {
  const fail = (problem: string) => new GantryError('E_DATASET', `${name}: ${problem}`);
  if (file.length < HEADER_BYTES) {
    throw fail(`${file.length} bytes are too few for an IDX header of ${HEADER_BYTES}; fetch the file again`);
  }
  const header = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  const magic = header.getUint32(0);
  if (magic !== MAGIC) {
    const hex = (n: number) => `0x${n.toString(16).padStart(8, '0')}`;
    throw fail(`magic number ${hex(magic)} where ${hex(MAGIC)} (IDX images) was expected; is this the images file?`);
  }
  const [count, rows, columns] = [header.getUint32(4), header.getUint32(8), header.getUint32(12)];
  const expected = HEADER_BYTES + count * rows * columns;
  if (file.length !== expected) {
    throw fail(`${file.length} bytes where ${count} images take ${expected}; the file is damaged: fetch it again`);
  }
  return { count, rows, columns, pixels: file.subarray(HEADER_BYTES) };
}

/** The first `limit` images. */
export function takeImages({ pixels, rows, columns }: ImageSet, limit: number): ImageSet {
  return { count: limit, rows, columns, pixels: pixels.subarray(0, limit * rows * columns) };
}
