import type { DataPlan, EpochEvaluation, EventLine, Report, StepMetrics } from '@gantry/core';

/** What a run tells while it goes on. */
export type RunUpdate =
  /** Before the first step of this process; `step` counts those already done. */
  | { readonly type: 'started'; readonly step: number; readonly plan: DataPlan; readonly reports: readonly Report[] }
  /** A step is done; `step` counts from 1. */
  | { readonly type: 'step'; readonly step: number; readonly metrics: StepMetrics; readonly imagesPerSecond: number }
  /** A round of local steps goes on: `steps` of it, no whole number, are done after the `step` that it began with. */
  | { readonly type: 'under-way'; readonly step: number; readonly steps: number }
  /** There is a sample grid, a PNG: after so many epochs, 0 before training. */
  | { readonly type: 'samples'; readonly epoch: number; readonly file: string }
  /** An epoch is done, counted from 1; `seconds` is what this process spent on it. */
  | { readonly type: 'epoch'; readonly epoch: number; readonly seconds: number }
  /** An epoch's pictures were evaluated, beside later steps: a line of evaluations.jsonl. */
  | { readonly type: 'evaluation'; readonly evaluation: EpochEvaluation }
  /** Something happened to the workers or the run: a line of events.jsonl. */
  | { readonly type: 'event'; readonly event: EventLine }
  /** Something a user should know, in one line. */
  | { readonly type: 'notice'; readonly text: string };

/** Updates that wait for a slow reader; beyond, the oldest steps are left out: metrics.jsonl has them all. */
const MAX_WAITING = 10_000;

/** Updates on their way from a run to whoever reads them, in order. */
export class Updates {
  #waiting: RunUpdate[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(update: RunUpdate): void {
    if (this.#waiting.length >= MAX_WAITING) {
      const oldest = this.#waiting.findIndex(({ type }) => type === 'step' || type === 'under-way');
      this.#waiting.splice(Math.max(0, oldest), 1);
    }
    this.#waiting.push(update);
    this.#wake?.();
  }

  /** No more updates come. @param failure why, where something went wrong */
  end(failure?: { readonly error: unknown }): void {
    this.#ended = failure ?? {};
    this.#wake?.();
  }

  /** All that wait and all that come. @throws what the run has failed of */
  async *read(): AsyncGenerator<RunUpdate, undefined> {
    for (;;) {
      const update = this.#waiting.shift();
      if (update) yield update;
      else if (this.#ended) break;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if ('error' in this.#ended) throw this.#ended.error;
    return undefined;
  }
}
