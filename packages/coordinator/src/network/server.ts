import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import os from 'node:os';
import type { Duplex } from 'node:stream';
import { GantryError, MAX_FRAME_BYTES } from '@gantry/core';
import { WebSocketServer, type WebSocket } from 'ws';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';
import {
  SUBPROTOCOL,
  allowedHosts,
  isLoopback,
  isWildcard,
  parseAllowedHost,
  admitUpgrade,
  refuseHost,
  refuseWatcher,
  type Refusal,
} from './access-control.ts';
import { NONCE_HEADER, addressOf } from './announcement.ts';
import { Connections, type ConnectionLimits } from './connections.ts';
import { connectionsBeside, openFiles, type OpenFiles } from './open-files.ts';
import type { Tokens } from './tokens.ts';

/** Of all headers of a request together. */
const MAX_HEADER_BYTES = 16 * 1024;
/** From a TCP connection to the end of its TLS handshake. */
const TLS_HANDSHAKE_MS = 2000;
/** From there to the end of the request; with the handshake and a check's delay, a slow peer has less than 5 s. */
const REQUEST_MS = 2500;
const REQUEST_CHECK_MS = 250;
/** What `close` grants peers to take what was sent to them. */
const FLUSH_MS = 1000;
/** What a peer may take to answer a close; until then, one that does not holds its place. */
const CLOSE_ANSWER_MS = 2000;
/** What a refused peer gets to take the answer and close. */
const LINGER_MS = 500;
/** Going away (RFC 6455, 7.4.1). */
const CLOSE_GOING_AWAY = 1001;

/** Where there are files for so many. */
const MAX_CONNECTIONS = 1024;
const DEFAULT_LIMITS = { strangersPerAddress: 128, knownPerAddress: 256 };
/** With fewer connections, people should know. */
const FEW_CONNECTIONS = 256;

/** Of a message of one who watches: none is expected. */
const MAX_WATCHER_BYTES = 1024;

/** The other end of a connection. */
export interface Peer {
  readonly address: string;
  /** Below the WebSocket. */
  readonly socket: Socket;
}

export interface ServerOptions {
  /** Address or name to listen on; `0.0.0.0` and `::` mean all of the machine. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly tokens: Tokens;
  /** Certificate chain and its key, PEM; without, connections are in the clear. */
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array };
  /** HOST or HOST:PORT under which clients may address the server besides its own ones; none by default. */
  readonly allowedHosts?: readonly string[];
  /** Takes over the connection of a worker whose token was right; it has said nothing yet. */
  readonly onWorker: (socket: WebSocket, peer: Peer) => void;
  /** Takes over the connection of one who watches; by default there is nothing to see. */
  readonly onWatcher?: (socket: WebSocket) => void;
  /** Answers what is no WebSocket, for an allowed host; must not throw. By default 404. */
  readonly onRequest?: (request: http.IncomingMessage, response: http.ServerResponse) => void;
  /** Shows local commands that this server is the one whose note they have read. @see Announcement.prove */
  readonly prove?: (nonce: string, address: string) => Promise<string | undefined>;
  /** Default: 1024, or what the limit of open files leaves beside the run's own; 128 strangers and 256 others per address. */
  readonly connections?: Partial<ConnectionLimits>;
  /** Largest WebSocket message; a larger one closes its connection with 1009. Default: the largest frame there is. */
  readonly maxPayloadBytes?: number;
}

export interface CoordinatorServer {
  readonly host: string;
  readonly port: number;
  /** For workers; when listening on all addresses, it names one that other machines can reach, if there is one. */
  readonly url: string;
  /** What the user should know, one line each. */
  readonly warnings: readonly string[];
  /** Stops listening and ends all connections, once they have taken what was sent to them or 1 s later. */
  close(): Promise<void>;
}

/**
 * Listens for workers. No peer can make it throw: bad ones get a refusal, and a WebSocket that fails ends by its `close`
 * event.
 * @throws GantryError E_CONFIG if it cannot listen there or the certificate, its key or an allowed host is unusable
 */
