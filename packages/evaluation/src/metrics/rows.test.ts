import { expect, it } from 'vitest';
import { countRows } from './rows.ts';

it('counts whole rows', () => {
  expect(countRows(new Float32Array(12), 4)).toBe(3);
  expect(countRows(new Float32Array(), 4)).toBe(0);
});

it.each([0, -4, 1.5, NaN, 5])('refuses 12 numbers as rows of %d', (size) => {
  expect(() => countRows(new Float32Array(12), size)).toThrow(RangeError);
});
