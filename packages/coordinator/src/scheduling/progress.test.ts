import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScheduledRun } from '../testing/scheduled-run.ts';

const STEPS = 4;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const invalid = ({ events }: ScheduledRun) => events.filter(({ type }) => type === 'invalid');

describe('a worker that says how far it is', () => {
  it('may do so for each batch, also of a unit that it no longer has', () => {
    const run = new ScheduledRun();
    const [one, other] = [run.join('one'), run.join('other')];
    void run.round(2, STEPS);
    const [index = -1] = run.heldBy(one);
    run.scheduler.leave(other, 'the connection was closed');
    run.answer(one, index, 1);
    for (let batches = 1; batches <= STEPS; batches++) run.scheduler.progress(one, { round: 0, index, batches });
    expect(invalid(run)).toEqual([]);
  });

  it('to have computed all of a unit has begun the next one, which nobody takes over any more', async () => {
    const run = new ScheduledRun();
    const [busy, idle] = [run.join('busy'), run.join('idle')];
    const round = run.round(4, STEPS);
    const [first = -1, second = -1] = run.heldBy(busy);
    expect(run.heldBy(idle)).toHaveLength(2);
    vi.advanceTimersByTime(100);
    run.scheduler.progress(busy, { round: 0, index: first, batches: STEPS });
    // The answer to that takes a while.
    for (const index of run.heldBy(idle)) run.answer(idle, index, 1);
    expect([run.heldBy(busy), run.heldBy(idle)]).toEqual([[first, second], []]);
    for (const index of [first, second]) run.answer(busy, index, 1);
    expect((await round).root).toEqual(Float32Array.of(4));
  });

  it('may not keep the coordinator busy with it', () => {
    const run = new ScheduledRun();
    const [talks] = [run.join('talks'), run.join('other')];
    void run.round(2, STEPS);
    const [index = -1] = run.heldBy(talks);
    for (let i = 0; i < STEPS + 2; i++) run.scheduler.progress(talks, { round: 0, index, batches: 1 });
    run.scheduler.progress(talks, { round: 7, index: 0, batches: 1 });
    expect(invalid(run)).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ worker: 'talks', code: 'E_NOT_ASSIGNED' })),
    );
    expect(run.scheduler.workers.map(({ name }) => name)).toEqual(['other']);
  });

  it('does not decide alone what is usual', () => {
    const run = new ScheduledRun();
    const [liar, ...honest] = ['liar', 'a', 'b'].map((name) => run.join(name));
    void run.round(3, 200);
    vi.advanceTimersByTime(1000);
    for (const link of honest)
      for (const index of run.heldBy(link)) run.scheduler.progress(link, { round: 0, index, batches: 1 });
    const usual = run.scheduler.view.msPerSample;
    for (const index of liar ? run.heldBy(liar) : [])
      for (let batches = 1; batches < 200; batches++)
        if (liar) run.scheduler.progress(liar, { round: 0, index, batches });
    expect(run.scheduler.view.msPerSample).toBe(usual);
  });
});
