import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import type { Model, NetworkInTraining, Phase, PhaseResult } from '@gantry/core/tfjs';

type Inputs = Readonly<Record<'images' | 'noise', tf.Tensor>>;

/** The gradients of a loss, by tfjs, with respect to one network's variables. */
export function gradientsOf(
  { variables }: Pick<NetworkInTraining, 'variables'>,
  loss: () => tf.Tensor,
): Record<string, tf.Tensor> {
  const { grads } = tf.variableGrads(
    () => loss() as tf.Scalar,
    variables.map(({ variable }) => variable),
  );
  return Object.fromEntries(variables.map(({ name, variable }) => [name, grads[variable.name] as tf.Tensor]));
}

/** What the critic thinks of fakes less what it thinks of real samples, summed up. */
const critic: Phase = {
  name: 'critic',
  times: 3,
  updates: ['discriminator'],
  batchesThrough: { discriminator: 2 },
  reports: [
    { name: 'distance', chart: 'Distance', label: 'real − fake' },
    { name: 'fake', chart: 'Critic', label: 'fake' },
  ],
  gradients: (networks, inputs): PhaseResult => {
    const { generator, discriminator } = networks as Record<'generator' | 'discriminator', NetworkInTraining>;
    const { images, noise } = inputs as Inputs;
    const sums: Record<string, tf.Tensor> = {};
    const gradients = gradientsOf(discriminator, () => {
      const real = tf.sum(discriminator.apply(images));
      const fake = tf.sum(discriminator.apply(generator.apply(noise)));
      sums['distance'] = tf.keep(tf.sub(real, fake));
      sums['fake'] = tf.keep(fake);
      return tf.sub(fake, real);
    });
    return { gradients, sums };
  },
};

const generator: Phase = {
  name: 'generator',
  updates: ['generator'],
  reports: [{ name: 'generatorLoss', chart: 'Loss', label: 'generator' }],
  gradients: (networks, inputs): PhaseResult => {
    const { generator: made, discriminator } = networks as Record<'generator' | 'discriminator', NetworkInTraining>;
    const { noise } = inputs as Inputs;
    const sums: Record<string, tf.Tensor> = {};
    const gradients = gradientsOf(made, () => {
      const loss = tf.neg(tf.sum(discriminator.apply(made.apply(noise))));
      sums['generatorLoss'] = tf.keep(loss);
      return loss;
    });
    return { gradients, sums };
  },
};

/** Two networks of 24 and 18 parameters on images of 2×2: a step is three rounds of the critic, then one of the generator. */
export function criticModel(): Model {
  const { batchNormalization, dense, dropout, flatten, leakyReLU, reshape } = layers.layers;
  return {
    name: 'critic',
    networks: {
      generator: layers.sequential({
        name: 'generator',
        layers: [
          dense({ name: 'dense', units: 3, useBias: false, inputShape: [2] }),
          batchNormalization({ name: 'bn', momentum: 0.5 }),
          dense({ name: 'last', units: 4, useBias: false, activation: 'tanh' }),
          reshape({ name: 'image', targetShape: [2, 2, 1] }),
        ],
      }),
      discriminator: layers.sequential({
        name: 'discriminator',
        layers: [
          flatten({ name: 'flat', inputShape: [2, 2, 1] }),
          dense({ name: 'dense', units: 3 }),
          leakyReLU({ name: 'leaky' }),
          dropout({ name: 'dropout', rate: 0.25 }),
          dense({ name: 'last', units: 1, useBias: false }),
        ],
      }),
    },
    data: { images: [2, 2, 1] },
    draws: { noise: { from: 'normal', shape: [2] } },
    phases: [critic, generator],
    preview: { draw: 'noise', network: 'generator' },
  };
}
