import * as layers from '@tensorflow/tfjs-layers';
import type { Model } from '@gantry/core/tfjs';
import { batchNorm, conv, convTranspose, dropout, leakyRelu, logit, project } from './dcgan-layers.ts';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

const IMAGE_SHAPE = [28, 28, 1];
const NOISE_SIZE = 100;
const CLASSES = 10;

/**
 * The tutorial's DCGAN, which draws the digit that is asked for (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784): both
 * networks get the label beside their input. Noise and label [B,110] → images [B,28,28,1] in [−1, 1], and images with a map of each
 * class [B,28,28,11] → logits [B,1].
 */
export function conditional(): Model {
  return {
    name: 'conditional',
    networks: { generator: generator(), discriminator: discriminator() },
    data: { images: IMAGE_SHAPE },
    classes: CLASSES,
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] } },
    phases: [onePassStep(crossEntropy)],
    preview: { draw: 'noise', network: 'generator' },
  };
}

function generator(): layers.Sequential {
  return layers.sequential({
    name: 'generator',
    layers: [
      project(7 * 7 * 256, NOISE_SIZE + CLASSES),
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
  return layers.sequential({
    name: 'discriminator',
    layers: [
      conv('conv1', 64, [28, 28, 1 + CLASSES]), // [14,14,64]
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
