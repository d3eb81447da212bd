import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReductionTree, type TreeNode } from './reduction.ts';

const leavesOf = fc.array(fc.array(fc.float({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 3, maxLength: 3 }), {
  minLength: 1,
  maxLength: 17,
});

/** The definition, recursively: the sum of leaves [begin, begin + 2^level). */
function sumOfNode(leaves: readonly number[][], level: number, index: number): number[] | undefined {
  if (level === 0) return leaves[index];
  const left = sumOfNode(leaves, level - 1, 2 * index);
  const right = sumOfNode(leaves, level - 1, 2 * index + 1);
  if (!left || !right) return left;
  return left.map((x, i) => Math.fround(x + (right[i] ?? 0)));
}

const depthOf = (count: number) => Math.ceil(Math.log2(count));

describe('ReductionTree', () => {
  it('gives the same bits for every order of arrival', () => {
    fc.assert(
      fc.property(leavesOf, fc.infiniteStream(fc.nat()), (leaves, choices) => {
        const tree = new ReductionTree(leaves.length);
        const waiting = leaves.map((_, index) => index);
        while (waiting.length > 0) {
          const [index = 0] = waiting.splice(Number(choices.next().value) % waiting.length, 1);
          expect(tree.missing).toBe(waiting.length + 1);
          tree.add({ level: 0, index }, Float32Array.from(leaves[index] ?? []));
        }
        expect([...tree.root()]).toEqual(sumOfNode(leaves, depthOf(leaves.length), 0));
      }),
    );
  });

  it('gives the same bits when workers send the sums of whole subtrees', () => {
    fc.assert(
      fc.property(leavesOf, fc.infiniteStream(fc.boolean()), (leaves, split) => {
        const tree = new ReductionTree(leaves.length);
        const send = (node: TreeNode): void => {
          if (node.index * 2 ** node.level >= leaves.length) return;
          if (node.level > 0 && split.next().value) {
            send({ level: node.level - 1, index: 2 * node.index + 1 });
            send({ level: node.level - 1, index: 2 * node.index });
          } else {
            tree.add(node, Float32Array.from(sumOfNode(leaves, node.level, node.index) ?? []));
          }
        };
        send({ level: depthOf(leaves.length), index: 0 });
        expect([...tree.root()]).toEqual(sumOfNode(leaves, depthOf(leaves.length), 0));
      }),
    );
  });

  it('refuses a leaf that is covered, on its own or within a subtree', () => {
    const tree = new ReductionTree(4);
    tree.add({ level: 1, index: 1 }, new Float32Array(1));
    expect(tree.isCovered({ level: 0, index: 3 })).toBe(true);
    expect(tree.isCovered({ level: 0, index: 0 })).toBe(false);
    for (const node of [
      { level: 0, index: 2 },
      { level: 1, index: 1 },
      { level: 2, index: 0 },
    ]) {
      expect(() => tree.add(node, new Float32Array(1))).toThrow(expect.objectContaining({ code: 'E_NODE_COVERED' }));
    }
    expect(tree.missing).toBe(2);
  });

  it.each([
    { level: 0, index: 5 },
    { level: 0, index: -1 },
    { level: 4, index: 0 },
    { level: 0.5, index: 0 },
    { level: 0, index: NaN },
  ])('refuses a node outside the tree: %o', (node) => {
    expect(() => new ReductionTree(5).add(node, new Float32Array(1))).toThrow(
      expect.objectContaining({ code: 'E_BAD_SHAPE' }),
    );
  });

  it('has no root while leaves are missing', () => {
    const tree = new ReductionTree(2);
    tree.add({ level: 0, index: 1 }, new Float32Array(1));
    expect(() => tree.root()).toThrow('1 of 2 leaves');
  });
});
