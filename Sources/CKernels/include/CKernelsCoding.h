// SPDX-License-Identifier: Apache-2.0
// Kernels of the update codecs. All give the same bits on every instruction-set clone: multiply-add is never
// contracted, rounding is to nearest even, and sums run over a fixed number of lanes.
#ifndef TRIBUTARY_CKERNELS_CODING_H
#define TRIBUTARY_CKERNELS_CODING_H
#include <stddef.h>
#include <stdint.h>

// Dense formats ------------------------------------------------------------------------------------------------------

// bfloat16, round to nearest even; decode and accumulate: acc[i] += w * (double)value
void cc_bfloat_encode(uint8_t *restrict bytes, const float *restrict x, size_t n);
void cc_bfloat_decode(float *restrict out, const uint8_t *restrict bytes, size_t n);
void cc_bfloat_accumulate(double *restrict acc, const uint8_t *restrict bytes, double w, size_t n);

// `blocks` whole blocks of 64 coordinates: a bfloat16 scale, then 64 signed bytes (66 bytes a block).
void cc_int8_encode(uint8_t *restrict out, const float *restrict x, size_t blocks);
void cc_int8_decode(float *restrict out, const uint8_t *restrict bytes, size_t blocks);
void cc_int8_accumulate(double *restrict acc, const uint8_t *restrict bytes, double w, size_t blocks);
// The same with 4 bits: a bfloat16 scale, then 32 bytes, byte k = (q[k] + 8) | (q[k + 32] + 8) << 4 (34 bytes a block).
void cc_int4_encode(uint8_t *restrict out, const float *restrict x, size_t blocks);
void cc_int4_decode(float *restrict out, const uint8_t *restrict bytes, size_t blocks);
void cc_int4_accumulate(double *restrict acc, const uint8_t *restrict bytes, double w, size_t blocks);

// Random words -------------------------------------------------------------------------------------------------------

// Philox4x32-10. Group g of 32 words: word w (0..3) of counter (g low, g high, j, domain), j = 0..7, stands at out[8w +
// j].
void cc_philox(uint32_t *restrict out, uint64_t first_group, size_t groups, uint64_t key, uint32_t domain);

// Rotation (EDEN) ----------------------------------------------------------------------------------------------------

// Flips the sign of x[i] where bit (i mod 32) of signs[i / 32] is set; n is a multiple of 32.
void cc_flip_signs(float *x, const uint32_t *signs, size_t n);
// In-place Walsh-Hadamard transform without normalisation; n a power of two, at least 64.
void cc_hadamard(float *x, size_t n);
// Scalar quantisation: index = (number of thresholds below |z|) + half where x is negative, z = x * factor.
// Adds up sum of x * value(index) in double over 16 lanes, and returns it. `thresholds` has half - 1 entries.
double cc_lookup_quantize(uint8_t *restrict index, const float *restrict x, float factor, const float *thresholds,
                          const float *restrict values, size_t half, size_t n);
// x[i] = values[index[i]] * factor
void cc_lookup_values(float *restrict x, const uint8_t *restrict index, const float *values, float factor, size_t n);
// Packs fields of `bits` (1, 2, 4 or 8) bits taken from index[i] >> shift: with f = 8 / bits fields a byte, byte k
// holds the fields of coordinates k, k + n/f, k + 2n/f, ... from its low end. n is a multiple of 8.
void cc_pack(uint8_t *restrict out, const uint8_t *restrict index, int bits, int shift, size_t n);
// ORs the fields back: index[i] |= field << shift
void cc_unpack(uint8_t *restrict index, const uint8_t *restrict bytes, int bits, int shift, size_t n);

// Dithered quantisation (ECDQ)
// -----------------------------------------------------------------------------------------

// Mean square of each block of 64, in single precision over 16 lanes; returns the largest magnitude (NaN if any is
// NaN).
float cc_block_energies(float *restrict energy, const float *restrict x, size_t blocks);

// Quantises whole blocks of 64. Coordinate l of a row of 16 has dither bucket (l + r) mod 16; symbols are written by
// block, then by folded bucket (8), then by place in it (8): the symbol of bucket 15 - b is negated and joins b.
// symbols[i] = the folded quotient, or -128 where it is beyond +-127. `wide`, when not null, receives it in full.
void cc_dither_quantize(int8_t *restrict symbols, int32_t *restrict wide, const float *restrict x, size_t blocks,
                        uint64_t first_block, uint64_t key, float inverse_step);
// Rebuilds (q - u) * step[block]. `wide` replaces the symbols where not null. Either out or acc is null.
// A step of 0 gives +0.
void cc_dither_rebuild(float *restrict out, double *restrict acc, double w, const int8_t *restrict symbols,
                       const int32_t *restrict wide, const float *restrict step, size_t blocks, uint64_t first_block,
                       uint64_t key);

// 1 if a symbol of a block of 64 lies outside lows[i] ... highs[i], else 0.
int cc_any_outside(const int8_t *symbols, const int8_t *lows, const int8_t *highs);
// Splits the quotients of one block: the low `bits` bits as planes of 8 bytes, the lowest plane first (bit i is place
// i), and the rest, saturated at -128, as symbols; and puts them together again.
void cc_split_raw(int8_t *restrict symbols, uint8_t *restrict planes, const int32_t *restrict wide, int bits);
void cc_merge_raw(int32_t *restrict wide, const int8_t *restrict symbols, const uint8_t *restrict planes, int bits);

// rANS, 12-bit frequencies, 8 interleaved 32-bit states, 16-bit words
// ---------------------------------------------------

typedef struct {
    uint64_t reciprocal;  // floor(2^44 / frequency) + 1: exact quotients for every state below frequency << 20
    uint16_t frequency;
    uint16_t complement;  // 4096 - frequency
    uint32_t start;
} cc_rans_symbol;

// Encodes `groups` groups of 8 symbols, last group first, writing words downwards from `end`; group g stands at
// symbols + offsets[g]. table[s + 128] describes symbol s. Returns the new lowest word.
uint16_t *cc_rans_encode(uint32_t state[8], uint16_t *end, const int8_t *symbols, const uint32_t *offsets,
                         size_t groups, const cc_rans_symbol *table);
// slots[4096]: frequency << 20 | (slot - start) << 8 | (symbol as a byte).
// Decodes groups in order; returns the next word, or null when the words end too early.
const uint8_t *cc_rans_decode(uint32_t state[8], const uint8_t *words, const uint8_t *end, int8_t *symbols,
                              const uint32_t *offsets, size_t groups, const uint32_t *slots);
// Fills slots[start .. start + frequency) for one symbol.
void cc_rans_fill(uint32_t *slots, uint32_t start, uint32_t frequency, int8_t symbol);

// Sparse and common-grid formats
// -----------------------------------------------------------------------------------------

// Counts magnitudes by the upper 16 of their 31 bits (bits >> 15): histogram has 65536 counters, added to.
void cc_magnitude_histogram(uint32_t *histogram, const float *x, size_t n);
// Among the values whose upper bits equal `upper`, counts by the lower 15 bits.
void cc_magnitude_refine(uint32_t *histogram, const float *x, size_t n, uint32_t upper);
#endif
