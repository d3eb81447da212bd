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
