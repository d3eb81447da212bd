import { fillUniform } from '@gantry/core';

const DRAWN_AT_ONCE = 64;

/** Random numbers that depend on the seed and the stream alone. */
export class Dice {
  readonly #seed: number;
  readonly #stream: number;
  readonly #drawn = new Float64Array(DRAWN_AT_ONCE);
  #count = 0;

  /** @param stream tells the dice of one seed apart, below 2³² */
  constructor(seed: number, stream: number) {
    this.#seed = seed;
    this.#stream = stream;
  }

  /** In the open interval (0, 1). */
  next(): number {
    const at = this.#count % DRAWN_AT_ONCE;
    if (at === 0) fillUniform(this.#drawn, this.#seed, this.#stream, this.#count / DRAWN_AT_ONCE, 0);
    this.#count++;
    return this.#drawn[at] ?? 0;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.between(0, values.length - 1)] ?? values[0];
  }

  shuffled<T>(values: readonly T[]): T[] {
    return values
      .map((value) => ({ value, place: this.next() }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ value }) => value);
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.between(0, 255)));
  }
}
