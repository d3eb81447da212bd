/**
 * Discrete Fourier transforms of small maps as constant real matrices.
 *
 * A convolution of few taps on a small map is cheaper as products of frequencies (Mathieu, Henaff and LeCun 2013; Vasilache
 * et al. 2014), and while the maps are tiny, a matrix is the fastest transform. Of each pair of conjugate frequencies one
 * is kept. A product of two complex numbers takes three real ones (Gauss):
 *
 *     (a + ib)(c + id) = (k₁ − k₃) + i(k₁ + k₂)     k₁ = c(a + b)   k₂ = a(d − c)   k₃ = b(c + d)
 *
 * so a pair of frequencies is three rows, its products being independent; a frequency that is its own conjugate is one row.
 */
import { table } from '../../build.ts';
import type { Node } from '../../graph.ts';

/** One axis of a correlation of stride 1: `y[o] = Σ x[o + t − padBefore] · w[t]`. */
export interface CorrelationAxis {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly taps: number;
  readonly padBefore: number;
}

/** The matrices of a correlation: `y = output · ((input · x) ⊙ (filter · w))`, positions in row-major order. */
export interface Transforms {
  /** [R, H·W] */
  readonly input: Node;
  /** [R, kh·kw] */
  readonly filter: Node;
  /** [H'·W', R] */
  readonly output: Node;
}

/** The shortest period that wraps no tap around into an output that is wanted. */
export const periodOf = ({ inputSize, outputSize, taps, padBefore }: CorrelationAxis): number =>
  Math.max(inputSize + padBefore, taps + outputSize - 1 - padBefore);

/** Products per pair of channels, R: one for each real number that describes a real map of these periods. */
export function productCount(periods: readonly [number, number]): number {
  return frequencies(periods).reduce((sum, { selfConjugate }) => sum + (selfConjugate ? 1 : 3), 0);
}

interface Frequency {
  /** Turns per position, in units of one over the period of each axis. */
  readonly row: number;
  readonly column: number;
  readonly selfConjugate: boolean;
}

/** One of each pair of conjugate frequencies. */
function frequencies([rows, columns]: readonly [number, number]): Frequency[] {
  return Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const conjugate = ((rows - row) % rows) * columns + ((columns - column) % columns);
    return { row, column, conjugate, index: i, selfConjugate: conjugate === i };
  }).filter(({ conjugate, index }) => index <= conjugate);
}

/** Cosine and sine of `numerator / denominator` turns, from arithmetic alone: equal in every JavaScript engine. */
function cosSinOf(numerator: number, denominator: number): readonly [number, number] {
  const turns = (((numerator % denominator) + denominator) % denominator) / denominator;
  // Down to an eighth of a turn, where the series below converges to the last bit.
  if (turns >= 0.5) return negated(cosSinOfHalf(turns - 0.5));
  return cosSinOfHalf(turns);
}

const negated = ([cos, sin]: readonly [number, number]) => [-cos, -sin] as const;

function cosSinOfHalf(turns: number): readonly [number, number] {
  if (turns >= 0.25) {
    const [cos, sin] = cosSinOfQuarter(turns - 0.25);
    return [-sin, cos];
  }
  return cosSinOfQuarter(turns);
}

function cosSinOfQuarter(turns: number): readonly [number, number] {
  if (turns > 0.125) {
    const [cos, sin] = series(0.25 - turns);
    return [sin, cos];
  }
  return series(turns);
}

const TAYLOR_TERMS = 20;

function series(turns: number): readonly [number, number] {
  const x = 2 * Math.PI * turns;
  const sums: [number, number] = [0, 0];
  for (let n = TAYLOR_TERMS; n >= 0; n--) {
    // Horner's scheme of cos = 1 − x²/2·(1 − x²/12·(…)) and sin = x·(1 − x²/6·(…)).
    sums[0] = 1 - (x * x * sums[0]) / ((2 * n + 1) * (2 * n + 2));
    sums[1] = 1 - (x * x * sums[1]) / ((2 * n + 2) * (2 * n + 3));
  }
  return [sums[0], x * sums[1]];
}

const positions = (rows: number, columns: number) =>
  Array.from({ length: rows * columns }, (_, i) => [Math.floor(i / columns), i % columns] as const);

/** The matrices of a two-dimensional correlation, rows and columns independent. */
export function transformsOf(rows: CorrelationAxis, columns: CorrelationAxis): Transforms {
  const periods = [periodOf(rows), periodOf(columns)] as const;
  const [rowPeriod, columnPeriod] = periods;
  const kept = frequencies(periods);
  /** e^(2πi·f·(row, column)) */
  const wave = ({ row, column }: Frequency, [r, c]: readonly [number, number]) =>
    cosSinOf(row * r * columnPeriod + column * c * rowPeriod, rowPeriod * columnPeriod);
  const rowsOf = (
    points: readonly (readonly [number, number])[],
    real: (cos: number) => number,
    triple: (cos: number, sin: number) => readonly [number, number, number],
  ): number[][] =>
    kept.flatMap((frequency) => {
      const values = points.map((point) => wave(frequency, point));
      if (frequency.selfConjugate) return [values.map(([cos]) => real(cos))];
      return [0, 1, 2].map((i) => values.map(([cos, sin]) => triple(cos, sin)[i] ?? 0));
    });

  // X = Σ x[p]·e^(−2πi·f·p)
  const inputPoints = positions(rows.inputSize, columns.inputSize);
  const input = rowsOf(
    inputPoints,
    (cos) => cos,
    (cos, sin) => [cos - sin, cos, -sin],
  );
  // W = Σ w[t]·e^(2πi·f·(t − padBefore)): conjugated, since a correlation looks ahead.
  const taps = positions(rows.taps, columns.taps).map(
    ([row, column]) => [row - rows.padBefore, column - columns.padBefore] as const,
  );
  const filter = rowsOf(
    taps,
    (cos) => cos,
    (cos, sin) => [cos, sin - cos, cos + sin],
  );
  // y[o] = Σ Y·e^(2πi·f·o) / periods, of which the imaginary parts cancel.
  const scale = 1 / (rowPeriod * columnPeriod);
  const outputPoints = positions(rows.outputSize, columns.outputSize);
  const output = rowsOf(
    outputPoints,
    (cos) => scale * cos,
    (cos, sin) => [2 * scale * (cos - sin), -2 * scale * sin, -2 * scale * cos],
  );
  return {
    input: table(input.flat(), [input.length, inputPoints.length]),
    filter: table(filter.flat(), [filter.length, taps.length]),
    output: table(
      outputPoints.flatMap((_, o) => output.map((row) => row[o] ?? 0)),
      [outputPoints.length, output.length],
    ),
  };
}
