import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIMIZERS, Synchronous, type Unit } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { flipped } from './flipped.ts';

const COUNT = 64;
const SIZE = 8 * 8 * 3;
const manifest = modelManifest('tiny-rgb');
/** No two images, pixels or channels alike within an image's rows. */
const bytes = Uint8Array.from({ length: COUNT * SIZE }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);

/** Both schemes of a run. */
function schemes(seed: number, shardSize: number, batch = 32) {
  const plan = { images: COUNT, epochs: 4, batch, shardSize };
  const plain = new Synchronous({
    manifest,
    seed,
    plan,
    samples: { count: COUNT, bytes },
    optimizers: DEFAULT_OPTIMIZERS,
  });
  return { plain, mirrored: flipped(plain, seed, [8, 8, 3]) };
}

/** The samples of a round, in the order of the global batch. */
const samplesOf = (units: readonly Unit[]) =>
  units.flatMap(({ data }) =>
    Array.from({ length: data.length / SIZE }, (_, i) => data.subarray(i * SIZE, (i + 1) * SIZE)),
  );

/** An image whose rows run the other way. */
function mirror(image: Uint8Array): Uint8Array {
  return image.map((_, i) => {
    const [channel, x, y] = [i % 3, Math.floor(i / 3) % 8, Math.floor(i / 24)];
    return image[(y * 8 + (7 - x)) * 3 + channel] ?? 0;
  });
}

/** For each sample of a round, whether it was flipped; fails where it is neither the image nor its mirror image. */
function flipsOf(seed: number, shardSize: number, round: number): boolean[] {
  const { plain, mirrored } = schemes(seed, shardSize);
  const [before, after] = [samplesOf(plain.units(round)), samplesOf(mirrored.units(round))];
  expect(after).toHaveLength(before.length);
  return after.map((sample, i) => {
    const image = before[i] ?? new Uint8Array();
    const isFlipped = Buffer.compare(sample, image) !== 0;
    if (isFlipped) expect(sample).toEqual(mirror(image));
    return isFlipped;
  });
}

const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const rounds = fc.integer({ min: 0, max: 7 });

describe('flips', () => {
  it('turn about half of the images around, and leave the others as they are', () => {
    const all = Array.from({ length: 8 }, (_, round) => flipsOf(7, 8, round)).flat();
    const part = all.filter(Boolean).length / all.length;
    expect(part).toBeGreaterThan(0.4);
    expect(part).toBeLessThan(0.6);
  });

  it('follow from the seed, the step and the place in the batch, however it is cut', () => {
    fc.assert(
      fc.property(seeds, rounds, fc.integer({ min: 2, max: 32 }), (seed, round, shardSize) => {
        const { mirrored } = schemes(seed, 32);
        const { mirrored: cut } = schemes(seed, shardSize);
        expect(Buffer.concat(samplesOf(cut.units(round)))).toEqual(Buffer.concat(samplesOf(mirrored.units(round))));
      }),
      { numRuns: 50 },
    );
  });

  it('are others in each step and for each seed', () => {
    expect(flipsOf(1, 8, 0)).not.toEqual(flipsOf(1, 8, 1));
    expect(flipsOf(1, 8, 0)).not.toEqual(flipsOf(2, 8, 0));
  });

  it('leave the images of the run as they are', () => {
    const before = bytes.slice();
    const { mirrored } = schemes(7, 8);
    for (let round = 0; round < mirrored.rounds; round++) mirrored.units(round);
    expect(Buffer.compare(bytes, before)).toBe(0);
    expect(mirrored.units(1)).toEqual(mirrored.units(1));
  });
});
