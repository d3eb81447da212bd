import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { applyInTraining, variablesOf, type Network } from '@gantry/core/tfjs';
import { onEveryEngine, type Numbers } from './support/compiled-function.ts';
import { valuesOf, type Values } from './support/float64-maps.ts';
import { applyInFloat64, type Weights } from './support/float64-network.ts';

const {
  activation,
  averagePooling2d,
  batchNormalization,
  conv2d,
  conv2dTranspose,
  cropping2D,
  dense,
  depthwiseConv2d,
  elu,
  embedding,
  flatten,
  globalAveragePooling2d,
  globalMaxPooling2d,
  layerNormalization,
  leakyReLU,
  maxPooling2d,
  permute,
  prelu,
  reLU,
  repeatVector,
  reshape,
  separableConv2d,
  softmax,
  thresholdedReLU,
  upSampling2d,
  zeroPadding2d,
} = layers.layers;

type Layers = readonly layers.layers.Layer[];

const MAPS = { inputShape: [5, 4, 2] };
const ROW = { inputShape: [6] };

/** Layers that a network may have, each between others that are smooth and couple what it computes. */
const LAYERS: Readonly<Record<string, () => Layers>> = {
  dense: () => [dense({ units: 4, ...ROW }), dense({ units: 3, activation: 'tanh' })],
  convolution: () => [conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: 'same', ...MAPS })],
  'convolution of many channels': () => [conv2d({ filters: 9, kernelSize: 3, padding: 'same', inputShape: [4, 4, 8] })],
  'transposed convolution': () => [
    conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: 'same', ...MAPS }),
  ],
  'convolutions, one after the other': () => [
    conv2d({ filters: 3, kernelSize: 3, padding: 'same', ...MAPS }),
    leakyReLU({ alpha: 0.2 }),
    conv2dTranspose({ filters: 2, kernelSize: 4, strides: 2, padding: 'valid' }),
    activation({ activation: 'tanh' }),
    flatten(),
    dense({ units: 2 }),
  ],
  'leaky ReLU': () => [dense({ units: 4, ...ROW }), leakyReLU({ alpha: 0.3 }), dense({ units: 2 })],
  ReLU: () => [dense({ units: 4, ...ROW }), reLU(), dense({ units: 2 })],
  PReLU: () => [
    dense({ units: 4, ...ROW }),
    prelu({ alphaInitializer: layers.initializers.constant({ value: 0.3 }) }),
    dense({ units: 2 }),
  ],
  ELU: () => [dense({ units: 4, ...ROW }), elu(), dense({ units: 2 })],
  'thresholded ReLU': () => [dense({ units: 4, ...ROW }), thresholdedReLU({ theta: 0.2 }), dense({ units: 2 })],
  softmax: () => [dense({ units: 4, ...ROW }), softmax({}), dense({ units: 2 })],
  'batch normalization': () => [
    conv2d({ filters: 3, kernelSize: 2, useBias: false, ...MAPS }),
    batchNormalization({ epsilon: 1e-2 }),
    activation({ activation: 'tanh' }),
  ],
  'layer normalization of rows': () => [dense({ units: 4, ...ROW }), layerNormalization(), dense({ units: 2 })],
  'layer normalization of maps': () => [
    conv2d({ filters: 3, kernelSize: 2, ...MAPS }),
    layerNormalization({ epsilon: 1e-2 }),
    activation({ activation: 'tanh' }),
  ],
  'average pooling': () => [
    conv2d({ filters: 2, kernelSize: 2, ...MAPS }),
    averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' }),
  ],
  'max pooling': () => [conv2d({ filters: 2, kernelSize: 2, ...MAPS }), maxPooling2d({ poolSize: 2, padding: 'same' })],
  'global average pooling': () => [conv2d({ filters: 3, kernelSize: 2, ...MAPS }), globalAveragePooling2d({})],
  'global max pooling': () => [conv2d({ filters: 3, kernelSize: 2, ...MAPS }), globalMaxPooling2d({})],
  'nearest upsampling': () => [upSampling2d({ size: [2, 3], ...MAPS }), conv2d({ filters: 2, kernelSize: 3 })],
  'bilinear upsampling': () => [
    upSampling2d({ size: [2, 3], interpolation: 'bilinear', ...MAPS }),
    conv2d({ filters: 2, kernelSize: 3 }),
  ],
  'depthwise convolution': () => [
    depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same', ...MAPS }),
  ],
  'separable convolution': () => [
    separableConv2d({ filters: 3, kernelSize: 3, depthMultiplier: 2, padding: 'same', ...MAPS }),
  ],
  'cropping and padding': () => [
    cropping2D({
      cropping: [
        [1, 0],
        [0, 1],
      ],
      ...MAPS,
    }),
    conv2d({ filters: 2, kernelSize: 2 }),
    zeroPadding2d({
      padding: [
        [0, 2],
        [1, 0],
      ],
    }),
    conv2d({ filters: 2, kernelSize: 2 }),
  ],
  'permuted axes': () => [permute({ dims: [3, 1, 2], ...MAPS }), conv2d({ filters: 2, kernelSize: 2 })],
  'repeated rows': () => [
    dense({ units: 4, ...ROW }),
    repeatVector({ n: 3 }),
    flatten(),
    dense({ units: 2, activation: 'tanh' }),
  ],
  reshape: () => [
    dense({ units: 8, ...ROW }),
    reshape({ targetShape: [2, 2, 2] }),
    conv2d({ filters: 2, kernelSize: 2 }),
  ],
  ...Object.fromEntries(
    (
      [
        'elu',
        'gelu_new',
        'hardSigmoid',
        'linear',
        'mish',
        'relu',
        'relu6',
        'selu',
        'sigmoid',
        'softmax',
        'softplus',
        'softsign',
        'swish',
        'tanh',
      ] as const
    ).map((name) => [
      `the activation ${name}`,
      (): Layers => [dense({ units: 4, activation: name, ...ROW }), dense({ units: 2 })],
    ]),
  ),
};

