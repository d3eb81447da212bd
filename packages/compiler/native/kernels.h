/*
 * What compiled programs are made of: the matrix product, and functions of one element, with elementary.h.
 *
 * The same bits on every processor and from every compiler: each sum has an order that the program fixes, not the vectors,
 * tiles and panels that suit a processor; a product is fused with the addition after it where multiply_add says so and nowhere
 * else (-ffp-contract=off); all else is IEEE 754's arithmetic, rounded to nearest, with subnormal numbers. Which NaN an
 * operation gives is open.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__FMA__) && !defined(__aarch64__)
#error "machine code needs fused multiply-add (FMA), which this processor does not have"
#endif

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

/* Elements of a vector, and the rows of a tile: as many sums as there are registers to keep them in, two vectors a row. */
#if defined(__aarch64__)
#include <arm_neon.h>
#define LANES 4
#define TILE_ROWS 12
#else
#include <immintrin.h>
/* One may be asked for, to compare. */
#ifndef LANES
#if defined(__AVX512F__)
#define LANES 16
#else
#define LANES 8
#endif
#endif
#define TILE_ROWS (LANES == 16 ? 12 : 6)
#endif
#define TILE_COLUMNS (2 * LANES)
/* Elements. */
#define CACHE_LINE 16
/* M rows are cut into so many blocks, of ROWS(M) rows each or one more. */
#define BLOCKS(M) (((M) + TILE_ROWS - 1) / TILE_ROWS)
#define ROWS(M) ((M) / BLOCKS(M))
/* Rows of b that are multiplied at a time: a panel of so many rows stays in the first-level cache. */
#define PANEL_DEPTH 256
/* Rows of all panels that are packed at a time: they stay in the second-level cache. */
#define PANEL_ROWS 512

typedef float vector __attribute__((vector_size(4 * LANES)));
typedef float unaligned_vector __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t lane_indices __attribute__((vector_size(4 * LANES)));

INLINE vector load(const float *p) { return *(const unaligned_vector *)p; }
INLINE void store(float *p, vector v) { *(unaligned_vector *)p = v; }

/* a · b + c, rounded once, in every lane. */
INLINE vector multiply_add(float a, vector b, vector c) {
#if defined(__aarch64__)
  return (vector)vfmaq_n_f32((float32x4_t)c, (float32x4_t)b, a);
#elif LANES == 16
  return (vector)_mm512_fmadd_ps(_mm512_set1_ps(a), (__m512)b, (__m512)c);
#elif LANES == 8
  return (vector)_mm256_fmadd_ps(_mm256_set1_ps(a), (__m256)b, (__m256)c);
#else
  return (vector)_mm_fmadd_ps(_mm_set1_ps(a), (__m128)b, (__m128)c);
#endif
}

#include "elementary.h"

/* Functions of one element. NaN in gives NaN out: whoever reads the result looks for it. */

#define smaller(a, b) ({ __auto_type a_ = (a); __auto_type b_ = (b); a_ < b_ || a_ != a_ ? a_ : b_; })
#define larger(a, b) ({ __auto_type a_ = (a); __auto_type b_ = (b); a_ > b_ || a_ != a_ ? a_ : b_; })
#define choose(c, a, b) ({ __auto_type a_ = (a); __auto_type b_ = (b); (c) ? a_ : b_; })
#define absolute(a) ({ __auto_type a_ = (a); a_ > 0 ? a_ : 0 - a_; })
#define clip(x, low, high) ({ __auto_type x_ = (x); __auto_type low_ = (low); __auto_type high_ = (high); \
  x_ < low_ ? low_ : x_ > high_ ? high_ : x_; })
#define relu(x) ({ __auto_type x_ = (x); x_ <= 0 ? 0 : x_; })

/*
 * A constant that compilers do not know for one: of -0 and a 0 that it knows, Clang may take either for the smaller, the larger
 * or the chosen one.
 */
INLINE float unknown(float constant) {
  __asm__("" : "+m"(constant));
  return constant;
}

/* The square root of -0 is -0, of which Clang 14 takes the reciprocal for a positive number, unless it cannot tell. */
INLINE float square_root(float x) { return x == 0 ? x : sqrtf(x); }

/*
 * Cut to an integer, the nearest one that there is; NaN gives 0. Numbers below 1 are apart: converted there and back in one
 * instruction, they would keep their sign.
 */
INLINE int32_t integer(float x) {
  return x >= 0x1p31f ? INT32_MAX : x <= -0x1p31f ? INT32_MIN : x >= 1 || x <= -1 ? (int32_t)x : 0;
}

INLINE float leaky_relu(float x, float alpha) { return x < 0 ? x * alpha : x; }
INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
INLINE float softplus(float x) { return (x > 0 ? x : 0) + logarithm_of_more(exponential(x > 0 ? -x : x)); }

