/*
 * Compares the functions of elementary.h with those of the C library in double precision. Takes a step and a first one: of all
 * 2^32 floats, so many apart. Prints a line for each function: its name, the largest error in units in the last place, and
 * of how many values the special ones (NaN, infinite, zero) were wrong.
 */
#include "kernels.h"
#include <stdio.h>
#include <stdlib.h>

typedef float function(float);
typedef double reference(double);

#define BLOCK 4096

/* Not inlined into one loop over all functions: each is a loop of vectors. */
#define EVERY(NAME)                                                              \
  static NOINLINE void every_##NAME(const float *x, float *y) {                  \
    for (int i = 0; i < BLOCK; i++) y[i] = NAME(x[i]);                           \
  }
INLINE float root(float x) { return power(x, 0.3f); }
INLINE float cube(float x) { return power(x, 3); }
INLINE float inverse(float x) { return power(x, -2.5f); }
static double exact_root(double x) { return pow(x, 0.3f); }
static double exact_cube(double x) { return pow(x, 3); }
static double exact_inverse(double x) { return pow(x, -2.5f); }

EVERY(exponential)
EVERY(logarithm)
EVERY(logarithm_of_more)
EVERY(hyperbolic_tangent)
EVERY(root)
EVERY(cube)
EVERY(inverse)

static double error_of(float y, double exact) {
  const float rounded = (float)exact;
  /* An exponent of 149 below is that of the smallest number. */
  int exponent;
  frexp(exact, &exponent);
  const double unit = ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
  return rounded == y ? fabs(rounded - exact) / unit : fabs((double)y - exact) / unit;
}

static void compare(const char *name, void (*every)(const float *, float *), reference *exact, uint64_t first, uint64_t step) {
  static const float special[] = {0, -0.0f, 1, -1, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f};
  static float x[BLOCK], y[BLOCK];
  double largest = 0;
  unsigned long wrong = 0;
  int is_first = 1;
  for (uint64_t begin = first; begin < 1ull << 32; begin += BLOCK * step) {
    for (int i = 0; i < BLOCK; i++) {
      const uint32_t bits = begin + i * step;
      __builtin_memcpy(&x[i], &bits, 4);
    }
    /* None of these is left out. */
    if (is_first) __builtin_memcpy(x, special, sizeof special);
    is_first = 0;
    every(x, y);
    for (int i = 0; i < BLOCK; i++) {
      const double value = exact(x[i]);
      const float rounded = (float)value;
      if (y[i] == rounded && (y[i] == 0 || isinf(y[i])) && signbit(y[i]) == signbit(rounded)) continue;
      if (isnan(rounded) && isnan(y[i])) continue;
      if (!isfinite(y[i]) || !isfinite(rounded) || y[i] == 0) {
        wrong++;
        continue;
      }
      const double error = error_of(y[i], value);
      if (error > largest) largest = error;
    }
  }
  printf("%s, %.6f, %lu\n", name, largest, wrong);
  fflush(stdout);
}

int main(int count, char **arguments) {
  const uint64_t step = strtoull(arguments[1], NULL, 10), first = strtoull(arguments[2], NULL, 10);
  compare("exp", every_exponential, exp, first, step);
  compare("log", every_logarithm, log, first, step);
  compare("log1p", every_logarithm_of_more, log1p, first, step);
  compare("tanh", every_hyperbolic_tangent, tanh, first, step);
  /* There are as many of them as there are exponents: some values do. */
  const uint64_t some = step < 257 ? 257 : step;
  compare("pow 0.3", every_root, exact_root, first, some);
  compare("pow 3", every_cube, exact_cube, first, some);
  compare("pow -2.5", every_inverse, exact_inverse, first, some);
  return 0;
}
