// SPDX-License-Identifier: Apache-2.0
#include "CKernelsLayers.h"
#include <math.h>
#include <string.h>

// Contracting a*b+c into a fused operation would round differently on CPUs with FMA: every machine must round alike.
#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

// The resolvers of clones run before the thread sanitizer is ready, and would crash the program at its start.
#if !defined(__has_feature)
#define __has_feature(name) 0
#endif
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif

#define PIXEL(view, n, y, x) ((view)->base + (n) * (view)->image + (y) * (view)->row + (x) * (view)->pixel)

// MARK: Input

CLONES void ckl_gather_bytes(
    const uint8_t *data, size_t channels, size_t height, size_t width, float scale, float *out, size_t row,
    size_t pixel) {
    for (size_t c = 0; c < channels; c++)
        for (size_t y = 0; y < height; y++) {
            const uint8_t *restrict from = data + (c * height + y) * width;
            float *restrict to = out + y * row + c;
            if (pixel == 1)
                for (size_t x = 0; x < width; x++) to[x] = scale * (float)from[x];
            else
                for (size_t x = 0; x < width; x++) to[x * pixel] = scale * (float)from[x];
        }
}

void ckl_gather_floats(
    const float *data, size_t channels, size_t height, size_t width, float *out, size_t row, size_t pixel) {
    for (size_t c = 0; c < channels; c++)
        for (size_t y = 0; y < height; y++) {
            const float *restrict from = data + (c * height + y) * width;
            float *restrict to = out + y * row + c;
            for (size_t x = 0; x < width; x++) to[x * pixel] = from[x];
        }
}

void ckl_scatter_floats(
    const float *x, size_t row, size_t pixel, size_t channels, size_t height, size_t width, float *out) {
    for (size_t c = 0; c < channels; c++)
        for (size_t y = 0; y < height; y++)
            for (size_t column = 0; column < width; column++)
                out[(c * height + y) * width + column] = x[y * row + column * pixel + c];
}

// MARK: Normalisation

// A row's sum is a float for each channel, the rows' sum a double: exact enough, and the lanes are channels.
CLONES static void add_row(const float *x, size_t pixel, size_t width, double *restrict sum) {
    float part[16] = {0};
    for (size_t k = 0; k < width; k++)
        for (size_t c = 0; c < 16; c++) part[c] += x[k * pixel + c];
    for (size_t c = 0; c < 16; c++) sum[c] += (double)part[c];
}

CLONES static void add_squares(
    const float *x, size_t pixel, size_t width, const float *restrict mean, double *restrict sum) {
    float part[16] = {0};
    for (size_t k = 0; k < width; k++)
        for (size_t c = 0; c < 16; c++) {
            float d = x[k * pixel + c] - mean[c];
            part[c] += d * d;
        }
    for (size_t c = 0; c < 16; c++) sum[c] += (double)part[c];
}

void ckl_statistics(const ckl_extent *e, const ckl_view *x, double *mean, double *variance) {
    double count = (double)(e->images * e->height * e->width);
    for (size_t c = 0; c < e->channels; c += 16) {
        double sum[16] = {0}, squares[16] = {0};
        float rounded[16];
        for (size_t n = 0; n < e->images; n++)
            for (size_t y = 0; y < e->height; y++) add_row(PIXEL(x, n, y, 0) + c, x->pixel, e->width, sum);
        for (size_t i = 0; i < 16; i++) rounded[i] = (float)(sum[i] / count);
        for (size_t n = 0; n < e->images; n++)
            for (size_t y = 0; y < e->height; y++)
                add_squares(PIXEL(x, n, y, 0) + c, x->pixel, e->width, rounded, squares);
        for (size_t i = 0; i < 16; i++) {
            double error = sum[i] / count - (double)rounded[i];
            mean[c + i] = sum[i] / count;
            variance[c + i] = squares[i] / count - error * error;
        }
    }
}

CLONES static void scale_shift_pixel(
    const float *x, const float *restrict scale, const float *restrict shift, const float *residual, float *y,
    size_t channels, int relu) {
    if (residual)
        for (size_t c = 0; c < channels; c++) {
            float value = scale[c] * x[c] + shift[c] + residual[c];
            y[c] = relu && value < 0 ? 0 : value;
        }
    else
        for (size_t c = 0; c < channels; c++) {
            float value = scale[c] * x[c] + shift[c];
            y[c] = relu && value < 0 ? 0 : value;
        }
}

#define EACH_PIXEL                             \
    for (size_t n = 0; n < e->images; n++)     \
        for (size_t y_ = 0; y_ < e->height; y_++) \
            for (size_t x_ = 0; x_ < e->width; x_++)
#define AT(view) PIXEL(view, n, y_, x_)

