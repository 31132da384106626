// SPDX-License-Identifier: Apache-2.0
// Kernels of the built-in trainer: the three products of a dense layer, gather, softmax.
//
// Layout. Sizes are rounded up to 16 ("padded") with zeros. A layer's weights are kept transposed in panels of up to
// 208 outputs (as few panels as possible, of even shares): the panel whose first output is c begins at
// c * padded_inputs and holds [padded_inputs][width]. With it the forward product and the weight gradient read
// and write whole vectors in the order of memory, without horizontal sums, and the SGD step runs inside the weight
// gradient's product, so that a gradient never travels through memory. Activations are [rows][padded size], rows a
// multiple of 4.
//
// Bits. An output element is summed over a fixed order that does not depend on the vector length: machines with fused
// multiply-add all give the same bits; those without it (the baseline clone) may differ in the last place.
#ifndef TRIBUTARY_CKERNELS_TRAINING_H
#define TRIBUTARY_CKERNELS_TRAINING_H
#include <stddef.h>
#include <stdint.h>

#define CKT_PADDING 16
#define CKT_ROW_PADDING 4

// One SGD step on an element w with gradient g (velocity and offset may be NULL):
//     g += decay * w + offset;  velocity = momentum * velocity + g;  w -= learning_rate * velocity
typedef struct {
    float learning_rate;
    float decay;
    float momentum;
} ckt_step;

// A softmax regression of up to 16 classes and what it learns from.
typedef struct {
    const float *data;      // [samples][inputs]
    const int32_t *labels;  // each less than `classes`
    size_t inputs;
    size_t classes;
    float *weights;         // packed: [inputs][16]
    float *bias;            // 16
    float *rows;            // room for a batch: padded rows * inputs floats,
    float *gradient;        // and for its gradient: padded rows * 16
    float learning_rate;
} ckt_regression;

typedef struct {
    // y[r][o] = bias[o] + sum_i x[r][i] * weights[i][o], then max(0, y) if relu.
    void (*forward)(
        const float *x, size_t x_stride, const float *weights, const float *bias, float *y, size_t rows, size_t inputs,
        size_t outputs, int relu);
    // dx[r][i] = h[r][i] > 0 ? sum_o dy[r][o] * weights[i][o] : 0. All have room for the padded rows (dx gets arbitrary
    // values in rows past `rows`); scratch: padded rows * (padded inputs + padded outputs) floats.
    void (*input_gradient)(
        const float *dy, const float *weights, const float *h, float *dx, float *scratch, size_t rows, size_t inputs,
        size_t outputs);
    // A step of the weights with gradient g[i][o] = sum_r x[r][i] * dy[r][o].
    void (*update_weights)(
        const float *x, size_t x_stride, const float *dy, float *weights, float *velocity, const float *offset,
        const ckt_step *step, size_t rows, size_t inputs, size_t outputs);
    // A step of the bias with gradient g[o] = sum_r dy[r][o].
    void (*update_bias)(
        const float *dy, float *bias, float *velocity, const float *offset, const ckt_step *step, size_t rows,
        size_t outputs);
    // packed[i][o] = weights[o][i] (row-major [outputs][inputs]); the padding is left as it is.
    void (*pack)(const float *weights, size_t outputs, size_t inputs, float *packed);
    // out[o][i] = packed[i][o] - start[o][i]; start may be NULL (zero).
    void (*unpack_difference)(const float *packed, const float *start, float *out, size_t outputs, size_t inputs);
    // masks[r / 32][i] has bit r % 32 where x[r][i] is not zero ([words of rows][padded inputs]); returns how many are.
    size_t (*column_masks)(const float *x, size_t x_stride, uint32_t *masks, size_t rows, size_t inputs);
    // forward, where x is mostly zero: the same bits where all values are finite, in less time the fewer are not zero.
    void (*sparse_forward)(
        const float *x, size_t x_stride, const float *weights, const float *bias, float *y, size_t rows, size_t inputs,
        size_t outputs, int relu);
    // update_weights, where x is zero but for the masks' bits; otherwise like sparse_forward.
    void (*sparse_update_weights)(
        const float *x, size_t x_stride, const uint32_t *masks, const float *dy, float *weights, float *velocity,
        const float *offset, const ckt_step *step, size_t rows, size_t inputs, size_t outputs);
    // Does nothing but multiply and add in registers, and returns how many floating-point operations that were.
    double (*multiply_adds)(size_t iterations);
    // input_gradient with the weights from before the step, and update_weights, in one pass over the weights.
    void (*backward)(
        const float *x, size_t x_stride, const float *dy, float *weights, float *velocity, const float *offset,
        const ckt_step *step, const float *h, float *dx, float *scratch, size_t rows, size_t inputs, size_t outputs);
    // Trains a softmax regression by plain SGD on `count` samples in batches, at most `steps` of them: the bits of
    // forward, ckt_softmax_cross_entropy, update_weights and update_bias. Adds the samples' cross-entropies to
    // *loss_sum. Returns 0, or the number of the first step, from 1, whose loss is not finite.
    size_t (*softmax_steps)(
        const ckt_regression *model, const uint32_t *indices, size_t count, size_t batch, size_t steps,
        double *loss_sum);
} ckt_kernels;

