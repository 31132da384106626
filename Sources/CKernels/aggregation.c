// SPDX-License-Identifier: Apache-2.0
#include "CKernelsAggregation.h"
#include <math.h>
#include <string.h>

// The same job must give the same bits on every CPU, so multiply-add is not contracted here: a fused operation rounds
// once where two operations round twice. The Gram kernels contract nevertheless, safely: the product of two floats is
// exact in double (24 + 24 bits fit in 53), so both forms round the same number once. Every sum runs over a fixed
// number of lanes.
#pragma STDC FP_CONTRACT OFF

#if !defined(__has_feature)
#define __has_feature(name) 0
#endif

// The thread sanitizer cannot run the functions that choose a clone: they run before it is ready.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
// "arch=x86-64-v4" would keep to 256-bit registers: clang's tuning of that level avoids the wide ones.
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "avx512f")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

#define LANES 8
typedef double wide __attribute__((vector_size(LANES * sizeof(double)), aligned(8)));

// Lanes are added pairwise in a tree of fixed shape.
INLINE double lane_sum(const wide *v) {
    const wide s = *v;
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// ---- Gram matrix ----

// Widens `n` coordinates of a row, pads with zeros to a whole number of lanes, and asks for the row's next chunk.
INLINE void widen_chunk(double *restrict to, const float *restrict from, size_t n, size_t padded) {
    for (size_t k = 0; k < n; k++) to[k] = (double)from[k];
    for (size_t k = n; k < padded; k++) to[k] = 0;
    for (size_t k = 0; k < CK_WIDE_CHUNK; k += 16) __builtin_prefetch(from + CK_WIDE_CHUNK + k);
}

// Inner products of `height` rows with `width` rows over one chunk, kept in registers.
#define GRAM_TILE(height, width)                                                                                   \
    do {                                                                                                           \
        wide sum[height][width];                                                                                   \
        memset(sum, 0, sizeof sum);                                                                                \
        for (size_t k = 0; k < padded; k += LANES) {                                                               \
            wide left[height], right[width];                                                                       \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < height; i++)                                    \
                left[i] = *(const wide *)(scratch + (row + i) * CK_WIDE_CHUNK + k);                                \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < width; j++)                                     \
                right[j] = *(const wide *)(scratch + (column + j) * CK_WIDE_CHUNK + k);                            \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < height; i++)                                    \
                _Pragma("clang loop unroll(full)") for (int j = 0; j < width; j++)                                 \
                    sum[i][j] += left[i] * right[j];                                                               \
        }                                                                                                          \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < height; i++)                                        \
            _Pragma("clang loop unroll(full)") for (int j = 0; j < width; j++)                                     \
                if (row + i < m && column + j <= row + i)                                                          \
                    gram[(row + i) * m + column + j] += lane_sum(&sum[i][j]);                                      \
    } while (0)

#define GRAM_BODY(tile)                                                                                            \
    _Pragma("clang fp contract(fast)") const size_t rows_padded = (m + 3) / 4 * 4;                                 \
    for (size_t start = 0; start < n; start += CK_WIDE_CHUNK) {                                                    \
        const size_t length = n - start < CK_WIDE_CHUNK ? n - start : CK_WIDE_CHUNK;                               \
        const size_t padded = (length + LANES - 1) / LANES * LANES;                                                \
        for (size_t i = 0; i < m; i++) widen_chunk(scratch + i * CK_WIDE_CHUNK, rows[i] + start, length, padded);  \
        for (size_t i = m; i < rows_padded; i++) memset(scratch + i * CK_WIDE_CHUNK, 0, padded * sizeof(double));  \
        for (size_t row = 0; row < m; row += tile)                                                                 \
            for (size_t column = 0; column <= row; column += tile) GRAM_TILE(tile, tile);                          \
    }

// A 4 x 4 tile fills 24 of AVX-512's 32 registers; with fewer, narrower registers it would spill, so others take 2 x 2.
// Each pair's sum is the same in both: a tile only says which pairs are summed together.
#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void gram_large_tiles(
    double *restrict gram, const float *const *rows, size_t m, size_t n, double *restrict scratch) {
    GRAM_BODY(4)
}
#endif

CLONES static void gram_small_tiles(
    double *restrict gram, const float *const *rows, size_t m, size_t n, double *restrict scratch) {
    GRAM_BODY(2)
}

