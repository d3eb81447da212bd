import type { Unit } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { WorkQueue } from './work-queue.ts';

const work = (round: number, index: number): Unit => {
  return { round, index, batches: [{ step: round, iteration: 0, first: index, samples: 0 }] };
};

/** What a slot gets until nothing is left of a round. */
function drain(queue: WorkQueue<string>, slot: string, round: number): number[] {
  const taken = [];
  for (let next = queue.takeFor(slot, round); next; next = queue.takeFor(slot, round)) taken.push(next.index);
  return taken;
}

describe('WorkQueue', () => {
  it('gives the shards of a round in order of arrival', () => {
    const queue = new WorkQueue<string>();
    for (const index of [3, 1, 2]) queue.add(work(5, index));
    queue.add(work(6, 0));
    expect(drain(queue, 'a', 5)).toEqual([3, 1, 2]);
    expect(drain(queue, 'a', 6)).toEqual([0]);
  });

  it('spreads preparing over the slots, a few shards for each', () => {
    const queue = new WorkQueue<string>();
    const slots = Array.from({ length: 10 }, (_, index) => {
      queue.add(work(1, index));
      return queue.slotForLast(['a', 'b']);
    });
    expect(slots).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', undefined, undefined]);
  });

  it('gives a slot first what it has prepared, then what nobody has, then any', () => {
    const queue = new WorkQueue<string>();
    for (let index = 0; index < 4; index++) {
      queue.add(work(1, index));
      if (index < 3) queue.slotForLast(['a', 'b']);
    }
    expect(drain(queue, 'b', 1)).toEqual([1, 3, 0, 2]);
  });

  it('drops what is cancelled, and earlier rounds', () => {
    const queue = new WorkQueue<string>();
    for (const round of [1, 2, 3]) for (const index of [0, 1]) queue.add(work(round, index));
    queue.cancel(3, 0);
    queue.cancel(9, 9);
    queue.dropBefore(2);
    expect([1, 2, 3].map((round) => drain(queue, 'a', round))).toEqual([[], [0, 1], [1]]);
  });

  it('is bounded', () => {
    const queue = new WorkQueue<string>();
    for (let index = 0; index < 4096; index++) queue.add(work(1, index));
    expect(() => queue.add(work(1, 4096))).toThrow(expect.objectContaining({ code: 'E_TOO_LARGE' }));
    queue.clear();
    queue.add(work(1, 0));
  });
});
