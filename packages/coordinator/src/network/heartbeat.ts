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
  /** The pings that were not answered, by their number: when they were sent, and what they had to wait for. */
  readonly #unanswered = new Map<string, { readonly sentMs: number; readonly behindBytes: number }>();
  #roundTripMs: number | null = null;
  #outRate: number | null = null;

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

  /** Bytes per second to the peer, from the ping behind a large message; null before it was answered. */
  get outRate(): number | null {
    return this.#outRate;
  }

  /** Something else came from the peer. */
  heard(): void {
    this.#lastHeardMs = performance.now();
  }

  /** @param behindBytes of a message that was sent just before: the answer tells how fast it got there */
  ping(behindBytes = 0): void {
    // The number tells the answers to different pings apart; a peer may also send pongs on its own.
    const number = String(++this.#pings);
    this.#unanswered.set(number, { sentMs: performance.now(), behindBytes });
    const [oldest] = this.#unanswered.keys();
    if (oldest !== undefined && this.#unanswered.size > UNANSWERED_REMEMBERED) this.#unanswered.delete(oldest);
    this.#socket.ping(number);
  }

  #answered(number: string): void {
    this.heard();
    const ping = this.#unanswered.get(number);
    if (!ping) return;
    this.#unanswered.delete(number);
    const elapsedMs = performance.now() - ping.sentMs;
    if (ping.behindBytes > 0) {
      const travelMs = elapsedMs - (this.#roundTripMs ?? 0);
      this.#outRate = travelMs > 0 ? (1000 * ping.behindBytes) / travelMs : Infinity;
    } else this.#roundTripMs = elapsedMs;
  }
}
