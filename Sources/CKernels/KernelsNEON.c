#include "CKernels.h"

#if defined(__aarch64__)

#include "ScalarParts.h"

#include <arm_neon.h>
#include <float.h>
#include <math.h>

#define KERNEL_CLASS "neon.3"
#define W 4
#define SCORE_ROWS 4
#define VALUE_ROWS 4
#define VALUE_COLUMNS 4
#define PRODUCT_WHOLE 1
#define PRODUCT_VECTORS 4
#define PRODUCT_ROWS 6
#define PRODUCT_CASES(name)                                                                       \
    WHOLE(name, 1) STRIP(name, 2) STRIP(name, 3) STRIP(name, 4) STRIP(name, 5) STRIP(name, 6)

typedef float32x4_t vf;
typedef uint32x4_t vm;

static inline vf v_set(float x) { return vdupq_n_f32(x); }
/* Through bytes: weights in a mapped file may not be aligned to their own size. */
static inline vf v_load(const float *p) {
    return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)p));
}
static inline void v_store(float *p, vf v) { vst1q_f32(p, v); }
static inline vf v_load_part(const float *p, size_t n, float fill) {
    float whole[W] = {fill, fill, fill, fill};
    memcpy(whole, p, n * sizeof *p);
    return vld1q_f32(whole);
}
static inline void v_store_part(float *p, vf v, size_t n) {
    float whole[W];
    vst1q_f32(whole, v);
    memcpy(p, whole, n * sizeof *p);
}
static inline vf v_load_bf16(const uint8_t *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}
static inline vf v_load_i8(const int8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}
static inline vf v_load_f16(const uint8_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}
static inline void v_store_f16(uint16_t *p, vf v) {
    vst1_u8((uint8_t *)p, vreinterpret_u8_f16(vcvt_f16_f32(v)));
}
static inline vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
/* As on x86: b where either is NaN. */
static inline vf v_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vf v_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline float v_sum(vf v) { return vaddvq_f32(v); }
static inline float v_maximum(vf v) { return vmaxvq_f32(v); }
static inline vm v_less(vf a, vf b) { return vcltq_f32(a, b); }
static inline vm v_is_nan(vf a) { return vmvnq_u32(vceqq_f32(a, a)); }
static inline vm v_or(vm a, vm b) { return vorrq_u32(a, b); }
static inline bool v_any(vm m) { return vmaxvq_u32(m) != 0; }
static inline vf v_select(vm m, vf yes, vf no) { return vbslq_f32(m, yes, no); }
static inline vf v_round(vf v) { return vrndnq_f32(v); }
/* In two halves, because 2^n itself leaves the range of a float before p 2^n does. */
static inline vf v_scale_by_power_of_two(vf p, vf n) {
    int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    int32x4_t rest = vsubq_s32(whole, half), bias = vdupq_n_s32(127);
    vf a = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23));
    vf b = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23));
    return vmulq_f32(vmulq_f32(p, a), b);
}
/* x = m 2^e with m in [sqrt(1/2), sqrt 2). */
static inline vf v_split(vf x, vf *e) {
    int32x4_t root = vdupq_n_s32(0x3f3504f3);
    int32x4_t i = vsubq_s32(vreinterpretq_s32_f32(x), root);
    *e = vcvtq_f32_s32(vshrq_n_s32(i, 23));
    return vreinterpretq_f32_s32(vaddq_s32(vandq_s32(i, vdupq_n_s32(0x7fffff)), root));
}

#include "SimdBody.inc"

const hebb_kernels *hebb_kernels_neon(void) { return &table; }

#else

const hebb_kernels *hebb_kernels_neon(void) { return NULL; }

#endif
