// SPDX-License-Identifier: Apache-2.0
#include "CKernelsLayers.h"
#include <string.h>

// Sums of one lane have one order on every machine, and no product is fused with its sum: the same bits everywhere.
#pragma STDC FP_CONTRACT OFF

// The resolvers of clones run before the thread sanitizer is ready, and would crash the program at its start.
#if !defined(__has_feature)
#define __has_feature(name) 0
#endif
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif

typedef float lanes16 __attribute__((vector_size(64)));
// The same anywhere in memory. A function that returns it would warn of its calling convention.
typedef float unaligned16 __attribute__((vector_size(64), aligned(4), may_alias));
#define LOAD(from) (*(const unaligned16 *)(from))

CLONES void ckl_group_sums(const float *x, const float *w, size_t groups, size_t size, size_t lanes, float *out) {
    for (size_t group = 0; group < groups; group++) {
        for (size_t lane = 0; lane < lanes; lane += 16) {
            const float *values = x + group * size;
            const float *column = w + group * size * lanes + lane;
            lanes16 sum[4] = {{0}, {0}, {0}, {0}};
            size_t i = 0;
            for (; i + 3 < size; i += 4) {
                sum[0] += values[i] * LOAD(column + i * lanes);
                sum[1] += values[i + 1] * LOAD(column + (i + 1) * lanes);
                sum[2] += values[i + 2] * LOAD(column + (i + 2) * lanes);
                sum[3] += values[i + 3] * LOAD(column + (i + 3) * lanes);
            }
            for (; i < size; i++) sum[0] += values[i] * LOAD(column + i * lanes);
            lanes16 total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            memcpy(out + group * lanes + lane, &total, sizeof total);
        }
    }
}

CLONES void ckl_masked_sums(
    const float *start, const float *parts, const float *mask, size_t groups, size_t lanes, size_t count, float *out
) {
    for (size_t lane = 0; lane < count; lane += 16) {
        lanes16 even = LOAD(start + lane), odd = {0};
        size_t group = 0;
        for (; group + 1 < groups; group += 2) {
            even += mask[group] * LOAD(parts + group * lanes + lane);
            odd += mask[group + 1] * LOAD(parts + (group + 1) * lanes + lane);
        }
        if (group < groups) even += mask[group] * LOAD(parts + group * lanes + lane);
        even += odd;
        size_t left = count - lane;
        memcpy(out + lane, &even, (left < 16 ? left : 16) * sizeof(float));
    }
}
