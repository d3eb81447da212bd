import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp, { type Sharp as Picture } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageShape } from '@gantry/core';
import { decodeImages } from './decode-images.ts';

const SIDE = 8;
const GREY: ImageShape = [SIDE, SIDE, 1];
const COLOURS: ImageShape = [SIDE, SIDE, 3];

let folder: string;
let written = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gantry-decode-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(bytes: Uint8Array | Picture) {
  const name = `${written++}.png`;
  const path = join(folder, name);
  await writeFile(path, bytes instanceof Uint8Array ? bytes : await bytes.toBuffer());
  return { name, path, mark: '' };
}

/** What one file gives; fails where it gives nothing. */
async function decoded(bytes: Uint8Array | Picture, shape: ImageShape): Promise<Uint8Array> {
  const { images, undecoded } = await decodeImages(sharp, [await fileOf(bytes)], { shape });
  expect(undecoded).toEqual([]);
  expect(images).toMatchObject({ count: 1, rows: shape[0], columns: shape[1], channels: shape[2] });
  return images.pixels.slice();
}

/** Why one file gives nothing. */
async function reason(bytes: Uint8Array | Picture): Promise<string | undefined> {
  const { images, undecoded } = await decodeImages(sharp, [await fileOf(bytes)], { shape: COLOURS });
  expect(images.count).toBe(0);
  return undecoded[0]?.[1];
}

const picture = (pixels: Uint8Array, channels: 1 | 2 | 3 | 4 = 3, [width, height] = [SIDE, SIDE]) =>
  sharp(pixels, { raw: { width, height, channels } });

/** One colour. */
const plain = (background: string | { r: number; g: number; b: number; alpha: number }, width = SIDE, height = SIDE) =>
  sharp({ create: { width, height, channels: typeof background === 'string' ? 3 : 4, background } });

/** No two pixels alike. */
const varied = (channels: number, size = SIDE * SIDE) =>
  Uint8Array.from({ length: size * channels }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);

const pixelsOf = (channels: number) =>
  fc.uint8Array({ minLength: SIDE * SIDE * channels, maxLength: SIDE * SIDE * channels });
/** Each byte so many times. */
const times = (bytes: Uint8Array, n: number) =>
  Uint8Array.from({ length: bytes.length * n }, (_, i) => bytes[Math.floor(i / n)] ?? 0);

