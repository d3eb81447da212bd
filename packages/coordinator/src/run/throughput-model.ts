import type { DataPlan } from '@gantry/core';

/** A worker as the model sees it. */
export interface ModelWorker {
  /** Of all its threads, while they compute. */
  readonly imagesPerSecond: number;
  /** Shards it computes at the same time. */
  readonly slots: number;
  /** Bytes per second that reach it, and that come from it; Infinity where a link is too fast to be measured. */
  readonly outRate: number;
  readonly inRate: number;
}

/** What travels in a round, in bytes. */
export interface RoundBytes {
  /** To each worker. */
  readonly published: number;
  /** For each unit; where workers sum them up on the way, for up to four. */
  readonly result: number;
  readonly isSummed: boolean;
}

/** Leaves of the largest sum that a worker sends. */
const UNITS_PER_SUM = 4;

/**
 * What a cluster is expected to reach, in images per second. The links are taken to be one: the coordinator's, as fast as the fastest
 * of them was. What is published reaches one worker after the other. Computing hides what is sent meanwhile; what follows a worker's
 * last units travels after them, and after what others sent before.
 * @param localSteps 1: each round is one step
 */
export function predictedImagesPerSecond(
  workers: readonly ModelWorker[],
  { images, batch, shardSize }: DataPlan,
  localSteps: number,
  { published, result, isSummed }: RoundBytes,
): number {
  const samples = Math.min(batch, images);
  const busy = shares(workers, Math.ceil(samples / shardSize));
  const outMs = (1000 * published) / Math.max(...workers.map((each) => each.outRate));
  const inRate = Math.max(...workers.map((each) => each.inRate));
  const inMs = (units: number) => (1000 * result * (isSummed ? Math.ceil(units / UNITS_PER_SUM) : units)) / inRate;
  const last = busy.map(({ worker: { imagesPerSecond, slots }, units }, i) => {
    const unitMs = (1000 * shardSize * localSteps * slots) / imagesPerSecond;
    return { computedMs: (i + 1) * outMs + Math.ceil(units / slots) * unitMs, inMs: inMs(Math.min(units, slots)) };
  });
  const lastInMs = last
    .toSorted((a, b) => a.computedMs - b.computedMs)
    .reduce((freeMs, each) => Math.max(freeMs, each.computedMs) + each.inMs, 0);
  const allInMs = busy.reduce((sum, { units }) => sum + inMs(units), 0);
  return (samples * localSteps * 1000) / Math.max(lastInMs, outMs + allInMs);
}

/** How many units each worker gets that gets any, so that all end at about the same time. */
function shares(workers: readonly ModelWorker[], units: number): { worker: ModelWorker; units: number }[] {
  const all = workers.map((worker) => ({ worker, units: 0 }));
  const endsWith = ({ worker, units: own }: (typeof all)[number]) =>
    (Math.ceil((own + 1) / worker.slots) * worker.slots) / worker.imagesPerSecond;
  for (let unit = 0; unit < units; unit++) {
    const [next] = all.toSorted((a, b) => endsWith(a) - endsWith(b));
    if (next) next.units++;
  }
  return all.filter(({ units: own }) => own > 0);
}
