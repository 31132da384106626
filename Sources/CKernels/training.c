// SPDX-License-Identifier: Apache-2.0
#include "CKernelsTraining.h"
#include <math.h>
#include <string.h>

// Fused operations are asked for by name (FMA below); elsewhere every machine must round alike.
#pragma STDC FP_CONTRACT OFF

typedef float v16 __attribute__((vector_size(64)));
typedef float v16_loose __attribute__((vector_size(64), aligned(4)));

#define PADDED(n) (((n) + 15) / 16 * 16)
// Inputs of a panel that are multiplied at a time: 128 x 48 floats are half of the first-level cache.
#define INPUT_BLOCK 128
// Weights from which on a layer does not stay in the second-level cache.
#define AHEAD_WEIGHTS ((size_t)1 << 18)

// The most outputs of a panel. 13 registers of 16: two rows of such a panel and what multiplies them fill AVX-512's
// register file.
#define PANEL_WIDTH 208
// What the sparse kernels keep in the first-level cache of a batch's gradient.
#define SPARSE_CACHE 32768
// Inputs whose weights the sparse forward product keeps there, at most 64: 48 x 208 floats are 40 KB.
#define SPARSE_BLOCK 48

// The width of the next panel of a layer with `left` padded outputs to go: an even share of them.
static inline size_t panel_width(size_t left) {
    size_t panels = (left + PANEL_WIDTH - 1) / PANEL_WIDTH;
    return PADDED((left + panels - 1) / panels);
}

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

// 1 / n! from n = 6 down: e^r by its Taylor polynomial (relative error below 3e-7 for |r| <= ln 2 / 2).
static const float taylor[7] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};

typedef int32_t m16 __attribute__((vector_size(64)));

// e^x for 16 values x <= 0: x = n ln 2 + r with |r| <= ln 2 / 2. NaN stays NaN. A macro, because an inlined function
// must have the same target as its caller. Adding 1.5 * 2^23 rounds to an integer, n, which then stands in the low
// bits; ln 2 comes in two parts, the first exact in few bits.
#define exponential16(x, result)                                                                        \
    do {                                                                                                \
        v16 bounded = (v16)(((m16)(x) & ~((x) < -87.0f)) | ((m16)(-87.0f - (v16){0}) & ((x) < -87.0f))); \
        v16 shifted = bounded * 1.44269504f + 12582912.0f;                                                \
        v16 n = shifted - 12582912.0f;                                                                  \
        v16 r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;                                        \
        v16 sum = taylor[0] - (v16){0};                                                                 \
        for (int t = 1; t < 7; t++) sum = sum * r + taylor[t];                                          \
        (result) = sum * (v16)(((m16)shifted + 127) << 23);                                               \
    } while (0)

static const m16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

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
#define SPARSE_DEPTH 8
#define SPARSE_COLUMNS 13
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "training_dense.inc"

#define NAME(x) avx2_##x
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define LANES 8
#define TILE_ROWS 4
#define SPARSE_DEPTH 8
#define SPARSE_COLUMNS 6
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "training_dense.inc"

#define NAME(x) baseline_##x
#define TARGET
#define LANES 4
#define TILE_ROWS 4
#define SPARSE_DEPTH 8
#define SPARSE_COLUMNS 6
#define FMA(a, b, c) ((a) * (b) + (c))
#include "training_dense.inc"
#else
#define CLONES

#define NAME(x) baseline_##x
#define TARGET
#define LANES 4
#define TILE_ROWS 8
#define SPARSE_DEPTH 8
#define SPARSE_COLUMNS 6
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

void ckt_prefetch(const void *data, size_t bytes) {
    const char *from = data;
    for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(from + at);
}

// Asks for a sample that is taken soon, and for its share of the `coming` ones.
static inline void ask_ahead(
    const void *data, size_t bytes, const uint32_t *indices, size_t r, size_t rows, size_t coming) {
    if (r + 2 < rows) ckt_prefetch((const char *)data + (size_t)indices[r + 2] * bytes, bytes);
    for (size_t next = r; next < coming; next += rows)
        ckt_prefetch((const char *)data + (size_t)indices[rows + next] * bytes, bytes);
}

