import { z } from 'zod';
import { DEFAULT_OPTIMIZERS, optimizerSpecSchema } from '../optimizers/optimizer.ts';
import { MAX_SEED } from '../numerics/random.ts';
import { WIRES } from '../wire/wire.ts';

const positiveInteger = z.int().min(1);
/** More in a row than any epoch is worth. */
export const MAX_LOCAL_STEPS = 4096;
/** Samples of a round: float32 numbers count no further. */
export const MAX_ROUND_SAMPLES = 2 ** 24;
/** Batches of a unit. */
export const MAX_UNIT_BATCHES = 2 ** 20;

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
  /** Whether each sample is flipped horizontally by a draw of its own. */
  flip: z.boolean().default(false),
  /** What the average of the generator's weights keeps of itself in a step (Yazıcı et al., 2019); none is kept where absent. */
  ema: z.number().min(0).lt(1).optional(),
  /** Steps that each replica takes by itself between two exchanges; 1: every step is an exchange. */
  localSteps: positiveInteger.max(MAX_LOCAL_STEPS).default(1),
  /** The first epoch with local steps; those before are synchronous. */
  localStepsFrom: positiveInteger.max(100_000).default(1),
  /** How contributions and weights travel: what rounds them is part of the result. */
  wire: z.enum(WIRES).default('float32'),
  /** In which form GPUs compute convolutions; absent: the run measures it, once for each kind of GPU. */
  convolutions: z.enum(['direct', 'patches', 'spectral', 'fastest']).optional(),
  /** What updates the weights of each network, by its name. Which networks there are, the model says. */
  optimizers: z.record(z.string(), optimizerSpecSchema).default(DEFAULT_OPTIMIZERS),
});

/**
 * By which statistics batch normalization draws pictures. `moving`, as in Keras: those that training has gathered, which lag
 * behind the weights in the first epochs. `recalibrated`: those of the weights as they are, by fresh noise (the standing
 * statistics of Brock et al. 2019, https://arxiv.org/abs/1809.11096).
 */
export const BATCH_NORMS = ['moving', 'recalibrated'] as const;
export type BatchNorm = (typeof BATCH_NORMS)[number];

/** The configuration of a run. */
export const trainConfigSchema = z.strictObject({
  ...resultConfigSchema.shape,
  epochs: positiveInteger.max(100_000).default(50),
  /** Steps between checkpoints; one more is written after each epoch and on a stop. */
  checkpointEvery: positiveInteger.default(100),
  /** Epochs between evaluations of the generator; 0: none. Absent: on MNIST so many that 60,000 images lie between, else 0. */
  evaluateEvery: z.int().min(0).max(100_000).optional(),
  /** Whether the generator of each epoch is kept. */
  keepGenerators: z.boolean().default(false),
  /** How sample grids and evaluations draw pictures. */
  batchNorm: z.enum(BATCH_NORMS).default('moving'),
});

export type ResultConfig = z.infer<typeof resultConfigSchema>;
export type TrainConfig = z.infer<typeof trainConfigSchema>;