/*
 * y[rows, 2 vectors] = or += a[rows, depth] · panel[depth, 2 vectors], for one number of rows and one layout of a. Meanwhile,
 * as much at ahead, ahead + ahead_step … as a row of the panel has is fetched with each k: what is multiplied later is in the
 * second-level cache by then. Fetching it in one go would take as long as computing without it.
 */
typedef void tile(long depth, const float *a, const float *panel, float *y, long y_row, int add, const float *ahead,
                  long ahead_step);

/* Defines a tile. Element (i, k) of a is a[i * A_ROW + k * A_COLUMN]. Not inlined: alone, its sums stay in registers. */
#define TILE(NAME, ROWS, A_ROW, A_COLUMN)                                                                             \
  static NOINLINE void NAME(long depth, const float *a, const float *panel, float *y, long y_row, int add,            \
                            const float *ahead, long ahead_step) {                                                    \
    vector sum[ROWS][2];                                                                                              \
    _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) {                                                         \
      sum[i][0] = add ? load(y + i * y_row) : (vector){0};                                                            \
      sum[i][1] = add ? load(y + i * y_row + LANES) : (vector){0};                                                    \
    }                                                                                                                 \
    for (long k = 0; k < depth; k++) {                                                                                \
      __builtin_prefetch(ahead + k * ahead_step, 0, 2);                                                               \
      if (TILE_COLUMNS > CACHE_LINE) __builtin_prefetch(ahead + k * ahead_step + CACHE_LINE, 0, 2);                   \
      const vector left = *(const vector *)(panel + k * TILE_COLUMNS);                                                \
      const vector right = *(const vector *)(panel + k * TILE_COLUMNS + LANES);                                       \
      _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) {                                                       \
        const float factor = a[i * A_ROW + k * A_COLUMN];                                                             \
        sum[i][0] = multiply_add(factor, left, sum[i][0]);                                                            \
        sum[i][1] = multiply_add(factor, right, sum[i][1]);                                                           \
      }                                                                                                               \
    }                                                                                                                 \
    _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) {                                                         \
      store(y + i * y_row, sum[i][0]);                                                                                \
      store(y + i * y_row + LANES, sum[i][1]);                                                                        \
    }                                                                                                                 \
  }

/* Transposes a square of LANES × LANES. */
INLINE void transpose(vector square[LANES]) {
#ifdef __clang__
  /* It has no shuffles whose indices are vectors, and finds those of other lengths by itself. */
  vector result[LANES];
  for (int i = 0; i < LANES; i++)
    for (int j = 0; j < LANES; j++) result[j][i] = square[i][j];
  for (int i = 0; i < LANES; i++) square[i] = result[i];
#else
  /* Exchanges ever smaller blocks. */
#pragma GCC unroll 4
  for (int block = LANES / 2; block > 0; block /= 2) {
    lane_indices upper, lower;
#pragma GCC unroll 16
    for (int lane = 0; lane < LANES; lane++) {
      upper[lane] = lane & block ? LANES + lane - block : lane;
      lower[lane] = lane & block ? LANES + lane : lane + block;
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
      if (i & block) continue;
      const vector a = square[i], b = square[i + block];
      square[i] = __builtin_shuffle(a, b, upper);
      square[i + block] = __builtin_shuffle(a, b, lower);
    }
  }
#endif
}

/* Copies depth rows of `columns` columns of b into a panel, whose rows are TILE_COLUMNS long, filled up with zeros. */
static void pack(const long depth, const int columns, const float *b, const long b_row, const long b_column,
                 float *panel) {
  if (b_column == 1 && columns == TILE_COLUMNS) {
    for (long k = 0; k < depth; k++) {
      *(vector *)(panel + k * TILE_COLUMNS) = load(b + k * b_row);
      *(vector *)(panel + k * TILE_COLUMNS + LANES) = load(b + k * b_row + LANES);
    }
  } else if (b_row == 1 && columns == TILE_COLUMNS && depth % LANES == 0) {
    for (int half = 0; half < TILE_COLUMNS; half += LANES) {
      for (long k = 0; k < depth; k += LANES) {
        vector square[LANES];
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++) {
          square[j] = load(b + (half + j) * b_column + k);
        }
        transpose(square);
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++) *(vector *)(panel + (k + j) * TILE_COLUMNS + half) = square[j];
      }
    }
  } else {
    for (long k = 0; k < depth; k++)
      for (int j = 0; j < TILE_COLUMNS; j++)
        panel[k * TILE_COLUMNS + j] = j < columns ? b[k * b_row + j * b_column] : 0;
  }
}