CLONES static void convert_bytes(const uint8_t *restrict from, size_t features, float scale, float *restrict to) {
    for (size_t f = 0; f < features; f++) to[f] = scale * (float)from[f];
}

void ckt_gather_bytes(
    const uint8_t *data, size_t features, const uint32_t *indices, size_t rows, size_t coming, size_t padded_rows,
    float scale, float *out, size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        ask_ahead(data, features, indices, r, rows, coming);
        convert_bytes(data + (size_t)indices[r] * features, features, scale, out + r * stride);
    }
    for (size_t r = rows; r < padded_rows; r++) memset(out + r * stride, 0, features * sizeof(float));
}

void ckt_gather_floats(
    const float *data, size_t features, const uint32_t *indices, size_t rows, size_t coming, size_t padded_rows,
    float *out, size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        ask_ahead(data, features * sizeof(float), indices, r, rows, coming);
        memcpy(out + r * stride, data + (size_t)indices[r] * features, features * sizeof(float));
    }
    for (size_t r = rows; r < padded_rows; r++) memset(out + r * stride, 0, features * sizeof(float));
}

#define SOFTMAX_ROWS 64

// Probabilities of up to SOFTMAX_ROWS rows; hands on each row's sum of exponentials and largest logit.
CLONES static void softmax_rows(
    const float *logits, float *probabilities, float *gradient, size_t stride, size_t rows, size_t classes, float scale,
    float *sums, float *largest) {
    for (size_t r = 0; r < rows; r++) {
        const float *restrict z = logits + r * stride;
        float *restrict p = probabilities + r * stride;
        float *restrict g = gradient + r * stride;
        float top = z[0];
        for (size_t c = 1; c < classes; c++) top = z[c] > top ? z[c] : top;
        float sum = 0, inverse;
        // A whole register where a row has room for it; what lies past the classes is written as zero.
        if (classes <= 16 && stride >= 16) {
            v16 x = *(const v16_loose *)z - top;
            exponential16(x, x);
            for (size_t c = 0; c < classes; c++) sum += x[c];
            inverse = 1 / sum;
            x = (v16)((m16)(x * inverse) & (lanes < (int)classes));
            *(v16_loose *)p = x;
            *(v16_loose *)g = x * scale;
        } else {
            for (size_t c = 0; c < classes; c += 16) {
                v16 x = {0};
                size_t count = classes - c < 16 ? classes - c : 16;
                memcpy(&x, z + c, count * sizeof(float));
                x -= top;
                exponential16(x, x);
                memcpy(p + c, &x, count * sizeof(float));
            }
            for (size_t c = 0; c < classes; c++) sum += p[c];
            inverse = 1 / sum;
            for (size_t c = 0; c < classes; c++) {
                p[c] *= inverse;
                g[c] = p[c] * scale;
            }
        }
        sums[r] = sum;
        largest[r] = top;
    }
}

double ckt_softmax_cross_entropy(
    const float *logits, float *probabilities, float *gradient, size_t stride, size_t rows, size_t padded_rows,
    size_t classes, const int32_t *labels, float scale) {
    double loss = 0;
    for (size_t first = 0; first < rows; first += SOFTMAX_ROWS) {
        float sums[SOFTMAX_ROWS], largest[SOFTMAX_ROWS];
        size_t count = rows - first < SOFTMAX_ROWS ? rows - first : SOFTMAX_ROWS;
        softmax_rows(
            logits + first * stride, probabilities + first * stride, gradient + first * stride, stride, count, classes,
            scale, sums, largest);
        for (size_t r = 0; r < count; r++) {
            size_t label = (size_t)labels[first + r], at = (first + r) * stride + label;
            gradient[at] = (probabilities[at] - 1) * scale;
            loss += log((double)sums[r]) + ((double)largest[r] - (double)logits[at]);
        }
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

CLONES int ckt_add_difference(
    double *restrict sum, const float *restrict values, const float *restrict start, double weight, size_t n) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        float difference = values[i] - start[i];
        uint32_t bits;
        memcpy(&bits, &difference, 4);
        bad |= ((bits & 0x7F800000u) == 0x7F800000u);
    }
    if (bad) return 0;
    for (size_t i = 0; i < n; i++) sum[i] += weight * (double)(values[i] - start[i]);
    return 1;
}

