import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import sharp from 'sharp';
import type { Pictures } from '@gantry/evaluation';
import { gridPng, sortPictures, writeGif } from './samples.ts';

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

  test('pictures that cannot be read are told from the others', async () => {
    const files = await pngs([0, 1, -1]);
    const [first = '', second = '', third = ''] = files;
    await writeFile(second, (await readFile(second)).subarray(0, -20));
    const gone = join(directory, 'gone.png');
    const empty = join(directory, 'empty.png');
    await writeFile(empty, '');
    const sorted = { readable: [first, third], unreadable: [second, gone, empty] };
    expect(await sortPictures([first, second, gone, third, empty])).toEqual(sorted);
  });

  test('a picture that is missing leaves the old file as it was', async () => {
    const out = join(directory, 'out.gif');
    await writeGif(await pngs([0]), out);
    await expect(writeGif([join(directory, '0.png'), join(directory, 'gone.png')], out)).rejects.toThrow(/gone\.png/);
    expect((await sharp(out).metadata()).format).toBe('gif');
  });
});

describe('pictures of other kinds', () => {
  /** Pixel (x, y) of a raw image. */
  async function pixelsOf(png: Uint8Array) {
    const { channels } = await sharp(png).metadata();
    // Grey ones would be made colours.
    const image = channels === 1 ? sharp(png).toColourspace('b-w') : sharp(png);
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => {
      const from = (y * info.width + x) * info.channels;
      return [...data.subarray(from, from + info.channels)];
    };
    return { at, info };
  }

  /** Different in every picture, row, column and channel; exact bytes. */
  const byteAt = (i: number) => (i * 7) % 256;

  test.each([
    ['colours', [4, 2, 3, 3]],
    ['colours, with room left over', [3, 5, 4, 3]],
    ['grey, higher than wide', [2, 8, 4, 1]],
    ['grey, of the tiny model', [16, 8, 8, 1]],
    ['colours, larger than a picture is shown', [2, 130, 120, 3]],
  ])('%s: every pixel is where it belongs', async (_, shape) => {
    const [count = 0, height = 0, width = 0, channels = 0] = shape;
    const values = Float32Array.from({ length: count * height * width * channels }, (__, i) => byteAt(i) / 127.5 - 1);
    const { at, info } = await pixelsOf(await gridPng({ shape, values }));
    const across = Math.ceil(Math.sqrt(count));
    const scale = Math.max(1, Math.round(112 / Math.max(height, width)));
    expect(info).toMatchObject({
      width: across * width * scale,
      height: Math.ceil(count / across) * height * scale,
      channels,
    });
    const wrong: string[] = [];
    for (let y = 0; y < info.height; y++) {
      for (let x = 0; x < info.width; x++) {
        const [row, column] = [Math.floor(y / scale), Math.floor(x / scale)];
        const picture = Math.floor(row / height) * across + Math.floor(column / width);
        const first = ((picture * height + (row % height)) * width + (column % width)) * channels;
        const expected = Array.from({ length: channels }, (__, i) => (picture < count ? byteAt(first + i) : 0));
        if (at(x, y).join() !== expected.join()) wrong.push(`${x},${y}: ${at(x, y).join()}, not ${expected.join()}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each([0, 2, 4])('pictures of %i channels are refused', async (channels) => {
    const pictures = { shape: [1, 2, 2, channels], values: new Float32Array(4 * channels) };
    await expect(gridPng(pictures)).rejects.toThrow(`pictures of ${channels} channels cannot be shown`);
  });

  test('an animation of colours keeps them apart', async () => {
    const directory = await mkdtemp(join(os.tmpdir(), 'gantry-colours-'));
    try {
      const colours = [
        [1, -1, -1],
        [-1, -1, 1],
      ];
      const files = await Promise.all(
        colours.map(async (colour, i) => {
          const file = join(directory, `${i}.png`);
          const values = Float32Array.from({ length: 4 * 8 * 8 * 3 }, (_, k) => colour[k % 3] ?? 0);
          await writeFile(file, await gridPng({ shape: [4, 8, 8, 3], values }));
          return file;
        }),
      );
      const out = join(directory, 'out.gif');
      await writeGif(files, out);
      for (const [page, colour] of colours.entries()) {
        const { data } = await sharp(out, { page }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
        expect([...data.subarray(0, 3)]).toEqual(colour.map((value) => (value > 0 ? 255 : 0)));
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
