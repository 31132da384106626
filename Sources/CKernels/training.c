// SPDX-License-Identifier: Apache-2.0
#include "CKernelsTraining.h"
#include <math.h>
#include <string.h>

// Fused operations are asked for by name (FMA below); elsewhere every machine must round alike.
#pragma STDC FP_CONTRACT OFF

typedef float v16 __attribute__((vector_size(64)));
typedef float v16_loose __attribute__((vector_size(64), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

#define PADDED(n) (((n) + 15) / 16 * 16)
// Inputs of a panel that are multiplied at a time: 128 x 48 floats are half of the first-level cache.
#define INPUT_BLOCK 128

// The width of the next panel of a layer with `left` padded outputs to go: 48, then two of 32 rather than 48 and 16.
#define panel_width(left) ((left) == 48 || (left) > 64 ? 48 : (left) >= 32 ? 32 : (size_t)16)

#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

// Four perfect shuffles of the rows with each other transpose a block of 16 x 16. A macro, because an
// inlined function must have the same target as its caller.
#define ZIP_LOW(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_HIGH(a, b) SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define transpose16(a)                                       \
    for (int round = 0; round < 4; round++) {                \
        v16 next[16];                                        \
        for (int t = 0; t < 8; t++) {                        \
            next[2 * t] = ZIP_LOW(a[t], a[t + 8]);           \
            next[2 * t + 1] = ZIP_HIGH(a[t], a[t + 8]);      \
        }                                                    \
        for (int t = 0; t < 16; t++) a[t] = next[t];         \
    }

// The resolvers of clones run before the thread sanitizer is ready, and would crash the program at its start.
#if !defined(__has_feature)
#define __has_feature(name) 0
#endif

#if defined(__x86_64__) && __has_feature(thread_sanitizer)
#define CLONES
#elif defined(__x86_64__)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))

#define NAME(x) avx512_##x
// Without a minimal width the compiler splits 512-bit vectors in two: it tunes this level for 256 bits.
#define TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define LANES 16
#define TILE_ROWS 8
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "training_dense.inc"

#define NAME(x) avx2_##x
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define LANES 8
#define TILE_ROWS 4
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "training_dense.inc"

#define NAME(x) baseline_##x
#define TARGET
#define LANES 4
#define TILE_ROWS 4
#define FMA(a, b, c) ((a) * (b) + (c))
#include "training_dense.inc"
#else
#define CLONES

#define NAME(x) baseline_##x
#define TARGET
#define LANES 4
#define TILE_ROWS 8
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "training_dense.inc"
#endif

const ckt_kernels *ckt_kernels_for(int level) {
#if defined(__x86_64__)
    if (level == 2) return __builtin_cpu_supports("x86-64-v4") ? &avx512_kernels : NULL;
    if (level == 1) return __builtin_cpu_supports("x86-64-v3") ? &avx2_kernels : NULL;
#endif
    return level == 0 ? &baseline_kernels : NULL;
}

const ckt_kernels *ckt_kernels_best(void) {
    for (int level = 2; level > 0; level--) {
        const ckt_kernels *kernels = ckt_kernels_for(level);
        if (kernels) return kernels;
    }
    return &baseline_kernels;
}

CLONES void ckt_gather_bytes(
    const uint8_t *data, size_t features, const uint32_t *indices, size_t rows, size_t padded_rows, float scale,
    float *out, size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *restrict from = data + (size_t)indices[r] * features;
        float *restrict to = out + r * stride;
        for (size_t f = 0; f < features; f++) to[f] = scale * (float)from[f];
    }
    for (size_t r = rows; r < padded_rows; r++) memset(out + r * stride, 0, features * sizeof(float));
}

void ckt_gather_floats(
    const float *data, size_t features, const uint32_t *indices, size_t rows, size_t padded_rows, float *out,
    size_t stride) {
    for (size_t r = 0; r < rows; r++)
        memcpy(out + r * stride, data + (size_t)indices[r] * features, features * sizeof(float));
    for (size_t r = rows; r < padded_rows; r++) memset(out + r * stride, 0, features * sizeof(float));
}

// e^x for x <= 0 without a call, so that the loop over a row vectorises: x = n ln 2 + r with |r| <= ln 2 / 2, and
// e^r by its Taylor polynomial of degree 6 (relative error below 3e-7). NaN stays NaN.
INLINE float exponential(float x) {
    const float shift = 12582912.0f;                      // 1.5 * 2^23: adding it rounds to an integer
    x = x < -87.0f ? -87.0f : x;                          // e^-87 is the smallest normal result
    float shifted = x * 1.44269504f + shift;
    float n = shifted - shift;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f; // ln 2 in two parts, the first exact in few bits
    float p = 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, 4);
    bits = (bits + 127) << 23;                            // the low bits of `shifted` hold n; this is 2^n
    float power;
    memcpy(&power, &bits, 4);
    return p * power;
}

CLONES static float row_exponentials(const float *restrict logits, float *restrict out, size_t classes) {
    float largest = logits[0];
    for (size_t c = 1; c < classes; c++) largest = logits[c] > largest ? logits[c] : largest;
    for (size_t c = 0; c < classes; c++) out[c] = exponential(logits[c] - largest);
    return largest;
}

double ckt_softmax_cross_entropy(
    const float *logits, float *probabilities, float *gradient, size_t stride, size_t rows, size_t padded_rows,
    size_t classes, const int32_t *labels, float scale) {
    double loss = 0;
    for (size_t r = 0; r < rows; r++) {
        const float *restrict z = logits + r * stride;
        float *restrict p = probabilities + r * stride;
        float *restrict g = gradient + r * stride;
        float largest = row_exponentials(z, p, classes);
        float sum = 0;
        for (size_t c = 0; c < classes; c++) sum += p[c];
        float inverse = 1 / sum;
        for (size_t c = 0; c < classes; c++) {
            p[c] *= inverse;
            g[c] = p[c] * scale;
        }
        size_t label = (size_t)labels[r];
        g[label] = (p[label] - 1) * scale;
        loss += log((double)sum) + ((double)largest - (double)z[label]);
    }
    for (size_t r = rows; r < padded_rows; r++) {
        memset(probabilities + r * stride, 0, classes * sizeof(float));
        memset(gradient + r * stride, 0, classes * sizeof(float));
    }
    return loss;
}

double ckt_evaluate(
    const float *logits, size_t stride, size_t rows, size_t classes, const int32_t *labels, size_t *correct) {
    double loss = 0;
    for (size_t r = 0; r < rows; r++) {
        const float *z = logits + r * stride;
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            if (z[c] > z[best]) best = c;
        double sum = 0;
        for (size_t c = 0; c < classes; c++) sum += exp((double)z[c] - (double)z[best]);
        loss += log(sum) + ((double)z[best] - (double)z[labels[r]]);
        *correct += best == (size_t)labels[r];
    }
    return loss;
}
