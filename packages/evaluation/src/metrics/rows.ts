/**
 * How many rows a matrix has that is given as its numbers, row by row.
 * @param size numbers of a row, 1 or more
 * @throws RangeError if they are not a whole number of rows
 */
export function countRows(rows: Float32Array, size: number): number {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`rows of ${size} numbers`);
  const count = rows.length / size;
  if (!Number.isInteger(count)) throw new RangeError(`${rows.length} numbers are no rows of ${size}`);
  return count;
}
