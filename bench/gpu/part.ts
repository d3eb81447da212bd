import type { ConvolutionForm } from '@gantry/compiler';
import type { ModelName } from '@gantry/models';
import { TINY } from '../../test/support/tiny.ts';

/** A row of the kit's table, and the figures behind it. */
export interface Finding {
  readonly what: string;
  /** For people. */
  readonly result: string;
  readonly figures?: unknown;
}

/** How much every part does. */
export interface Effort {
  /** What the engine computes. */
  readonly model: ModelName;
  /** For `gantry train`: the same model, and its images. */
  readonly trainOptions: readonly string[];
  readonly forms: readonly ConvolutionForm[];
  /** Images of a shard. */
  readonly shardSizes: readonly number[];
  /** Steps of an engine before those that count, and those. */
  readonly warmUps: number;
  readonly runs: number;
  /** `gantry train`: with so many workers, one after the other. */
  readonly workers: readonly number[];
  readonly training: {
    readonly batch: number;
    readonly shardSize: number;
    readonly limit: number;
    readonly epochs: number;
  };
  /** Images per step beside PyTorch. */
  readonly peerBatches: readonly number[];
  readonly peerRounds: number;
}

export const FULL: Effort = {
  model: 'dcgan',
  trainOptions: [],
  forms: ['direct', 'patches', 'spectral'],
  shardSizes: [64, 256, 1024],
  warmUps: 3,
  runs: 20,
  workers: [1, 2, 4, 1],
  training: { batch: 1024, shardSize: 256, limit: 9216, epochs: 3 },
  peerBatches: [256, 1024],
  peerRounds: 3,
};

/** Everything once and in small: a GPU made of software takes ten seconds for two images of the tutorial's model. */
export const SMOKE: Effort = {
  model: 'tiny',
  trainOptions: TINY,
  forms: ['direct', 'spectral'],
  shardSizes: [2],
  warmUps: 0,
  runs: 1,
  workers: [1, 2],
  training: { batch: 4, shardSize: 2, limit: 4, epochs: 1 },
  peerBatches: [2],
  peerRounds: 1,
};

/** One question about the machine; findings are kept as they come, also where the part does not end. */
export type Part = (effort: Effort) => AsyncGenerator<Finding>;
