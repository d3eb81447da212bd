import * as tf from '@tensorflow/tfjs-core';
import type { GanLoss, LogitLoss } from './one-pass.ts';

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

/** Half of the squared distance from a target. */
const squaredError = (target: number): LogitLoss => ({
  loss: (logits) => tf.mul(tf.square(tf.sub(logits, target)), 0.5),
  derivative: (logits) => tf.sub(logits, target),
});

/** Least squares (Mao et al., 2017), with labels of 1 and 0: also what is judged right, but beyond its label, costs something. */
export const leastSquares: GanLoss = {
  real: squaredError(1),
  fake: { ...squaredError(0), isDecreasing: true },
  generator: squaredError(1),
};

/** A multiple of the logits themselves. */
const multipleOf = (factor: number): LogitLoss => ({
  loss: (logits) => tf.mul(logits, factor),
  derivative: (logits) => tf.fill(logits.shape, factor),
});

/**
 * The Wasserstein distance (Arjovsky et al., 2017), as a critic estimates it that something keeps from being steep: the phases of
 * `gradientPenaltySteps` do; the phase of `onePassStep` does not.
 */
export const wasserstein: GanLoss = { real: multipleOf(-1), fake: multipleOf(1), generator: multipleOf(-1) };

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
