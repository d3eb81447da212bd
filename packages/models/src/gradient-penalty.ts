import * as tf from '@tensorflow/tfjs-core';
import { GantryError } from '@gantry/core';
import { conditioned, type NetworkInTraining, type Phase, type PhaseResult } from '@gantry/core/tfjs';
import { augmented, type Augmentation } from './augmentation.ts';
import { wasserstein } from './losses.ts';
import type { GanLoss } from './one-pass.ts';

/** How a GAN is trained whose discriminator is kept from being steep. */
export interface GradientPenalty {
  /** What both networks pay for each logit; default: the Wasserstein distance. */
  readonly loss?: GanLoss;
  /** What a discriminator pays for the square of a deviation of its slope from 1; default 10. */
  readonly weight?: number;
  /** Rounds of the discriminator before each of the generator; default 5. */
  readonly criticRounds?: number;
  /** Changes what the discriminator gets; its draws belong into those of the model. Default: none. */
  readonly augmentation?: Augmentation;
}

/** The draw of which `gradientPenaltySteps` makes points between real and generated samples. */
export const MIX = { from: 'uniform', shape: [1] } as const;

/** Keeps the root of a slope of 0 from having an infinite derivative; far below the rounding of any other slope. */
const TINY = 1e-12;

/**
 * The phases of a GAN with a gradient penalty (Gulrajani et al., 2017): the discriminator is to have a slope of 1 at random
 * points between real and generated samples.
 *
 * They take the data `images` [B,...], the draws `noise` [B,...] and `mix` (`MIX`) [B,1], and `labels` where the model has
 * classes, as `onePassStep` does; the networks are `generator` and
 * `discriminator`, whose output is a logit for each sample [B,1]. The discriminator has no batch normalization, which would
 * make its slope at one sample depend on others: E_CONFIG. Where images are augmented, the points lie between augmented ones: the
 * slope is that of the discriminator where it judges.
 */
export function gradientPenaltySteps({
  loss = wasserstein,
  weight = 10,
  criticRounds = 5,
  augmentation,
}: GradientPenalty = {}): readonly Phase[] {
  return [
    {
      name: 'critic',
      times: criticRounds,
      updates: ['discriminator'],
      batchesThrough: { discriminator: 3 },
      independent: ['discriminator'],
      reports: [
        { name: 'discriminatorLoss', chart: 'Loss', label: 'discriminator' },
        { name: 'distance', chart: 'Distance', label: 'real − fake' },
        { name: 'slope', chart: 'Slope', label: 'between real and fake' },
      ],
      gradients: (networks, inputs) => criticRound(loss, weight, augmentation, networks, inputs as Inputs),
    },
    {
      name: 'generator',
      updates: ['generator'],
      reports: [{ name: 'generatorLoss', chart: 'Loss', label: 'generator' }],
      gradients: (networks, inputs) => generatorRound(loss, augmentation, networks, inputs as Inputs),
    },
  ];
}

/** What draws there are, and whether there are labels, is up to the model. */
type Inputs = Readonly<Record<'images' | 'noise', tf.Tensor>> & Readonly<Partial<Record<string, tf.Tensor>>>;
type Networks = Readonly<Record<string, NetworkInTraining>>;

const bothOf = (networks: Networks) => networks as Readonly<Record<'generator' | 'discriminator', NetworkInTraining>>;

/** The gradients of a sum with respect to one network's variables. */
function gradientsOf({ variables }: NetworkInTraining, sum: () => tf.Tensor): Record<string, tf.Tensor> {
  const { grads } = tf.variableGrads(
    () => sum() as tf.Scalar,
    variables.map(({ variable }) => variable),
  );
  return Object.fromEntries(variables.map(({ name, variable }) => [name, grads[variable.name] as tf.Tensor]));
}

function criticRound(
  loss: GanLoss,
  weight: number,
  augmentation: Augmentation | undefined,
  networks: Networks,
  inputs: Inputs,
): PhaseResult {
  const { generator, discriminator } = bothOf(networks);
  const { noise, labels, mix } = inputs;
  if (!mix) throw new GantryError('E_CONFIG', "phase critic takes the draw 'mix': define draws: { mix: MIX }");
  const images = augmented(augmentation, inputs.images, 'augmentReal', inputs);
  const fakes = augmented(augmentation, generator.apply(conditioned(noise, labels)), 'augmentFake', inputs);
  const share = tf.reshape(mix, [mix.shape[0] ?? 0, ...images.shape.slice(1).map(() => 1)]);
  const between = tf.add(tf.mul(share, images), tf.mul(tf.sub(1, share), fakes));
  const sums: Record<string, tf.Tensor> = {};
  const gradients = gradientsOf(discriminator, () => {
    const both = conditioned(tf.concat([images, fakes]), labels && tf.concat([labels, labels]));
    const [real, fake] = tf.split(discriminator.apply(both), 2) as [tf.Tensor, tf.Tensor];
    // Each sample's logit depends on that sample alone: the gradient of their sum is that of each.
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(discriminator.apply(conditioned(x, labels))))(between);
    const squares = tf.sum(
      tf.square(gradient),
      images.shape.slice(1).map((_, axis) => axis + 1),
    );
    const slopes = tf.sqrt(tf.add(squares, TINY)); // [B]
    const judgement = tf.add(tf.sum(loss.real.loss(real)), tf.sum(loss.fake.loss(fake)));
    const total = tf.add(judgement, tf.mul(tf.sum(tf.square(tf.sub(slopes, 1))), weight));
    sums['discriminatorLoss'] = tf.keep(total);
    sums['distance'] = tf.keep(tf.sub(tf.sum(real), tf.sum(fake)));
    sums['slope'] = tf.keep(tf.sum(slopes));
    return total;
  });
  return { gradients, sums };
}

function generatorRound(
  loss: GanLoss,
  augmentation: Augmentation | undefined,
  networks: Networks,
  inputs: Inputs,
): PhaseResult {
  const { generator, discriminator } = bothOf(networks);
  const { noise, labels } = inputs;
  const sums: Record<string, tf.Tensor> = {};
  const gradients = gradientsOf(generator, () => {
    const fakes = augmented(augmentation, generator.apply(conditioned(noise, labels)), 'augmentFake', inputs);
    const total = tf.sum(loss.generator.loss(discriminator.apply(conditioned(fakes, labels))));
    sums['generatorLoss'] = tf.keep(total);
    return total;
  });
  return { gradients, sums };
}
