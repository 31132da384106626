// SPDX-License-Identifier: Apache-2.0
#include "CKernelsCoding.h"
#include <string.h>

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
#define INLINE static inline __attribute__((always_inline))

INLINE float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE uint32_t bits_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

// Dense formats ------------------------------------------------------------------------------------------------------

CLONES void cc_bfloat_encode(uint8_t *restrict bytes, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_from_float(x[i]);
        uint16_t half = (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
        memcpy(bytes + 2 * i, &half, 2);
    }
}

INLINE float bfloat_at(const uint8_t *bytes, size_t i) {
    uint16_t half;
    memcpy(&half, bytes + 2 * i, 2);
    return float_from_bits((uint32_t)half << 16);
}

CLONES void cc_bfloat_decode(float *restrict out, const uint8_t *restrict bytes, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = bfloat_at(bytes, i);
}

CLONES void cc_bfloat_accumulate(double *restrict acc, const uint8_t *restrict bytes, double w, size_t n) {
    for (size_t i = 0; i < n; i++) acc[i] += w * (double)bfloat_at(bytes, i);
}

// Adding and taking away 1.5 * 2^23 rounds to the nearest even integer, for magnitudes below 2^22, on every CPU.
#define ROUNDING 12582912.0f

typedef float v16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t i16 __attribute__((vector_size(64), aligned(4)));
typedef int8_t b16 __attribute__((vector_size(16), aligned(1)));
typedef uint8_t ub16 __attribute__((vector_size(16), aligned(1)));

#define MAGNITUDE 0x7FFFFFFF

// The scale as bfloat16, rounded up so that no quotient exceeds `levels`; a block of zeros (or near the subnormals) has
// scale 0 and codes as zeros. Magnitudes of floats compare as integers do.
INLINE uint16_t block_scale(const float *x, float levels) {
    i16 largest = (i16){0};
    for (int r = 0; r < 4; r++) largest = __builtin_elementwise_max(largest, *(const i16 *)(x + 16 * r) & MAGNITUDE);
    float scale = float_from_bits((uint32_t)__builtin_reduce_max(largest)) / levels;
    if (scale < 0x1p-120f) return 0;
    return (uint16_t)((bits_from_float(scale) + 0xFFFFu) >> 16);
}

// A macro: a function that returns a vector of 64 bytes has another calling convention on each clone.
#define QUOTIENTS(x, inverse) __builtin_convertvector((*(const v16 *)(x) * (inverse) + ROUNDING) - ROUNDING, i16)

CLONES void cc_int8_encode(uint8_t *restrict out, const float *restrict x, size_t blocks) {
    for (size_t b = 0; b < blocks; b++, x += 64, out += 66) {
        uint16_t half = block_scale(x, 127.0f);
        memcpy(out, &half, 2);
        float inverse = half == 0 ? 0.0f : 1.0f / float_from_bits((uint32_t)half << 16);
        for (int r = 0; r < 4; r++)
            *(b16 *)(out + 2 + 16 * r) = __builtin_convertvector(QUOTIENTS(x + 16 * r, inverse), b16);
    }
}

CLONES void cc_int8_decode(float *restrict out, const uint8_t *restrict bytes, size_t blocks) {
    for (size_t b = 0; b < blocks; b++, out += 64, bytes += 66) {
        float scale = bfloat_at(bytes, 0);
        for (int i = 0; i < 64; i++) out[i] = (float)(int8_t)bytes[2 + i] * scale;
    }
}

CLONES void cc_int8_accumulate(double *restrict acc, const uint8_t *restrict bytes, double w, size_t blocks) {
    for (size_t b = 0; b < blocks; b++, acc += 64, bytes += 66) {
        float scale = bfloat_at(bytes, 0);
        for (int i = 0; i < 64; i++) acc[i] += w * (double)((float)(int8_t)bytes[2 + i] * scale);
    }
}

CLONES void cc_int4_encode(uint8_t *restrict out, const float *restrict x, size_t blocks) {
    for (size_t b = 0; b < blocks; b++, x += 64, out += 34) {
        uint16_t half = block_scale(x, 7.0f);
        memcpy(out, &half, 2);
        float inverse = half == 0 ? 0.0f : 1.0f / float_from_bits((uint32_t)half << 16);
        for (int r = 0; r < 2; r++) {
            i16 low = QUOTIENTS(x + 16 * r, inverse) + 8, high = QUOTIENTS(x + 32 + 16 * r, inverse) + 8;
            *(ub16 *)(out + 2 + 16 * r) = __builtin_convertvector(low | high << 4, ub16);
        }
    }
}

CLONES void cc_int4_decode(float *restrict out, const uint8_t *restrict bytes, size_t blocks) {
    for (size_t b = 0; b < blocks; b++, out += 64, bytes += 34) {
        float scale = bfloat_at(bytes, 0);
        for (int i = 0; i < 32; i++) {
            out[i] = (float)((bytes[2 + i] & 15) - 8) * scale;
            out[i + 32] = (float)((bytes[2 + i] >> 4) - 8) * scale;
        }
    }
}

CLONES void cc_int4_accumulate(double *restrict acc, const uint8_t *restrict bytes, double w, size_t blocks) {
    for (size_t b = 0; b < blocks; b++, acc += 64, bytes += 34) {
        float scale = bfloat_at(bytes, 0);
        for (int i = 0; i < 32; i++) acc[i] += w * (double)((float)((bytes[2 + i] & 15) - 8) * scale);
        for (int i = 0; i < 32; i++) acc[i + 32] += w * (double)((float)((bytes[2 + i] >> 4) - 8) * scale);
    }
}

