import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADAM, adamStep, initialAdamState } from './adam.ts';
import { addInPlace, allFinite, norm } from './vectors.ts';

/** Around the sizes that the kernels work on at once: 4 or 8 numbers, and blocks of 16,384. */
const lengths = fc.oneof(fc.nat(9), fc.integer({ min: 16_380, max: 16_390 }), fc.integer({ min: 32_760, max: 32_800 }));
const seeds = fc.nat(1000);

/** Different numbers of all magnitudes, the same for the same seed. */
function vectorOf(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i + seed) * 10 ** ((i % 60) - 30));
}

describe('addInPlace', () => {
  it('adds every element in float32', () => {
    fc.assert(
      fc.property(lengths, seeds, (length, seed) => {
        const a = vectorOf(length, seed);
        const b = vectorOf(length, seed + 1);
        const expected = a.map((value, i) => value + (b[i] as number));
        addInPlace(a, b);
        expect(a).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses vectors of different lengths', () => {
    expect(() => addInPlace(new Float32Array(2), new Float32Array(3))).toThrow(
      expect.objectContaining({ code: 'E_BAD_SHAPE' }),
    );
  });
});

describe('norm', () => {
  it('is that of all elements', () => {
    fc.assert(
      fc.property(lengths, seeds, (length, seed) => {
        const vector = vectorOf(length, seed);
        const expected = Math.sqrt(vector.reduce((sum, value) => sum + value ** 2, 0));
        expect(Math.abs(norm(vector) - expected)).toBeLessThanOrEqual(1e-12 * expected);
      }),
      { numRuns: 30 },
    );
  });

  it('has no other number behind the last one', () => {
    norm(new Float32Array(16_384).fill(1));
    expect(norm(Float32Array.of(3))).toBe(3);
  });
});

describe('allFinite', () => {
  it('finds what is not, wherever it is', () => {
    fc.assert(
      fc.property(lengths, fc.nat(), fc.constantFrom(NaN, Infinity, -Infinity), (length, place, value) => {
        const vector = vectorOf(length, 1);
        expect(allFinite(vector)).toBe(true);
        if (length === 0) return;
        vector[place % length] = value;
        expect(allFinite(vector)).toBe(false);
        // What was behind the end of a vector before is none of its numbers.
        expect(allFinite(vector.subarray(0, place % length))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('adamStep', () => {
  const f = Math.fround;

  it('gives the bits of its formula in float32', () => {
    fc.assert(
      fc.property(lengths, seeds, (length, seed) => {
        const weights = vectorOf(length, seed);
        const gradient = vectorOf(length, seed + 1);
        const state = initialAdamState(length);
        state.m.set(vectorOf(length, seed + 2));
        state.v.set(vectorOf(length, seed + 3).map(Math.abs));
        const { beta1, beta2, epsilon, learningRate } = ADAM;
        const rate = f((learningRate * Math.sqrt(1 - beta2)) / (1 - beta1));
        const g = gradient.map((value) => value * 0.125);
        const m = state.m.map((value, i) => value + f(f((g[i] as number) - value) * f(1 - beta1)));
        const v = state.v.map((value, i) => value + f(f(f((g[i] as number) ** 2) - value) * f(1 - beta2)));
        const updated = weights.map((w, i) => {
          const denominator = f(f(Math.sqrt(v[i] as number)) + f(epsilon));
          return w - f(f(rate * (m[i] as number)) / denominator);
        });
        adamStep(weights, gradient, 0.125, state);
        expect(state.m).toEqual(m);
        expect(state.v).toEqual(v);
        expect(weights).toEqual(updated);
      }),
      { numRuns: 20 },
    );
  });
});
