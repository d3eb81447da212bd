import type { WatchedMetrics } from '@gantry/core';
import { downsampled } from '@gantry/core/watching';

/** A longer history is downsampled: no screen shows more lines, and the page stays open for days. */
export const MAX_LINES = 4000;

/**
 * Adds lines to a history, oldest first; what is there already is not added twice. It is downsampled to less than it may
 * have, so that the next steps have a line each for a while: who follows the last steps sees them all.
 */
export function extended(
  history: readonly WatchedMetrics[],
  lines: readonly WatchedMetrics[],
): readonly WatchedMetrics[] {
  const last = history.at(-1)?.step ?? 0;
  const all = [...history, ...lines.filter(({ step }) => step > last)];
  return all.length > MAX_LINES ? downsampled(all, MAX_LINES / 2) : all;
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
