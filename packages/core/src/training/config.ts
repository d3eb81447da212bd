import { z } from 'zod';
import { DEFAULT_OPTIMIZERS, optimizerSpecSchema } from '../optimizers/optimizer.ts';
import { MAX_SEED } from '../numerics/random.ts';

const positiveInteger = z.int().min(1);

/**
 * What fixes the result of a run besides the data. Changing any of it on `--resume` is refused, by name;
 * `epochs` only says how far to go.
 */
export const resultConfigSchema = z.strictObject({
  /** Name of the model. */
  model: z.string().min(1).max(100).default('dcgan'),
  /** 0 … 2⁵³−1; all randomness derives from it. */
  seed: z.int().min(0).max(MAX_SEED).default(0),
  /** Images per round over all workers. */
  batch: positiveInteger.max(60_000).default(256),
  /** Samples per shard; batch-norm statistics are taken per shard, so this is part of the result. */
  shardSize: positiveInteger.min(2).max(4096).default(64),
  /** Number of images used, from the first; all where absent. */
  limit: positiveInteger.min(2).optional(),
  /** What the average of the generator's weights keeps of itself in a step (Yazıcı et al., 2019); none is kept where absent. */
  ema: z.number().min(0).lt(1).optional(),
  /** What updates the weights of each network. */
  optimizers: z
    .strictObject({ generator: optimizerSpecSchema, discriminator: optimizerSpecSchema })
    .default(DEFAULT_OPTIMIZERS),
});

/** The configuration of a run. */
export const trainConfigSchema = z.strictObject({
  ...resultConfigSchema.shape,
  epochs: positiveInteger.max(100_000).default(50),
  /** Steps between checkpoints; one more is written after each epoch and on a stop. */
  checkpointEvery: positiveInteger.default(100),
});

export type ResultConfig = z.infer<typeof resultConfigSchema>;
export type TrainConfig = z.infer<typeof trainConfigSchema>;
