/** A message of so many bytes tells how fast a link is, and is worth waiting for. */
export const LARGE_BYTES = 1_000_000;
/** Messages that take less leave at once: in which order they arrive makes no difference. */
const SLOW_MS = 20;
/** Messages that begin within this time of the first one are sent at once. */
const BURST_MS = 50;
/** To each receiver so many messages are sent in turn, then the link is measured again. */
const MEASURED_FOR = 16;

/** Called once a message has arrived. @param roundTripMs the least time that the receiver took to answer anything; 0 before the first */
export type Arrived = (roundTripMs: number) => void;

/** Sends a ping, and calls `arrived` once the receiver has what was sent before. */
export type Ping = (arrived: Arrived) => void;

/** Messages sent at once. */
interface Burst {
  /** By performance.now(). */
  readonly beganMs: number;
  arrivedBytes: number;
}

/** A message on its way. */
interface Sending {
  readonly bytes: number;
  /** By performance.now(). */
  readonly beganMs: number;
  readonly burst: Burst;
}

/** Who is sent large messages. */
export interface Receiver {
  readonly ping: Ping;
  readonly onTheirWay: Set<Sending>;
}

interface Turn {
  readonly receiver: Receiver;
  readonly bytes: number;
  readonly begin: () => void;
}

/**
 * The coordinator's link to its workers, which large messages take in turn where it is slow. Sent all at once, they share the link and
 * all arrive when the last one does; one after the other, the first receiver has its own long before, and what it answers travels while
 * the last one still computes.
 *
 * Where each receiver has a slow link of its own, waiting would be a loss. So a message waits only for as long as those before it take
 * at the rate of all links together, and not if they have arrived before. That rate shows where a message to each leaves at once, as it
 * does when somebody has joined, and from time to time.
 */
export class Uplink {
  readonly #receivers = new Set<Receiver>();
  readonly #onTheirWay = new Set<Sending>();
  /** The last messages that left at once. */
  #burst: Burst = { beganMs: -Infinity, arrivedBytes: 0 };
  /** Those that have yet to receive a message, for the rate to be known. */
  #unmeasured = new Set<Receiver>();
  /** Messages until it is measured again. */
  #untilMeasured = 0;
  /** Of all links together: the most that arrived of a burst, in the time that it took. */
  #bytesPerMs = 0;
  /** At most one of each receiver, in order. */
  #turns: Turn[] = [];
  /** When those that have begun will have left, by performance.now(). */
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;

  join(ping: Ping): Receiver {
    const receiver = { ping, onTheirWay: new Set<Sending>() };
    this.#receivers.add(receiver);
    this.#measure();
    return receiver;
  }

  leave(receiver: Receiver): void {
    this.#receivers.delete(receiver);
    this.#unmeasured.delete(receiver);
    for (const sending of receiver.onTheirWay) this.#onTheirWay.delete(sending);
    this.#forget(receiver);
  }

  /**
   * A newer message takes the place of one that waits for its turn.
   * @param begin sends a message of so many bytes; called at once, or when it is its turn
   * @param arrived told how many bytes of it left in a second, where it was a large one
   */
  send(receiver: Receiver, bytes: number, begin: () => void, arrived: (bytesPerSecond: number) => void): void {
    if (bytes < LARGE_BYTES) {
      this.#forget(receiver);
      begin();
      return;
    }
    const beginAndWatch = () => {
      const sending = this.#begin(receiver, bytes);
      begin();
      receiver.ping((roundTripMs) => {
        if (receiver.onTheirWay.delete(sending)) arrived(1000 * this.#arrived(receiver, sending, roundTripMs));
      });
    };
    const turn = { receiver, bytes, begin: beginAndWatch };
    const place = this.#turns.findIndex((each) => each.receiver === receiver);
    this.#turns.splice(place < 0 ? this.#turns.length : place, 1, turn);
    this.#next();
  }

  /** Whether a message to it waits for its turn. */
  isWaiting(receiver: Receiver): boolean {
    return this.#turns.some((turn) => turn.receiver === receiver);
  }

  #forget(receiver: Receiver): void {
    this.#turns = this.#turns.filter((turn) => turn.receiver !== receiver);
    this.#next();
  }

  #measure(): void {
    this.#unmeasured = new Set(this.#receivers);
    this.#untilMeasured = MEASURED_FOR * this.#receivers.size;
    this.#bytesPerMs = 0;
  }

  #next(): void {
    clearTimeout(this.#timer);
    for (let turn = this.#turns[0]; turn; turn = this.#turns[0]) {
      const nowMs = performance.now();
      // Those that took less than was expected need not be waited for.
      if (nowMs < this.#freeMs && this.#onTheirWay.size > 0) {
        this.#timer = setTimeout(() => this.#next(), this.#freeMs - nowMs);
        return;
      }
      this.#turns.shift();
      if (--this.#untilMeasured < 0) this.#measure();
      const ms = this.#unmeasured.size > 0 ? 0 : turn.bytes / this.#bytesPerMs;
      this.#freeMs = nowMs + (ms < SLOW_MS ? 0 : ms);
      turn.begin();
    }
  }

  #begin(receiver: Receiver, bytes: number): Sending {
    const nowMs = performance.now();
    if (nowMs > this.#burst.beganMs + BURST_MS) this.#burst = { beganMs: nowMs, arrivedBytes: 0 };
    const sending = { bytes, beganMs: nowMs, burst: this.#burst };
    this.#onTheirWay.add(sending);
    receiver.onTheirWay.add(sending);
    return sending;
  }

  /** @returns bytes in a millisecond, of this message alone */
  #arrived(receiver: Receiver, sending: Sending, roundTripMs: number): number {
    const { bytes, beganMs, burst } = sending;
    this.#onTheirWay.delete(sending);
    this.#unmeasured.delete(receiver);
    burst.arrivedBytes += bytes;
    this.#bytesPerMs = Math.max(this.#bytesPerMs, rateOf(burst.arrivedBytes, burst.beganMs, roundTripMs));
    this.#next();
    return rateOf(bytes, beganMs, roundTripMs);
  }
}

/** Of what has just arrived, in bytes in a millisecond. */
function rateOf(bytes: number, beganMs: number, roundTripMs: number): number {
  const elapsedMs = performance.now() - beganMs;
  // The answer travelled, too; but it may have taken longer then than it did now.
  return bytes / Math.max(elapsedMs - roundTripMs, elapsedMs / 2);
}
