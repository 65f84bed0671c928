#include "Quantized.h"

#if defined(__aarch64__)

#include "QuantizedLayout.h"

#include <arm_neon.h>

#define TABLE_NAME "neon"
#define W 4
#define MOST_ROWS 4
#define MOST_VECTORS 2
#define FETCHED_ROWS 1
#define ROW_COUNTS ROWS(4, 1) ROWS(2, 1) ROWS(1, 2)

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint8x16_t vb;
typedef struct part_scales {
    vi first, second;
} part_scales;

ALWAYS vf v_set(float x) { return vdupq_n_f32(x); }
ALWAYS vf v_load(const float *p) { return vld1q_f32(p); }
ALWAYS void v_store(float *p, vf v) { vst1q_f32(p, v); }
ALWAYS void v_store_part(float *p, vf v, size_t n) {
    float whole[W];
    vst1q_f32(whole, v);
    memcpy(p, whole, n * sizeof *p);
}
ALWAYS vf v_load_f16(const uint8_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}
ALWAYS uint8x8_t load_four(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vreinterpret_u8_u32(vdup_n_u32(four));
}
ALWAYS vf v_load_u8(const uint8_t *p) {
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(load_four(p)))));
}
ALWAYS vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
ALWAYS vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
ALWAYS vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }

ALWAYS vi vi_set(int32_t x) { return vdupq_n_s32(x); }
ALWAYS vi vi_magnitude(vf v) {
    return vandq_s32(vreinterpretq_s32_f32(v), vdupq_n_s32(0x7fffffff));
}
ALWAYS vi vi_max(vi a, vi b) { return vmaxq_s32(a, b); }
ALWAYS vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
ALWAYS uint32_t vi_maximum(vi v) { return (uint32_t)vmaxvq_s32(v); }
ALWAYS int32_t vi_sum(vi v) { return vaddvq_s32(v); }
ALWAYS vi vi_round(vf v) { return vcvtnq_s32_f32(v); }
ALWAYS void vi_store_bytes(uint8_t *p, vi v) {
    int16x4_t words = vmovn_s32(v);
    int8x8_t bytes = vmovn_s16(vcombine_s16(words, words));
    uint32_t four = vget_lane_u32(vreinterpret_u32_s8(bytes), 0);
    memcpy(p, &four, sizeof four);
}

ALWAYS vb vb_load(const uint8_t *p) { return vld1q_u8(p); }
ALWAYS vb vb_and(vb a, int mask) { return vandq_u8(a, vdupq_n_u8((uint8_t)mask)); }
ALWAYS vb vb_left(vb a, int n) { return vshlq_u8(a, vdupq_n_s8((int8_t)n)); }
ALWAYS vb vb_right(vb a, int n) { return vshlq_u8(a, vdupq_n_s8((int8_t)-n)); }
/* a | (b & mask) */
ALWAYS vb vb_or_masked(vb a, vb b, int mask) { return vorrq_u8(a, vb_and(b, mask)); }

ALWAYS vi load_signed(const uint8_t *p) {
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(load_four(p)))));
}
ALWAYS part_scales load_part_scales(const uint8_t *first, const uint8_t *second) {
    return (part_scales){load_signed(first), load_signed(second)};
}

/* sum + the products of four inputs. Two neighbours are below 2^15: |q| <= 128, |x| <= 127. */
ALWAYS vi add_dots(vi sum, int8x16_t q, const uint8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    int8x16_t all = vreinterpretq_s8_s32(vdupq_n_s32(four));
    int16x8_t low = vmull_s8(vget_low_s8(q), vget_low_s8(all));
    int16x8_t high = vmull_s8(vget_high_s8(q), vget_high_s8(all));
    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

/* The sums of q_w q_x of a block, exact. */
ALWAYS vf v_dots(
    hebb_encoding e, const vb q[8], part_scales s, const uint8_t *x, const hebb_block_sums *b) {
    if (e == HEBB_Q6_K) {
        vi first = vi_set(b->minus_first * 32), second = vi_set(b->minus_second * 32);
        UNROLL for (size_t g = 0; g < 4; g++) {
            first = add_dots(first, vreinterpretq_s8_u8(q[g]), x + 4 * g);
            second = add_dots(second, vreinterpretq_s8_u8(q[g + 4]), x + 4 * g + 16);
        }
        return vcvtq_f32_s32(vmlaq_s32(vmulq_s32(first, s.first), second, s.second));
    }
    /* Eight bits are signed again; the others are what they are until the end. */
    bool is_byte = e == HEBB_Q8_0;
    bool is_offset = hebb_zero_shift(e) >= 0 && !is_byte;
    vi sum = vi_set(is_offset ? b->minus_sum * (1 << hebb_zero_shift(e)) : 0);
    UNROLL for (size_t g = 0; g < 8; g++) {
        vb bytes = is_byte ? veorq_u8(q[g], vdupq_n_u8(0x80)) : q[g];
        sum = add_dots(sum, vreinterpretq_s8_u8(bytes), x + 4 * g);
    }
    return vcvtq_f32_s32(sum);
}

#include "QuantizedBody.inc"

const hebb_quantized_kernels *hebb_quantized_neon(void) { return &table; }

#else

const hebb_quantized_kernels *hebb_quantized_neon(void) { return NULL; }

#endif
