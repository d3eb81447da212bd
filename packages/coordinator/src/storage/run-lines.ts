import type { WatchedMetrics } from '@gantry/core';

/** A line of metrics.jsonl: one step. */
export type MetricsLine = WatchedMetrics;

/** A line of work.jsonl: one accepted node of a step's reduction tree. */
export interface WorkLine {
  /** Counted from 1. */
  readonly step: number;
  readonly node: readonly [level: number, index: number];
  readonly worker: string;
  /** The worker's numeric class. */
  readonly class: string;
  readonly samples: number;
  readonly ms: number;
}
