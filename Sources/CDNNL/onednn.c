// SPDX-License-Identifier: Apache-2.0
#include "CDNNL.h"
#include <dnnl.h>
#include <stdlib.h>
#include <string.h>

// libgomp's; its header belongs to GCC.
extern void omp_set_num_threads(int count);

// The number of threads is one thread's own setting, and part of what a primitive is made for: every function that
// makes or runs one comes here first, or oneDNN would start a pool of threads in every worker.
static void stay_alone(void) {
    static __thread int is_alone;
    if (is_alone) return;
    omp_set_num_threads(1);
    is_alone = 1;
}

// Memory that grows while primitives are made, and never in a step.
typedef struct {
    void *bytes;
    size_t count;
} room;

static dnnl_status_t reserve(room *room, size_t count) {
    if (count <= room->count) return dnnl_success;
    size_t rounded = (count + 63) / 64 * 64;
    void *bytes = aligned_alloc(64, rounded);
    if (!bytes) return dnnl_out_of_memory;
    free(room->bytes);
    room->bytes = bytes;
    room->count = rounded;
    return dnnl_success;
}

struct cdnnl_worker {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    // Primitives get their scratch memory from here: with the library's own they must run on the thread that made them
    // (oneDNN's reference, scratchpad_mode), and another may run them in the next round.
    dnnl_primitive_attr_t attributes, rectifying;
    room scratch, weights;
};

// A memory object and where its data lie.
typedef struct {
    dnnl_memory_t memory;
    const void *data;
} operand;

// A primitive that changes the format of weights.
typedef struct {
    dnnl_primitive_t primitive;
    operand from, to, scratch;
} reordering;

enum { SOURCE, WEIGHTS, BIAS, RESULT, SCRATCH, OPERANDS };

// One way through a product for a number of rows.
typedef struct {
    dnnl_primitive_t primitive;
    operand operands[OPERANDS];
    // Between the product's format and that of this way; its primitive is NULL where they are one.
    reordering reordering;
} way;

enum { FORWARD, DATA, GRADIENT, WAYS };

// What each way calls its operands.
static const int names[WAYS][OPERANDS] = {
    {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD},
    {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_DST, DNNL_ARG_SCRATCHPAD},
    {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST, DNNL_ARG_SCRATCHPAD},
};

// The ways for a number of rows.
typedef struct {
    // Ways back are described with the way forward at hand.
    dnnl_primitive_desc_t forward;
    way ways[WAYS];
} batch;

struct cdnnl_product {
    cdnnl_worker *worker;
    cdnnl_shape shape;
    // The weights as tensors have them, and in their format.
    dnnl_memory_desc_t plain, format;
    reordering packing, unpacking;
    // By rows; NULL until they first come.
    batch **batches;
    size_t batch_count;
};

// MARK: Worker

void cdnnl_worker_free(cdnnl_worker *worker) {
    if (!worker) return;
    dnnl_primitive_attr_destroy(worker->attributes);
    dnnl_primitive_attr_destroy(worker->rectifying);
    dnnl_stream_destroy(worker->stream);
    dnnl_engine_destroy(worker->engine);
    free(worker->scratch.bytes);
    free(worker->weights.bytes);
    free(worker);
}

static dnnl_status_t make_attributes(cdnnl_worker *worker) {
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&worker->attributes);
    if (!status) status = dnnl_primitive_attr_create(&worker->rectifying);
    if (!status) status = dnnl_primitive_attr_set_scratchpad_mode(worker->attributes, dnnl_scratchpad_mode_user);
    if (!status) status = dnnl_primitive_attr_set_scratchpad_mode(worker->rectifying, dnnl_scratchpad_mode_user);
    if (!status) status = dnnl_post_ops_create(&operations);
    if (!status) status = dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_relu, 0, 0);
    if (!status) status = dnnl_primitive_attr_set_post_ops(worker->rectifying, operations);
    if (operations) dnnl_post_ops_destroy(operations);
    return status;
}

