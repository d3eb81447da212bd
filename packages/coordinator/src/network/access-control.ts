import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { GantryError, plainText, type ErrorCode } from '@gantry/core';
import { secretsEqual, type Tokens } from './tokens.ts';

/** What the server speaks; browsers, which cannot set headers, offer it next to `gantry.token.<token>`. */
export const SUBPROTOCOL = 'gantry';
const TOKEN_SUBPROTOCOL = 'gantry.token.';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const WILDCARDS = new Set(['0.0.0.0', '::', '[::]', '']);
const HOW_TO_PASS = 'pass it in the header "Authorization: Bearer TOKEN", or in a browser as a subprotocol';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** A refusal as it is sent: an HTTP status, and `{code, message}` in JSON. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface HostAndPort {
  readonly name: string;
  readonly port?: number;
}

/** The names under which the server may be addressed, lower case, IPv6 in brackets. */
export interface AllowedHosts {
  readonly names: ReadonlySet<string>;
  /** `name:port`. */
  readonly withPort: ReadonlySet<string>;
}

/** Whether only this machine can reach an address; `localhost` counts. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(?<inner>.*)\]$/, '$<inner>');
  const family = isIP(address);
  // Addresses like ::ffff:127.0.0.1 count as the IPv4 ones that they contain.
  if (family !== 0) return loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
  return address.toLowerCase() === 'localhost';
}

/** Whether an address to listen on means all addresses of the machine. */
export function isWildcard(host: string): boolean {
  return WILDCARDS.has(host);
}

/**
 * A host that is allowed by configuration, HOST or HOST:PORT.
 * @throws GantryError E_CONFIG if it is neither
 */
export function parseAllowedHost(text: string): HostAndPort {
  const host = parseHost(text);
  if (!host) throw new GantryError('E_CONFIG', `the allowed host ${shown(text)} is neither HOST nor HOST:PORT`);
  return host;
}

/**
 * The hosts that requests may name: the listen address; the loopback names, when listening on loopback or everywhere;
 * this machine's own names and addresses, when listening everywhere; and extra ones.
 * @param extra without a port, the server's own and those of a proxy (80, 443) are allowed
 * @param ownNames names and addresses of this machine
 */
export function allowedHosts(
  host: string,
  port: number,
  extra: readonly HostAndPort[],
  ownNames: readonly string[],
): AllowedHosts {
  const listened = [host];
  if (isWildcard(host)) listened.push(...ownNames);
  if (isWildcard(host) || isLoopback(host)) listened.push(...LOOPBACK_NAMES);
  const parsed = listened
    .map((name) => parseHost(isIP(name) === 6 ? `[${name}]` : name))
    .filter((each) => each !== undefined);
  const names = [...parsed, ...extra].map(({ name }) => name);
  const withPort = [
    ...parsed.map(({ name }) => ({ name, port })),
    ...extra.flatMap((each) =>
      (each.port === undefined ? [port, 80, 443] : [each.port]).map((one) => ({ name: each.name, port: one })),
    ),
  ];
  return { names: new Set(names), withPort: new Set(withPort.map(hostText)) };
}

/** What a WebSocket is for. */
export type Purpose = 'work' | 'watch';

/**
 * Decides on a request to become the WebSocket of a worker (`/work`) or of one who watches (`/watch`). Host and Origin
 * come first: a page that reaches the server by DNS rebinding learns nothing about tokens.
 * @returns what it is for, or why not
 */
export function admitUpgrade(
  request: { url: string; headers: IncomingHttpHeaders },
  hosts: AllowedHosts,
  tokens: Tokens,
): Purpose | Refusal {
  const misdirected = refuseHost(request.headers, hosts);
  if (misdirected) return misdirected;
  const [path, query] = request.url.split('?', 2);
  if (query !== undefined) {
    // Queries end up in the logs of proxies.
    return { status: 400, code: 'E_PROTOCOL', message: `no query is taken; if this was a token, ${HOW_TO_PASS}` };
  }
  if (path !== '/work' && path !== '/watch') {
    return { status: 404, code: 'E_PROTOCOL', message: 'nothing is here; workers connect to /work' };
  }
  const purpose = path === '/work' ? 'work' : 'watch';
  const expected = purpose === 'work' ? tokens.work : tokens.control;
  if (!secretsEqual(tokenOf(request.headers) ?? '', expected)) return tokenRefusal(purpose);
  return purpose;
}

