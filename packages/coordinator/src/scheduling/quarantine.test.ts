import { GantryError } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { Quarantine } from './quarantine.ts';
import { ScheduledRun as Run } from '../testing/scheduled-run.ts';

const GOOD = 1;

describe('invalid results', () => {
  it('are counted for each worker, and the third is one too many', () => {
    const quarantine = new Quarantine(() => undefined);
    expect([quarantine.count('bad'), quarantine.count('bad'), quarantine.count('other')]).toEqual([1, 2, 1]);
    expect(quarantine.has('bad')).toBe(false);
    expect(quarantine.count('bad')).toBe(3);
    expect(quarantine.has('bad')).toBe(true);
    expect(quarantine.has('other')).toBe(false);
  });

  it('of workers that always come under new names take no memory without bound', () => {
    const quarantine = new Quarantine(() => undefined);
    for (let i = 0; i < 3; i++) quarantine.count('bad');
    for (let i = 0; i < 9999; i++) quarantine.count(`name ${i}`);
    expect(quarantine.has('bad')).toBe(true);
    quarantine.count('one more');
    expect(quarantine.has('bad')).toBe(false);
  });
});

describe('news of shards that are computed', () => {
  const news = (index: number, round = 0) => ({ round, index, computeMs: 1, waitMs: 0 });
  const invalidOf = ({ events }: Run) => events.filter(({ type }) => type === 'invalid');

  it('that the worker was not given are invalid, and the third is one too many', async () => {
    const run = new Run();
    const floods = run.join('floods');
    const honest = run.join('honest');
    const round = run.round(2);
    const [others = -1] = run.heldBy(honest);
    for (const each of [news(others), news(9), news(0, 3), news(0, 4)]) run.scheduler.computed(floods, each);
    expect(run.scheduler.quarantine.has('floods')).toBe(true);
    expect(invalidOf(run)).toHaveLength(3);
    expect(run.scheduler.workers).toEqual([honest]);
    for (const index of run.heldBy(honest)) run.answer(honest, index, GOOD);
    expect((await round).root).toEqual(Float32Array.of(2 * GOOD));
  });

  it('count once for each time that it was given them', () => {
    const run = new Run();
    const worker = run.join('repeats');
    void run.round(2);
    const [index = -1] = run.heldBy(worker);
    run.scheduler.computed(worker, news(index));
    expect(invalidOf(run)).toEqual([]);
    run.scheduler.computed(worker, news(index));
    expect(invalidOf(run)).toEqual([expect.objectContaining({ code: 'E_NOT_ASSIGNED' })]);
  });

  it('that cross with their being taken back, or with the end of the round, are not', async () => {
    const run = new Run();
    const slow = run.join('slow');
    const round = run.round(4);
    const given = run.heldBy(slow);
    // It is there for all that the slow one has not begun.
    const quick = run.join('quick');
    const stolen = given.filter((index) => !run.heldBy(slow).includes(index));
    expect(stolen.length).toBeGreaterThan(0);
    for (const index of stolen) run.scheduler.computed(slow, news(index));
    while (run.heldBy(quick).length > 0) run.answer(quick, run.heldBy(quick)[0] ?? -1, GOOD);
    const [last = -1] = run.heldBy(slow);
    run.answer(slow, last, GOOD);
    await round;
    run.scheduler.computed(slow, news(last));
    expect(invalidOf(run)).toEqual([]);
  });
});

describe('a worker that comes back', () => {
  it('has the invalid results that it gave before, of whatever kind', () => {
    const run = new Run();
    run.scheduler.failure(run.join('bad'), new GantryError('E_ENGINE', 'out of memory'));
    run.scheduler.violation(run.join('bad'), new GantryError('E_PROTOCOL', 'noise'));
    expect(run.scheduler.quarantine.has('bad')).toBe(false);
    run.answer(run.join('bad'), 0, GOOD);
    expect(run.scheduler.quarantine.has('bad')).toBe(true);
    const codes = run.events.filter((event) => event.type === 'invalid').map(({ code }) => code);
    expect(codes).toEqual(['E_ENGINE', 'E_PROTOCOL', 'E_NOT_ASSIGNED']);
    expect(run.events.filter(({ type }) => type === 'quarantined')).toHaveLength(1);
  });

  it('gives no second opinion on a shard at which it failed', async () => {
    const run = new Run();
    const bad = run.join('bad');
    const honest = run.join('honest');
    const round = run.round(2);
    for (const index of run.heldBy(bad)) run.answer(bad, index, NaN);
    run.scheduler.leave(bad, 'the connection was closed');
    const back = run.join('bad');
    // It has nothing to do, and would take over what the other one has not begun.
    for (const index of run.heldBy(back)) run.answer(back, index, NaN);
    for (const index of run.heldBy(honest)) run.answer(honest, index, GOOD);
    expect((await round).root).toEqual(Float32Array.of(2 * GOOD));
  });

  it('has to do for a second opinion where nobody else is there', async () => {
    const run = new Run();
    const round = run.round(1);
    const first = run.join('only');
    run.answer(first, 0, NaN);
    run.scheduler.leave(first, 'the connection was closed');
    run.answer(run.join('only'), 0, NaN);
    await expect(round).rejects.toMatchObject({ code: 'E_DIVERGED' });
  });
});
