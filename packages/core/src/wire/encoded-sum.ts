import { inBlocks, kernels } from '../numerics/kernels.ts';
import { LARGEST_GRADIENT, allUsable } from '../numerics/vectors.ts';
import { decodeInt8Block, int8Bytes, int8IsWithin } from './int8.ts';
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

/** How many vectors `sumEncoded` takes: more of them would need more memory that is near. */
export const MAX_ENCODED = 8;

/**
 * The sum of some leaves along the tree over them, bit for bit that of the decoded ones: each is decoded in passing,
 * which takes a
 * fraction of the time that one vector after the other takes.
 * @param leaves of one shape, in order; `MAX_ENCODED` at most
 * @param into as long as they are, overwritten
 */
export function sumEncoded(leaves: readonly EncodedVector[], into: Float32Array): void {
  const kernel = kernels();
  const sumBlock = (length: number, begin: number, load: (leaf: EncodedVector) => void) => {
    leaves.forEach((leaf, i) => {
      load(leaf);
      kernel.pushLeaf(length, i);
    });
    kernel.sumOfLeaves(length, leaves.length);
    into.set(kernel.a.subarray(0, length), begin);
  };
  const { length, compact } = leaves[0] ?? { length: 0, compact: 0 };
  inBlocks(compact, (begin, end) => {
    sumBlock(end - begin, begin, ({ bytes }) => decodeInt8Block(bytes, compact, begin, end));
  });
  const rests = new Map(leaves.map((leaf) => [leaf, restOf(leaf)]));
  inBlocks(length - compact, (begin, end) => {
    sumBlock(end - begin, compact + begin, (leaf) => {
      const rest = rests.get(leaf);
      if (rest) kernel.a.set(rest.subarray(begin, end));
    });
  });
}

/** What is not rounded. */
function restOf({ bytes, length, compact }: EncodedVector): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset + restBegin('int8', compact), length - compact);
}
