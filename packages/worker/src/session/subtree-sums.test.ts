import { ReductionTree } from '@gantry/core';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { SubtreeSums, type NodeSum } from './subtree-sums.ts';

const SAMPLES = 8;
const leafOf = (shard: number): NodeSum => {
  return { level: 0, index: shard, sum: Float32Array.of(Math.fround(1 / (shard + 3)), 2 ** shard), samples: SAMPLES };
};

/** A step in which this worker computes some shards in some order, and some of them are taken back first. */
const steps = fc.integer({ min: 1, max: 16 }).chain((count) => {
  const shards = [...Array(count).keys()];
  return fc.record({
    count: fc.constant(count),
    given: fc.shuffledSubarray(shards),
    cancelled: fc.subarray(shards),
  });
});

/** Computes what is given, and returns what is sent. */
function sentOf(given: readonly number[], cancelled: readonly number[]): NodeSum[] {
  const sums = new SubtreeSums();
  const pending = new Set(given);
  const isPending = (shard: number) => pending.has(shard);
  const sent: NodeSum[] = [];
  for (const shard of given) {
    pending.delete(shard);
    if (!cancelled.includes(shard)) sums.add(leafOf(shard));
    sent.push(...sums.takeReady(isPending));
  }
  expect(sums.takeAll()).toEqual([]);
  return sent;
}

it('send every leaf once, and the tree sums up to the same bits', () => {
  fc.assert(
    fc.property(steps, ({ count, given, cancelled }) => {
      const whole = new ReductionTree(count);
      for (let shard = 0; shard < count; shard++) whole.add({ level: 0, index: shard }, leafOf(shard).sum);
      const tree = new ReductionTree(count);
      let samples = 0;
      for (const node of sentOf(given, cancelled)) {
        samples += node.samples;
        tree.add(node, node.sum);
      }
      const computed = given.filter((shard) => !cancelled.includes(shard));
      expect(samples).toBe(computed.length * SAMPLES);
      for (let shard = 0; shard < count; shard++) {
        const node = { level: 0, index: shard };
        expect(tree.isCovered(node)).toBe(computed.includes(shard));
        if (!tree.isCovered(node)) tree.add(node, leafOf(shard).sum);
      }
      expect(tree.root()).toEqual(whole.root());
    }),
  );
});

it('are as large as the shards allow, up to four', () => {
  const nodes = (given: readonly number[]) => sentOf(given, []).map(({ level, index }) => [level, index]);
  expect(nodes([0, 1])).toEqual([[1, 0]]);
  expect(nodes([1, 2])).toEqual([
    [0, 1],
    [0, 2],
  ]);
  expect(nodes([3, 0, 2, 1])).toEqual([[2, 0]]);
  expect(nodes([0, 1, 2])).toEqual([
    [1, 0],
    [0, 2],
  ]);
  expect(nodes([0, 1, 2, 3, 4, 5, 6, 7])).toEqual([
    [2, 0],
    [2, 1],
  ]);
});

it('give back the memory of what was added, and one leaf that is not wanted any more', () => {
  const sums = new SubtreeSums();
  const [zero, one] = [leafOf(0), leafOf(1)];
  expect(sums.add(zero)).toEqual([]);
  expect(sums.takeLeaf(0)).toEqual(zero);
  expect(sums.takeLeaf(0)).toBeUndefined();
  sums.add(zero);
  expect(sums.add(one)).toEqual([one.sum]);
  // It is part of a sum now.
  expect(sums.takeLeaf(0)).toBeUndefined();
  expect(sums.takeAll()).toHaveLength(1);
});
