/* Where things lie in a panel's block (see hebb_pack_quantized), as constants of the encoding. */
#ifndef HEBB_QUANTIZED_LAYOUT_H
#define HEBB_QUANTIZED_LAYOUT_H

#include "Quantized.h"

#include <stdbool.h>
#include <string.h>

#define PANEL HEBB_QUANTIZED_PANEL
#define UNROLL _Pragma("clang loop unroll(full)")
#define ALWAYS static inline __attribute__((always_inline))

/* Calls a function whose first parameter is a constant of each case. */
#define ONE_ENCODING(e, function, ...)                                                            \
    case e:                                                                                       \
        function(e, __VA_ARGS__);                                                                 \
        break;
#define EACH_ENCODING(...)                                                                        \
    ONE_ENCODING(HEBB_Q4_0, __VA_ARGS__)                                                          \
    ONE_ENCODING(HEBB_Q4_1, __VA_ARGS__)                                                          \
    ONE_ENCODING(HEBB_Q5_0, __VA_ARGS__)                                                          \
    ONE_ENCODING(HEBB_Q5_1, __VA_ARGS__)                                                          \
    ONE_ENCODING(HEBB_Q8_0, __VA_ARGS__)                                                          \
    ONE_ENCODING(HEBB_Q4_K, __VA_ARGS__)                                                          \
    ONE_ENCODING(HEBB_Q5_K, __VA_ARGS__)                                                          \
    ONE_ENCODING(HEBB_Q6_K, __VA_ARGS__)

/* Scales of a super-block with small integers for its parts, or of a block alone. */
ALWAYS bool hebb_is_super(hebb_encoding e) {
    return e == HEBB_Q4_K || e == HEBB_Q5_K || e == HEBB_Q6_K;
}
/* w = d q + m, m stored (of super-blocks: what is taken off). */
ALWAYS bool hebb_has_offset(hebb_encoding e) {
    return e == HEBB_Q4_1 || e == HEBB_Q5_1 || e == HEBB_Q4_K || e == HEBB_Q5_K;
}
ALWAYS bool hebb_has_fifth_bits(hebb_encoding e) {
    return e == HEBB_Q5_0 || e == HEBB_Q5_1 || e == HEBB_Q5_K;
}
/* Elements are stored as q + 2^zero_shift; -1: as they are. */
ALWAYS int hebb_zero_shift(hebb_encoding e) {
    return e == HEBB_Q4_0 ? 3 : e == HEBB_Q5_0 ? 4 : e == HEBB_Q6_K ? 5 : e == HEBB_Q8_0 ? 7 : -1;
}
/* Blocks of HEBB_BLOCK inputs under one header. */
ALWAYS size_t hebb_parts(hebb_encoding e) {
    return hebb_is_super(e) ? HEBB_SUPER_BLOCK / HEBB_BLOCK : 1;
}
/* What a super-block begins with: d, and in formats with an offset that of the offsets. */
ALWAYS size_t hebb_header_bytes(hebb_encoding e) {
    return hebb_is_super(e) ? (hebb_has_offset(e) ? 4 : 2) * PANEL : 0;
}
/* What a block of 32 inputs begins with: two small integers, or d and perhaps m as halves. */
ALWAYS size_t hebb_scale_bytes(hebb_encoding e) {
    return (hebb_is_super(e) || !hebb_has_offset(e) ? 2 : 4) * PANEL;
}
ALWAYS size_t hebb_high_bytes(hebb_encoding e) {
    return (hebb_has_fifth_bits(e) ? 4 : e == HEBB_Q6_K ? 8 : 0) * PANEL;
}
ALWAYS size_t hebb_low_bytes(hebb_encoding e) {
    return (e == HEBB_Q8_0 ? HEBB_BLOCK : HEBB_BLOCK / 2) * PANEL;
}
/* A block of 32 inputs: scales, high bits, low bits. */
ALWAYS size_t hebb_part_bytes(hebb_encoding e) {
    return hebb_scale_bytes(e) + hebb_high_bytes(e) + hebb_low_bytes(e);
}

/* From the bits of a block's greatest magnitude: 127 over it, and its scale; 0 for a block that is
 * zero, or whose scale is NaN. The bits, because they order NaN above infinity. */
ALWAYS float hebb_block_inverse(uint32_t bits, float *scale) {
    float greatest;
    memcpy(&greatest, &bits, sizeof greatest);
    if (bits >= 0x7f800000) {
        *scale = greatest - greatest;
        return 0;
    }
    if (greatest < 0x1p-100f) {
        *scale = 0;
        return 0;
    }
    *scale = greatest / 127;
    return 127 / greatest;
}

ALWAYS hebb_block_sums hebb_sums(float scale, int32_t first, int32_t second) {
    int32_t sum = first + second;
    return (hebb_block_sums){
        scale, scale * (float)sum, -sum, -first, -second, {(int16_t)first, (int16_t)second}};
}

#endif
