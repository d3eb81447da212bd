import * as layers from '@tensorflow/tfjs-layers';
import type { Model } from '@gantry/core/tfjs';
import { batchNorm, conv, convTranspose, dropout, leakyRelu, logit, project } from './dcgan-layers.ts';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

const IMAGE_SHAPE = [32, 32, 3];
const NOISE_SIZE = 100;

/**
 * The tutorial's DCGAN for images of 32×32 in colours, with one more layer in the discriminator: noise [B,100] → images [B,32,32,3] in
 * [−1, 1], and images → logits [B,1].
 */
export function dcgan32(): Model {
  return {
    name: 'dcgan32',
    networks: { generator: generator(), discriminator: discriminator() },
    data: { images: IMAGE_SHAPE },
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] } },
    phases: [onePassStep(crossEntropy)],
    preview: { draw: 'noise', network: 'generator' },
  };
}

function generator(): layers.Sequential {
  return layers.sequential({
    name: 'generator',
    layers: [
      project(4 * 4 * 256, NOISE_SIZE),
      batchNorm('bn0'),
      leakyRelu(),
      layers.layers.reshape({ targetShape: [4, 4, 256] }),
      convTranspose('convT1', 128, 2), // [8,8,128]
      batchNorm('bn1'),
      leakyRelu(),
      convTranspose('convT2', 64, 2), // [16,16,64]
      batchNorm('bn2'),
      leakyRelu(),
      convTranspose('convT3', 3, 2, 'tanh'), // [32,32,3]
    ],
  });
}

function discriminator(): layers.Sequential {
  return layers.sequential({
    name: 'discriminator',
    layers: [
      conv('conv1', 64, IMAGE_SHAPE), // [16,16,64]
      leakyRelu(),
      dropout('dropout1'),
      conv('conv2', 128), // [8,8,128]
      leakyRelu(),
      dropout('dropout2'),
      conv('conv3', 256), // [4,4,256]
      leakyRelu(),
      dropout('dropout3'),
      layers.layers.flatten(),
      logit(),
    ],
  });
}
