import { A, B } from './buffers';

/** Adds B to A in float32. @param length numbers, rounded up to a multiple of 4 */
export function add(length: u32): void {
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    v128.store(A + at, f32x4.add(v128.load(A + at), v128.load(B + at)));
  }
}

/**
 * The sum of the squares of A in float64, in eight sums that are added at the end: one would have to wait for itself.
 * @param length numbers, rounded up to a multiple of 8
 */
export function sumOfSquares(length: u32): f64 {
  let sums0 = f64x2.splat(0);
  let sums1 = f64x2.splat(0);
  let sums2 = f64x2.splat(0);
  let sums3 = f64x2.splat(0);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 32) {
    sums0 = addSquares(sums0, A + at);
    sums1 = addSquares(sums1, A + at + 8);
    sums2 = addSquares(sums2, A + at + 16);
    sums3 = addSquares(sums3, A + at + 24);
  }
  const sums = f64x2.add(f64x2.add(sums0, sums1), f64x2.add(sums2, sums3));
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

function addSquares(sums: v128, at: usize): v128 {
  const x = f64x2.promote_low_f32x4(v128.load64_zero(at));
  return f64x2.add(sums, f64x2.mul(x, x));
}

/** Whether no number of A is NaN or beyond ±bound. @param length numbers, rounded up to a multiple of 4 */
export function allWithin(length: u32, bound: f32): bool {
  const bounds = f32x4.splat(bound);
  let bits = i32x4.splat(-1);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    // No comparison with NaN holds.
    bits = v128.and(bits, f32x4.le(f32x4.abs(v128.load(A + at)), bounds));
  }
  return i32x4.all_true(bits);
}
