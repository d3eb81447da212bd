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

/** Fits the model to measured points. */
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
