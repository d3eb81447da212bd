import { join } from 'node:path';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { openRun, train } from '@gantry/cli';
import type { Model } from '@gantry/core/tfjs';
import { crossEntropy, gradientPenaltySteps, MIX } from '@gantry/models';
import { CPU_ENGINES } from './support/c-compiler.ts';
import { digestOf, gantryOk, readJsonLines, temporaryDirectory } from './support/gantry.ts';
import { TINY_DATA } from './support/tiny.ts';

const {
  averagePooling2d,
  conv2d,
  dense,
  depthwiseConv2d,
  elu,
  globalAveragePooling2d,
  layerNormalization,
  leakyReLU,
  maxPooling2d,
  prelu,
  reshape,
  separableConv2d,
  upSampling2d,
} = layers.layers;

/** A GAN of somebody else, for images of 8×8, of layers that the shipped models do not have; `pooling` is its discriminator's. */
function ownModel(pooling = maxPooling2d({ name: 'pool', poolSize: 2 })): Model {
  return {
    name: 'own',
    networks: {
      generator: layers.sequential({
        name: 'generator',
        layers: [
          dense({ name: 'dense', units: 4 * 4 * 3, inputShape: [6] }),
          reshape({ targetShape: [4, 4, 3] }),
          layerNormalization({ name: 'norm' }),
          prelu({ name: 'prelu', sharedAxes: [1, 2] }),
          upSampling2d({ size: [2, 2], interpolation: 'bilinear' }), // [8,8,3]
          depthwiseConv2d({ name: 'depthwise', kernelSize: 3, depthMultiplier: 2, padding: 'same' }), // [8,8,6]
          elu(),
          upSampling2d({ size: [2, 2] }), // [16,16,6]
          averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' }), // [8,8,6]
          separableConv2d({ name: 'image', filters: 1, kernelSize: 3, padding: 'same', activation: 'tanh' }),
        ],
      }),
      discriminator: layers.sequential({
        name: 'discriminator',
        layers: [
          conv2d({ name: 'conv', filters: 4, kernelSize: 3, padding: 'same', inputShape: [8, 8, 1] }),
          leakyReLU({ alpha: 0.2 }),
          pooling,
          depthwiseConv2d({ name: 'depthwise', kernelSize: 3, padding: 'same', activation: 'softplus' }),
          layerNormalization({ name: 'norm' }),
          conv2d({ name: 'last', filters: 6, kernelSize: 2, activation: 'tanh' }),
          globalAveragePooling2d({}),
          dense({ name: 'dense', units: 1 }),
        ],
      }),
    },
    data: { images: [8, 8, 1] },
    draws: { noise: { from: 'normal', shape: [6] }, mix: MIX },
    phases: gradientPenaltySteps({ loss: crossEntropy, criticRounds: 2 }),
    preview: { draw: 'noise', network: 'generator' },
  };
}

const [, data = ''] = TINY_DATA;
const config = { model: 'own', epochs: 3, limit: 64, batch: 16, shardSize: 8, seed: 5 };

/** Trains to the end. @returns the digest of the weights, and the run directory */
async function trained(threads: number, engine: (typeof CPU_ENGINES)[number]) {
  const run = join(temporaryDirectory(), 'run');
  const live = await train({ run, data, models: () => ownModel(), config, workers: { threads, engine } });
  const slopes: number[] = [];
  for await (const update of live) if (update.type === 'step') slopes.push(update.metrics['slope'] ?? NaN);
  return { run, slopes, digest: (await live.finished)?.weightsDigest };
}

describe('a model of one’s own, of many kinds of layers, with second derivatives', () => {
  it.each(CPU_ENGINES)('trains to the same weights with any number of threads: %s', async (engine) => {
    const [one, two] = [await trained(1, engine), await trained(2, engine)];
    expect(one.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(two.digest).toBe(one.digest);
    expect(one.slopes).toHaveLength(4);
    expect(one.slopes.every((slope) => slope > 0 && slope < 100)).toBe(true);
    const pictures = await (await openRun(one.run, () => ownModel())).generate({ count: 4, seed: 1 });
    expect(pictures.shape).toEqual([4, 8, 8, 1]);
  });

  it('is refused by the layer that cannot be differentiated twice', async () => {
    const models = () => ownModel(maxPooling2d({ name: 'pool', poolSize: 3, strides: 1 }));
    await expect(train({ run: join(temporaryDirectory(), 'run'), data, models, config })).rejects.toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringMatching(/^layer discriminator\/pool \(MaxPooling2D\): it has no second derivative/),
      }),
    );
  });
});

describe('the WGAN with gradient penalty', () => {
  it('trains by the paper’s optimizer, to the same weights with any number of threads', async () => {
    // Two steps, of five rounds of the critic and one of the generator.
    const sizes = ['--epochs', '1', '--limit', '96', '--batch', '8', '--shard-size', '4', '--seed', '3'];
    const optimizer = ['--learning-rate', '0.0001', '--beta1', '0', '--beta2', '0.9'];
    const runs = ['1', '2'].map((threads) => ({ threads, run: join(temporaryDirectory(), 'run') }));
    for (const { threads, run } of runs) {
      const command = ['--model', 'wgan-gp', ...sizes, ...optimizer, '--workers', '0', '--threads', threads];
      await gantryOk('train', ...command, '--run', run);
    }
    const [first, second] = runs.map(({ run }) => digestOf(run));
    expect(second).toBe(first);
    const metrics = readJsonLines<Record<string, number>>(runs[0]?.run ?? '', 'metrics.jsonl');
    expect(metrics).toHaveLength(2);
    for (const { discriminatorLoss, generatorLoss, distance, slope } of metrics) {
      expect([discriminatorLoss, generatorLoss, distance, slope].every(Number.isFinite)).toBe(true);
    }
  });
});
