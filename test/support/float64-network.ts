/**
 * tf.layers networks in double precision, plainly written down: what compiled derivatives are held against, by finite
 * differences. Forward and in training mode only, without dropout.
 */
import type { Network } from '@gantry/core/tfjs';
import {
  batchNormalized,
  byRow,
  type Config,
  convolved,
  dense,
  depthwise,
  get,
  type Map4,
  mapped,
  normalized,
  overMap,
  permuted,
  pooled,
  repeated,
  shifted,
  transposed,
  upsampled,
  type Values,
  valuesOf,
  type Widths,
  withBias,
} from './float64-maps.ts';

type Layer = Network['layers'][number];

/** Weights by their manifest names, row-major. */
export type Weights = Readonly<Record<string, Values>>;

const softmax = (row: Float64Array): Float64Array => {
  const largest = Math.max(...row);
  const powers = row.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
};

const SELU = { scale: 1.0507009873554805, alpha: 1.6732632423543772 };
const elu = (x: number) => (x >= 0 ? x : Math.expm1(x));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0);

const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  elu,
  gelu_new: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  hardSigmoid: (x) => Math.min(1, Math.max(0, 0.2 * x + 0.5)),
  linear: (x) => x,
  mish: (x) => x * Math.tanh(softplus(x)),
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  selu: (x) => SELU.scale * (x >= 0 ? x : SELU.alpha * Math.expm1(x)),
  sigmoid,
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  swish: (x) => x * sigmoid(x),
  tanh: Math.tanh,
};

function activated(x: Values, name: string): Values {
  if (name === 'softmax') return byRow(x, softmax);
  const fn = ACTIVATIONS[name];
  if (!fn) throw new Error(`no activation ${name}`);
  return mapped(x, fn);
}

const alongSample = (x: Values, alpha: Values, fn: (x: number, alpha: number) => number): Values =>
  mapped(x, (value, i) => fn(value, get(alpha.data, i % alpha.data.length)));

/** What a layer computes before its activation. */
function linear(layer: Layer, x: Values, weight: (name: string) => Values, config: Config): Values {
  const bias = config['useBias'] === true ? weight('bias') : undefined;
  const n = x.shape[0] ?? 0;
  const outputShape = [n, ...(layer.outputShape.slice(1) as number[])];
  switch (layer.getClassName()) {
    case 'Dense':
      return withBias(dense(x, weight('kernel')), bias);
    case 'Conv2D':
      return withBias(convolved(x, weight('kernel'), config), bias);
    case 'Conv2DTranspose':
      return withBias(transposed(x, weight('kernel'), config, outputShape as unknown as Map4), bias);
    case 'DepthwiseConv2D':
      return withBias(depthwise(x, weight('depthwise_kernel'), config), bias);
    case 'SeparableConv2D': {
      const thin = depthwise(x, weight('depthwise_kernel'), config);
      return withBias(convolved(thin, weight('pointwise_kernel'), { ...config, strides: [1, 1] }), bias);
    }
    case 'Activation':
      return x;
    case 'ELU':
      return mapped(x, elu);
    case 'ReLU':
      return mapped(x, (v) => Math.max(0, v));
    case 'LeakyReLU':
      return mapped(x, (v) => (v > 0 ? v : v * (config['alpha'] as number)));
    case 'PReLU':
      return alongSample(x, weight('alpha'), (v, alpha) => (v > 0 ? v : v * alpha));
    case 'ThresholdedReLU':
      return mapped(x, (v) => (v > (config['theta'] as number) ? v : 0));
    case 'Softmax':
      return byRow(x, softmax);
    case 'BatchNormalization':
      return batchNormalized(x, weight('gamma'), weight('beta'), config['epsilon'] as number);
    case 'LayerNormalization':
      return normalized(x, weight('gamma'), weight('beta'), config['epsilon'] as number);
    case 'AveragePooling2D':
    case 'MaxPooling2D':
      return pooled(x, config, layer.getClassName() === 'AveragePooling2D');
    case 'GlobalAveragePooling2D':
      return overMap(x, (all) => all.reduce((a, b) => a + b, 0) / all.length);
    case 'GlobalMaxPooling2D':
      return overMap(x, (all) => Math.max(...all));
    case 'UpSampling2D':
      return upsampled(x, config['size'] as [number, number], config['interpolation'] === 'nearest');
    case 'Embedding': {
      const table = weight('embeddings');
      const size = table.shape[1] ?? 0;
      const data = Array.from(x.data, (index) => [...table.data.subarray(index * size, (index + 1) * size)]);
      return valuesOf(outputShape, data.flat());
    }
    case 'Cropping2D':
      return shifted(x, outputShape, config['cropping'] as Widths, 1);
    case 'ZeroPadding2D':
      return shifted(x, outputShape, config['padding'] as unknown as Widths, -1);
    case 'Permute':
      return permuted(x, config['dims'] as number[], outputShape);
    case 'RepeatVector':
      return repeated(x, config['n'] as number, outputShape);
    case 'Flatten':
    case 'Reshape':
      return { shape: outputShape, data: x.data };
    default:
      throw new Error(`no layer ${layer.getClassName()}`);
  }
}

/** @param x [N, ...] @returns [N, ...] */
export function applyInFloat64(network: Network, weights: Weights, x: Values): Values {
  return network.layers.reduce((input, layer) => {
    const config = layer.getConfig() as unknown as Config;
    const weight = (name: string): Values => {
      const found = weights[`${network.name}/${layer.name}/${name}`];
      if (!found) throw new Error(`${layer.name} has no ${name}`);
      return found;
    };
    const y = linear(layer, input, weight, config);
    const { activation } = config;
    return typeof activation === 'string' ? activated(y, activation) : y;
  }, x);
}
