import * as tf from '@tensorflow/tfjs-core';

/**
 * What a network gets where a model knows classes (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784): its input, and then the
 * label, behind the last axis. Noise [B,n] becomes [B,n+classes]; an image [B,h,w,c] gets a map of each class, [B,h,w,c+classes].
 * @param x [B,...]
 * @param labels one-hot [B,classes]; absent: of a model without classes, whose networks get `x` itself
 */
export function conditioned(x: tf.Tensor, labels: tf.Tensor | undefined): tf.Tensor {
  if (!labels) return x;
  const [samples = 0, classes = 0] = labels.shape;
  const inner = x.shape.slice(1, -1);
  const one = tf.reshape(labels, [samples, ...inner.map(() => 1), classes]);
  const maps = inner.length === 0 ? one : tf.mul(one, tf.ones([1, ...inner, 1])); // [B,...inner,classes]
  return tf.concat([x, maps], -1);
}
