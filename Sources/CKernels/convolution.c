// SPDX-License-Identifier: Apache-2.0
#include "CKernelsConvolution.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Fused operations are asked for by name (FMA below); elsewhere every machine must round alike.
#pragma STDC FP_CONTRACT OFF

#ifndef WEIGHT_BLOCK
#define WEIGHT_BLOCK 24576
#endif
// Row r of a tile is reached from one of five addresses, those of the rows 0, 3, 6, 9 and 12, by 0, 1, 2, 4 or 8 times
// the step: what an instruction can add. OPAQUE keeps the compiler from making an address of each row instead, which
// would not fit the registers.
#define BASE(r) ((r) == 4 || (r) == 8 ? 0 : (r) == 7 || (r) == 11 ? 1 : (r) == 5 ? 1 : (r) == 10 ? 2 : (r) / 3)
#define MULTIPLE(r) ((r) - 3 * BASE(r))
#define OPAQUE(base, rows)                                \
    do {                                                  \
        __asm__("" : "+r"(base[0]));                      \
        if ((rows) > 3) __asm__("" : "+r"(base[1]));      \
        if ((rows) > 6) __asm__("" : "+r"(base[2]));      \
        if ((rows) > 9) __asm__("" : "+r"(base[3]));      \
        if ((rows) > 12) __asm__("" : "+r"(base[4]));     \
    } while (0)
#define PADDED(n) (((n) + 15) / 16 * 16)
#define INLINE static inline __attribute__((always_inline))

// The width of the next panel of a layer with `left` padded outputs to go.
#define panel_width(left) ((left) >= 32 ? (size_t)32 : (size_t)16)

// The resolvers of clones run before the thread sanitizer is ready, and would crash the program at its start.
#if !defined(__has_feature)
#define __has_feature(name) 0
#endif

#if defined(__x86_64__) && __has_feature(thread_sanitizer)
#define CLONES
#elif defined(__x86_64__)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif

#if defined(__x86_64__)
#define NAME(x) avx512_conv_##x
// Without a minimal width the compiler splits 512-bit vectors in two: it tunes this level for 256 bits.
#define TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define LANES 16
#define TILE 14
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "convolution.inc"

#define NAME(x) avx2_conv_##x
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define LANES 8
#define TILE 6
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "convolution.inc"

#define NAME(x) baseline_conv_##x
#define TARGET
#define LANES 4
#define TILE 6
#define FMA(a, b, c) ((a) * (b) + (c))
#include "convolution.inc"
#else
#define NAME(x) baseline_conv_##x
#define TARGET
#define LANES 4
#define TILE 14
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "convolution.inc"
#endif

const ckc_kernels *ckc_kernels_for(int level) {
#if defined(__x86_64__)
    if (level == 2) return __builtin_cpu_supports("x86-64-v4") ? &avx512_conv_kernels : NULL;
    if (level == 1) return __builtin_cpu_supports("x86-64-v3") ? &avx2_conv_kernels : NULL;
#endif
    return level == 0 ? &baseline_conv_kernels : NULL;
}

const ckc_kernels *ckc_kernels_best(void) {
    for (int level = 2; level > 0; level--) {
        const ckc_kernels *kernels = ckc_kernels_for(level);
        if (kernels) return kernels;
    }
    return &baseline_conv_kernels;
}

// MARK: Layouts of the weights

// Where the element of output o, input i, tap t lies in panels of `outputs` (padded) outputs and `inputs` inputs.
INLINE size_t panel_index(size_t outputs, size_t inputs, size_t taps, size_t o, size_t i, size_t t) {
    size_t panel = o / 32 * 32, width = panel_width(outputs - panel);
    return panel * taps * inputs + (t * inputs + i) * width + (o - panel);
}

void ckc_pack(const float *weights, size_t outputs, size_t inputs, size_t taps, float *panels) {
    size_t padded = PADDED(outputs);
    memset(panels, 0, padded * inputs * taps * sizeof(float));
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            for (size_t t = 0; t < taps; t++)
                panels[panel_index(padded, inputs, taps, o, i, t)] = weights[(o * inputs + i) * taps + t];
}

void ckc_unpack_difference(
    const float *panels, const float *start, size_t outputs, size_t inputs, size_t taps, float *out) {
    size_t padded = PADDED(outputs);
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            for (size_t t = 0; t < taps; t++) {
                size_t at = (o * inputs + i) * taps + t;
                out[at] = panels[panel_index(padded, inputs, taps, o, i, t)] - (start ? start[at] : 0);
            }
}

void ckc_flip(const float *panels, size_t outputs, size_t inputs, size_t taps, float *flipped) {
    size_t padded = PADDED(outputs), padded_inputs = PADDED(inputs);
    for (size_t panel = 0, width; panel < padded_inputs; panel += width) {
        width = panel_width(padded_inputs - panel);
        float *to = flipped + panel * taps * outputs;
        for (size_t t = 0; t < taps; t++)
            for (size_t o = 0; o < outputs; o++, to += width)
                for (size_t i = panel; i < panel + width; i++)
                    to[i - panel] = i < inputs ? panels[panel_index(padded, inputs, taps, o, i, taps - 1 - t)] : 0;
    }
}

// Where the sparse layout keeps the inputs of one tap of one output.
INLINE size_t spread_index(size_t outputs, size_t inputs, size_t o, size_t t) {
    return ((t / CKC_SPARSE_KERNEL * outputs + o) * CKC_SPARSE_KERNEL + t % CKC_SPARSE_KERNEL) * PADDED(inputs);
}

