import type { WatchedMetrics } from '@gantry/core';

/** More lines than this are thinned: no screen shows them, and the page stays open for days. */
export const MAX_LINES = 4000;

/** Adds lines to a history, oldest first; what is there already is not added twice, and a long history gets thinner. */
export function extended(history: readonly WatchedMetrics[], lines: readonly WatchedMetrics[]): WatchedMetrics[] {
  const last = history.at(-1)?.step ?? 0;
  const all = [...history, ...lines.filter(({ step }) => step > last)];
  return all.length > MAX_LINES ? everySecond(all) : all;
}

/** The first and the last stay. */
function everySecond<T>(lines: readonly T[]): T[] {
  return lines.filter((_, i) => i % 2 === 0 || i === lines.length - 1);
}

/** Exponential moving average with a time constant of `span` values; 0 changes nothing. */
export function smoothed(values: readonly number[], span: number): number[] {
  if (span <= 0) return [...values];
  const weight = 1 / (1 + span);
  let mean = values[0] ?? 0;
  return values.map((value) => (mean += (value - mean) * weight));
}
