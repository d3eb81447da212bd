import { samplesIn } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { ScheduledRun } from '../testing/scheduled-run.ts';
import type { Referee } from './referee.ts';

const GOOD = 1;
const BAD = 2;

function referee(compute: Referee['compute']): () => Promise<Referee> {
  return () =>
    Promise.resolve({ engine: 'none', numericClass: '0', probe: '0', compute, dispose: () => Promise.resolve() });
}
const honestReferee = referee((_, unit) => Promise.resolve(new Float32Array(samplesIn(unit) / 2).fill(GOOD)));

/** A run in which every unit is computed twice. */
const audited = (startReferee = honestReferee) => new ScheduledRun({ audit: { rate: 1 }, startReferee });
/** Lets what was promised happen. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
const named = ({ events }: ScheduledRun, type: string) =>
  events.flatMap((event) => (event.type === type && 'worker' in event ? [event.worker] : []));

describe('where every unit is audited', () => {
  it('one counts once two workers have given the same bits', async () => {
    const run = audited();
    const workers = [run.join('ada'), run.join('bob')];
    const round = run.round(2);
    for (const worker of workers) {
      expect(new Set(run.heldBy(worker))).toEqual(new Set([0, 1]));
      for (const index of run.heldBy(worker)) run.answer(worker, index, GOOD);
    }
    expect((await round).root).toEqual(Float32Array.of(2 * GOOD));
  });

  it('a worker alone is compared with the coordinator', async () => {
    const run = audited();
    const worker = run.join('alone');
    const round = run.round(1);
    run.answer(worker, 0, GOOD);
    expect((await round).root).toEqual(Float32Array.of(GOOD));
    expect(named(run, 'lied')).toEqual([]);
  });

  it('the coordinator decides which of two answers is right, and nothing of the liar counts', async () => {
    const run = audited();
    const [liar, honest] = [run.join('liar'), run.join('honest')];
    const round = run.round(2);
    run.answer(liar, 0, BAD);
    run.answer(honest, 0, GOOD);
    await settled();
    expect([named(run, 'lied'), named(run, 'quarantined')]).toEqual([['liar'], ['liar']]);
    expect(run.scheduler.workers).toEqual([honest]);
    for (const index of run.heldBy(honest)) run.answer(honest, index, GOOD);
    expect((await round).root).toEqual(Float32Array.of(2 * GOOD));
  });

  it('a worker that repeats itself confirms nothing', async () => {
    const run = audited();
    const liar = run.join('liar');
    // Another connection of the same one.
    const again = run.join('liar');
    const round = run.round(1);
    run.answer(liar, 0, BAD);
    await settled();
    expect(run.heldBy(again)).toEqual([]);
    expect(run.scheduler.workers).toEqual([]);
    expect((await round).root).toEqual(Float32Array.of(GOOD));
  });

  it('two that lie together do not have an honest one thrown out, who answers in between', async () => {
    let decide: () => void = () => undefined;
    const run = audited(
      referee(async () => {
        await new Promise<void>((resolve) => (decide = resolve));
        return Float32Array.of(GOOD);
      }),
    );
    const [one, honest] = [run.join('one'), run.join('honest')];
    const round = run.round(1);
    run.answer(one, 0, BAD);
    run.answer(honest, 0, GOOD);
    await settled();
    const other = run.join('other');
    run.answer(other, 0, BAD);
    expect(named(run, 'lied')).toEqual([]);
    decide();
    await settled();
    expect((await round).root).toEqual(Float32Array.of(GOOD));
    expect(named(run, 'lied')).toEqual(['one']);
    expect(run.scheduler.workers).toContain(honest);
  });

  it('a lie about a unit of local steps concerns all of them', async () => {
    const run = audited(referee(() => Promise.resolve(Float32Array.of(GOOD))));
    const [liar, honest] = [run.join('liar'), run.join('honest')];
    const round = run.round(1, 5);
    run.answer(liar, 0, BAD);
    run.answer(honest, 0, GOOD);
    await round;
    expect(run.events).toContainEqual(expect.objectContaining({ type: 'lied', worker: 'liar', first: 1, last: 5 }));
  });

  it('nobody is blamed where the coordinator fails once, and the run ends where it cannot compute any more', async () => {
    let failures = 0;
    const fails = (times: number) =>
      referee(() =>
        failures++ < times ? Promise.reject(new Error('out of memory')) : Promise.resolve(Float32Array.of(GOOD)),
      );
    const once = audited(fails(1));
    const worker = once.join('alone');
    const round = once.round(1);
    once.answer(worker, 0, GOOD);
    expect((await round).root).toEqual(Float32Array.of(GOOD));
    failures = 0;
    const always = audited(fails(Infinity));
    const another = always.join('alone');
    const failing = always.round(1);
    always.answer(another, 0, GOOD);
    await expect(failing).rejects.toMatchObject({ code: 'E_ENGINE' });
    for (const run of [once, always]) expect(named(run, 'invalid')).toEqual([]);
  });
});
