import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import sharp from 'sharp';
import { gridPng, writeGif, type Pictures } from './samples.ts';

const SIDE = 448;

/** The grey levels of an image, or of one page of it; its channels are checked to be equal and opaque. */
async function greys(image: string | Uint8Array, page = 0): Promise<Uint8Array> {
  const { data, info } = await sharp(image, { page }).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: SIDE, height: SIDE, channels: 4 });
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [r, g, b, alpha] = data.subarray(4 * i, 4 * i + 4);
    if (r === undefined || r !== g || r !== b || alpha !== 255) expect.fail(`pixel ${i} is ${r},${g},${b},${alpha}`);
    return r;
  });
}

function maxDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] ?? NaN))), 0);
}

/** A grid in which the pixels of picture p are all grey levels[p], given in [−1, 1]. */
function grid(levels: readonly number[]): Pictures {
  return {
    shape: [16, 28, 28, 1],
    values: Float32Array.from({ length: 16 * 784 }, (_, i) => levels[Math.floor(i / 784)] ?? -1),
  };
}

describe('gridPng', () => {
  test('lays the pictures out row by row, four pixels to one, and is grey', async () => {
    // Picture p has level p/8 − 1, and its first pixel is white.
    const images = grid(Array.from({ length: 16 }, (_, p) => p / 8 - 1));
    for (let p = 0; p < 16; p++) images.values[p * 784] = 1;
    const png = await gridPng(images);
    expect(await sharp(png).metadata()).toMatchObject({ format: 'png', width: SIDE, height: SIDE, channels: 1 });
    const expected = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
      const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
      const picture = Math.floor(y / 112) * 4 + Math.floor(x / 112);
      const isFirst = y % 112 < 4 && x % 112 < 4;
      return isFirst ? 255 : Math.floor((picture / 8) * 127.5);
    });
    // Fractions may be rounded either way.
    expect(maxDifference(await greys(png), expected)).toBeLessThanOrEqual(1);
  });

  test('clips what is out of range', async () => {
    const data = await greys(await gridPng(grid([-1.5, 1.5])));
    expect([data[0], data[112]]).toEqual([0, 255]);
  });

  test.each([
    [1, 1, 1],
    [2, 2, 1],
    [5, 3, 2],
    [9, 3, 3],
  ])('lays %i pictures out in %i columns and %i rows, and leaves the rest black', async (count, columns, rows) => {
    const png = await gridPng({ shape: [count, 28, 28, 1], values: new Float32Array(count * 784).fill(1) });
    const { data, info } = await sharp(png).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: columns * 112, height: rows * 112, channels: 1 });
    const white = data.reduce((sum, grey) => sum + (grey === 255 ? 1 : 0), 0);
    expect(white).toBe(count * 112 * 112);
    expect(data.at(-1)).toBe(count === columns * rows ? 255 : 0);
  });
});

describe('writeGif', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(os.tmpdir(), 'gantry-gif-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function pngs(levels: readonly number[]): Promise<string[]> {
    return Promise.all(
      levels.map(async (level, i) => {
        const path = join(directory, `${i}.png`);
        await writeFile(path, await gridPng(grid([level])));
        return path;
      }),
    );
  }

  test('shows each picture in turn, holds the last and loops for ever', async () => {
    const levels = [-1, -0.5, 0, 0.5];
    const out = join(directory, 'out.gif');
    await writeGif(await pngs(levels), out);
    const metadata = await sharp(out, { animated: true }).metadata();
    expect(metadata).toMatchObject({ format: 'gif', pages: 4, delay: [150, 150, 150, 2000], loop: 0 });
    expect([metadata.width, metadata.pageHeight]).toEqual([SIDE, SIDE]);
    for (const [page, level] of levels.entries()) {
      expect(Math.abs(((await greys(out, page))[0] ?? NaN) - (level * 127.5 + 127.5))).toBeLessThanOrEqual(1.5);
    }
    expect((await readdir(directory)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('keeps the greys', async () => {
    const { shape, values } = grid([]);
    const image = { shape, values: values.map((_, i) => ((i % 256) - 127.5) / 127.5) };
    const png = join(directory, 'greys.png');
    await writeFile(png, await gridPng(image));
    const out = join(directory, 'out.gif');
    await writeGif([png, png], out);
    const before = await greys(png);
    expect(new Set(before).size).toBe(256);
    for (const page of [0, 1]) expect(maxDifference(await greys(out, page), before)).toBeLessThanOrEqual(1);
  });

  test('one picture is a GIF too', async () => {
    const out = join(directory, 'out.gif');
    await writeGif(await pngs([0]), out);
    const metadata = await sharp(out, { animated: true }).metadata();
    expect(metadata).toMatchObject({ format: 'gif', width: SIDE, height: SIDE });
  });

  test('equal pictures stay frames of their own', async () => {
    const out = join(directory, 'out.gif');
    await writeGif(await pngs([0, 0, 0]), out);
    expect(await sharp(out, { animated: true }).metadata()).toMatchObject({ pages: 3, delay: [150, 150, 2000] });
  });

  test('more than 1000 pictures are too many: every n-th is shown, and the last', async () => {
    const [black = '', white = ''] = await pngs([-1, 1]);
    const out = join(directory, 'out.gif');
    await writeGif([...Array.from({ length: 1001 }, () => black), white], out);
    expect((await sharp(out, { animated: true, limitInputPixels: false }).metadata()).pages).toBe(501);
    expect((await greys(out, 499))[0]).toBe(0);
    expect((await greys(out, 500))[0]).toBe(255);
  });

  test('a picture that is missing leaves the old file as it was', async () => {
    const out = join(directory, 'out.gif');
    await writeGif(await pngs([0]), out);
    await expect(writeGif([join(directory, '0.png'), join(directory, 'gone.png')], out)).rejects.toThrow(/gone\.png/);
    expect((await sharp(out).metadata()).format).toBe('gif');
  });
});
