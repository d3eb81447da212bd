import { samplesIn } from '@gantry/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScheduledRun } from '../testing/scheduled-run.ts';
import type { SchedulerOptions } from './scheduler.ts';

const GOOD = 1;
const BAD = 2;
const NEW = { isTrusted: false };
/** Whose word is the last one. */
const REFEREE: SchedulerOptions = {
  startReferee: () =>
    Promise.resolve({
      engine: 'none',
      numericClass: '0',
      probe: '0',
      compute: (_, unit) => Promise.resolve(new Float32Array(samplesIn(unit) / 2).fill(GOOD)),
      dispose: () => Promise.resolve(),
    }),
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An answer to a shard takes a tenth of a second: workers are as fast as each other. */
function answer(run: ScheduledRun, ...given: Parameters<ScheduledRun['answer']>): void {
  vi.advanceTimersByTime(100);
  run.answer(...given);
}

const typesOf = ({ events }: ScheduledRun) => events.map(({ type }) => type);
/** Lets what was promised happen. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a newcomer', () => {
  it('computes one shard that another worker computes, too, and gets work of its own once they agree', async () => {
    const run = new ScheduledRun();
    const [known, newcomer] = [run.join('known'), run.join('new', NEW)];
    const round = run.round(4);
    expect(run.heldBy(known)).toEqual([0, 1, 2, 3]);
    expect(run.heldBy(newcomer)).toEqual([0]);
    answer(run, newcomer, 0, GOOD);
    expect(run.heldBy(newcomer)).toEqual([]);
    answer(run, known, 0, GOOD);
    expect(run.heldBy(newcomer).length).toBeGreaterThan(0);
    for (const worker of [known, newcomer]) {
      for (const index of run.heldBy(worker)) answer(run, worker, index, GOOD);
    }
    const { root, work } = await round;
    expect(root).toEqual(Float32Array.of(4 * GOOD));
    expect(work.find(({ shard }) => shard === 0)?.worker).toBe('known');
  });

  it('that answers late, or never, holds nobody up and costs nothing', async () => {
    const run = new ScheduledRun();
    const known = run.join('known');
    const hung = Array.from({ length: 5 }, (_, i) => run.join(`hung ${i}`, NEW));
    const round = run.round(3);
    for (const index of run.heldBy(known)) answer(run, known, index, GOOD);
    expect((await round).root).toEqual(Float32Array.of(3 * GOOD));
    for (const worker of hung) expect(run.heldBy(worker)).toEqual([0]);
    for (const type of ['requeued', 'duplicated', 'invalid']) expect(typesOf(run)).not.toContain(type);
    const [late = known, ...others] = hung;
    answer(run, late, 0, GOOD);
    const next = run.round(4);
    expect(run.heldBy(late).length).toBeGreaterThan(0);
    for (const worker of others) expect(run.heldBy(worker)).toEqual([0]);
    for (const worker of [known, late]) for (const index of run.heldBy(worker)) answer(run, worker, index, GOOD);
    await next;
  });

  it('has time for a unit that takes longer than its patience, as long as it says that it goes on', () => {
    const run = new ScheduledRun();
    const [known, newcomer] = [run.join('known'), run.join('new', NEW)];
    void run.round(3, 30);
    for (let batches = 1; batches < 30; batches++) {
      vi.advanceTimersByTime(batches === 1 ? 400 : 1500);
      for (const link of [known, newcomer]) run.scheduler.progress(link, { round: 0, index: 0, batches });
    }
    // Somebody comes, and the scheduler looks at who could do what.
    run.join('another', NEW);
    expect(run.heldBy(newcomer)).toEqual([0]);
    run.answer(known, 0, GOOD);
    run.answer(newcomer, 0, GOOD);
    expect(run.heldBy(newcomer)).toHaveLength(1);
  });

  it('of another numeric class may differ by rounding, and by no more', () => {
    for (const [value, isLike] of [
      [GOOD * 1.0001, true],
      [GOOD * 1.1, false],
    ] as const) {
      const run = new ScheduledRun();
      const [known, newcomer] = [run.join('known'), run.join('new', { ...NEW, numericClass: '1' })];
      void run.round(4);
      answer(run, newcomer, 0, value);
      answer(run, known, 0, GOOD);
      expect(run.heldBy(newcomer).length > 0).toBe(isLike);
    }
  });

  it('has to do without when nobody else is there', async () => {
    const run = new ScheduledRun();
    const [known, newcomer] = [run.join('known'), run.join('new', NEW)];
    const round = run.round(2);
    run.scheduler.leave(known, 'the connection was closed');
    answer(run, newcomer, 0, GOOD);
    for (const index of new Set(run.heldBy(newcomer))) answer(run, newcomer, index, GOOD);
    expect((await round).root).toEqual(Float32Array.of(2 * GOOD));
  });

  it('whose answers are wrong counts for nothing, and the third is one too many', async () => {
    const run = new ScheduledRun(REFEREE);
    const [known, newcomer] = [run.join('known'), run.join('bad', NEW)];
    for (let i = 0; i < 3; i++) {
      const round = run.round(2);
      const [shared = -1] = run.heldBy(newcomer);
      answer(run, newcomer, shared, BAD);
      for (const index of run.heldBy(known)) answer(run, known, index, GOOD);
      expect((await round).root).toEqual(Float32Array.of(2 * GOOD));
      await settled();
    }
    expect(run.events.filter(({ type }) => type === 'invalid')).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ worker: 'bad', code: 'E_WRONG_RESULT' })),
    );
    expect(run.scheduler.workers).toEqual([known]);
  });

  it('is not the one to blame where the other one lied: the run goes back to before that', async () => {
    const run = new ScheduledRun(REFEREE);
    const [liar, newcomer] = [run.join('liar'), run.join('honest', NEW)];
    const round = run.round(4);
    answer(run, newcomer, 0, GOOD);
    answer(run, liar, 0, BAD);
    await expect(round).rejects.toMatchObject({ code: 'E_AUDIT' });
    expect(run.events).toContainEqual(expect.objectContaining({ type: 'lied', worker: 'liar' }));
    expect(run.scheduler.workers).toEqual([newcomer]);
    expect(run.scheduler.goBack()).toMatchObject({ worker: 'liar', first: 1, last: 1 });
  });
});
