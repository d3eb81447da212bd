/** A GAN for images of 32×32 in colours, with the hinge loss and layers that enlarge by repeating. */
import { defineGan, hinge, layers, onePassStep } from 'gantry';

/** Twice as high and wide, with so many channels. */
const enlarge = (filters: number) => [
  layers.upSampling2d({ size: [2, 2] }),
  layers.conv2d({ filters, kernelSize: 3, padding: 'same', useBias: false }),
  layers.batchNormalization(),
  layers.reLU(),
];

/** Half as high and wide. */
const reduce = (filters: number) => [
  layers.conv2d({ filters, kernelSize: 4, strides: 2, padding: 'same' }),
  layers.leakyReLU({ alpha: 0.2 }),
];

export default defineGan({
  image: [32, 32, 3],
  noise: 100,
  generator: () => [
    layers.dense({ units: 4 * 4 * 64, useBias: false }),
    layers.batchNormalization(),
    layers.reLU(),
    layers.reshape({ targetShape: [4, 4, 64] }),
    ...enlarge(64), // 8×8
    ...enlarge(32), // 16×16
    ...enlarge(16), // 32×32
    layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'tanh' }),
  ],
  discriminator: () => [
    ...reduce(32), // 16×16
    ...reduce(64), // 8×8
    ...reduce(128), // 4×4
    layers.flatten(),
    layers.dense({ units: 1 }),
  ],
  phases: onePassStep(hinge),
});