INLINE void copy_columns(const long rows, const int columns, const float *from, const long from_row, float *to,
                         const long to_row) {
  for (long row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++) to[row * to_row + column] = from[row * from_row + column];
}

/* Sums of a dot product: whole vectors of every width. */
#define DOT_SUMS 32

/* y[m] = a[m, k] · b[k], where element k of b is b[k * b_step]; for rows of a that are contiguous, as a rule. */
INLINE void dots(const long m, const long k, const float *a, const long a_row, const long a_column, const float *b,
                 const long b_step, float *y) {
  for (long row = 0; row < m; row++, a += a_row) {
    float sum[DOT_SUMS] = {0}, total = 0;
    long j = 0;
    for (; j + DOT_SUMS <= k; j += DOT_SUMS)
      for (int i = 0; i < DOT_SUMS; i++) sum[i] = fmaf(a[(j + i) * a_column], b[(j + i) * b_step], sum[i]);
    for (; j < k; j++) total = fmaf(a[j * a_column], b[j * b_step], total);
    for (int i = 0; i < DOT_SUMS; i++) total += sum[i];
    y[row] = total;
  }
}

/*
 * y[m, n] = a[m, k] · b[k, n], row-major y. Element (i, j) of a is a[i * a_row + j * a_column]; of b, likewise. The tiles are for
 * a's layout, of ROWS(m) rows and of one more. b_next: where the matrix after b lies, in elements, if it is multiplied next
 * by the one that lies right after a; or 0.
 *
 * Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), without its outer levels: panels of b are
 * packed once and multiplied with all rows of a, which are read where they are.
 */
static NOINLINE void product(const long m, const long n, const long k, const float *a, const long a_row, const long a_column,
                             const float *b, const long b_row, const long b_column, float *y, const long b_next,
                             tile *const tile_of_rows, tile *const tile_of_more) {
  const long blocks = BLOCKS(m), rows = ROWS(m), larger_blocks = m % blocks;
  /* Where panels are short, several: longer pieces of the rows of b and y are used while they are in the cache. */
  const int panels = PANEL_ROWS / (k < PANEL_DEPTH ? k : PANEL_DEPTH);
  float panel[PANEL_ROWS * TILE_COLUMNS] __attribute__((aligned(4 * LANES)));
  for (long k0 = 0; k0 < k; k0 += PANEL_DEPTH) {
    const long depth = k - k0 < PANEL_DEPTH ? k - k0 : PANEL_DEPTH;
    for (long j0 = 0; j0 < n; j0 += panels * TILE_COLUMNS) {
      const long end = j0 + panels * TILE_COLUMNS < n ? j0 + panels * TILE_COLUMNS : n;
      const float *source = b + k0 * b_row;
      for (long j = j0; j < end; j += TILE_COLUMNS) {
        const int columns = end - j < TILE_COLUMNS ? end - j : TILE_COLUMNS;
        pack(depth, columns, source + j * b_column, b_row, b_column, panel + (j - j0) * depth);
      }
      const float *from = a + k0 * a_column;
      float *to = y;
      for (long block = 0; block < blocks; block++) {
        const int more = block < larger_blocks;
        tile *const multiply = more ? tile_of_more : tile_of_rows;
        for (long j = j0; j < end; j += TILE_COLUMNS) {
          const int columns = end - j < TILE_COLUMNS ? end - j : TILE_COLUMNS;
          const float *const factors = panel + (j - j0) * depth;
          /* Nothing, unless there is something to fetch: the first block fetches the next b, the others the next a. */
          const float *ahead = factors;
          long ahead_step = 0;
          const long fetched = (j / TILE_COLUMNS * (blocks - 1) + block - 1) * depth * TILE_COLUMNS;
          if (block == 0) {
            ahead = source + j * b_column + (b_next ? b_next : panels * TILE_COLUMNS * b_column);
            ahead_step = b_column == 1 ? b_row : TILE_COLUMNS;
          } else if (b_next && fetched < m * k) {
            ahead = a + m * k + fetched;
            ahead_step = TILE_COLUMNS;
          }
          if (columns == TILE_COLUMNS) {
            multiply(depth, from, factors, to + j, n, k0 > 0, ahead, ahead_step);
            continue;
          }
          /* The last columns, which no whole tile covers. */
          float edge[(TILE_ROWS + 1) * TILE_COLUMNS] = {0};
          if (k0 > 0) copy_columns(rows + more, columns, to + j, n, edge, TILE_COLUMNS);
          multiply(depth, from, factors, edge, TILE_COLUMNS, k0 > 0, ahead, ahead_step);
          copy_columns(rows + more, columns, edge, TILE_COLUMNS, to + j, n);
        }
        from += (rows + more) * a_row;
        to += (rows + more) * n;
      }
    }
  }
}
