import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { downsampled, stepFilter } from './downsample.ts';

const lines = (first: number, count: number) => Array.from({ length: count }, (_, i) => ({ step: first + i }));
const stepsOf = (kept: readonly { readonly step: number }[]) => kept.map(({ step }) => step);

const firsts = fc.integer({ min: 1, max: 1000 });
const counts = fc.integer({ min: 1, max: 3000 });
const limits = fc.integer({ min: 2, max: 500 });

describe('a downsampled history', () => {
  it('is every n-th step and the last, n a power of two', () => {
    expect(stepsOf(downsampled(lines(10, 491), 3))).toEqual([10, 266, 500]);
    expect(stepsOf(downsampled(lines(1, 10), 5))).toEqual([1, 5, 9, 10]);
    expect(stepsOf(downsampled(lines(1, 9), 5))).toEqual([1, 3, 5, 7, 9]);
    expect(downsampled([], 2)).toEqual([]);
  });

  it('is bounded, ascending and evenly spaced, and has the first, the last and half of what it may have', () => {
    fc.assert(
      fc.property(firsts, counts, limits, (first, count, limit) => {
        const steps = stepsOf(downsampled(lines(first, count), limit));
        expect(steps.length).toBeLessThanOrEqual(limit);
        expect(steps.length).toBeGreaterThanOrEqual(Math.min(count, Math.floor(limit / 2)));
        expect([steps[0], steps.at(-1)]).toEqual([first, first + count - 1]);
        const gaps = steps.slice(1).map((step, i) => step - (steps[i] ?? 0));
        const [gap = 1] = gaps;
        // Only the last step may be nearer to the one before.
        expect(gaps.slice(0, -1).every((each) => each === gap)).toBe(true);
        expect(gaps.at(-1) ?? 1).toBeGreaterThan(0);
        expect(gaps.at(-1) ?? 1).toBeLessThanOrEqual(gap);
        if (gaps.length > 1) expect(Math.log2(gap) % 1).toBe(0);
      }),
    );
  });

  it('is all of it where that is few enough', () => {
    fc.assert(
      fc.property(firsts, counts, (first, count) => {
        const all = lines(first, count);
        expect(downsampled(all, Math.max(2, count))).toEqual(all);
      }),
    );
  });

  it('downsampled again is what all of it would become at once', () => {
    fc.assert(
      fc.property(firsts, counts, limits, limits, (first, count, one, other) => {
        const all = lines(first, count);
        const [limit, smaller] = [Math.max(one, other), Math.min(one, other)];
        expect(downsampled(downsampled(all, limit), smaller)).toEqual(downsampled(all, smaller));
      }),
    );
  });

  it('that grows, whatever the pieces, is what all of it would become at once', () => {
    fc.assert(
      fc.property(
        firsts,
        fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 12 }),
        limits,
        (first, pieces, limit) => {
          let history: readonly { readonly step: number }[] = [];
          let step = first;
          for (const count of pieces) {
            history = downsampled([...history, ...lines(step, count)], limit);
            step += count;
          }
          expect(history).toEqual(downsampled(lines(first, step - first), limit));
        },
      ),
    );
  });

  it('cannot have fewer than two lines', () => {
    for (const limit of [1, 0, -1, NaN]) expect(() => stepFilter(1, 9, limit)).toThrow(RangeError);
  });
});
