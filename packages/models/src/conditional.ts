import type { Model } from '@gantry/core/tfjs';
import { IMAGE_SHAPE, NOISE_SIZE, tutorialNetworks } from './dcgan.ts';
import { crossEntropy } from './losses.ts';
import { onePassStep } from './one-pass.ts';

const CLASSES = 10;

/**
 * The tutorial's DCGAN, which draws the digit that is asked for (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784): both
 * networks get the label beside their input. Noise and label [B,110] → images [B,28,28,1] in [−1, 1], and images with a map of each
 * class [B,28,28,11] → logits [B,1].
 */
export function conditional(): Model {
  return {
    name: 'conditional',
    networks: tutorialNetworks(CLASSES),
    data: { images: IMAGE_SHAPE },
    classes: CLASSES,
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] } },
    phases: [onePassStep(crossEntropy)],
    preview: { draw: 'noise', network: 'generator' },
  };
}
