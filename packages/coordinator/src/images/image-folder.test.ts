import { mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ImageShape } from '@gantry/core';
import { sha256 } from '../storage/large-bytes.ts';
import { loadImageFolder, type ImageFolderOptions } from './image-folder.ts';

const SHAPE: ImageShape = [4, 4, 3];
const SIZE = 4 * 4 * 3;

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gantry-folder-'));
  folder = join(root, 'data');
  await mkdir(folder);
  vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

/** An image of one colour, whose red says which it is. */
async function image(name: string, red: number): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  const background = { r: red, g: 1, b: 2 };
  await sharp({ create: { width: 4, height: 4, channels: 3, background } })
    .png()
    .toFile(join(folder, name));
}

async function load(options: Partial<ImageFolderOptions> = {}) {
  const set = await loadImageFolder(folder, { shape: SHAPE, ...options });
  const { count, pixels } = set.images;
  return { ...set, reds: Array.from({ length: count }, (_, i) => pixels[i * SIZE] ?? NaN) };
}

const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

/** Loads the folder. @returns how many files were decoded. */
async function decodedNow(): Promise<number> {
  let files = 0;
  await load({ decoded: () => files++ });
  return files;
}

const refused = async (options: Partial<ImageFolderOptions> = {}) => {
  const error: unknown = await load(options).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'E_DATASET' });
  const { message } = error as Error;
  expect(message).not.toContain('\n');
  return message.replaceAll(root, '');
};

describe('a folder of images', () => {
  it('has all below it, in an order that only follows from their names', async () => {
    const names = ['a.png', 'B.PNG', 'c/d.jpeg.png', 'c/e/f.png', 'ä ö.png'];
    for (const [i, name] of names.entries()) await image(name, 10 * i);
    const { reds, source, sha256: identity, images, decoder } = await load();
    expect(sorted(reds)).toEqual([0, 10, 20, 30, 40]);
    expect([source, identity]).toEqual([folder, sha256(images.pixels)]);
    expect(decoder).toMatch(/^sharp \d+\.\d+\.\d+ with libvips \d+/);
    await rename(folder, join(root, 'elsewhere'));
    folder = join(root, 'elsewhere');
    expect((await load()).reds).toEqual(reds);
  });

  it('has classes where all images lie in folders, sorted by name', async () => {
    const classOf = { zebra: 1, Ant: 2, cat: 3 };
    for (const [name, red] of Object.entries(classOf)) {
      for (let i = 0; i < 5; i++) await image(`${name}/${i % 2 === 0 ? 'deep/' : ''}${i}.png`, red);
    }
    const { reds, labels } = await load();
    expect(labels?.classes).toEqual(['Ant', 'cat', 'zebra']);
    expect([...(labels?.values ?? [])]).toEqual(reds.map((red) => [2, 3, 1].indexOf(red)));
    // The first ones are of all classes.
    expect(new Set(reds.slice(0, 8)).size).toBe(3);
    await image('beside.png', 9);
    expect((await load()).labels).toBeUndefined();
  });

  it('goes without files that give no image, which it counts and names; strictly, it does not', async () => {
    for (let i = 0; i < 3; i++) await image(`cat/${i}.png`, i);
    for (let i = 0; i < 5; i++) await writeFile(join(folder, `cat/bad${i}.png`), 'no picture');
    await symlink('nowhere', join(folder, 'cat/dangling.jpg'));
    const { reds, labels, notices } = await load();
    expect(sorted(reds)).toEqual([0, 1, 2]);
    expect(labels).toEqual({ classes: ['cat'], values: new Uint32Array(3) });
    expect(notices.map((line) => line.replaceAll(root, ''))).toEqual([
      expect.stringMatching(
        /^\/data: 3 images; left out 6 files that cannot be decoded: cat\/dangling\.jpg \(a link that leads nowhere\), cat\/bad\d\.png \(not a PNG, JPEG or WebP\), cat\/bad\d\.png \(.*\) and 3 more; --strict refuses them$/,
      ),
    ]);
    expect((await load()).notices).toEqual(notices);
    expect(await refused({ strict: true })).toMatch(
      /^\/data: 6 of 9 files cannot be decoded: .* and 3 more; mend or remove them, or go without --strict$/,
    );
  });

  it('follows links, but not back to where they are, and passes over other files', async () => {
    await mkdir(join(root, 'shared'));
    await image('a.png', 1);
    await rename(join(folder, 'a.png'), join(root, 'shared/a.png'));
    await symlink(join(root, 'shared'), join(folder, 'shared'));
    await symlink(folder, join(folder, 'loop'));
    await writeFile(join(folder, 'notes.txt'), '');
    await writeFile(join(folder, '.hidden.png'), '');
    const { reds, notices } = await load({ shape: [5, 4, 3] });
    expect(reds).toEqual([1]);
    expect(notices.map((line) => line.replaceAll(root, ''))).toEqual([
      '/data: passed over 1 file of other kinds, such as notes.txt',
      '/data: did not follow 1 link to a folder above, such as loop',
      '/data: enlarged 1 image smaller than 5×4, such as shared/a.png',
    ]);
  });

  it('shows names of any kind in one line', async () => {
    await writeFile(join(folder, `line\nbreak\u001b[31m${'x'.repeat(200)}.png`), 'no picture');
    const message = await refused();
    expect(message).toMatch(
      /^\/data has no image that can be decoded: …x+\.png \(not a PNG, JPEG or WebP\); expected whole/,
    );
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(message).not.toMatch(/[\u0000-\u001f]/);
  });
});

