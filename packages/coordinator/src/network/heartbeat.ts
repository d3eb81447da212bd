import type { WebSocket } from 'ws';

/** How often a worker is pinged, and to show a sign of life. */
export const HEARTBEAT_MS = 1000;

/** A peer may answer the newest ping only (RFC 6455, 5.5.3), or none. */
const UNANSWERED_REMEMBERED = 16;

/** Pings a peer and measures how long it takes to answer. */
export class Heartbeat {
  readonly #socket: WebSocket;
  #lastHeardMs = performance.now();
  #pings = 0;
  /** When the pings were sent that were not answered, by their number. */
  readonly #unanswered = new Map<string, number>();
  #roundTripMs: number | null = null;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('pong', (data) => this.#answered(data.toString('latin1')));
  }

  /** Time since anything came from the peer. */
  get silentMs(): number {
    return performance.now() - this.#lastHeardMs;
  }

  /** Of the last ping that was answered; null before. */
  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  /** Something else came from the peer. */
  heard(): void {
    this.#lastHeardMs = performance.now();
  }

  ping(): void {
    // The number tells the answers to different pings apart; a peer may also send pongs on its own.
    const number = String(++this.#pings);
    this.#unanswered.set(number, performance.now());
    const [oldest] = this.#unanswered.keys();
    if (oldest !== undefined && this.#unanswered.size > UNANSWERED_REMEMBERED) this.#unanswered.delete(oldest);
    this.#socket.ping(number);
  }

  #answered(number: string): void {
    this.heard();
    const sentMs = this.#unanswered.get(number);
    if (sentMs === undefined) return;
    this.#roundTripMs = performance.now() - sentMs;
    this.#unanswered.delete(number);
  }
}
