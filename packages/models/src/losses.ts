import * as tf from '@tensorflow/tfjs-core';
import type { GanLoss } from './one-pass.ts';

/**
 * Binary cross-entropy from logits, with the generator's loss that does not saturate (Goodfellow et al., 2014): a label of 1
 * costs softplus(−logit), a label of 0 softplus(logit).
 */
export const crossEntropy: GanLoss = {
  real: {
    loss: (logits) => tf.softplus(tf.neg(logits)),
    derivative: (logits) => tf.neg(tf.sigmoid(tf.neg(logits))),
  },
  fake: { loss: (logits) => tf.softplus(logits), derivative: (logits) => tf.sigmoid(logits) },
  generator: {
    loss: (logits) => tf.softplus(tf.neg(logits)),
    derivative: (logits) => tf.neg(tf.sigmoid(tf.neg(logits))),
  },
};

const isPositive = (x: tf.Tensor) => tf.cast(tf.greater(x, 0), 'float32');

/** The hinge loss (Lim and Ye, 2017): what the discriminator judges beyond a margin of 1 costs nothing. */
export const hinge: GanLoss = {
  real: {
    loss: (logits) => tf.relu(tf.sub(1, logits)),
    derivative: (logits) => tf.neg(isPositive(tf.sub(1, logits))),
  },
  fake: { loss: (logits) => tf.relu(tf.add(1, logits)), derivative: (logits) => isPositive(tf.add(1, logits)) },
  generator: { loss: (logits) => tf.neg(logits), derivative: (logits) => tf.neg(tf.onesLike(logits)) },
};
