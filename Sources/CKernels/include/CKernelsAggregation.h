// SPDX-License-Identifier: Apache-2.0
// Kernels of the aggregation engines. Rows are float vectors of the same coordinates, one an update; every function
// gives the same bits on every instruction-set clone (see aggregation.c for why).
#ifndef TRIBUTARY_CKERNELS_AGGREGATION_H
#define TRIBUTARY_CKERNELS_AGGREGATION_H
#include <stddef.h>
#include <stdint.h>

// The coordinates that ck_gram and ck_mix widen to double at a time.
#define CK_WIDE_CHUNK 256
// The coordinates that ck_sorted_mean and ck_mean_around_median order at a time.
#define CK_SORT_CHUNK 64

// gram[i * m + j] += sum over k < n of rows[i][k] * rows[j][k], for j <= i; the other triangle is not touched.
// scratch: ((m + 3) / 4 * 4) * CK_WIDE_CHUNK doubles.
void ck_gram(double *restrict gram, const float *const *rows, size_t m, size_t n, double *restrict scratch);

// norms[i] += sum over k < n of rows[i][k]^2
void ck_squared_norms(double *restrict norms, const float *const *rows, size_t m, size_t n);

// The rows that ck_combine adds from first to last; ModelState's BlockFold has the same number.
#define CK_FOLD_BLOCK 64

// out[k] = sum over i of weights[i] * rows[i][k], in BlockFold's order: blocks of CK_FOLD_BLOCK rows from the first to
// the last row, blocks in pairs, pairs in pairs; what has no sibling from the end. Up to CK_FOLD_BLOCK rows that is the
// order of i.
void ck_combine(double *restrict out, const float *const *rows, const double *weights, size_t m, size_t n);

// out[r][k] = scale[r] * (sum over e in starts[r] ..< starts[r + 1] of weights[e] * rows[columns[e]][k]), a sparse
// matrix by rows. Where unit[r] is not 0 the weights of row r count as 1. scratch: m * CK_WIDE_CHUNK doubles.
void ck_mix(float *const *out, size_t r, const float *const *rows, size_t m, size_t n, const uint32_t *starts,
            const uint32_t *columns, const double *weights, const double *scale, const uint8_t *unit,
            double *restrict scratch);

// Orders each coordinate's m values by the comparators (pairs[2c], pairs[2c + 1]), which put the smaller value first,
// then out[k] = mean of the positions first ..< last, added from the smallest. Returns 0 if some value is not finite,
// else 1. scratch: m * CK_SORT_CHUNK floats.
int ck_sorted_mean(double *restrict out, const float *const *rows, size_t m, size_t n, const uint16_t *pairs,
                   size_t pair_count, size_t first, size_t last, float *restrict scratch);

// Orders as above (completely), then out[k] = mean of the `keep` values nearest to the median of the coordinate; of two
// equally near values the smaller is kept. Needs m - keep <= keep. Returns 0 if some value is not finite, else 1.
int ck_mean_around_median(double *restrict out, const float *const *rows, size_t m, size_t n, const uint16_t *pairs,
                          size_t pair_count, size_t keep, float *restrict scratch);

// m[k] = beta1 * m[k] + (1 - beta1) * delta[k], then the second moment v[k] by `kind`:
//   0 (Adagrad) v + delta^2;  1 (Adam) beta2 * v + (1 - beta2) * delta^2;  2 (Yogi) v - (1 - beta2) * delta^2 * sign(v
//   - delta^2)
// out[k] = eta * m[k] / (sqrt(v[k]) + tau); out may be delta. Moments are rounded to float as they are stored.
void ck_adaptive_step(double *out, const double *delta, float *restrict m, float *restrict v, double beta1,
                      double beta2, double eta, double tau, int kind, size_t n);

// velocity[k] = beta * velocity[k] + delta[k]; out[k] = eta * velocity[k]; out may be delta
void ck_momentum_step(double *out, const double *delta, float *restrict velocity, double beta, double eta, size_t n);

// out[k] = scale * x[k]; out may be x
void ck_scale_double(double *out, const double *x, double scale, size_t n);

// sum of x[k] * y[k], 8 lanes
double ck_dot_mixed(const double *x, const float *y, size_t n);

// sum of x[k]^2, 8 lanes
double ck_squared_norm_double(const double *x, size_t n);

// out[k] = (float)x[k]
void ck_narrow(float *restrict out, const double *restrict x, size_t n);

// out[k] = scale * (double)x[k]
void ck_widen(double *restrict out, const float *restrict x, double scale, size_t n);

// 1 if every x[k] is finite, else 0
int ck_all_finite_double(const double *x, size_t n);

// 1 if some x[k] is not zero, else 0
int ck_any_nonzero(const double *x, size_t n);
#endif
