import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstDifference, vectorLengths, vectorOf } from '../testing/vectors.ts';
import { optimizerOf, optimizerSpecSchema } from './optimizer.ts';
import { rmsprop, rmspropSpecSchema } from './rmsprop.ts';
import '../tfjs.ts';

const f = Math.fround;
const decays = fc.double({ min: 0, max: 1 - 2 ** -24, noNaN: true });
const rates = fc.double({ min: 1e-6, max: 10, noNaN: true });

describe('rmsprop', () => {
  it('has Keras’ defaults', () => {
    const expected = { name: 'rmsprop', learningRate: 1e-3, rho: 0.9, epsilon: 1e-7 };
    expect(optimizerSpecSchema.parse({ name: 'rmsprop' })).toEqual(expected);
  });

  it('gives the bits of its formula in float32, step after step', () => {
    fc.assert(
      fc.property(vectorLengths, fc.nat(1000), decays, rates, (length, seed, rho, rate) => {
        const rule = rmsprop(rmspropSpecSchema.parse({ name: 'rmsprop', rho }));
        const weights = vectorOf(length, seed);
        const state = rule.init(length);
        let expected = { weights: weights.slice(), v: new Float32Array(length) };
        for (const step of [1, 2, 3]) {
          const gradientSum = vectorOf(length, seed + step);
          const g = gradientSum.map((value) => value * f(0.3));
          const kept = expected.v.map((value) => f(rho) * value);
          const squares = g.map((value) => value ** 2).map((value) => f(1 - rho) * value);
          const v = kept.map((value, i) => value + (squares[i] as number));
          const roots = v.map((value) => value + f(1e-7)).map((value) => Math.sqrt(value));
          const moves = g.map((value) => f(rate) * value).map((value, i) => value / (roots[i] as number));
          expected = { weights: expected.weights.map((w, i) => w - (moves[i] as number)), v };
          rule.apply({ weights, gradientSum, scale: 0.3, rate }, state);
          expect(firstDifference(weights, expected.weights)).toBe(-1);
          expect(firstDifference(state.moments['v'] ?? weights, v)).toBe(-1);
          expect(state.scalars).toEqual({});
        }
      }),
      { numRuns: 20 },
    );
  });

  it('does nearly what tfjs does, which has another order of roundings', () => {
    const [first, gradient] = [
      [1, -2, 3, 0.5],
      [0.5, -1e-3, 20, 0],
    ];
    const weights = Float32Array.from(first);
    const variable = tf.variable(tf.tensor1d(first));
    const theirs = tf.train.rmsprop(0.01, 0.9, 0, 1e-7);
    const ours = optimizerOf(optimizerSpecSchema.parse({ name: 'rmsprop', learningRate: 0.01 }));
    const state = ours.init(4);
    for (let step = 0; step < 5; step++) {
      tf.tidy(() => theirs.applyGradients([{ name: variable.name, tensor: tf.tensor1d(gradient) }]));
      ours.step(weights, Float32Array.from(gradient), 1, state, step);
    }
    variable.dataSync().forEach((value, i) => expect(weights[i]).toBeCloseTo(value, 5));
    theirs.dispose();
    variable.dispose();
  });

  it('refuses another optimizer’s state', () => {
    const rule = rmsprop(rmspropSpecSchema.parse({ name: 'rmsprop' }));
    const update = { weights: new Float32Array(3), gradientSum: new Float32Array(3), scale: 1, rate: 1 };
    const adam = optimizerOf(optimizerSpecSchema.parse({ name: 'adam' })).init(3);
    for (const state of [adam, rule.init(2)]) {
      expect(() => rule.apply(update, state)).toThrow(expect.objectContaining({ code: 'E_BAD_SHAPE' }));
    }
  });
});
