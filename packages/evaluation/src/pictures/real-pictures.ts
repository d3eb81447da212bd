import { scalePixels, type ImageSet } from '@gantry/core';
import type { Pictures } from './pictures.ts';

const AT_A_TIME = 256;

/** Real images as pictures, some at a time, in order. */
export function* realPictures({ pixels, rows, columns, channels, count }: ImageSet): Generator<Pictures> {
  const size = rows * columns * channels;
  for (let i = 0; i < count; i += AT_A_TIME) {
    const taken = Math.min(AT_A_TIME, count - i);
    const values = scalePixels(pixels.subarray(i * size, (i + taken) * size));
    yield { shape: [taken, rows, columns, channels], values };
  }
}
