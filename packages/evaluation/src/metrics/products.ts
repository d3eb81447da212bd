import { countRows } from './rows.ts';

/**
 * Computes the inner products of the rows of two matrices. It must neither change nor keep them.
 * @param a [rows,size]
 * @param b [rows2,size]
 * @returns [rows,rows2]
 */
export type Products = (a: Float32Array, b: Float32Array, size: number) => Float32Array | Promise<Float32Array>;

/** Rows of either side that are multiplied at a time. */
const TILE = 4;

/**
 * Inner products in plain JavaScript. Each is summed in doubles in the order of the numbers and rounded once: it has the same
 * bits on every machine, wherever in the matrices its rows are.
 * @param a [rows,size]
 * @param b [rows2,size]
 * @returns [rows,rows2]
 * @throws RangeError if either is not a whole number of rows
 */
export function plainProducts(a: Float32Array, b: Float32Array, size: number): Float32Array<ArrayBuffer> {
  const [rows, columns] = [countRows(a, size), countRows(b, size)];
  const [left, right] = [interleaved(a, size, rows), interleaved(b, size, columns)];
  const out = new Float32Array(rows * columns);
  const sums = new Float64Array(TILE * TILE);
  for (let row = 0; row < rows; row += TILE) {
    const height = Math.min(TILE, rows - row);
    for (let column = 0; column < columns; column += TILE) {
      const width = Math.min(TILE, columns - column);
      multiplyTile(left, row * size, right, column * size, size, sums);
      for (let i = 0; i < height; i++) {
        const at = (row + i) * columns + column;
        for (let j = 0; j < width; j++) out[at + j] = sums[i * TILE + j] as number;
      }
    }
  }
  return out;
}

/**
 * Doubles of the rows by fours: the first numbers of four rows, their second numbers, … So a product reads them one after
 * the other. Rows of zeros fill up the last four.
 */
function interleaved(rows: Float32Array, size: number, count: number): Float64Array {
  const out = new Float64Array(Math.ceil(count / TILE) * TILE * size);
  for (let row = 0; row < count; row++) {
    const begin = row - (row % TILE);
    for (let i = 0; i < size; i++) out[begin * size + i * TILE + (row % TILE)] = rows[row * size + i] as number;
  }
  return out;
}

/** Unrolled: eight sums at a time, which do not wait for each other, find room in registers. */
function multiplyTile(
  left: Float64Array,
  leftBegin: number,
  right: Float64Array,
  rightBegin: number,
  size: number,
  sums: Float64Array,
): void {
  for (let half = 0; half < TILE; half += 2) {
    let s00 = 0;
    let s01 = 0;
    let s02 = 0;
    let s03 = 0;
    let s10 = 0;
    let s11 = 0;
    let s12 = 0;
    let s13 = 0;
    let at = leftBegin + half;
    const end = rightBegin + size * TILE;
    for (let to = rightBegin; to < end; to += TILE) {
      const a0 = left[at] as number;
      const a1 = left[at + 1] as number;
      const b0 = right[to] as number;
      const b1 = right[to + 1] as number;
      const b2 = right[to + 2] as number;
      const b3 = right[to + 3] as number;
      s00 += a0 * b0;
      s01 += a0 * b1;
      s02 += a0 * b2;
      s03 += a0 * b3;
      s10 += a1 * b0;
      s11 += a1 * b1;
      s12 += a1 * b2;
      s13 += a1 * b3;
      at += TILE;
    }
    const row = half * TILE;
    sums[row] = s00;
    sums[row + 1] = s01;
    sums[row + 2] = s02;
    sums[row + 3] = s03;
    sums[row + 4] = s10;
    sums[row + 5] = s11;
    sums[row + 6] = s12;
    sums[row + 7] = s13;
  }
}
