/** A small WGAN with gradient penalty for MNIST: three rounds of the critic before each of the generator. */
import { defineGan, gradientPenaltySteps, layers, MIX } from 'gantry';

export default defineGan({
  name: 'small-wgan-gp',
  image: [28, 28, 1],
  noise: 64,
  generator: () => [
    layers.dense({ units: 7 * 7 * 32, activation: 'relu' }),
    layers.reshape({ targetShape: [7, 7, 32] }),
    layers.conv2dTranspose({ filters: 16, kernelSize: 5, strides: 2, padding: 'same', activation: 'relu' }), // 14×14
    layers.conv2dTranspose({ filters: 1, kernelSize: 5, strides: 2, padding: 'same', activation: 'tanh' }), // 28×28
  ],
  // No batch normalization: the penalty asks for the slope at each sample by itself.
  discriminator: () => [
    layers.conv2d({ filters: 16, kernelSize: 5, strides: 2, padding: 'same' }), // 14×14
    layers.leakyReLU({ alpha: 0.2 }),
    layers.conv2d({ filters: 32, kernelSize: 5, strides: 2, padding: 'same' }), // 7×7
    layers.leakyReLU({ alpha: 0.2 }),
    layers.flatten(),
    layers.dense({ units: 1 }),
  ],
  draws: { mix: MIX },
  phases: gradientPenaltySteps({ criticRounds: 3 }),
});
