import { expect, it } from 'vitest';
import type { ShownWorker } from './link-use.ts';
import { COLUMNS, nextOrder, sorted, titleOf } from './worker-columns.ts';

const worker = (name: string, share: number, state = 'idle', inUse: number | null = null) =>
  ({ name, share, state, inUse }) as ShownWorker;
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

it('has those at the end of whose links nothing is known', () => {
  const all = [worker('w1', 0), worker('w2', 0, 'idle', 0), worker('w3', 0, 'idle', 5e6)];
  const byUse = sorted(all, { column: column('Mbit/s from'), descending: true });
  expect(byUse.map(({ name }) => name)).toEqual(['w3', 'w2', 'w1']);
});

it('says over what its figures are, in steps or in rounds', () => {
  const titles = (label: string) =>
    COLUMNS.filter((each) => each.label === label).flatMap((each) => [titleOf(each, 'step'), titleOf(each, 'round')]);
  expect(titles('computing')).toEqual(['per step, over the last steps', 'per round, over the last rounds']);
  expect(titles('shards')).toEqual(['done and accepted', 'done and accepted']);
  expect(titles('state')).toEqual([undefined, undefined]);
});
