import { A, B, BLOCK_BYTES } from './buffers';
import { encrypt } from './philox';

// Numbers lie in A, and encoded in B. All is done by integer operations, and by products with powers of two, which are
// exact where they matter. WebAssembly leaves the bits of a product that is NaN open, so no NaN is ever computed.

/** Numbers that share an exponent. */
export const BLOCK: usize = 256;
/** Where in B the exponents of int8 begin, behind a byte for each number of A. */
const EXPONENTS: usize = B + <usize>(BLOCK_BYTES >> 2);

export const MIN_EXPONENT: i32 = -126;
export const MAX_EXPONENT: i32 = 120;
/** The exponent of a block that holds what int8 cannot represent. */
const UNUSABLE: i32 = 127;
/** The bits of 127·2^120. */
const LARGEST: i32 = 0x7efe0000;
export const NAN_BITS: i32 = 0x7fc00000;
const FLOAT_BIAS: i32 = 127;

/** Random bits of a number that is rounded stochastically, and one for the half that is added to them. */
const FRACTION_BITS: i32 = 17;
/** The random bits of a block. */
const RANDOM: usize = memory.data(512);

/** Rounds to the nearest, ties to even. @param blocks of 256 numbers */
export function encodeInt8(blocks: u32): void {
  for (let block: usize = 0; block < <usize>blocks; block++) {
    const from = A + ((block * BLOCK) << 2);
    const to = B + block * BLOCK;
    const exponent = exponentOf(from);
    store<i8>(EXPONENTS + block, <i8>exponent);
    if (exponent === UNUSABLE) memory.fill(to, 0, BLOCK);
    else roundNearest(from, to, powerOfTwo(-exponent));
  }
}

/**
 * Rounds up with the probability of the fraction. The 16 random bits of number i are the (i mod 8)th of the Philox
 * counter (⌊i / 8⌋, replica, round, stream).
 * @param blocks of 256 numbers
 * @param first number of the first Philox counter
 */
export function encodeInt8Stochastic(
  blocks: u32,
  first: u32,
  replica: u32,
  round: u32,
  stream: u32,
  seed: u32,
  seedHigh: u32,
): void {
  let counter = first;
  for (let block: usize = 0; block < <usize>blocks; block++) {
    const from = A + ((block * BLOCK) << 2);
    const to = B + block * BLOCK;
    const exponent = exponentOf(from);
    store<i8>(EXPONENTS + block, <i8>exponent);
    if (exponent === UNUSABLE) {
      memory.fill(to, 0, BLOCK);
    } else {
      for (let i: u32 = 0; i < 32; i += 4) {
        encrypt(RANDOM + ((<usize>i) << 4), counter + i, replica, round, stream, seed, seedHigh);
      }
      roundStochastic(from, to, powerOfTwo(-exponent));
    }
    counter += 32;
  }
}

/** Every byte is valid: exponents that no encoder writes make their blocks NaN. @param blocks of 256 numbers */
export function decodeInt8(blocks: u32): void {
  for (let block: usize = 0; block < <usize>blocks; block++) {
    const from = B + block * BLOCK;
    const to = A + ((block * BLOCK) << 2);
    const exponent = <i32>load<i8>(EXPONENTS + block);
    if (exponent < MIN_EXPONENT || exponent > MAX_EXPONENT) {
      const nan = i32x4.splat(NAN_BITS);
      for (let at: usize = 0; at < BLOCK << 2; at += 16) v128.store(to + at, nan);
    } else {
      const scale = powerOfTwo(exponent);
      for (let i: usize = 0; i < BLOCK; i += 8) {
        const wide = v128.load8x8_s(from + i);
        const at = to + (i << 2);
        v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide)), scale));
        v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(wide)), scale), 16);
      }
    }
  }
}

/** Rounds to the nearest, ties to even. @param length numbers, rounded up to a multiple of 8 */
export function encodeBfloat16(length: u32): void {
  for (let i: usize = 0; i < <usize>length; i += 8) {
    const from = A + (i << 2);
    const low = upperHalves(v128.load(from));
    const high = upperHalves(v128.load(from, 16));
    v128.store(B + (i << 1), i16x8.narrow_i32x4_u(low, high));
  }
}

