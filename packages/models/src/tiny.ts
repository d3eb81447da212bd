import * as layers from '@tensorflow/tfjs-layers';
import type { Model } from '@gantry/core/tfjs';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

const IMAGE_SHAPE = [8, 8, 1];
const NOISE_SIZE = 8;

/**
 * A DCGAN of 443 parameters for images of 8×8, with every kind of layer that the large one has: for tests, and to try a cluster
 * out. noise [B,8] → images [B,8,8,1] in [−1, 1], and images → logits [B,1].
 */
export function tiny(): Model {
  return {
    name: 'tiny',
    networks: { generator: generator(), discriminator: discriminator() },
    data: { images: IMAGE_SHAPE },
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] } },
    phases: [onePassStep(crossEntropy)],
    preview: { draw: 'noise', network: 'generator' },
  };
}

const glorotUniform = { kernelInitializer: 'glorotUniform' } as const;

function generator(): layers.Sequential {
  return layers.sequential({
    name: 'generator',
    layers: [
      layers.layers.dense({
        ...glorotUniform,
        name: 'dense',
        units: 4 * 4 * 2,
        useBias: false,
        inputShape: [NOISE_SIZE],
      }),
      layers.layers.batchNormalization({ name: 'bn0', epsilon: 1e-3 }),
      layers.layers.leakyReLU({ alpha: 0.3 }),
      layers.layers.reshape({ targetShape: [4, 4, 2] }),
      layers.layers.conv2dTranspose({
        ...glorotUniform,
        name: 'convT1',
        filters: 1,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        useBias: false,
        activation: 'tanh',
      }), // [8,8,1]
    ],
  });
}

function discriminator(): layers.Sequential {
  return layers.sequential({
    name: 'discriminator',
    layers: [
      layers.layers.conv2d({
        ...glorotUniform,
        name: 'conv1',
        filters: 4,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        inputShape: IMAGE_SHAPE,
      }), // [4,4,4]
      layers.layers.leakyReLU({ alpha: 0.3 }),
      layers.layers.dropout({ name: 'dropout1', rate: 0.3 }),
      layers.layers.flatten(),
      layers.layers.dense({ ...glorotUniform, name: 'dense', units: 1 }),
    ],
  });
}