/** Layers that take whole numbers: there is no derivative with respect to them. */
const OF_INDICES: Readonly<Record<string, () => Layers>> = {
  embedding: () => [
    embedding({ inputDim: 4, outputDim: 3, inputLength: 2 }),
    flatten(),
    dense({ units: 2, activation: 'tanh' }),
  ],
};

const SAMPLES = 2;

/** Numbers between −1 and 1, the same in every run. */
function numbers(shape: readonly number[], seed: number): Numbers {
  let state = seed;
  const data = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return { shape, data };
}

const inFloat64 = ({ shape, data }: Numbers): Values => valuesOf(shape, data);

/** The largest difference, relative to the largest expected number. */
function relativeError(actual: ArrayLike<number>, expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs));
  const errors = expected.map((value, i) => Math.abs((actual[i] ?? NaN) - value));
  return Math.max(...errors) / Math.max(largest, 1e-3);
}

/** A network with what its derivatives are taken of: the sum of u · y². */
class Subject {
  readonly network: Network;
  readonly variables: Readonly<Record<string, tf.Variable>>;
  readonly inputs: Readonly<Record<'x' | 'u' | 'v', Numbers>>;
  readonly #isIndexed: boolean;

  constructor(layersOf: () => Layers, isIndexed = false) {
    this.#isIndexed = isIndexed;
    this.network = layers.sequential({ name: 'net', layers: [...layersOf()] });
    const variables = variablesOf(this.network, true);
    this.variables = Object.fromEntries(variables.map(({ name, variable }) => [name, variable]));
    variables.forEach(({ name, variable }, i) => {
      const { data } = numbers(variable.shape, i + 1);
      if (/alpha|gamma/.test(name)) data.forEach((value, j) => (data[j] = 0.5 + value / 4));
      tf.tidy(() => variable.assign(tf.tensor(data, variable.shape)));
    });
    const [inputShape, outputShape] = [this.network.inputs[0]?.shape ?? [], this.network.outputShape as number[]];
    const x = [SAMPLES, ...(inputShape.slice(1) as number[])];
    const indices = { shape: x, data: Float32Array.of(3, 0, 2, 3) };
    this.inputs = {
      x: isIndexed ? indices : numbers(x, 7),
      v: numbers(x, 8),
      u: numbers([SAMPLES, ...outputShape.slice(1)], 9),
    };
  }

