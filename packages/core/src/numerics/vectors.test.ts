import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorLengths as lengths, vectorOf } from '../testing/vectors.ts';
import {
  addInPlace,
  addScaledInPlace,
  addScaledToRootsInPlace,
  allUsable,
  differencesInPlace,
  differencesOfRootsInPlace,
  norm,
  rootsInPlace,
  squaresInPlace,
} from './vectors.ts';

const seeds = fc.nat(1000);
/** Compared in one go: millions of numbers one by one take seconds. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);

describe('addInPlace', () => {
  it('adds every element in float32', () => {
    fc.assert(
      fc.property(lengths, seeds, (length, seed) => {
        const a = vectorOf(length, seed);
        const b = vectorOf(length, seed + 1);
        const expected = a.map((value, i) => value + (b[i] as number));
        addInPlace(a, b);
        expect(bytesOf(a).equals(bytesOf(expected))).toBe(true);
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

const { abs, fround, sqrt } = Math;

describe('what is computed in float64 and rounded once', () => {
  /** Of a number, another one and a scale. */
  const ON_PAIRS = {
    addScaled: [addScaledInPlace, (a: number, b: number, scale: number) => a + b * scale],
    addScaledToRoots: [
      addScaledToRootsInPlace,
      (a: number, b: number, scale: number) => (fround(sqrt(a)) + b * scale) ** 2,
    ],
    differences: [differencesInPlace, (a: number, b: number, scale: number) => (a - b) * scale],
    differencesOfRoots: [differencesOfRootsInPlace, (a: number, b: number, scale: number) => (sqrt(a) - b) * scale],
  } as const;

  it.each(Object.entries(ON_PAIRS))('%s has the bits of the formula', (_, [inPlace, formula]) => {
    fc.assert(
      fc.property(lengths, seeds, fc.double({ min: -1e3, max: 1e3, noNaN: true }), (length, seed, scale) => {
        const a = vectorOf(length, seed).map(abs);
        const b = vectorOf(length, seed + 1);
        const expected = a.map((value, i) => formula(value, b[i] as number, scale));
        inPlace(a, b, scale);
        expect(bytesOf(a).equals(bytesOf(expected))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses vectors of different lengths', () => {
    for (const [inPlace] of Object.values(ON_PAIRS)) {
      expect(() => inPlace(new Float32Array(3), new Float32Array(2), 1)).toThrow(
        expect.objectContaining({ code: 'E_BAD_SHAPE' }),
      );
    }
  });

  it.each([
    ['roots', rootsInPlace, sqrt],
    ['squares', squaresInPlace, (value: number) => value * value],
  ] as const)('%s are those of each number', (_, inPlace, formula) => {
    fc.assert(
      fc.property(lengths, seeds, (length, seed) => {
        const numbers = vectorOf(length, seed).map(abs);
        const expected = numbers.map(formula);
        inPlace(numbers);
        expect(bytesOf(numbers).equals(bytesOf(expected))).toBe(true);
      }),
      { numRuns: 30 },
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

describe('allUsable', () => {
  it('finds what is not, wherever it is', () => {
    fc.assert(
      fc.property(
        lengths,
        fc.nat(),
        fc.constantFrom(NaN, Infinity, -Infinity, 3e38, -(2 ** 63 * 1.000001)),
        (length, place, value) => {
          const vector = vectorOf(length, 1).map((x) => Math.max(-(2 ** 63), Math.min(x, 2 ** 63)));
          expect(allUsable(vector)).toBe(true);
          if (length === 0) return;
          vector[place % length] = value;
          expect(allUsable(vector)).toBe(false);
          // What was behind the end of a vector before is none of its numbers.
          expect(allUsable(vector.subarray(0, place % length))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });
});
