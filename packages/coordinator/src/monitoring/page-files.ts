import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { lookup } from 'mrmime';
import type { Entity } from './http-answers.ts';

/** The files of the dashboard's pages by URL path, `/` and `/join` included. */
export type PageFiles = ReadonlyMap<string, Entity>;

/** Where the dashboard's build puts its page; undefined if it is not installed. */
export function pageDirectory(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('@gantry/dashboard/package.json')), 'dist');
  } catch {
    return undefined;
  }
}

/**
 * Reads a page into memory: it stays whole while the run lasts, even if the installation is replaced meanwhile, and
 * nothing outside of the directory can be asked for. WebAssembly, 41 MB of it, is read when it is asked for: most runs have
 * no browser that computes. Without a build there are no files.
 */
export async function loadPage(directory: string | undefined): Promise<PageFiles> {
  const files = new Map<string, Entity>();
  if (directory === undefined) return files;
  for (const file of await filesIn(directory)) {
    const path = `/${relative(directory, file).split(sep).join('/')}`;
    // Debugging aids, several times as large as the page.
    if (path.endsWith('.map')) continue;
    const isLarge = path.endsWith('.wasm');
    const bytes = isLarge ? Buffer.from(path) : await readFile(file);
    const type = lookup(path) ?? 'application/octet-stream';
    files.set(path, {
      tag: createHash('sha256').update(bytes).digest('base64url').slice(0, 22),
      type: type.startsWith('text/') ? `${type}; charset=utf-8` : type,
      // The build puts a hash of the content into the names there.
      cacheControl: path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      body: () => (isLarge ? readFile(file) : bytes),
    });
  }
  for (const [path, file] of Object.entries({ '/': '/index.html', '/join': '/join.html' })) {
    const page = files.get(file);
    if (page) files.set(path, page);
  }
  return files;
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}
