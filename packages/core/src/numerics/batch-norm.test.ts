import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { normalizeBatch } from './batch-norm.ts';

const EPSILON = 1e-3;

beforeAll(() => tf.engine().startScope());
afterAll(() => tf.engine().endScope());

const largest = (values: ArrayLike<number>): number => Array.from(values, Math.abs).reduce((a, b) => Math.max(a, b), 0);

function expectClose(actual: tf.Tensor, expected: tf.Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  // Where everything cancels out, as with two samples, what is left are rounding errors of numbers around 1.
  expect(largest(tf.sub(actual, expected).dataSync())).toBeLessThan(2e-5 * Math.max(1, largest(expected.dataSync())));
}

/** As its definition has it; tfjs differentiates it through the mean and the variance. */
function byDefinition(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, [...x.shape.keys()].slice(0, -1));
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, EPSILON))), gamma), beta);
}

const sides = fc.integer({ min: 1, max: 4 });
const shapes = fc.oneof(
  fc.tuple(fc.integer({ min: 2, max: 9 }), sides),
  fc.tuple(fc.integer({ min: 2, max: 4 }), sides, sides, sides),
);

it('has the values, statistics and gradients of its definition', () => {
  fc.assert(
    fc.property(shapes, fc.nat(1000), (shape, seed) => {
      const channels = shape.slice(-1);
      const x = tf.randomNormal(shape, 3, 2, 'float32', seed);
      const gamma = tf.randomNormal(channels, 1, 0.5, 'float32', seed + 1);
      const beta = tf.randomNormal(channels, 0, 1, 'float32', seed + 2);
      const weights = tf.randomNormal(shape, 0, 1, 'float32', seed + 3);
      const { y, mean, variance } = normalizeBatch(x, gamma, beta, EPSILON);
      const expected = tf.moments(x, [...shape.keys()].slice(0, -1));
      expectClose(y, byDefinition(x, gamma, beta));
      expectClose(mean, expected.mean);
      expectClose(variance, expected.variance);
      const gradientsOf = (fn: (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => tf.Tensor) =>
        tf.grads((...args) => fn(...(args as [tf.Tensor, tf.Tensor, tf.Tensor])))([x, gamma, beta], weights);
      const gradients = gradientsOf((...args) => normalizeBatch(...args, EPSILON).y);
      gradientsOf(byDefinition).forEach((gradient, i) => expectClose(gradients[i] as tf.Tensor, gradient));
    }),
    { numRuns: 50 },
  );
});
