// SPDX-License-Identifier: Apache-2.0
// Numeric kernels over contiguous float vectors. Every function gives the same bits on every instruction-set clone:
// sums run over a fixed number of lanes, and multiply-add is never contracted (see kernels.c).
#ifndef TRIBUTARY_CKERNELS_H
#define TRIBUTARY_CKERNELS_H
#include <stddef.h>
#include <stdint.h>

// y[i] += a * x[i]
void ck_axpy(float *restrict y, const float *restrict x, float a, size_t n);
// x[i] *= a
void ck_scale(float *x, float a, size_t n);
// out[i] = a[i] - b[i]
void ck_subtract(float *restrict out, const float *restrict a, const float *restrict b, size_t n);
// acc[i] += w * (double)x[i]
void ck_accumulate(double *restrict acc, const float *restrict x, double w, size_t n);
// out[i] = (float)((double)base[i] + scale * acc[i]); out may equal base
void ck_apply(float *out, const float *base, const double *restrict acc, double scale, size_t n);
// sum of x[i]^2 in double, 16 lanes, lanes added in order
double ck_squared_norm(const float *x, size_t n);
// sum of x[i]*y[i] in double, 16 lanes, lanes added in order
double ck_dot(const float *x, const float *y, size_t n);
// 1 if every x[i] is finite, else 0
int ck_all_finite(const float *x, size_t n);

#include "CKernelsTraining.h"
#endif
