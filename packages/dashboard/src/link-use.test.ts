import type { WatchedWorker } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { LinkUses } from './link-use.ts';

const worker = (bytesIn: number, bytesOut: number, rest: Partial<WatchedWorker> = {}) =>
  ({ name: 'ada', state: 'computing', since: '2026-01-01T00:00:00Z', bytesIn, bytesOut, ...rest }) as WatchedWorker;

describe('the use of a link', () => {
  /** What is shown after the last of some observations. */
  function shown(...seen: readonly [ms: number, worker: WatchedWorker][]) {
    const uses = new LinkUses();
    const [last] = seen.map(([ms, each]) => uses.observed([each], ms)[0]).slice(-1);
    return [last?.inUse, last?.outUse];
  }

  it('is what went through it in the last seconds', () => {
    expect(shown([0, worker(0, 0)], [250, worker(1000, 0)], [2000, worker(4000, 10_000)])).toEqual([2000, 5000]);
    const steady = Array.from({ length: 41 }, (_, i) => [250 * i, worker(1e6 + i, 250 * i)] as [number, WatchedWorker]);
    expect(shown(...steady)).toEqual([4, 1000]);
    // What was long ago does not count.
    expect(shown([0, worker(0, 0)], [4000, worker(9e9, 0)], [8000, worker(9e9, 400)])).toEqual([0, 100]);
  });

  it('is unknown after one look, or after a long silence', () => {
    expect(shown([0, worker(5000, 0)])).toEqual([null, null]);
    expect(shown([0, worker(0, 0)], [500, worker(5000, 0)])).toEqual([null, null]);
    expect(shown([0, worker(0, 0)], [60_000, worker(5000, 0)])).toEqual([null, null]);
  });

  it('begins anew when a worker comes back, and ends when it is gone', () => {
    const again = { since: '2026-01-01T00:01:00Z' };
    expect(shown([0, worker(5000, 0)], [2000, worker(10, 0, again)])).toEqual([null, null]);
    expect(shown([0, worker(0, 0)], [2000, worker(5000, 0, { state: 'left' })])).toEqual([null, null]);
  });
});
