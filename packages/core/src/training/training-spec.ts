import type { OptimizerSpecs } from '../optimizers/optimizer.ts';
import type { Wire } from '../wire/wire.ts';

/** What of a run's configuration fixes how a unit is computed and how its contribution travels, as data. */
export interface TrainingSpec {
  /** What rounds that which travels. */
  readonly wire: Wire;
  /** Steps that a replica takes in a round; 1: synchronous training. */
  readonly localSteps: number;
  /** The first round of local steps; all before are synchronous. */
  readonly localFrom: number;
  /** Whether each sample is flipped horizontally by a draw of its own. */
  readonly flip: boolean;
  /** By network. */
  readonly optimizers: OptimizerSpecs;
}

/** Whether a round's units are local steps of replicas. */
export function isLocalRound({ localSteps, localFrom }: TrainingSpec, round: number): boolean {
  return localSteps > 1 && round >= localFrom;
}

/** How long a vector is that travels, and how much of it. */
export interface VectorShape {
  readonly length: number;
  /** The first so many numbers are rounded by the wire; the rest travel in float32. */
  readonly compact: number;
}
