import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestDistances, precisionAndRecall, radiiOf } from './neighbours.ts';
import { plainProducts, type Products } from './products.ts';
import { normalRows } from './testing/normal-rows.ts';

const SIZE = 3;

/** Rounded as badly as those of a GPU may be, and other ones for the same rows each time. */
function roughProducts(): Products {
  let call = 0;
  return async (a, b, size) => {
    const noise = normalRows(a.length / size, b.length / size, call++);
    return plainProducts(a, b, size).map((value, i) => value * (1 + 1e-6 * (noise[i] ?? 0)));
  };
}

const distance = (a: Float32Array, row: number, b: Float32Array, row2: number, size: number) => {
  let square = 0;
  for (let i = 0; i < size; i++) square += ((a[row * size + i] ?? 0) - (b[row2 * size + i] ?? 0)) ** 2;
  return Math.sqrt(square);
};

function radiiByDefinition(rows: Float32Array, size: number, k: number): number[] {
  return Array.from({ length: rows.length / size }, (_, row) => {
    const others = Array.from({ length: rows.length / size }, (_other, other) => other).filter(
      (other) => other !== row,
    );
    return others.map((other) => distance(rows, row, rows, other, size)).toSorted((a, b) => a - b)[k - 1] ?? NaN;
  });
}

function shareByDefinition(of: Float32Array, among: Float32Array, size: number, k: number): number {
  const radii = radiiByDefinition(among, size, k);
  const count = of.length / size;
  let inside = 0;
  for (let row = 0; row < count; row++) {
    if (radii.some((radius, other) => distance(of, row, among, other, size) <= radius)) inside++;
  }
  return inside / count;
}

/** Of a coarse grid, so that many are the same: all distances are exact. */
const gridRows = (min: number, max: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: -2, max: 2 }), fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 2 })), {
      minLength: min,
      maxLength: max,
    })
    .map((rows) => Float32Array.from(rows.flat()));

const closeTo = (expected: readonly number[]) => expected.map((value) => expect.closeTo(value, 3) as number);

describe('radiiOf', () => {
  it('is the distance to the k-th nearest other one, the same row twice being another', async () => {
    await fc.assert(
      fc.asyncProperty(gridRows(4, 30), fc.integer({ min: 1, max: 3 }), async (rows, k) => {
        const radii = await radiiOf(rows, SIZE, k, plainProducts);
        expect([...radii]).toEqual(radiiByDefinition(rows, SIZE, k));
      }),
    );
  });

  it.each([499, 500, 501, 1003])('is that of %d rows', async (count) => {
    const rows = normalRows(count, 5, count);
    const radii = await radiiOf(rows, 5, 3, plainProducts);
    const expected = radiiByDefinition(rows, 5, 3);
    expect(radii.length).toBe(count);
    radii.forEach((radius, i) => expect(radius).toBeCloseTo(expected[i] ?? NaN, 5));
  });

  it('refuses too few rows, no neighbour and numbers that are not finite', async () => {
    await expect(radiiOf(new Float32Array(9), SIZE, 3, plainProducts)).rejects.toThrow(RangeError);
    await expect(radiiOf(new Float32Array(9), SIZE, 0, plainProducts)).rejects.toThrow(RangeError);
    await expect(radiiOf(new Float32Array(9).fill(NaN, 4, 5), SIZE, 1, plainProducts)).rejects.toThrow('row 1');
    await expect(radiiOf(new Float32Array(9), SIZE, 1, () => new Float32Array(4))).rejects.toThrow('4 products');
  });
});

