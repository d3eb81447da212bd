/** Images of one size: 1 channel is grey, 3 are red, green and blue. */
export interface ImageSet {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** [count,rows,columns,channels], 0 = black … 255 = white; of MNIST 0 = background … 255 = ink */
  readonly pixels: Uint8Array;
}

/** Of one image: [height,width,channels]. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/** The class of each image, where that is known. */
export interface Labels {
  /** Names of the classes, in their order. */
  readonly classes: readonly string[];
  /** For each image, the place of its class in `classes`. */
  readonly values: Uint32Array;
}

/** What one image of a set is. */
export function imageShape({ rows, columns, channels }: ImageSet): ImageShape {
  return [rows, columns, channels];
}

/** The first `limit` images; they share the memory of all. */
export function takeImages({ pixels, ...set }: ImageSet, limit: number): ImageSet {
  const size = set.rows * set.columns * set.channels;
  return { ...set, count: limit, pixels: pixels.subarray(0, limit * size) };
}
