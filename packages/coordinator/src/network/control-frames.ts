/** A worker sends two or three in a second. */
const MAX_PER_SECOND = 1000;
const SECOND_MS = 1000;

/** Counts the pings and pongs of a peer, which cost time and bring no work. */
export class ControlFrames {
  readonly #now: () => number;
  #sinceMs = -Infinity;
  #count = 0;

  /** @param now a clock that is monotonic, in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** One more. @returns whether they are too many */
  add(): boolean {
    const now = this.#now();
    if (now - this.#sinceMs >= SECOND_MS) {
      this.#sinceMs = now;
      this.#count = 0;
    }
    return ++this.#count > MAX_PER_SECOND;
  }
}