describe('precisionAndRecall', () => {
  it('is what its definition says', async () => {
    await fc.assert(
      fc.asyncProperty(gridRows(4, 20), gridRows(4, 20), fc.integer({ min: 1, max: 3 }), async (real, generated, k) => {
        expect(await precisionAndRecall(real, generated, SIZE, k, plainProducts)).toEqual({
          precision: shareByDefinition(generated, real, SIZE, k),
          recall: shareByDefinition(real, generated, SIZE, k),
        });
      }),
    );
  });

  it('is what its definition says for sets of several blocks', async () => {
    const real = normalRows(1001, SIZE, 1);
    const generated = normalRows(620, SIZE, 2).map((value) => 1.5 * value);
    const { precision, recall } = await precisionAndRecall(real, generated, SIZE, 3, plainProducts);
    expect(precision).toBeCloseTo(shareByDefinition(generated, real, SIZE, 3), 12);
    expect(recall).toBeCloseTo(shareByDefinition(real, generated, SIZE, 3), 12);
    expect(precision).toBeLessThan(recall);
  });

  it('is 1 for equal sets, whatever the order and the rounding of the products', async () => {
    await fc.assert(
      fc.asyncProperty(gridRows(4, 30), async (rows) => {
        const backwards = new Float32Array(rows.length);
        for (let at = 0; at < rows.length; at += SIZE) {
          backwards.set(rows.subarray(at, at + SIZE), rows.length - at - SIZE);
        }
        const expected = { precision: 1, recall: 1 };
        expect(await precisionAndRecall(rows, backwards, SIZE, 3, plainProducts)).toEqual(expected);
        expect(await precisionAndRecall(rows, backwards, SIZE, 3, roughProducts())).toEqual(expected);
      }),
    );
  });

  it('is 0 for sets that are far apart', async () => {
    const far = normalRows(50, SIZE, 2).map((value) => value + 100);
    const expected = { precision: 0, recall: 0 };
    expect(await precisionAndRecall(normalRows(50, SIZE, 1), far, SIZE, 3, plainProducts)).toEqual(expected);
  });

  it('shows a collapse: good pictures, but the same ones', async () => {
    const real = normalRows(400, 8, 1);
    const collapsed = normalRows(400, 8, 2).map((value, i) => (real[i % 8] ?? 0) + value / 1000);
    const { precision, recall } = await precisionAndRecall(real, collapsed, 8, 3, plainProducts);
    expect(precision).toBe(1);
    expect(recall).toBeLessThan(0.02);
  });
});

describe('nearestDistances', () => {
  it('is the least of all distances', async () => {
    await fc.assert(
      fc.asyncProperty(gridRows(0, 20), gridRows(1, 20), async (from, to) => {
        const expected = Array.from({ length: from.length / SIZE }, (_, row) =>
          Math.min(...Array.from({ length: to.length / SIZE }, (_to, other) => distance(from, row, to, other, SIZE))),
        );
        expect([...(await nearestDistances(from, to, SIZE, plainProducts))]).toEqual(expected);
        expect([...(await nearestDistances(from, to, SIZE, roughProducts()))]).toEqual(closeTo(expected));
      }),
    );
  });

  it('finds copies in any block, even by rough products of long vectors', async () => {
    const to = normalRows(1200, 64, 1).map((value) => value + 10);
    const places = [0, 499, 500, 999, 1000, 1199];
    const from = Float32Array.from(places.flatMap((place) => [...to.subarray(place * 64, (place + 1) * 64)]));
    expect([...(await nearestDistances(from, to, 64, roughProducts()))]).toEqual(places.map(() => 0));
  });

  it('multiplies no more than 500 rows with 500 at a time', async () => {
    const sizes: string[] = [];
    const products: Products = (a, b, size) => {
      sizes.push(`${a.length / size}×${b.length / size}`);
      return plainProducts(a, b, size);
    };
    await nearestDistances(new Float32Array(501), new Float32Array(1100), 1, products);
    expect(sizes).toEqual(['500×500', '500×500', '500×100', '1×500', '1×500', '1×100']);
  });

  it('refuses to be near to nothing', async () => {
    await expect(nearestDistances(new Float32Array(3), new Float32Array(), 3, plainProducts)).rejects.toThrow(
      RangeError,
    );
  });
});
