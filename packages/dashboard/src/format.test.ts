import { expect, it } from 'vitest';
import { bytes, clock, duration, short } from './format.ts';

it('writes numbers and times as people read them', () => {
  expect([0, 59.6, 75, 4000].map(clock)).toEqual(['0:00', '1:00', '1:15', '1:06:40']);
  expect([0.4, 999, 1500, 25_000].map(duration)).toEqual(['0 ms', '999 ms', '1.5 s', '25 s']);
  expect([0, 999, 1000, 10_000_000, 123_400_000].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '10.0 MB', '123 MB']);
  expect([0, 1234.5, 0.5, 0.00012, NaN].map(short)).toEqual(['0.00', '1,235', '0.500', '1.2e-4', '–']);
});
