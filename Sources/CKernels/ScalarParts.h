/* Pieces that are the same in every kernel class: reading one unaligned element, and exact GELU. */
#ifndef HEBB_SCALAR_PARTS_H
#define HEBB_SCALAR_PARTS_H

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

void hebb_gelu_erf(const float *x, float *out, size_t n);

#endif
