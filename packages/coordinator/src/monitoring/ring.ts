/** The last items of an endless sequence. */
export class Ring<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  #count = 0;

  /** @param capacity items that are kept */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Items pushed so far, those no longer kept included. */
  get count(): number {
    return this.#count;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#count++;
    if (this.#items.length > this.#capacity) this.#items.shift();
  }

  /** What was pushed after the first `count` items, oldest first, as far as it is kept. */
  since(count: number): T[] {
    return count >= this.#count ? [] : this.#items.slice(Math.min(0, count - this.#count));
  }

  all(): readonly T[] {
    return this.#items;
  }
}
