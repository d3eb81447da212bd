/** A small GAN that draws the digit that is asked for: both networks get the label, one of ten. */
import { defineGan, layers } from 'gantry';

export default defineGan({
  name: 'small-conditional',
  image: [28, 28, 1],
  noise: 64,
  classes: 10,
  // Gets 74 numbers: noise, and the label behind it.
  generator: () => [
    layers.dense({ units: 7 * 7 * 32 }),
    layers.batchNormalization(),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.reshape({ targetShape: [7, 7, 32] }),
    layers.conv2dTranspose({ filters: 16, kernelSize: 4, strides: 2, padding: 'same' }), // 14×14
    layers.batchNormalization(),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.conv2dTranspose({ filters: 1, kernelSize: 4, strides: 2, padding: 'same', activation: 'tanh' }), // 28×28
  ],
  // Gets 28×28×11: the image, and a map of each class, of ones for its own.
  discriminator: () => [
    layers.conv2d({ filters: 16, kernelSize: 4, strides: 2, padding: 'same' }), // 14×14
    layers.leakyReLU({ alpha: 0.2 }),
    layers.conv2d({ filters: 32, kernelSize: 4, strides: 2, padding: 'same' }), // 7×7
    layers.leakyReLU({ alpha: 0.2 }),
    layers.flatten(),
    layers.dropout({ rate: 0.3 }),
    layers.dense({ units: 1 }),
  ],
});