cdnnl_worker *cdnnl_worker_create(void) {
    stay_alone();
    cdnnl_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return NULL;
    dnnl_status_t status = dnnl_engine_create(&worker->engine, dnnl_cpu, 0);
    if (!status) status = dnnl_stream_create(&worker->stream, worker->engine, dnnl_stream_default_flags);
    if (!status) status = make_attributes(worker);
    if (!status) return worker;
    cdnnl_worker_free(worker);
    return NULL;
}

// MARK: Operands

static dnnl_status_t make_operand(cdnnl_worker *worker, const dnnl_memory_desc_t *description, operand *operand) {
    operand->data = NULL;
    return dnnl_memory_create(&operand->memory, description, worker->engine, DNNL_MEMORY_NONE);
}

// Tells a memory object where its data lie, if they moved.
static dnnl_status_t place(operand *operand, const void *data) {
    if (operand->data == data) return dnnl_success;
    operand->data = data;
    return dnnl_memory_set_data_handle(operand->memory, (void *)data);
}

// Makes a primitive's scratch memory known, and sees that there is as much of it.
static dnnl_status_t make_scratch(cdnnl_worker *worker, const_dnnl_primitive_desc_t description, operand *operand) {
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    dnnl_status_t status = make_operand(worker, wanted, operand);
    return status ? status : reserve(&worker->scratch, dnnl_memory_desc_get_size(wanted));
}

// MARK: Reordering

static void free_reordering(reordering *reordering) {
    if (!reordering->primitive) return;
    dnnl_primitive_destroy(reordering->primitive);
    dnnl_memory_destroy(reordering->from.memory);
    dnnl_memory_destroy(reordering->to.memory);
    dnnl_memory_destroy(reordering->scratch.memory);
}

static dnnl_status_t make_reordering(
    cdnnl_worker *worker, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to, reordering *reordering) {
    dnnl_primitive_desc_t description;
    dnnl_engine_t engine = worker->engine;
    dnnl_status_t status =
        dnnl_reorder_primitive_desc_create(&description, from, engine, to, engine, worker->attributes);
    if (status) return status;
    status = dnnl_primitive_create(&reordering->primitive, description);
    if (!status) status = make_operand(worker, from, &reordering->from);
    if (!status) status = make_operand(worker, to, &reordering->to);
    if (!status) status = make_scratch(worker, description, &reordering->scratch);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static dnnl_status_t run_reordering(cdnnl_worker *worker, reordering *reordering, const float *from, float *to) {
    dnnl_status_t status = place(&reordering->from, from);
    if (!status) status = place(&reordering->to, to);
    if (!status) status = place(&reordering->scratch, worker->scratch.bytes);
    if (status) return status;
    dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_FROM, reordering->from.memory},
        {DNNL_ARG_TO, reordering->to.memory},
        {DNNL_ARG_SCRATCHPAD, reordering->scratch.memory},
    };
    status = dnnl_primitive_execute(reordering->primitive, worker->stream, 3, arguments);
    return status ? status : dnnl_stream_wait(worker->stream);
}

// MARK: Descriptions

// Dense with the channels innermost; a vector where there is one pixel and no convolution.
static dnnl_status_t describe_images(
    const cdnnl_shape *shape, size_t rows, size_t channels, size_t height, size_t width, dnnl_memory_desc_t *out) {
    dnnl_dims_t extents = {(dnnl_dim_t)rows, (dnnl_dim_t)channels, (dnnl_dim_t)height, (dnnl_dim_t)width};
    int is_vector = !shape->kernel && height * width == 1;
    return dnnl_memory_desc_init_by_tag(out, is_vector ? 2 : 4, extents, dnnl_f32, is_vector ? dnnl_nc : dnnl_nhwc);
}

// A format of weights with 2 and with 4 dimensions: left open, and as tensors have it.
static const dnnl_format_tag_t any_tags[] = {dnnl_format_tag_any, dnnl_format_tag_any};
static const dnnl_format_tag_t plain_tags[] = {dnnl_oi, dnnl_oihw};