/** Refuses plain requests without the token to watch. */
export function refuseWatcher({ authorization }: IncomingHttpHeaders, tokens: Tokens): Refusal | undefined {
  return secretsEqual(bearerOf(authorization) ?? '', tokens.control) ? undefined : tokenRefusal('watch');
}

/**
 * Refuses requests that change something and come from a page of another origin, even of one that may read.
 * Commands, which send neither header, pass.
 */
export function refuseCrossSite(headers: IncomingHttpHeaders): Refusal | undefined {
  const site = headers['sec-fetch-site'];
  // The scheme may differ: a proxy may do TLS.
  const origin = headers.origin?.replace(/^https?:\/\//, '');
  if ((site === undefined || site === 'same-origin') && (origin === undefined || origin === headers.host)) {
    return undefined;
  }
  return { status: 403, code: 'E_AUTH', message: 'requests from the pages of other sites are refused' };
}

function tokenRefusal(purpose: Purpose): Refusal {
  return { status: 401, code: 'E_AUTH', message: `the ${purpose} token is missing or wrong: ${HOW_TO_PASS}` };
}

/** Refuses requests that name another host as their target, or come from a page of another host. */
export function refuseHost(headers: IncomingHttpHeaders, hosts: AllowedHosts): Refusal | undefined {
  const forbid = (message: string): Refusal => ({ status: 403, code: 'E_AUTH', message });
  const host = parseHost(headers.host ?? '');
  if (!host || !hosts.names.has(host.name) || (host.port !== undefined && !hosts.withPort.has(hostText(host)))) {
    return forbid(
      `the host ${shown(headers.host)} is not one of this coordinator: connect to its address, or start it with --allow-host`,
    );
  }
  if (headers.origin !== undefined && !isAllowedOrigin(headers.origin, hosts)) {
    return forbid(`the origin ${shown(headers.origin)} is not a host of this coordinator`);
  }
  return undefined;
}

function isAllowedOrigin(origin: string, hosts: AllowedHosts): boolean {
  const { scheme, rest = '' } = /^(?<scheme>https?):\/\/(?<rest>.*)$/.exec(origin)?.groups ?? {};
  const host = parseHost(rest);
  if (!host) return false;
  // Without a port, an origin is that of the scheme: another server than ours, unless a proxy is meant to be there.
  return hosts.withPort.has(hostText({ port: scheme === 'https' ? 443 : 80, ...host }));
}

function hostText({ name, port }: HostAndPort): string {
  return `${name}:${port}`;
}

/** HOST or HOST:PORT, IPv6 in brackets; undefined if it is neither. */
function parseHost(text: string): HostAndPort | undefined {
  const { name, port } = /^(?<name>\[[\da-f:.]+\]|[^\s:/?#@[\]\\]+)(?::(?<port>\d{1,5}))?$/i.exec(text)?.groups ?? {};
  // URL brings addresses into their one normal form.
  if (name === undefined || !URL.canParse(`http://${name}`)) return undefined;
  const normal = { name: new URL(`http://${name}`).hostname };
  return port === undefined ? normal : { ...normal, port: Number(port) };
}

function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  if (headers.authorization !== undefined) return bearerOf(headers.authorization);
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
  // The answer may not contain the token, so there has to be something else to agree on.
  if (!offered.includes(SUBPROTOCOL)) return undefined;
  return offered.find((each) => each.startsWith(TOKEN_SUBPROTOCOL))?.slice(TOKEN_SUBPROTOCOL.length);
}

function bearerOf(authorization = ''): string | undefined {
  return /^Bearer +(?<token>\S+)$/i.exec(authorization)?.groups?.['token'];
}

/** What a peer sent, fit for a message. */
function shown(text = ''): string {
  return `"${plainText(text.slice(0, 200))}"`;
}
