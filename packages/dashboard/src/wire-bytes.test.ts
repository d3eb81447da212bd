import { expect, it } from 'vitest';
import { wireBytesPerImage } from './wire-bytes.ts';

const counters = (samples: number, bytesIn: number, bytesOut: number, imageBytes: number) => ({
  samples,
  bytesIn,
  bytesOut,
  imageBytes,
});

it('tells what an image costs on the wire, images apart', () => {
  expect(wireBytesPerImage([counters(100, 5000, 9000, 1000), counters(300, 3000, 4000, 1000)])).toEqual({
    fromWorkers: 20,
    toWorkers: 27.5,
    images: 5,
  });
});

it('tells nothing before an image was learned from', () => {
  expect(wireBytesPerImage([])).toBeUndefined();
  expect(wireBytesPerImage([counters(0, 100, 4000, 0)])).toBeUndefined();
});
