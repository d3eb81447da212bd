import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { strideOf, thin } from '../storage/history-reader.ts';
import { Ring } from './ring.ts';
import { DownsampledHistory } from './downsampled-history.ts';

const gapsOf = (steps: readonly number[]) => steps.slice(1).map((step, i) => step - (steps[i] ?? 0));

test('a history of any length keeps its first and last step, evenly spaced, in bounded memory', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2, max: 60 }), (count, limit) => {
      const history = new DownsampledHistory<{ step: number }>(limit);
      for (let step = 1; step <= count; step++) history.add({ step });
      const steps = history.lines().map(({ step }) => step);
      expect([steps[0], steps.at(-1)]).toEqual([1, count]);
      expect(steps.length).toBeLessThanOrEqual(limit);
      expect(steps.length).toBeGreaterThanOrEqual(Math.min(count, Math.floor(limit / 2)));
      const gaps = gapsOf(steps);
      // Only the last step may be nearer.
      expect(new Set(gaps.slice(0, -1)).size).toBeLessThanOrEqual(1);
      expect(gaps.at(-1) ?? 0).toBeLessThanOrEqual(gaps[0] ?? 0);
    }),
  );
});

test('thinning keeps the first and the last, evenly, and as many as it may within a factor of two', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 2, max: 500 }), (count, points) => {
      const kept = thin(
        Array.from({ length: count }, (_, i) => i),
        points,
      );
      expect([kept[0], kept.at(-1)]).toEqual([0, count - 1]);
      expect(kept.length).toBeLessThanOrEqual(points);
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(count, Math.floor(points / 2)));
      const gaps = gapsOf(kept);
      expect(gaps.slice(0, -1).every((gap) => gap === strideOf(count, points))).toBe(true);
    }),
  );
});

test('a ring gives what came since, as far as it is kept', () => {
  const ring = new Ring<number>(3);
  expect([ring.since(0), ring.count]).toEqual([[], 0]);
  for (let i = 0; i < 5; i++) ring.push(i);
  expect(ring.all()).toEqual([2, 3, 4]);
  expect([0, 2, 3, 4, 5, 6].map((seen) => ring.since(seen))).toEqual([[2, 3, 4], [2, 3, 4], [3, 4], [4], [], []]);
});
