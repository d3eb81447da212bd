import type { Unit } from '@gantry/core';
import type { ClaimedClass } from './class-names.ts';
import type { WorkerLink } from './worker-link.ts';

/** Computes units in the coordinator's own process, where the answers of workers are in doubt. */
export interface Referee extends ClaimedClass {
  readonly engine: string;
  /** @param weights laid out as `manifest.trainable` */
  compute(weights: Float32Array, unit: Unit): Promise<Float32Array<ArrayBuffer>>;
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
    traffic: () => ({ bytesIn: 0, bytesOut: 0, roundTripMs: null, lastSeenMs: 0 }),
    setWeights: nothing,
    isBehind: () => false,
    assign: nothing,
    cancel: nothing,
    refuse: nothing,
    drop: nothing,
    dismiss: nothing,
    restart: nothing,
  };
}
