import { A, B, C, D } from './buffers';

/**
 * One Adam step in float32: weights in A, sums of gradients in B, first moments in C, second ones in D.
 * @param length numbers, rounded up to a multiple of 4
 * @param scale multiplies the gradients first
 * @param rate the learning rate, with the correction of the biases
 * @param gain1 1 − β1
 * @param gain2 1 − β2
 */
export function adam(length: u32, scale: f32, rate: f32, gain1: f32, gain2: f32, epsilon: f32): void {
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  const gains1 = f32x4.splat(gain1);
  const gains2 = f32x4.splat(gain2);
  const epsilons = f32x4.splat(epsilon);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    const g = f32x4.mul(v128.load(B + at), scales);
    let m = v128.load(C + at);
    let v = v128.load(D + at);
    m = f32x4.add(m, f32x4.mul(f32x4.sub(g, m), gains1));
    v = f32x4.add(v, f32x4.mul(f32x4.sub(f32x4.mul(g, g), v), gains2));
    v128.store(C + at, m);
    v128.store(D + at, v);
    const step = f32x4.div(f32x4.mul(rates, m), f32x4.add(f32x4.sqrt(v), epsilons));
    v128.store(A + at, f32x4.sub(v128.load(A + at), step));
  }
}
