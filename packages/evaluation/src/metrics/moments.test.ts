import fc from 'fast-check';
import { expect, it } from 'vitest';
import { momentsOf } from './moments.ts';

const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
const sets = fc
  .tuple(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 1, max: 5 }))
  .chain(([count, size]) =>
    fc.record({ size: fc.constant(size), rows: fc.float32Array({ minLength: count * size, maxLength: count * size }) }),
  );

it('has the numbers of numpy.mean and numpy.cov', () => {
  const { count, mean, covariance } = momentsOf(Float32Array.of(0, 2, 1, 1, 5, 0), 2);
  expect(count).toBe(3);
  expect([...mean]).toEqual([2, 1]);
  expect([...covariance]).toEqual([7, -2.5, -2.5, 1]);
});

it('keeps the digits of a small spread around a large mean', () => {
  const { covariance } = momentsOf(Float32Array.of(8_000_000, 8_000_001, 8_000_002), 1);
  expect(covariance[0]).toBe(1);
});

it('has the covariances of all pairs of columns', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(float, float, float), { minLength: 2, maxLength: 30 }).map((rows) => ({ rows })),
      ({ rows }) => {
        const { mean, covariance } = momentsOf(Float32Array.from(rows.flat()), 3);
        for (let i = 0; i < 3; i++) {
          for (let j = 0; j < 3; j++) {
            const centred = rows.map((row) => ((row[i] ?? 0) - (mean[i] ?? 0)) * ((row[j] ?? 0) - (mean[j] ?? 0)));
            const expected = centred.reduce((sum, value) => sum + value, 0) / (rows.length - 1);
            expect(covariance[3 * i + j]).toBeCloseTo(expected, 6);
            expect(covariance[3 * i + j]).toBe(covariance[3 * j + i]);
          }
        }
      },
    ),
  );
});

it('is of finite numbers, and refuses others', () => {
  fc.assert(
    fc.property(sets, ({ size, rows }) => {
      if (rows.every(Number.isFinite)) {
        expect(momentsOf(rows, size).covariance.every(Number.isFinite)).toBe(true);
      } else {
        expect(() => momentsOf(rows, size)).toThrow('not finite');
      }
    }),
  );
});

it('refuses fewer than 2 rows, and parts of rows', () => {
  expect(() => momentsOf(new Float32Array(), 3)).toThrow(RangeError);
  expect(() => momentsOf(new Float32Array(3), 3)).toThrow(RangeError);
  expect(() => momentsOf(new Float32Array(7), 3)).toThrow(RangeError);
});
