import { fillUniform } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import type { Pictures } from '../pictures/pictures.ts';
import { slicedWasserstein } from './sliced-wasserstein.ts';
import { normalRows } from './testing/normal-rows.ts';

/** Discs of random sizes at random places. */
function discs(count: number, side: number, seed: number, channels = 1): Pictures {
  const values = new Float32Array(count * side * side * channels).fill(-1);
  const drawn = new Float64Array(3 * count);
  fillUniform(drawn, seed, 0, 0, 0);
  for (let at = 0; at < values.length; at++) {
    const pixel = Math.floor(at / channels) % (side * side);
    const index = 3 * Math.floor(at / (side * side * channels));
    const dy = Math.floor(pixel / side) / side - (drawn[index] ?? 0);
    const dx = (pixel % side) / side - (drawn[index + 1] ?? 0);
    const edge = 10 * (0.1 + 0.3 * (drawn[index + 2] ?? 0) - Math.sqrt(dx * dx + dy * dy));
    values[at] = Math.max(-1, Math.min(1, edge - (at % channels) / 2));
  }
  return { shape: [count, side, side, channels], values };
}

function noise(count: number, side: number, seed: number, channels = 1): Pictures {
  const values = normalRows(count, side * side * channels, seed).map((value) => Math.max(-1, Math.min(1, value / 2)));
  return { shape: [count, side, side, channels], values };
}

const plain = (count: number, side: number, value: number): Pictures => {
  return { shape: [count, side, side, 1], values: new Float32Array(count * side * side).fill(value) };
};

describe('slicedWasserstein', () => {
  it('is far larger for noise than for other pictures of the same kind', () => {
    const pictures = discs(100, 28, 1);
    const [{ distance: same }, { distance: other }, { distance: far }] = [
      slicedWasserstein(pictures, pictures, 5),
      slicedWasserstein(pictures, discs(100, 28, 2), 5),
      slicedWasserstein(pictures, noise(100, 28, 3), 5),
    ] as const;
    expect(same).toBeLessThan(100);
    expect(other).toBeLessThan(150);
    expect(far).toBeGreaterThan(3 * other);
  });

  it('tells on which level pictures differ', () => {
    const pictures = discs(40, 32, 1);
    const speckles = noise(40, 32, 2).values;
    const { distance, levels } = slicedWasserstein(
      pictures,
      { ...pictures, values: pictures.values.map((value, i) => value + 0.1 * (speckles[i] ?? 0)) },
      1,
    );
    expect(levels.map(({ side }) => side)).toEqual([32, 16]);
    const [fine = NaN, coarse = NaN] = levels.map((level) => level.distance);
    expect(fine).toBeGreaterThan(3 * coarse);
    expect(distance).toBe((fine + coarse) / 2);
  });

  it('is the same number twice, and another one for another seed', () => {
    const [a, b] = [discs(20, 32, 1, 3), noise(20, 32, 2, 3)];
    const first = slicedWasserstein(a, b, 1);
    expect(slicedWasserstein(a, b, 1)).toEqual(first);
    const { distance } = slicedWasserstein(a, b, 2 ** 53 - 1);
    expect(distance).not.toBe(first.distance);
    expect(Math.abs(distance / first.distance - 1)).toBeLessThan(0.2);
  });

  it('is the Wasserstein distance of the normalized pixels where pictures are single ones', () => {
    const of = (...values: number[]): Pictures => ({
      shape: [values.length, 1, 1, 1],
      values: Float32Array.from(values),
    });
    const [a, b] = [of(-1, 1, -1, 1), of(-1, -1, 1, -1)];
    expect(slicedWasserstein(a, of(0.5, 0.5, 0, 0), 1).distance).toBe(0);
    // −1, −1, 1, 1 against −1/√3, −1/√3, −1/√3, √3; both ways the same.
    const root = Math.sqrt(3);
    const expected = (2 * (1 - 1 / root) + (1 + 1 / root) + (root - 1)) / 4;
    expect(slicedWasserstein(a, b, 1).distance).toBeCloseTo(1000 * expected, 3);
  });

  it('takes patches as large as small pictures, and pictures that are not square', () => {
    expect(slicedWasserstein(discs(20, 5, 1), noise(20, 5, 2), 1).levels.map(({ side }) => side)).toEqual([5]);
    const wide = (seed: number): Pictures => ({ ...noise(10, 48, seed), shape: [10, 36, 64, 1] });
    const { levels } = slicedWasserstein(wide(1), wide(2), 1);
    expect(levels.map(({ side }) => side)).toEqual([36, 18]);
  });

  it('compares with pictures all of which are alike', () => {
    expect(slicedWasserstein(plain(10, 32, 0.7), plain(10, 32, -1), 1).distance).toBe(0);
    // Patches that are 0 are as far from normalized ones as these are long in a random direction.
    const { levels } = slicedWasserstein(noise(50, 32, 1), plain(50, 32, 0.7), 1);
    for (const { distance } of levels) {
      expect(distance).toBeGreaterThan(700);
      expect(distance).toBeLessThan(850);
    }
  });

  it('takes the first pictures of the larger set', () => {
    const [few, many] = [discs(20, 16, 1), noise(30, 16, 2)];
    const first: Pictures = { shape: [20, 16, 16, 1], values: many.values.subarray(0, few.values.length) };
    expect(slicedWasserstein(few, many, 1)).toEqual(slicedWasserstein(few, first, 1));
    expect(slicedWasserstein(many, few, 1)).toEqual(slicedWasserstein(first, few, 1));
  });

  it('takes as many patches and directions as are asked for', () => {
    const [a, b] = [discs(20, 16, 1), discs(20, 16, 2)];
    const all = slicedWasserstein(a, b, 1).distance;
    expect(slicedWasserstein(a, b, 1, { patches: 16, directions: 512 }).distance).toBe(all);
    expect(slicedWasserstein(a, b, 1, { patches: 3 }).distance).not.toBe(all);
    const fewer = slicedWasserstein(a, b, 1, { directions: 100 }).distance;
    expect(Math.abs(fewer / all - 1)).toBeLessThan(0.3);
  });

  it('refuses what does not go together', () => {
    const pictures = discs(3, 8, 1);
    const nothing: Pictures = { shape: [0, 8, 8, 1], values: new Float32Array() };
    const refused = (a: Pictures, b: Pictures, options?: { patches?: number; directions?: number }) =>
      expect(() => slicedWasserstein(a, b, 1, options)).toThrow(RangeError);
    refused(pictures, discs(3, 9, 1));
    refused(pictures, discs(3, 8, 1, 3));
    refused(pictures, nothing);
    refused(nothing, pictures);
    refused(pictures, { ...pictures, shape: [4, 8, 8, 1] });
    refused(pictures, { ...pictures, shape: [3, 8, 8] });
    refused(pictures, { ...pictures, values: pictures.values.map(() => NaN) });
    refused(pictures, pictures, { patches: 0 });
    refused(pictures, pictures, { directions: 1.5 });
  });
});
