import { describe, expect, it } from 'vitest';
import { WorkQueue } from './work-queue.ts';

const work = (step: number, index: number) => ({ step, index, first: index, samples: 0, images: new Uint8Array() });

/** What a lane gets until nothing is left of a step. */
function drain(queue: WorkQueue<string>, lane: string, step: number): number[] {
  const taken = [];
  for (let next = queue.takeFor(lane, step); next; next = queue.takeFor(lane, step)) taken.push(next.index);
  return taken;
}

describe('WorkQueue', () => {
  it('gives the shards of a step in order of arrival', () => {
    const queue = new WorkQueue<string>();
    for (const index of [3, 1, 2]) queue.add(work(5, index));
    queue.add(work(6, 0));
    expect(drain(queue, 'a', 5)).toEqual([3, 1, 2]);
    expect(drain(queue, 'a', 6)).toEqual([0]);
  });

  it('spreads preparing over the lanes, a few shards for each', () => {
    const queue = new WorkQueue<string>();
    const lanes = Array.from({ length: 10 }, (_, index) => {
      queue.add(work(1, index));
      return queue.laneForLast(['a', 'b']);
    });
    expect(lanes).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', undefined, undefined]);
  });

  it('gives a lane first what it has prepared, then what nobody has, then any', () => {
    const queue = new WorkQueue<string>();
    for (let index = 0; index < 4; index++) {
      queue.add(work(1, index));
      if (index < 3) queue.laneForLast(['a', 'b']);
    }
    expect(drain(queue, 'b', 1)).toEqual([1, 3, 0, 2]);
  });

  it('drops what is cancelled, and earlier steps', () => {
    const queue = new WorkQueue<string>();
    for (const step of [1, 2, 3]) for (const index of [0, 1]) queue.add(work(step, index));
    queue.cancel(3, 0);
    queue.cancel(9, 9);
    queue.dropBefore(2);
    expect([1, 2, 3].map((step) => drain(queue, 'a', step))).toEqual([[], [0, 1], [1]]);
  });

  it('is bounded', () => {
    const queue = new WorkQueue<string>();
    for (let index = 0; index < 4096; index++) queue.add(work(1, index));
    expect(() => queue.add(work(1, 4096))).toThrow(expect.objectContaining({ code: 'E_TOO_LARGE' }));
    queue.clear();
    queue.add(work(1, 0));
  });
});
