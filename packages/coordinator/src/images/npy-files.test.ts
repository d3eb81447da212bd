import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { npyHeader } from '@gantry/core';
import { loadDataSet } from '../run/data-set.ts';
import { sha256 } from '../storage/large-bytes.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-npy-'));
});
afterEach(() => rm(directory, { recursive: true }));

const bytes = Uint8Array.from({ length: 3 * 4 * 2 * 3 }, (_, i) => i);

async function write(name: string, shape: readonly number[], values = bytes): Promise<string> {
  const file = join(directory, name);
  const size = shape.reduce((product, side) => product * side, 1);
  await writeFile(file, Buffer.concat([npyHeader(shape), values.subarray(0, size)]));
  return file;
}

describe('an array of images', () => {
  it('is read from images.npy in a folder, or from a file of any name', async () => {
    const file = await write('images.npy', [3, 4, 2, 3]);
    const expected = {
      images: { count: 3, rows: 4, columns: 2, channels: 3 },
      labels: undefined,
      isMnist: false,
      sha256: sha256(bytes),
      source: file,
    };
    expect(await loadDataSet({ directory })).toMatchObject(expected);
    const set = await loadDataSet({ directory: file, limit: 2 });
    expect(set).toMatchObject({ ...expected, images: { ...expected.images, count: 2 } });
    expect([...set.images.pixels]).toEqual([...bytes.subarray(0, 48)]);
    const grey = await write('grey.npy', [3, 4, 2]);
    expect((await loadDataSet({ directory: grey })).images).toMatchObject({
      count: 3,
      rows: 4,
      columns: 2,
      channels: 1,
    });
  });

  it('may have labels beside it', async () => {
    await write('images.npy', [3, 4, 2]);
    await write('labels.npy', [3], Uint8Array.of(9, 2, 9));
    const { labels } = await loadDataSet({ directory });
    expect(labels).toEqual({ classes: ['2', '9'], values: Uint32Array.of(1, 0, 1) });
    await write('labels.npy', [2]);
    await expect(loadDataSet({ directory })).rejects.toThrow('labels.npy: 2 labels for 3 images; fetch both files');
    await write('labels.npy', [3, 1]);
    await expect(loadDataSet({ directory })).rejects.toThrow('labels.npy: an array [3,1] where [3] was expected');
  });

  it.each([
    [[3, 8], /an array \[3,8\] where \[n,height,width\]/],
    [[3, 4, 2, 2], /an array \[3,4,2,2\] where .* with 1 or 3 channels, was expected/],
    [[0, 4, 2], /an array \[0,4,2\] where/],
  ])('of the shape %j is refused', async (shape, message) => {
    await write('images.npy', shape);
    await expect(loadDataSet({ directory })).rejects.toMatchObject({
      code: 'E_DATASET',
      message: expect.stringMatching(message),
    });
  });
});
