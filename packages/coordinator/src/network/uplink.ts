import { Burst, rateOf } from './burst.ts';

/** A message of so many bytes tells how fast a link is, and is worth waiting for. */
export const LARGE_BYTES = 1_000_000;
/** Messages that take less leave at once: in which order they arrive makes no difference. */
const SLOW_MS = 20;
/** So many leave at once to measure: a shard whose weights take three times as long as usual is not late. */
const MEASURED_BY = 3;
/** Links are measured again after so many messages for each receiver … */
const MEASURED_FOR = 16;
/** … and as much of what they carried counts then, lest it counts for ever. */
const REMEMBERED = 0.9;

/** Called once a message has arrived. @param roundTripMs the least time that the receiver took to answer anything; 0 before the first */
export type Arrived = (roundTripMs: number) => void;

/** Sends a ping, and calls `arrived` once the receiver has what was sent before. */
export type Ping = (arrived: Arrived) => void;

/** Who is sent large messages. */
export interface Receiver {
  readonly ping: Ping;
  /** Of large messages to it, at best; 0 before the first. */
  bytesPerMs: number;
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
 * Where receivers have slow links of their own, messages leave at once. Which it is shows where some did that: after somebody has joined,
 * and from time to time, a few do. A message waits until the one before it has arrived, but no longer than that should take: whoever
 * does not answer, or has a far slower link, holds up nobody.
 */
export class Uplink {
  readonly #receivers = new Set<Receiver>();
  /** At most one of each receiver, in order. */
  #turns: Turn[] = [];
  /** The message that began last, until it has arrived: those before it have left then, or have other links. */
  #last: Turn | undefined;
  /** When the last message should have arrived, by performance.now(). */
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Messages since links began to be measured. */
  #begun = 0;
  #burst = new Burst();
  /** The last burst of which two messages have arrived. */
  #measured: Burst | undefined;
  /** Whether any message has arrived that was sent in turn: before, nobody knows what one alone takes. */
  #knowsAlone = false;

  join(ping: Ping): Receiver {
    const receiver = { ping, bytesPerMs: 0 };
    this.#receivers.add(receiver);
    this.#begun = 0;
    return receiver;
  }

  leave(receiver: Receiver): void {
    this.#receivers.delete(receiver);
    this.#forget(receiver);
    this.#schedule();
  }

  /**
   * A newer message takes the place of one that waits for its turn. Who has left gets none.
   * @param begin sends a message of so many bytes; called at once, or when it is its turn
   */
  send(receiver: Receiver, bytes: number, begin: () => void): void {
    this.#forget(receiver);
    if (!this.#receivers.has(receiver)) return;
    const turn = { receiver, bytes, begin };
    if (bytes < LARGE_BYTES) begin();
    else if (bytes < receiver.bytesPerMs * SLOW_MS) this.#begin(turn, {});
    else {
      this.#turns.push(turn);
      // Those before it begin later: their receivers may be about to be sent something newer.
      if (this.#turns[0] === turn) this.#beginFirst();
    }
    this.#schedule();
  }

  /** Whether a message to it waits for its turn. */
  hasTurn(receiver: Receiver): boolean {
    return this.#turns.some((turn) => turn.receiver === receiver);
  }

  #forget(receiver: Receiver): void {
    this.#turns = this.#turns.filter((turn) => turn.receiver !== receiver);
  }

  get #isMeasuring(): boolean {
    return this.#begun < MEASURED_BY;
  }

  /** How long the next message has to wait, in ms. */
  get #waitMs(): number {
    return this.#isMeasuring || !this.#last ? 0 : Math.max(0, this.#freeMs - performance.now());
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
    if (this.#begun >= MEASURED_FOR * this.#receivers.size) this.#measureAgain();
    const ms = this.#expectedMs(turn);
    const isInTurn = ms > 0 && !this.#isMeasuring;
    this.#freeMs = Math.max(this.#last ? this.#freeMs : 0, performance.now()) + ms;
    this.#last = turn;
    this.#begun++;
    this.#begin(turn, isInTurn ? { isInTurn } : { burst: this.#openBurst() });
    return true;
  }

  #measureAgain(): void {
    this.#begun = 0;
    for (const receiver of this.#receivers) receiver.bytesPerMs *= REMEMBERED;
  }

  /** How long a message should take at most, on the fastest of slow links; 0 where others need not wait for it. */
  #expectedMs({ bytes }: Turn): number {
    const isSlow = (bytesPerMs: number) => bytes >= bytesPerMs * SLOW_MS;
    const together = this.#measured?.bytesPerMs ?? 0;
    if (!this.#isShared || !isSlow(together)) return 0;
    const alone = [...this.#receivers].map(({ bytesPerMs }) => bytesPerMs).filter(isSlow);
    const rate = Math.max(together, ...alone);
    return rate > 0 ? bytes / rate : 0;
  }

  /** Whether messages at once get there hardly faster than one after the other; taken for granted until that is known. */
  get #isShared(): boolean {
    return !this.#knowsAlone || (this.#measured?.isShared ?? true);
  }

  /** @param burst that it is one of @param isInTurn whether none began shortly before; neither where its link is fast */
  #begin(turn: Turn, { burst, isInTurn = false }: { readonly burst?: Burst; readonly isInTurn?: boolean }): void {
    const { receiver, bytes } = turn;
    const beganMs = performance.now();
    turn.begin();
    receiver.ping((roundTripMs) => {
      if (this.#last === turn) this.#last = undefined;
      receiver.bytesPerMs = Math.max(receiver.bytesPerMs, rateOf(bytes, beganMs, roundTripMs));
      burst?.arrived(receiver, bytes, roundTripMs);
      if (burst && burst.bytesPerMs > 0) this.#measured = burst;
      if (isInTurn) this.#knowsAlone = true;
      this.#schedule();
    });
  }

  #openBurst(): Burst {
    if (!this.#burst.isOpen) this.#burst = new Burst();
    return this.#burst;
  }
}