// Rotation -----------------------------------------------------------------------------------------------------------

CLONES void cc_flip_signs(float *x, const uint32_t *signs, size_t n) {
    for (size_t g = 0; g < n / 32; g++, x += 32) {
        uint32_t word = signs[g];
        for (int i = 0; i < 32; i++) {
            uint32_t bits = bits_from_float(x[i]) ^ ((word >> i & 1u) << 31);
            x[i] = float_from_bits(bits);
        }
    }
}

#define SWAP1 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14
#define SWAP2 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13
#define SWAP4 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11
#define SWAP8 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7

// Stages 1, 2, 4 and 8 inside each vector of 16, in this order.
CLONES static void hadamard_low(float *x, size_t n) {
    const v16 s1 = {1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1};
    const v16 s2 = {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1};
    const v16 s4 = {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1};
    const v16 s8 = {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < n; i += 16) {
        v16 a = *(v16 *)(x + i);
        a = __builtin_shufflevector(a, a, SWAP1) + a * s1;
        a = __builtin_shufflevector(a, a, SWAP2) + a * s2;
        a = __builtin_shufflevector(a, a, SWAP4) + a * s4;
        a = __builtin_shufflevector(a, a, SWAP8) + a * s8;
        *(v16 *)(x + i) = a;
    }
}

// Stages h and 2h together.
CLONES static void hadamard_pair(float *x, size_t n, size_t h) {
    for (size_t base = 0; base < n; base += 4 * h) {
        float *restrict p0 = x + base, *restrict p1 = p0 + h, *restrict p2 = p1 + h, *restrict p3 = p2 + h;
        for (size_t i = 0; i < h; i++) {
            float a = p0[i] + p1[i], b = p0[i] - p1[i], c = p2[i] + p3[i], d = p2[i] - p3[i];
            p0[i] = a + c;
            p1[i] = b + d;
            p2[i] = a - c;
            p3[i] = b - d;
        }
    }
}

CLONES static void hadamard_single(float *x, size_t n, size_t h) {
    for (size_t base = 0; base < n; base += 2 * h) {
        float *restrict p0 = x + base, *restrict p1 = p0 + h;
        for (size_t i = 0; i < h; i++) {
            float a = p0[i] + p1[i], b = p0[i] - p1[i];
            p0[i] = a;
            p1[i] = b;
        }
    }
}

void cc_hadamard(float *x, size_t n) {
    hadamard_low(x, n);
    size_t h = 16;
    for (; 4 * h <= n; h *= 4) hadamard_pair(x, n, h);
    if (2 * h <= n) hadamard_single(x, n, h);
}

typedef double d16 __attribute__((vector_size(128), aligned(8)));

CLONES double cc_lookup_quantize(uint8_t *restrict index, const float *restrict x, float factor,
                                 const float *thresholds, const float *restrict values, size_t half, size_t n) {
    d16 lane = {0};
    for (size_t i = 0; i < n; i += 16) {
        i16 bits = *(const i16 *)(x + i);
        v16 magnitude = (v16)(bits & MAGNITUDE), scaled = magnitude * factor;
        i16 count = {0};
        v16 level = (v16){0} + values[0];
        for (size_t t = 0; t + 1 < half; t++) {
            i16 above = scaled > thresholds[t];
            count -= above;
            level = (v16)(((i16)level & ~above) | ((i16)((v16){0} + values[t + 1]) & above));
        }
        lane += __builtin_convertvector(magnitude, d16) * __builtin_convertvector(level, d16);
        *(ub16 *)(index + i) = __builtin_convertvector(count + (int32_t)half * -(bits >> 31), ub16);
    }
    double sum = 0;
    for (int l = 0; l < 16; l++) sum += lane[l];
    return sum;
}

CLONES void cc_lookup_values(float *restrict x, const uint8_t *restrict index, const float *values, float factor,
                             size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = values[index[i]] * factor;
}

CLONES void cc_pack(uint8_t *restrict out, const uint8_t *restrict index, int bits, int shift, size_t n) {
    size_t fields = 8 / (size_t)bits, stride = n / fields;
    uint8_t mask = (uint8_t)((1 << bits) - 1);
    for (size_t k = 0; k < stride; k++) out[k] = (uint8_t)(index[k] >> shift) & mask;
    for (size_t f = 1; f < fields; f++) {
        const uint8_t *from = index + f * stride;
        int left = (int)f * bits;
        for (size_t k = 0; k < stride; k++) out[k] |= (uint8_t)(((from[k] >> shift) & mask) << left);
    }
}

CLONES void cc_unpack(uint8_t *restrict index, const uint8_t *restrict bytes, int bits, int shift, size_t n) {
    size_t fields = 8 / (size_t)bits, stride = n / fields;
    uint8_t mask = (uint8_t)((1 << bits) - 1);
    for (size_t f = 0; f < fields; f++) {
        uint8_t *to = index + f * stride;
        int right = (int)f * bits;
        for (size_t k = 0; k < stride; k++) to[k] |= (uint8_t)(((bytes[k] >> right) & mask) << shift);
    }
}

// Sparse formats
// -------------------------------------------------------------------------------------------------------

void cc_magnitude_histogram(uint32_t *histogram, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) histogram[(bits_from_float(x[i]) & 0x7FFFFFFFu) >> 15]++;
}

void cc_magnitude_refine(uint32_t *histogram, const float *x, size_t n, uint32_t upper) {
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = bits_from_float(x[i]) & 0x7FFFFFFFu;
        if (magnitude >> 15 == upper) histogram[magnitude & 0x7FFFu]++;
    }
}
