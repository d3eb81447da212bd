import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorLengths } from '../testing/vectors.ts';
import { norm } from '../numerics/vectors.ts';
import { clipFactor } from './clip.ts';

const positive = fc.double({ min: 1e-3, max: 1e3, noNaN: true });

/** Different numbers of similar magnitude. */
const gradientOf = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(i + seed));

describe('clipFactor', () => {
  it('makes a longer gradient as long as it may be, and leaves its direction', () => {
    fc.assert(
      fc.property(vectorLengths, fc.nat(1000), positive, (length, seed, part) => {
        const gradient = gradientOf(length, seed);
        fc.pre(norm(gradient) > 0);
        const clipNorm = norm(gradient) / (1 + part);
        const factor = Math.fround(clipFactor(norm(gradient), clipNorm));
        expect(factor).toBeGreaterThan(0);
        const ratio = norm(gradient.map((value) => value * factor)) / clipNorm;
        expect(ratio).toBeLessThanOrEqual(1 + 2 ** -22);
        expect(ratio).toBeGreaterThanOrEqual(1 - 2 ** -22);
      }),
      { numRuns: 50 },
    );
  });

  it('is exactly 1 up to the norm that is allowed', () => {
    fc.assert(
      fc.property(positive, fc.double({ min: 0, max: 1, noNaN: true }), (clipNorm, part) => {
        expect(clipFactor(clipNorm * part, clipNorm)).toBe(1);
      }),
    );
    expect(clipFactor(0, 1)).toBe(1);
  });

  it('is the quotient above it', () => {
    expect(clipFactor(8, 1)).toBe(1 / 8);
    expect(clipFactor(3, 0.7)).toBe(0.7 / 3);
  });
});
