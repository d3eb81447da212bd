import { fitRelative } from './statistics.ts';

/** Time of the coordinator's event loop in a round, `base + leaf × leaves + worker × workers`, in milliseconds. */
export interface StarModel {
  /** The optimizer or the mean, the record, the next round's shards. */
  readonly base: number;
  /** Receiving, checking, decoding and adding one leaf. */
  readonly leaf: number;
  /** Sending the weights, or their differences, to one worker. */
  readonly worker: number;
}

/** What a round is made of. */
export interface RoundShape {
  readonly workers: number;
  readonly leaves: number;
  /** How long each worker computes; its shards are computed at the same time. */
  readonly delayMs: number;
}

/** Whether points tell the parts of the model apart: three of them at least do not lie on a line. */
export function isFittable(points: readonly RoundShape[]): boolean {
  const [first, ...rest] = points;
  if (!first) return false;
  const offsets = rest.map(({ leaves, workers }) => [leaves - first.leaves, workers - first.workers] as const);
  return offsets.some(([x, y]) => offsets.some(([u, v]) => x * v !== y * u));
}

/** Fits the model to measured points. @param points `isFittable` */
export function fitStar(points: readonly (RoundShape & { readonly eventLoopMs: number })[]): StarModel {
  const [base = NaN, leaf = NaN, worker = NaN] = fitRelative(
    points.map(({ leaves, workers }) => [1, leaves, workers]),
    points.map(({ eventLoopMs }) => eventLoopMs),
  );
  return { base, leaf, worker };
}

/** The least that a round takes: while weights still go out to some workers, others compute; then the leaves come in. */
export function predictMs(model: StarModel, { workers, leaves, delayMs }: RoundShape): number {
  return model.base + Math.max(model.worker * workers, delayMs) + model.leaf * leaves;
}
