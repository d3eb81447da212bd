import * as tf from '@tensorflow/tfjs-core';
import { conditioned, type NetworkInTraining, type Phase, type PhaseResult } from '@gantry/core/tfjs';
import { augmented, type Augmentation } from './augmentation.ts';

/** What one sample's logit costs, with the derivative: functions of logits [B,1], element by element. */
export interface LogitLoss {
  loss(logits: tf.Tensor): tf.Tensor;
  derivative(logits: tf.Tensor): tf.Tensor;
  /** Whether its derivative is negative somewhere; matters for fake samples in one pass. Default: false. */
  readonly isDecreasing?: boolean;
}

/** What the discriminator pays for real and for fake samples, and the generator for its fakes. */
export interface GanLoss {
  readonly real: LogitLoss;
  readonly fake: LogitLoss;
  readonly generator: LogitLoss;
}

/** Labels are there if the model has classes. */
type Inputs = Readonly<Record<'images' | 'noise', tf.Tensor>> & { readonly labels?: tf.Tensor | undefined };

const PROBABILITY = { chart: 'Probability of real', limits: { min: 0, max: 1 } };

/** What may be added to a step. */
export interface OnePassOptions {
  /** Changes what the discriminator gets; its draws belong into those of the model. Default: none. */
  readonly augmentation?: Augmentation;
}

/**
 * A step of a GAN in one round: both networks are differentiated in one backward pass. Where the discriminator couples no
 * samples, the gradient of a loss with respect to one image is that sample's dLoss/dlogit times the same Jacobian row, whatever
 * the loss: the discriminator's backward pass on the fakes serves the generator too, rescaled per sample.
 *
 * Takes the data `images` [B,...] and the draw `noise` [B,...]; of a model with classes also `labels`, which both networks get
 * beside their input, as `conditioned` has it: fakes have the labels of the real samples of the batch. The networks are `generator` and `discriminator`, whose output
 * is a logit for each sample [B,1]. The discriminator has no batch normalization: E_CONFIG when the phase runs.
 */
export function onePassStep(loss: GanLoss, { augmentation }: OnePassOptions = {}): Phase {
  return {
    name: 'step',
    updates: ['generator', 'discriminator'],
    batchesThrough: { discriminator: 2 },
    independent: ['discriminator'],
    reports: [
      { name: 'generatorLoss', chart: 'Loss', label: 'generator' },
      { name: 'discriminatorLoss', chart: 'Loss', label: 'discriminator' },
      { ...PROBABILITY, name: 'dReal', label: 'D(real)', probabilityOfReal: 'real' },
      { ...PROBABILITY, name: 'dFake', label: 'D(fake)', probabilityOfReal: 'fake' },
    ],
    gradients: (networks, inputs) => {
      const { generator, discriminator } = networks as Record<'generator' | 'discriminator', NetworkInTraining>;
      const { images, noise, labels } = inputs as Inputs;
      const real = augmented(augmentation, images, 'augmentReal', inputs);
      // The rescaling per sample passes through it, as it couples no samples either.
      const seenOf = (made: tf.Tensor) => augmented(augmentation, made, 'augmentFake', inputs);
      return onePass(loss, generator, discriminator, { images: real, noise, labels }, seenOf);
    },
  };
}

/** The smallest derivative that can be divided out again: a power of two scales the generator's gradient without error. */
const SMALLEST_DERIVATIVE = 2 ** -64;

/** A derivative that is closer to 0 than 2⁻⁶⁴ is rounded up to it. */
function awayFromZero(derivative: tf.Tensor, mayBeNegative = false): tf.Tensor {
  if (!mayBeNegative) return tf.maximum(derivative, SMALLEST_DERIVATIVE);
  return tf.where(tf.less(tf.abs(derivative), SMALLEST_DERIVATIVE), SMALLEST_DERIVATIVE, derivative);
}

function onePass(
  loss: GanLoss,
  generator: NetworkInTraining,
  discriminator: NetworkInTraining,
  { images, noise, labels }: Inputs,
  seenOf: (fakes: tf.Tensor) => tf.Tensor,
): PhaseResult {
  const samples = noise.shape[0] ?? 0;
  const sums: Record<string, tf.Tensor> = {};
  let generatorPerDiscriminator: tf.Tensor | undefined;

  /** The identity; backward, it turns the gradient of the discriminator's loss into that of the generator's. */
  const crossToGenerator = tf.customGrad((fakes) => ({
    value: (fakes as tf.Tensor).clone(),
    gradFunc: (dFakes) => {
      if (!generatorPerDiscriminator) throw new Error('the backward pass ran before the forward pass');
      return tf.mul(dFakes, generatorPerDiscriminator);
    },
  }));

  /** logits [2B,1] → the discriminator's loss, with its gradient written out. */
  const discriminatorLoss = tf.customGrad((input, save) => {
    const [realLogits, fakeLogits] = tf.split(input as tf.Tensor, 2) as [tf.Tensor, tf.Tensor]; // 2 × [B,1]
    const total = tf.add(tf.sum(loss.real.loss(realLogits)), tf.sum(loss.fake.loss(fakeLogits)));
    sums['discriminatorLoss'] = tf.keep(total);
    sums['generatorLoss'] = tf.keep(tf.sum(loss.generator.loss(fakeLogits)));
    sums['dReal'] = tf.keep(tf.sum(tf.sigmoid(realLogits)));
    sums['dFake'] = tf.keep(tf.sum(tf.sigmoid(fakeLogits)));

    const dReal = loss.real.derivative(realLogits);
    const dFake = awayFromZero(loss.fake.derivative(fakeLogits), loss.fake.isDecreasing);
    const ratio = tf.div(loss.generator.derivative(fakeLogits), dFake);
    generatorPerDiscriminator = tf.keep(tf.reshape(ratio, [samples, ...images.shape.slice(1).map(() => 1)]));
    (save as tf.GradSaveFunc)([tf.concat([dReal, dFake])]);
    return { value: total, gradFunc: (dLoss, [dLogits]) => tf.mul(dLoss, dLogits as tf.Tensor) };
  });

  const variables = [...generator.variables, ...discriminator.variables];
  const { grads } = tf.variableGrads(
    () => {
      const fakes = seenOf(crossToGenerator(generator.apply(conditioned(noise, labels))));
      const judged = conditioned(tf.concat([images, fakes]), labels && tf.concat([labels, labels]));
      return discriminatorLoss(discriminator.apply(judged)) as tf.Scalar;
    },
    variables.map(({ variable }) => variable),
  );
  tf.dispose(generatorPerDiscriminator);
  const gradients = variables.flatMap(({ name, variable }) => {
    const gradient = grads[variable.name];
    return gradient ? [[name, gradient]] : [];
  });
  return { gradients: Object.fromEntries(gradients), sums };
}
