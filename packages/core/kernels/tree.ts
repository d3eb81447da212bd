import { A } from './buffers';
import { BLOCK, MAX_EXPONENT, MIN_EXPONENT, NAN_BITS, powerOfTwo } from './wire';

/** Numbers of a leaf that are decoded and added up in one call: as many as A has. */
const NUMBERS: usize = 16_384;
/** Bytes of a leaf in `LEAVES`: one for each number, and behind them the exponents. */
export const LEAF_BYTES: u32 = 16_448;
/** Up to eight leaves as int8 has them. */
export const LEAVES: usize = memory.data(131_584);
/** What an absent leaf's numbers are read from. */
const NOTHING: usize = memory.data(256);

/** Where the next numbers of each leaf lie. */
const FROM: usize = memory.data(32);
/** The scale of each leaf's block, in all lanes. */
const SCALES: usize = memory.data(128);

/**
 * Decodes leaves and adds them up along the tree over them, in A: ((0+1)+(2+3))+((4+5)+(6+7)). An absent one is −0,
 * which changes no sum, not even one that is −0. A block of which some leaf has an exponent that no encoder writes
 * is NaN.
 * @param count of leaves: 1 … 8
 */
export function sumInt8(blocks: u32, count: u32): void {
  for (let block: usize = 0; block < <usize>blocks; block++) {
    const to = A + ((block * BLOCK) << 2);
    if (openBlock(block, count)) addBlock(to);
    else for (let at: usize = 0; at < BLOCK << 2; at += 16) v128.store(to + at, i32x4.splat(NAN_BITS));
  }
}

/** Gets the leaves' block ready to be read. @returns whether all of its exponents are valid */
function openBlock(block: usize, count: u32): bool {
  for (let i: u32 = 0; i < 8; i++) {
    const leaf = LEAVES + <usize>(i * LEAF_BYTES);
    const exponent = i < count ? <i32>load<i8>(leaf + NUMBERS + block) : 0;
    if (exponent < MIN_EXPONENT || exponent > MAX_EXPONENT) return false;
    store<usize>(FROM + ((<usize>i) << 2), i < count ? leaf + block * BLOCK : NOTHING);
    v128.store(SCALES + ((<usize>i) << 4), i < count ? powerOfTwo(exponent) : f32x4.splat(-1));
  }
  return true;
}

function addBlock(to: usize): void {
  const from0 = load<usize>(FROM);
  const from1 = load<usize>(FROM, 4);
  const from2 = load<usize>(FROM, 8);
  const from3 = load<usize>(FROM, 12);
  const from4 = load<usize>(FROM, 16);
  const from5 = load<usize>(FROM, 20);
  const from6 = load<usize>(FROM, 24);
  const from7 = load<usize>(FROM, 28);
  for (let i: usize = 0; i < BLOCK; i += 8) {
    const leaf0 = v128.load8x8_s(from0 + i);
    const leaf1 = v128.load8x8_s(from1 + i);
    const leaf2 = v128.load8x8_s(from2 + i);
    const leaf3 = v128.load8x8_s(from3 + i);
    const leaf4 = v128.load8x8_s(from4 + i);
    const leaf5 = v128.load8x8_s(from5 + i);
    const leaf6 = v128.load8x8_s(from6 + i);
    const leaf7 = v128.load8x8_s(from7 + i);
    const low01 = f32x4.add(low(leaf0, 0), low(leaf1, 16));
    const low23 = f32x4.add(low(leaf2, 32), low(leaf3, 48));
    const low45 = f32x4.add(low(leaf4, 64), low(leaf5, 80));
    const low67 = f32x4.add(low(leaf6, 96), low(leaf7, 112));
    const at = to + (i << 2);
    v128.store(at, f32x4.add(f32x4.add(low01, low23), f32x4.add(low45, low67)));
    const high01 = f32x4.add(high(leaf0, 0), high(leaf1, 16));
    const high23 = f32x4.add(high(leaf2, 32), high(leaf3, 48));
    const high45 = f32x4.add(high(leaf4, 64), high(leaf5, 80));
    const high67 = f32x4.add(high(leaf6, 96), high(leaf7, 112));
    v128.store(at, f32x4.add(f32x4.add(high01, high23), f32x4.add(high45, high67)), 16);
  }
}

/** The first four numbers of eight. @param scale where it lies in `SCALES` */
function low(wide: v128, scale: usize): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide)), v128.load(SCALES + scale));
}

/** The last four. */
function high(wide: v128, scale: usize): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(wide)), v128.load(SCALES + scale));
}
