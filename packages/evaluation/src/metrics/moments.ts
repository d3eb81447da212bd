import { countRows } from './rows.ts';

/** Mean and covariance of a set of feature vectors. */
export interface Moments {
  /** Vectors in the set. */
  readonly count: number;
  /** [size] */
  readonly mean: Float64Array;
  /** [size,size], row-major and symmetric; unbiased: divided by count − 1, as `numpy.cov` has it. */
  readonly covariance: Float64Array;
}

/**
 * The moments of a set, summed in doubles in the order of its rows: equal rows give equal bits on every machine.
 * @param rows [count,size], 2 rows or more
 * @param size numbers of a row
 * @throws RangeError if there are fewer rows, or if a number is not finite
 */
export function momentsOf(rows: Float32Array, size: number): Moments {
  const count = countRows(rows, size);
  if (count < 2) throw new RangeError(`a covariance takes 2 rows or more, not ${count}`);
  const mean = meanOf(rows, size, count);
  const covariance = new Float64Array(size * size);
  const centred = new Float64Array(size);
  for (let begin = 0; begin < rows.length; begin += size) {
    for (let i = 0; i < size; i++) centred[i] = (rows[begin + i] as number) - (mean[i] as number);
    for (let i = 0; i < size; i++) {
      const factor = centred[i] as number;
      const at = i * size;
      for (let j = i; j < size; j++)
        covariance[at + j] = (covariance[at + j] as number) + factor * (centred[j] as number);
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) {
      const value = (covariance[i * size + j] as number) / (count - 1);
      covariance[i * size + j] = value;
      covariance[j * size + i] = value;
    }
    // Squares of float32 do not overflow a double.
    if (!Number.isFinite(covariance[i * size + i])) throw new RangeError(`column ${i} has a number that is not finite`);
  }
  return { count, mean, covariance };
}

function meanOf(rows: Float32Array, size: number, count: number): Float64Array {
  const mean = new Float64Array(size);
  for (let begin = 0; begin < rows.length; begin += size) {
    for (let i = 0; i < size; i++) mean[i] = (mean[i] as number) + (rows[begin + i] as number);
  }
  for (let i = 0; i < size; i++) mean[i] = (mean[i] as number) / count;
  return mean;
}
