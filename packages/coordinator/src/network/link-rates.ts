/** Messages that begin within this time of the first one are sent at once. */
const BURST_MS = 50;
/** Messages at once of which each gets there almost as fast as one alone have links of their own. */
const ALMOST = 0.8;

/** Messages sent at once. */
interface Burst {
  /** By performance.now(). */
  readonly beganMs: number;
  arrived: number;
  arrivedBytes: number;
}

/** A message on its way. */
export interface Sending {
  readonly bytes: number;
  /** By performance.now(). */
  readonly beganMs: number;
  readonly isInTurn: boolean;
  readonly burst: Burst;
}

/** What the links to all receivers carry: whether they share one shows where some messages were sent at once, and others in turn. */
export class LinkRates {
  #burst: Burst = { beganMs: -Infinity, arrived: 0, arrivedBytes: 0 };
  /** The most that arrived of messages at once, in the time that it took, and how many they were. */
  #together = 0;
  #count = 0;
  /** … and of one message. */
  #alone = 0;
  #inTurn = 0;

  /** Bytes in a millisecond, of all links together; 0 before anything arrived. */
  get bytesPerMs(): number {
    return Math.max(this.#together, this.#alone);
  }

  /** Messages that arrived in turn: the answers to some of them have to wait for what their receivers send. */
  get inTurn(): number {
    return this.#inTurn;
  }

  /** Whether messages at once get there hardly faster than one after the other, as far as there were some. */
  get isShared(): boolean {
    return this.#count < 2 || this.#together < ALMOST * this.#count * this.#alone;
  }

  began(bytes: number, isInTurn: boolean): Sending {
    const nowMs = performance.now();
    if (nowMs > this.#burst.beganMs + BURST_MS) this.#burst = { beganMs: nowMs, arrived: 0, arrivedBytes: 0 };
    return { bytes, beganMs: nowMs, isInTurn, burst: this.#burst };
  }

  /** @param roundTripMs the least time that the receiver took to answer */
  arrived({ bytes, beganMs, isInTurn, burst }: Sending, roundTripMs: number): void {
    this.#alone = Math.max(this.#alone, rateOf(bytes, beganMs, roundTripMs));
    if (isInTurn) {
      this.#inTurn++;
      return;
    }
    burst.arrived++;
    burst.arrivedBytes += bytes;
    const together = rateOf(burst.arrivedBytes, burst.beganMs, roundTripMs);
    if (together > this.#together) [this.#together, this.#count] = [together, burst.arrived];
  }
}

/** Of what has just arrived, in bytes in a millisecond. */
export function rateOf(bytes: number, beganMs: number, roundTripMs: number): number {
  const elapsedMs = performance.now() - beganMs;
  // The answer travelled, too; but it may have taken longer then than it did now.
  return bytes / Math.max(elapsedMs - roundTripMs, elapsedMs / 2);
}
