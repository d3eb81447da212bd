import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstDifference, vectorLengths, vectorOf } from '../testing/vectors.ts';
import { sgd, sgdSpecSchema } from './sgd.ts';

const f = Math.fround;
const rates = fc.double({ min: 1e-6, max: 10, noNaN: true });

describe('sgd', () => {
  it('gives the bits of its formula in float32', () => {
    fc.assert(
      fc.property(vectorLengths, fc.nat(1000), rates, (length, seed, rate) => {
        const rule = sgd(sgdSpecSchema.parse({ name: 'sgd' }));
        const weights = vectorOf(length, seed);
        const gradientSum = vectorOf(length, seed + 1);
        const expected = weights.map((w, i) => w - f(f(rate) * f((gradientSum[i] as number) * f(0.3))));
        const state = rule.init(length);
        rule.apply({ weights, gradientSum, scale: 0.3, rate }, state);
        expect(firstDifference(weights, expected)).toBe(-1);
        expect(state).toEqual({ moments: {}, scalars: {} });
      }),
      { numRuns: 30 },
    );
  });

  it('with momentum gives the bits of its formula in float32, step after step', () => {
    const momenta = fc.double({ min: 0, minExcluded: true, max: 1 - 2 ** -24, noNaN: true });
    fc.assert(
      fc.property(vectorLengths, fc.nat(1000), rates, momenta, (length, seed, rate, momentum) => {
        const rule = sgd(sgdSpecSchema.parse({ name: 'sgd', momentum }));
        const weights = vectorOf(length, seed);
        const state = rule.init(length);
        let expected = { weights: weights.slice(), velocity: new Float32Array(length) };
        for (const step of [1, 2, 3]) {
          const gradientSum = vectorOf(length, seed + step);
          const velocity = expected.velocity.map((kept, i) => {
            const g = f((gradientSum[i] as number) * f(0.3));
            return f(f(momentum) * kept) - f(f(rate) * g);
          });
          expected = { weights: expected.weights.map((w, i) => w + (velocity[i] as number)), velocity };
          rule.apply({ weights, gradientSum, scale: 0.3, rate }, state);
          expect(firstDifference(weights, expected.weights)).toBe(-1);
          expect(Object.keys(state.moments)).toEqual(['velocity']);
          expect(firstDifference(state.moments['velocity'] ?? weights, velocity)).toBe(-1);
        }
      }),
      { numRuns: 20 },
    );
  });
});