describe('pictures of the right size', () => {
  it('keep every pixel, in PNG and in WebP without loss', async () => {
    await fc.assert(
      fc.asyncProperty(pixelsOf(3), async (pixels) => {
        expect(await decoded(picture(pixels).png(), COLOURS)).toEqual(pixels);
        expect(await decoded(picture(pixels).webp({ lossless: true }), COLOURS)).toEqual(pixels);
      }),
      { numRuns: 20 },
    );
  });

  it('that are grey are the same in colours', async () => {
    await fc.assert(
      fc.asyncProperty(pixelsOf(1), async (pixels) => {
        const png = await picture(pixels, 1).toColourspace('b-w').png().toBuffer();
        expect(await decoded(png, GREY)).toEqual(pixels);
        expect(await decoded(png, COLOURS)).toEqual(times(pixels, 3));
        expect(await decoded(picture(times(pixels, 3)).png(), GREY)).toEqual(pixels);
      }),
      { numRuns: 20 },
    );
  });

  it('may have a palette', async () => {
    const colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
    const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => colours[i % colours.length] ?? 0);
    const png = await picture(pixels).png({ palette: true }).toBuffer();
    expect(await sharp(png).metadata()).toMatchObject({ isPalette: true });
    expect(await decoded(png, COLOURS)).toEqual(pixels);
  });

  it('may have 16 bits, of which the upper ones count', async () => {
    const pixels = varied(3);
    const png = await picture(pixels).toColourspace('rgb16').png().toBuffer();
    expect(await sharp(png).metadata()).toMatchObject({ depth: 'ushort' });
    const found = await decoded(png, COLOURS);
    expect(Math.max(...found.map((byte, i) => Math.abs(byte - (pixels[i] ?? 0))))).toBeLessThanOrEqual(1);
  });

  it('lie on white where they are transparent', async () => {
    const of = (alpha: number) => decoded(plain({ r: 255, g: 0, b: 100, alpha }).png(), COLOURS);
    expect([...(await of(1)).subarray(0, 3)]).toEqual([255, 0, 100]);
    expect([...(await of(0))]).toEqual(Array.from({ length: SIDE * SIDE * 3 }, () => 255));
    const [r, g = NaN, b = NaN] = await of(0.5);
    expect([r, Math.abs(g - 127) <= 1, Math.abs(b - 177) <= 1]).toEqual([255, true, true]);
    const grey = await decoded(
      plain({ r: 0, g: 0, b: 0, alpha: 0 }).toColourspace('b-w').webp({ lossless: true }),
      GREY,
    );
    expect([...grey]).toEqual(Array.from({ length: SIDE * SIDE }, () => 255));
  });

  it('may be JPEG, of inks, too', async () => {
    const near = async (image: Picture, by: number) => {
      const [r = NaN, g = NaN, b = NaN] = await decoded(image, COLOURS);
      expect(Math.max(Math.abs(r - 240), Math.abs(g - 64), Math.abs(b - 16))).toBeLessThanOrEqual(by);
    };
    await near(plain('#f04010').jpeg({ quality: 100 }), 3);
    const inks = await plain('#f04010').toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect(await sharp(inks).metadata()).toMatchObject({ space: 'cmyk' });
    await near(sharp(inks).keepIccProfile().jpeg({ quality: 100 }), 20);
    expect((await decoded(inks, GREY)).length).toBe(SIDE * SIDE);
  });

  it('stand upright as their EXIF says', async () => {
    const pixels = varied(3);
    const at = (x: number, y: number) => pixels.subarray((y * SIDE + x) * 3, (y * SIDE + x + 1) * 3);
    const last = SIDE - 1;
    // Where the pixel of a place comes from, by orientation.
    const from: Readonly<Record<number, (x: number, y: number) => Uint8Array>> = {
      1: (x, y) => at(x, y),
      2: (x, y) => at(last - x, y),
      3: (x, y) => at(last - x, last - y),
      4: (x, y) => at(x, last - y),
      5: (x, y) => at(y, x),
      6: (x, y) => at(y, last - x),
      7: (x, y) => at(last - y, last - x),
      8: (x, y) => at(last - y, x),
    };
    for (const [orientation, source] of Object.entries(from)) {
      const image = picture(pixels)
        .withMetadata({ orientation: Number(orientation) })
        .webp({ lossless: true });
      const expected = Array.from({ length: SIDE * SIDE }, (_, i) => [
        ...source(i % SIDE, Math.floor(i / SIDE)),
      ]).flat();
      expect([...(await decoded(image, COLOURS))], orientation).toEqual(expected);
    }
  });

  it('are the first of several frames', async () => {
    const frames = await Promise.all(['#ff0000', '#00ff00'].map((colour) => plain(colour).png().toBuffer()));
    const animated = sharp(frames, { join: { animated: true } }).webp({ lossless: true });
    expect([...(await decoded(animated, COLOURS)).subarray(-3)]).toEqual([255, 0, 0]);
  });
});

