import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIMIZERS } from '../optimizers/optimizer.ts';
import { Synchronous } from '../schemes/synchronous.ts';
import { newContribution } from '../training/contribution.ts';
import { initialState } from '../training/training-state.ts';
import { batchInputs, inputSpecs } from './batch-inputs.ts';
import { manifestOf } from './describe-model.ts';
import { phaseAt, viewOf } from './manifest.ts';
import { disposeModel, type Model, type NetworkInTraining, type Phase } from './model.ts';
import { applyInTraining } from './network-layers.ts';
import { runPhase } from './run-phase.ts';
import '../tfjs.ts';

const SAMPLES = 4;
const { batchNormalization, conv1d, conv2d, dense, dropout, flatten, gaussianNoise, reshape, separableConv2d } =
  layers.layers;

interface Extra {
  /** Layers before the last one. */
  readonly generator?: readonly layers.layers.Layer[];
  readonly discriminator?: readonly layers.layers.Layer[];
  /** How the generator's first kernel begins. */
  readonly initializer?: ReturnType<typeof layers.initializers.zeros> | 'heNormal' | 'glorotUniform';
}

/** Real and fake samples through the discriminator, one after the other; the loss is the sum of squares of its outputs. */
const PHASE: Phase = {
  name: 'step',
  updates: ['generator', 'discriminator'],
  batchesThrough: { discriminator: 2 },
  reports: [{ name: 'loss', chart: 'Loss', label: 'loss' }],
  gradients: (networks, inputs) => {
    const { generator, discriminator } = networks as Record<'generator' | 'discriminator', NetworkInTraining>;
    const { images, noise } = inputs as Record<'images' | 'noise', tf.Tensor>;
    const variables = [...generator.variables, ...discriminator.variables];
    const { value, grads } = tf.variableGrads(
      () =>
        tf.add(
          tf.sum(tf.square(discriminator.apply(images))),
          tf.sum(tf.square(discriminator.apply(generator.apply(noise)))),
        ),
      variables.map(({ variable }) => variable),
    );
    const gradients = variables.map(({ name, variable }) => [name, grads[variable.name] as tf.Tensor] as const);
    return { gradients: Object.fromEntries(gradients), sums: { loss: value } };
  },
};

/** Two small networks on images of 4×4: 6 numbers of noise, hidden layers of 8 and 5. */
function smallModel({ generator = [], discriminator = [], initializer = 'glorotUniform' }: Extra = {}): Model {
  return {
    name: 'small',
    networks: {
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
    },
    data: { images: [4, 4, 1] },
    draws: { noise: { from: 'normal', shape: [6] } },
    phases: [PHASE],
    preview: { draw: 'noise', network: 'generator' },
  };
}

