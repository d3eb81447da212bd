import { epochPermutation } from '../numerics/random.ts';

/** The order of the samples in each epoch; that of the last one asked for is kept. */
export class EpochOrder {
  readonly #seed: number;
  readonly #count: number;
  #last = { epoch: -1, numbers: new Uint32Array() };

  /** @param count samples in the data set */
  constructor(seed: number, count: number) {
    this.#seed = seed;
    this.#count = count;
  }

  /** Numbers of the samples. @param epoch counted from 0 */
  of(epoch: number): Uint32Array {
    if (this.#last.epoch !== epoch) {
      this.#last = { epoch, numbers: epochPermutation(this.#seed, epoch, this.#count) };
    }
    return this.#last.numbers;
  }
}