  /** Compiled: the sum, its gradients, and those of the derivative of the sum along v. */
  derivatives() {
    const names = Object.keys(this.variables);
    const sum = (x: tf.Tensor, u: tf.Tensor) =>
      tf.sum(tf.mul(u, tf.square(applyInTraining(this.network, x, {}).output)));
    const gradients = (of: () => tf.Tensor, prefix: string) => {
      const { grads } = tf.variableGrads(() => of() as tf.Scalar, Object.values(this.variables));
      // What a derivative does not depend on, tfjs gives none of.
      return Object.fromEntries(
        names.map((name) => {
          const variable = this.variables[name] as tf.Variable;
          return [`${prefix}/${name}`, grads[variable.name] ?? tf.zeros(variable.shape)];
        }),
      );
    };
    return onEveryEngine(
      (inputs) => {
        const { x, u, v } = inputs as Record<'x' | 'u' | 'v', tf.Tensor>;
        const along = () => tf.sum(tf.mul(v, tf.grad((at: tf.Tensor) => sum(at, u))(x)));
        if (this.#isIndexed) return { sum: sum(x, u), ...gradients(() => sum(x, u), 'first') };
        return {
          sum: sum(x, u),
          'first/x': tf.grad((at: tf.Tensor) => sum(at, u))(x),
          ...gradients(() => sum(x, u), 'first'),
          ...gradients(along, 'second'),
        };
      },
      this.inputs,
      this.variables,
    );
  }

  /** The same by differences, in double precision. */
  expected(): Record<string, readonly number[]> {
    const u = inFloat64(this.inputs.u);
    const weights: Weights = Object.fromEntries(
      Object.entries(this.variables).map(([name, variable]) => [name, valuesOf(variable.shape, variable.dataSync())]),
    );
    const x = inFloat64(this.inputs.x);
    const v = inFloat64(this.inputs.v);
    const sum = () =>
      applyInFloat64(this.network, weights, x).data.reduce((total, y, i) => total + (u.data[i] ?? NaN) * y * y, 0);
    const difference = (move: (by: number) => void, of: () => number, step: number): number => {
      move(step);
      const above = of();
      move(-2 * step);
      const below = of();
      move(step);
      return (above - below) / (2 * step);
    };
    const each = ({ data }: Values, of: () => number, step: number) =>
      Array.from(data, (_, i) => difference((by) => (data[i] = (data[i] ?? NaN) + by), of, step));
    const moveX = (by: number) => x.data.forEach((value, i) => (x.data[i] = value + by * (v.data[i] ?? NaN)));
    const along = () => difference(moveX, sum, SECOND_STEP);
    const weightDerivatives = (prefix: string, of: () => number, step: number) =>
      Object.fromEntries(
        Object.entries(weights).map(([name, values]) => [`${prefix}/${name}`, each(values, of, step)]),
      );
    const first = { sum: [sum()], ...weightDerivatives('first', sum, FIRST_STEP) };
    if (this.#isIndexed) return first;
    return { ...first, 'first/x': each(x, sum, FIRST_STEP), ...weightDerivatives('second', along, SECOND_STEP) };
  }
}

/** The error of a difference is that of its third derivative times the square of the step, and that of rounding over the step. */
const FIRST_STEP = 1e-5;
const SECOND_STEP = 1e-4;
/** Float32's own errors are below both. */
const BOUNDS = { sum: 1e-5, first: 1e-5, second: 1e-4 } as const;

async function expectDerivatives(subject: Subject): Promise<void> {
  const expected = subject.expected();
  for (const [engine, results] of Object.entries(await subject.derivatives())) {
    expect(Object.keys(results).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const [output, values] of Object.entries(expected)) {
      const bound = BOUNDS[output.split('/')[0] as keyof typeof BOUNDS];
      expect(relativeError(results[output] ?? [], values), `${output}, ${engine}`).toBeLessThan(bound);
    }
  }
  subject.network.dispose();
}

describe('a layer has the derivatives of its function', () => {
  it.each(Object.entries(LAYERS))('first and second: %s', async (_, layersOf) => {
    await expectDerivatives(new Subject(layersOf));
  });

  it.each(Object.entries(OF_INDICES))('first: %s', async (_, layersOf) => {
    await expectDerivatives(new Subject(layersOf, true));
  });
});