/** The loss of a model whose weights are its initial ones of seed 3, on inputs drawn from it. */
function lossOf(model: Model): number {
  const manifest = manifestOf(model);
  const { weights } = initialState(manifest, 3);
  const images = Uint8Array.from({ length: SAMPLES * 16 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  const { tensors, phase } = batchInputs({ step: 0, iteration: 0, first: 0, samples: SAMPLES }, images, manifest, 3);
  const loss = tf.tidy(() => {
    const specs = Object.entries(inputSpecs(phase, SAMPLES));
    const inputs = specs.map(([name, { shape, dtype }]) => {
      return [name, tf.tensor(tensors[name] as Float32Array, shape, dtype)] as const;
    });
    const variables = Object.values(model.networks).flatMap((network) => network.trainableWeights);
    variables.forEach((each, i) => {
      const parameter = manifest.trainable[i] ?? { shape: [], offset: 0, size: 0 };
      each.write(tf.tensor(viewOf(weights, parameter), [...parameter.shape]));
    });
    return runPhase(model, PHASE, Object.fromEntries(inputs))['loss']?.dataSync()[0];
  });
  disposeModel(model);
  return loss ?? NaN;
}

function refusalOf(extra: Extra): unknown {
  const model = smallModel(extra);
  try {
    manifestOf(model);
  } catch (error) {
    return error;
  } finally {
    disposeModel(model);
  }
  return undefined;
}

describe('dropout', () => {
  it('has a mask in either network, with the rate and the shape of its layer', () => {
    const model = smallModel({
      generator: [dropout({ name: 'g', rate: 0.5 })],
      discriminator: [
        dropout({ name: 'a', rate: 0.1 }),
        dropout({ name: 'b', rate: 0.2 }),
        dropout({ name: 'c', rate: 0.4 }),
      ],
    });
    const masks = phaseAt(manifestOf(model), 0).inputs.filter(({ from }) => from === 'keepMask');
    disposeModel(model);
    expect(masks).toMatchObject([
      { name: 'discriminator/a/mask', shape: [5], rate: 0.1, streams: [3, 4] },
      { name: 'discriminator/b/mask', shape: [5], rate: 0.2, streams: [5, 6] },
      { name: 'discriminator/c/mask', shape: [5], rate: 0.4, streams: [8, 9] },
      { name: 'generator/g/mask', shape: [8], rate: 0.5, streams: [10] },
    ]);
  });

  it('is never silently the identity, however many there are', () => {
    const of = (count: number) => Array.from({ length: count }, (_, i) => dropout({ name: `d${i}`, rate: 0.5 }));
    const losses = [0, 1, 2, 3, 4].map((count) => lossOf(smallModel({ discriminator: of(count) })));
    expect(new Set(losses).size).toBe(5);
    const [without, withDropout] = [0, 1].map((count) => lossOf(smallModel({ generator: of(count) })));
    expect(without).toBe(losses[0]);
    expect(withDropout).not.toBe(without);
  });

  it('drops at the rate of its layer, and scales what it keeps by it', () => {
    const model = smallModel({ generator: [dropout({ name: 'd', rate: 0.75 })] });
    const batch = { step: 0, iteration: 0, first: 0, samples: 1000 };
    const { tensors } = batchInputs(batch, new Uint8Array(16_000), manifestOf(model), 3);
    const mask = tensors['generator/d/mask'] as Uint8Array;
    disposeModel(model);
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
    const model = smallModel({ initializer });
    const manifest = manifestOf(model);
    disposeModel(model);
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

  it('are those of both kernels of a separable convolution, with the fans of each', () => {
    const model = smallModel({
      discriminator: [
        reshape({ targetShape: [1, 5, 1] }),
        separableConv2d({
          name: 'x',
          filters: 6,
          kernelSize: [1, 3],
          depthMultiplier: 2,
          depthwiseInitializer: 'glorotUniform',
        }),
        flatten(),
      ],
    });
    const { trainable } = manifestOf(model);
    disposeModel(model);
    const of = (name: string) => trainable.find((each) => each.name === `discriminator/x/${name}`);
    // tfjs takes the depthwise initializer for the pointwise kernel, too.
    expect(of('depthwise_kernel')).toMatchObject({
      shape: [1, 3, 1, 2],
      initializer: { kind: 'uniform', limit: Math.sqrt(6 / (3 * 1 + 3 * 2)) },
    });
    expect(of('pointwise_kernel')).toMatchObject({
      shape: [1, 1, 2, 6],
      initializer: { kind: 'uniform', limit: Math.sqrt(6 / (2 + 6)) },
    });
    expect(of('bias')).toMatchObject({ shape: [6], initializer: { kind: 'constant', value: 0 } });
  });

  it('draw a truncated normal again until nothing lies beyond two deviations', () => {
    const model = smallModel({ generator: [dense({ name: 'wide', units: 50_000, kernelInitializer: 'heNormal' })] });
    const manifest = manifestOf(model);
    disposeModel(model);
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
    const model = smallModel({
      generator: [
        batchNormalization({ name: 'slow', momentum: 0.9 }),
        batchNormalization({ name: 'fast', momentum: 0.5 }),
      ],
    });
    const manifest = manifestOf(model);
    disposeModel(model);
    expect(manifest.movingStatistics.map(({ name, momentum }) => [name, momentum])).toEqual([
      ['generator/slow/moving_mean', 0.9],
      ['generator/slow/moving_variance', 0.9],
      ['generator/fast/moving_mean', 0.5],
      ['generator/fast/moving_variance', 0.5],
    ]);
    const state = initialState(manifest, 3);
    const root = newContribution(manifest, phaseAt(manifest, 0));
    root.fill(3, manifest.trainableSize);
    root[root.length - 1] = 1;
    new Synchronous({
      manifest,
      seed: 3,
      plan: { images: 2, epochs: 1, batch: 2, shardSize: 2 },
      samples: 2,
      optimizers: DEFAULT_OPTIMIZERS,
    }).apply(state, 0, root);
    const [mean, variance] = manifest.movingStatistics.slice(2).map((each) => viewOf(state.movingStatistics, each)[0]);
    expect([mean, variance]).toEqual([1.5, 2]);
  });
});

describe('a network is refused, by its layer, for', () => {
  it.each<[string, Extra, RegExp]>([
    [
      'a layer that differs in training',
      { generator: [gaussianNoise({ name: 'x', stddev: 1 })] },
      /layer generator\/x \(GaussianNoise\): .*not supported: use Dropout instead$/,
    ],
    [
      'a layer that there is in other frameworks',
      { generator: [reshape({ targetShape: [8, 1] }), conv1d({ name: 'x', filters: 3, kernelSize: 2 })] },
      /layer generator\/x \(Conv1D\): .*not supported: use Conv2D on maps of height 1 instead$/,
    ],
    [
      'an activation that is not compiled',
      { generator: [dense({ name: 'x', units: 3, activation: 'gelu' })] },
      /layer generator\/x \(Dense\): the activation gelu is not supported: use gelu_new instead$/,
    ],
    [
      'a convolution that tfjs does not differentiate',
      {
        generator: [
          reshape({ targetShape: [2, 4, 1] }),
          conv2d({ name: 'x', filters: 1, kernelSize: 2, dilationRate: 2 }),
        ],
      },
      /layer generator\/x \(Conv2D\): a dilationRate is not supported: use a larger kernelSize, or strides, instead$/,
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
