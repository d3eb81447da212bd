/** What a round is: with local steps the workers exchange once in several steps, without them in each. */
import type { WatchedRun, WatchedStep } from '@gantry/core';

/** What people call the time between two exchanges. */
export type Unit = 'step' | 'round';

export function unitOf({ localSteps }: Pick<WatchedRun, 'localSteps'>): Unit {
  return localSteps > 1 ? 'round' : 'step';
}

type Rounds = Pick<WatchedRun, 'localSteps' | 'stepsPerEpoch'>;

/**
 * The first step of each entry of the timeline, whose own is the last one. A round begins where the one before ended; where
 * that one is not known, it is taken to be as long as it may be.
 */
export function firstSteps(timeline: readonly WatchedStep[], { localSteps, stepsPerEpoch }: Rounds): number[] {
  return timeline.map(({ step }, i) => {
    const before = timeline[i - 1]?.step ?? 0;
    // A round ends with its epoch, if not earlier.
    const epochBegin = Math.floor((step - 1) / stepsPerEpoch) * stepsPerEpoch;
    return 1 + Math.max(step - localSteps, epochBegin, before < step ? before : 0);
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
export function underWay({ localSteps, stepsPerEpoch, step, totalSteps, stepsUnderWay }: WatchedRun): UnderWay {
  const of = Math.min(localSteps, stepsPerEpoch - (step % stepsPerEpoch), Math.max(1, totalSteps - step));
  return { done: localSteps > 1 ? Math.min(stepsUnderWay, of) : 0, of };
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
