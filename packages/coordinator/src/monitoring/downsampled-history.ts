import type { Line } from '../storage/json-lines.ts';

/**
 * A growing sequence with one line per step, in bounded memory: every n-th line from the first on, and the last one.
 * n doubles whenever there would be too many.
 */
export class DownsampledHistory<T extends Line> {
  readonly #limit: number;
  #kept: T[] = [];
  #stride = 1;
  #last: T | undefined;

  /** @param limit lines that `lines` gives at most, 2 or more */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param line of the step after the one before; the first counts as step 1 */
  add(line: T): void {
    this.#last = line;
    if (!this.#isDue(line)) return;
    this.#kept.push(line);
    while (this.#kept.length >= this.#limit) {
      this.#stride *= 2;
      this.#kept = this.#kept.filter((kept) => this.#isDue(kept));
    }
  }

  /** Oldest first; at least half of the limit, where so many were added. */
  lines(): readonly T[] {
    return this.#last === undefined || this.#last === this.#kept.at(-1) ? this.#kept : [...this.#kept, this.#last];
  }

  #isDue({ step }: Line): boolean {
    return (step - 1) % this.#stride === 0;
  }
}
