import * as tf from '@tensorflow/tfjs-core';
import type * as layers from '@tensorflow/tfjs-layers';
import { normalizeBatch } from '../numerics/batch-norm.ts';
import { GantryError } from '../errors.ts';
import type { Initializer } from './manifest.ts';
import { whyUnsupported } from './supported-layers.ts';

type Layer = layers.layers.Layer;
type Config = Readonly<Record<string, unknown>>;

/** A weight of a network: its manifest name, e.g. `generator/bn0/gamma`, and the tfjs variable that holds it. */
export interface ModelVariable {
  readonly name: string;
  readonly variable: tf.Variable;
  /** As the layer asks for it. */
  readonly initializer: Initializer;
  /** Of a moving statistic: what each step keeps of the old value. */
  readonly momentum?: number;
}

/** A dropout layer of a network: the name of the input that holds its mask. */
export interface DropoutLayer {
  readonly mask: string;
  /** Of one sample. */
  readonly shape: readonly number[];
  readonly rate: number;
}

function unsupported(network: layers.Sequential, layer: Layer, problem: string): GantryError {
  return new GantryError('E_CONFIG', `layer ${network.name}/${layer.name} (${layer.getClassName()}): ${problem}`);
}

/**
 * Makes sure that everything a network's layers ask for is done in training, too.
 * @throws GantryError E_CONFIG that names the layer
 */
export function requireSupported(network: layers.Sequential): void {
  const names = new Set<string>();
  for (const layer of network.layers) {
    const fail = (problem: string) => unsupported(network, layer, problem);
    const config = layer.getConfig() as Config;
    if (names.has(layer.name)) throw fail('another layer has the same name');
    names.add(layer.name);
    const kind = layer.getClassName();
    const why = whyUnsupported(layer);
    if (why !== undefined) throw fail(why);
    if (!layer.trainable) throw fail('layers that are not trained are not supported');
    for (const [key, value] of Object.entries(config)) {
      const isAsked = value !== null && value !== undefined;
      if (/(Regularizer|Constraint)$/.test(key) && isAsked) throw fail(`a ${key} is not supported`);
    }
    if (kind === 'BatchNormalization') {
      const rank = layer.outputShape.length;
      if (config['axis'] !== -1 && config['axis'] !== rank - 1) throw fail('its axis has to be the last one');
      if (config['center'] !== true || config['scale'] !== true) throw fail('center and scale have to be on');
    }
    if (kind === 'Dropout') {
      const { rate, noiseShape } = config as { rate: number; noiseShape?: unknown };
      if (!(rate >= 0 && rate <= 0.99)) throw fail(`a rate of ${rate} is not between 0 and 0.99`);
      if (noiseShape !== null && noiseShape !== undefined) throw fail('a noiseShape is not supported');
    }
  }
}

/** The network's variables, in the order of the layers. @throws GantryError E_CONFIG for an initializer that is not supported */
export function variablesOf(network: layers.Sequential, trainable: boolean): ModelVariable[] {
  return network.layers.flatMap((layer) => {
    const config = layer.getConfig() as Config;
    return (trainable ? layer.trainableWeights : layer.nonTrainableWeights).map((weight) => {
      const variable = weight.read();
      if (!(variable instanceof tf.Variable)) throw new TypeError(`${weight.originalName} is not a variable`);
      const parameter = weight.originalName.slice(weight.originalName.lastIndexOf('/') + 1);
      return {
        name: `${network.name}/${layer.name}/${parameter}`,
        variable,
        initializer: initializerOf(initializerIn(config, parameter), variable.shape, (problem) =>
          unsupported(network, layer, problem),
        ),
        ...(!trainable && { momentum: config['momentum'] as number }),
      };
    });
  });
}

/** What a layer's configuration says of a weight, such as `moving_mean`; it leaves out the last part of `depthwise_kernel`. */
function initializerIn(config: Config, parameter: string): unknown {
  const camelCase = parameter.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return config[`${camelCase}Initializer`] ?? config[`${camelCase.replace(/Kernel$/, '')}Initializer`];
}