void ck_gram(double *restrict gram, const float *const *rows, size_t m, size_t n, double *restrict scratch) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        gram_large_tiles(gram, rows, m, n, scratch);
        return;
    }
#endif
    gram_small_tiles(gram, rows, m, n, scratch);
}

CLONES void ck_squared_norms(double *restrict norms, const float *const *rows, size_t m, size_t n) {
    for (size_t i = 0; i < m; i++) {
        const float *x = rows[i];
        double lane[4 * LANES] = {0};
        size_t k = 0;
        for (; k + 4 * LANES <= n; k += 4 * LANES)
            for (int l = 0; l < 4 * LANES; l++) lane[l] += (double)x[k + l] * (double)x[k + l];
        for (int l = 0; k < n; k++, l++) lane[l] += (double)x[k] * (double)x[k];
        double sum = 0;
        for (int l = 0; l < 4 * LANES; l++) sum += lane[l];
        norms[i] += sum;
    }
}

// ---- linear combinations ----

// Accumulators of this many coordinates stay in the first-level cache while the rows stream past.
#define COMBINE_CHUNK 1024

// acc += sum_i weights[i] * rows[i], in the order of i.
CLONES static void combine_block(
    double *restrict acc, const float *const *rows, const double *weights, size_t m, size_t start, size_t length) {
    size_t i = 0;
    for (; i + 4 <= m; i += 4) {
        const float *restrict a = rows[i] + start, *restrict b = rows[i + 1] + start;
        const float *restrict c = rows[i + 2] + start, *restrict d = rows[i + 3] + start;
        const double wa = weights[i], wb = weights[i + 1], wc = weights[i + 2], wd = weights[i + 3];
        for (size_t k = 0; k < length; k++) {
            double sum = acc[k];
            sum += wa * (double)a[k];
            sum += wb * (double)b[k];
            sum += wc * (double)c[k];
            sum += wd * (double)d[k];
            acc[k] = sum;
        }
    }
    for (; i < m; i++) {
        const float *restrict x = rows[i] + start;
        const double w = weights[i];
        for (size_t k = 0; k < length; k++) acc[k] += w * (double)x[k];
    }
}

CLONES static void add_chunk(double *restrict to, const double *restrict from, size_t length) {
    for (size_t k = 0; k < length; k++) to[k] += from[k];
}

// acc = the rows' sum in the order that ck_combine promises. Halves at the largest power of two of blocks, so that the
// depth is the logarithm of their number.
static void combine_rows(
    double *restrict acc, const float *const *rows, const double *weights, size_t m, size_t start, size_t length) {
    if (m <= CK_FOLD_BLOCK) {
        memset(acc, 0, length * sizeof(double));
        combine_block(acc, rows, weights, m, start, length);
        return;
    }
    size_t left = CK_FOLD_BLOCK;
    while (2 * left < m) left *= 2;
    double right[COMBINE_CHUNK];
    combine_rows(acc, rows, weights, left, start, length);
    combine_rows(right, rows + left, weights + left, m - left, start, length);
    add_chunk(acc, right, length);
}

void ck_combine(double *restrict out, const float *const *rows, const double *weights, size_t m, size_t n) {
    for (size_t start = 0; start < n; start += COMBINE_CHUNK) {
        const size_t length = n - start < COMBINE_CHUNK ? n - start : COMBINE_CHUNK;
        combine_rows(out + start, rows, weights, m, start, length);
    }
}

// Coordinates of one output row that are summed together: eight independent registers hide the latency of addition.
#define MIX_STEP (8 * LANES)
typedef float wide_narrowed __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