static dnnl_status_t describe_weights(
    const cdnnl_shape *shape, const dnnl_format_tag_t tags[2], dnnl_memory_desc_t *out) {
    size_t height = shape->kernel ? shape->kernel : shape->height, width = shape->kernel ? height : shape->width;
    dnnl_dims_t extents = {
        (dnnl_dim_t)shape->outputs, (dnnl_dim_t)shape->channels, (dnnl_dim_t)height, (dnnl_dim_t)width};
    int is_vector = !shape->kernel && height * width == 1;
    return dnnl_memory_desc_init_by_tag(out, is_vector ? 2 : 4, extents, dnnl_f32, tags[is_vector ? 0 : 1]);
}

typedef union {
    dnnl_convolution_desc_t convolution;
    dnnl_inner_product_desc_t inner_product;
} operation;

static dnnl_status_t describe_convolution(
    int way, const cdnnl_shape *shape, const dnnl_memory_desc_t *x, const dnnl_memory_desc_t *weights,
    const dnnl_memory_desc_t *bias, const dnnl_memory_desc_t *y, dnnl_convolution_desc_t *out) {
    dnnl_dim_t step = (dnnl_dim_t)shape->stride, around = (dnnl_dim_t)shape->padding;
    dnnl_dims_t steps = {step, step}, before = {around, around}, after = {around, around};
    switch (way) {
        case FORWARD:
            return dnnl_convolution_forward_desc_init(
                out, dnnl_forward_training, dnnl_convolution_direct, x, weights, bias, y, steps, before, after);
        case DATA:
            return dnnl_convolution_backward_data_desc_init(
                out, dnnl_convolution_direct, x, weights, y, steps, before, after);
        default:
            return dnnl_convolution_backward_weights_desc_init(
                out, dnnl_convolution_direct, x, weights, bias, y, steps, before, after);
    }
}

static dnnl_status_t describe_inner_product(
    int way, const dnnl_memory_desc_t *x, const dnnl_memory_desc_t *weights, const dnnl_memory_desc_t *bias,
    const dnnl_memory_desc_t *y, dnnl_inner_product_desc_t *out) {
    switch (way) {
        case FORWARD:
            return dnnl_inner_product_forward_desc_init(out, dnnl_forward_training, x, weights, bias, y);
        case DATA: return dnnl_inner_product_backward_data_desc_init(out, x, weights, y);
        default: return dnnl_inner_product_backward_weights_desc_init(out, x, weights, bias, y);
    }
}

static size_t result_extent(const cdnnl_shape *shape, size_t extent) {
    return shape->kernel ? (extent + 2 * shape->padding - shape->kernel) / shape->stride + 1 : 1;
}

// Describes a way with weights in a format that is given, or left open.
static dnnl_status_t describe(
    const cdnnl_product *product, int way, size_t rows, const dnnl_memory_desc_t *weights,
    const_dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *out) {
    const cdnnl_shape *shape = &product->shape;
    dnnl_memory_desc_t x, y, bias;
    dnnl_dims_t outputs = {(dnnl_dim_t)shape->outputs};
    dnnl_status_t status = describe_images(shape, rows, shape->channels, shape->height, shape->width, &x);
    if (status) return status;
    if (shape->kernel) {
        size_t height = result_extent(shape, shape->height), width = result_extent(shape, shape->width);
        status = describe_images(shape, rows, shape->outputs, height, width, &y);
    } else {
        status = describe_images(shape, rows, shape->outputs, 1, 1, &y);
    }
    if (!status) status = dnnl_memory_desc_init_by_tag(&bias, 1, outputs, dnnl_f32, dnnl_x);
    if (status) return status;
    const dnnl_memory_desc_t *added = shape->bias ? &bias : NULL;
    operation operation;
    status = shape->kernel ? describe_convolution(way, shape, &x, weights, added, &y, &operation.convolution)
                           : describe_inner_product(way, &x, weights, added, &y, &operation.inner_product);
    if (status) return status;
    int rectifies = way == FORWARD && shape->relu;
    dnnl_primitive_attr_t attributes = rectifies ? product->worker->rectifying : product->worker->attributes;
    return dnnl_primitive_desc_create(out, &operation, attributes, product->worker->engine, forward);
}

static int is_reference(const_dnnl_primitive_desc_t description) {
    const char *name = "";
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
    return strncmp(name, "ref", 3) == 0;
}

