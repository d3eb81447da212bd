import type { EventLine, RunEvent, TrainingState } from '@gantry/core';
import type { RunDirectory } from '../storage/run-directory.ts';

/** What happens to a run, as it is recorded. */
export class EventLog {
  readonly #directory: RunDirectory;
  readonly #state: TrainingState;
  readonly #recorded: (line: EventLine) => void;
  #held: RunEvent[] | undefined;

  /** @param recorded hears of each line */
  constructor(directory: RunDirectory, state: TrainingState, recorded: (line: EventLine) => void) {
    this.#directory = directory;
    this.#state = state;
    this.#recorded = recorded;
  }

  /** @throws GantryError E_RUN_DIRECTORY */
  record(event: RunEvent): void {
    if (this.#held) this.#held.push(event);
    else this.#recorded(this.#directory.appendEvent({ step: this.#state.step, ...event }));
  }

  /** The record is about to be cut: what happens from now on is recorded when that is done. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.record(event);
  }
}
