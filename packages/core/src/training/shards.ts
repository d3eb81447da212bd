import { GantryError } from '../errors.ts';

/** What of a configuration fixes the order in which data is used. */
export interface DataPlan {
  /** Number of images in an epoch. */
  readonly images: number;
  readonly epochs: number;
  /** Images per step (the global batch); the last batch of an epoch may be smaller. */
  readonly batch: number;
  readonly shardSize: number;
}

/** A slice of the batch: samples `first` … `first + samples − 1`. */
export interface Shard {
  readonly index: number;
  readonly first: number;
  readonly samples: number;
}

/** Where a step stands. */
export interface StepPosition {
  /** Counted from 0. */
  readonly epoch: number;
  /** Position of the batch's first image in the epoch's permutation. */
  readonly first: number;
  readonly samples: number;
  readonly lastOfEpoch: boolean;
}

export function stepsPerEpoch({ images, batch }: DataPlan): number {
  return Math.ceil(images / batch);
}

export function totalSteps(plan: DataPlan): number {
  return plan.epochs * stepsPerEpoch(plan);
}

/** @param step counted from 0 over the whole run */
export function positionOf(step: number, plan: DataPlan): StepPosition {
  const perEpoch = stepsPerEpoch(plan);
  const batchIndex = step % perEpoch;
  const first = batchIndex * plan.batch;
  return {
    epoch: Math.floor(step / perEpoch),
    first,
    samples: Math.min(plan.batch, plan.images - first),
    lastOfEpoch: batchIndex === perEpoch - 1,
  };
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
  const lastBatch = positionOf(stepsPerEpoch(plan) - 1, plan).samples;
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

/** One piece of work. Noise and dropout masks are not sent: they follow from the seed and the sample's place. */
export interface ShardWork {
  /** Step of the run, counted from 0. */
  readonly step: number;
  /** Index of the shard in the step. */
  readonly index: number;
  /** Place of the shard's first sample in the global batch. */
  readonly first: number;
  /** Samples in the shard. */
  readonly samples: number;
  /** The data of the samples, one after the other: pixels 0–255. */
  readonly images: Uint8Array;
}
