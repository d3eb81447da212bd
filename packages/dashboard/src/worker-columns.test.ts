import type { WatchedWorker } from '@gantry/core';
import { expect, it } from 'vitest';
import { COLUMNS, nextOrder, sorted } from './worker-columns.ts';

const worker = (name: string, share: number, state = 'idle') => ({ name, share, state }) as WatchedWorker;
const workers = [worker('w10', 0.2), worker('w9', 0.5), worker('w1', 0.2)];
const column = (label: string) => COLUMNS.findIndex((each) => each.label === label);
const names = (label: string, descending: boolean) =>
  sorted(workers, { column: column(label), descending }).map(({ name }) => name);

it('sorts by numbers and by names', () => {
  expect(names('name', false)).toEqual(['w1', 'w9', 'w10']);
  expect(names('share', true)).toEqual(['w9', 'w10', 'w1']);
  expect(names('share', false)).toEqual(['w10', 'w1', 'w9']);
});

it('lists by name, and those that are gone at the end, unless an order was chosen', () => {
  const all = [worker('w0', 0, 'left'), ...workers];
  expect(sorted(all, undefined).map(({ name }) => name)).toEqual(['w1', 'w9', 'w10', 'w0']);
});

it('cycles through the orders of a column', () => {
  const [name, share] = [column('name'), column('share')];
  let order = nextOrder(undefined, share);
  expect(order).toEqual({ column: share, descending: true });
  expect((order = nextOrder(order, share))).toEqual({ column: share, descending: false });
  expect(nextOrder(order, share)).toBeUndefined();
  expect(nextOrder(order, name)).toEqual({ column: name, descending: false });
});
