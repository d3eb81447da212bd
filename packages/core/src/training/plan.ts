import { GantryError } from '../errors.ts';

/** What of a configuration fixes the order in which data is used. */
export interface DataPlan {
  /** Number of images in an epoch. */
  readonly images: number;
  readonly epochs: number;
  /** Images per step (the global batch); the last batch of an epoch may be smaller. */
  readonly batch: number;
  readonly shardSize: number;
  /** Rounds of a step, each of which takes a batch; default 1. */
  readonly roundsPerStep?: number;
}

/** A slice of the batch: samples `first` … `first + samples − 1`. */
export interface Shard {
  readonly index: number;
  readonly first: number;
  readonly samples: number;
}

/** The batch of a round. */
export interface BatchPlace {
  /** Counted from 0. */
  readonly epoch: number;
  /** Position of the batch's first image in the epoch's permutation. */
  readonly first: number;
  readonly samples: number;
}

/** Batches of an epoch. */
export function batchesPerEpoch({ images, batch }: DataPlan): number {
  return Math.ceil(images / batch);
}

/** Steps in the whole run: where its rounds do not fill the last one, that goes on with the data of a further epoch. */
export function totalSteps(plan: DataPlan): number {
  return Math.ceil((plan.epochs * batchesPerEpoch(plan)) / roundsOf(plan));
}

/** Steps of an epoch; not a whole number where a step takes several batches and they do not divide an epoch's. */
export function stepsPerEpoch(plan: DataPlan): number {
  return batchesPerEpoch(plan) / roundsOf(plan);
}

/** @param round counted from 0 over the whole run */
export function batchOf(round: number, plan: DataPlan): BatchPlace {
  const perEpoch = batchesPerEpoch(plan);
  const first = (round % perEpoch) * plan.batch;
  return { epoch: Math.floor(round / perEpoch), first, samples: Math.min(plan.batch, plan.images - first) };
}

/** Epochs that are done after so many steps. */
export function epochsAfter(steps: number, plan: DataPlan): number {
  return Math.floor((steps * roundsOf(plan)) / batchesPerEpoch(plan));
}

/** Steps that are done when so many epochs are: the last one may go on with data of the next epoch. */
export function epochEnd(epochs: number, plan: DataPlan): number {
  return Math.ceil((epochs * batchesPerEpoch(plan)) / roundsOf(plan));
}

/** Images used in the first steps, those of further epochs counted again. */
export function imagesAfter(steps: number, plan: DataPlan): number {
  const { epoch, first } = batchOf(steps * roundsOf(plan), plan);
  return epoch * plan.images + first;
}

function roundsOf({ roundsPerStep = 1 }: DataPlan): number {
  return roundsPerStep;
}

/** Cuts a batch into shards of `shardSize`, the last one smaller where it does not divide the batch. */
export function shardsOf(samples: number, shardSize: number): Shard[] {
  return Array.from({ length: Math.ceil(samples / shardSize) }, (_, index) => {
    const first = index * shardSize;
    return { index, first, samples: Math.min(shardSize, samples - first) };
  });
}

/**
 * Every shard size that occurs in a run, largest first: one compiled program is needed for each.
 * @throws GantryError E_CONFIG for a shard of a single sample, whose batch statistics have no variance
 */
export function shardSizes(plan: DataPlan): number[] {
  const lastBatch = batchOf(batchesPerEpoch(plan) - 1, plan).samples;
  const sizes = new Set<number>();
  for (const samples of [Math.min(plan.batch, plan.images), lastBatch]) {
    for (const shard of shardsOf(samples, plan.shardSize)) {
      if (shard.samples === 1) {
        throw new GantryError(
          'E_CONFIG',
          `batches of ${samples} images in shards of ${plan.shardSize} leave a shard of one sample, which has no batch ` +
            `statistics: change --batch, --shard-size or --limit`,
        );
      }
      sizes.add(shard.samples);
    }
  }
  return [...sizes].toSorted((a, b) => b - a);
}
