/** The DCGAN of Radford et al. (2015) for images of 64×64 in colours, without batch normalization in the discriminator. */
import { defineGan, layers } from 'gantry';

/** Doubles height and width. */
const up = (filters: number) => [
  layers.conv2dTranspose({ filters, kernelSize: 4, strides: 2, padding: 'same', useBias: false }),
  layers.batchNormalization(),
  layers.reLU(),
];

/** Halves them. */
const down = (filters: number) => [
  layers.conv2d({ filters, kernelSize: 4, strides: 2, padding: 'same' }),
  layers.leakyReLU({ alpha: 0.2 }),
];

export default defineGan({
  image: [64, 64, 3],
  noise: 100,
  generator: () => [
    layers.dense({ units: 4 * 4 * 512, useBias: false }),
    layers.batchNormalization(),
    layers.reLU(),
    layers.reshape({ targetShape: [4, 4, 512] }),
    ...up(256), // 8×8
    ...up(128), // 16×16
    ...up(64), // 32×32
    layers.conv2dTranspose({ filters: 3, kernelSize: 4, strides: 2, padding: 'same', activation: 'tanh' }), // 64×64
  ],
  discriminator: () => [
    ...down(64), // 32×32
    ...down(128), // 16×16
    ...down(256), // 8×8
    ...down(512), // 4×4
    layers.flatten(),
    layers.dense({ units: 1 }),
  ],
});
