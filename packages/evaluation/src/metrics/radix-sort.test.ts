import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sortFloats } from './radix-sort.ts';
import { normalRows } from './testing/normal-rows.ts';

it('sorts as typed arrays do, and nothing around', () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, maxLength: 50 }), (values) => {
      const around = Float32Array.of(9, ...values, -9);
      sortFloats(around.subarray(1, -1), new Uint32Array(values.length));
      expect(around).toEqual(Float32Array.of(9, ...values.toSorted(), -9));
    }),
    { numRuns: 500 },
  );
});

it('sorts many numbers, with the scratch of more', () => {
  const values = normalRows(10_000, 1, 1).map((value, i) => (i % 3 === 0 ? Math.round(value) : value));
  const expected = values.toSorted();
  sortFloats(values, new Uint32Array(20_000));
  expect(values).toEqual(expected);
});