// The kernels for an instruction set: 0 baseline, 1 AVX2 with FMA, 2 AVX-512. NULL where this machine lacks it.
const ckt_kernels *ckt_kernels_for(int level);
// The fastest kernels that this machine can run.
const ckt_kernels *ckt_kernels_best(void);

// Asks for bytes to be brought into the cache.
void ckt_prefetch(const void *data, size_t bytes);

// out[r][f] = scale * data[indices[r]][f] for r < rows; rows up to padded_rows are zeroed. Meanwhile the `coming` rows
// whose indices follow are asked for, which the next call will take.
void ckt_gather_bytes(
    const uint8_t *data, size_t features, const uint32_t *indices, size_t rows, size_t coming, size_t padded_rows,
    float scale, float *out, size_t stride);
// out[r][f] = data[indices[r]][f]; the rest as ckt_gather_bytes.
void ckt_gather_floats(
    const float *data, size_t features, const uint32_t *indices, size_t rows, size_t coming, size_t padded_rows,
    float *out, size_t stride);

// probabilities = softmax of each row's first `classes` logits (maximum subtracted first), padding zero;
// gradient = (probabilities - one_hot(label)) * scale, zero in padded rows. Returns the rows' summed cross-entropy.
double ckt_softmax_cross_entropy(
    const float *logits, float *probabilities, float *gradient, size_t stride, size_t rows, size_t padded_rows,
    size_t classes, const int32_t *labels, float scale);

// The rows' summed cross-entropy in double; adds the rows whose first largest logit is the label's to *correct.
double ckt_evaluate(
    const float *logits, size_t stride, size_t rows, size_t classes, const int32_t *labels, size_t *correct);

// sum[i] += weight * (values[i] - start[i]), each difference rounded to float first; returns 0 and changes nothing if a
// difference is not finite.
int ckt_add_difference(double *sum, const float *values, const float *start, double weight, size_t n);

// sum[i] += weight * (values[i] - start[i]), each difference rounded to float first.
void ckt_accumulate_difference(double *sum, const float *values, const float *start, double weight, size_t n);

// out[o][i] = packed[i][o], a layer's weights or a sum of changes to them.
void ckt_unpack_sum(const double *packed, double *out, size_t outputs, size_t inputs);

// Packs [outputs][channels][pixels] for a layer whose input keeps the channels of a pixel together, padded: the layout
// of `inputs = pixels * padded channels`, of which the padding is left as it is.
void ckt_pack_image(const float *weights, size_t outputs, size_t channels, size_t pixels, float *packed);

// The way back, minus `start` if there is one: out[i] = packed[i] - start[i].
void ckt_unpack_image_difference(
    const float *packed, const float *start, size_t outputs, size_t channels, size_t pixels, float *out);

#endif
