// SPDX-License-Identifier: Apache-2.0
// Kernels of the built-in trainer's layers without large products: normalisation, pooling, dropout, gates, the step.
//
// Every function gives the same bits on every clone: sums run over positions in a fixed order, one for each channel.
#ifndef TRIBUTARY_CKERNELS_LAYERS_H
#define TRIBUTARY_CKERNELS_LAYERS_H
#include "CKernelsTraining.h"

// Images: pixel (y, x) of image n begins at base + n * image + y * row + x * pixel.
typedef struct {
    float *base;
    size_t image, row, pixel;
} ckl_view;

// How much of a view counts; channels is a multiple of 16.
typedef struct {
    size_t images, height, width, channels;
} ckl_extent;

// out[y][x][c] = scale * data[c][y][x] for one image.
void ckl_gather_bytes(
    const uint8_t *data, size_t channels, size_t height, size_t width, float scale, float *out, size_t row,
    size_t pixel);
void ckl_gather_floats(
    const float *data, size_t channels, size_t height, size_t width, float *out, size_t row, size_t pixel);
// out[c][y][x] = x[y][x][c] for one image.
void ckl_scatter_floats(
    const float *x, size_t row, size_t pixel, size_t channels, size_t height, size_t width, float *out);

// Mean and biased variance of each channel.
void ckl_statistics(const ckl_extent *e, const ckl_view *x, double *mean, double *variance);
// y = scale * x + shift (+ residual unless NULL), then max(0, y) if relu.
void ckl_scale_shift(
    const ckl_extent *e, const ckl_view *x, const float *scale, const float *shift, const ckl_view *residual,
    const ckl_view *y, int relu);
// dy = 0 where y <= 0.
void ckl_rectify_gradient(const ckl_extent *e, const ckl_view *y, const ckl_view *dy);
// sums[c] = sum of dy, products[c] = sum of dy * (x - mean) * inverse.
void ckl_normalization_sums(
    const ckl_extent *e, const ckl_view *x, const ckl_view *dy, const float *mean, const float *inverse, double *sums,
    double *products);
// dx = a * dy + b * (x - mean) + c, for each channel.
void ckl_normalization_gradient(
    const ckl_extent *e, const ckl_view *x, const ckl_view *dy, const float *mean, const float *a, const float *b,
    const float *c, const ckl_view *dx);
// to = from, or to += from.
void ckl_copy(const ckl_extent *e, const ckl_view *from, const ckl_view *to, int accumulate);
// y[n][c] = mean of image n's channel c; y has e->channels floats a row.
void ckl_average_pool(const ckl_extent *e, const ckl_view *x, float *y);
// dx = dy / (height * width).
void ckl_average_pool_gradient(const ckl_extent *e, const float *dy, const ckl_view *dx);
// y = x * 2^32 / threshold where an element's number, mixed with the key, falls below threshold; else 0. x may be y.
void ckl_dropout(
    const ckl_extent *e, const ckl_view *x, uint64_t key, uint32_t threshold, const ckl_view *y);

// The step of CKernelsTraining.h on `count` elements.
void ckl_step(
    float *weights, const float *gradient, float *velocity, const float *offset, const ckt_step *step, size_t count);

// One time step of a GRU for one row (Cho et al. 2014, with the reset gate after the product as cuDNN and PyTorch have
// it):
//     r = sigmoid(xr + hr)   z = sigmoid(xz + hz)   n = tanh(xn + r * hn)   h' = n + z * (h - n)
// x and g hold [r][z][n], each of `hidden` floats, the products with the input and with h. Leaves r, z and hn in g.
void ckl_gru_forward(
    size_t hidden, const float *restrict x, float *restrict g, const float *restrict h, float *restrict n,
    float *restrict next);
// From dh, the gradient of h', and what the forward step left: the gradients dx of x and (in g) of g's products, and in
// dh the part of h's gradient that does not pass through the products.
void ckl_gru_gradient(
    size_t hidden, float *restrict g, const float *restrict h, const float *restrict n, float *restrict dh,
    float *restrict dx);
// Sums of a dense layer by groups of features that follow each other: out[g][c] = sum of x[f] * w[f][c] over the `size`
// features f of group g. Rows of w and out have `lanes` values, a multiple of 16.
void ckl_group_sums(const float *x, const float *w, size_t groups, size_t size, size_t lanes, float *out);
// out[c] = start[c] + sum of mask[g] * parts[g][c] over the groups, for c below `count`; start and rows of parts have
// `lanes` values, a multiple of 16, at least `count`.
void ckl_masked_sums(
    const float *start, const float *parts, const float *mask, size_t groups, size_t lanes, size_t count, float *out);

#endif
