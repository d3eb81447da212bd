import type { IncomingMessage } from 'node:http';
import { addAbortSignal } from 'node:stream';
import { GantryError, MAX_FRAME_BYTES, plainText } from '@gantry/core';
import { WebSocket, type ClientOptions, type RawData } from 'ws';
import { ConnectionError, type Connection, type ConnectionEvents } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import type { WorkerOptions } from './worker-options.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long the other end may take to answer a close. */
const CLOSE_TIMEOUT_MS = 700;
const MAX_REFUSAL_CHARACTERS = 4096;
const TOKEN_REFUSED =
  'the coordinator does not accept this token: take that of its join command, or work.token of its run directory';

/** By the `ws` library. */
export class NodeConnection implements Connection {
  /** Undefined until the token is there. */
  #socket: WebSocket | undefined;
  readonly #events: ConnectionEvents;
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => undefined;
  #ended = false;
  #cause: Error | undefined;
  #silence: NodeJS.Timeout | undefined;
  #signsOfLife: NodeJS.Timeout | undefined;

  constructor(endpoint: Endpoint, token: WorkerOptions['token'], tlsCa: string | undefined, events: ConnectionEvents) {
    this.#events = events;
    this.#closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    if (typeof token === 'string') {
      this.#open(endpoint, token, tlsCa);
      return;
    }
    token().then(
      (text) => this.#open(endpoint, text, tlsCa),
      (error: Error) => this.#end(error instanceof GantryError ? error : new ConnectionError(describe(error))),
    );
  }

  #open(endpoint: Endpoint, token: string, tlsCa: string | undefined): void {
    if (this.#ended) return;
    const socket = new WebSocket(endpoint.url, socketOptions(endpoint, token, tlsCa));
    this.#socket = socket;
    socket.on('upgrade', (response) => {
      socket.once('open', () => {
        // Any byte is a sign of life: a large frame on a slow network holds up the pings behind it.
        response.socket.on('data', () => this.#silence?.refresh());
        this.#events.opened();
      });
    });
    socket.on('message', (data, isBinary) => {
      // A ping behind weights asks when they arrived, and is answered before they are decoded.
      setImmediate(() => this.#receive(data, isBinary));
    });
    socket.on('unexpected-response', (_request, response) => {
      void refusalOf(response).then((refusal) => this.#end(refusal));
    });
    socket.on('error', (error) => (this.#cause ??= new ConnectionError(describe(error), { cause: error })));
    socket.on('close', (code, reason) => {
      this.#resolveClosed();
      // After what was said before.
      setImmediate(() => {
        this.#end(this.#cause ?? new ConnectionError(describeClose(code, plainText(reason.toString()))));
      });
    });
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    // As `binaryType` is left at its default, there are only buffers.
    if (isBinary && data instanceof Uint8Array) this.#events.frame(data);
    else this.#end(new GantryError('E_PROTOCOL', 'the coordinator sent text where binary frames are spoken'));
  }

  limitSilence(limitMs: number): void {
    clearTimeout(this.#silence);
    if (this.#ended) return;
    this.#silence = setTimeout(() => {
      this.#end(new ConnectionError(`nothing came from the coordinator for ${(limitMs / 1000).toFixed(1)} s`));
    }, limitMs);
  }

  showLife(intervalMs: number): void {
    clearInterval(this.#signsOfLife);
    if (this.#ended) return;
    this.#signsOfLife = setInterval(() => this.#socket?.pong(), intervalMs);
  }

  send(frame: Uint8Array, sent?: () => void): void {
    if (this.#socket && this.#socket.readyState !== WebSocket.CONNECTING) this.#socket.send(frame, () => sent?.());
  }

  async close(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#silence);
    clearInterval(this.#signsOfLife);
    const socket = this.#socket;
    if (!socket) return;
    const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
    socket.close(1000);
    await this.#closed;
    clearTimeout(timer);
  }

  #end(cause: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#silence);
    clearInterval(this.#signsOfLife);
    this.#socket?.terminate();
    this.#events.closed(cause);
  }
}

function socketOptions(endpoint: Endpoint, token: string, tlsCa: string | undefined): ClientOptions {
  const options: ClientOptions = {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
  if (tlsCa !== undefined) options.ca = tlsCa;
  // Masks keep what a client sends from looking like other traffic to an intermediary. On loopback and inside TLS there
  // is none that could read it; zeros let ws skip a pass over each frame (39 → 9 ms per 10 MB). Elsewhere they stay.
  if (endpoint.loopback || endpoint.url.protocol === 'wss:') options.generateMask = (mask) => void mask.fill(0);
  return options;
}

/** What a server that refused the upgrade says: JSON `{code, message}`. */
async function refusalOf(response: IncomingMessage): Promise<Error> {
  const status = response.statusCode ?? 0;
  let body = '';
  try {
    response.setEncoding('utf8');
    addAbortSignal(AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS), response);
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > MAX_REFUSAL_CHARACTERS) break;
    }
  } catch {
    // The status says enough.
  }
  // There is a token in every request: it is known what is wrong, and better than a server can say what helps a worker.
  if (status === 401) return new GantryError('E_AUTH', TOKEN_REFUSED);
  const message = messageIn(body) ?? `the server answered with HTTP status ${status}`;
  if (status === 403) return new GantryError('E_AUTH', message);
  return new ConnectionError(message);
}

function messageIn(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? plainText(message).slice(0, 1000) : undefined;
  } catch {
    return undefined;
  }
}

function describeClose(code: number, reason: string): string {
  // 1006 stands for a connection that ended without a word (RFC 6455, 7.4.1).
  if (code === 1006) return 'the connection to the coordinator broke';
  return `the coordinator closed the connection (${[code, reason].filter(Boolean).join(' ')})`;
}

function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return `the coordinator's certificate is not trusted (${code}); give the right one with --tls-ca`;
  }
  if ('hostname' in error && /^(ENOTFOUND|EAI_)/.test(code)) {
    return `the name ${String(error.hostname)} leads to no host (${code}): check the URL, and the name server of this machine`;
  }
  // Where a name has several addresses, the error's message is empty.
  return `no connection to the coordinator: ${error.message || code}`;
}
