// SPDX-License-Identifier: Apache-2.0
// Kernels of the built-in trainer's convolutions. Each works on one image.
//
// Layout. Images keep a pixel's channels together; channels are rounded up to 16 ("padded") with zeros, those of the
// network's input are not. A border of zeros around an image stands for the convolution's padding, so that no kernel
// asks where it is. Weights lie in panels of 32 outputs (a last one of 16 where that is enough): a panel that begins at
// output c begins at c * taps * inputs and holds [kernel row][kernel column][input][width].
//
// Bits. As in CKernelsTraining.h: sums run in a fixed order that depends on no vector length, so that all machines with
// fused multiply-add give the same bits, however a batch is cut.
#ifndef TRIBUTARY_CKERNELS_CONVOLUTION_H
#define TRIBUTARY_CKERNELS_CONVOLUTION_H
#include <stddef.h>
#include <stdint.h>

#define CKC_PADDING 16
// The width of the kernels that the sparse gradients are made for.
#define CKC_SPARSE_KERNEL 5
// The most outputs of a convolution whose weights, all of 16 inputs, stay near: the patch gradients are made for these.
#define CKC_PATCH_OUTPUTS 16
// The most taps of a convolution of one channel whose positions are taken in pairs.
#define CKC_PAIR_TAPS 64

// Winograd's way: output tiles of 2 x 2 from input tiles of 6 x 6, by 36 products in place of 100.
#define CKC_WINOGRAD_POINTS 36
// Tiles that are transformed together.
#define CKC_WINOGRAD_TILES 49

// One convolution. Strides count floats; x points at the first tap of output (0, 0), inside the border.
typedef struct {
    size_t kernel_height, kernel_width;
    size_t stride;
    size_t inputs;          // channels of x that are summed over
    size_t outputs;         // padded
    size_t used_outputs;    // without the padding
    size_t height, width;   // of y
    size_t x_row, x_pixel;
    size_t y_row, y_pixel;
} ckc_shape;

// What a pooled convolution's backward pass visits: of each window the one position whose value was passed on. A
// gradient that is zero takes no entry. Made for one image at a time.
typedef struct {
    // For the weights: output o's entries are [o * windows, o * windows + output_count[o]).
    uint32_t *output_offset;   // where the position's first tap lies in x
    float *output_value;
    uint32_t *output_count;
    // For the input: the entries of window w, place p of pool * pool are [(w * pool^2 + p) * outputs, ... + count).
    uint32_t *place_output;
    float *place_value;
    uint32_t *place_count;
} ckc_winners;

