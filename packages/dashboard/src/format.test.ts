import { expect, it } from 'vitest';
import { ago, bytes, clock, duration, localTime, mark, megabits, percent, short } from './format.ts';

it('writes numbers as people read them', () => {
  expect([0, 999, 1000, 10_000_000, 123_400_000].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '10.0 MB', '123 MB']);
  expect([0, 1234.5, 0.5, 0.00012, NaN].map(short)).toEqual(['0.00', '1,235', '0.500', '1.2e-4', '–']);
  expect([0, 0.5, 0.25, 2000, 12_000, 0.0001].map(mark)).toEqual(['0', '0.5', '0.25', '2,000', '12k', '1e-4']);
  expect([null, 0, 1.5e6, 125e6].map(megabits)).toEqual(['–', '0.0', '12.0', '1,000']);
  expect([0, 0.334, 1].map(percent)).toEqual(['0%', '33%', '100%']);
});

it('writes times as people read them', () => {
  expect([0, 59.6, 75, 4000].map(clock)).toEqual(['0:00', '1:00', '1:15', '1:06:40']);
  expect([0.4, 999, 1500, 25_000].map(duration)).toEqual(['0 ms', '999 ms', '1.5 s', '25 s']);
  expect([0, 1999, 2000, 61_500].map(ago)).toEqual(['now', 'now', '2 s ago', '61 s ago']);
});

it('names the day of a time unless it is today', () => {
  const time = new Date(2026, 2, 4, 15, 6, 7);
  expect(localTime(time.toISOString(), new Date(2026, 2, 4, 23))).toBe('15:06:07');
  expect(localTime(time.toISOString(), new Date(2026, 2, 5, 1))).toBe('4 Mar 15:06:07');
  expect(localTime('')).toBe('–');
});
