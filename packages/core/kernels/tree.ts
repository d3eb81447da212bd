import { A, BLOCK_BYTES } from './buffers';

/** Sums of a tree under way: of 2ⁿ leaves on level n, a block each. */
const LEVELS: usize = 4;
const SUMS: usize = memory.data(262_144);

function sumOf(level: usize): usize {
  return SUMS + level * <usize>BLOCK_BYTES;
}

function addTo(target: usize, from: usize, length: u32): void {
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    v128.store(target + at, f32x4.add(v128.load(target + at), v128.load(from + at)));
  }
}

/**
 * Takes A as the next leaf of a tree, which is added to those before it as the tree has them.
 * @param index of the leaf: 0 … 2^LEVELS − 2
 * @param length numbers, rounded up to a multiple of 4
 */
export function pushLeaf(length: u32, index: u32): void {
  let level: usize = 0;
  for (let rest = index; rest & 1; rest >>= 1) {
    addTo(A, sumOf(level), length);
    level++;
  }
  memory.copy(sumOf(level), A, (<usize>length) << 2);
}

/** The sum of all leaves of a tree, in A. @param count of leaves: 1 … 2^LEVELS − 1 */
export function sumOfLeaves(length: u32, count: u32): void {
  let isFirst = true;
  for (let level: usize = 0; level < LEVELS; level++) {
    if (!((count >> (<u32>level)) & 1)) continue;
    if (isFirst) memory.copy(A, sumOf(level), (<usize>length) << 2);
    else addTo(A, sumOf(level), length);
    isFirst = false;
  }
}
