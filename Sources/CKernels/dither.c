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

// Random words -------------------------------------------------------------------------------------------------------

typedef uint64_t u64x8 __attribute__((vector_size(64)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));

// One group: 8 counters side by side, each word in a 64-bit lane (Philox4x32-10; Salmon, Moraes, Dror, Shaw, SC 2011).
INLINE void philox_group(uint32_t out[32], uint64_t group, uint64_t key, uint32_t domain) {
    const u64x8 low = {0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu,
                       0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu};
    const u64x8 places = {0, 1, 2, 3, 4, 5, 6, 7}, zero = {0};
    u64x8 a = zero + (group & 0xFFFFFFFFu), b = zero + (group >> 32), c = places, d = zero + (uint64_t)domain;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        u64x8 p = (a & low) * 0xD2511F53u, q = (c & low) * 0xCD9E8D57u;
        a = (q >> 32) ^ b ^ (uint64_t)k0;
        c = (p >> 32) ^ d ^ (uint64_t)k1;
        b = q & low;
        d = p & low;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    u32x8 words[4] = {__builtin_convertvector(a, u32x8), __builtin_convertvector(b, u32x8),
                      __builtin_convertvector(c, u32x8), __builtin_convertvector(d, u32x8)};
    memcpy(out, words, 128);
}

CLONES void cc_philox(uint32_t *restrict out, uint64_t first_group, size_t groups, uint64_t key, uint32_t domain) {
    for (size_t g = 0; g < groups; g++) philox_group(out + 32 * g, first_group + g, key, domain);
}

// Dither -------------------------------------------------------------------------------------------------------------

CLONES float cc_block_energies(float *restrict energy, const float *restrict x, size_t blocks) {
    uint32_t largest[16] = {0};
    for (size_t b = 0; b < blocks; b++, x += 64) {
        float lane[16] = {0};
        for (int r = 0; r < 4; r++)
            for (int l = 0; l < 16; l++) {
                float value = x[16 * r + l];
                uint32_t bits;
                memcpy(&bits, &value, 4);
                bits &= 0x7FFFFFFFu;
                largest[l] = bits > largest[l] ? bits : largest[l];
                lane[l] += value * value;
            }
        for (int l = 0; l < 8; l++) lane[l] += lane[l + 8];
        for (int l = 0; l < 4; l++) lane[l] += lane[l + 4];
        energy[b] = ((lane[0] + lane[2]) + (lane[1] + lane[3])) * 0x1p-6f;
    }
    uint32_t all = 0;
    for (int l = 0; l < 16; l++) all = largest[l] > all ? largest[l] : all;
    float result;
    memcpy(&result, &all, 4);
    return result;
}

#define DITHER_DOMAIN 0x45434451u
#define ROUNDING 12582912.0f

// The dithers of one block, t in 0 ..< 65536 for u = (t + 1/2) / 65536 - 1/2, and each row's rotation r.
INLINE void block_dither(uint16_t t[64], uint32_t rotation[4], uint64_t block, uint64_t key) {
    uint32_t words[32];
    philox_group(words, block, key, DITHER_DOMAIN);
    memcpy(t, words, 128);
    for (int row = 0; row < 4; row++) {
        uint32_t r = t[16 * row] >> 12;
        rotation[row] = r;
        for (uint32_t l = 0; l < 16; l++)
            t[16 * row + l] = (uint16_t)((t[16 * row + l] & 0x0FFFu) | ((l + r) & 15u) << 12);
    }
}

// Where the coordinate of row `row` with bucket `bucket` stands among the 64 symbols of its block: folded bucket f
// (bucket or 15 - bucket), then row, then whether it was folded.
//     place = 8 f + 2 row + (bucket >= 8)

