import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorLengths as lengths, vectorOf } from '../testing/vectors.ts';
import { addInPlace, allUsable, norm } from './vectors.ts';

const seeds = fc.nat(1000);

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
