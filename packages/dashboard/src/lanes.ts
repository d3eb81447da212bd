import type { WatchedStep } from '@gantry/core';
import { compareNames } from './format.ts';
import type { Unit } from './rounds.ts';

/** A worker is called slow from here on, in times that the median of all takes for an image. */
const SLOW_FACTOR = 1.5;

/** What a worker did in the last steps. */
export interface Lane {
  readonly worker: string;
  readonly msPerImage: number;
  /** In times of the median of all. */
  readonly slowness: number;
  readonly isSlow: boolean;
}

/** A lane for each worker that computed something in these steps: the slow ones first, where they are seen, then by name. */
export function lanesOf(steps: readonly WatchedStep[]): Lane[] {
  const totals = new Map<string, { ms: number; images: number }>();
  for (const { worker, samples, beginMs, endMs } of steps.flatMap(({ shards }) => shards)) {
    const { ms, images } = totals.get(worker) ?? { ms: 0, images: 0 };
    totals.set(worker, { ms: ms + endMs - beginMs, images: images + samples });
  }
  const paces = [...totals].map(([worker, { ms, images }]) => ({ worker, msPerImage: images > 0 ? ms / images : 0 }));
  const sorted = paces.map(({ msPerImage }) => msPerImage).toSorted((a, b) => a - b);
  // Of two workers the faster one: a slow one cannot be slow compared with itself.
  const median = sorted[(sorted.length - 1) >> 1] ?? 0;
  return paces
    .map(({ worker, msPerImage }) => {
      const slowness = median > 0 ? msPerImage / median : 1;
      return { worker, msPerImage, slowness, isSlow: slowness >= SLOW_FACTOR };
    })
    .toSorted((a, b) => Number(b.isSlow) - Number(a.isSlow) || compareNames(a.worker, b.worker));
}

/** Who holds the others up, in a sentence. @param unit what the run goes on by */
export function describeLanes(lanes: readonly Lane[], unit: Unit = 'step'): string {
  if (lanes.length === 0) return `No ${unit} yet.`;
  const pace = (ms: number) => (ms >= 10 ? ms.toFixed(0) : ms.toPrecision(2));
  const slow = lanes.filter(({ isSlow }) => isSlow).toSorted((a, b) => b.slowness - a.slowness);
  if (slow.length > 0) {
    const [first] = slow;
    const others = slow.length > 1 ? `, and ${slow.length - 1} more` : '';
    return `Slow: ${first?.worker} takes ${pace(first?.msPerImage ?? 0)} ms an image, ${first?.slowness.toFixed(1)} times the median${others}.`;
  }
  const paces = lanes.map(({ msPerImage }) => pace(msPerImage));
  const [low, high] = [Math.min(...paces.map(Number)), Math.max(...paces.map(Number))];
  if (lanes.length === 1) return `${low} ms an image.`;
  return `No straggler: ${low === high ? low : `${low} to ${high}`} ms an image.`;
}
