/** When bytes are through one direction of a link that carries one after the other at a rate. */
export class Pace {
  readonly #bytesPerMs: number;
  readonly #delayMs: number;
  #freeAtMs = -Infinity;

  /** @param delayMs that everything takes on top, however much is on its way */
  constructor(bytesPerMs: number, delayMs: number) {
    this.#bytesPerMs = bytesPerMs;
    this.#delayMs = delayMs;
  }

  /** @param nowMs when the bytes come to the link @returns when the last of them leaves it at the other end */
  arrivalOf(bytes: number, nowMs: number): number {
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + bytes / this.#bytesPerMs;
    return this.#freeAtMs + this.#delayMs;
  }
}

interface Passing {
  readonly dueMs: number;
  readonly deliver: () => void;
}

/**
 * One direction of a link: what is sent leaves in order, at the pace, whatever connection it is of. One timer for the
 * first that is due: a timer for each would be late by a millisecond each, and might overtake another.
 */
export class Lane {
  readonly #pace: Pace;
  /** Oldest first; those before `#first` have left. */
  #passing: Passing[] = [];
  #first = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** @param deliver called when so many bytes are through */
  send(bytes: number, deliver: () => void): void {
    this.#passing.push({ dueMs: this.#pace.arrivalOf(bytes, performance.now()), deliver });
    if (this.#timer === undefined) this.#deliverDue();
  }

  /** Drops what is on its way. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#passing = [];
    this.#first = 0;
  }

  readonly #deliverDue = (): void => {
    this.#timer = undefined;
    for (;;) {
      const next = this.#passing[this.#first];
      const waitMs = (next?.dueMs ?? 0) - performance.now();
      if (next && waitMs > 0) {
        this.#timer = setTimeout(this.#deliverDue, waitMs);
        break;
      }
      if (!next) break;
      this.#first++;
      next.deliver();
    }
    this.#passing.splice(0, this.#first);
    this.#first = 0;
  };
}
