import { GantryError } from '../errors.ts';
import { sumEncoded, type EncodedVector } from '../wire/encoded-sum.ts';
import { decodeVector } from '../wire/wire.ts';
import { MAX_LEAVES } from './kernels.ts';
import { addInPlace } from './vectors.ts';

/** A node of the reduction tree: level 0 holds the shards' leaves; node (level, index) covers leaves index·2^level … */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/**
 * Sums the leaves of one step along a fixed binary tree over the shard index, whatever the order in which they come:
 * float32 addition is not associative, so the tree, not the arrival, must fix the order. The leaf count is padded to a
 * power of two; an absent leaf is the identity.
 */
export class ReductionTree {
  readonly leafCount: number;
  readonly #depth: number;
  readonly #covered: Uint8Array;
  readonly #nodes = new Map<string, Float32Array>();
  readonly #free: Float32Array[];
  /** Leaves that wait, encoded, for the others under their node of this level, by the node's index. */
  readonly #groups = new Map<number, Map<number, EncodedVector>>();
  readonly #groupLevel: number;

  /**
   * @param leafCount number of shards in the step, at least 1
   * @param free vectors, as long as the leaves, whose memory is used; those that become free are put there, too
   */
  constructor(leafCount: number, free: Float32Array[] = []) {
    this.leafCount = leafCount;
    this.#free = free;
    this.#depth = Math.ceil(Math.log2(leafCount));
    this.#covered = new Uint8Array(leafCount);
    this.#groupLevel = Math.min(this.#depth, Math.log2(MAX_LEAVES));
  }

  /** Number of leaves not covered yet. */
  get missing(): number {
    return this.#covered.reduce((missing, covered) => missing - covered, this.leafCount);
  }

  /** Whether any leaf under the node is covered already, so that the node must not be added. */
  isCovered(node: TreeNode): boolean {
    const [begin, end] = this.#leaves(node);
    return this.#covered.subarray(begin, end).includes(1);
  }

  /**
   * Accepts the sum of one node's leaves; the tree makes a copy where it has to keep it.
   * @throws GantryError E_NODE_COVERED if a leaf of it is covered already, E_BAD_SHAPE if the node is not in the tree
   */
  add(node: TreeNode, sum: Float32Array): void {
    this.#cover(node);
    const [begin, end] = this.#leaves(node);
    // What has come encoded under the same node waits for nothing any more.
    for (let group = begin >> this.#groupLevel; group <= (end - 1) >> this.#groupLevel; group++) {
      for (const [index, leaf] of this.#groups.get(group) ?? []) {
        this.#insertDecoded(index, leaf);
        this.#release(leaf);
      }
      this.#groups.delete(group);
    }
    this.#insert(node, sum);
  }

  /**
   * Accepts a leaf as it came, to be decoded with its neighbours; the tree makes a copy.
   * @throws as `add`
   */
  addEncoded(index: number, leaf: EncodedVector): void {
    this.#cover({ level: 0, index });
    const at = index >> this.#groupLevel;
    const [begin, end] = this.#leaves({ level: this.#groupLevel, index: at });
    const group = this.#groups.get(at) ?? new Map<number, EncodedVector>();
    // Some others have come decoded, and are added already.
    const isBroken = this.#covered.subarray(begin, end).reduce((sum, covered) => sum + covered, 0) > group.size + 1;
    if (isBroken) {
      this.#insertDecoded(index, leaf);
      return;
    }
    const copy = this.#vectorOf(leaf.bytes.length / Float32Array.BYTES_PER_ELEMENT);
    const bytes = new Uint8Array(copy.buffer, copy.byteOffset, copy.byteLength);
    bytes.set(leaf.bytes);
    this.#groups.set(at, group.set(index, { ...leaf, bytes }));
    if (group.size < end - begin) return;
    this.#groups.delete(at);
    const leaves = [...group].toSorted(([a], [b]) => a - b).map(([, each]) => each);
    const sum = this.#vectorOf(leaf.length);
    sumEncoded(leaves, sum);
    for (const each of leaves) this.#release(each);
    this.#insert({ level: this.#groupLevel, index: at }, sum, true);
  }

  #insertDecoded(index: number, leaf: EncodedVector): void {
    const sum = this.#vectorOf(leaf.length);
    decodeVector('int8', leaf.bytes, leaf.length, leaf.compact, sum);
    this.#insert({ level: 0, index }, sum, true);
  }

  #release({ bytes: { buffer, byteOffset, byteLength } }: EncodedVector): void {
    this.#free.push(new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT));
  }

  #cover(node: TreeNode): void {
    const [begin, end] = this.#leaves(node);
    if (this.isCovered(node)) {
      throw new GantryError(
        'E_NODE_COVERED',
        `node (${node.level}, ${node.index}) holds a leaf that is already counted`,
      );
    }
    this.#covered.fill(1, begin, end);
  }

  /** @param isOwn whether the sum's memory is the tree's */
  #insert(node: TreeNode, sum: Float32Array, isOwn = false): void {
    let { level, index } = node;
    let vector = isOwn ? sum : undefined;
    for (; level < this.#depth; level++, index >>= 1) {
      const sibling = { level, index: index ^ 1 };
      if (this.#isPadding(sibling)) continue;
      const other = this.#nodes.get(key(sibling));
      if (!other) break;
      this.#nodes.delete(key(sibling));
      // Addition of two floats commutes, bit for bit: which of the two came first does not matter.
      addInPlace(other, vector ?? sum);
      if (vector) this.#free.push(vector);
      vector = other;
    }
    this.#nodes.set(key({ level, index }), vector ?? this.#copy(sum));
  }

  /** The sum of all leaves, once none is missing. */
  root(): Float32Array {
    const root = this.#nodes.get(key({ level: this.#depth, index: 0 }));
    if (!root) throw new Error(`${this.missing} of ${this.leafCount} leaves are missing`);
    return root;
  }

  #copy(sum: Float32Array): Float32Array {
    const copy = this.#vectorOf(sum.length);
    copy.set(sum);
    return copy;
  }

  /** Memory of an earlier one, if there is any. */
  #vectorOf(length: number): Float32Array {
    const at = this.#free.findLastIndex((vector) => vector.length === length);
    const [vector = new Float32Array(length)] = at < 0 ? [] : this.#free.splice(at, 1);
    return vector;
  }

  #isPadding({ level, index }: TreeNode): boolean {
    return index * 2 ** level >= this.leafCount;
  }

  #leaves(node: TreeNode): [begin: number, end: number] {
    const inTree = Number.isInteger(node.level) && node.level >= 0 && node.level <= this.#depth;
    if (!inTree || !Number.isInteger(node.index) || node.index < 0 || this.#isPadding(node)) {
      throw new GantryError(
        'E_BAD_SHAPE',
        `node (${node.level}, ${node.index}) is not in a tree of ${this.leafCount} leaves`,
      );
    }
    const begin = node.index * 2 ** node.level;
    return [begin, Math.min(begin + 2 ** node.level, this.leafCount)];
  }
}

function key({ level, index }: TreeNode): string {
  return `${level}/${index}`;
}
