import { expect, test } from 'vitest';
import { Entitlements } from './entitlements.ts';

test('a worker may answer as often as it was given a shard, also after it was taken back', () => {
  const answers = new Entitlements();
  answers.add(0, 1);
  answers.add(0, 1);
  answers.add(1, 1);
  expect([answers.use(0, 1), answers.use(0, 1), answers.use(0, 1)]).toEqual([true, true, false]);
  expect([answers.use(1, 1), answers.use(1, 1), answers.use(1, 2)]).toEqual([true, false, false]);
});

test('what was long ago is forgotten', () => {
  const answers = new Entitlements();
  for (let index = 0; index < 10_000; index++) answers.add(0, index);
  expect([answers.use(0, 0), answers.use(0, 9_999 - 8191), answers.use(0, 9_999)]).toEqual([false, true, true]);
});
