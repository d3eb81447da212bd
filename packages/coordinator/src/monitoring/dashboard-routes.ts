import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { controlSchema, downsampled } from '@gantry/core';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { messageOf, systemErrorCode } from '../storage/durable-files.ts';
import { refuseCrossSite, refuseWatcher, type Refusal } from '../network/access-control.ts';
import { GifCache } from './gif-cache.ts';
import { readHistory } from '../storage/history-reader.ts';
import { secure, sendEntity, sendJson, sendRefusal } from './http-answers.ts';
import type { PageFiles } from './page-files.ts';
import type { RunControl } from '../run/run-control.ts';
import { metricsFile, realImagesFile, sampleFile } from '../storage/run-directory.ts';
import type { RunWatch } from './run-watch.ts';
import type { Tokens } from '../network/tokens.ts';
import type { WorkerDownload } from '../network/worker-download.ts';

const MAX_BODY_BYTES = 4096;
/** Readers of metrics.jsonl at a time; beyond, clients come again. */
const MAX_READERS = 4;
const DEFAULT_POINTS = 2000;
/** For whoever has the token alone, and to be asked for anew each time. */
const PRIVATE = 'private, no-cache';

const historyQuery = z.strictObject({
  from: z.coerce.number().int().min(1).default(1),
  to: z.coerce.number().int().min(1).optional(),
  points: z.coerce.number().int().min(2).max(20_000).default(DEFAULT_POINTS),
});

export interface DashboardParts {
  /** Run directory. */
  readonly path: string;
  readonly tokens: Tokens;
  readonly page: PageFiles;
  readonly download: WorkerDownload;
  readonly watch: RunWatch;
  readonly control: RunControl;
}

type Query = Readonly<Record<string, string>>;
type Route = (request: IncomingMessage, response: ServerResponse, query: Query) => void | Promise<void>;

/** Answers the requests of the dashboard's page, and of Prometheus; nothing that a client sends makes it throw. */
export class DashboardRoutes {
  readonly #parts: DashboardParts;
  /** Tells what this process serves from what another did, or will. */
  readonly #process = randomBytes(6).toString('base64url');
  readonly #gifs = new GifCache();
  #registry: Registry | undefined;
  #readers = 0;

