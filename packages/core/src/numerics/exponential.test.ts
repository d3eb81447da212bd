import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exp } from './exponential.ts';

it('is within 2 ulp of Math.exp', () => {
  fc.assert(
    fc.property(fc.double({ min: -708, max: 709, noNaN: true }), (x) => {
      const expected = Math.exp(x);
      expect(Math.abs(exp(x) - expected)).toBeLessThanOrEqual(expected * 2 ** -51);
    }),
    { numRuns: 1000 },
  );
});

it('is exact at 0', () => {
  expect(exp(0)).toBe(1);
  expect(exp(-0)).toBe(1);
});

it('ends where doubles do', () => {
  expect(exp(709.7827)).toBeLessThan(Infinity);
  expect([710, Infinity].map(exp)).toEqual([Infinity, Infinity]);
  expect(exp(-740)).toBeGreaterThan(0);
  expect(exp(-740)).toBeLessThan(2 ** -1060);
  expect([-746, -Infinity].map(exp)).toEqual([0, 0]);
  expect(exp(NaN)).toBeNaN();
});
