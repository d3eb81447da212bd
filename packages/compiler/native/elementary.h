/*
 * Elementary functions of float32, with the same bits on every processor: what a C library has differs from one to the next.
 *
 * Each is computed in double precision, by series of plain operations whose error is far below a float's rounding: results
 * are less than 0.50001 units in the last place from the true value, as test/elementary.test.ts measures. Compilers turn
 * loops over them into vectors.
 */

INLINE uint64_t bits_of(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

INLINE double double_of(uint64_t bits) {
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

#define LN_2 0x1.62e42fefa39efp-1
/* To add it to a number rounds that to an integer, which then are the low bits. */
#define ROUNDER 0x1.8p52
#define DOUBLE_EXPONENT_BIAS 1023
#define DOUBLE_FRACTION_BITS 52

/* e^x to 2e-14 of its value; beyond 200, as if it were 200: a float is infinite or zero long before. */
INLINE double exponential_in_double(double x) {
  const double within = x < -200 ? -200 : x > 200 ? 200 : x;
  /* x = n ln 2 + r, |r| <= ln 2 / 2. */
  const double rounded = within * (1 / LN_2) + ROUNDER;
  const double r = within - (rounded - ROUNDER) * LN_2;
  /* Taylor's series. */
  double sum = 1.0 / 39916800;
  sum = sum * r + 1.0 / 3628800;
  sum = sum * r + 1.0 / 362880;
  sum = sum * r + 1.0 / 40320;
  sum = sum * r + 1.0 / 5040;
  sum = sum * r + 1.0 / 720;
  sum = sum * r + 1.0 / 120;
  sum = sum * r + 1.0 / 24;
  sum = sum * r + 1.0 / 6;
  sum = sum * r + 1.0 / 2;
  sum = sum * r + 1;
  sum = sum * r + 1;
  return sum * double_of((bits_of(rounded) + DOUBLE_EXPONENT_BIAS) << DOUBLE_FRACTION_BITS);
}

/* 2 artanh(s) = ln((1 + s) / (1 - s)) to 1e-14 of its value, for |s| <= 0.172. */
INLINE double twice_artanh(double s) {
  const double square = s * s;
  double sum = 2.0 / 17;
  sum = sum * square + 2.0 / 15;
  sum = sum * square + 2.0 / 13;
  sum = sum * square + 2.0 / 11;
  sum = sum * square + 2.0 / 9;
  sum = sum * square + 2.0 / 7;
  sum = sum * square + 2.0 / 5;
  sum = sum * square + 2.0 / 3;
  sum = sum * square + 2;
  return sum * s;
}

/* ln(1 + x), where whole is 1 + x rounded: x alone keeps its bits near 0. */
INLINE double logarithm_in_double(double x, double whole) {
  /* whole = 2^n m, sqrt(1/2) <= m < sqrt(2). */
  const uint64_t shifted = bits_of(whole) - bits_of(0x1.6a09e667f3bcdp-1);
  const int64_t n = (int64_t)shifted >> DOUBLE_FRACTION_BITS;
  const double m = double_of(bits_of(whole) - ((uint64_t)n << DOUBLE_FRACTION_BITS));
  const double more = n == 0 ? x : m - 1;
  const double series = twice_artanh(more / (2 + more));
  /* Where it is -0, a sum with 0 would be 0. */
  const double result = n == 0 ? series : (double)(int32_t)n * LN_2 + series;
  return whole > 0 && whole < INFINITY ? result : whole == 0 ? -INFINITY : whole > 0 ? whole : NAN;
}

/* e^x */
INLINE float exponential(float x) { return (float)exponential_in_double(x); }

/* ln(x) */
INLINE float logarithm(float x) { return (float)logarithm_in_double((double)x - 1, x); }

/* ln(1 + x) */
INLINE float logarithm_of_more(float x) { return (float)logarithm_in_double(x, (double)x + 1); }

INLINE float hyperbolic_tangent(float x) {
  const double wide = x, magnitude = wide < 0 ? -wide : wide, square = wide * wide;
  const double power = exponential_in_double(-2 * magnitude), quotient = (1 - power) / (1 + power);
  /* Near 0, where 1 - power has few bits: Taylor's series. */
  const double series = (((-17.0 / 315 * square + 2.0 / 15) * square - 1.0 / 3) * square + 1) * wide;
  return (float)(magnitude < 0.02 ? series : wide < 0 ? -quotient : quotient);
}

/* x^y, with IEEE 754's values where either is 0, 1, infinite or x is negative. */
INLINE float power(float x, float y) {
  const double magnitude = x < 0 ? -(double)x : x;
  const double result = magnitude == 1 || y == 0 ? 1 : exponential_in_double(y * logarithm_in_double(magnitude - 1, magnitude));
  if (x == 1 || y == 0) return 1;
  const double half = (double)y / 2;
  const int is_integer = __builtin_floor(y) == y, is_odd = is_integer && __builtin_floor(half) != half;
  if (x < 0 && !is_integer) return x == -INFINITY ? (float)result : NAN;
  return (float)(is_odd && __builtin_signbit(x) ? -result : result);
}
