import type { WatchedMetrics } from '@gantry/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LINES, extended, refined, smoothed } from './history.ts';

const line = (step: number) => ({ step }) as WatchedMetrics;
const lines = (first: number, last: number, stride = 1) =>
  Array.from({ length: Math.floor((last - first) / stride) + 1 }, (_, i) => line(first + i * stride));
const stepsOf = (list: readonly WatchedMetrics[]) => list.map(({ step }) => step);

describe('the history', () => {
  it('grows by what is new', () => {
    expect(stepsOf(extended([line(1), line(2)], [line(2), line(3)]))).toEqual([1, 2, 3]);
    expect(stepsOf(extended([], [line(5)]))).toEqual([5]);
  });

  it('stays bounded and in order, and keeps its first and its last step, however long a run is', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 12 }), (pieces) => {
        let history: readonly WatchedMetrics[] = [];
        let step = 0;
        for (const length of pieces) {
          history = extended(history, lines(step + 1, step + length));
          step += length;
        }
        const steps = stepsOf(history);
        expect(steps.length).toBeLessThanOrEqual(MAX_LINES);
        expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b));
        if (step > 0) expect([steps[0], steps.at(-1)]).toEqual([1, step]);
      }),
    );
  });

  it('keeps the beginning of a run as fine as the rest, though it was downsampled more often', () => {
    let history: readonly WatchedMetrics[] = lines(1, 16_000, 8);
    for (let step = 16_000; step < 200_000; step += 50) history = extended(history, lines(step + 1, step + 50));
    const firstHalf = history.filter(({ step }) => step <= 100_000).length;
    expect(firstHalf).toBeGreaterThan(700);
  });

  it('takes in detail', () => {
    expect(stepsOf(refined(lines(1, 17, 4), lines(5, 9)))).toEqual([1, 5, 6, 7, 8, 9, 13, 17]);
    expect(stepsOf(refined(lines(1, 9, 4), lines(7, 11)))).toEqual([1, 5, 7, 8, 9, 10, 11]);
    expect(stepsOf(refined(lines(1, 9, 4), []))).toEqual([1, 5, 9]);
  });
});

describe('smoothing', () => {
  const points = fc.array(fc.tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 9 })));

  it('changes nothing with a span of 0, and never leaves the range of the values', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 0, max: 50 }), (pairs, span) => {
        const values = pairs.map(([value]) => value);
        let step = 0;
        const steps = pairs.map(([, gap]) => (step += gap));
        const curve = smoothed(values, steps, span);
        expect(curve).toHaveLength(values.length);
        if (span === 0) expect(curve).toEqual(values);
        const room = 1e-6 * Math.max(1, ...values.map(Math.abs));
        for (const value of curve) {
          expect(value).toBeGreaterThanOrEqual(Math.min(...values) - room);
          expect(value).toBeLessThanOrEqual(Math.max(...values) + room);
        }
      }),
    );
  });

  it('does not depend on how sparse the history is', () => {
    const fine = Array.from({ length: 101 }, (_, i) => i + 1);
    const coarse = fine.filter((step) => step % 2 === 1);
    const jump = (step: number) => (step === 1 ? 0 : 1);
    const ends = [fine, coarse].map((steps) => smoothed(steps.map(jump), steps, 30).at(-1));
    expect(ends[0]).toBeCloseTo(ends[1] ?? NaN, 12);
  });
});
