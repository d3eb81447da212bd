import { totalmem } from 'node:os';
import { GantryError } from '@gantry/core';

/** What a message may take beside the time for its bytes. */
const GRACE_MS = 30_000;
/** 16 kB/s: less than any link that weights and results of megabytes are sent over, more than a trickle. */
const MIN_BYTES_PER_MS = 16;
/** Longer silence is for others to judge; while this process is held up itself, nobody is slow. */
const COUNTED_SILENCE_MS = 3000;
/** What keeping a received piece costs beside its bytes, roughly. */
const PIECE_BYTES = 256;

const ROOM_AT_LEAST_BYTES = 2 ** 28;
const ROOM_MESSAGES = 4;
/** Of the memory that this process may use. */
const ROOM_SHARE = 1 / 8;

/**
 * Room for what has come of messages that are not complete, over all workers, in bytes: all of them may send at the same time,
 * where a round ends for instance.
 * @param longestBytes of a message
 */
export function roomForUnfinished(longestBytes: number): number {
  // Without a limit of its container, Node says 0, nothing or far too much.
  const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  return Math.floor(Math.max(ROOM_AT_LEAST_BYTES, ROOM_MESSAGES * longestBytes, ROOM_SHARE * memoryBytes));
}

/** What all connections of a run have received of messages that are not complete: memory that peers keep in use. */
export class UnfinishedMessages {
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #all = new Set<UnfinishedMessage>();
  #heldBytes = 0;

  /**
   * @param maxBytes of all together
   * @param now a clock that is monotonic, in ms
   */
  constructor(maxBytes: number, now: () => number = () => performance.now()) {
    this.#maxBytes = maxBytes;
    this.#now = now;
  }

  /** Of all together. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Begins to watch a connection.
   * @param end ends it, for a message that is too slow (E_TIMEOUT) or the slowest where there is no more room (E_TOO_LARGE)
   */
  of(end: (error: GantryError) => void): UnfinishedMessage {
    const message = new UnfinishedMessage(this.#now, end, (bytes) => this.#changed(bytes));
    this.#all.add(message);
    return message;
  }

  /** A connection is ended: what came over it is not kept. */
  forget(message: UnfinishedMessage): void {
    if (this.#all.delete(message)) message.forget();
  }

  #changed(bytes: number): void {
    this.#heldBytes += bytes;
    while (this.#heldBytes > this.#maxBytes) this.#endSlowest();
  }

  /** Of those that hold their share or more: ending others would free little. */
  #endSlowest(): void {
    const unfinished = [...this.#all].filter(({ heldBytes }) => heldBytes > 0);
    const large = unfinished.filter(({ heldBytes }) => heldBytes >= this.#heldBytes / unfinished.length);
    const slowest = large.reduce((slow, each) => (each.bytesPerMs < slow.bytesPerMs ? each : slow));
    this.forget(slowest);
    const problem = `more than ${this.#maxBytes} bytes of unfinished messages at once, and this one is the slowest`;
    slowest.end(new GantryError('E_TOO_LARGE', problem));
  }
}

/** What a connection has received since its last complete message, and how long that has taken. */
export class UnfinishedMessage {
  readonly end: (error: GantryError) => void;
  readonly #now: () => number;
  readonly #changed: (bytes: number) => void;
  #bytes = 0;
  #pieces = 0;
  #elapsedMs = 0;
  #lastMs = 0;
  #isForgotten = false;

  /** @param changed is told by how much `heldBytes` has grown */
  constructor(now: () => number, end: (error: GantryError) => void, changed: (bytes: number) => void) {
    this.#now = now;
    this.end = end;
    this.#changed = changed;
  }

  /** Of memory, roughly. */
  get heldBytes(): number {
    return this.#bytes + this.#pieces * PIECE_BYTES;
  }

  get bytesPerMs(): number {
    return this.#bytes / this.#elapsedMs;
  }

  /** A piece has come, of one message or of several. */
  received(bytes: number): void {
    if (this.#isForgotten) return;
    const now = this.#now();
    if (this.#bytes > 0) this.#elapsedMs += Math.min(now - this.#lastMs, COUNTED_SILENCE_MS);
    this.#lastMs = now;
    this.#bytes += bytes;
    this.#pieces++;
    this.#changed(bytes + PIECE_BYTES);
    if (this.#isForgotten || this.#elapsedMs <= GRACE_MS + this.#bytes / MIN_BYTES_PER_MS) return;
    const [seconds, kilobytes] = [this.#elapsedMs / 1000, this.#bytes / 1000].map((each) => each.toFixed(1));
    this.end(new GantryError('E_TIMEOUT', `after ${seconds} s, only ${kilobytes} kB of a message have come`));
  }

  /** The last piece had the end of a message. What follows in that piece is not counted: 64 KiB at most. */
  complete(): void {
    const held = this.heldBytes;
    this.#bytes = 0;
    this.#pieces = 0;
    this.#elapsedMs = 0;
    if (!this.#isForgotten) this.#changed(-held);
  }

  /** Bytes that came were none of a message. */
  discount(bytes: number): void {
    if (this.#isForgotten) return;
    if (this.#bytes <= bytes) return this.complete();
    this.#bytes -= bytes;
    this.#changed(-bytes);
  }

  /** The connection is ended. */
  forget(): void {
    this.complete();
    this.#isForgotten = true;
  }
}
