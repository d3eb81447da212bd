import { A, B } from './buffers';

// Where numbers are computed in float64, what is stored is rounded once.

/** The square roots of A. @param length numbers, rounded up to a multiple of 4 */
export function roots(length: u32): void {
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    v128.store(A + at, f32x4.sqrt(v128.load(A + at)));
  }
}

/** The squares of A. @param length numbers, rounded up to a multiple of 4 */
export function squares(length: u32): void {
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    const x = v128.load(A + at);
    v128.store(A + at, f32x4.mul(x, x));
  }
}

/** (A − B)·scale in float64. @param length numbers, rounded up to a multiple of 4 */
export function differences(length: u32, scale: f64): void {
  const scales = f64x2.splat(scale);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 8) {
    put(A + at, f64x2.mul(f64x2.sub(two(A + at), two(B + at)), scales));
  }
}

/** (√A − B)·scale in float64. @param length numbers, rounded up to a multiple of 4 */
export function differencesOfRoots(length: u32, scale: f64): void {
  const scales = f64x2.splat(scale);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 8) {
    put(A + at, f64x2.mul(f64x2.sub(f64x2.sqrt(two(A + at)), two(B + at)), scales));
  }
}

/** A + B·scale in float64. @param length numbers, rounded up to a multiple of 4 */
export function addScaled(length: u32, scale: f64): void {
  const scales = f64x2.splat(scale);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 8) {
    put(A + at, f64x2.add(two(A + at), f64x2.mul(two(B + at), scales)));
  }
}

/** (√A + B·scale)² in float64, where the roots are float32. @param length numbers, rounded up to a multiple of 4 */
export function addScaledToRoots(length: u32, scale: f64): void {
  const scales = f64x2.splat(scale);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 8) {
    const root = f64x2.promote_low_f32x4(f32x4.sqrt(v128.load64_zero(A + at)));
    const moved = f64x2.add(root, f64x2.mul(two(B + at), scales));
    put(A + at, f64x2.mul(moved, moved));
  }
}

function two(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

function put(at: usize, values: v128): void {
  v128.store64_lane(at, f32x4.demote_f64x2_zero(values), 0);
}
