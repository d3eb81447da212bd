import * as layers from '@tensorflow/tfjs-layers';
import type { Model } from '@gantry/core/tfjs';
import { batchNorm, conv, convTranspose, dropout, leakyRelu, logit, project } from './dcgan-layers.ts';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

export const IMAGE_SHAPE = [28, 28, 1];
export const NOISE_SIZE = 100;

/**
 * The DCGAN of the Keras tutorial (https://www.tensorflow.org/tutorials/generative/dcgan) with Keras' defaults: noise [B,100] →
 * images [B,28,28,1] in [−1, 1], and images → logits [B,1].
 */
export function dcgan(): Model {
  return {
    name: 'dcgan',
    networks: tutorialNetworks(),
    data: { images: IMAGE_SHAPE },
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] } },
    phases: [onePassStep(crossEntropy)],
    preview: { draw: 'noise', network: 'generator' },
  };
}

/**
 * The tutorial's networks.
 * @param classes how many numbers of a label stand beside the noise, and maps of it beside the channels of an image; 0: no labels
 */
export function tutorialNetworks(classes = 0): Model['networks'] {
  return { generator: generator(NOISE_SIZE + classes), discriminator: discriminator(1 + classes) };
}

function generator(inputs: number): layers.Sequential {
  return layers.sequential({
    name: 'generator',
    layers: [
      project(7 * 7 * 256, inputs),
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

function discriminator(channels: number): layers.Sequential {
  return layers.sequential({
    name: 'discriminator',
    layers: [
      conv('conv1', 64, [28, 28, channels]), // [14,14,64]
      leakyRelu(),
      dropout('dropout1'),
      conv('conv2', 128), // [7,7,128]
      leakyRelu(),
      dropout('dropout2'),
      layers.layers.flatten(),
      logit(),
    ],
  });
}
