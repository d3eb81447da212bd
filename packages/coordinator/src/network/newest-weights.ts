import type { WebSocket } from 'ws';
import type { PublishedWeights } from '../scheduling/published-weights.ts';

/** Weights of so many rounds may be on their way: that the first ones have left may be noticed later than that they were answered. */
const MAX_UNNOTICED = 2;

/** Sends a worker the newest weights there are, one set at a time: on a slow connection, those in between are left out. */
export class NewestWeights {
  readonly #socket: WebSocket;
  readonly #caughtUp: () => void;
  /** Of the weights that are on their way. */
  #round: number | undefined;
  /** How many sets have not left, as the socket has it: a worker may lie about those that it received. */
  #unnoticed = 0;
  /** Of those that were sent last. */
  #lastRound = -1;
  #waiting: { readonly weights: PublishedWeights; readonly release: () => void } | undefined;
  #isBehind = false;
  #stopped = false;

  /** @param caughtUp called when the worker is no longer behind */
  constructor(socket: WebSocket, caughtUp: () => void) {
    this.#socket = socket;
    this.#caughtUp = caughtUp;
  }

  /** Whether the newest weights had to wait for earlier ones, and have not left. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** @param isSlow whether the worker is taken to be behind until these have left */
  send(weights: PublishedWeights, isSlow = false): void {
    this.#forgetWaiting();
    // Of what has left, one is told a little later only.
    if (this.#hasRoom || this.#socket.bufferedAmount === 0) {
      this.#isBehind = isSlow;
      this.#start(weights);
      return;
    }
    this.#isBehind = true;
    this.#waiting = { weights, release: weights.hold() };
  }

  /** The worker has answered with weights of this round, which nobody may have noticed to have left. */
  arrived(round: number): void {
    if (this.#round === round) this.#left(round);
  }

  /** Nothing more is sent. */
  stop(): void {
    this.#stopped = true;
    this.#forgetWaiting();
  }

  #start(weights: PublishedWeights): void {
    const { round } = weights;
    this.#unnoticed++;
    const frames = (this.#lastRound === round - 1 ? weights.updateFrames : undefined) ?? weights.frames;
    this.#lastRound = round;
    this.#round = round;
    // They leave in order, and are overwritten together.
    const release = weights.hold();
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
    if (this.#stopped || !this.#hasRoom) return;
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      this.#start(waiting.weights);
      waiting.release();
    } else if (this.#isBehind) {
      this.#isBehind = false;
      this.#caughtUp();
    }
  }

  #forgetWaiting(): void {
    this.#waiting?.release();
    this.#waiting = undefined;
  }
}
