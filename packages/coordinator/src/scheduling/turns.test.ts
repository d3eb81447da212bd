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

it('who waits for weights gets nothing of the next round, and who has something of it gets those first', async () => {
  const sent: string[] = [];
  const run = new ScheduledRun();
  const join = (name: string, state: { isBehind?: () => boolean; isWaiting?: () => boolean } = {}) =>
    run.join(name, { setWeights: () => void sent.push(name), ...state });
  join('behind', { isBehind: () => true });
  const [ready, waits] = [join('ready'), join('waits', { isWaiting: () => true })];
  const round = run.round(1, 1, undefined, { ahead: 2 });
  const [index = -1] = run.heldBy(ready);
  expect(run.heldBy(waits)).toEqual([]);
  run.answer(ready, index, 1);
  await round;
  expect([run.heldBy(ready).length, run.heldBy(waits).length]).toEqual([1, 0]);
  sent.length = 0;
  void run.round(2, 1, undefined, { number: 1 });
  expect(sent).toEqual(['ready', 'behind', 'waits']);
});
