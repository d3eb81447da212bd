import * as layers from '@tensorflow/tfjs-layers';
import type { Model } from '@gantry/core/tfjs';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

const IMAGE_SHAPE = [28, 28, 1];
const NOISE_SIZE = 100;
const LEAKY_RELU_SLOPE = 0.3;
const BATCH_NORM_MOMENTUM = 0.99;
const DROPOUT_RATE = 0.3;

/**
 * The DCGAN of the Keras tutorial (https://www.tensorflow.org/tutorials/generative/dcgan) with Keras' defaults: noise [B,100] →
 * images [B,28,28,1] in [−1, 1], and images → logits [B,1].
 */
export function dcgan(): Model {
  return {
    name: 'dcgan',
    networks: { generator: generator(), discriminator: discriminator() },
    data: { images: IMAGE_SHAPE },
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] } },
    phases: [onePassStep(crossEntropy)],
    preview: { draw: 'noise', network: 'generator' },
  };
}

const glorotUniform = { kernelInitializer: 'glorotUniform' } as const; // tfjs's own default is another

const leakyRelu = () => layers.layers.leakyReLU({ alpha: LEAKY_RELU_SLOPE });

function generator(): layers.Sequential {
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
  return layers.sequential({
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
}

function discriminator(): layers.Sequential {
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
  return layers.sequential({
    name: 'discriminator',
    layers: [
      conv('conv1', 64, IMAGE_SHAPE), // [14,14,64]
      leakyRelu(),
      dropout('dropout1'),
      conv('conv2', 128), // [7,7,128]
      leakyRelu(),
      dropout('dropout2'),
      layers.layers.flatten(),
      layers.layers.dense({ ...glorotUniform, name: 'dense', units: 1 }),
    ],
  });
}
