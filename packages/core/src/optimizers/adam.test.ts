import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstDifference, vectorLengths, vectorOf } from '../testing/vectors.ts';
import { adam, adamSpecSchema } from './adam.ts';

const f = Math.fround;
const decays = fc.double({ min: 0, max: 1 - 2 ** -24, noNaN: true });

describe('adam', () => {
  it('gives the bits of its formula in float32, step after step', () => {
    fc.assert(
      fc.property(vectorLengths, fc.nat(1000), decays, decays, (length, seed, beta1, beta2) => {
        const epsilon = 1e-7;
        const rule = adam(adamSpecSchema.parse({ name: 'adam', beta1, beta2, epsilon }));
        const weights = vectorOf(length, seed);
        const state = {
          ...rule.init(length),
          moments: { m: vectorOf(length, seed + 2), v: vectorOf(length, seed + 3) },
        };
        state.moments.v.forEach((value, i, v) => (v[i] = Math.abs(value)));
        let expected = { weights: weights.slice(), m: state.moments.m.slice(), v: state.moments.v.slice() };
        for (const [step, power1, power2] of [
          [1, beta1, beta2],
          [2, beta1 * beta1, beta2 * beta2],
        ] as const) {
          const gradient = vectorOf(length, seed + 10 * step);
          const rate = f((3e-4 * Math.sqrt(1 - power2)) / (1 - power1));
          const g = gradient.map((value) => value * 0.125);
          const m = expected.m.map((value, i) => value + f(f((g[i] as number) - value) * f(1 - beta1)));
          const v = expected.v.map((value, i) => value + f(f(f((g[i] as number) ** 2) - value) * f(1 - beta2)));
          const updated = expected.weights.map((w, i) => {
            const denominator = f(f(Math.sqrt(v[i] as number)) + f(epsilon));
            return w - f(f(rate * (m[i] as number)) / denominator);
          });
          expected = { weights: updated, m, v };
          rule.apply({ weights, gradientSum: gradient, scale: 0.125, rate: 3e-4 }, state);
          expect(firstDifference(weights, expected.weights)).toBe(-1);
          expect(firstDifference(state.moments.m, expected.m)).toBe(-1);
          expect(firstDifference(state.moments.v, expected.v)).toBe(-1);
          expect(state.scalars).toEqual({ beta1Power: power1, beta2Power: power2 });
        }
      }),
      { numRuns: 20 },
    );
  });

  it('refuses moments of another length', () => {
    const rule = adam(adamSpecSchema.parse({ name: 'adam' }));
    const update = { weights: new Float32Array(3), gradientSum: new Float32Array(3), scale: 1, rate: 1 };
    expect(() => rule.apply(update, rule.init(2))).toThrow(expect.objectContaining({ code: 'E_BAD_SHAPE' }));
    expect(() => rule.apply({ ...update, gradientSum: new Float32Array(4) }, rule.init(3))).toThrow(
      expect.objectContaining({ code: 'E_BAD_SHAPE' }),
    );
  });
});
