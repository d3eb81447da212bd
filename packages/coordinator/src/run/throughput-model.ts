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
 * of them was. Computing hides what is sent meanwhile; what follows a worker's last unit, and what is published after the last of all,
 * nobody hides.
 * @param localSteps 1: each round is one step
 */
export function predictedImagesPerSecond(
  workers: readonly ModelWorker[],
  { images, batch, shardSize }: DataPlan,
  localSteps: number,
  { published, result, isSummed }: RoundBytes,
): number {
  const samples = Math.min(batch, images);
  const units = Math.ceil(samples / shardSize);
  const busy = shares(workers, units);
  const [outRate, inRate] = [
    Math.max(...workers.map((each) => each.outRate)),
    Math.max(...workers.map((each) => each.inRate)),
  ];
  const computeMs = Math.max(
    ...busy.map(({ worker, units: own }) => {
      const perUnit = (shardSize * localSteps * worker.slots * 1000) / worker.imagesPerSecond;
      return Math.ceil(own / worker.slots) * perUnit;
    }),
  );
  const sent = (own: number) => (isSummed ? Math.ceil(own / UNITS_PER_SUM) : own) * result;
  const all = busy.reduce((sum, { units: own }) => sum + sent(own), 0);
  const last = busy.reduce((sum, { worker, units: own }) => sum + sent(Math.min(own, worker.slots)), 0);
  const inMs = (1000 * all) / inRate;
  const outMs = (1000 * busy.length * published) / outRate;
  const roundMs = Math.max(computeMs + (1000 * last) / inRate, inMs) + outMs;
  return (samples * localSteps * 1000) / roundMs;
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
