import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosSinTurns, log } from './elementary.ts';

describe('log', () => {
  it('is within 2 ulp of Math.log', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -60, max: 2 ** 60, noNaN: true }), (x) => {
        const expected = Math.log(x);
        expect(Math.abs(log(x) - expected)).toBeLessThanOrEqual(Math.abs(expected) * 2 ** -51);
      }),
    );
  });

  it('is exact at 1', () => expect(log(1)).toBe(0));
});

describe('cosSinTurns', () => {
  it('agrees with Math.cos and Math.sin', () => {
    const out = new Float64Array(2);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (turns) => {
        cosSinTurns(turns, out);
        // Math.cos gets a rounded argument; that alone moves it by up to 2π·2⁻⁵³.
        expect(Math.abs((out[0] ?? NaN) - Math.cos(2 * Math.PI * turns))).toBeLessThan(2e-15);
        expect(Math.abs((out[1] ?? NaN) - Math.sin(2 * Math.PI * turns))).toBeLessThan(2e-15);
      }),
    );
  });

  it('is exact at quarter turns', () => {
    const out = new Float64Array(2);
    const at = (turns: number) => {
      cosSinTurns(turns, out);
      return [...out].map((x) => x + 0);
    };
    expect([at(0), at(0.25), at(0.5), at(0.75)]).toEqual([
      [1, 0],
      [0, 1],
      [-1, 0],
      [0, -1],
    ]);
  });
});
