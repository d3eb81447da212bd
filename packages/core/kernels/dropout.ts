import { A } from './buffers';

/** Of Philox4x32-10, see `src/philox.ts`. */
const MULTIPLIER_0: u32 = 0xd2511f53;
const MULTIPLIER_1: u32 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;
const ROUNDS = 10;

/** The low bytes of 64 decisions. */
const LOW: usize = memory.data(64);

/**
 * Fills A with 1, to keep an element, and 0, to drop it: 16 bytes of each Philox counter (block, index, step, stream).
 * A decision compares 16 random bits with a threshold. One block of random numbers holds the high bytes of 16 decisions; only
 * where one of 64 equals the threshold's, the low bytes are drawn, too.
 * @param first number of the first block
 * @param blocks rounded up to a multiple of 4
 * @param lowBytes what is added to the number of a block for the low bytes of its decisions
 * @param dropBelow 16 bits
 */
export function keepMask(
  first: u32,
  blocks: u32,
  index: u32,
  step: u32,
  stream: u32,
  seed: u32,
  seedHigh: u32,
  lowBytes: u32,
  dropBelow: u32,
): void {
  const threshold = i8x16.splat(<i8>(dropBelow >> 8));
  const lowThreshold = i8x16.splat(<i8>dropBelow);
  const one = i8x16.splat(1);
  let at = A;
  for (let block = first; block < first + blocks; block += 4) {
    encrypt(at, block, index, step, stream, seed, seedHigh);
    let undecided = i32x4.splat(0);
    for (let i: usize = 0; i < 64; i += 16) undecided = v128.or(undecided, i8x16.eq(v128.load(at + i), threshold));
    const drawsLow = v128.any_true(undecided);
    if (drawsLow) encrypt(LOW, block + lowBytes, index, step, stream, seed, seedHigh);
    for (let i: usize = 0; i < 64; i += 16) {
      const high = v128.load(at + i);
      let keep = i8x16.gt_u(high, threshold);
      if (drawsLow) {
        const lowKeeps = i8x16.ge_u(v128.load(LOW + i), lowThreshold);
        keep = v128.or(keep, v128.and(i8x16.eq(high, threshold), lowKeeps));
      }
      v128.store(at + i, v128.and(keep, one));
    }
    at += 64;
  }
}

/** Encrypts four counters, one to a lane, whose first words are `block` … `block + 3`, and stores them one after the other. */
function encrypt(at: usize, block: u32, index: u32, step: u32, stream: u32, key0: u32, key1: u32): void {
  let c0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let c1 = i32x4.splat(index);
  let c2 = i32x4.splat(step);
  let c3 = i32x4.splat(stream);
  let k0 = i32x4.splat(key0);
  let k1 = i32x4.splat(key1);
  const multiplier0 = i32x4.splat(MULTIPLIER_0);
  const multiplier1 = i32x4.splat(MULTIPLIER_1);
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low0 = i32x4.mul(multiplier0, c0);
    const low1 = i32x4.mul(multiplier1, c2);
    c0 = v128.xor(v128.xor(high1, c1), k0);
    c1 = low1;
    c2 = v128.xor(v128.xor(high0, c3), k1);
    c3 = low0;
    k0 = i32x4.add(k0, i32x4.splat(WEYL_0));
    k1 = i32x4.add(k1, i32x4.splat(WEYL_1));
  }
  const even = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5);
  const odd = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
  const evenHigh = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
  const oddHigh = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
  v128.store(at, v128.shuffle<i64>(even, odd, 0, 2));
  v128.store(at + 16, v128.shuffle<i64>(even, odd, 1, 3));
  v128.store(at + 32, v128.shuffle<i64>(evenHigh, oddHigh, 0, 2));
  v128.store(at + 48, v128.shuffle<i64>(evenHigh, oddHigh, 1, 3));
}

/** The high words of the products of unsigned words. */
function multiplyHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}
