/** What a round is: with local steps the workers exchange once in several steps, without them in each. */
import type { WatchedRun, WatchedStep } from '@gantry/core';

/** What people call the time between two exchanges. */
export type Unit = 'step' | 'round';

type Rounds = Pick<WatchedRun, 'localSteps' | 'localStepsFrom' | 'stepsPerEpoch'>;

/** Steps of a round at most, where so many are done: epochs before local steps exchange in each step. */
function longest({ localSteps, localStepsFrom, stepsPerEpoch }: Rounds, step: number): number {
  return 1 + Math.floor(step / stepsPerEpoch) < localStepsFrom ? 1 : localSteps;
}

/** What the run exchanges in now. */
export function unitOf(run: Rounds & Pick<WatchedRun, 'step'>): Unit {
  return longest(run, run.step) > 1 ? 'round' : 'step';
}

/**
 * The first step of each entry of the timeline, whose own is the last one. A round begins where the one before ended; where
 * that one is not known, it is taken to be as long as it may be.
 */
export function firstSteps(timeline: readonly WatchedStep[], rounds: Rounds): number[] {
  const { stepsPerEpoch } = rounds;
  return timeline.map(({ step }, i) => {
    const before = timeline[i - 1]?.step ?? 0;
    // A round ends with its epoch, if not earlier.
    const epochBegin = Math.floor((step - 1) / stepsPerEpoch) * stepsPerEpoch;
    return 1 + Math.max(step - longest(rounds, step - 1), epochBegin, before < step ? before : 0);
  });
}

/** How far a round under way is. */
export interface UnderWay {
  /** Not a whole number. */
  readonly done: number;
  /** Its steps in all. */
  readonly of: number;
}

/** The round under way, or else the next one. Nothing is done before there is news of it, and where a round is a step. */
export function underWay(run: WatchedRun): UnderWay {
  const { stepsPerEpoch, step, totalSteps, stepsUnderWay } = run;
  const of = Math.min(longest(run, step), stepsPerEpoch - (step % stepsPerEpoch), Math.max(1, totalSteps - step));
  return { done: unitOf(run) === 'round' ? Math.min(stepsUnderWay, of) : 0, of };
}

/** Steps done, those of the round under way included: not a whole number. */
export function progressOf(run: WatchedRun): number {
  return run.step + underWay(run).done;
}

/** Seconds to the end, less what the round under way has behind it: a round may take minutes. */
export function secondsLeft(run: WatchedRun): number | null {
  const { etaSeconds, batch, averageImagesPerSecond } = run;
  if (etaSeconds === null || averageImagesPerSecond <= 0) return etaSeconds;
  return Math.max(0, etaSeconds - (underWay(run).done * batch) / averageImagesPerSecond);
}
