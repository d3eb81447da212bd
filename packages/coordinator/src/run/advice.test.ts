import { DEFAULT_OPTIMIZERS, RoundShapes, type TrainingSpec } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { describe, expect, it } from 'vitest';
import type { AcceptedWork } from '../scheduling/round-result.ts';
import { refereeLink } from '../scheduling/referee.ts';
import type { Traffic, WorkerLink } from '../scheduling/worker-link.ts';
import { Advice } from './advice.ts';

const PLAN = { images: 60_000, epochs: 1, batch: 256, shardSize: 64 };
const MEGABIT = 1e6 / 8;
const SYNCHRONOUS: TrainingSpec = {
  wire: 'float32',
  localSteps: 1,
  localFrom: 0,
  flip: false,
  optimizers: DEFAULT_OPTIMIZERS,
};

/** A worker on a link of so many Mbit/s each way; undefined: not measured. */
function linkOf(name: string, megabits: number | undefined): WorkerLink {
  const engine = {
    engine: 'none',
    numericClass: 'none',
    probe: '',
    compute: () => Promise.reject(new Error()),
    dispose: () => Promise.resolve(),
  };
  const rate = megabits === undefined ? null : megabits * MEGABIT;
  const link = refereeLink(engine, 'none');
  const traffic = (): Traffic => ({ ...link.traffic(), outRate: rate, inRate: rate });
  return { ...link, name, traffic };
}

function workOf(worker: string, imagesPerSecond = 600): AcceptedWork {
  const samples = 64;
  const computeMs = (samples * 1000) / imagesPerSecond;
  const times = { computeMs, waitMs: 0, endMs: computeMs };
  return { shard: 0, worker, numericClass: 'none', samples, ...times, requeued: false, duplicated: false };
}

/** What is said in so many rounds. */
function said(
  links: readonly WorkerLink[],
  {
    spec = {},
    plan = PLAN,
    rounds = 20,
    speeds = [600],
  }: {
    readonly spec?: Partial<TrainingSpec>;
    readonly plan?: typeof PLAN;
    readonly rounds?: number;
    readonly speeds?: readonly number[];
  } = {},
): string[] {
  const training = { ...SYNCHRONOUS, ...spec };
  const advice = new Advice(new RoundShapes(modelManifest('dcgan'), training), plan);
  const work = links.map(({ name }, i) => workOf(name, speeds[i % speeds.length]));
  return Array.from({ length: rounds }, () => advice.computed(links, work, 71.3) ?? []).flat();
}

describe('advice', () => {
  it('tells workers on slow links, once, which local steps would help and how much', () => {
    const links = ['a', 'b', 'c', 'd'].map((name) => linkOf(name, 94));
    expect(said(links)).toEqual([
      expect.stringMatching(
        /^4 workers on 94 Mbit\/s: 71 images\/s; a new run with --local-steps (32|128) --wire int8 would reach about \d+/,
      ),
    ]);
  });

  it('has nothing to say where links are fast, not measured, or of one worker alone', () => {
    expect(said(['a', 'b'].map((name) => linkOf(name, 1e6)))).toEqual([]);
    expect(said([linkOf('a', 94), linkOf('b', undefined)])).toEqual([]);
    expect(said([linkOf('a', 94)])).toEqual([]);
  });

  it('never tells to take more local steps than an epoch has', () => {
    const links = ['a', 'b'].map((name) => linkOf(name, 94));
    expect(said(links, { plan: { ...PLAN, images: 256 * 20 } })).toEqual([expect.stringContaining('--local-steps 8 ')]);
    expect(said(links, { plan: { ...PLAN, images: 256 * 7 } })).toEqual([]);
  });

  it('has nothing to say to a run that has such steps', () => {
    const links = ['a', 'b'].map((name) => linkOf(name, 94));
    expect(said(links, { spec: { localSteps: 128, wire: 'int8' } })).toEqual([]);
  });

  it('says which batch would use all of equal workers', () => {
    const links = ['a', 'b', 'c'].map((name) => linkOf(name, 1e6));
    expect(said(links)).toEqual([
      '3 equal threads on 4 shards are busy for 67% of the time at most; a new run with --batch 192 or 384 would use all of ' +
        'it, with another result',
    ]);
    expect(said(links, { speeds: [600, 600, 300] })).toEqual([]);
  });

  it('speaks again once the workers are others', () => {
    const advice = new Advice(new RoundShapes(modelManifest('dcgan'), SYNCHRONOUS), PLAN);
    const rounds = (names: readonly string[]) =>
      Array.from({ length: 10 }, () => {
        const links = names.map((name) => linkOf(name, 10));
        return (
          advice.computed(
            links,
            names.map((name) => workOf(name)),
            20,
          ) ?? []
        );
      }).flat();
    expect(rounds(['a', 'b'])).toHaveLength(1);
    expect(rounds(['a', 'b'])).toHaveLength(0);
    expect(rounds(['a', 'b', 'c'])).toHaveLength(1);
  });
});
