import fc from 'fast-check';

/** Lengths around the sizes that the kernels work on at once: 4 or 8 numbers, and blocks of 16,384. */
export const vectorLengths = fc.oneof(
  fc.nat(9),
  fc.integer({ min: 16_380, max: 16_390 }),
  fc.integer({ min: 32_760, max: 32_800 }),
);

/** Different numbers of all magnitudes, the same for the same seed. */
export function vectorOf(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i + seed) * 10 ** ((i % 60) - 30));
}

/** The first element that differs, −0 from 0 too, or -1: of long vectors, Vitest's comparison takes seconds. */
export function firstDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return a.findIndex((value, i) => !Object.is(value, b[i]));
}
