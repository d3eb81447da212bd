import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flipped } from './flips.ts';

const SHAPE = [8, 8, 3] as const;
const SIZE = 8 * 8 * 3;
const COUNT = 32;
/** No two images, pixels or channels alike within an image's rows. */
const bytes = Uint8Array.from({ length: COUNT * SIZE }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);

const samplesIn = (data: Uint8Array) =>
  Array.from({ length: data.length / SIZE }, (_, i) => data.subarray(i * SIZE, (i + 1) * SIZE));

/** An image whose rows run the other way. */
function mirror(image: Uint8Array): Uint8Array {
  return image.map((_, i) => {
    const [channel, x, y] = [i % 3, Math.floor(i / 3) % 8, Math.floor(i / 24)];
    return image[(y * 8 + (7 - x)) * 3 + channel] ?? 0;
  });
}

/** For each image of a batch, whether it is flipped; fails where it is neither the image nor its mirror image. */
function flipsOf(seed: number, step: number, iteration = 0): boolean[] {
  const after = samplesIn(flipped({ step, iteration, first: 0, samples: COUNT }, bytes, seed, SHAPE));
  return samplesIn(bytes).map((image, i) => {
    const isFlipped = Buffer.compare(after[i] ?? new Uint8Array(), image) !== 0;
    if (isFlipped) expect(after[i]).toEqual(mirror(image));
    return isFlipped;
  });
}

describe('flips', () => {
  it('turn about half of the images around, and leave the others as they are', () => {
    const before = bytes.slice();
    const all = Array.from({ length: 16 }, (_, step) => flipsOf(7, step)).flat();
    const part = all.filter(Boolean).length / all.length;
    expect(part).toBeGreaterThan(0.4);
    expect(part).toBeLessThan(0.6);
    expect(Buffer.compare(bytes, before)).toBe(0);
  });

  it('follow from the seed, the place in the run and that in the batch, however it is cut', () => {
    const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(seeds, fc.nat(1000), fc.integer({ min: 1, max: COUNT - 1 }), (seed, step, cut) => {
        const part = (first: number, samples: number) =>
          flipped(
            { step, iteration: 0, first, samples },
            bytes.subarray(first * SIZE, (first + samples) * SIZE),
            seed,
            SHAPE,
          );
        expect(Buffer.concat([part(0, cut), part(cut, COUNT - cut)])).toEqual(Buffer.from(part(0, COUNT)));
      }),
      { numRuns: 50 },
    );
  });

  it('are others in each step and batch, and for each seed', () => {
    expect(flipsOf(1, 0)).not.toEqual(flipsOf(1, 1));
    expect(flipsOf(1, 0)).not.toEqual(flipsOf(1, 0, 1));
    expect(flipsOf(1, 0)).not.toEqual(flipsOf(2, 0));
  });
});