void ckl_scale_shift(
    const ckl_extent *e, const ckl_view *x, const float *scale, const float *shift, const ckl_view *residual,
    const ckl_view *y, int relu) {
    EACH_PIXEL scale_shift_pixel(AT(x), scale, shift, residual ? AT(residual) : NULL, AT(y), e->channels, relu);
}

CLONES static void rectify_pixel(const float *y, float *dy, size_t channels) {
    for (size_t c = 0; c < channels; c++) dy[c] = y[c] <= 0 ? 0 : dy[c];
}

// Whether nothing lies between the pixels, rows and images of both.
static int are_runs(const ckl_extent *e, const ckl_view *a, const ckl_view *b) {
    size_t row = e->width * e->channels, image = e->height * row;
    return a->pixel == e->channels && b->pixel == e->channels && a->row == row && b->row == row && a->image == image
        && b->image == image;
}

void ckl_rectify_gradient(const ckl_extent *e, const ckl_view *y, const ckl_view *dy) {
    if (are_runs(e, y, dy)) {
        rectify_pixel(y->base, dy->base, e->images * y->image);
        return;
    }
    EACH_PIXEL rectify_pixel(AT(y), AT(dy), e->channels);
}

CLONES static void normalization_row(
    const float *x, size_t x_pixel, const float *dy, size_t dy_pixel, size_t width, const float *restrict mean,
    const float *restrict inverse, double *restrict sums, double *restrict products) {
    float sum[16] = {0}, product[16] = {0};
    for (size_t k = 0; k < width; k++)
        for (size_t c = 0; c < 16; c++) {
            float g = dy[k * dy_pixel + c];
            sum[c] += g;
            product[c] += g * ((x[k * x_pixel + c] - mean[c]) * inverse[c]);
        }
    for (size_t c = 0; c < 16; c++) {
        sums[c] += (double)sum[c];
        products[c] += (double)product[c];
    }
}

void ckl_normalization_sums(
    const ckl_extent *e, const ckl_view *x, const ckl_view *dy, const float *mean, const float *inverse, double *sums,
    double *products) {
    memset(sums, 0, e->channels * sizeof(double));
    memset(products, 0, e->channels * sizeof(double));
    for (size_t c = 0; c < e->channels; c += 16)
        for (size_t n = 0; n < e->images; n++)
            for (size_t y = 0; y < e->height; y++)
                normalization_row(
                    PIXEL(x, n, y, 0) + c, x->pixel, PIXEL(dy, n, y, 0) + c, dy->pixel, e->width, mean + c,
                    inverse + c, sums + c, products + c);
}

CLONES static void normalization_pixel(
    const float *x, const float *dy, const float *restrict mean, const float *restrict a, const float *restrict b,
    const float *restrict c, float *dx, size_t channels) {
    for (size_t i = 0; i < channels; i++) dx[i] = a[i] * dy[i] + b[i] * (x[i] - mean[i]) + c[i];
}

void ckl_normalization_gradient(
    const ckl_extent *e, const ckl_view *x, const ckl_view *dy, const float *mean, const float *a, const float *b,
    const float *c, const ckl_view *dx) {
    EACH_PIXEL normalization_pixel(AT(x), AT(dy), mean, a, b, c, AT(dx), e->channels);
}

CLONES static void add_pixel(const float *restrict from, float *restrict to, size_t channels) {
    for (size_t c = 0; c < channels; c++) to[c] += from[c];
}

void ckl_copy(const ckl_extent *e, const ckl_view *from, const ckl_view *to, int accumulate) {
    if (accumulate)
        EACH_PIXEL add_pixel(AT(from), AT(to), e->channels);
    else
        EACH_PIXEL memcpy(AT(to), AT(from), e->channels * sizeof(float));
}

// MARK: Average pooling and dropout

CLONES static void average_image(const ckl_extent *e, const ckl_view *x, size_t n, float *restrict y) {
    float factor = 1 / (float)(e->height * e->width);
    memset(y, 0, e->channels * sizeof(float));
    for (size_t row = 0; row < e->height; row++)
        for (size_t k = 0; k < e->width; k++) {
            const float *restrict from = PIXEL(x, n, row, k);
            for (size_t c = 0; c < e->channels; c++) y[c] += from[c];
        }
    for (size_t c = 0; c < e->channels; c++) y[c] *= factor;
}

void ckl_average_pool(const ckl_extent *e, const ckl_view *x, float *y) {
    for (size_t n = 0; n < e->images; n++) average_image(e, x, n, y + n * e->channels);
}

CLONES static void spread_pixel(const float *restrict dy, float factor, float *restrict dx, size_t channels) {
    for (size_t c = 0; c < channels; c++) dx[c] = factor * dy[c];
}

