/**
 * How the history of a run is downsampled, wherever it is: every n-th step from the first, and the last, where n is the
 * smallest power of two that leaves few enough. n follows from first step, last step and limit alone, and the steps kept
 * for 2n are among those kept for n. So downsampling again, or while a history grows, leaves what downsampling all of
 * it at once would leave, and no part of a run becomes sparser than another.
 */

/** A line of a history. */
export interface HistoryLine {
  readonly step: number;
}

/**
 * Tells which steps are kept of those from `first` to `last`, both included, if at most `limit` may be.
 * @param limit 2 or more
 * @throws RangeError if it is not
 */
export function stepFilter(first: number, last: number, limit: number): (step: number) => boolean {
  if (!(limit >= 2)) throw new RangeError(`a history of at most ${limit} lines would lack its first or its last`);
  let stride = 1;
  // The last step may be one more than the multiples of the stride.
  while (stride * (limit - 1) < last - first) stride *= 2;
  return (step) => (step - first) % stride === 0 || step === last;
}

/**
 * Leaves at most `limit` lines, the first and the last among them.
 * @param lines in the order of their steps; consecutive ones, but for what earlier calls with the same first line left out
 * @param limit 2 or more
 */
export function downsampled<T extends HistoryLine>(lines: readonly T[], limit: number): readonly T[] {
  const [first, last] = [lines[0], lines.at(-1)];
  if (!first || !last) return lines;
  const isKept = stepFilter(first.step, last.step, limit);
  return lines.filter(({ step }) => isKept(step));
}
