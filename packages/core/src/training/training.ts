import type { Scheme, StepMetrics } from '../schemes/scheme.ts';
import type { TrainingState } from './training-state.ts';
import type { Publication } from '../schemes/publication.ts';
import type { PlannedUnit } from './unit.ts';

/** A round of a run, as those who compute it see it. */
export interface Round {
  readonly number: number;
  /** What each unit is computed from; it does not change while the round goes on. */
  readonly published: Publication;
  readonly units: readonly PlannedUnit[];
  /** The units of the next round, for those who have nothing else to do: their inputs can be prepared. */
  readonly ahead: readonly PlannedUnit[];
}

/** What became of a round. */
export interface RoundDone<Sum> {
  readonly number: number;
  readonly sum: Sum;
  /** What each step reports that the round completed: none, one or more. */
  readonly steps: readonly StepMetrics[];
  /** Milliseconds that applying the sum to the state took. */
  readonly applyMs: number;
}

/**
 * Training: round by round, the units are computed from what is published, and the sum of their contributions is applied.
 * @param state where the run stands, at the beginning of a step; changed in place
 * @param compute sums up the contributions of all units of a round, whoever computes them; undefined ends the training
 * @throws GantryError E_DIVERGED
 */
export async function* training<Sum extends { readonly root: Float32Array }>(
  scheme: Scheme,
  state: TrainingState,
  compute: (round: Round) => Promise<Sum | undefined>,
): AsyncGenerator<RoundDone<Sum>> {
  // A run that is done has no data to go on with.
  const unitsOf = (round: number): PlannedUnit[] => (round < scheme.rounds ? scheme.units(round) : []);
  let units = unitsOf(scheme.roundOf(state.step));
  for (let number = scheme.roundOf(state.step); number < scheme.rounds; number++) {
    const ahead = unitsOf(number + 1);
    const sum = await compute({ number, published: scheme.publish(state), units, ahead });
    if (!sum) return;
    const begin = performance.now();
    const steps = scheme.apply(state, number, sum.root);
    yield { number, sum, steps, applyMs: performance.now() - begin };
    units = ahead;
  }
}
