/** Whether all numbers are finite. */
export function isFinite32(vector: Float32Array): boolean {
  // x − x is 0 for finite x and NaN otherwise, and a NaN survives every further addition: no branch in the loop. Four
  // sums, since each addition of one would wait for the one before.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < vector.length; i += 4) {
    a += (vector[i] as number) - (vector[i] as number);
    b += (vector[i + 1] as number) - (vector[i + 1] as number);
    c += (vector[i + 2] as number) - (vector[i + 2] as number);
    d += (vector[i + 3] as number) - (vector[i + 3] as number);
  }
  for (; i < vector.length; i++) a += (vector[i] as number) - (vector[i] as number);
  return a + b + c + d === 0;
}