CLONES void ck_mix(float *const *out, size_t r, const float *const *rows, size_t m, size_t n, const uint32_t *starts,
                   const uint32_t *columns, const double *weights, const double *scale, const uint8_t *unit,
                   double *restrict scratch) {
    for (size_t start = 0; start < n; start += CK_WIDE_CHUNK) {
        const size_t length = n - start < CK_WIDE_CHUNK ? n - start : CK_WIDE_CHUNK;
        const size_t padded = (length + MIX_STEP - 1) / MIX_STEP * MIX_STEP;
        for (size_t i = 0; i < m; i++) widen_chunk(scratch + i * CK_WIDE_CHUNK, rows[i] + start, length, padded);
        // All output rows of a few coordinates, then the next few: their inputs stay in the first-level cache
        // meanwhile.
        for (size_t k = 0; k < padded; k += MIX_STEP) {
            for (size_t row = 0; row < r; row++) {
                const wide factor = scale[row] - (wide){};
                const uint32_t first = starts[row], last = starts[row + 1];
                wide sum[8];
                memset(sum, 0, sizeof sum);
                if (unit[row]) {
                    for (uint32_t e = first; e < last; e++) {
                        const wide *x = (const wide *)(scratch + k + columns[e] * CK_WIDE_CHUNK);
                        _Pragma("clang loop unroll(full)") for (int l = 0; l < 8; l++) sum[l] += x[l];
                    }
                } else {
                    for (uint32_t e = first; e < last; e++) {
                        const wide *x = (const wide *)(scratch + k + columns[e] * CK_WIDE_CHUNK);
                        const wide w = weights[e] - (wide){};
                        _Pragma("clang loop unroll(full)") for (int l = 0; l < 8; l++) sum[l] += w * x[l];
                    }
                }
                float *to = out[row] + start + k;
                const int whole = k + MIX_STEP <= length;
                wide_narrowed rest[8], *target = whole ? (wide_narrowed *)to : rest;
                _Pragma("clang loop unroll(full)") for (int l = 0; l < 8; l++)
                    target[l] = __builtin_convertvector(factor * sum[l], wide_narrowed);
                if (!whole) memcpy(to, rest, (length - k) * sizeof(float));
            }
        }
    }
}

// ---- order statistics ----

// Copies one chunk of every row to the scratch, zero-padded; the result has an exponent of all ones if a value is not
// finite.
INLINE uint32_t load_chunk(float *restrict scratch, const float *const *rows, size_t m, size_t start, size_t length) {
    uint32_t bad = 0;
    for (size_t i = 0; i < m; i++) {
        float *restrict to = scratch + i * CK_SORT_CHUNK;
        const float *restrict from = rows[i] + start;
        if (length == CK_SORT_CHUNK) {
            memcpy(to, from, CK_SORT_CHUNK * sizeof(float));
            for (size_t k = 0; k < CK_SORT_CHUNK; k += 16) __builtin_prefetch(from + 4 * CK_SORT_CHUNK + k);
        } else {
            memset(to, 0, CK_SORT_CHUNK * sizeof(float));
            memcpy(to, from, length * sizeof(float));
        }
        for (size_t k = 0; k < CK_SORT_CHUNK; k++) {
            uint32_t bits;
            memcpy(&bits, &to[k], 4);
            bad |= ((bits & 0x7F800000u) == 0x7F800000u);
        }
    }
    return bad;
}

INLINE void order_chunk(float *restrict scratch, const uint16_t *pairs, size_t pair_count) {
    for (size_t c = 0; c < pair_count; c++) {
        float *restrict low = scratch + pairs[2 * c] * CK_SORT_CHUNK;
        float *restrict high = scratch + pairs[2 * c + 1] * CK_SORT_CHUNK;
        for (size_t k = 0; k < CK_SORT_CHUNK; k++) {
            const float a = low[k], b = high[k];
            low[k] = a < b ? a : b;
            high[k] = a < b ? b : a;
        }
    }
}

CLONES int ck_sorted_mean(double *restrict out, const float *const *rows, size_t m, size_t n, const uint16_t *pairs,
                          size_t pair_count, size_t first, size_t last, float *restrict scratch) {
    uint32_t bad = 0;
    const double count = (double)(last - first);
    for (size_t start = 0; start < n; start += CK_SORT_CHUNK) {
        const size_t length = n - start < CK_SORT_CHUNK ? n - start : CK_SORT_CHUNK;
        bad |= load_chunk(scratch, rows, m, start, length);
        order_chunk(scratch, pairs, pair_count);
        double sum[CK_SORT_CHUNK] = {0};
        for (size_t i = first; i < last; i++)
            for (size_t k = 0; k < CK_SORT_CHUNK; k++) sum[k] += (double)scratch[i * CK_SORT_CHUNK + k];
        for (size_t k = 0; k < length; k++) out[start + k] = sum[k] / count;
    }
    return bad == 0;
}

