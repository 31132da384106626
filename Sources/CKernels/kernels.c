// SPDX-License-Identifier: Apache-2.0
#include "CKernels.h"
#include <string.h>

// Contracting a*b+c into a fused operation would round differently on CPUs with FMA: the same job must give the same
// bits everywhere.
#pragma STDC FP_CONTRACT OFF

#if !defined(__has_feature)
#define __has_feature(name) 0
#endif

// The thread sanitizer cannot run the functions that choose a clone: they run before it is ready.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif

CLONES void ck_axpy(float *restrict y, const float *restrict x, float a, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

CLONES void ck_scale(float *x, float a, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= a;
}

CLONES void ck_subtract(float *restrict out, const float *restrict a, const float *restrict b, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = a[i] - b[i];
}

CLONES void ck_accumulate(double *restrict acc, const float *restrict x, double w, size_t n) {
    for (size_t i = 0; i < n; i++) acc[i] += w * (double)x[i];
}

CLONES void ck_apply(float *out, const float *base, const double *restrict acc, double scale, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (float)((double)base[i] + scale * acc[i]);
}

#define LANES 16

CLONES double ck_squared_norm(const float *x, size_t n) {
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += (double)x[i + l] * (double)x[i + l];
    for (int l = 0; i < n; i++, l++) lane[l] += (double)x[i] * (double)x[i];
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

CLONES double ck_dot(const float *x, const float *y, size_t n) {
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += (double)x[i + l] * (double)y[i + l];
    for (int l = 0; i < n; i++, l++) lane[l] += (double)x[i] * (double)y[i];
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

CLONES int ck_all_finite(const float *x, size_t n) {
    // A float is infinite or not a number exactly when all exponent bits are set; OR-ing the comparison keeps the loop
    // free of branches.
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        bad |= ((bits & 0x7F800000u) == 0x7F800000u);
    }
    return bad == 0;
}
