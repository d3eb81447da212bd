import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from '../network/access-control.ts';

/** A client that does not take an answer for so long is cut off. */
const ANSWER_MS = 60_000;

/**
 * For every answer: scripts and styles come from here alone, nothing is framed, nothing is sent elsewhere, and what is served is
 * taken for what it says it is. A tab that works for the run may compile WebAssembly, which is no text. Cross-origin isolation gives the page precise clocks and shared memory.
 */
const SECURITY_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** To be called before anything is answered. */
export function secure(response: ServerResponse): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  response.setTimeout(ANSWER_MS, () => response.destroy());
}

export function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

export function sendRefusal(response: ServerResponse, { status, ...body }: Refusal): void {
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  // What is left of the request is not read.
  response.setHeader('Connection', 'close');
  sendJson(response, status, body);
}

/** Something that has a version: `tag` changes whenever the body does. */
export interface Entity {
  readonly tag: string;
  readonly type: string;
  readonly cacheControl: string;
  /** Called only if the client does not have it. */
  readonly body: () => Uint8Array | Promise<Uint8Array>;
}

/** Sends an entity, or 304 if the client has it. */
export async function sendEntity(request: IncomingMessage, response: ServerResponse, entity: Entity): Promise<void> {
  const etag = `"${entity.tag}"`;
  response.setHeader('ETag', etag);
  response.setHeader('Cache-Control', entity.cacheControl);
  if (hasTag(request.headers['if-none-match'], etag)) {
    response.writeHead(304);
    response.end();
    return;
  }
  const body = await entity.body();
  response.writeHead(200, { 'Content-Type': entity.type, 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
function hasTag(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}