CLONES int ck_mean_around_median(double *restrict out, const float *const *rows, size_t m, size_t n,
                                 const uint16_t *pairs, size_t pair_count, size_t keep, float *restrict scratch) {
    uint32_t bad = 0;
    const size_t drop = m - keep;
    const double count = (double)keep;
    for (size_t start = 0; start < n; start += CK_SORT_CHUNK) {
        const size_t length = n - start < CK_SORT_CHUNK ? n - start : CK_SORT_CHUNK;
        bad |= load_chunk(scratch, rows, m, start, length);
        order_chunk(scratch, pairs, pair_count);
        const float *lower = scratch + (m - 1) / 2 * CK_SORT_CHUNK, *upper = scratch + m / 2 * CK_SORT_CHUNK;
        double median[CK_SORT_CHUNK], sum[CK_SORT_CHUNK] = {0};
        for (size_t k = 0; k < CK_SORT_CHUNK; k++) median[k] = ((double)lower[k] + (double)upper[k]) * 0.5;
        // The kept values are neighbours in the order. The window moves up past position j exactly when value j is
        // farther from the median than value j + keep; once it stops it has stopped, because the former distances fall
        // and the latter rise.
        for (size_t j = 0; j < drop; j++) {
            const float *restrict low = scratch + j * CK_SORT_CHUNK;
            const float *restrict high = scratch + (j + keep) * CK_SORT_CHUNK;
            for (size_t k = 0; k < CK_SORT_CHUNK; k++) {
                const double a = (double)low[k], b = (double)high[k];
                sum[k] += median[k] - a > b - median[k] ? b : a;
            }
        }
        for (size_t i = drop; i < keep; i++)
            for (size_t k = 0; k < CK_SORT_CHUNK; k++) sum[k] += (double)scratch[i * CK_SORT_CHUNK + k];
        for (size_t k = 0; k < length; k++) out[start + k] = sum[k] / count;
    }
    return bad == 0;
}

// ---- server optimizers and small vector functions ----

CLONES void ck_adaptive_step(double *out, const double *delta, float *restrict m, float *restrict v, double beta1,
                             double beta2, double eta, double tau, int kind, size_t n) {
    for (size_t k = 0; k < n; k++) {
        const double d = delta[k], square = d * d, old = (double)v[k];
        double second;
        if (kind == 0) {
            second = old + square;
        } else if (kind == 1) {
            second = beta2 * old + (1 - beta2) * square;
        } else {
            const double sign = old > square ? 1.0 : (old < square ? -1.0 : 0.0);
            second = old - (1 - beta2) * square * sign;
        }
        const float first = (float)(beta1 * (double)m[k] + (1 - beta1) * d), rounded = (float)second;
        m[k] = first;
        v[k] = rounded;
        out[k] = eta * (double)first / (sqrt((double)rounded) + tau);
    }
}

CLONES void ck_momentum_step(double *out, const double *delta, float *restrict velocity, double beta, double eta,
                             size_t n) {
    for (size_t k = 0; k < n; k++) {
        const float v = (float)(beta * (double)velocity[k] + delta[k]);
        velocity[k] = v;
        out[k] = eta * (double)v;
    }
}

CLONES void ck_scale_double(double *out, const double *x, double scale, size_t n) {
    for (size_t k = 0; k < n; k++) out[k] = scale * x[k];
}

CLONES double ck_dot_mixed(const double *x, const float *y, size_t n) {
    double lane[LANES] = {0};
    size_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += x[k + l] * (double)y[k + l];
    for (int l = 0; k < n; k++, l++) lane[l] += x[k] * (double)y[k];
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

CLONES double ck_squared_norm_double(const double *x, size_t n) {
    double lane[LANES] = {0};
    size_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += x[k + l] * x[k + l];
    for (int l = 0; k < n; k++, l++) lane[l] += x[k] * x[k];
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

CLONES void ck_narrow(float *restrict out, const double *restrict x, size_t n) {
    for (size_t k = 0; k < n; k++) out[k] = (float)x[k];
}

CLONES void ck_widen(double *restrict out, const float *restrict x, double scale, size_t n) {
    for (size_t k = 0; k < n; k++) out[k] = scale * (double)x[k];
}

CLONES int ck_all_finite_double(const double *x, size_t n) {
    uint64_t bad = 0;
    for (size_t k = 0; k < n; k++) {
        uint64_t bits;
        memcpy(&bits, &x[k], 8);
        bad |= ((bits & 0x7FF0000000000000u) == 0x7FF0000000000000u);
    }
    return bad == 0;
}

CLONES int ck_any_nonzero(const double *x, size_t n) {
    uint64_t bits_set = 0;
    for (size_t k = 0; k < n; k++) {
        uint64_t bits;
        memcpy(&bits, &x[k], 8);
        bits_set |= bits & 0x7FFFFFFFFFFFFFFFu;
    }
    return bits_set != 0;
}
