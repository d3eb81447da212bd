import type { RunEvent } from '@gantry/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScheduledRun } from '../testing/scheduled-run.ts';
import { watchedStalls } from '../monitoring/watched-workers.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const SECOND = 1000;
const NOBODY = {
  type: 'waiting',
  cause: 'no worker has joined yet',
  remedy: 'attach one with: gantry worker ws://here',
};

/** What was said of stalls and waiting. */
const said = ({ events }: ScheduledRun): RunEvent[] =>
  events.filter(({ type }) => type === 'waiting' || type === 'stall');

describe('a run without workers', () => {
  it('says so after a moment, and then every minute', () => {
    const run = new ScheduledRun();
    run.scheduler.arrivals.openTo('gantry worker ws://here', undefined);
    void run.round(1);
    vi.advanceTimersByTime(4 * SECOND);
    expect(said(run)).toEqual([]);
    vi.advanceTimersByTime(1 * SECOND);
    expect(said(run)).toEqual([NOBODY]);
    vi.advanceTimersByTime(59 * SECOND);
    expect(said(run)).toEqual([NOBODY]);
    vi.advanceTimersByTime(60 * SECOND);
    expect(said(run)).toEqual([NOBODY, NOBODY]);
    expect(watchedStalls(run.scheduler.view)).toEqual([{ cause: NOBODY.cause, remedy: NOBODY.remedy }]);
  });

  it('says what else it waits for when that changes, and stops when a worker is there', () => {
    const run = new ScheduledRun();
    const { arrivals } = run.scheduler;
    let own = 5;
    arrivals.openTo('gantry worker ws://here', () => own);
    void run.round(1);
    vi.advanceTimersByTime(5 * SECOND);
    const natives = [1, 2, 3, 4].map((i) => ({ name: `local-${i}`, engine: 'native' }));
    const other = { name: 'tab', engine: 'onnx' };
    for (const newcomer of [other, ...natives]) arrivals.begin(newcomer);
    vi.advanceTimersByTime(5 * SECOND);
    expect(watchedStalls(run.scheduler.view)).toEqual([]);
    for (const newcomer of natives) arrivals.end(newcomer);
    vi.advanceTimersByTime(60 * SECOND);
    arrivals.end(other);
    const link = run.join('tab');
    vi.advanceTimersByTime(4 * SECOND);
    own = 0;
    run.scheduler.leave(link, 'the connection was closed');
    vi.advanceTimersByTime(4 * SECOND);
    expect(said(run)).toEqual([
      { type: 'waiting', cause: 'the workers of this machine are starting' },
      { type: 'waiting', cause: 'local-1 and local-2 and local-3 and 1 more compile the model' },
      { type: 'waiting', cause: 'tab loads the model' },
      {
        type: 'waiting',
        cause: 'no worker is left',
        remedy: 'stop the run and resume it: that starts its workers again',
      },
    ]);
  });
});

describe('a worker that computes', () => {
  it.each([0, 1e9])(
    'is not said to stall a round as long as a shard takes no longer than usual; claimed: %i ms',
    (ms) => {
      const run = new ScheduledRun();
      const slow = run.join('slow');
      void run.round(2);
      vi.advanceTimersByTime(9 * SECOND);
      run.answer(slow, 0, 1, ms);
      // Its shards take 9 s.
      vi.advanceTimersByTime(26 * SECOND);
      expect(said(run)).toEqual([]);
      expect(watchedStalls(run.scheduler.view)).toEqual([]);
      vi.advanceTimersByTime(3 * SECOND);
      expect(said(run)).toEqual([
        {
          type: 'stall',
          shard: 1,
          worker: 'slow',
          cause: expect.stringMatching(/^no answer for 2\d\.\d s$/),
          remedy: 'the first worker that is free and not late computes it, too; if there is none, attach one',
        },
      ]);
      vi.advanceTimersByTime(4 * SECOND);
      expect(said(run)).toHaveLength(2);
    },
  );
});
