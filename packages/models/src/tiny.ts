import * as layers from '@tensorflow/tfjs-layers';
import type { Model } from '@gantry/core/tfjs';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

const SIDE = 8;
const NOISE_SIZE = 8;

/**
 * A DCGAN of 443 parameters for images of 8×8, with every kind of layer that the large one has: for tests, and to try a cluster
 * out. noise [B,8] → images [B,8,8,1] in [−1, 1], and images → logits [B,1].
 */
export function tiny(): Model {
  return tinyOf('tiny', 1);
}

/** The same in colours, of 551 parameters: images are [B,8,8,3]. */
export function tinyRgb(): Model {
  return tinyOf('tiny-rgb', 3);
}

function tinyOf(name: string, channels: number): Model {
  return {
    name,
    networks: { generator: generator(channels), discriminator: discriminator(channels) },
    data: { images: [SIDE, SIDE, channels] },
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] } },
    phases: [onePassStep(crossEntropy)],
    preview: { draw: 'noise', network: 'generator' },
  };
}

const glorotUniform = { kernelInitializer: 'glorotUniform' } as const;

function generator(channels: number): layers.Sequential {
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
        filters: channels,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        useBias: false,
        activation: 'tanh',
      }), // [8,8,channels]
    ],
  });
}

function discriminator(channels: number): layers.Sequential {
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
        inputShape: [SIDE, SIDE, channels],
      }), // [4,4,4]
      layers.layers.leakyReLU({ alpha: 0.3 }),
      layers.layers.dropout({ name: 'dropout1', rate: 0.3 }),
      layers.layers.flatten(),
      layers.layers.dense({ ...glorotUniform, name: 'dense', units: 1 }),
    ],
  });
}
