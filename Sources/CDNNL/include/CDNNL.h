// SPDX-License-Identifier: Apache-2.0
// Convolutions and inner products of oneDNN (2.6) on one thread, for the trainer that simulations may choose.
//
// Activations lie densely with the channels innermost (nhwc; vectors are rows), weights in the format that oneDNN's way
// forward prefers: so both meet its fastest kernels. Where another way prefers another format for its weights, they are
// reordered on the way in or out. Primitives and memory objects are made when a number of rows first comes and kept.
#ifndef TRIBUTARY_CDNNL_H
#define TRIBUTARY_CDNNL_H
#include <stddef.h>

// What the layers of one network share: an engine, a stream, scratch memory. For one thread at a time.
typedef struct cdnnl_worker cdnnl_worker;
// A convolution or an inner product with its primitives. Lives shorter than its worker.
typedef struct cdnnl_product cdnnl_product;

// Extents; channels and outputs as they lie in memory, padding and all.
typedef struct {
    size_t channels, height, width;
    size_t outputs;
    // A square convolution; an inner product over the whole source where kernel is 0.
    size_t kernel, stride, padding;
    // Whether there is a bias, and a ReLU at the end of the way forward.
    int bias, relu;
} cdnnl_shape;

// NULL if memory ran out.
cdnnl_worker *cdnnl_worker_create(void);
void cdnnl_worker_free(cdnnl_worker *worker);
// A product whose weights have the format that suits batches of `rows` rows; NULL if memory ran out.
cdnnl_product *cdnnl_product_create(cdnnl_worker *worker, const cdnnl_shape *shape, size_t rows);
void cdnnl_product_free(cdnnl_product *product);
// The floats that its weights take in their format.
size_t cdnnl_weight_count(const cdnnl_product *product);

// The functions below return 0, or oneDNN's status: memory ran out.

// Brings weights [outputs][channels][kernel or source height][... width] into their format; the format's own padding
// becomes zero.
int cdnnl_pack(cdnnl_product *product, const float *plain, float *packed);
int cdnnl_unpack(cdnnl_product *product, const float *packed, float *plain);
// y = x * weights + bias, then max(0, y) with relu; bias is not read where the shape has none.
int cdnnl_forward(
    cdnnl_product *product, size_t rows, const float *x, const float *weights, const float *bias, float *y);
// dx from dy, the gradient before the ReLU; overwrites.
int cdnnl_backward_data(cdnnl_product *product, size_t rows, const float *dy, const float *weights, float *dx);
// The gradients of weights (in their format) and bias; overwrites.
int cdnnl_backward_weights(
    cdnnl_product *product, size_t rows, const float *x, const float *dy, float *weights, float *bias);
#endif
