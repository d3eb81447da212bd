import type { PlannedUnit } from '@gantry/core';
import type { ClaimedClass } from './class-names.ts';
import { NO_TRAFFIC, type WorkerLink } from './worker-link.ts';

/** Computes units in the coordinator's own process, where the answers of workers are in doubt. */
export interface Referee extends ClaimedClass {
  readonly engine: string;
  /**
   * The contribution of a unit, rounded as the run's wire does.
   * @param published what the round is computed from
   */
  compute(published: Float32Array, unit: PlannedUnit): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** How the record names whoever gave a referee's answer. */
export function refereeLink({ engine }: Referee, numericClass: string): WorkerLink {
  const nothing = () => undefined;
  return {
    name: 'coordinator',
    identity: 'coordinator',
    isTrusted: true,
    numericClass,
    slots: 1,
    place: { address: 'here', engine, device: 'cpu' },
    traffic: () => NO_TRAFFIC,
    setWeights: nothing,
    isBehind: () => false,
    isWaiting: () => false,
    assign: nothing,
    cancel: nothing,
    refuse: nothing,
    drop: nothing,
    dismiss: nothing,
    restart: nothing,
  };
}
