import { inBlocks, kernels } from '../numerics/kernels.ts';
import { Stream, keyHigh } from '../numerics/random.ts';

/** Numbers that share an exponent. */
export const INT8_BLOCK = 256;
/** The smallest one; what is below stands for NaN. */
const MIN_EXPONENT = -126;
/** Numbers whose random bits are one Philox block. */
const PER_PHILOX = 8;

/**
 * How int8 rounds: 'nearest' (ties to even), or stochastically. Stochastic rounding of x quanta gives
 * ⌊x + (k + ½) / 2¹⁶⌋, where k is 16 bits of Philox of (seed, round, replica, index of the number): the mean of what it
 * gives is x, but for at most 2⁻¹⁷ quanta, and whole numbers stay.
 */
export type Rounding =
  | 'nearest'
  | {
      /** 0 … 2⁵³−1. */
      readonly seed: number;
      /** From 0; taken modulo 2³², as `replica` is. */
      readonly round: number;
      readonly replica: number;
    };

/** Bytes of `count` numbers: one each, and an exponent for each block. */
export function int8Bytes(count: number): number {
  return count + Math.ceil(count / INT8_BLOCK);
}

/**
 * Encodes numbers as q·2^e: a byte q for each, |q| ≤ 127, and behind them a byte e for each block of 256, the smallest
 * of −126 … 120 for which no magnitude of the block is above 127·2^e. If NaN or more than 127·2^120 is among them, e is
 * 127 and all q are 0.
 * @param into `int8Bytes` of the numbers
 */
export function encodeInt8(numbers: Float32Array, rounding: Rounding, into: Uint8Array): void {
  const kernel = kernels();
  inBlocks(numbers.length, (begin, end) => {
    const length = end - begin;
    const blocks = Math.ceil(length / INT8_BLOCK);
    kernel.a.set(numbers.subarray(begin, end));
    kernel.a.fill(0, length, blocks * INT8_BLOCK);
    if (rounding === 'nearest') {
      kernel.encodeInt8(blocks);
    } else {
      const { seed, round, replica } = rounding;
      const first = begin / PER_PHILOX;
      kernel.encodeInt8Stochastic(blocks, first, replica, round, Stream.rounding, seed, keyHigh(seed));
    }
    into.set(kernel.encoded.subarray(0, length), begin);
    into.set(kernel.encoded.subarray(kernel.a.length, kernel.a.length + blocks), numbers.length + begin / INT8_BLOCK);
  });
}

/**
 * Decodes any bytes: blocks whose exponent is outside of −126 … 120 are NaN, all other numbers finite.
 * @param bytes `int8Bytes` of the numbers
 * @param into the numbers, overwritten
 */
export function decodeInt8(bytes: Uint8Array, into: Float32Array): void {
  const kernel = kernels();
  inBlocks(into.length, (begin, end) => {
    copyInt8Block(bytes, into.length, begin, end, kernel.encoded);
    kernel.decodeInt8(Math.ceil((end - begin) / INT8_BLOCK));
    into.set(kernel.a.subarray(0, end - begin), begin);
  });
}

/**
 * Copies what stands for a block of `inBlocks` to where a kernel reads it.
 * @param count of all numbers
 * @param into the exponents come behind as many bytes as a block has numbers
 */
export function copyInt8Block(bytes: Uint8Array, count: number, begin: number, end: number, into: Uint8Array): void {
  const exponents = count + begin / INT8_BLOCK;
  into.set(bytes.subarray(begin, end));
  into.set(bytes.subarray(exponents, exponents + Math.ceil((end - begin) / INT8_BLOCK)), kernels().a.length);
}

/** Whether exponents alone show that no number is beyond ±128·2^`most`, nor NaN. @param count of all numbers */
export function int8IsWithin(bytes: Uint8Array, count: number, most: number): boolean {
  const exponents = new Int8Array(bytes.buffer, bytes.byteOffset + count, int8Bytes(count) - count);
  for (const exponent of exponents) if (exponent < MIN_EXPONENT || exponent > most) return false;
  return true;
}
