import * as tf from '@tensorflow/tfjs-core';

/** The same, with the derivatives that tfjs finds. */
function normalizeByTfjs(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number, axes: number[]) {
  const mean = tf.mean(x, axes);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), axes);
  const slope = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
  return { y: tf.add(tf.mul(centred, slope), beta), mean: tf.keep(mean), variance: tf.keep(variance) };
}

/**
 * Batch normalization by the batch's own statistics: Ioffe and Szegedy (2015), with the gradient of their section 3 in closed
 * form. tfjs would derive it through the mean and the variance, which takes twice as many passes over the batch.
 *
 * @param x [...,C]
 * @param gamma [C]
 * @param beta [C]
 * @param epsilon added to the variance
 * @returns y [...,C], and the mean and the biased variance [C] of the batch, which are not differentiated and which the caller
 *   disposes
 */
export function normalizeBatch(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number) {
  const axes = [...x.shape.keys()].slice(0, -1);
  // What is saved for a gradient in closed form counts as constant where that gradient is differentiated again.
  if (tf.engine().state.gradientDepth > 1) return normalizeByTfjs(x, gamma, beta, epsilon, axes);
  const count = axes.reduce((product, axis) => product * (x.shape[axis] ?? 0), 1);
  /** Set by the forward pass. */
  let statistics: { readonly mean: tf.Tensor; readonly variance: tf.Tensor } | undefined;

  const normalize = tf.customGrad((...args) => {
    const [input, scale, shift, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const mean = tf.mean(input, axes);
    const centred = tf.sub(input, mean);
    const variance = tf.mean(tf.square(centred), axes);
    const inverseDeviation = tf.rsqrt(tf.add(variance, epsilon));
    const slope = tf.mul(scale, inverseDeviation);
    statistics = { mean: tf.keep(mean), variance: tf.keep(variance) };
    save([centred, inverseDeviation, slope]);
    return {
      value: tf.add(tf.mul(centred, slope), shift),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [xc, r, k] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        const dShift = tf.sum(dy, axes);
        const dScale = tf.mul(tf.sum(tf.mul(dy, xc), axes), r);
        // dx = k·(dy − mean(dy) − x̂·mean(dy·x̂)) with x̂ = xc·r
        const perCentred = tf.mul(tf.mul(k, r), tf.div(dScale, -count));
        const offset = tf.mul(k, tf.div(dShift, -count));
        const dx = tf.add(tf.mul(dy, k), tf.add(tf.mul(xc, perCentred), offset));
        return [dx, dScale, dShift];
      },
    };
  });
  const y = normalize(x, gamma, beta);
  if (!statistics) throw new Error('the forward pass did not run');
  return { y, ...statistics };
}
