import { A, B } from './buffers';

/** Adds B to A in float32. @param length numbers, rounded up to a multiple of 4 */
export function add(length: u32): void {
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    v128.store(A + at, f32x4.add(v128.load(A + at), v128.load(B + at)));
  }
}

/** The sum of the squares of A in float64, the even places first, then the odd ones. @param length numbers, even */
export function sumOfSquares(length: u32): f64 {
  let sums = f64x2.splat(0);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 8) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(A + at));
    sums = f64x2.add(sums, f64x2.mul(x, x));
  }
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

/** Whether all numbers of A are finite. @param length numbers, rounded up to a multiple of 4 */
export function allFinite(length: u32): bool {
  // x − x is 0, all of its bits, for finite x and NaN otherwise.
  let bits = i32x4.splat(0);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    const x = v128.load(A + at);
    bits = v128.or(bits, f32x4.sub(x, x));
  }
  return !v128.any_true(bits);
}
