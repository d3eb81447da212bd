/** Runs with checkpoints of a small model. */
import { join } from 'node:path';
import { manifestFromWire, type DataPlan, type ModelManifest, type TrainingState } from '@gantry/core';
import { CheckpointStore } from '../storage/checkpoint-store.ts';

const zeros = { initializer: { kind: 'constant', value: 0 } } as const;

/** A model of two networks: two parameters each, and one pair of moving statistics in the first. */
export function smallManifest(first = 'generator', second = 'discriminator', model = 'small'): ModelManifest {
  return manifestFromWire({
    model,
    trainable: [
      { name: `${first}/dense/kernel`, shape: [3, 2], ...zeros },
      { name: `${first}/batch_norm/gamma`, shape: [2], ...zeros },
      { name: `${second}/dense/kernel`, shape: [2, 1], ...zeros },
      { name: `${second}/dense/bias`, shape: [1], ...zeros },
    ],
    movingStatistics: [
      { name: `${first}/batch_norm/moving_mean`, shape: [2], ...zeros, momentum: 0.99 },
      { name: `${first}/batch_norm/moving_variance`, shape: [2], ...zeros, momentum: 0.99 },
    ],
    phases: [
      {
        name: 'step',
        times: 1,
        updates: [first, second],
        inputs: [{ name: 'images', shape: [1], from: 'data' }],
        sums: [],
      },
    ],
  });
}

export const SMALL = smallManifest();

/** Ten steps per epoch. */
export const PLAN: DataPlan = { images: 40, epochs: 100, batch: 4, shardSize: 2 };

/**
 * A state of a small model whose numbers all differ, and differ from those of other steps; its powers have no short decimals.
 * @param averaged the network whose average is kept, if any
 */
export function stateAt(step: number, { networks }: ModelManifest = SMALL, averaged?: string): TrainingState {
  let next = step;
  const numbers = (size: number) => Float32Array.from({ length: size }, () => Math.fround((next += 1 / 64)));
  const adam = (size: number, power: number) => ({
    moments: { m: numbers(size), v: numbers(size) },
    scalars: { beta1Power: 0.9 ** (step + power), beta2Power: 0.999 ** (step + power) },
  });
  const [weights, movingStatistics] = [numbers(11), numbers(4)];
  const optimizers = networks.map(({ name, weights: { size } }, i) => [name, adam(size, (i + 1) / 10)] as const);
  const network = networks.find(({ name }) => name === averaged);
  return {
    step,
    weights,
    movingStatistics,
    optimizers: Object.fromEntries(optimizers),
    average: network && {
      network: network.name,
      weights: numbers(network.weights.size),
      statistics: numbers(network.statistics.size),
    },
  };
}

/** All vectors of a state. */
export function vectorsOf({ weights, movingStatistics, optimizers, average }: TrainingState): Float32Array[] {
  const moments = Object.values(optimizers).flatMap((each) => Object.values(each.moments));
  return [weights, movingStatistics, ...moments, ...(average ? [average.weights, average.statistics] : [])];
}

/** The bits of all numbers of a state. */
export function bitsOf(state: TrainingState): string[] {
  return vectorsOf(state).map(({ buffer, byteOffset, byteLength }) => {
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  });
}

/** Name of the folder of a step's checkpoint. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/** Checkpoints of small models in a run directory. */
export class SmallRun {
  readonly path: string;
  readonly manifest: ModelManifest;

  constructor(path: string, manifest: ModelManifest = SMALL) {
    this.path = path;
    this.manifest = manifest;
  }

  directoryOf(step: number): string {
    return join(this.path, 'checkpoints', checkpointName(step));
  }

  open(): Promise<CheckpointStore> {
    return CheckpointStore.open(this.path, this.manifest);
  }

  /** Saves states as `stateAt` has them. */
  async saveAll(...steps: number[]): Promise<CheckpointStore> {
    const store = await this.open();
    for (const step of steps) await store.save(stateAt(step, this.manifest), PLAN);
    return store;
  }
}