CLONES void cc_dither_quantize(int8_t *restrict symbols, int32_t *restrict wide, const float *restrict x, size_t blocks,
                               uint64_t first_block, uint64_t key, float inverse_step) {
    for (size_t b = 0; b < blocks; b++, x += 64, symbols += 64) {
        uint16_t t[64];
        uint32_t rotation[4];
        int32_t q[64];
        block_dither(t, rotation, first_block + b, key);
        for (int i = 0; i < 64; i++) {
            float u = (float)(2 * (int32_t)t[i] - 65535) * 0x1p-17f;
            float scaled = x[i] * inverse_step;
            int32_t value = (int32_t)((scaled + u + ROUNDING) - ROUNDING);
            q[i] = t[i] >= 32768 ? -value : value;
        }
        int32_t placed[64];
        for (uint32_t row = 0; row < 4; row++) {
            // Twice the row, so that a rotation is one contiguous read: bucket k is lane (k - r) mod 16.
            int32_t twice[32];
            memcpy(twice, q + 16 * row, 64);
            memcpy(twice + 16, q + 16 * row, 64);
            const int32_t *by_bucket = twice + ((16u - rotation[row]) & 15u);
            for (uint32_t f = 0; f < 8; f++) {
                placed[8 * f + 2 * row] = by_bucket[f];
                placed[8 * f + 2 * row + 1] = by_bucket[15 - f];
            }
        }
        for (int i = 0; i < 64; i++) {
            int32_t value = placed[i];
            symbols[i] = (value > 127 || value < -127) ? -128 : (int8_t)value;
        }
        if (wide) {
            memcpy(wide, placed, 256);
            wide += 64;
        }
    }
}

INLINE void rebuild_block(float *restrict values, const int32_t *restrict placed, uint64_t block, uint64_t key,
                          float step) {
    uint16_t t[64];
    uint32_t rotation[4];
    int32_t q[64];
    block_dither(t, rotation, block, key);
    for (uint32_t row = 0; row < 4; row++) {
        int32_t twice[32];
        for (uint32_t f = 0; f < 8; f++) {
            twice[f] = placed[8 * f + 2 * row];
            twice[15 - f] = -placed[8 * f + 2 * row + 1];
        }
        memcpy(twice + 16, twice, 64);
        memcpy(q + 16 * row, twice + rotation[row], 64);
    }
    for (int i = 0; i < 64; i++) {
        float u = (float)(2 * (int32_t)t[i] - 65535) * 0x1p-17f;
        values[i] = ((float)q[i] - u) * step + 0.0f;
    }
}

CLONES void cc_dither_rebuild(float *restrict out, double *restrict acc, double w, const int8_t *restrict symbols,
                              const int32_t *restrict wide, const float *restrict step, size_t blocks,
                              uint64_t first_block, uint64_t key) {
    for (size_t b = 0; b < blocks; b++) {
        int32_t placed[64];
        if (wide)
            memcpy(placed, wide + 64 * b, 256);
        else
            for (int i = 0; i < 64; i++) placed[i] = symbols[64 * b + i];
        float values[64];
        rebuild_block(values, placed, first_block + b, key, step[b]);
        if (out)
            memcpy(out + 64 * b, values, 256);
        else
            for (int i = 0; i < 64; i++) acc[64 * b + i] += w * (double)values[i];
    }
}

CLONES int cc_any_outside(const int8_t *symbols, const int8_t *lows, const int8_t *highs) {
    uint8_t outside = 0;
    for (int i = 0; i < 64; i++) outside |= (uint8_t)((symbols[i] < lows[i]) | (symbols[i] > highs[i]));
    return outside;
}

CLONES void cc_split_raw(int8_t *restrict symbols, uint8_t *restrict planes, const int32_t *restrict wide, int bits) {
    for (int i = 0; i < 64; i++) {
        int32_t high = wide[i] >> bits;
        symbols[i] = (high > 127 || high < -127) ? -128 : (int8_t)high;
    }
    for (int plane = 0; plane < bits; plane++) {
        uint64_t word = 0;
        for (int i = 0; i < 64; i++) word |= (uint64_t)(wide[i] >> plane & 1) << i;
        for (int byte = 0; byte < 8; byte++) planes[8 * plane + byte] = (uint8_t)(word >> 8 * byte);
    }
}

