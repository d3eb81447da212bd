import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { Arrived } from './uplink.ts';

/** How often a worker is pinged, and to show a sign of life. */
export const HEARTBEAT_MS = 1000;

/** Of those behind something large, and of others: a peer may answer the newest ping only (RFC 6455, 5.5.3), or none. */
const UNANSWERED_REMEMBERED = 16;
/** Of what a ping says. */
const PING_BYTES = 8;

interface Unanswered {
  readonly sentMs: number;
  /** Absent: nothing large was sent just before. */
  readonly arrived: Arrived | undefined;
}

/** Pings a peer and measures how long it takes to answer. */
export class Heartbeat {
  readonly #socket: WebSocket;
  #lastHeardMs = performance.now();
  /** The pings that were not answered, by what they say. */
  readonly #unanswered = new Map<string, Unanswered>();
  #roundTripMs: number | null = null;
  #leastRoundTripMs: number | null = null;

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

  /** @param arrived called once the peer has what was sent before, where that was something large */
  ping(arrived?: Arrived): void {
    // What it says tells the answers to different pings apart, and shows that a peer has received it: it may send pongs on its own.
    const text = randomBytes(PING_BYTES).toString('latin1');
    this.#unanswered.set(text, { sentMs: performance.now(), arrived });
    const alike = [...this.#unanswered].filter(([, each]) => !each.arrived === !arrived);
    const [oldest] = alike[0] ?? [];
    if (oldest !== undefined && alike.length > UNANSWERED_REMEMBERED) this.#unanswered.delete(oldest);
    this.#socket.ping(Buffer.from(text, 'latin1'));
  }

  #answered(text: string): void {
    this.heard();
    const ping = this.#unanswered.get(text);
    if (!ping) return;
    if (!ping.arrived) {
      this.#roundTripMs = performance.now() - ping.sentMs;
      this.#leastRoundTripMs = Math.min(this.#leastRoundTripMs ?? Infinity, this.#roundTripMs);
    }
    // Whoever answers this one has what was sent before, whether or not it answered for that.
    for (const [earlier, { arrived }] of this.#unanswered) {
      this.#unanswered.delete(earlier);
      arrived?.(this.#leastRoundTripMs ?? 0);
      if (earlier === text) return;
    }
  }
}
