/* Pieces that are the same in every kernel class: reading one unaligned element, and exact GELU. */
#ifndef HEBB_SCALAR_PARTS_H
#define HEBB_SCALAR_PARTS_H

#include "CKernels.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline float hebb_f32_at(const uint8_t *p) {
    float f;
    memcpy(&f, p, sizeof f);
    return f;
}

static inline float hebb_bf16_at(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, sizeof h);
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* IEEE half to single in integers, because the compiler's own _Float16 may call into a run-time
 * library where the hardware has no conversion. */
static inline float hebb_f16_at(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, sizeof h);
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = (h >> 10) & 0x1f;
    uint32_t mantissa = h & 0x3ff;
    uint32_t bits;
    if (exponent == 0x1f) {
        bits = sign | 0x7f800000 | mantissa << 13;
        if (mantissa) bits |= 0x00400000; /* quiet, as the hardware conversion does */
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    } else {
        float f = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &f, sizeof bits);
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Single to IEEE half, to the nearest, ties to even, as the hardware does, but to the largest number
 * where that is exceeded. */
static inline uint16_t hebb_to_f16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return sign | 0x7e00;
    if (bits >= 0x477fe000) return sign | 0x7bff;
    if (bits < 0x38800000) { /* below the normal ones: a multiple of 2^-24 */
        memcpy(&f, &bits, sizeof f);
        f = f * 0x1p24f + 0x1p23f; /* exact, then rounded to a whole number */
        memcpy(&bits, &f, sizeof bits);
        return (uint16_t)(sign | (bits & 0x7ff));
    }
    bits += 0xfff + (bits >> 13 & 1);
    bits = (bits >> 13) - (112 << 10);
    return (uint16_t)(sign | (bits > 0x7bff ? 0x7bff : bits));
}

/* A table's `store`, of a page of single precision. */
static inline void hebb_store_single(
    const float *key, const float *value, size_t head_size, size_t position, float *part) {
    for (size_t d = 0; d < head_size; d++) part[d * HEBB_PAGE + position] = key[d];
    memcpy(part + (HEBB_PAGE + position) * head_size, value, head_size * sizeof *value);
}

void hebb_gelu_erf(const float *x, float *out, size_t n);

#endif
