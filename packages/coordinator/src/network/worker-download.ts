import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { GantryError } from '@gantry/core';
import { sendEntity, sendRefusal } from '../monitoring/http-answers.ts';

/** Downloads at a time; beyond, npm tries again by itself. */
const MAX_DOWNLOADS = 16;
const RETRY_AFTER_SECONDS = 2;

/**
 * The worker as an npm package of the coordinator's own version: without a dependency, so that a machine needs Node and nothing
 * else. It is no secret, and given to anyone who asks.
 */
export class WorkerDownload {
  /** Of the package, hexadecimal. */
  readonly sha256: string;
  /** Names the content, as npx keeps for ever what it once got from a URL. */
  readonly path: string;
  readonly #bytes: Buffer;
  #downloads = 0;

  /** @param path of the URL under which these bytes, and never others, are had */
  constructor(path: string, bytes: Buffer) {
    this.path = path;
    this.#bytes = bytes;
    this.sha256 = createHash('sha256').update(bytes).digest('hex');
  }

  /** @throws GantryError E_CONFIG if the package was not built */
  static async load(): Promise<WorkerDownload> {
    const require = createRequire(import.meta.url);
    try {
      const { download } = require('@gantry/worker-package/worker.json') as { download: string };
      return new WorkerDownload(download, await readFile(require.resolve('@gantry/worker-package/worker.tgz')));
    } catch (cause) {
      throw new GantryError('E_CONFIG', 'the worker that others fetch from here is not built: run npm run build', {
        cause,
      });
    }
  }

  /** Whether a request's path is for the package; `/worker.tgz` stands for whatever version is here. */
  isAt(path: string): boolean {
    return path === this.path || path === '/worker.tgz';
  }

  /** Answers GET and HEAD. */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (this.#downloads >= MAX_DOWNLOADS) {
      response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
      sendRefusal(response, {
        status: 503,
        code: 'E_PROTOCOL',
        message: 'too many fetch the worker at once: try again',
      });
      return;
    }
    this.#downloads++;
    response.on('close', () => this.#downloads--);
    await sendEntity(request, response, {
      tag: this.sha256.slice(0, 22),
      type: 'application/gzip',
      cacheControl: path === this.path ? 'public, max-age=31536000, immutable' : 'no-cache',
      body: () => this.#bytes,
    });
  }
}
