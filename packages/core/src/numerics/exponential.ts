const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;

/** Beyond these, the result is infinite or 0. */
const LARGEST = 7.09782712893383973096e2;
const SMALLEST = -7.4513321910194110842e2;

/**
 * e to the power of x, from + − × ÷ alone: ECMAScript leaves the last bits of `Math.exp` to the engine, and these are the
 * same everywhere. fdlibm `e_exp.c` (Sun Microsystems, 1993), error below 1 ulp where the result is a normal double.
 */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > LARGEST) return Infinity;
  if (x < SMALLEST) return 0;
  // x = k·ln 2 + r with |r| ≤ ½·ln 2; the low part is what the rounding of k·ln 2 leaves out.
  const k = Math.floor(x * Math.LOG2E + 0.5);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const t = r * r;
  const c =
    r -
    t *
      (1.66666666666666019037e-1 +
        t *
          (-2.77777777770155933842e-3 +
            t * (6.61375632143793436117e-5 + t * (-1.6533902205465251539e-6 + t * 4.13813679705723846039e-8))));
  let y = 1 - (low - (r * c) / (2 - c) - high);
  // Scaling by powers of two is exact, but for results that are too small to be normal.
  for (let i = k; i > 0; i--) y *= 2;
  for (let i = k; i < 0; i++) y *= 0.5;
  return y;
}
