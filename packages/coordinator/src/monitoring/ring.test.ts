import { expect, test } from 'vitest';
import { Ring } from './ring.ts';

test('a ring gives what came since, as far as it is kept', () => {
  const ring = new Ring<number>(3);
  expect([ring.since(0), ring.count]).toEqual([[], 0]);
  for (let i = 0; i < 5; i++) ring.push(i);
  expect(ring.all()).toEqual([2, 3, 4]);
  expect([0, 2, 3, 4, 5, 6].map((seen) => ring.since(seen))).toEqual([[2, 3, 4], [2, 3, 4], [3, 4], [4], [], []]);
});
