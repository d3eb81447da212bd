import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frechetDistance } from './frechet.ts';
import { momentsOf, type Moments } from './moments.ts';
import { normalRows } from './testing/normal-rows.ts';

const variances = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 4, maxLength: 4 });
const means = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 4, maxLength: 4 });

function diagonal(mean: readonly number[], variance: readonly number[]): Moments {
  const size = mean.length;
  const covariance = new Float64Array(size * size);
  variance.forEach((value, i) => (covariance[i * (size + 1)] = value));
  return { count: 2, mean: Float64Array.from(mean), covariance };
}

/** Of normals that are correlated by a random matrix. */
function correlated(size: number, seed: number): Moments {
  const [rows, mixing] = [normalRows(4 * size, size, seed), normalRows(size, size, seed + 1)];
  const mixed = rows.map((_, at) => {
    const [row, column] = [Math.floor(at / size), at % size];
    let sum = (rows[at] ?? 0) + seed / 100;
    for (let k = 0; k < size; k++) sum += (rows[row * size + k] ?? 0) * (mixing[k * size + column] ?? 0);
    return sum;
  });
  return momentsOf(mixed, size);
}

/** Mirrored at a plane through 0, which is orthogonal as a rotation is: x − 2v(v·x), with v of length 1. */
function reflected({ count, mean, covariance }: Moments, seed: number): Moments {
  const size = mean.length;
  const normal = normalRows(1, size, seed);
  const length = normal.reduce((sum, value) => sum + value * value, 0);
  const apply = (vectors: Float64Array) => {
    const out = vectors.slice();
    for (let row = 0; row < vectors.length; row += size) {
      let product = 0;
      for (let i = 0; i < size; i++) product += (vectors[row + i] ?? 0) * (normal[i] ?? 0);
      for (let i = 0; i < size; i++) out[row + i] = (vectors[row + i] ?? 0) - (2 * product * (normal[i] ?? 0)) / length;
    }
    return out;
  };
  const transposed = (matrix: Float64Array) =>
    matrix.map((_, at) => matrix[(at % size) * size + Math.floor(at / size)] ?? 0);
  return { count, mean: apply(mean), covariance: apply(transposed(apply(covariance))) };
}

const trace = ({ mean, covariance }: Moments) =>
  mean.reduce((sum, _, i) => sum + (covariance[i * (mean.length + 1)] ?? 0), 0);

describe('frechetDistance', () => {
  it('is |μa − μb|² + Σ(√a − √b)² for independent features', () => {
    fc.assert(
      fc.property(means, means, variances, variances, (meanA, meanB, a, b) => {
        let expected = 0;
        meanA.forEach((mean, i) => {
          expected += (mean - (meanB[i] ?? 0)) ** 2 + (Math.sqrt(a[i] ?? 0) - Math.sqrt(b[i] ?? 0)) ** 2;
        });
        expect(frechetDistance(diagonal(meanA, a), diagonal(meanB, b))).toBeCloseTo(expected, 5);
      }),
    );
  });

  it('is exact for a few known ones', () => {
    const unit = diagonal([0, 0], [1, 1]);
    expect(frechetDistance(unit, unit)).toBe(0);
    expect(frechetDistance(unit, diagonal([3, 4], [1, 1]))).toBe(25);
    expect(frechetDistance(unit, diagonal([0, 0], [4, 9]))).toBe(5);
    expect(frechetDistance(unit, diagonal([0, 0], [0, 0]))).toBe(2);
  });

  it('is that of the closed form for two correlated features', () => {
    const entries = fc.tuple(
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      fc.double({ min: -0.95, max: 0.95, noNaN: true }),
    );
    const momentsFrom = ([p, q, correlation]: [number, number, number]): Moments => {
      const c = correlation * Math.sqrt(p * q);
      return { count: 2, mean: new Float64Array(2), covariance: Float64Array.of(p, c, c, q) };
    };
    fc.assert(
      fc.property(entries, entries, (first, second) => {
        const [a, b] = [momentsFrom(first), momentsFrom(second)];
        const [p = 0, c = 0, , q = 0] = a.covariance;
        const [r = 0, d = 0, , s = 0] = b.covariance;
        // tr √M of a 2×2 matrix is √(tr M + 2√det M).
        const root = Math.sqrt(p * r + 2 * c * d + q * s + 2 * Math.sqrt((p * q - c * c) * (r * s - d * d)));
        expect(frechetDistance(a, b)).toBeCloseTo(p + q + r + s - 2 * root, 8);
      }),
    );
  });

  it('is 0 for equal sets, and |shift|² where one is shifted', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: 20 }), (seed, size) => {
        const moments = correlated(size, seed);
        expect(frechetDistance(moments, moments)).toBeLessThan(1e-9 * trace(moments));
        const shifted = { ...moments, mean: moments.mean.map((value, i) => value + i) };
        const expected = moments.mean.reduce((sum, _, i) => sum + i * i, 0);
        expect(frechetDistance(moments, shifted)).toBeCloseTo(expected, 6);
      }),
      { numRuns: 30 },
    );
  });

  it('is the same both ways, and however the features are turned', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: 20 }), (seed, size) => {
        const [a, b] = [correlated(size, seed), correlated(size, seed + 5000)];
        const distance = frechetDistance(a, b);
        const tolerance = 1e-9 * (trace(a) + trace(b));
        expect(Math.abs(frechetDistance(b, a) - distance)).toBeLessThan(tolerance);
        expect(Math.abs(frechetDistance(reflected(a, seed), reflected(b, seed)) - distance)).toBeLessThan(tolerance);
      }),
      { numRuns: 30 },
    );
  });

  it('is near 0 where the covariances have no inverse, and never below', () => {
    // 8 rows span 7 of 32 dimensions.
    const moments = momentsOf(normalRows(8, 32, 3), 32);
    const distance = frechetDistance(moments, moments);
    expect(distance).toBeGreaterThanOrEqual(0);
    expect(distance).toBeLessThan(1e-6 * trace(moments));
  });

  it('refuses features of different sizes', () => {
    expect(() => frechetDistance(diagonal([0], [1]), diagonal([0, 0], [1, 1]))).toThrow(RangeError);
  });
});