CLONES void ckt_accumulate_difference(
    double *restrict sum, const float *restrict values, const float *restrict start, double weight, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] += weight * (double)(values[i] - start[i]);
}

void ckt_unpack_sum(const double *packed, double *out, size_t outputs, size_t inputs) {
    size_t padded_inputs = PADDED(inputs), padded_outputs = PADDED(outputs);
    for (size_t panel = 0, width; panel < padded_outputs; panel += width) {
        width = panel_width(padded_outputs - panel);
        size_t end = panel + width < outputs ? panel + width : outputs;
        // Eight outputs of an input are a line of the cache, read once.
        for (size_t first = panel; first < end; first += 8) {
            size_t count = end - first < 8 ? end - first : 8;
            const double *from = packed + panel * padded_inputs + (first - panel);
            for (size_t i = 0; i < inputs; i++, from += width)
                for (size_t o = 0; o < count; o++) out[(first + o) * inputs + i] = from[o];
        }
    }
}

// Calls BLOCK, or EDGE where 16 x 16 do not fit, for the blocks of outputs and pixels of each channel: `at` is the
// block's place in [outputs][channels][pixels], `place` that in the panel.
#define EACH_BLOCK(BLOCK, EDGE)                                                                          \
    size_t stride = PADDED(channels), inputs = channels * pixels, padded_outputs = PADDED(outputs);      \
    for (size_t panel = 0, width; panel < padded_outputs; panel += width) {                              \
        width = panel_width(padded_outputs - panel);                                                     \
        size_t end = panel + width < outputs ? panel + width : outputs, step = stride * width;           \
        for (size_t c = 0; c < channels; c++)                                                            \
            for (size_t p = 0; p < pixels; p += 16)                                                      \
                for (size_t o = panel; o < end; o += 16) {                                               \
                    size_t at = o * inputs + c * pixels + p;                                             \
                    size_t place = panel * stride * pixels + (p * stride + c) * width + (o - panel);     \
                    if (o + 16 <= end && p + 16 <= pixels) {                                             \
                        v16 block[16];                                                                   \
                        BLOCK                                                                            \
                    } else {                                                                             \
                        for (size_t i = 0; i < 16 && p + i < pixels; i++)                                \
                            for (size_t r = 0; r < 16 && o + r < end; r++) EDGE;                         \
                    }                                                                                    \
                }                                                                                        \
    }
#define AT(r) (at + (r) * inputs)

CLONES void ckt_pack_image(
    const float *restrict weights, size_t outputs, size_t channels, size_t pixels, float *restrict packed) {
    EACH_BLOCK(
        for (size_t r = 0; r < 16; r++) block[r] = *(const v16_loose *)(weights + AT(r));
        transpose16(block);
        for (size_t i = 0; i < 16; i++) *(v16_loose *)(packed + place + i * step) = block[i];,
        packed[place + i * step + r] = weights[AT(r) + i])
}

CLONES void ckt_unpack_image_difference(
    const float *restrict packed, const float *restrict start, size_t outputs, size_t channels, size_t pixels,
    float *restrict out) {
    EACH_BLOCK(
        for (size_t i = 0; i < 16; i++) block[i] = *(const v16_loose *)(packed + place + i * step);
        transpose16(block);
        for (size_t r = 0; r < 16; r++)
            *(v16_loose *)(out + AT(r)) = start ? block[r] - *(const v16_loose *)(start + AT(r)) : block[r];,
        out[AT(r) + i] = packed[place + i * step + r] - (start ? start[AT(r) + i] : 0))
}
