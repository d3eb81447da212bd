import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstAverage, follow, type WeightAverage } from './weight-average.ts';

const numbers = (values: readonly number[]): WeightAverage => {
  return { network: 'generator', weights: Float32Array.from(values), statistics: Float32Array.from(values) };
};
const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

test('an average of what does not change is what it is', () => {
  fc.assert(
    fc.property(fc.array(float, { minLength: 1 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (values, decay) => {
      const now = numbers(values);
      const average = firstAverage(now);
      for (let step = 1; step <= 20; step++) follow(average, now, decay, step);
      expect(average).toEqual(now);
    }),
  );
});

test('it follows by (1 − decay), and faster in the first steps', () => {
  const average = firstAverage(numbers([7]));
  const now = numbers([1]);
  follow(average, now, 0.999, 1);
  // After one step it keeps a tenth of what was first.
  expect(average.weights[0]).toBeCloseTo(1 + 6 * 0.1, 6);
  const late = firstAverage(numbers([0]));
  follow(late, now, 0.999, 1_000_000);
  expect(late.weights[0]).toBeCloseTo(0.001, 9);
  expect(late.statistics).toEqual(late.weights);
});

test('it stays between the smallest and the largest of all that it has seen', () => {
  fc.assert(
    fc.property(
      fc.array(float, { minLength: 1, maxLength: 50 }),
      fc.double({ min: 0, max: 0.9999, noNaN: true }),
      (values, decay) => {
        const average = firstAverage(numbers([values[0] ?? 0]));
        values.forEach((value, i) => follow(average, numbers([value]), decay, i + 1));
        const [mean = NaN] = average.weights;
        expect(mean).toBeGreaterThanOrEqual(Math.min(...values));
        expect(mean).toBeLessThanOrEqual(Math.max(...values));
      },
    ),
  );
});
