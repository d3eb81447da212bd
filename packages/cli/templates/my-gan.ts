/**
 * A GAN of your own, for images of 32×32 in colours. Train it with
 *
 *   gantry train --model my-gan.ts --data FOLDER
 *
 * Change what you like: a layer that does not fit is named, with its shapes, before anything is trained.
 */
import { crossEntropy, defineGan, layers, onePassStep } from 'gantry';

/** Doubles height and width. */
const up = (filters: number) =>
  layers.conv2dTranspose({ filters, kernelSize: 4, strides: 2, padding: 'same', useBias: false });

/** Halves them. */
const down = (filters: number) => layers.conv2d({ filters, kernelSize: 4, strides: 2, padding: 'same' });

export default defineGan({
  // Height, width and channels: 3 are colours, 1 is grey. Pictures of --data are resized to it.
  image: [32, 32, 3],
  // So many random numbers make one image.
  noise: 64,
  // Noise to an image. Its last layer has to give the shape above, in values from −1 to 1.
  generator: () => [
    layers.dense({ units: 4 * 4 * 128, useBias: false }),
    layers.batchNormalization(),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.reshape({ targetShape: [4, 4, 128] }),
    up(64), // 8×8
    layers.batchNormalization(),
    layers.leakyReLU({ alpha: 0.2 }),
    up(32), // 16×16
    layers.batchNormalization(),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.conv2dTranspose({ filters: 3, kernelSize: 4, strides: 2, padding: 'same', activation: 'tanh' }), // 32×32
  ],
  // An image to one number: the more it is above 0, the more it looks real. It has no activation at its end.
  discriminator: () => [
    down(32), // 16×16
    layers.leakyReLU({ alpha: 0.2 }),
    down(64), // 8×8
    layers.leakyReLU({ alpha: 0.2 }),
    layers.dropout({ rate: 0.3 }),
    down(128), // 4×4
    layers.leakyReLU({ alpha: 0.2 }),
    layers.flatten(),
    layers.dense({ units: 1 }),
  ],
  // What both networks pay. Others are hinge and leastSquares, and gradientPenaltySteps, which takes draws: { mix: MIX }.
  phases: onePassStep(crossEntropy),
});