void ckl_average_pool_gradient(const ckl_extent *e, const float *dy, const ckl_view *dx) {
    float factor = 1 / (float)(e->height * e->width);
    EACH_PIXEL spread_pixel(dy + n * e->channels, factor, AT(dx), e->channels);
}

// A 32-bit finaliser (two multiplications, three shifts): every bit of the counter reaches every bit of the result.
INLINE uint32_t mix(uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}

CLONES static void dropout_pixel(
    const float *x, uint32_t first, uint32_t low, uint32_t high, uint32_t threshold, float scale, float *y,
    size_t channels) {
    for (size_t c = 0; c < channels; c++) {
        uint32_t draw = mix(mix((first + (uint32_t)c) ^ low) + high);
        y[c] = draw < threshold ? x[c] * scale : 0;
    }
}

void ckl_dropout(const ckl_extent *e, const ckl_view *x, uint64_t key, uint32_t threshold, const ckl_view *y) {
    float scale = (float)(4294967296.0 / (double)threshold);
    EACH_PIXEL {
        uint32_t first = (uint32_t)(((n * e->height + y_) * e->width + x_) * e->channels);
        dropout_pixel(AT(x), first, (uint32_t)key, (uint32_t)(key >> 32), threshold, scale, AT(y), e->channels);
    }
}

// MARK: Step

// With what is asked in the loop settled before it, and arrays that do not overlap, the loop vectorises.
INLINE void step_elements(
    float *restrict weights, const float *restrict gradient, float *restrict velocity, const float *restrict offset,
    float rate, float decay, float momentum, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] + decay * weights[i];
        if (offset) g += offset[i];
        if (velocity) {
            g += momentum * velocity[i];
            velocity[i] = g;
        }
        weights[i] -= rate * g;
    }
}

CLONES void ckl_step(
    float *weights, const float *gradient, float *velocity, const float *offset, const ckt_step *step, size_t count) {
    float rate = step->learning_rate, decay = step->decay, momentum = step->momentum;
    if (!velocity && !offset)
        step_elements(weights, gradient, NULL, NULL, rate, decay, momentum, count);
    else if (!velocity)
        step_elements(weights, gradient, NULL, offset, rate, decay, momentum, count);
    else if (!offset)
        step_elements(weights, gradient, velocity, NULL, rate, decay, momentum, count);
    else
        step_elements(weights, gradient, velocity, offset, rate, decay, momentum, count);
}

// MARK: GRU

// e^x for x <= 0 without a call, so that the loop vectorises: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its Taylor
// polynomial of degree 6. NaN stays NaN.
INLINE float exponential(float x) {
    const float shift = 12582912.0f;                       // 1.5 * 2^23: adding it rounds to an integer
    x = x < -87.0f ? -87.0f : x;                           // e^-87 is the smallest normal result
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
    bits = (bits + 127) << 23;                             // the low bits of `shifted` hold n; this is 2^n
    float power;
    memcpy(&power, &bits, 4);
    return p * power;
}

INLINE float sigmoid(float x) {
    float e = exponential(x < 0 ? x : -x);
    float q = 1 / (1 + e);
    return x < 0 ? e * q : q;
}

INLINE float hyperbolic_tangent(float x) {
    float e = exponential(x < 0 ? 2 * x : -2 * x);
    float q = (1 - e) / (1 + e);
    return x < 0 ? -q : q;
}

CLONES void ckl_gru_forward(
    size_t hidden, const float *restrict x, float *restrict g, const float *restrict h, float *restrict n,
    float *restrict next) {
    for (size_t i = 0; i < hidden; i++) {
        float r = sigmoid(x[i] + g[i]);
        float z = sigmoid(x[hidden + i] + g[hidden + i]);
        float candidate = hyperbolic_tangent(x[2 * hidden + i] + r * g[2 * hidden + i]);
        g[i] = r;
        g[hidden + i] = z;
        n[i] = candidate;
        next[i] = candidate + z * (h[i] - candidate);
    }
}

CLONES void ckl_gru_gradient(
    size_t hidden, float *restrict g, const float *restrict h, const float *restrict n, float *restrict dh,
    float *restrict dx) {
    for (size_t i = 0; i < hidden; i++) {
        float r = g[i], z = g[hidden + i], product = g[2 * hidden + i], d = dh[i];
        float dn = d * (1 - z) * (1 - n[i] * n[i]);
        float dz = d * (h[i] - n[i]) * z * (1 - z);
        float dr = dn * product * r * (1 - r);
        dx[i] = dr;
        dx[hidden + i] = dz;
        dx[2 * hidden + i] = dn;
        g[i] = dr;
        g[hidden + i] = dz;
        g[2 * hidden + i] = dn * r;
        dh[i] = d * z;
    }
}