void ckc_spread(const float *panels, size_t outputs, size_t inputs, size_t kernel_height, float *spread) {
    size_t taps = kernel_height * CKC_SPARSE_KERNEL;
    for (size_t t = 0; t < taps; t++)
        for (size_t o = 0; o < outputs; o++)
            for (size_t i = 0; i < inputs; i++)
                spread[spread_index(outputs, inputs, o, t) + i] = panels[panel_index(outputs, inputs, taps, o, i, t)];
}

void ckc_gather_spread(const float *spread, size_t outputs, size_t inputs, size_t kernel_height, float *panels) {
    size_t taps = kernel_height * CKC_SPARSE_KERNEL;
    for (size_t t = 0; t < taps; t++)
        for (size_t i = 0; i < inputs; i++)
            for (size_t o = 0; o < outputs; o++)
                panels[panel_index(outputs, inputs, taps, o, i, t)] = spread[spread_index(outputs, inputs, o, t) + i];
}

// MARK: Pooling

INLINE void pool_pixel(
    const float *x, size_t x_row, size_t x_pixel, size_t pool, size_t channels, float *restrict y,
    uint8_t *restrict which, int relu) {
    for (size_t c0 = 0; c0 < channels; c0 += 16) {
        float best[16];
        int place[16];
        for (size_t c = 0; c < 16; c++) {
            best[c] = x[c0 + c];
            place[c] = 0;
        }
        for (size_t p = 1; p < pool * pool; p++) {
            const float *from = x + p / pool * x_row + p % pool * x_pixel + c0;
            for (size_t c = 0; c < 16; c++) {
                int wins = (from[c] > best[c]) | (from[c] != from[c]);
                best[c] = wins ? from[c] : best[c];
                place[c] = wins ? (int)p : place[c];
            }
        }
        for (size_t c = 0; c < 16; c++) {
            y[c0 + c] = relu && best[c] < 0 ? 0 : best[c];
            which[c0 + c] = (uint8_t)place[c];
        }
    }
}

// One row of windows; the usual side of 2 is known to the compiler.
CLONES static void pool_row(
    const float *x, size_t x_row, size_t x_pixel, size_t pool, size_t width, size_t channels, float *restrict y,
    size_t y_pixel, uint8_t *restrict which, int relu) {
    for (size_t column = 0; column < width; column++) {
        const float *from = x + column * pool * x_pixel;
        if (pool == 2)
            pool_pixel(from, x_row, x_pixel, 2, channels, y + column * y_pixel, which + column * channels, relu);
        else
            pool_pixel(from, x_row, x_pixel, pool, channels, y + column * y_pixel, which + column * channels, relu);
    }
}

void ckc_max_pool(
    const float *x, size_t x_row, size_t x_pixel, size_t pool, size_t height, size_t width, size_t channels, float *y,
    size_t y_row, size_t y_pixel, uint8_t *which, int relu) {
    for (size_t row = 0; row < height; row++)
        pool_row(
            x + row * pool * x_row, x_row, x_pixel, pool, width, channels, y + row * y_row, y_pixel,
            which + row * width * channels, relu);
}

CLONES static void unpool_pixel(
    const float *dy, const float *y, const uint8_t *which, size_t pool, size_t channels, float *restrict dx,
    size_t dx_row, size_t dx_pixel, int relu) {
    for (size_t p = 0; p < pool * pool; p++) {
        float *restrict to = dx + p / pool * dx_row + p % pool * dx_pixel;
        for (size_t c = 0; c < channels; c++) to[c] = which[c] == p && !(relu && y[c] <= 0) ? dy[c] : 0;
    }
}

void ckc_max_pool_gradient(
    const float *dy, size_t dy_row, size_t dy_pixel, const float *y, size_t y_row, size_t y_pixel, const uint8_t *which,
    size_t pool, size_t height, size_t width, size_t channels, float *dx, size_t dx_row, size_t dx_pixel, int relu) {
    for (size_t row = 0; row < height; row++)
        for (size_t column = 0; column < width; column++)
            unpool_pixel(
                dy + row * dy_row + column * dy_pixel, y + row * y_row + column * y_pixel,
                which + (row * width + column) * channels, pool, channels,
                dx + row * pool * dx_row + column * pool * dx_pixel, dx_row, dx_pixel, relu);
}

void ckc_output_winners(const ckc_shape *shape, size_t pool, const ckc_winners *winners) {
    size_t outputs = shape->outputs, rows = shape->height / pool, columns = shape->width / pool;
    const uint32_t *place_output = winners->place_output, *place_count = winners->place_count;
    const float *place_value = winners->place_value;
    uint32_t places[256];
    for (size_t p = 0; p < pool * pool; p++)
        places[p] = (uint32_t)(p / pool * shape->x_row + p % pool * shape->x_pixel);
    memset(winners->output_count, 0, outputs * sizeof(uint32_t));
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            uint32_t window = (uint32_t)(row * pool * shape->x_row + column * pool * shape->x_pixel);
            for (size_t p = 0; p < pool * pool; p++, place_output += outputs, place_value += outputs) {
                for (size_t k = 0, count = *place_count++; k < count; k++) {
                    size_t o = place_output[k], at = o * rows * columns + winners->output_count[o]++;
                    winners->output_offset[at] = window + places[p];
                    winners->output_value[at] = place_value[k];
                }
            }
        }
}

void ckc_sparse_bias_gradient(
    size_t outputs, size_t windows, const ckc_winners *winners, float *bias_gradient) {
    for (size_t o = 0; o < outputs; o++) {
        float sum = bias_gradient[o];
        for (size_t k = 0; k < winners->output_count[o]; k++) sum += winners->output_value[o * windows + k];
        bias_gradient[o] = sum;
    }
}
