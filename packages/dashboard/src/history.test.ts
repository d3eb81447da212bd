import type { WatchedMetrics } from '@gantry/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LINES, extended, smoothed } from './history.ts';

const line = (step: number) => ({ step }) as WatchedMetrics;
const stepsOf = (lines: readonly WatchedMetrics[]) => lines.map(({ step }) => step);

describe('the history', () => {
  it('grows by what is new', () => {
    expect(stepsOf(extended([line(1), line(2)], [line(2), line(3)]))).toEqual([1, 2, 3]);
    expect(stepsOf(extended([], [line(5)]))).toEqual([5]);
  });

  it('stays bounded and in order, and keeps its first and its last step, however long a run is', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 12 }), (pieces) => {
        let history: WatchedMetrics[] = [];
        let step = 0;
        for (const length of pieces) {
          history = extended(
            history,
            Array.from({ length }, () => line(++step)),
          );
        }
        const steps = stepsOf(history);
        expect(steps.length).toBeLessThanOrEqual(MAX_LINES);
        expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b));
        if (step > 0) expect([steps[0], steps.at(-1)]).toEqual([1, step]);
      }),
    );
  });
});

describe('smoothing', () => {
  it('changes nothing with a span of 0, and never leaves the range of the values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true })),
        fc.integer({ min: 0, max: 50 }),
        (values, span) => {
          const curve = smoothed(values, span);
          expect(curve).toHaveLength(values.length);
          if (span === 0) expect(curve).toEqual(values);
          const room = 1e-6 * Math.max(1, ...values.map(Math.abs));
          for (const value of curve) {
            expect(value).toBeGreaterThanOrEqual(Math.min(...values) - room);
            expect(value).toBeLessThanOrEqual(Math.max(...values) + room);
          }
        },
      ),
    );
  });
});
