import { A } from './buffers';
import { encrypt } from './philox';

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
