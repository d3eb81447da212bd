import type { WatchedRun, WatchedStep } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { firstSteps, progressOf, secondsLeft, underWay, unitOf } from './rounds.ts';

const run = (parts: Partial<WatchedRun>) =>
  ({
    localSteps: 32,
    localStepsFrom: 1,
    stepsPerEpoch: 100,
    step: 64,
    totalSteps: 1000,
    stepsUnderWay: 0,
    batch: 64,
    ...parts,
  }) as WatchedRun;
const timeline = (...steps: number[]): WatchedStep[] => steps.map((step) => ({ step, totalMs: 10, shards: [] }));

describe('the rounds of the timeline', () => {
  const ranges = (steps: readonly number[], parts: Partial<WatchedRun> = {}) =>
    firstSteps(timeline(...steps), run(parts)).map((first, i) => [first, steps[i]]);

  it('begin where the one before ended, and end with their epoch', () => {
    expect(ranges([64, 96, 100, 132])).toEqual([
      [33, 64],
      [65, 96],
      [97, 100],
      [101, 132],
    ]);
    // The first one that is known was the first of its epoch, or the run's.
    expect(ranges([100])).toEqual([[69, 100]]);
    expect(ranges([120])).toEqual([[101, 120]]);
    expect(ranges([16])).toEqual([[1, 16]]);
  });

  it('are steps without local steps, and in the epochs before them', () => {
    expect(ranges([7, 8], { localSteps: 1 })).toEqual([
      [7, 7],
      [8, 8],
    ]);
    expect(ranges([99, 100, 132], { localStepsFrom: 2 })).toEqual([
      [99, 99],
      [100, 100],
      [101, 132],
    ]);
  });

  it('are no longer than they may be where some were missed, or the run went back', () => {
    expect(ranges([232, 296]).at(-1)).toEqual([265, 296]);
    expect(ranges([296, 264]).at(-1)).toEqual([233, 264]);
  });
});

describe('the round under way', () => {
  it('is told with its length, which its epoch and the run limit', () => {
    expect(underWay(run({ stepsUnderWay: 12.5 }))).toEqual({ done: 12.5, of: 32 });
    expect(underWay(run({ step: 96, stepsUnderWay: 1 }))).toEqual({ done: 1, of: 4 });
    expect(underWay(run({ step: 990, totalSteps: 992, stepsUnderWay: 2.5 }))).toEqual({ done: 2, of: 2 });
  });

  it('has nothing done where nothing is known of it, or a round is a step', () => {
    expect(underWay(run({}))).toEqual({ done: 0, of: 32 });
    expect(underWay(run({ localSteps: 1, stepsUnderWay: 1 }))).toEqual({ done: 0, of: 1 });
    expect([run({}), run({ localSteps: 1 })].map(unitOf)).toEqual(['round', 'step']);
    const soon = { localStepsFrom: 2, stepsUnderWay: 0.5 };
    expect(underWay(run({ ...soon, step: 99 }))).toEqual({ done: 0, of: 1 });
    expect([run({ ...soon, step: 99 }), run({ ...soon, step: 100 })].map(unitOf)).toEqual(['step', 'round']);
  });

  it('moves the progress and the time left', () => {
    expect(progressOf(run({ stepsUnderWay: 12.5 }))).toBe(76.5);
    const timed = { etaSeconds: 600, averageImagesPerSecond: 128 };
    expect(secondsLeft(run(timed))).toBe(600);
    expect(secondsLeft(run({ ...timed, stepsUnderWay: 12 }))).toBe(594);
    expect(secondsLeft(run({ ...timed, etaSeconds: 1, stepsUnderWay: 12 }))).toBe(0);
    expect(secondsLeft(run({ etaSeconds: null, averageImagesPerSecond: 0, stepsUnderWay: 12 }))).toBeNull();
  });
});
