import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { newContribution } from '../training/contribution.ts';
import { disposeModels, type Models } from './model.ts';
import { manifestOf } from './describe-model.ts';
import { applyInTraining } from './network-layers.ts';
import { shardInputs, stepInputSpecs } from './batch-inputs.ts';
import { applyStep, initialState } from '../training/training-state.ts';
import { trainingStep } from './training-step.ts';
import { viewOf } from './manifest.ts';

const SAMPLES = 4;
const { batchNormalization, dense, dropout, flatten, gaussianNoise, reshape } = layers.layers;

interface Extra {
  /** Layers before the last one. */
  readonly generator?: readonly layers.layers.Layer[];
  readonly discriminator?: readonly layers.layers.Layer[];
  /** How the generator's first kernel begins. */
  readonly initializer?: ReturnType<typeof layers.initializers.zeros> | 'heNormal' | 'glorotUniform';
}

/** Two small networks on images of 4×4: 6 numbers of noise, hidden layers of 8 and 5. */
function smallModels({ generator = [], discriminator = [], initializer = 'glorotUniform' }: Extra = {}): Models {
  return {
    generator: layers.sequential({
      name: 'generator',
      layers: [
        dense({ name: 'first', units: 8, inputShape: [6], kernelInitializer: initializer }),
        ...generator,
        dense({ name: 'last', units: 16, activation: 'tanh' }),
        reshape({ name: 'image', targetShape: [4, 4, 1] }),
      ],
    }),
    discriminator: layers.sequential({
      name: 'discriminator',
      layers: [
        flatten({ name: 'flat', inputShape: [4, 4, 1] }),
        dense({ name: 'first', units: 5, activation: 'relu' }),
        ...discriminator,
        dense({ name: 'last', units: 1 }),
      ],
    }),
  };
}

/** The outputs of a training step with weights and inputs drawn from seed 3. */
function outputsOf(models: Models): Record<string, Float32Array> {
  const manifest = manifestOf(models);
  const images = Uint8Array.from({ length: SAMPLES * 16 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  const { tensors } = shardInputs({ step: 0, index: 0, first: 0, samples: SAMPLES, images }, manifest, 3);
  const outputs = tf.tidy(() => {
    const specs = Object.entries(stepInputSpecs(manifest, SAMPLES));
    const inputs = specs.map(([name, { shape, dtype }]) => {
      return [name, tf.tensor(tensors[name] as Float32Array, shape, dtype)] as const;
    });
    return trainingStep(models, Object.fromEntries(inputs));
  });
  const values = Object.entries(outputs).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array] as const);
  tf.dispose(outputs);
  disposeModels(models);
  return Object.fromEntries(values);
}

function refusalOf(extra: Extra): unknown {
  const models = smallModels(extra);
  try {
    manifestOf(models);
  } catch (error) {
    return error;
  } finally {
    disposeModels(models);
  }
  return undefined;
}

