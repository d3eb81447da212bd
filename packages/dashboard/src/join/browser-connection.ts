import { GantryError } from '@gantry/core';
import { ConnectionError, type Connection, type ConnectionEvents } from '@gantry/worker/portable';

/** How long the other end may take to answer a close. */
const CLOSE_TIMEOUT_MS = 700;
/** As long as more than this waits to be sent, the results behind it count as not sent. */
const MAX_BUFFERED_BYTES = 1_000_000;
const BUFFER_LOOK_MS = 20;

/** By the browser's WebSocket. */
export class BrowserConnection implements Connection {
  readonly #socket: WebSocket;
  readonly #events: ConnectionEvents;
  readonly #closed: Promise<void>;
  #wasOpen = false;
  #ended = false;

  constructor(url: string, token: string, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = new WebSocket(url, ['gantry', `gantry.token.${token}`]);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.addEventListener('open', () => {
      this.#wasOpen = true;
      events.opened();
    });
    this.#socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (this.#ended) return;
      if (data instanceof ArrayBuffer) events.frame(new Uint8Array(data));
      else this.#end(new GantryError('E_PROTOCOL', 'the coordinator sent text where binary frames are spoken'));
    });
    this.#closed = new Promise((resolve) => {
      this.#socket.addEventListener('close', ({ code, reason }) => {
        resolve();
        void this.#causeOf(code, reason).then((cause) => this.#end(cause));
      });
    });
  }

  send(frame: Uint8Array<ArrayBuffer>, sent?: () => void): void {
    if (this.#socket.readyState === WebSocket.CONNECTING) return;
    // The browser has copied the frame when this returns.
    this.#socket.send(frame);
    if (sent) this.#whenDrained(sent);
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#socket.close(1000);
    await Promise.race([this.#closed, new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS))]);
  }

  /** There is no event for this. */
  #whenDrained(sent: () => void): void {
    const { readyState, bufferedAmount } = this.#socket;
    if (readyState !== WebSocket.OPEN || bufferedAmount <= MAX_BUFFERED_BYTES) sent();
    else setTimeout(() => this.#whenDrained(sent), BUFFER_LOOK_MS);
  }

  #end(cause: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.close();
    this.#events.closed(cause);
  }

  /** Why the connection ended; a browser does not tell a refusal from a server that is away. */
  async #causeOf(code: number, reason: string): Promise<Error> {
    if (this.#wasOpen) {
      const why = [code, reason].filter(Boolean).join(' ');
      return new ConnectionError(
        code === 1006 ? 'the connection to the coordinator broke' : `the coordinator closed the connection (${why})`,
      );
    }
    try {
      const { ok } = await fetch('/healthz', { cache: 'no-store' });
      if (ok) return new GantryError('E_AUTH', 'the coordinator does not accept this token');
    } catch {
      // It is away.
    }
    return new ConnectionError('the coordinator is unreachable');
  }
}
