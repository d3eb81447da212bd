import type { TrainingState } from '../training/training-state.ts';
import type { PlannedUnit } from '../training/unit.ts';
import type { Publication } from './publication.ts';
import type { RoundShapes } from './round-shapes.ts';

/** What a step reports, by name: means over its samples, and Euclidean norms of mean gradients. All are finite. */
export type StepMetrics = Readonly<Record<string, number>>;

/**
 * What a run does round by round. A round publishes numbers, has its units computed from them, wherever that may be, and
 * applies the sum of their contributions to the state. What is published and the units follow from state and configuration alone.
 */
export interface Scheme {
  /** Rounds of the whole run, and steps. */
  readonly rounds: number;
  readonly steps: number;
  /** The first round of a step. @param step from 0 */
  roundOf(step: number): number;
  /** What travels in a round. */
  readonly shapes: RoundShapes;
  /** The work of a round. */
  units(round: number): PlannedUnit[];
  /** What each unit of the state's next round is computed from; it may share the state's memory, and does not change it. */
  publish(state: TrainingState): Publication;
  /**
   * Changes the state by a round that was published.
   * @param sum of the contributions of all its units
   * @returns what each step reports that the round completes; the state has counted them
   * @throws GantryError E_DIVERGED if anything in the sum is not finite; the state is unchanged then
   */
  apply(state: TrainingState, round: number, sum: Float32Array): readonly StepMetrics[];
}
