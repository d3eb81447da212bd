/** Decoded images in a folder of the user's: each set in a folder that is named after what it was decoded from. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolders, requireOwn } from '@gantry/compiler/cache-folders';
import { sizeOf, type ImageShape } from '@gantry/core';
import { z } from 'zod';
import { systemErrorCode } from '../storage/durable-files.ts';
import { readBytes, sha256 } from '../storage/large-bytes.ts';
import { parseSealedJson, sealedJson } from '../storage/sealed-json.ts';
import type { Decoded } from './decode-images.ts';

/** What all sets may take up together: some of 100,000 images of 64×64 in colours. */
const CACHE_BYTES = 2 ** 33;
const DRAFT = 'draft-';
/** No disk takes so long to write a set. */
const DRAFT_MS = 3_600_000;
const RECORD = 'decoded.json';
const PIXELS = 'pixels';

/** What is kept of a set, beside its pixels. */
const recordSchema = z.object({
  count: z.int().min(1),
  sha256: z.string(),
  undecoded: z.array(z.tuple([z.int(), z.string()]).readonly()).readonly(),
  enlarged: z.array(z.int()).readonly(),
});

/** A decoded set with its identity. */
export interface CachedImages extends Decoded {
  /** Of the pixels. */
  readonly sha256: string;
}

/** A name for what a set is decoded from. */
export function imagesKey(parts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 32);
}

/** Where decoded images are kept. */
export class ImageCache {
  readonly #folder: string;
  readonly #maxBytes: number;

  private constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /**
   * @param maxBytes how much all sets may take up together; the last one that was kept stays in any case
   * @throws Error that says why nothing can be kept
   */
  static async open(maxBytes = CACHE_BYTES): Promise<ImageCache> {
    let failure: unknown;
    for (const place of cacheFolders()) {
      try {
        await requireOwn(place);
        const folder = join(place.folder, 'images');
        await mkdir(folder, { recursive: true, mode: 0o700 });
        return new ImageCache(folder, maxBytes);
      } catch (cause) {
        failure ??= cause;
      }
    }
    throw failure;
  }

  /** The set that was kept, undefined if there is none; one of which a byte has changed is removed. */
  async find(key: string, shape: ImageShape): Promise<CachedImages | undefined> {
    const folder = join(this.#folder, key);
    const text = await readFile(join(folder, RECORD), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    const set = await readSet(folder, text, shape);
    const now = new Date();
    // What cannot be written is used all the same.
    if (set) await utimes(join(folder, RECORD), now, now).catch(() => undefined);
    else await rm(folder, { recursive: true, force: true });
    return set;
  }

  /** Keeps a set as that of a key. Those used least recently go, and so do drafts that killed processes left. @throws Error if it cannot be written */
  async keep(key: string, { images, sha256: identity, undecoded, enlarged }: CachedImages): Promise<void> {
    const draft = join(this.#folder, `${DRAFT}${randomUUID()}`);
    await mkdir(draft, { mode: 0o700 });
    try {
      await writeFile(join(draft, PIXELS), images.pixels);
      await writeFile(
        join(draft, RECORD),
        sealedJson({ count: images.count, sha256: identity, undecoded, enlarged } satisfies z.infer<
          typeof recordSchema
        >),
      );
      // Another process may have kept the same: a folder that is not empty stays.
      await rename(draft, join(this.#folder, key)).catch((cause: unknown) => {
        if (!['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(cause) ?? '')) throw cause;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    await this.#tidy(key);
  }

  async #tidy(kept: string): Promise<void> {
    const sets: { readonly folder: string; readonly bytes: number; readonly usedMs: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const folder = join(this.#folder, name);
      const isDraft = name.startsWith(DRAFT);
      // Another process may have removed it.
      const [used, pixels] = await Promise.all(
        [isDraft ? folder : join(folder, RECORD), join(folder, PIXELS)].map((path) =>
          stat(path).catch(() => undefined),
        ),
      );
      if (!used || (isDraft && used.mtimeMs > Date.now() - DRAFT_MS)) continue;
      if (isDraft) await rm(folder, { recursive: true, force: true });
      else if (name !== kept) sets.push({ folder, bytes: pixels?.size ?? 0, usedMs: used.mtimeMs });
    }
    let bytes = (await stat(join(this.#folder, kept, PIXELS)).catch(() => undefined))?.size ?? 0;
    for (const set of sets.toSorted((a, b) => b.usedMs - a.usedMs)) {
      bytes += set.bytes;
      if (bytes > this.#maxBytes) await rm(set.folder, { recursive: true, force: true });
    }
  }
}

/** @returns undefined if a byte is not as it was written */
async function readSet(folder: string, text: string, shape: ImageShape): Promise<CachedImages | undefined> {
  try {
    const { json, seal } = parseSealedJson(text);
    if (seal !== 'intact') return undefined;
    const { count, ...record } = recordSchema.parse(json);
    const pixels = await readBytes(join(folder, PIXELS));
    if (pixels.length !== count * sizeOf(shape) || sha256(pixels) !== record.sha256) return undefined;
    const [rows, columns, channels] = shape;
    return { images: { count, rows, columns, channels, pixels }, ...record, isLasting: true };
  } catch {
    return undefined;
  }
}
