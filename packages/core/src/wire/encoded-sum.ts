import { inBlocks, kernels } from '../numerics/kernels.ts';
import { LARGEST_GRADIENT, addInPlace, allUsable } from '../numerics/vectors.ts';
import { INT8_BLOCK, copyInt8Block, int8Bytes, int8IsWithin } from './int8.ts';
import { decodeVector, restBegin } from './wire.ts';

/** A vector as int8 has it, see `encodeVector`. */
export interface EncodedVector {
  /** Aligned as float32. */
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly compact: number;
}

/** 128·2^e is not beyond `LARGEST_GRADIENT`. */
const LARGEST_EXPONENT = Math.log2(LARGEST_GRADIENT / 128);

/** `allUsable` of what a vector stands for: its exponents tell, but for numbers that no training comes to. */
export function allUsableEncoded({ bytes, length, compact }: EncodedVector): boolean {
  const compactPart = bytes.subarray(0, int8Bytes(compact));
  if (int8IsWithin(compactPart, compact, LARGEST_EXPONENT)) return allUsable(restOf({ bytes, length, compact }));
  return allUsable(decodeVector('int8', bytes, length, compact));
}

/**
 * The sum of some leaves along the tree over them, bit for bit that of the decoded ones: all are decoded in passing,
 * which takes a fraction of the time that one vector after the other takes.
 * @param leaves of one shape, in order; `MAX_LEAVES` at most
 * @param into as long as they are, overwritten
 */
export function sumEncoded(leaves: readonly EncodedVector[], into: Float32Array): void {
  const kernel = kernels();
  const { compact } = leaves[0] ?? { compact: 0 };
  inBlocks(compact, (begin, end) => {
    leaves.forEach(({ bytes }, i) => copyInt8Block(bytes, compact, begin, end, kernel.leaf(i)));
    kernel.sumInt8(Math.ceil((end - begin) / INT8_BLOCK), leaves.length);
    into.set(kernel.a.subarray(0, end - begin), begin);
  });
  into.set(sumAlongTree(leaves.map(restOf)), compact);
}

/** @param leaves one at least */
function sumAlongTree(leaves: readonly Float32Array[]): Float32Array {
  const [leaf = new Float32Array()] = leaves;
  if (leaves.length === 1) return leaf.slice();
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  const sum = sumAlongTree(leaves.slice(0, half));
  addInPlace(sum, sumAlongTree(leaves.slice(half)));
  return sum;
}

/** What is not rounded. */
function restOf({ bytes, length, compact }: EncodedVector): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset + restBegin('int8', compact), length - compact);
}
