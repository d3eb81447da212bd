import type { Arrivals } from './arrivals.ts';
import type { UnitState } from './unit-state.ts';
import type { WorkerRegistry } from './worker-registry.ts';

/** How things stand, for those who watch; it is live. */
export interface SchedulerView {
  /** Rounds begun. */
  readonly round: number;
  readonly registry: WorkerRegistry;
  readonly arrivals: Arrivals;
  /** Of the round under way. */
  readonly shards: readonly UnitState[];
  /** Since something was accepted, or the round began; 0 between rounds. */
  readonly silentMs: number;
  /** Median over all workers; undefined before the first result. */
  readonly msPerSample: number | undefined;
}
