import { GantryError } from '../errors.ts';
import { BFLOAT16_BYTES, decodeBfloat16, encodeBfloat16 } from './bfloat16.ts';
import { decodeInt8, encodeInt8, int8Bytes, type Rounding } from './int8.ts';

export type { Rounding };

/** How vectors travel: as they are, in half of the bytes, or in about a quarter. */
export const WIRES = ['float32', 'bfloat16', 'int8'] as const;
export type Wire = (typeof WIRES)[number];

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/**
 * Bytes of an encoded vector, a multiple of 4: the compact part, zeros up to a multiple of 4, and the rest as float32.
 * @param length numbers of the vector
 * @param compact how many of them, the first ones, are rounded; 0 … length
 * @throws GantryError E_BAD_SHAPE if the vector cannot have so many
 */
export function encodedBytes(wire: Wire, length: number, compact: number): number {
  requireCompact(length, compact);
  return restBegin(wire, compact) + FLOAT_BYTES * (length - compact);
}

/**
 * Encodes a vector; the same bytes on every machine.
 * @param compact how many numbers, the first ones, are rounded; 0 … the vector's length
 * @param rounding of int8; bfloat16 rounds to the nearest, and float32 does not round
 * @param into where to, `encodedBytes` of the vector, of any alignment; new memory if absent
 * @returns the bytes, `into` if there is one
 * @throws GantryError E_BAD_SHAPE if `compact` or the length of `into` does not fit
 */
export function encodeVector(
  wire: Wire,
  vector: Float32Array,
  compact: number,
  rounding: Rounding,
  into?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const total = encodedBytes(wire, vector.length, compact);
  const bytes = into ?? new Uint8Array(total);
  requireBytes(total, bytes);
  const end = compactBytes(wire, compact);
  const begin = restBegin(wire, compact);
  const numbers = vector.subarray(0, compact);
  const compactPart = bytes.subarray(0, end);
  if (wire === 'int8') encodeInt8(numbers, rounding, compactPart);
  else if (wire === 'bfloat16') encodeBfloat16(numbers, compactPart);
  else compactPart.set(bytesOf(numbers));
  bytes.fill(0, end, begin);
  bytes.set(bytesOf(vector.subarray(compact)), begin);
  return bytes;
}

/**
 * Decodes a vector: exactly the numbers that the bytes stand for. Any bytes of the right length stand for some;
 * those of int8 are finite, or NaN in whole blocks. The rest and the other wires hold NaN and infinity where the bytes
 * say so. The padding is not looked at.
 * @param bytes of any alignment
 * @param length numbers of the vector
 * @param compact as it was encoded
 * @param into where to, `length` numbers, in other memory than `bytes`; new memory if absent
 * @returns the numbers, `into` if there is one
 * @throws GantryError E_BAD_SHAPE if the number of bytes, `compact` or the length of `into` does not fit; never another
 */
export function decodeVector(
  wire: Wire,
  bytes: Uint8Array,
  length: number,
  compact: number,
  into?: Float32Array,
): Float32Array {
  requireBytes(encodedBytes(wire, length, compact), bytes);
  const vector = into ?? new Float32Array(length);
  if (vector.length !== length) {
    throw new GantryError('E_BAD_SHAPE', `cannot decode ${length} numbers into ${vector.length}`);
  }
  const numbers = vector.subarray(0, compact);
  const compactPart = bytes.subarray(0, compactBytes(wire, compact));
  if (wire === 'int8') decodeInt8(compactPart, numbers);
  else if (wire === 'bfloat16') decodeBfloat16(compactPart, numbers);
  else bytesOf(numbers).set(compactPart);
  bytesOf(vector.subarray(compact)).set(bytes.subarray(restBegin(wire, compact)));
  return vector;
}

/** Bytes of the compact part, without padding. */
function compactBytes(wire: Wire, compact: number): number {
  if (wire === 'int8') return int8Bytes(compact);
  return (wire === 'bfloat16' ? BFLOAT16_BYTES : FLOAT_BYTES) * compact;
}

/** Where the rest begins: as float32, it lies aligned wherever the vector does. */
export function restBegin(wire: Wire, compact: number): number {
  return Math.ceil(compactBytes(wire, compact) / FLOAT_BYTES) * FLOAT_BYTES;
}

/** The memory of numbers. Little-endian machines only, as every machine that runs an engine is. */
function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function requireCompact(length: number, compact: number): void {
  if (!Number.isSafeInteger(length) || !Number.isSafeInteger(compact) || compact < 0 || compact > length) {
    throw new GantryError('E_BAD_SHAPE', `a vector of ${length} numbers has no ${compact} to round`);
  }
}

function requireBytes(expected: number, { length }: Uint8Array): void {
  if (length !== expected) throw new GantryError('E_BAD_SHAPE', `expected ${expected} encoded bytes, got ${length}`);
}
