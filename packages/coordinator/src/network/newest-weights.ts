import type { WebSocket } from 'ws';
import type { PublishedWeights } from '../scheduling/published-weights.ts';
import type { Ping, Receiver, Uplink } from './uplink.ts';

/** Weights of so many rounds may be on their way: that the first ones have left may be noticed later than that they were answered. */
const MAX_UNNOTICED = 2;

interface Waiting {
  readonly weights: PublishedWeights;
  readonly release: () => void;
}

/**
 * Sends a worker the newest weights there are, one set at a time, in turn with other workers: on a slow connection, those in between are
 * left out.
 */
export class NewestWeights {
  readonly #socket: WebSocket;
  readonly #uplink: Uplink;
  readonly #receiver: Receiver;
  readonly #caughtUp: () => void;
  /** Of the weights that are on their way. */
  #round: number | undefined;
  /** How many sets have not left, as the socket has it: a worker may lie about those that it received. */
  #unnoticed = 0;
  /** Of those that were sent last; undefined before. */
  #lastRound: number | undefined;
  #waiting: Waiting | undefined;
  #isBehind = false;
  #stopped = false;

  /** @param caughtUp called when the worker is no longer behind, or need no longer wait for its turn */
  constructor(socket: WebSocket, uplink: Uplink, ping: Ping, caughtUp: () => void) {
    this.#socket = socket;
    this.#uplink = uplink;
    this.#receiver = uplink.join(ping);
    this.#caughtUp = caughtUp;
  }

  /** Whether the newest weights had to wait for earlier ones, and have not left. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Whether the newest weights are not on their way yet. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** How fast they got there, at best lately; null before the first large ones did. */
  get bytesPerSecond(): number | null {
    const { bytesPerMs } = this.#receiver;
    return bytesPerMs > 0 ? 1000 * bytesPerMs : null;
  }

  /** @param isSlow whether the worker is taken to be behind until these have left */
  send(weights: PublishedWeights, isSlow = false): void {
    if (this.#stopped) return;
    this.#waiting?.release();
    this.#waiting = { weights, release: weights.hold() };
    // Of what has left, one is told a little later only.
    const hasRoom = this.#hasRoom || this.#socket.bufferedAmount === 0;
    this.#isBehind = isSlow || !hasRoom;
    if (hasRoom) this.#takeTurn(this.#waiting);
  }

  /** The worker has answered with weights of this round, which nobody may have noticed to have left. */
  arrived(round: number): void {
    if (this.#round === round) this.#left(round);
  }

  /** Nothing more is sent. */
  stop(): void {
    this.#stopped = true;
    this.#waiting?.release();
    this.#waiting = undefined;
    this.#uplink.leave(this.#receiver);
  }

  #takeTurn({ weights }: Waiting): void {
    const bytes = this.#framesOf(weights).reduce((sum, frame) => sum + frame.length, 0);
    let hasWaited = false;
    this.#uplink.send(this.#receiver, bytes, () => {
      this.#start();
      // Later, as what it brings about may send something, too.
      if (hasWaited) queueMicrotask(this.#caughtUp);
    });
    hasWaited = true;
  }

  #framesOf(weights: PublishedWeights): readonly Uint8Array[] {
    return (this.#lastRound === weights.round - 1 ? weights.updateFrames : undefined) ?? weights.frames;
  }

  #start(): void {
    if (!this.#waiting) return;
    const { weights, release } = this.#waiting;
    const { round } = weights;
    const frames = this.#framesOf(weights);
    this.#waiting = undefined;
    this.#unnoticed++;
    this.#lastRound = round;
    this.#round = round;
    // They leave in order, and are overwritten together.
    const sent = () => {
      release();
      this.#unnoticed--;
      this.#left(round);
    };
    frames.forEach((frame, i) => this.#socket.send(frame, i === frames.length - 1 ? sent : undefined));
  }

  get #hasRoom(): boolean {
    return this.#round === undefined && this.#unnoticed < MAX_UNNOTICED;
  }

  #left(round: number): void {
    if (this.#round === round) this.#round = undefined;
    if (this.#stopped || !this.#hasRoom || this.#uplink.hasTurn(this.#receiver)) return;
    if (this.#waiting) this.#takeTurn(this.#waiting);
    else if (this.#isBehind) {
      this.#isBehind = false;
      this.#caughtUp();
    }
  }
}
