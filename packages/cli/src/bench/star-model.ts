import { fitRelative } from './statistics.ts';

/** Time of the coordinator's event loop in a step, `base + leaf × leaves + worker × workers`, in milliseconds. */
export interface StarModel {
  /** Adam, the record, the next step's shards. */
  readonly base: number;
  /** Receiving, checking and adding one leaf. */
  readonly leaf: number;
  /** Sending the weights to one worker. */
  readonly worker: number;
}

/** What a step is made of. */
export interface StepShape {
  readonly workers: number;
  readonly leaves: number;
  /** How long each worker computes; its shards are computed at the same time. */
  readonly delayMs: number;
}

/** Whether points tell the parts of the model apart: three of them at least do not lie on a line. */
export function isFittable(points: readonly StepShape[]): boolean {
  const [first, ...rest] = points;
  if (!first) return false;
  const offsets = rest.map(({ leaves, workers }) => [leaves - first.leaves, workers - first.workers] as const);
  return offsets.some(([x, y]) => offsets.some(([u, v]) => x * v !== y * u));
}

/** Fits the model to measured points. @param points `isFittable` */
export function fitStar(points: readonly (StepShape & { readonly eventLoopMs: number })[]): StarModel {
  const [base = NaN, leaf = NaN, worker = NaN] = fitRelative(
    points.map(({ leaves, workers }) => [1, leaves, workers]),
    points.map(({ eventLoopMs }) => eventLoopMs),
  );
  return { base, leaf, worker };
}

/** The least that a step takes: while weights still go out to some workers, others compute; then the leaves come in. */
export function predictMs(model: StarModel, { workers, leaves, delayMs }: StepShape): number {
  return model.base + Math.max(model.worker * workers, delayMs) + model.leaf * leaves;
}