describe('dropout', () => {
  it('has a mask in either network, with the rate and the shape of its layer', () => {
    const models = smallModels({
      generator: [dropout({ name: 'g', rate: 0.5 })],
      discriminator: [
        dropout({ name: 'a', rate: 0.1 }),
        dropout({ name: 'b', rate: 0.2 }),
        dropout({ name: 'c', rate: 0.4 }),
      ],
    });
    const masks = manifestOf(models).inputs.filter(({ from }) => from === 'keepMask');
    disposeModels(models);
    expect(masks).toMatchObject([
      { name: 'discriminator/a/mask', shape: [5], rate: 0.1, streams: [3, 4] },
      { name: 'discriminator/b/mask', shape: [5], rate: 0.2, streams: [5, 6] },
      { name: 'discriminator/c/mask', shape: [5], rate: 0.4, streams: [8, 9] },
      { name: 'generator/g/mask', shape: [8], rate: 0.5, streams: [10] },
    ]);
  });

  it('is never silently the identity, however many there are', () => {
    const of = (count: number) => {
      const many = Array.from({ length: count }, (_, i) => dropout({ name: `d${i}`, rate: 0.5 }));
      return outputsOf(smallModels({ discriminator: many }));
    };
    const losses = [0, 1, 2, 3, 4].map((count) => of(count)['discriminatorLoss']?.[0]);
    expect(new Set(losses).size).toBe(5);
    const [without, withDropout] = [[], [dropout({ name: 'd', rate: 0.5 })]].map((generator) =>
      outputsOf(smallModels({ generator })),
    );
    expect(withDropout?.['fakes']).not.toEqual(without?.['fakes']);
  });

  it('drops at the rate of its layer, and scales what it keeps by it', () => {
    const models = smallModels({ generator: [dropout({ name: 'd', rate: 0.75 })] });
    const work = { step: 0, index: 0, first: 0, samples: 1000, images: new Uint8Array(16_000) };
    const mask = shardInputs(work, manifestOf(models), 3).tensors['generator/d/mask'] as Uint8Array;
    disposeModels(models);
    const kept = mask.reduce((sum, keep) => sum + keep, 0) / mask.length;
    expect(Math.abs(kept - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / mask.length));

    const network = layers.sequential({ name: 'n', layers: [dropout({ name: 'd', rate: 0.75, inputShape: [3] })] });
    const [x, all] = [tf.tensor2d([[1, -2, 3]]), tf.tensor2d([[1, 0, 1]], undefined, 'bool')];
    const { output } = applyInTraining(network, x, { 'n/d/mask': all });
    expect([...output.dataSync()]).toEqual([4, -0, 12]);
    tf.dispose([x, all, output]);
  });
});

describe('initial weights', () => {
  it.each([
    ['zeros', layers.initializers.zeros(), { kind: 'constant', value: 0 }],
    ['ones', layers.initializers.ones(), { kind: 'constant', value: 1 }],
    ['constant', layers.initializers.constant({ value: 0.25 }), { kind: 'constant', value: 0.25 }],
    ['uniform', layers.initializers.randomUniform({ minval: 1, maxval: 3 }), { kind: 'uniform', center: 2, limit: 1 }],
    ['normal', layers.initializers.randomNormal({ mean: 1, stddev: 2 }), { kind: 'normal', mean: 1, deviation: 2 }],
    [
      'truncated normal',
      layers.initializers.truncatedNormal({ mean: 0, stddev: 2 }),
      { truncated: true, deviation: 2 },
    ],
    ['Glorot uniform', 'glorotUniform', { kind: 'uniform', center: 0, limit: Math.sqrt(6 / 14) }],
    ['He normal', 'heNormal', { kind: 'normal', truncated: true, deviation: Math.sqrt(2 / 6) }],
  ] as const)('are those that the layer asks for: %s', (_, initializer, expected) => {
    const models = smallModels({ initializer });
    const manifest = manifestOf(models);
    disposeModels(models);
    const [kernel] = manifest.trainable;
    expect(kernel?.initializer).toMatchObject(expected);
    const state = initialState(manifest, 3);
    const values = viewOf(state.weights, kernel ?? { offset: 0, size: 0 });
    const drawn = kernel?.initializer;
    if (drawn?.kind === 'constant') expect(new Set(values)).toEqual(new Set([drawn.value]));
    if (drawn?.kind === 'uniform') {
      expect(values.every((x) => Math.abs(x - drawn.center) <= drawn.limit)).toBe(true);
      expect(new Set(values).size).toBe(values.length);
    }
    if (drawn?.kind === 'normal') {
      const far = values.filter((x) => Math.abs(x - drawn.mean) > 2 * drawn.deviation);
      if (drawn.truncated) expect(far).toHaveLength(0);
      expect(new Set(values).size).toBe(values.length);
    }
  });

  it('draw a truncated normal again until nothing lies beyond two deviations', () => {
    const models = smallModels({ generator: [dense({ name: 'wide', units: 50_000, kernelInitializer: 'heNormal' })] });
    const manifest = manifestOf(models);
    disposeModels(models);
    const wide = manifest.trainable.find(({ name }) => name === 'generator/wide/kernel') ?? { offset: 0, size: 0 };
    const values = viewOf(initialState(manifest, 3).weights, wide).map((x) => x / Math.sqrt(2 / 8));
    expect(values.every((x) => Math.abs(x) <= 2.000001)).toBe(true);
    const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    // Of a standard normal that is cut off at ±2.
    expect(variance).toBeCloseTo(0.7737, 2);
  });
});

