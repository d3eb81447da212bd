import { describe, expect, it } from 'vitest';
import { decodeIdxImages, decodeIdxLabels } from './idx.ts';

function idxFile(count: number, { magic = 0x803, rows = 28, columns = 28 } = {}): Uint8Array {
  const file = new Uint8Array(16 + count * rows * columns).map((_, i) => i);
  const header = new DataView(file.buffer);
  [magic, count, rows, columns].forEach((value, i) => header.setUint32(4 * i, value));
  return file;
}

describe('decodeIdxImages', () => {
  it('gives the pixels behind the header', () => {
    const { count, pixels } = decodeIdxImages(idxFile(3), 'f');
    expect([count, pixels.length, pixels[0]]).toEqual([3, 3 * 784, 16]);
  });

  it('tells the size of the images', () => {
    expect(decodeIdxImages(idxFile(2, { rows: 32 }), 'f')).toMatchObject({ count: 2, rows: 32, columns: 28 });
  });

  it.each([
    ['a wrong magic number', idxFile(2, { magic: 0x801 }), /0x00000801 where 0x00000803/],
    ['a truncated file', idxFile(2).subarray(0, 1000), /1000 bytes where 2 images take 1584/],
    ['a file that is too long', idxFile(2).subarray(0, -1), /1583 bytes/],
    ['a file without images', idxFile(0), /0 images of 28×28 are none/],
    ['a file of images without pixels', idxFile(2, { rows: 0 }), /2 images of 0×28 are none/],
    ['a file without a header', new Uint8Array(7), /7 bytes are too few/],
  ])('refuses %s', (_, file, message) => {
    expect(() => decodeIdxImages(file, 'f')).toThrow(message);
    expect(() => decodeIdxImages(file, 'f')).toThrow(expect.objectContaining({ code: 'E_DATASET' }));
  });
});

describe('decodeIdxLabels', () => {
  const file = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 255);

  it('gives the labels behind the header', () => {
    expect([...decodeIdxLabels(file, 'f')]).toEqual([7, 0, 255]);
  });

  it.each([
    ['a file of images', idxFile(2), /0x00000803 where 0x00000801 \(IDX labels\)/],
    ['a truncated file', file.subarray(0, -1), /10 bytes where 3 labels take 11/],
    ['an empty file', new Uint8Array(), /0 bytes are too few for an IDX header of 8/],
  ])('refuses %s', (_, damaged, message) => {
    expect(() => decodeIdxLabels(damaged, 'f')).toThrow(message);
    expect(() => decodeIdxLabels(damaged, 'f')).toThrow(expect.objectContaining({ code: 'E_DATASET' }));
  });
});
