import * as layers from '@tensorflow/tfjs-layers';

/** The layers of a DCGAN, with the numbers that the Keras tutorial gives them, which are Keras' defaults. */

const LEAKY_RELU_SLOPE = 0.3;
const BATCH_NORM_MOMENTUM = 0.99;
const DROPOUT_RATE = 0.3;

const glorotUniform = { kernelInitializer: 'glorotUniform' } as const; // tfjs's own default is another

export const leakyRelu = () => layers.layers.leakyReLU({ alpha: LEAKY_RELU_SLOPE });

export const batchNorm = (name: string) =>
  layers.layers.batchNormalization({ name, momentum: BATCH_NORM_MOMENTUM, epsilon: 1e-3 });

export const dropout = (name: string) => layers.layers.dropout({ name, rate: DROPOUT_RATE });

/** The generator's first layer: noise of so many numbers to values without a shape. */
export const project = (units: number, noiseSize: number) =>
  layers.layers.dense({ ...glorotUniform, name: 'dense', units, useBias: false, inputShape: [noiseSize] });

/** The discriminator's last layer: a logit. */
export const logit = () => layers.layers.dense({ ...glorotUniform, name: 'dense', units: 1 });

export const convTranspose = (
  name: string,
  filters: number,
  strides: number,
  activation: 'linear' | 'tanh' = 'linear',
) =>
  layers.layers.conv2dTranspose({
    ...glorotUniform,
    name,
    filters,
    kernelSize: 5,
    strides,
    padding: 'same',
    useBias: false,
    activation,
  });

/** Halves the sides. @param inputShape of the first layer */
export const conv = (name: string, filters: number, inputShape?: number[]) =>
  layers.layers.conv2d({
    ...glorotUniform,
    name,
    filters,
    kernelSize: 5,
    strides: 2,
    padding: 'same',
    ...(inputShape && { inputShape }),
  });
