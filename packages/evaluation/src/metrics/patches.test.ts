import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeChannels, randomPatches } from './patches.ts';
import { normalRows } from './testing/normal-rows.ts';

const draw = { seed: 7, stream: 1, step: 0 };

/** Every value says where it is. */
function numbered(height: number, width: number, channels: number) {
  const size = height * width * channels;
  return (index: number) => {
    return { height, width, channels, values: Float64Array.from({ length: size }, (_, i) => index * size + i) };
  };
}

describe('randomPatches', () => {
  it('are squares of the pictures, as many of each', () => {
    const [height, width, channels, side] = [6, 9, 2, 4];
    const patches = randomPatches(numbered(height, width, channels), 5, side, 3, draw);
    const size = side * side * channels;
    expect(patches.length).toBe(5 * 3 * size);
    for (let patch = 0; patch < 15; patch++) {
      const [first = NaN] = patches.subarray(patch * size);
      const index = Math.floor(patch / 3);
      expect(Math.floor(first / (height * width * channels))).toBe(index);
      expect(first % channels).toBe(0);
      expect(Math.floor(first / channels) % width).toBeLessThanOrEqual(width - side);
      const expected = Array.from({ length: size }, (_, i) => {
        return first + Math.floor(i / (side * channels)) * width * channels + (i % (side * channels));
      });
      expect([...patches.subarray(patch * size, (patch + 1) * size)]).toEqual(expected);
    }
  });

  it('are at every place, each as likely', () => {
    const patches = randomPatches(numbered(4, 5, 1), 1, 2, 12_000, draw);
    const places = new Map<number, number>();
    for (let at = 0; at < patches.length; at += 4)
      places.set(patches[at] ?? NaN, (places.get(patches[at] ?? NaN) ?? 0) + 1);
    expect([...places.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13]);
    for (const times of places.values()) expect(Math.abs(times - 1000)).toBeLessThan(150);
  });

  it('follow from the draw alone', () => {
    const patchesOf = (other: Partial<typeof draw>) =>
      randomPatches(numbered(20, 20, 1), 3, 7, 4, { ...draw, ...other });
    expect(patchesOf({})).toEqual(patchesOf({}));
    expect(patchesOf({ seed: 8 })).not.toEqual(patchesOf({}));
    expect(patchesOf({ stream: 2 })).not.toEqual(patchesOf({}));
    expect(patchesOf({ step: 1 })).not.toEqual(patchesOf({}));
  });

  it('are the pictures where these are as small', () => {
    expect([...randomPatches(numbered(3, 3, 1), 2, 3, 1, draw)]).toEqual(Array.from({ length: 18 }, (_, i) => i));
  });
});

describe('normalizeChannels', () => {
  it('gives each channel mean 0 and deviation 1', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 3, max: 40 }),
        fc.nat(1000),
        (channels, count, seed) => {
          const values = normalRows(count, channels, seed).map(
            (value, i) => value * (1 + (i % channels)) - (i % channels),
          );
          normalizeChannels(values, channels);
          for (let channel = 0; channel < channels; channel++) {
            const own = values.filter((_, i) => i % channels === channel);
            expect(own.reduce((sum, value) => sum + value, 0) / count).toBeCloseTo(0, 5);
            expect(own.reduce((sum, value) => sum + value * value, 0) / count).toBeCloseTo(1, 5);
          }
        },
      ),
    );
  });

  it('makes a channel 0 whose values are alike', () => {
    const values = Float32Array.of(0.7, 1, 0.7, -1, 0.7, 1, 0.7 + 1e-7, -1);
    normalizeChannels(values, 2);
    expect([...values].map((value) => value + 0)).toEqual([0, 1, 0, -1, 0, 1, 0, -1]);
  });

  it.each([NaN, Infinity])('refuses %d', (value) => {
    expect(() => normalizeChannels(Float32Array.of(1, 2, 3, value), 2)).toThrow('channel 1');
  });
});
