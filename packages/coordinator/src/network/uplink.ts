import { LinkRates, rateOf, type Sending } from './link-rates.ts';

/** A message of so many bytes tells how fast a link is, and is worth waiting for. */
export const LARGE_BYTES = 1_000_000;
/** Messages that take less leave at once: in which order they arrive makes no difference. */
const SLOW_MS = 20;
/** So many leave at once to measure: on a shared link, a shard whose weights take three times as long as usual is not late. */
const MEASURED_BY = 3;
/** Links are measured again after so many messages for each receiver. */
const MEASURED_FOR = 16;

/** Called once a message has arrived. @param roundTripMs the least time that the receiver took to answer anything; 0 before the first */
export type Arrived = (roundTripMs: number) => void;

/** Sends a ping, and calls `arrived` once the receiver has what was sent before. */
export type Ping = (arrived: Arrived) => void;

/** Who is sent large messages. */
export interface Receiver {
  readonly ping: Ping;
}

interface Turn {
  readonly receiver: Receiver;
  readonly bytes: number;
  readonly begin: (sending: Sending) => void;
}

/**
 * The coordinator's link to its workers, which large messages take in turn where it is slow. Sent all at once, they share the link and
 * all arrive when the last one does; one after the other, the first receiver has its own long before, and what it answers travels while
 * the last one still computes.
 *
 * Where each receiver has a slow link of its own, messages leave at once. Which it is shows in the first messages after somebody has
 * joined, and again from time to time: a few leave at once, the next ones in turn. Nobody's answer is waited for: a message waits as long
 * as those before it should take, and shorter if all that were sent have arrived.
 */
export class Uplink {
  readonly #receivers = new Set<Receiver>();
  /** The last message to each, until it has arrived. */
  readonly #onTheirWay = new Map<Receiver, Sending>();
  /** At most one of each receiver, in order. */
  #turns: Turn[] = [];
  /** When those that have begun will have left, by performance.now(). */
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** As they are being measured, and as they were measured before. */
  #rates = new LinkRates();
  #before = this.#rates;
  /** Messages since links began to be measured. */
  #begun = 0;

  join(ping: Ping): Receiver {
    const receiver = { ping };
    this.#receivers.add(receiver);
    this.#measure();
    return receiver;
  }

  leave(receiver: Receiver): void {
    this.#receivers.delete(receiver);
    this.#onTheirWay.delete(receiver);
    this.#forget(receiver);
  }

  /**
   * A newer message takes the place of one that waits for its turn. Who has left gets none.
   * @param begin sends a message of so many bytes; called at once, or when it is its turn
   * @param arrived told how many bytes of it left in a second, where it was a large one
   */
  send(receiver: Receiver, bytes: number, begin: () => void, arrived: (bytesPerSecond: number) => void): void {
    if (!this.#receivers.has(receiver)) return;
    if (bytes < LARGE_BYTES) {
      this.#forget(receiver);
      begin();
      return;
    }
    const beginAndWatch = (sending: Sending) => {
      this.#onTheirWay.set(receiver, sending);
      begin();
      receiver.ping((roundTripMs) => {
        arrived(1000 * rateOf(bytes, sending.beganMs, roundTripMs));
        this.#arrived(receiver, sending, roundTripMs);
      });
    };
    const turn = { receiver, bytes, begin: beginAndWatch };
    const place = this.#turns.findIndex((each) => each.receiver === receiver);
    this.#turns.splice(place < 0 ? this.#turns.length : place, 1, turn);
    // Those before it begin later: their receivers may be about to be sent something newer.
    if (this.#turns[0] === turn) this.#beginFirst();
    this.#schedule();
  }

  /** Whether a message to it waits for its turn. */
  isWaiting(receiver: Receiver): boolean {
    return this.#turns.some((turn) => turn.receiver === receiver);
  }

  #forget(receiver: Receiver): void {
    this.#turns = this.#turns.filter((turn) => turn.receiver !== receiver);
    this.#schedule();
  }

  #measure(): void {
    this.#begun = 0;
    if (!this.#isKnown(this.#rates)) return;
    this.#before = this.#rates;
    this.#rates = new LinkRates();
  }

  #isKnown(rates: LinkRates): boolean {
    return rates.inTurn >= this.#receivers.size;
  }

  get #isMeasuring(): boolean {
    return this.#begun < MEASURED_BY;
  }

  /** How long the next message has to wait, in ms. */
  get #waitMs(): number {
    return this.#isMeasuring || this.#onTheirWay.size === 0 ? 0 : Math.max(0, this.#freeMs - performance.now());
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#turns.length > 0) this.#timer = setTimeout(() => this.#takeTurns(), this.#waitMs);
  }

  #takeTurns(): void {
    while (this.#beginFirst());
    this.#schedule();
  }

  /** @returns whether the first one need not wait any longer */
  #beginFirst(): boolean {
    const [turn] = this.#turns;
    if (!turn || this.#waitMs > 0) return false;
    this.#turns.shift();
    if (this.#begun >= MEASURED_FOR * this.#receivers.size) this.#measure();
    const ms = this.#expectedMs(turn.bytes);
    const isInTurn = !this.#isMeasuring && ms > 0;
    const freeMs = this.#onTheirWay.size > 0 ? this.#freeMs : 0;
    this.#freeMs = Math.max(freeMs, performance.now()) + ms;
    this.#begun++;
    turn.begin(this.#rates.began(turn.bytes, isInTurn));
    return true;
  }

  /** How long a message should take; 0 where others need not wait for it. */
  #expectedMs(bytes: number): number {
    const rates = !this.#isKnown(this.#rates) && this.#isKnown(this.#before) ? this.#before : this.#rates;
    if (rates.bytesPerMs === 0 || (this.#isKnown(rates) && !rates.isShared)) return 0;
    const ms = bytes / rates.bytesPerMs;
    return ms < SLOW_MS ? 0 : ms;
  }

  #arrived(receiver: Receiver, sending: Sending, roundTripMs: number): void {
    if (this.#onTheirWay.get(receiver) !== sending) return;
    this.#onTheirWay.delete(receiver);
    this.#rates.arrived(sending, roundTripMs);
    this.#schedule();
  }
}
