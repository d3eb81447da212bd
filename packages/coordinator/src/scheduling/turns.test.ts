import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ScheduledRun } from '../testing/scheduled-run.ts';

const SECOND = 1000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('a worker that waits for its turn keeps what it will begin with, and is late only if it takes too long after that', () => {
  let isWaiting = true;
  const run = new ScheduledRun();
  const [first, last] = [run.join('first'), run.join('last', { isWaiting: () => isWaiting })];
  void run.round(4);
  const taken = () => run.events.filter(({ type }) => type === 'stolen' || type === 'duplicated');
  const own = run.heldBy(last);
  expect(own).toHaveLength(2);
  vi.advanceTimersByTime(1);
  for (const index of run.heldBy(first)) run.answer(first, index, 1);
  // What it will not begin with can be done meanwhile.
  expect(taken()).toEqual([{ type: 'stolen', shard: own[1], from: 'last', worker: 'first' }]);
  for (const index of run.heldBy(first)) run.answer(first, index, 1);
  vi.advanceTimersByTime(60 * SECOND);
  expect([taken().length, run.heldBy(last)]).toEqual([1, own.slice(0, 1)]);

  isWaiting = false;
  run.scheduler.caughtUp(last);
  expect(taken()).toHaveLength(1);
  vi.advanceTimersByTime(10 * SECOND);
  expect(taken()[1]).toMatchObject({ type: 'duplicated', shard: own[0], from: 'last', worker: 'first' });
});
