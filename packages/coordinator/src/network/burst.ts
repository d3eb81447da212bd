/** Messages that begin within this time of the first one are sent at once. */
const LONGEST_MS = 50;

/** Messages that together reach so much of what each receiver's link carries have links of their own. */
const OWN_LINKS = 0.8;

interface Reached {
  /** Of messages to it alone, at best. */
  readonly bytesPerMs: number;
}

/** Messages to several receivers that were sent at once. */
export class Burst {
  readonly #beganMs = performance.now();
  readonly #reached: Reached[] = [];
  #bytes = 0;
  #bytesPerMs = 0;
  /** Whom those were for. */
  #fastest: readonly Reached[] = [];

  /** Whether what begins now is sent at the same time. */
  get isOpen(): boolean {
    return performance.now() <= this.#beganMs + LONGEST_MS;
  }

  /** Bytes in a millisecond: the most that arrived of two messages and more, in the time that it took; 0 before. */
  get bytesPerMs(): number {
    return this.#bytesPerMs;
  }

  /** Whether they get there hardly faster than they would one after the other. */
  get isShared(): boolean {
    return this.#bytesPerMs < OWN_LINKS * this.#fastest.reduce((sum, { bytesPerMs }) => sum + bytesPerMs, 0);
  }

  /** @param roundTripMs as of `rateOf` */
  arrived(receiver: Reached, bytes: number, roundTripMs: number): void {
    this.#reached.push(receiver);
    this.#bytes += bytes;
    const rate = rateOf(this.#bytes, this.#beganMs, roundTripMs);
    if (this.#reached.length < 2 || rate <= this.#bytesPerMs) return;
    this.#bytesPerMs = rate;
    this.#fastest = [...this.#reached];
  }
}

/**
 * Of what has just arrived, in bytes in a millisecond.
 * @param roundTripMs the least time that the receiver took to answer; the answer travelled, too
 */
export function rateOf(bytes: number, beganMs: number, roundTripMs: number): number {
  const elapsedMs = performance.now() - beganMs;
  // The receiver may have taken longer to answer then than it did now.
  return bytes / Math.max(elapsedMs - roundTripMs, elapsedMs / 2);
}
