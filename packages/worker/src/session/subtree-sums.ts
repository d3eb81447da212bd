import { addInPlace, type TreeNode } from '@gantry/core';

/** Sums over more leaves save little more of the way, and a worker that dies loses all that it has not sent. */
const MAX_LEVEL = 2;

/** The sum of the leaves under one tree node. */
export interface NodeSum extends TreeNode {
  readonly sum: Float32Array<ArrayBuffer>;
  readonly samples: number;
}

/**
 * The leaves of one step that a worker has computed and not sent. Where it has to compute both halves of a tree node, their
 * sum says as much as both of them: half the bytes to send, and half of the work to take them in.
 */
export class SubtreeSums {
  readonly #held = new Map<string, NodeSum>();

  /**
   * Takes a leaf in and adds it to its siblings, along the tree as the coordinator would.
   * @returns vectors whose memory is free again
   */
  add(leaf: NodeSum): Float32Array<ArrayBuffer>[] {
    const free: Float32Array<ArrayBuffer>[] = [];
    let { level, index, sum, samples } = leaf;
    for (; level < MAX_LEVEL; level++, index >>= 1) {
      const sibling = this.#held.get(keyOf({ level, index: index ^ 1 }));
      if (!sibling) break;
      this.#held.delete(keyOf(sibling));
      addInPlace(sibling.sum, sum);
      free.push(sum);
      sum = sibling.sum;
      samples += sibling.samples;
    }
    this.#held.set(keyOf({ level, index }), { level, index, sum, samples });
    return free;
  }

  /** Takes out what waits for nothing. @param isPending whether this worker has yet to compute a shard */
  takeReady(isPending: (shard: number) => boolean): NodeSum[] {
    const ready = [...this.#held.values()].filter((node) => !this.#waits(node, isPending));
    for (const node of ready) this.#held.delete(keyOf(node));
    return ready;
  }

  /** Takes out the leaf of one shard, where it is not part of a sum. */
  takeLeaf(shard: number): NodeSum | undefined {
    const key = keyOf({ level: 0, index: shard });
    const leaf = this.#held.get(key);
    this.#held.delete(key);
    return leaf;
  }

  /** Takes out everything. */
  takeAll(): NodeSum[] {
    return this.takeReady(() => false);
  }

  /** Whether all of the sibling's leaves are here or will be. */
  #waits({ level, index }: TreeNode, isPending: (shard: number) => boolean): boolean {
    if (level >= MAX_LEVEL) return false;
    const begin = (index ^ 1) * 2 ** level;
    return Array.from({ length: 2 ** level }, (_, i) => begin + i).every(
      (shard) => isPending(shard) || this.#holds(shard, level),
    );
  }

  #holds(shard: number, maxLevel: number): boolean {
    for (let level = 0; level <= maxLevel; level++) {
      if (this.#held.has(keyOf({ level, index: shard >> level }))) return true;
    }
    return false;
  }
}

const keyOf = ({ level, index }: TreeNode): string => `${level}/${index}`;
