/** Of Philox4x32-10, see `src/numerics/philox.ts`. */
const MULTIPLIER_0: u32 = 0xd2511f53;
const MULTIPLIER_1: u32 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;
const ROUNDS = 10;

/** Encrypts four counters, one to a lane, with the first words `block` … `block + 3`. They are stored one by one. */
export function encrypt(at: usize, block: u32, index: u32, step: u32, stream: u32, key0: u32, key1: u32): void {
  let c0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let c1 = i32x4.splat(index);
  let c2 = i32x4.splat(step);
  let c3 = i32x4.splat(stream);
  let k0 = i32x4.splat(key0);
  let k1 = i32x4.splat(key1);
  const multiplier0 = i32x4.splat(MULTIPLIER_0);
  const multiplier1 = i32x4.splat(MULTIPLIER_1);
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low0 = i32x4.mul(multiplier0, c0);
    const low1 = i32x4.mul(multiplier1, c2);
    c0 = v128.xor(v128.xor(high1, c1), k0);
    c1 = low1;
    c2 = v128.xor(v128.xor(high0, c3), k1);
    c3 = low0;
    k0 = i32x4.add(k0, i32x4.splat(WEYL_0));
    k1 = i32x4.add(k1, i32x4.splat(WEYL_1));
  }
  const even = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5);
  const odd = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
  const evenHigh = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
  const oddHigh = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
  v128.store(at, v128.shuffle<i64>(even, odd, 0, 2));
  v128.store(at + 16, v128.shuffle<i64>(even, odd, 1, 3));
  v128.store(at + 32, v128.shuffle<i64>(evenHigh, oddHigh, 0, 2));
  v128.store(at + 48, v128.shuffle<i64>(evenHigh, oddHigh, 1, 3));
}

/** The high words of the products of unsigned words. */
function multiplyHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}
