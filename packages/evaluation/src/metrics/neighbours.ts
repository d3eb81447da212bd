import type { Products } from './products.ts';
import { countRows } from './rows.ts';

/** Rows of either side whose distances are looked at together, so that memory does not grow with the square of the rows. */
const BLOCK = 500;

/**
 * What |a|² + |b|² − 2ab leaves of the norms at least, for it to count: below, the rounding of the products shows. What is
 * nearer is computed anew from the differences, which gives equal rows the distance 0.
 */
const LEAST_LEFT = 1 / 1024;

/** A set of feature vectors. */
interface Vectors {
  readonly rows: Float32Array;
  readonly size: number;
  readonly count: number;
  /** Their squared lengths. */
  readonly norms: Float64Array;
}

/** Squared distances of the rows from `begin` on to those of the other set from `otherBegin` on: [rows,others]. */
interface Block {
  readonly squares: Float64Array;
  readonly begin: number;
  readonly rows: number;
  readonly otherBegin: number;
  readonly others: number;
}

/** Where the generated vectors are, and where the real ones; Kynkäänniemi et al. (2019). */
export interface PrecisionAndRecall {
  /** Share of generated vectors among the real ones, 0 … 1: how good pictures are. */
  readonly precision: number;
  /** Share of real vectors among the generated ones, 0 … 1: how much of what there is they show. */
  readonly recall: number;
}

/**
 * The distance of each vector to its k-th nearest other one of the same set. One that is there twice is another.
 * @param rows [count,size], more than k
 * @param k 1 or more
 * @returns [count]
 * @throws RangeError if there are too few rows, or if a number is not finite
 */
export async function radiiOf(
  rows: Float32Array,
  size: number,
  k: number,
  products: Products,
): Promise<Float64Array<ArrayBuffer>> {
  const squares = await squaredRadii(vectorsOf(rows, size), k, products);
  return squares.map(Math.sqrt);
}

/**
 * Precision and recall after Kynkäänniemi et al. (2019), https://arxiv.org/abs/1904.06991: a vector is among a set if it is
 * within the radius of one of its vectors, which is the distance to the k-th nearest other one of the set.
 * @param real [count,size], more than k
 * @param generated [count,size], more than k; the paper has as many as of the others
 * @param k 1 or more; 3 in the paper
 * @throws RangeError if there are too few rows, or if a number is not finite
 */
export async function precisionAndRecall(
  real: Float32Array,
  generated: Float32Array,
  size: number,
  k: number,
  products: Products,
): Promise<PrecisionAndRecall> {
  const [a, b] = [vectorsOf(real, size), vectorsOf(generated, size)];
  const realRadii = await squaredRadii(a, k, products);
  const generatedRadii = await squaredRadii(b, k, products);
  const isRecalled = new Uint8Array(a.count);
  const isPrecise = new Uint8Array(b.count);
  await eachBlock(a, b, products, ({ squares, begin, rows, otherBegin, others }) => {
    for (let i = 0; i < rows; i++) {
      const radius = realRadii[begin + i] as number;
      for (let j = 0; j < others; j++) {
        const square = squares[i * others + j] as number;
        if (square <= radius) isPrecise[otherBegin + j] = 1;
        if (square <= (generatedRadii[otherBegin + j] as number)) isRecalled[begin + i] = 1;
      }
    }
  });
  return { precision: shareOf(isPrecise), recall: shareOf(isRecalled) };
}

/**
 * The distance of each vector of one set to the nearest of another one.
 * @param from [count,size]
 * @param to [count,size], 1 row or more
 * @returns [count of `from`]; 0 exactly where the vector is in the other set
 * @throws RangeError if there is none to be near to, or if a number is not finite
 */
export async function nearestDistances(
  from: Float32Array,
  to: Float32Array,
  size: number,
  products: Products,
): Promise<Float64Array<ArrayBuffer>> {
  const [a, b] = [vectorsOf(from, size), vectorsOf(to, size)];
  if (b.count === 0) throw new RangeError('no vector to be near to');
  const nearest = new Float64Array(a.count).fill(Infinity);
  await eachBlock(a, b, products, ({ squares, begin, rows, others }) => {
    for (let i = 0; i < rows; i++) {
      let least = nearest[begin + i] as number;
      for (let j = 0; j < others; j++) {
        const square = squares[i * others + j] as number;
        if (square < least) least = square;
      }
      nearest[begin + i] = least;
    }
  });
  return nearest.map(Math.sqrt);
}

