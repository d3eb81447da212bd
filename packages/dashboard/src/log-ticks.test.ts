import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { logTicks } from './log-ticks.ts';

it('marks round values', () => {
  expect(logTicks(0.01, 100)).toEqual([0.01, 0.1, 1, 10, 100]);
  expect(logTicks(0.55, 2.1)).toEqual([0.7, 1, 1.5, 2]);
  expect(logTicks(0.5, 25)).toEqual([1, 3, 10]);
  expect(logTicks(22_000, 28_000)).toEqual([22_000, 24_000, 26_000, 28_000]);
});

it('has a few marks, within the range and ascending, however wide or narrow that is', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -6, max: 6, noNaN: true }),
      fc.double({ min: 0.08, max: 9, noNaN: true }),
      (low, width) => {
        const [min, max] = [10 ** low, 10 ** (low + width)];
        const ticks = logTicks(min, max);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(12);
        expect(ticks).toEqual(ticks.toSorted((a, b) => a - b));
        for (const tick of ticks) expect(tick >= min * (1 - 1e-9) && tick <= max * (1 + 1e-9)).toBe(true);
      },
    ),
  );
});