/** The network's dropout layers, in order. */
export function dropoutsOf(network: layers.Sequential): DropoutLayer[] {
  return network.layers
    .filter((layer) => layer.getClassName() === 'Dropout')
    .map((layer) => ({
      mask: maskName(network, layer),
      shape: layer.outputShape.slice(1) as number[],
      rate: (layer.getConfig() as { rate: number }).rate,
    }));
}

function maskName(network: layers.Sequential, layer: Layer): string {
  return `${network.name}/${layer.name}/mask`;
}

/**
 * Applies a network in training mode: batch normalization by the batch's own statistics, dropout by given masks.
 * @param x [B,...]
 * @param masks by the names that `dropoutsOf` tells, bool [B,...]
 * @returns the output, and by the names of the moving statistics the means and biased variances that update them; the caller
 *   disposes these
 */
export function applyInTraining(
  network: layers.Sequential,
  x: tf.Tensor,
  masks: Readonly<Record<string, tf.Tensor>>,
): { readonly output: tf.Tensor; readonly statistics: Record<string, tf.Tensor> } {
  const statistics: Record<string, tf.Tensor> = {};
  let output = x;
  for (const layer of network.layers) {
    const config = layer.getConfig() as Config;
    switch (layer.getClassName()) {
      case 'BatchNormalization': {
        const [gamma, beta] = layer.trainableWeights.map((weight) => weight.read()) as [tf.Tensor, tf.Tensor];
        const normalized = normalizeBatch(output, gamma, beta, config['epsilon'] as number);
        output = normalized.y;
        statistics[`${network.name}/${layer.name}/moving_mean`] = normalized.mean;
        statistics[`${network.name}/${layer.name}/moving_variance`] = normalized.variance;
        break;
      }
      case 'Dropout': {
        const mask = masks[maskName(network, layer)];
        if (!mask) throw unsupported(network, layer, 'it has no mask');
        output = tf.mul(output, tf.mul(tf.cast(mask, 'float32'), 1 / (1 - (config['rate'] as number))));
        break;
      }
      default:
        output = layer.apply(output) as tf.Tensor;
    }
  }
  return { output, statistics };
}

/** How tfjs writes an initializer down. */
interface SerializedInitializer {
  readonly className: string;
  readonly config: Config;
}

function initializerOf(
  serialized: unknown,
  shape: readonly number[],
  fail: (problem: string) => GantryError,
): Initializer {
  const { className, config } = serialized as SerializedInitializer;
  const number = (key: string) => config[key] as number;
  switch (className) {
    case 'Zeros':
      return { kind: 'constant', value: 0 };
    case 'Ones':
      return { kind: 'constant', value: 1 };
    case 'Constant':
      return { kind: 'constant', value: number('value') };
    case 'RandomUniform': {
      const [low, high] = [number('minval'), number('maxval')];
      return { kind: 'uniform', center: (low + high) / 2, limit: (high - low) / 2 };
    }
    case 'RandomNormal':
    case 'TruncatedNormal':
      return {
        kind: 'normal',
        mean: number('mean'),
        deviation: number('stddev'),
        truncated: className === 'TruncatedNormal',
      };
    case 'VarianceScaling':
      return varianceScaling(config, shape);
    default:
      throw fail(`the initializer ${className} is not supported`);
  }
}

/** Glorot and Bengio (2010), He et al. (2015) and their kind: the variance is `scale` over the number of inputs, outputs or their mean. */
function varianceScaling(config: Config, shape: readonly number[]): Initializer {
  const window = shape.slice(0, -2).reduce((product, side) => product * side, 1);
  const [a = 1, b = 1] = shape.slice(-2);
  const fans = { fanIn: window * a, fanOut: window * b, fanAvg: (window * (a + b)) / 2 };
  const fan = Math.max(1, fans[config['mode'] as keyof typeof fans]);
  const scale = config['scale'] as number;
  if (config['distribution'] === 'uniform') {
    return { kind: 'uniform', center: 0, limit: Math.sqrt((3 * scale) / fan) };
  }
  return { kind: 'normal', mean: 0, deviation: Math.sqrt(scale / fan), truncated: true };
}