typedef struct {
    // y = start + sum over taps and inputs of x * weights, then max(0, y) if relu. The start is the bias; without bias
    // what stands in y (accumulate) or zero.
    void (*forward)(
        const ckc_shape *shape, const float *x, const float *weights, const float *bias, float *y, int accumulate,
        int relu);
    // The weights of winograd_forward, [point][outputs * inputs] with each point in panels, from those of a 5 x 5
    // kernel.
    void (*winograd_weights)(const ckc_shape *shape, const float *weights, float *transformed);
    // forward without accumulation for 5 x 5 kernels, stride 1, inputs that are a multiple of 16, even height and
    // width. scratch holds CKC_WINOGRAD_POINTS * CKC_WINOGRAD_TILES * (inputs + outputs) floats.
    void (*winograd_forward)(
        const ckc_shape *shape, const float *x, const float *transformed, const float *bias, float *y, int relu,
        float *scratch);
    // dw += sum over positions of x * dy, in the layout of the weights.
    void (*weight_gradient)(const ckc_shape *shape, const float *x, const float *dy, float *dw);
    // bias_gradient[o] += sum over positions of dy.
    void (*bias_gradient)(const ckc_shape *shape, const float *dy, float *bias_gradient);
    // weight_gradient from winners, for square kernels of width CKC_SPARSE_KERNEL, stride 1 and inputs that are padded
    // in x. dw is [kernel row][output][kernel column][padded inputs].
    void (*sparse_weight_gradient)(
        const ckc_shape *shape, const float *x, const ckc_winners *winners, size_t windows, float *dw);
    // dx += weights^T * winners, under the same conditions and with weights in the layout of that dw. dx begins at the
    // first tap of output (0, 0) and has x's strides.
    void (*sparse_input_gradient)(
        const ckc_shape *shape, const float *weights, const ckc_winners *winners, size_t pool, float *dx);
    // The two for few outputs (CKC_PATCH_OUTPUTS); the weights' gradient reads dy and which as run_weight_gradient
    // does.
    void (*patch_weight_gradient)(
        const ckc_shape *shape, const float *x, const float *dy, const uint8_t *which, size_t pool, float *dw);
    void (*patch_input_gradient)(
        const ckc_shape *shape, const float *weights, const ckc_winners *winners, size_t pool, float *dx);
    // weight_gradient of a pooled convolution, for square kernels of width CKC_SPARSE_KERNEL, stride 1 and inputs ==
    // x_pixel. dy is that of the pooled result, without what a ReLU stops; which is as ckc_max_pool gives it, height
    // and width are those before pooling.
    void (*run_weight_gradient)(
        const ckc_shape *shape, const float *x, const float *dy, const uint8_t *which, size_t pool, float *dw);
    // The winners of one image by place, from the pooled result and its gradient; height and width of shape, multiples
    // of pool, are those before pooling. With relu, windows with y <= 0 have none.
    void (*find_place_winners)(
        const ckc_shape *shape, const float *dy, size_t dy_row, size_t dy_pixel, const float *y, size_t y_row,
        size_t y_pixel, const uint8_t *which, size_t pool, int relu, const ckc_winners *winners);
} ckc_kernels;

// The kernels for an instruction set: 0 baseline, 1 AVX2 with FMA, 2 AVX-512. NULL where this machine lacks it.
const ckc_kernels *ckc_kernels_for(int level);
// The fastest kernels that this machine can run.
const ckc_kernels *ckc_kernels_best(void);

// panels = weights [outputs][inputs][kernel height][kernel width] in the kernels' layout, padding zero.
void ckc_pack(const float *weights, size_t outputs, size_t inputs, size_t taps, float *panels);
// out[o][i][tap] = panels - start; start may be NULL (zero).
void ckc_unpack_difference(
    const float *panels, const float *start, size_t outputs, size_t inputs, size_t taps, float *out);
// The weights of the convolution that maps the gradient of y to that of x: taps in reverse order, inputs (padded) and
// outputs exchanged.
void ckc_flip(const float *panels, size_t outputs, size_t inputs, size_t taps, float *flipped);
// The layout of the sparse gradients from panels, and a gradient in it back to panels (overwriting them). Inputs that
// round their number up to 16 are left as they are there.
void ckc_spread(const float *panels, size_t outputs, size_t inputs, size_t kernel_height, float *spread);
void ckc_gather_spread(const float *spread, size_t outputs, size_t inputs, size_t kernel_height, float *panels);

// Largest value of each pool x pool window of x (height x width pixels of y's size times pool), a NaN if there is one;
// which: its place in the window, rows first. The first of equals counts. With relu, then max(0, value).
void ckc_max_pool(
    const float *x, size_t x_row, size_t x_pixel, size_t pool, size_t height, size_t width, size_t channels, float *y,
    size_t y_row, size_t y_pixel, uint8_t *which, int relu);
// dx[the window's place] = dy, or 0 where relu and y <= 0; the windows' other places are zero.
void ckc_max_pool_gradient(
    const float *dy, size_t dy_row, size_t dy_pixel, const float *y, size_t y_row, size_t y_pixel, const uint8_t *which,
    size_t pool, size_t height, size_t width, size_t channels, float *dx, size_t dx_row, size_t dx_pixel, int relu);
// The winners of one image by output, from those by place.
void ckc_output_winners(const ckc_shape *shape, size_t pool, const ckc_winners *winners);
// bias_gradient[o] += sum of output o's winners.
void ckc_sparse_bias_gradient(
    size_t outputs, size_t windows, const ckc_winners *winners, float *bias_gradient);
#endif
