/** The middle of the numbers; NaN where there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? NaN)) / 2;
}

/** Median, range and all that was measured, in order, as the results of a benchmark hold them. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
}

export function spread(samples: readonly number[]): Spread {
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples), samples };
}

/** Three significant digits, and no exponents. */
export function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** `median (min–max)`, or the only number that there is. */
export function spreadText({ median: middle, min, max, samples }: Spread): string {
  if (samples.length === 1) return digits(middle);
  return `${digits(middle)} (${digits(min)}–${digits(max)})`;
}

/** A markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * The coefficients x ≥ 0 that minimise the relative errors of `rows · x ≈ values`: without weights the largest value
 * would decide alone.
 */
export function fitRelative(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const all = (rows[0] ?? []).map((_, i) => i);
  let used = all;
  for (;;) {
    const fitted = fitUnbounded(
      rows.map((row) => used.map((i) => row[i] ?? NaN)),
      values,
    );
    const lowest = Math.min(...fitted);
    if (!(lowest < 0)) return all.map((i) => fitted[used.indexOf(i)] ?? 0);
    // Times are not negative: what noise makes so counts as nothing.
    used = used.filter((_, i) => fitted[i] !== lowest);
  }
}

function fitUnbounded(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const scaled = rows.map((row, i) => row.map((cell) => cell / (values[i] ?? NaN)));
  const size = rows[0]?.length ?? 0;
  // Normal equations, with the right-hand side as the last column: the scaled values are all 1.
  const system = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (__, j) => sum(scaled.map((row) => (row[i] ?? 0) * (row[j] ?? 0)))),
    sum(scaled.map((row) => row[i] ?? 0)),
  ]);
  return solve(system);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Gauss–Jordan elimination; the matrix of normal equations needs no pivoting. */
function solve(system: number[][]): number[] {
  for (const [i, pivot] of system.entries()) {
    const scale = pivot[i] ?? NaN;
    for (let k = 0; k < pivot.length; k++) pivot[k] = (pivot[k] ?? NaN) / scale;
    for (const [j, row] of system.entries()) {
      if (j === i) continue;
      const factor = row[i] ?? NaN;
      for (let k = 0; k < row.length; k++) row[k] = (row[k] ?? NaN) - factor * (pivot[k] ?? NaN);
    }
  }
  return system.map((row) => row.at(-1) ?? NaN);
}