describe('decoded images', () => {
  beforeEach(async () => {
    for (let i = 0; i < 4; i++) await image(`${i}.png`, i);
  });

  it('are kept, and are the same again', async () => {
    const first = await load();
    expect(await decodedNow()).toBe(0);
    expect(await load()).toEqual(first);
    // Others for another size.
    await load({ shape: [2, 2, 3] });
    expect(await readdir(join(root, 'cache/gantry/images'))).toHaveLength(2);
  });

  it('are decoded again where a file has changed, comes or goes', async () => {
    expect(await decodedNow()).toBe(4);
    const path = join(folder, '0.png');
    const before = await readFile(path);
    await image('0.png', 200);
    expect((await load()).reds).toContain(200);
    await writeFile(path, before);
    await utimes(path, 0, 0);
    expect(await decodedNow()).toBe(4);
    await image('5.png', 5);
    expect(await decodedNow()).toBe(5);
    await rm(path);
    expect(await decodedNow()).toBe(4);
  });

  it('are decoded again where a byte of what is kept has changed', async () => {
    const { reds } = await load();
    const kept = join(root, 'cache/gantry/images');
    for (const name of ['pixels', 'decoded.json']) {
      const [key = ''] = await readdir(kept);
      const file = join(kept, key, name);
      const bytes = await readFile(file);
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      await writeFile(file, bytes);
      expect(await decodedNow()).toBe(4);
      await writeFile(file, bytes.subarray(0, 10));
      expect(await decodedNow()).toBe(4);
      expect((await load()).reds).toEqual(reds);
    }
  });

  it('are decoded each time where nothing can be written, which is said', async () => {
    await writeFile(join(root, 'file'), '');
    vi.stubEnv('XDG_CACHE_HOME', join(root, 'file'));
    vi.stubEnv('TMPDIR', join(root, 'file'));
    const { reds, notices } = await load();
    expect(sorted(reds)).toEqual([0, 1, 2, 3]);
    expect(notices).toEqual([
      expect.stringMatching(
        /^decoded images cannot be kept \(.*\), so each start decodes them again: set XDG_CACHE_HOME/,
      ),
    ]);
    expect(await decodedNow()).toBe(4);
  });

  it('are not kept of what was stopped', async () => {
    const stop = new AbortController();
    const stopped = load({ signal: stop.signal, decoded: () => stop.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
    expect(await readdir(join(root, 'cache/gantry/images'))).toEqual([]);
  });
});
