import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pyramidLevel, pyramidSizes, type Picture } from './laplacian-pyramid.ts';
import { normalRows } from './testing/normal-rows.ts';

const BINOMIAL = [1, 4, 6, 4, 1].map((weight) => weight / 16);

function pictureOf(height: number, width: number, channels: number, seed: number): Picture {
  return { height, width, channels, values: Float64Array.from(normalRows(height * width, channels, seed)) };
}

const mirrored = (i: number, length: number) => length - 1 - Math.abs(length - 1 - Math.abs(i));

/** The 5×5 filter, pixel by pixel. */
function filtered({ height, width, channels, values }: Picture, gain: number): Picture {
  const out = values.map((_, at) => {
    const [y, x, channel] = [Math.floor(at / channels / width), Math.floor(at / channels) % width, at % channels];
    let sum = 0;
    for (let dy = -2; dy <= 2; dy++) {
      for (let dx = -2; dx <= 2; dx++) {
        const from = (mirrored(y + dy, height) * width + mirrored(x + dx, width)) * channels + channel;
        sum += (BINOMIAL[dy + 2] ?? 0) * (BINOMIAL[dx + 2] ?? 0) * gain * (values[from] ?? 0);
      }
    }
    return sum;
  });
  return { height, width, channels, values: out };
}

/** A picture of another size, whose pixels come from places of the old one, or are 0. */
function resampled(
  { width: from, channels, values }: Picture,
  height: number,
  width: number,
  place: (y: number, x: number) => [number, number] | undefined,
): Picture {
  const out = new Float64Array(height * width * channels).map((_, at) => {
    const found = place(Math.floor(at / channels / width), Math.floor(at / channels) % width);
    return found ? (values[(found[0] * from + found[1]) * channels + (at % channels)] ?? 0) : 0;
  });
  return { height, width, channels, values: out };
}

const down = (picture: Picture) =>
  resampled(filtered(picture, 1), picture.height / 2, picture.width / 2, (y, x) => [2 * y, 2 * x]);
const up = (picture: Picture) =>
  filtered(
    resampled(picture, picture.height * 2, picture.width * 2, (y, x) =>
      y % 2 === 0 && x % 2 === 0 ? [y / 2, x / 2] : undefined,
    ),
    4,
  );

function expectClose(actual: Picture, expected: Picture): void {
  expect({ ...actual, values: 0 }).toEqual({ ...expected, values: 0 });
  actual.values.forEach((value, i) => expect(Math.abs(value - (expected.values[i] ?? NaN))).toBeLessThan(1e-12));
}

describe('pyramidSizes', () => {
  it.each([
    [28, 28, ['28×28']],
    [32, 32, ['32×32', '16×16']],
    [64, 48, ['64×48', '32×24']],
    [128, 128, ['128×128', '64×64', '32×32', '16×16']],
    [100, 36, ['100×36', '50×18']],
    [66, 100, ['66×100', '33×50']],
    [5, 9, ['5×9']],
  ])('of %d×%d', (height, width, expected) => {
    expect(pyramidSizes(height, width).map((size) => `${size.height}×${size.width}`)).toEqual(expected);
  });
});

describe('pyramidLevel', () => {
  it('is what its filter makes of it, pixel by pixel', () => {
    const half = fc.integer({ min: 2, max: 6 });
    fc.assert(
      fc.property(half, half, fc.integer({ min: 1, max: 3 }), fc.nat(1000), (height, width, channels, seed) => {
        const picture = pictureOf(4 * height, 4 * width, channels, seed);
        const [once, twice] = [down(picture), down(down(picture))];
        expect(pyramidLevel(picture, 0, 1)).toEqual(picture);
        expectClose(pyramidLevel(picture, 2, 3), twice);
        const less = (a: Picture, b: Picture) => ({
          ...a,
          values: a.values.map((value, i) => value - (b.values[i] ?? 0)),
        });
        expectClose(pyramidLevel(picture, 0, 3), less(picture, up(once)));
        expectClose(pyramidLevel(picture, 1, 3), less(once, up(twice)));
      }),
      { numRuns: 20 },
    );
  });

  it('finds no detail where there is none', () => {
    const plain = { height: 32, width: 64, channels: 2, values: new Float64Array(4096).fill(Math.fround(0.7)) };
    expect(pyramidLevel(plain, 0, 2).values).toEqual(new Float64Array(4096));
    expect(pyramidLevel(plain, 1, 2).values).toEqual(new Float64Array(1024).fill(Math.fround(0.7)));
  });
});
