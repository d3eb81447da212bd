import * as tf from '@tensorflow/tfjs-core';
import { trainableVariables, type Models } from './model.ts';
import { applyInTraining } from './network-layers.ts';
import { gradientName } from './manifest.ts';

/**
 * One training step of the DCGAN on one shard: a pure function of the models' weights and its inputs. Nothing is
 * averaged and nothing is assigned: sums over shards can be added and divided by the number of samples once.
 *
 * Both networks are differentiated in one pass. The discriminator has no batch statistics, so the gradient of a loss
 * with respect to one image is that sample's dLoss/dlogit times the same Jacobian row, whatever the loss: the
 * discriminator's backward pass on the fakes serves the generator too, rescaled per sample.
 *
 * @returns by name:
 *   - the gradient of each trainable parameter (`gradientName`): of the sum over the samples of the
 *     discriminator's loss (discriminator parameters) or of the generator's loss (generator parameters)
 *   - the batch mean and biased batch variance [channels] of each batch normalization, under the names of the moving
 *     statistics that they update
 *   - `generatorLoss`, `discriminatorLoss`, `dReal`, `dFake` []: sums over the samples of the losses and of the
 *     discriminator's probabilities
 *   - `realLogits`, `fakeLogits` [B,1] and `fakes` [B,28,28,1]
 *   The caller disposes them.
 */
export function trainingStep(models: Models, inputs: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const { images, noise, ...masks } = inputs as Record<'images' | 'noise', tf.Tensor>;
  const samples = noise.shape[0] ?? 0;
  const outputs: Record<string, tf.Tensor> = {};
  /** tfjs disposes what differentiated functions make, except what is kept. */
  const output = (tensors: Record<string, tf.Tensor>) => {
    for (const [name, tensor] of Object.entries(tensors)) outputs[name] = tf.keep(tensor);
  };
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
    // Binary cross-entropy from logits: a label of 1 costs softplus(−logit), a label of 0 softplus(logit).
    const loss = tf.add(tf.sum(tf.softplus(tf.neg(realLogits))), tf.sum(tf.softplus(fakeLogits)));
    const probabilityFake = tf.sigmoid(fakeLogits);
    output({
      realLogits,
      fakeLogits,
      discriminatorLoss: loss,
      generatorLoss: tf.sum(tf.softplus(tf.neg(fakeLogits))),
      dReal: tf.sum(tf.sigmoid(realLogits)),
      dFake: tf.sum(probabilityFake),
    });

    const dReal = tf.neg(tf.sigmoid(tf.neg(realLogits))); // d softplus(−x)/dx
    // d softplus(x)/dx, kept away from 0 so that it can be divided out again: a discriminator gradient below 2⁻⁶⁴ is
    // rounded up to it, and a power of two scales the generator's gradient without error.
    const dFake = tf.maximum(probabilityFake, 2 ** -64);
    const dFakeGenerator = tf.neg(tf.sigmoid(tf.neg(fakeLogits)));
    generatorPerDiscriminator = tf.keep(tf.reshape(tf.div(dFakeGenerator, dFake), [samples, 1, 1, 1]));
    (save as tf.GradSaveFunc)([tf.concat([dReal, dFake])]);
    return { value: loss, gradFunc: (dLoss, [dLogits]) => tf.mul(dLoss, dLogits as tf.Tensor) };
  });

  const { grads } = tf.variableGrads(
    () => {
      const generated = applyInTraining(models.generator, noise, masks);
      const fakes = crossToGenerator(generated.output);
      const judged = applyInTraining(models.discriminator, tf.concat([images, fakes]), masks);
      output({ ...generated.statistics, fakes });
      return discriminatorLoss(judged.output) as tf.Scalar;
    },
    trainableVariables(models).map(({ variable }) => variable),
  );
  tf.dispose(generatorPerDiscriminator);
  for (const { name, variable } of trainableVariables(models)) {
    const gradient = grads[variable.name];
    if (!gradient) throw new Error(`no gradient reached ${name}`);
    outputs[gradientName(name)] = gradient;
  }
  return outputs;
}
