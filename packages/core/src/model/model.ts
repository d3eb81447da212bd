import * as tf from '@tensorflow/tfjs-core';
// Plain JavaScript, so that variables can be made anywhere; engines choose where the mathematics runs.
import '@tensorflow/tfjs-backend-cpu';
import * as layers from '@tensorflow/tfjs-layers';
import { IMAGE_SIDE, NOISE_SIZE } from '../dimensions.ts';
import { variablesOf, type ModelVariable } from './network-layers.ts';

// Without it, tfjs advertises tfjs-node on the console.
tf.enableProdMode();

const LEAKY_RELU_SLOPE = 0.3;
const BATCH_NORM_MOMENTUM = 0.99;
const DROPOUT_RATE = 0.3;

export interface Models {
  /** noise [B,100] → images [B,28,28,1] in [−1, 1] */
  readonly generator: layers.Sequential;
  /** images [B,28,28,1] → logits [B,1] */
  readonly discriminator: layers.Sequential;
}

/**
 * The two networks of the Keras DCGAN tutorial (https://www.tensorflow.org/tutorials/generative/dcgan) with Keras'
 * defaults. Layer names give the parameter names of the manifest.
 */
export function createModels(): Models {
  const glorotUniform = { kernelInitializer: 'glorotUniform' } as const; // tfjs's own default is another
  const leakyRelu = () => layers.layers.leakyReLU({ alpha: LEAKY_RELU_SLOPE });
  const batchNorm = (name: string) =>
    layers.layers.batchNormalization({ name, momentum: BATCH_NORM_MOMENTUM, epsilon: 1e-3 });
  const convTranspose = (name: string, filters: number, strides: number, activation: 'linear' | 'tanh' = 'linear') =>
    layers.layers.conv2dTranspose({
      ...glorotUniform,
      name,
      filters,
      kernelSize: 5,
      strides,
      padding: 'same',
      useBias: false,
      activation,
    });
  const conv = (name: string, filters: number, inputShape?: number[]) =>
    layers.layers.conv2d({
      ...glorotUniform,
      name,
      filters,
      kernelSize: 5,
      strides: 2,
      padding: 'same',
      ...(inputShape && { inputShape }),
    });
  const dropout = (name: string) => layers.layers.dropout({ name, rate: DROPOUT_RATE });

  const generator = layers.sequential({
    name: 'generator',
    layers: [
      layers.layers.dense({
        ...glorotUniform,
        name: 'dense',
        units: 7 * 7 * 256,
        useBias: false,
        inputShape: [NOISE_SIZE],
      }),
      batchNorm('bn0'),
      leakyRelu(),
      layers.layers.reshape({ targetShape: [7, 7, 256] }),
      convTranspose('convT1', 128, 1), // [7,7,128]
      batchNorm('bn1'),
      leakyRelu(),
      convTranspose('convT2', 64, 2), // [14,14,64]
      batchNorm('bn2'),
      leakyRelu(),
      convTranspose('convT3', 1, 2, 'tanh'), // [28,28,1]
    ],
  });

  const discriminator = layers.sequential({
    name: 'discriminator',
    layers: [
      conv('conv1', 64, [IMAGE_SIDE, IMAGE_SIDE, 1]), // [14,14,64]
      leakyRelu(),
      dropout('dropout1'),
      conv('conv2', 128), // [7,7,128]
      leakyRelu(),
      dropout('dropout2'),
      layers.layers.flatten(),
      layers.layers.dense({ ...glorotUniform, name: 'dense', units: 1 }),
    ],
  });
  return { generator, discriminator };
}

/** The trainable variables, the generator's first, in the order of the layers. */
export function trainableVariables({ generator, discriminator }: Models): ModelVariable[] {
  return [...variablesOf(generator, true), ...variablesOf(discriminator, true)];
}

/** Moving mean and moving variance of each batch normalization, in the order of the layers. */
export function movingStatisticVariables({ generator, discriminator }: Models): ModelVariable[] {
  return [...variablesOf(generator, false), ...variablesOf(discriminator, false)];
}

/** Frees the models' variables. */
export function disposeModels({ generator, discriminator }: Models): void {
  generator.dispose();
  discriminator.dispose();
}