  constructor(parts: DashboardParts) {
    this.#parts = parts;
  }

  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    secure(response);
    this.#answer(request, response).catch((error: unknown) => {
      if (error instanceof Refused) sendRefusal(response, error.refusal);
      else if (response.headersSent) response.destroy();
      else sendRefusal(response, { status: 500, code: 'E_RUN_DIRECTORY', message: messageOf(error) });
    });
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', search = ''] = (request.url ?? '').split('?', 2);
    const file = this.#parts.page.get(path);
    const takesQuery = path === '/api/history';
    if (search !== '' && !takesQuery) throw new Refused(400, `no query is taken by ${path.slice(0, 100)}`);
    if (file) {
      requireMethod(request, 'GET', 'HEAD');
      await sendEntity(request, response, file);
      return;
    }
    if (this.#parts.download.isAt(path)) {
      requireMethod(request, 'GET', 'HEAD');
      await this.#parts.download.answer(request, response, path);
      return;
    }
    const route = this.#routeOf(path);
    if (!route)
      throw new Refused(404, `nothing is here${this.#parts.page.size === 0 ? ': the page is not built' : ''}`);
    const refusal = refuseWatcher(request.headers, this.#parts.tokens);
    if (refusal) throw new Refused(refusal);
    response.setHeader('Vary', 'Authorization');
    await route(request, response, Object.fromEntries(new URLSearchParams(search)));
  }

  #routeOf(path: string): Route | undefined {
    const epoch = /^\/api\/samples\/(0|[1-9]\d{0,8})\.png$/.exec(path)?.[1];
    if (epoch !== undefined) return (request, response) => this.#sample(Number(epoch), request, response);
    return this.#routes.get(path);
  }

  readonly #routes: ReadonlyMap<string, Route> = new Map<string, Route>([
    ['/api/history', (request, response, query) => this.#history(request, response, query)],
    [
      '/api/samples/real.png',
      (request, response) => this.#picture(realImagesFile(this.#parts.path), request, response),
    ],
    ['/api/samples.gif', (request, response) => this.#gif(request, response)],
    ['/api/control', (request, response) => this.#control(request, response)],
    ['/api/work-token', (request, response) => this.#workToken(request, response)],
    ['/metrics', (request, response) => this.#prometheus(request, response)],
  ]);

  async #history(request: IncomingMessage, response: ServerResponse, query: Query): Promise<void> {
    requireMethod(request, 'GET', 'HEAD');
    const { watch, path } = this.#parts;
    const parsed = historyQuery.safeParse(query);
    if (!parsed.success) throw new Refused(400, problemsOf(parsed.error));
    const { from, points } = parsed.data;
    const to = Math.min(parsed.data.to ?? Infinity, watch.lastStep);
    await sendEntity(request, response, {
      tag: [this.#process, from, to, points].join('-'),
      type: 'application/json',
      cacheControl: PRIVATE,
      body: async () => {
        const isWhole = from === 1 && to === watch.lastStep && points <= DEFAULT_POINTS;
        const metrics = isWhole
          ? downsampled(watch.history, points)
          : await this.#read(metricsFile(path), from, to, points);
        return Buffer.from(JSON.stringify({ metrics }));
      },
    });
  }

  async #read(file: string, from: number, to: number, points: number) {
    if (from > to) return [];
    if (this.#readers >= MAX_READERS) throw new Refused(503, 'too many read the history at once: try again');
    this.#readers++;
    try {
      return await readHistory(file, { from, to, points });
    } finally {
      this.#readers--;
    }
  }

  async #sample(epoch: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    requireMethod(request, 'GET', 'HEAD');
    const { watch, path } = this.#parts;
    if (!watch.samples.includes(epoch)) throw new Refused(404, `there is no sample of epoch ${epoch}`);
    await this.#picture(sampleFile(path, epoch), request, response);
  }

  async #picture(file: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    requireMethod(request, 'GET', 'HEAD');
    const { mtimeMs, size } = await stat(file).catch((cause: unknown) => {
      if (systemErrorCode(cause) !== 'ENOENT') throw cause;
      throw new Refused(404, 'there is no such picture');
    });
    await sendEntity(request, response, {
      tag: `${Math.trunc(mtimeMs)}-${size}`,
      type: 'image/png',
      cacheControl: PRIVATE,
      body: () => readFile(file),
    });
  }

  async #gif(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requireMethod(request, 'GET', 'HEAD');
    const { watch, path } = this.#parts;
    const files = watch.samples.map((epoch) => sampleFile(path, epoch));
    if (files.length === 0) throw new Refused(404, 'there is no sample yet');
    await sendEntity(request, response, {
      tag: `${this.#process}-${files.length}`,
      type: 'image/gif',
      cacheControl: PRIVATE,
      body: () => this.#gifs.get(files),
    });
  }

  async #control(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requireMethod(request, 'POST');
    const refusal = refuseCrossSite(request.headers);
    if (refusal) throw new Refused(refusal);
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      throw new Refused(415, 'a control request is application/json');
    }
    const control = controlSchema.safeParse(parseJson(await bodyOf(request)));
    if (!control.success) throw new Refused(400, problemsOf(control.error));
    const by = `someone at ${request.socket.remoteAddress ?? 'an unknown address'}`;
    const result = await this.#parts.control.act(control.data, by);
    sendJson(response, result.ok ? 200 : 409, result);
  }

  /** Who may stop the run may let workers join it. */
  #workToken(request: IncomingMessage, response: ServerResponse): void {
    requireMethod(request, 'GET');
    response.setHeader('Cache-Control', 'no-store');
    sendJson(response, 200, { token: this.#parts.tokens.work });
  }

  async #prometheus(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requireMethod(request, 'GET', 'HEAD');
    // Loaded when it is first asked for: few ask.
    const { runMetrics } = await import('./prometheus.ts');
    this.#registry ??= runMetrics(this.#parts.watch);
    const text = await this.#registry.metrics();
    response.writeHead(200, { 'Content-Type': this.#registry.contentType });
    response.end(request.method === 'HEAD' ? undefined : text);
  }
}

/** What the client is told instead of an answer. */
class Refused extends Error {
  readonly refusal: Refusal;

  constructor(...[first, message]: [status: number, message: string] | [refusal: Refusal]) {
    super(message);
    this.refusal = typeof first === 'number' ? { status: first, code: 'E_PROTOCOL', message: this.message } : first;
  }
}

function requireMethod({ method = '' }: IncomingMessage, ...allowed: string[]): void {
  if (!allowed.includes(method)) throw new Refused(405, `only ${allowed.join(' and ')}`);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const tooLarge = new Refused(413, `a control request has at most ${MAX_BODY_BYTES} bytes`);
  // Leaving the loop below cuts the connection, answer and all.
  if (Number(request.headers['content-length']) > MAX_BODY_BYTES) throw tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`).join('; ');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(400, 'this is not JSON');
  }
}