/** @param length numbers, rounded up to a multiple of 8 */
export function decodeBfloat16(length: u32): void {
  const zero = i32x4.splat(0);
  for (let i: usize = 0; i < <usize>length; i += 8) {
    const halves = v128.load(B + (i << 1));
    const at = A + (i << 2);
    v128.store(at, v128.shuffle<i16>(zero, halves, 0, 8, 0, 9, 0, 10, 0, 11));
    v128.store(at, v128.shuffle<i16>(zero, halves, 0, 12, 0, 13, 0, 14, 0, 15), 16);
  }
}

/** The smallest exponent e for which no magnitude of a block is above 127·2^e, or `UNUSABLE`. */
function exponentOf(from: usize): i32 {
  const magnitude = i32x4.splat(0x7fffffff);
  // As integers, magnitudes have the same order as floats, with NaN above infinity.
  let largest0 = i32x4.splat(0);
  let largest1 = i32x4.splat(0);
  for (let at = from; at < from + (BLOCK << 2); at += 32) {
    largest0 = i32x4.max_s(largest0, v128.and(v128.load(at), magnitude));
    largest1 = i32x4.max_s(largest1, v128.and(v128.load(at, 16), magnitude));
  }
  let largest = i32x4.max_s(largest0, largest1);
  largest = i32x4.max_s(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1));
  largest = i32x4.max_s(largest, v128.shuffle<i32>(largest, largest, 1, 0, 3, 2));
  const bits = i32x4.extract_lane(largest, 0);
  if (bits > LARGEST) return UNUSABLE;
  // 127 is 1.984375·2^6. What is added carries into the exponent exactly where the mantissa is above 1.984375.
  const exponent = ((bits + 0x1ffff) >> 23) - FLOAT_BIAS - 6;
  return exponent < MIN_EXPONENT ? MIN_EXPONENT : exponent;
}

/** 2^exponent in all lanes. @param exponent −126 … 127 */
export function powerOfTwo(exponent: i32): v128 {
  return i32x4.splat((exponent + FLOAT_BIAS) << 23);
}

/** Scaled, no number of a block is beyond ±127, so neither is it when rounded. */
function roundNearest(from: usize, to: usize, scale: v128): void {
  for (let i: usize = 0; i < BLOCK; i += 16) {
    const at = from + (i << 2);
    const low = i16x8.narrow_i32x4_s(nearest(at, scale), nearest(at + 16, scale));
    const high = i16x8.narrow_i32x4_s(nearest(at + 32, scale), nearest(at + 48, scale));
    v128.store(to + i, i8x16.narrow_i16x8_s(low, high));
  }
}

function nearest(at: usize, scale: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), scale)));
}

function roundStochastic(from: usize, to: usize, scale: v128): void {
  for (let i: usize = 0; i < BLOCK; i += 16) {
    const at = from + (i << 2);
    const random = RANDOM + (i << 1);
    v128.store(to + i, i8x16.narrow_i16x8_s(eight(at, scale, random), eight(at + 32, scale, random + 16)));
  }
}

function eight(at: usize, scale: v128, random: usize): v128 {
  const bits = v128.load(random);
  const low = stochastic(at, scale, i32x4.extend_low_i16x8_u(bits));
  const high = stochastic(at + 16, scale, i32x4.extend_high_i16x8_u(bits));
  return i16x8.narrow_i32x4_s(low, high);
}

/** ⌊x + (random + ½) / 2¹⁶⌋ of scaled x. The sum is one of integers: that of floats would round where it decides. */
function stochastic(at: usize, scale: v128, random: v128): v128 {
  const scaled = f32x4.mul(v128.load(at), scale);
  const fixed = i32x4.trunc_sat_f32x4_s(f32x4.floor(f32x4.mul(scaled, f32x4.splat(<f32>(1 << FRACTION_BITS)))));
  const offset = v128.or(i32x4.shl(random, 1), i32x4.splat(1));
  return i32x4.shr_s(i32x4.add(fixed, offset), FRACTION_BITS);
}

/** The upper halves of floats, rounded, in 32 bits each. */
function upperHalves(bits: v128): v128 {
  const upper = i32x4.shr_u(bits, 16);
  const even = v128.and(upper, i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(bits, i32x4.add(even, i32x4.splat(0x7fff))), 16);
  // Rounding could make NaN an infinity; the bit of quiet ones keeps it NaN.
  const isNaN = i32x4.gt_s(v128.and(bits, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000));
  return v128.bitselect(v128.or(upper, i32x4.splat(0x40)), rounded, isNaN);
}
