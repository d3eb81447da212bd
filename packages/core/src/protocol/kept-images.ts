/**
 * Which images a worker keeps: the first that came, as long as there is room. Both ends follow the rule, so that the coordinator knows
 * what it need not send again. Every image comes up once in an epoch, so it does not matter which of them are kept.
 */
export class KeptImages {
  readonly #capacity: number;
  readonly #places = new Map<number, number>();

  /** @param capacity images that there is room for */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Where an image is kept, from 0 in the order in which they came; undefined if it is not. */
  placeOf(number: number): number | undefined {
    return this.#places.get(number);
  }

  /** An image comes that is not kept. @returns where it is kept from now on; undefined if there is no room */
  add(number: number): number | undefined {
    const place = this.#places.size;
    if (place >= this.#capacity) return undefined;
    this.#places.set(number, place);
    return place;
  }

  /** Which of a unit's samples have to be sent, in order, each once; those that there is room for are kept from now on. */
  missing(samples: Iterable<number>): number[] {
    const missing = new Set<number>();
    for (const number of samples) {
      if (missing.has(number) || this.placeOf(number) !== undefined) continue;
      missing.add(number);
      this.add(number);
    }
    return [...missing];
  }
}

/** Images of so many bytes each that fit into a worker's memory for them. */
export function imagesIn(bytes: number, imageBytes: number): number {
  return Math.floor(bytes / imageBytes);
}
