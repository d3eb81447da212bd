import { downsampled, type HistoryLine } from '@gantry/core';

/** A growing sequence of lines, one for each step, in bounded memory. */
export class DownsampledHistory<T extends HistoryLine> {
  readonly #limit: number;
  #kept: readonly T[] = [];
  /** What came since the lines were downsampled last. */
  #added: T[] = [];

  /** @param limit lines that `lines` gives at most, 2 or more */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param line of the step after the one before */
  add(line: T): void {
    this.#added.push(line);
    if (this.#added.length >= this.#limit) this.#downsample();
  }

  /** Oldest first, the first and the last among them. */
  lines(): readonly T[] {
    this.#downsample();
    return this.#kept;
  }

  #downsample(): void {
    this.#kept = downsampled([...this.#kept, ...this.#added], this.#limit);
    this.#added = [];
  }
}
