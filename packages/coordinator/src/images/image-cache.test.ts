import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../storage/large-bytes.ts';
import { ImageCache, type CachedImages } from './image-cache.ts';

const SHAPE = [2, 5, 1] as const;

let home: string;
let kept: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'gantry-cache-'));
  kept = join(home, 'gantry/images');
  vi.stubEnv('XDG_CACHE_HOME', home);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

/** So many images of ten bytes. */
function setOf(count: number): CachedImages {
  const pixels = new Uint8Array(10 * count).fill(count);
  const images = { count, rows: 2, columns: 5, channels: 1, pixels };
  return { images, sha256: sha256(pixels), undecoded: [[1, 'why']], enlarged: [0], isLasting: true };
}

/** As if it had been used then. */
const usedAt = (key: string, seconds: number) => utimes(join(kept, key, 'decoded.json'), seconds, seconds);

describe('what is kept of images', () => {
  it('is given back as it was, to whoever asks for the same', async () => {
    const cache = await ImageCache.open();
    await cache.keep('a', setOf(3));
    await cache.keep('a', setOf(3));
    expect(await (await ImageCache.open()).find('a', SHAPE)).toEqual(setOf(3));
    expect(await cache.find('b', SHAPE)).toBeUndefined();
    expect(await readdir(kept)).toEqual(['a']);
  });

  it('is bounded: sets used least recently go, but not the last one', async () => {
    const cache = await ImageCache.open(60);
    for (const [i, key] of ['a', 'b', 'c'].entries()) {
      await cache.keep(key, setOf(2));
      await usedAt(key, 1000 + i);
    }
    // Using a set makes it the newest.
    expect(await cache.find('a', SHAPE)).toEqual(setOf(2));
    await cache.keep('d', setOf(2));
    expect((await readdir(kept)).toSorted()).toEqual(['a', 'c', 'd']);
    await cache.keep('e', setOf(100));
    expect(await readdir(kept)).toEqual(['e']);
  });

  it('is rid of drafts that killed processes left, and not of those under way', async () => {
    const cache = await ImageCache.open();
    for (const name of ['draft-old', 'draft-new']) await mkdir(join(kept, name));
    await utimes(join(kept, 'draft-old'), 0, 0);
    await cache.keep('a', setOf(1));
    expect((await readdir(kept)).toSorted()).toEqual(['a', 'draft-new']);
  });
});