describe('batch normalization', () => {
  it('moves its statistics by the momentum of its layer', () => {
    const models = smallModels({
      generator: [
        batchNormalization({ name: 'slow', momentum: 0.9 }),
        batchNormalization({ name: 'fast', momentum: 0.5 }),
      ],
    });
    const manifest = manifestOf(models);
    disposeModels(models);
    expect(manifest.movingStatistics.map(({ name, momentum }) => [name, momentum])).toEqual([
      ['generator/slow/moving_mean', 0.9],
      ['generator/slow/moving_variance', 0.9],
      ['generator/fast/moving_mean', 0.5],
      ['generator/fast/moving_variance', 0.5],
    ]);
    const state = initialState(manifest, 3);
    const root = newContribution(manifest);
    root.fill(3, manifest.trainableSize);
    root[root.length - 1] = 1;
    applyStep(state, root, manifest);
    const [mean, variance] = manifest.movingStatistics.slice(2).map((each) => viewOf(state.movingStatistics, each)[0]);
    expect([mean, variance]).toEqual([1.5, 2]);
  });
});

describe('a network is refused, by its layer, for', () => {
  it.each<[string, Extra, RegExp]>([
    [
      'a layer that differs in training',
      { generator: [gaussianNoise({ name: 'x', stddev: 1 })] },
      /layer generator\/x \(GaussianNoise\): .*not supported/,
    ],
    [
      'batch normalization where it couples samples',
      { discriminator: [batchNormalization({ name: 'x' })] },
      /layer discriminator\/x \(BatchNormalization\): .*couple/,
    ],
    [
      'batch normalization without scale',
      { generator: [batchNormalization({ name: 'x', scale: false })] },
      /generator\/x .*center and scale/,
    ],
    [
      'an axis in the middle',
      { generator: [reshape({ targetShape: [2, 4] }), batchNormalization({ name: 'x', axis: 1 }), flatten()] },
      /generator\/x .*axis/,
    ],
    [
      'a regularizer',
      { generator: [dense({ name: 'x', units: 3, kernelRegularizer: 'l1l2' })] },
      /generator\/x \(Dense\): a kernelRegularizer/,
    ],
    [
      'a constraint',
      { generator: [dense({ name: 'x', units: 3, kernelConstraint: 'nonNeg' })] },
      /generator\/x \(Dense\): a kernelConstraint/,
    ],
    [
      'an initializer that is not drawn',
      { generator: [dense({ name: 'x', units: 8, kernelInitializer: 'identity' })] },
      /generator\/x \(Dense\): the initializer Identity/,
    ],
    [
      'a frozen layer',
      { generator: [dense({ name: 'x', units: 3, trainable: false })] },
      /generator\/x \(Dense\): .*not trained/,
    ],
    ['two layers of one name', { generator: [dense({ name: 'first', units: 3 })] }, /generator\/first .*same name/],
  ])('%s', (_, extra, message) => {
    expect(refusalOf(extra)).toMatchObject({ code: 'E_CONFIG', message: expect.stringMatching(message) });
  });

  it('nothing, if it is small', () => {
    expect(refusalOf({})).toBeUndefined();
  });
});