export async function startServer(options: ServerOptions): Promise<CoordinatorServer> {
  const extraHosts = (options.allowedHosts ?? []).map(parseAllowedHost);
  const server = createServer(options);
  const files = openFiles();
  const limits = {
    ...DEFAULT_LIMITS,
    total: Math.min(MAX_CONNECTIONS, connectionsBeside(files)),
    ...options.connections,
  };
  const connections = new Connections(server, limits);
  const webSockets = {
    work: webSocketServer(options.maxPayloadBytes ?? MAX_FRAME_BYTES),
    watch: webSocketServer(MAX_WATCHER_BYTES),
  };
  const { host, port } = await listen(server, options);
  const hosts = allowedHosts(options.host, port, extraHosts, [host, ...ownNames()]);

  server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
    const refusal = refuseHost(request.headers, hosts);
    const isHealthCheck = request.url === '/healthz';
    // Where there is no room among the known ones, it is answered all the same.
    if (!refusal && !refuseWatcher(request.headers, options.tokens)) connections.admit(request.socket);
    if (!refusal && !isHealthCheck && options.onRequest) {
      options.onRequest(request, response);
      return;
    }
    const answer = ({ status, ...body }: { readonly status: number }) => {
      response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' });
      response.end(JSON.stringify(body));
    };
    if (refusal ?? !isHealthCheck) answer(refusal ?? notFound);
    else void health(request, options.prove).then(answer);
  });
  server.on('upgrade', (request: http.IncomingMessage, socket: Socket, head: Buffer) => {
    // Nobody else listens from here on; that the socket closes is all there is to know.
    socket.on('error', () => socket.destroy());
    const purpose = admitUpgrade({ url: request.url ?? '', headers: request.headers }, hosts, options.tokens);
    if (typeof purpose !== 'string') return refuse(socket, purpose);
    const { onWorker, onWatcher } = options;
    if (purpose === 'watch' && !onWatcher) return refuse(socket, notFound);
    const full = connections.admit(socket);
    if (full) return refuse(socket, full);
    webSockets[purpose].handleUpgrade(request, socket, head, (webSocket) => {
      // What a peer did wrong is in the code of the close event that follows.
      webSocket.on('error', () => {});
      if (purpose === 'watch') onWatcher?.(webSocket);
      else onWorker(webSocket, { address: socket.remoteAddress ?? 'unknown', socket });
    });
  });
  server.on('clientError', (error, socket) => {
    const refusal = refusalOf(error);
    if (refusal) refuse(socket, refusal);
    else socket.destroy();
  });

  let closing: Promise<void> | undefined;
  return {
    host,
    port,
    url: `${options.tls ? 'wss' : 'ws'}://${urlHost(isWildcard(options.host) ? reachableAddress() : options.host)}:${port}`,
    warnings: [...clearTextWarning(host, options), ...fewFilesWarning(limits, files)],
    close: () => (closing ??= closeServer(server, Object.values(webSockets), connections)),
  };
}

function clearTextWarning(host: string, { tls }: ServerOptions): string[] {
  if (tls || isLoopback(host)) return [];
  return [`tokens and weights travel in the clear to and from ${host}: use --tls-cert and --tls-key, or a VPN`];
}

function fewFilesWarning({ total }: ConnectionLimits, { limit, isAssumed }: OpenFiles): string[] {
  if (total >= FEW_CONNECTIONS || isAssumed) return [];
  return [`there is room for ${total} connections: this process may have ${limit} files open; raise that by ulimit -n`];
}

function createServer(options: ServerOptions): http.Server {
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: REQUEST_CHECK_MS,
  };
  if (!options.tls) return http.createServer(limits);
  const { cert, key } = options.tls;
  try {
    const text = { cert: Buffer.from(cert), key: Buffer.from(key) };
    return https.createServer({ ...limits, ...text, handshakeTimeout: TLS_HANDSHAKE_MS });
  } catch (cause) {
    throw new GantryError('E_CONFIG', `the TLS certificate or its key cannot be used: ${messageOf(cause)}`, { cause });
  }
}