// Describes a way in the format that serves it best. A convolution's weights are small beside its work: each way has
// the format that it likes. An inner product's are as large as its work: it has the product's, unless only the
// reference implementation knows that.
static dnnl_status_t choose(
    const cdnnl_product *product, int way, size_t rows, const_dnnl_primitive_desc_t forward,
    dnnl_primitive_desc_t *out) {
    dnnl_memory_desc_t any;
    dnnl_status_t status = describe_weights(&product->shape, any_tags, &any);
    if (status) return status;
    int is_open = product->shape.kernel != 0;
    status = describe(product, way, rows, is_open ? &any : &product->format, forward, out);
    if (!status && !is_reference(*out)) return status;
    dnnl_primitive_desc_t other;
    if (describe(product, way, rows, is_open ? &product->format : &any, forward, &other)) return status;
    if (!status) dnnl_primitive_desc_destroy(*out);
    *out = other;
    return dnnl_success;
}

// MARK: Batches

static void free_batch(batch *batch) {
    if (!batch) return;
    for (int at = 0; at < WAYS; at++) {
        way *way = &batch->ways[at];
        free_reordering(&way->reordering);
        for (int i = 0; i < OPERANDS; i++)
            if (way->operands[i].memory) dnnl_memory_destroy(way->operands[i].memory);
        if (way->primitive) dnnl_primitive_destroy(way->primitive);
    }
    if (batch->forward) dnnl_primitive_desc_destroy(batch->forward);
    free(batch);
}

// The batch of so many rows, without ways until they are run.
static dnnl_status_t find_batch(cdnnl_product *product, size_t rows, batch **out) {
    if (rows >= product->batch_count) {
        batch **batches = realloc(product->batches, (rows + 1) * sizeof *batches);
        if (!batches) return dnnl_out_of_memory;
        memset(batches + product->batch_count, 0, (rows + 1 - product->batch_count) * sizeof *batches);
        product->batches = batches;
        product->batch_count = rows + 1;
    }
    *out = product->batches[rows];
    if (*out) return dnnl_success;
    *out = calloc(1, sizeof **out);
    if (!*out) return dnnl_out_of_memory;
    product->batches[rows] = *out;
    return choose(product, FORWARD, rows, NULL, &(*out)->forward);
}

// The memory of a way's operands, and the reordering where its weights have another format than the product's.
static dnnl_status_t make_operands(
    const cdnnl_product *product, int at, const_dnnl_primitive_desc_t description, way *way) {
    cdnnl_worker *worker = product->worker;
    for (int i = SOURCE; i <= RESULT; i++) {
        if (!names[at][i] || (i == BIAS && !product->shape.bias)) continue;
        const dnnl_memory_desc_t *wanted =
            dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, names[at][i]);
        dnnl_status_t status = make_operand(worker, wanted, &way->operands[i]);
        if (status) return status;
    }
    dnnl_status_t status = make_scratch(worker, description, &way->operands[SCRATCH]);
    const dnnl_memory_desc_t *weights =
        dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, names[at][WEIGHTS]);
    if (status || dnnl_memory_desc_equal(weights, &product->format)) return status;
    const dnnl_memory_desc_t *from = at == GRADIENT ? weights : &product->format;
    const dnnl_memory_desc_t *to = at == GRADIENT ? &product->format : weights;
    status = reserve(&worker->weights, dnnl_memory_desc_get_size(weights));
    return status ? status : make_reordering(worker, from, to, &way->reordering);
}

static dnnl_status_t make_way(cdnnl_product *product, int at, size_t rows, batch *batch) {
    dnnl_primitive_desc_t description = batch->forward;
    dnnl_status_t status = at == FORWARD ? dnnl_success : choose(product, at, rows, batch->forward, &description);
    if (status) return status;
    way *way = &batch->ways[at];
    status = make_operands(product, at, description, way);
    if (!status) status = dnnl_primitive_create(&way->primitive, description);
    if (at != FORWARD) dnnl_primitive_desc_destroy(description);
    return status;
}

