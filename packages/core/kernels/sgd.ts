import { A, B, C } from './buffers';

/**
 * One step of gradient descent in float32: weights in A, sums of gradients in B.
 * @param length numbers, rounded up to a multiple of 4
 * @param scale multiplies the gradients first
 * @param rate the learning rate
 */
export function sgd(length: u32, scale: f32, rate: f32): void {
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    const g = f32x4.mul(v128.load(B + at), scales);
    v128.store(A + at, f32x4.sub(v128.load(A + at), f32x4.mul(rates, g)));
  }
}

/** As `sgd`, with momentum: velocities in C. @param momentum what a velocity keeps of itself in a step */
export function sgdMomentum(length: u32, scale: f32, rate: f32, momentum: f32): void {
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  const momenta = f32x4.splat(momentum);
  for (let at: usize = 0; at < (<usize>length) << 2; at += 16) {
    const g = f32x4.mul(v128.load(B + at), scales);
    const velocity = f32x4.sub(f32x4.mul(momenta, v128.load(C + at)), f32x4.mul(rates, g));
    v128.store(C + at, velocity);
    v128.store(A + at, f32x4.add(v128.load(A + at), velocity));
  }
}