/** Squared, so that comparing with other squares has no rounding. */
async function squaredRadii(vectors: Vectors, k: number, products: Products): Promise<Float64Array<ArrayBuffer>> {
  if (!Number.isInteger(k) || k < 1 || k >= vectors.count) {
    throw new RangeError(`${vectors.count} vectors have no ${k}-th nearest other one`);
  }
  const nearest = new Float64Array(vectors.count * k).fill(Infinity);
  await eachBlock(vectors, vectors, products, ({ squares, begin, rows, otherBegin, others }) => {
    for (let i = 0; i < rows; i++) {
      for (let j = begin === otherBegin ? i + 1 : 0; j < others; j++) {
        const square = squares[i * others + j] as number;
        // Distances are the same both ways.
        insert(nearest, (begin + i) * k, k, square);
        insert(nearest, (otherBegin + j) * k, k, square);
      }
    }
  });
  return Float64Array.from({ length: vectors.count }, (_, i) => nearest[i * k + k - 1] as number);
}

/** Puts a number among the k least so far, which are in ascending order from `begin` on. */
function insert(nearest: Float64Array, begin: number, k: number, value: number): void {
  let at = begin + k - 1;
  if (value >= (nearest[at] as number)) return;
  while (at > begin && value < (nearest[at - 1] as number)) {
    nearest[at] = nearest[at - 1] as number;
    at--;
  }
  nearest[at] = value;
}

function shareOf(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
}

/** @throws RangeError if a number is not finite */
function vectorsOf(rows: Float32Array, size: number): Vectors {
  const count = countRows(rows, size);
  const norms = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    let norm = 0;
    for (let i = row * size; i < (row + 1) * size; i++) norm += (rows[i] as number) * (rows[i] as number);
    // Squares of float32 do not overflow a double.
    if (!Number.isFinite(norm)) throw new RangeError(`row ${row} has a number that is not finite`);
    norms[row] = norm;
  }
  return { rows, size, count, norms };
}

/**
 * Goes through all pairs of two sets by blocks; of a set with itself, only through those on the diagonal and above it.
 * @param visit must not keep the squares: the next block overwrites them
 */
async function eachBlock(a: Vectors, b: Vectors, products: Products, visit: (block: Block) => void): Promise<void> {
  const { size } = a;
  const squares = new Float64Array(Math.min(BLOCK, a.count) * Math.min(BLOCK, b.count));
  for (let begin = 0; begin < a.count; begin += BLOCK) {
    const rows = Math.min(BLOCK, a.count - begin);
    const part = a.rows.subarray(begin * size, (begin + rows) * size);
    for (let otherBegin = a === b ? begin : 0; otherBegin < b.count; otherBegin += BLOCK) {
      const others = Math.min(BLOCK, b.count - otherBegin);
      const otherPart = b.rows.subarray(otherBegin * size, (otherBegin + others) * size);
      const inner = await products(part, otherPart, size);
      if (inner.length !== rows * others) {
        throw new RangeError(`${inner.length} products of ${rows} rows with ${others} rows`);
      }
      const block: Block = { squares, begin, rows, otherBegin, others };
      fillSquares(a, b, inner, block);
      visit(block);
    }
  }
}

function fillSquares(a: Vectors, b: Vectors, inner: Float32Array, block: Block): void {
  const { squares, begin, rows, otherBegin, others } = block;
  for (let i = 0; i < rows; i++) {
    const norm = a.norms[begin + i] as number;
    for (let j = 0; j < others; j++) {
      const at = i * others + j;
      const sum = norm + (b.norms[otherBegin + j] as number);
      const square = sum - 2 * (inner[at] as number);
      // Turned round for the products that float32 cannot hold.
      squares[at] = square > LEAST_LEFT * sum ? square : squareBetween(a, begin + i, b, otherBegin + j);
    }
  }
}

function squareBetween(a: Vectors, row: number, b: Vectors, otherRow: number): number {
  const { size } = a;
  let square = 0;
  for (let i = 0; i < size; i++) {
    const difference = (a.rows[row * size + i] as number) - (b.rows[otherRow * size + i] as number);
    square += difference * difference;
  }
  return square;
}