describe('pictures of another size', () => {
  it('are cut around their centre', async () => {
    const wide = Uint8Array.from({ length: 24 * 8 * 3 }, (_, i) => {
      const [channel, x] = [i % 3, Math.floor(i / 3) % 24];
      return channel === Math.floor(x / 8) ? 255 : 0;
    });
    const middle = await decoded(picture(wide, 3, [24, 8]).png(), COLOURS);
    expect([...middle]).toEqual(Array.from({ length: SIDE * SIDE }, () => [0, 255, 0]).flat());
    const tall = Uint8Array.from({ length: 24 * 8 }, (_, i) => (i >= 64 && i < 128 ? 200 : 10));
    expect([...(await decoded(picture(tall, 1, [8, 24]).png(), GREY))]).toEqual(Array.from({ length: 64 }, () => 200));
  });

  it('are scaled, and those that are smaller are told', async () => {
    const files = await Promise.all(
      [plain('#102030', 1, 1), plain('#102030', 300, 200), plain('#102030', 9, 7), plain('#102030', 4000, 1)].map(
        (image) => fileOf(image.png()),
      ),
    );
    const { images, enlarged } = await decodeImages(sharp, files, { shape: COLOURS });
    expect([...images.pixels]).toEqual(Array.from({ length: 4 * SIDE * SIDE }, () => [0x10, 0x20, 0x30]).flat());
    expect(enlarged).toEqual([0, 2, 3]);
  });
});

describe('files that give no image', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('are truncated ones: %s', async (format) => {
    const whole = await picture(varied(3, 6400), 3, [80, 80]).toFormat(format).toBuffer();
    for (const part of [0.3, 0.9]) {
      const why = await reason(whole.subarray(0, Math.floor(whole.length * part)));
      expect(why).toBeTruthy();
      expect(why).not.toContain('\n');
    }
  });

  it('are empty, of another kind, or not there', async () => {
    expect(await reason(new Uint8Array())).toBe('empty');
    expect(await reason(Buffer.from('no picture'))).toBe('not a PNG, JPEG or WebP');
    expect(await reason(plain('#000').gif())).toBe('gif, where PNG, JPEG or WebP was expected');
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>';
    expect(await reason(Buffer.from(svg))).toBe('svg, where PNG, JPEG or WebP was expected');
    const missing = { name: 'x.png', path: join(folder, 'x.png'), mark: '' };
    const { undecoded, isLasting } = await decodeImages(sharp, [missing], { shape: COLOURS });
    expect([undecoded, isLasting]).toEqual([[[0, 'cannot be read: ENOENT']], false]);
  });

  it('leave no gap, wherever they are', async () => {
    const broken = Buffer.from('no picture');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }), async (good) => {
        const files = await Promise.all(
          good.map((isGood, i) => fileOf(isGood ? picture(new Uint8Array(64).fill(i), 1).png() : broken)),
        );
        const { images, undecoded } = await decodeImages(sharp, files, { shape: GREY });
        const kept = good.flatMap((isGood, i) => (isGood ? [i] : []));
        expect(images.count).toBe(kept.length);
        expect([...images.pixels]).toEqual(kept.flatMap((i) => Array.from({ length: 64 }, () => i)));
        expect(undecoded.map(([place]) => place)).toEqual(good.flatMap((isGood, i) => (isGood ? [] : [i])));
      }),
      { numRuns: 20 },
    );
  });
});

describe('decoding', () => {
  it('tells of each file, and ends when it is asked to', async () => {
    const files = await Promise.all(Array.from({ length: 50 }, () => fileOf(plain('#123').png())));
    const told: [number, number][] = [];
    await decodeImages(sharp, files, { shape: GREY, decoded: (done, total) => told.push([done, total]) });
    expect(told).toEqual(Array.from({ length: 50 }, (_, i) => [i + 1, 50]));

    const stop = new AbortController();
    const stopped = decodeImages(sharp, files, {
      shape: GREY,
      signal: stop.signal,
      decoded: (done) => done === 5 && stop.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('refuses more than fits into memory', async () => {
    const file = await fileOf(plain('#123').png());
    const refused = decodeImages(sharp, [file], { shape: [2 ** 30, 2 ** 30, 3] });
    await expect(refused).rejects.toMatchObject({
      code: 'E_DATASET',
      message: expect.stringMatching(/use fewer images/),
    });
  });
});
