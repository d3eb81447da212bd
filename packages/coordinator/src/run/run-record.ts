import type { RunDirectory } from '../storage/run-directory.ts';
import type { RunJson } from './run-config.ts';

/** What run.json holds, as long as a run goes on. */
export class RunRecord {
  readonly #directory: RunDirectory;
  readonly #failed: (error: unknown) => void;
  #record: RunJson;
  /** One after another, so that the last one stays. */
  #written: Promise<void> = Promise.resolve();

  /** @param failed is called where run.json cannot be written */
  constructor(directory: RunDirectory, record: RunJson, failed: (error: unknown) => void) {
    this.#directory = directory;
    this.#record = record;
    this.#failed = failed;
  }

  get present(): RunJson {
    return this.#record;
  }

  /** Changes a part of it; it is written while others go on. */
  keep(changes: Partial<RunJson>): void {
    this.#record = { ...this.#record, ...changes };
    const record = this.#record;
    this.#written = this.#written.then(() => this.#directory.writeRunJson(record)).catch(this.#failed);
  }

  /** Once all is written. */
  settled(): Promise<void> {
    return this.#written;
  }
}
