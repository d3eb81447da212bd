import fc from 'fast-check';
import { expect, it } from 'vitest';
import { plainProducts } from './products.ts';
import { normalRows } from './testing/normal-rows.ts';

const counts = fc.integer({ min: 0, max: 13 });

it('is the rounded sum of the products of each pair of rows', () => {
  fc.assert(
    fc.property(counts, counts, fc.integer({ min: 1, max: 70 }), fc.nat(1000), (rows, rows2, size, seed) => {
      const [a, b] = [normalRows(rows, size, seed), normalRows(rows2, size, seed + 1)];
      const expected = new Float32Array(rows * rows2).map((_, at) => {
        const [row, row2] = [Math.floor(at / rows2), at % rows2];
        let sum = 0;
        for (let i = 0; i < size; i++) sum += (a[row * size + i] ?? 0) * (b[row2 * size + i] ?? 0);
        return sum;
      });
      expect(plainProducts(a, b, size)).toEqual(expected);
    }),
  );
});

it('refuses parts of rows', () => {
  expect(() => plainProducts(new Float32Array(8), new Float32Array(7), 4)).toThrow(RangeError);
});
