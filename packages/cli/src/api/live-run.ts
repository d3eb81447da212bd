import type { Links, Summary } from '@gantry/coordinator';
import type { Control, ControlResult } from '@gantry/core';
import type { RunUpdate, Updates } from './updates.ts';

/** Where a run is reached while it goes on. */
export interface Serving extends Links {
  /** `ws://…` or `wss://…` */
  readonly url: string;
  readonly warnings: readonly string[];
  /** The same for POSIX shells on this machine, with the files of the tokens in their place: for logs that others read. */
  readonly withoutTokens: Links;
}

interface LiveRunParts {
  readonly path: string;
  readonly serving: Serving;
  readonly updates: Updates;
  readonly finished: Promise<Summary | undefined>;
  readonly control: (control: Control) => Promise<ControlResult>;
  readonly close: () => Promise<void>;
}

/** A run that this process trains. `for await (const update of run)` tells how it goes. */
export class LiveRun implements AsyncIterable<RunUpdate> {
  /** Absolute path of the run directory; `openRun` reads it. */
  readonly path: string;
  readonly serving: Serving;
  /**
   * What summary.json holds, once the last epoch is done; undefined if the run was stopped before.
   * Rejects with what it has failed of, GantryError E_DIVERGED or E_ENGINE for example.
   */
  readonly finished: Promise<Summary | undefined>;
  readonly #parts: LiveRunParts;

  constructor(parts: LiveRunParts) {
    this.#parts = parts;
    this.path = parts.path;
    this.serving = parts.serving;
    this.finished = parts.finished;
    // Who reads the updates is told there.
    this.finished.catch(() => undefined);
  }

  /**
   * Each update once, in order, whoever reads: a second reader gets what the first has not.
   * @throws what the run has failed of, after the last update
   */
  [Symbol.asyncIterator](): AsyncGenerator<RunUpdate, undefined> {
    return this.#parts.updates.read();
  }

  /** Stops after the step under way, with a checkpoint; `train` with `resume` goes on from there. */
  stop(): Promise<ControlResult> {
    return this.#parts.control({ action: 'stop' });
  }

  /** Pauses after the step under way; workers stay attached. */
  pause(): Promise<ControlResult> {
    return this.#parts.control({ action: 'pause' });
  }

  /** Goes on after a pause. */
  continue(): Promise<ControlResult> {
    return this.#parts.control({ action: 'resume' });
  }

  /** Resolves once a checkpoint is written. */
  checkpoint(): Promise<ControlResult> {
    return this.#parts.control({ action: 'checkpoint' });
  }

  /** Stops serving the dashboard, which stays after the end where `TrainOptions.stay` is set. */
  close(): Promise<void> {
    return this.#parts.close();
  }
}
