import * as layers from '@tensorflow/tfjs-layers';
import type { Model } from '@gantry/core/tfjs';
import { gradientPenaltySteps, MIX } from './gradient-penalty.ts';

const IMAGE_SHAPE = [28, 28, 1];
const NOISE_SIZE = 128;
const FILTERS = 64;
const LEAKY_RELU_SLOPE = 0.2;

/**
 * The WGAN with gradient penalty of Gulrajani et al. (2017, https://arxiv.org/abs/1704.00028) with the networks of its
 * authors' program for MNIST, but for its output: noise [B,128] → images [B,28,28,1] in [−1, 1], and images → scores [B,1].
 * A step is five rounds of the discriminator, the paper's critic, and one of the generator. The paper trains both by Adam with a
 * learning rate of 1e-4, β₁ = 0 and β₂ = 0.9.
 */
export function wganGp(): Model {
  return {
    name: 'wgan-gp',
    networks: { generator: generator(), discriminator: discriminator() },
    data: { images: IMAGE_SHAPE },
    draws: { noise: { from: 'normal', shape: [NOISE_SIZE] }, mix: MIX },
    phases: gradientPenaltySteps(),
    preview: { draw: 'noise', network: 'generator' },
  };
}

/** He's uniform initializer, for the rectifiers behind. */
const heUniform = { kernelInitializer: 'heUniform' } as const;

function generator(): layers.Sequential {
  const convTranspose = (name: string, filters: number, activation: 'relu' | 'tanh') =>
    layers.layers.conv2dTranspose({
      ...heUniform,
      name,
      filters,
      kernelSize: 5,
      strides: 2,
      padding: 'same',
      activation,
    });
  return layers.sequential({
    name: 'generator',
    layers: [
      layers.layers.dense({
        ...heUniform,
        name: 'dense',
        units: 4 * 4 * 4 * FILTERS,
        activation: 'relu',
        inputShape: [NOISE_SIZE],
      }),
      layers.layers.reshape({ targetShape: [4, 4, 4 * FILTERS] }),
      convTranspose('convT1', 2 * FILTERS, 'relu'), // [8,8,128]
      layers.layers.cropping2D({
        cropping: [
          [0, 1],
          [0, 1],
        ],
      }), // [7,7,128]
      convTranspose('convT2', FILTERS, 'relu'), // [14,14,64]
      convTranspose('convT3', 1, 'tanh'), // [28,28,1]
    ],
  });
}

function discriminator(): layers.Sequential {
  const conv = (name: string, filters: number, inputShape?: number[]) =>
    layers.layers.conv2d({
      ...heUniform,
      name,
      filters,
      kernelSize: 5,
      strides: 2,
      padding: 'same',
      ...(inputShape && { inputShape }),
    });
  const leakyRelu = () => layers.layers.leakyReLU({ alpha: LEAKY_RELU_SLOPE });
  return layers.sequential({
    name: 'discriminator',
    layers: [
      conv('conv1', FILTERS, IMAGE_SHAPE), // [14,14,64]
      leakyRelu(),
      conv('conv2', 2 * FILTERS), // [7,7,128]
      leakyRelu(),
      conv('conv3', 4 * FILTERS), // [4,4,256]
      leakyRelu(),
      layers.layers.flatten(),
      layers.layers.dense({ ...heUniform, name: 'dense', units: 1 }),
    ],
  });
}