CLONES void cc_merge_raw(int32_t *restrict wide, const int8_t *restrict symbols, const uint8_t *restrict planes,
                         int bits) {
    for (int i = 0; i < 64; i++) wide[i] = (int32_t)((uint32_t)(int32_t)symbols[i] << bits);
    for (int plane = 0; plane < bits; plane++)
        for (int i = 0; i < 64; i++) wide[i] |= (int32_t)(planes[8 * plane + (i >> 3)] >> (i & 7) & 1) << plane;
}

// Keeps the compiler from turning the bit back into a branch, which would be mispredicted half of the time, and from
// vectorizing the eight scalar chains, which is slower.
#define OPAQUE(bit) __asm__("" : "+r"(bit))

// rANS ---------------------------------------------------------------------------------------------------------------

CLONES uint16_t *cc_rans_encode(uint32_t state[8], uint16_t *end, const int8_t *symbols, const uint32_t *offsets,
                                size_t groups, const cc_rans_symbol *table) {
    uint32_t x[8];
    memcpy(x, state, 32);
    uint16_t *p = end;
    for (size_t g = groups; g-- > 0;) {
        const int8_t *group = symbols + offsets[g];
#pragma clang loop unroll(full)
        for (int l = 7; l >= 0; l--) {
            const cc_rans_symbol *s = table + (group[l] + 128);
            uint32_t value = x[l];
            // Written always, kept only when the state is too large: no branch to mispredict.
            uint32_t over = value >> 20 >= s->frequency;
            OPAQUE(over);
            p[-1] = (uint16_t)value;
            p -= over;
            value >>= over << 4;
            OPAQUE(value);
            uint32_t quotient = (uint32_t)(((uint64_t)value * s->reciprocal) >> 44);
            OPAQUE(quotient);
            value += s->start + quotient * s->complement;
            OPAQUE(value);
            x[l] = value;
        }
    }
    memcpy(state, x, 32);
    return p;
}

INLINE uint32_t rans_step(uint32_t x, const uint32_t *slots, int8_t *symbol) {
    uint32_t entry = slots[x & 4095u];
    *symbol = (int8_t)entry;
    return (entry >> 20) * (x >> 12) + ((entry >> 8) & 4095u);
}

CLONES const uint8_t *cc_rans_decode(uint32_t state[8], const uint8_t *words, const uint8_t *end, int8_t *symbols,
                              const uint32_t *offsets, size_t groups, const uint32_t *slots) {
    uint32_t x[8];
    memcpy(x, state, 32);
    size_t g = 0;
    for (; g < groups && end - words >= 16; g++) {
        int8_t *group = symbols + offsets[g];
#pragma clang loop unroll(full)
        for (int l = 0; l < 8; l++) {
            uint32_t value = rans_step(x[l], slots, group + l);
            uint16_t word;
            memcpy(&word, words, 2);
            uint32_t low = value < 65536u;
            OPAQUE(low);
            value = value << (low << 4) | (word & (0u - low));
            OPAQUE(value);
            x[l] = value;
            words += 2 * low;
        }
    }
    for (; g < groups; g++) {
        int8_t *group = symbols + offsets[g];
        for (int l = 0; l < 8; l++) {
            uint32_t value = rans_step(x[l], slots, group + l);
            if (value < 65536u) {
                if (end - words < 2) return 0;
                uint16_t word;
                memcpy(&word, words, 2);
                words += 2;
                value = value << 16 | word;
            }
            x[l] = value;
        }
    }
    memcpy(state, x, 32);
    return words;
}

CLONES void cc_rans_fill(uint32_t *slots, uint32_t start, uint32_t frequency, int8_t symbol) {
    uint32_t entry = frequency << 20 | (uint8_t)symbol;
    for (uint32_t i = 0; i < frequency; i++) slots[start + i] = entry | i << 8;
}
