import { inBlocks, kernels } from '../numerics/kernels.ts';

export const BFLOAT16_BYTES = 2;

/**
 * Encodes numbers as the upper halves of float32, little-endian, rounded to the nearest, ties to even. NaN stays
 * NaN; from 2¹²⁸ − 2¹¹⁹ on, magnitudes become infinite.
 * @param into 2 bytes for each number
 */
export function encodeBfloat16(numbers: Float32Array, into: Uint8Array): void {
  const kernel = kernels();
  inBlocks(numbers.length, (begin, end) => {
    kernel.a.set(numbers.subarray(begin, end));
    kernel.encodeBfloat16(end - begin);
    into.set(kernel.encoded.subarray(0, BFLOAT16_BYTES * (end - begin)), BFLOAT16_BYTES * begin);
  });
}

/** Decodes any bytes, exactly. @param into the numbers, overwritten; 2 of the bytes are one of them */
export function decodeBfloat16(bytes: Uint8Array, into: Float32Array): void {
  const kernel = kernels();
  inBlocks(into.length, (begin, end) => {
    kernel.encoded.set(bytes.subarray(BFLOAT16_BYTES * begin, BFLOAT16_BYTES * end));
    kernel.decodeBfloat16(end - begin);
    into.set(kernel.a.subarray(0, end - begin), begin);
  });
}
