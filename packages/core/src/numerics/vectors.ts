import { GantryError } from '../errors.ts';
import { inBlocks, kernels } from './kernels.ts';

/** Adds b to a in place, element by element in float32. @throws GantryError E_BAD_SHAPE if they differ in length */
export function addInPlace(a: Float32Array, b: Float32Array): void {
  onPairs(a, b, (length) => kernels().add(length));
}

/** Adds b·scale to a in place, element by element in float64. */
export function addScaledInPlace(a: Float32Array, b: Float32Array, scale: number): void {
  onPairs(a, b, (length) => kernels().addScaled(length, scale));
}

/** Adds b·scale to the roots of a, which float32 rounds, and squares the sums, in place and element by element in float64. */
export function addScaledToRootsInPlace(a: Float32Array, b: Float32Array, scale: number): void {
  onPairs(a, b, (length) => kernels().addScaledToRoots(length, scale));
}

/** Replaces a by (a − b)·scale, element by element in float64. */
export function differencesInPlace(a: Float32Array, b: Float32Array, scale = 1): void {
  onPairs(a, b, (length) => kernels().differences(length, scale));
}

/** Replaces a by (√a − b)·scale, element by element in float64. */
export function differencesOfRootsInPlace(a: Float32Array, b: Float32Array, scale: number): void {
  onPairs(a, b, (length) => kernels().differencesOfRoots(length, scale));
}

/** Replaces numbers by their roots. */
export function rootsInPlace(numbers: Float32Array): void {
  inPlace(numbers, (length) => kernels().roots(length));
}

/** Replaces numbers by their squares: products, whose bits IEEE 754 fixes, unlike those of powers. */
export function squaresInPlace(numbers: Float32Array): void {
  inPlace(numbers, (length) => kernels().squares(length));
}

function inPlace(a: Float32Array, compute: (length: number) => void): void {
  const kernel = kernels();
  inBlocks(a.length, (begin, end) => {
    kernel.a.set(a.subarray(begin, end));
    compute(end - begin);
    a.set(kernel.a.subarray(0, end - begin), begin);
  });
}

/** @throws GantryError E_BAD_SHAPE if they differ in length */
function onPairs(a: Float32Array, b: Float32Array, compute: (length: number) => void): void {
  if (a.length !== b.length) {
    throw new GantryError('E_BAD_SHAPE', `expected ${a.length} numbers beside as many others, got ${b.length}`);
  }
  const kernel = kernels();
  inBlocks(a.length, (begin, end) => {
    kernel.a.set(a.subarray(begin, end));
    kernel.b.set(b.subarray(begin, end));
    compute(end - begin);
    a.set(kernel.a.subarray(0, end - begin), begin);
  });
}

/** The Euclidean norm; it is finite exactly if all numbers are: squares of float32 do not overflow a double. */
export function norm(vector: Float32Array): number {
  const kernel = kernels();
  let sum = 0;
  inBlocks(vector.length, (begin, end) => {
    const length = end - begin;
    kernel.a.set(vector.subarray(begin, end));
    kernel.a.fill(0, length, roundedUp(length, 8));
    sum += kernel.sumOfSquares(length);
  });
  return Math.sqrt(sum);
}

/** Beyond it, the square of a float32 number is infinite. */
export const LARGEST_GRADIENT = 2 ** 63;

/** Whether no number is NaN, infinite or beyond ±`LARGEST_GRADIENT`: whatever is computed from them is finite, too. */
export function allUsable(vector: Float32Array): boolean {
  const kernel = kernels();
  let usable = true;
  inBlocks(vector.length, (begin, end) => {
    const length = end - begin;
    kernel.a.set(vector.subarray(begin, end));
    kernel.a.fill(0, length, roundedUp(length, 4));
    usable &&= kernel.allWithin(length, LARGEST_GRADIENT) !== 0;
  });
  return usable;
}

/** Kernels look at several numbers at a time; what is behind the last one must not count. */
const roundedUp = (length: number, multiple: number): number => Math.ceil(length / multiple) * multiple;
