import type { WatchedMetrics } from '@gantry/core';

/** More lines than this are thinned: no screen shows them, and the page stays open for days. */
export const MAX_LINES = 4000;

/** Adds lines to a history, oldest first; what is there already is not added twice, and a long history gets thinner. */
export function extended(
  history: readonly WatchedMetrics[],
  lines: readonly WatchedMetrics[],
): readonly WatchedMetrics[] {
  const last = history.at(-1)?.step ?? 0;
  const all = [...history, ...lines.filter(({ step }) => step > last)];
  return all.length > MAX_LINES ? thinned(all, MAX_LINES / 2) : all;
}

/**
 * Leaves at most `limit` lines: one of each stretch of n steps, n a power of two, and the last one. Whatever was thinned
 * before, no part of the run gets thinner than another: the newest steps would crowd the oldest out otherwise.
 * @param limit 2 or more
 */
export function thinned<T extends { readonly step: number }>(lines: readonly T[], limit: number): readonly T[] {
  let kept = lines;
  for (let stretch = 2; kept.length > limit; stretch *= 2) {
    const place = (line: T | undefined) => Math.floor(((line?.step ?? 0) - 1) / stretch);
    kept = kept.filter((line, i) => i === 0 || i === kept.length - 1 || place(line) !== place(kept[i - 1]));
  }
  return kept;
}

/**
 * Exponential moving average over the steps; how far apart the lines are makes no difference.
 * @param steps of the values, ascending
 * @param span time constant in steps; 0 changes nothing
 */
export function smoothed(values: readonly number[], steps: readonly number[], span: number): readonly number[] {
  if (span <= 0) return values;
  let mean = values[0] ?? 0;
  return values.map((value, i) => {
    const gap = (steps[i] ?? 0) - (steps[i - 1] ?? 0);
    return (mean += (value - mean) * (1 - Math.exp(-gap / span)));
  });
}

/** A history with one part replaced by finer lines. @param detail of that part, oldest first */
export function refined(
  history: readonly WatchedMetrics[],
  detail: readonly WatchedMetrics[],
): readonly WatchedMetrics[] {
  const [first, last] = [detail[0], detail.at(-1)];
  if (!first || !last) return history;
  const before = history.filter(({ step }) => step < first.step);
  return [...before, ...detail, ...history.filter(({ step }) => step > last.step)];
}
