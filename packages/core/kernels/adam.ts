import { A, B, C, D } from './buffers';

/**
 * One Adam step, in float64 between what is stored in float32: weights in A, sums of gradients in B, first moments in C, second
 * ones in D.
 * @param length numbers, rounded up to an even one
 * @param scale multiplies the gradients first
 * @param rate the learning rate, with the correction of the biases
 * @param gain1 1 − β1
 * @param gain2 1 − β2
 */
export function adam(length: u32, scale: f64, rate: f64, gain1: f64, gain2: f64, epsilon: f64): void {
  const scales = f64x2.splat(scale);
  const rates = f64x2.splat(rate);
  const gains1 = f64x2.splat(gain1);
  const gains2 = f64x2.splat(gain2);
  const epsilons = f64x2.splat(epsilon);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 8) {
    const w = loadPair(A + at);
    const g = f64x2.mul(loadPair(B + at), scales);
    let m = loadPair(C + at);
    let v = loadPair(D + at);
    m = f64x2.add(m, f64x2.mul(f64x2.sub(g, m), gains1));
    v = f64x2.add(v, f64x2.mul(f64x2.sub(f64x2.mul(g, g), v), gains2));
    storePair(C + at, m);
    storePair(D + at, v);
    storePair(A + at, f64x2.sub(w, f64x2.div(f64x2.mul(rates, m), f64x2.add(f64x2.sqrt(v), epsilons))));
  }
}

/** Two float32 as float64. */
function loadPair(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

/** Two float64, rounded to float32. */
function storePair(at: usize, values: v128): void {
  v128.store64_lane(at, f32x4.demote_f64x2_zero(values), 0);
}