function webSocketServer(maxPayload: number): WebSocketServer {
  // The types of ws lack this option.
  const closeTimeout = { closeTimeout: CLOSE_ANSWER_MS };
  const server = new WebSocketServer({
    ...closeTimeout,
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  server.on('wsClientError', (error, socket) =>
    refuse(socket, { status: 400, code: 'E_PROTOCOL', message: error.message }),
  );
  return server;
}

async function listen(server: Server, { host, port }: ServerOptions): Promise<{ host: string; port: number }> {
  await new Promise<void>((resolve, reject) => {
    // It stays: a connection that cannot be accepted is an error of the server too, and no reason to end.
    server.on('error', (cause) => reject(listenError(host, port, cause)));
    server.listen({ host, port }, resolve);
  });
  const address = server.address() as AddressInfo;
  return { host: address.address, port: address.port };
}

function listenError(host: string, port: number, cause: unknown): GantryError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is in use: stop what listens there, or choose another port`,
    EACCES: `port ${port} is reserved for privileged users: choose one above 1023`,
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'no such host is known',
  };
  const reason = reasons[systemErrorCode(cause) ?? ''] ?? messageOf(cause);
  return new GantryError('E_CONFIG', `cannot listen on ${urlHost(host)}:${port}: ${reason}`, { cause });
}

async function closeServer(server: http.Server, webSockets: readonly WebSocketServer[], connections: Connections) {
  const closed = Promise.all([
    new Promise<void>((resolve) => {
      server.close(() => resolve());
    }),
    // They refuse upgrades from here on, and end with the last close event of a WebSocket.
    ...webSockets.map(
      (each) =>
        new Promise<void>((resolve) => {
          each.close(() => resolve());
        }),
    ),
  ]);
  for (const webSocket of webSockets.flatMap(({ clients }) => [...clients])) {
    webSocket.close(CLOSE_GOING_AWAY, 'the coordinator stops');
  }
  server.closeAllConnections();
  const deadline = setTimeout(() => connections.destroyAll(), FLUSH_MS);
  await closed;
  clearTimeout(deadline);
}

async function health({ headers, socket }: http.IncomingMessage, prove: ServerOptions['prove']) {
  const nonce = headers[NONCE_HEADER];
  const address = addressOf(socket.localAddress, socket.localPort);
  const proof = typeof nonce === 'string' ? await prove?.(nonce, address) : undefined;
  return { status: 200, ok: true, ...(proof !== undefined && { proof }) };
}

const notFound: Refusal = { status: 404, code: 'E_PROTOCOL', message: 'nothing is here; workers connect to /work' };

/** What to say to a request that could not be read; undefined where nothing can be said. */
function refusalOf(error: Error): Refusal | undefined {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, code: 'E_TOO_LARGE', message: `the headers exceed ${MAX_HEADER_BYTES} bytes` };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, code: 'E_TIMEOUT', message: `the request took longer than ${REQUEST_MS} ms` };
  }
  // Otherwise the connection was reset, or its TLS handshake failed: an answer would wait for the handshake for ever.
  return code.startsWith('HPE_') ? { status: 400, code: 'E_PROTOCOL', message: 'this is not HTTP' } : undefined;
}

/** Answers and closes; the peer cannot keep the socket open for long. */
function refuse(socket: Duplex, { status, code, message }: Refusal): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ code, message });
  const head = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
  ];
  // What is unread when a connection is destroyed makes TCP drop the answer as well.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function externalAddresses(): os.NetworkInterfaceInfo[] {
  // Link-local IPv6 addresses work only with a zone, which URLs cannot carry.
  const all = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
}

function ownNames(): string[] {
  return [os.hostname(), ...externalAddresses().map(({ address }) => address)];
}

function reachableAddress(): string {
  const addresses = externalAddresses();
  const best = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0];
  return best?.address ?? '127.0.0.1';
}

function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
