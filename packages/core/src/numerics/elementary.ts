/**
 * Logarithm and circular functions from + − × ÷ alone. ECMAScript leaves the last bits of `Math.log` and `Math.cos` to
 * the engine, and they do differ between engines; these give the same bits everywhere. Polynomials: fdlibm's
 * (Sun Microsystems, 1993), error below 1 ulp.
 */

const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;

/** Natural logarithm of a normal double x > 0. fdlibm `e_log.c` without its short cuts. */
export function log(x: number): number {
  // x = m·2^k with m in [√½, √2): scaling by powers of two is exact.
  let m = x;
  let k = 0;
  while (m >= Math.SQRT2) {
    m *= 0.5;
    k++;
  }
  while (m < Math.SQRT1_2) {
    m *= 2;
    k--;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const odd = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const even =
    z *
    (6.66666666666673513e-1 +
      w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const halfSquare = 0.5 * f * f;
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + odd + even) + k * LN2_LOW) - f);
}

/** sin x for |x| ≤ π/4; fdlibm `k_sin.c`. */
function sinKernel(x: number): number {
  const z = x * x;
  return (
    x +
    x *
      z *
      (-1.66666666666666324348e-1 +
        z *
          (8.33333333332248946124e-3 +
            z *
              (-1.98412698298579493134e-4 +
                z * (2.75573137070700676789e-6 + z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)))))
  );
}

/** cos x for |x| ≤ π/4; fdlibm `k_cos.c` without the correction for arguments given as a sum of two doubles. */
function cosKernel(x: number): number {
  const z = x * x;
  return (
    1 -
    0.5 * z +
    z *
      z *
      (4.16666666666666019037e-2 +
        z *
          (-1.38888888888741095749e-3 +
            z *
              (2.48015872894767294178e-5 +
                z * (-2.75573143513906633035e-7 + z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11)))))
  );
}

/** cos(2π·turns) and sin(2π·turns) for 0 ≤ turns < 1, written to out[0] and out[1]. The reduction to an octant is exact. */
export function cosSinTurns(turns: number, out: Float64Array): void {
  const quadrant = Math.floor(turns * 4 + 0.5);
  const angle = (turns * 4 - quadrant) * (Math.PI / 2);
  const c = cosKernel(angle);
  const s = sinKernel(angle);
  switch (quadrant % 4) {
    case 0:
      out[0] = c;
      out[1] = s;
      break;
    case 1:
      out[0] = -s;
      out[1] = c;
      break;
    case 2:
      out[0] = -c;
      out[1] = -s;
      break;
    default:
      out[0] = s;
      out[1] = -c;
  }
}