// Runs a way; `weights` are read, or written on the way to their gradient.
static dnnl_status_t run(
    cdnnl_product *product, int at, size_t rows, const float *x, const float *weights, const float *bias,
    const float *y) {
    stay_alone();
    cdnnl_worker *worker = product->worker;
    batch *batch;
    dnnl_status_t status = find_batch(product, rows, &batch);
    if (!status && !batch->ways[at].primitive) status = make_way(product, at, rows, batch);
    if (status) return status;
    way *way = &batch->ways[at];
    int reorders = way->reordering.primitive != NULL;
    if (reorders && at != GRADIENT) status = run_reordering(worker, &way->reordering, weights, worker->weights.bytes);
    const void *places[OPERANDS] = {x, reorders ? worker->weights.bytes : weights, bias, y, worker->scratch.bytes};
    dnnl_exec_arg_t arguments[OPERANDS];
    int count = 0;
    for (int i = 0; i < OPERANDS && !status; i++) {
        if (!way->operands[i].memory) continue;
        status = place(&way->operands[i], places[i]);
        arguments[count++] = (dnnl_exec_arg_t){names[at][i], way->operands[i].memory};
    }
    if (!status) status = dnnl_primitive_execute(way->primitive, worker->stream, count, arguments);
    if (!status) status = dnnl_stream_wait(worker->stream);
    if (!status && reorders && at == GRADIENT)
        status = run_reordering(worker, &way->reordering, worker->weights.bytes, (float *)weights);
    return status;
}

// MARK: Products

void cdnnl_product_free(cdnnl_product *product) {
    if (!product) return;
    for (size_t rows = 0; rows < product->batch_count; rows++) free_batch(product->batches[rows]);
    free(product->batches);
    free_reordering(&product->packing);
    free_reordering(&product->unpacking);
    free(product);
}

// The format that the way forward likes best.
static dnnl_status_t choose_format(cdnnl_product *product, size_t rows) {
    dnnl_memory_desc_t any;
    dnnl_primitive_desc_t forward;
    dnnl_status_t status = describe_weights(&product->shape, any_tags, &any);
    if (!status) status = describe(product, FORWARD, rows, &any, NULL, &forward);
    if (status) return status;
    product->format = *dnnl_primitive_desc_query_md(forward, dnnl_query_weights_md, 0);
    return dnnl_primitive_desc_destroy(forward);
}

cdnnl_product *cdnnl_product_create(cdnnl_worker *worker, const cdnnl_shape *shape, size_t rows) {
    stay_alone();
    cdnnl_product *product = calloc(1, sizeof *product);
    if (!product) return NULL;
    product->worker = worker;
    product->shape = *shape;
    dnnl_status_t status = describe_weights(shape, plain_tags, &product->plain);
    if (!status) status = choose_format(product, rows);
    if (!status) status = make_reordering(worker, &product->plain, &product->format, &product->packing);
    if (!status) status = make_reordering(worker, &product->format, &product->plain, &product->unpacking);
    if (!status) return product;
    cdnnl_product_free(product);
    return NULL;
}

size_t cdnnl_weight_count(const cdnnl_product *product) {
    return dnnl_memory_desc_get_size(&product->format) / sizeof(float);
}

int cdnnl_pack(cdnnl_product *product, const float *plain, float *packed) {
    stay_alone();
    return (int)run_reordering(product->worker, &product->packing, plain, packed);
}

int cdnnl_unpack(cdnnl_product *product, const float *packed, float *plain) {
    stay_alone();
    return (int)run_reordering(product->worker, &product->unpacking, packed, plain);
}

int cdnnl_forward(
    cdnnl_product *product, size_t rows, const float *x, const float *weights, const float *bias, float *y) {
    return (int)run(product, FORWARD, rows, x, weights, bias, y);
}

int cdnnl_backward_data(cdnnl_product *product, size_t rows, const float *dy, const float *weights, float *dx) {
    return (int)run(product, DATA, rows, dx, weights, NULL, dy);
}

int cdnnl_backward_weights(
    cdnnl_product *product, size_t rows, const float *x, const float *dy, float *weights, float *bias) {
    return (int)run(product, GRADIENT, rows, x, weights, bias, dy);
}
