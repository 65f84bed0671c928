#include "CKernels.h"

#if defined(__x86_64__)

#include "ScalarParts.h"

#include <immintrin.h>
#include <float.h>
#include <math.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define KERNEL_CLASS "avx2.3"
#define W 8
#define SCORE_ROWS 4
#define VALUE_ROWS 4
#define VALUE_COLUMNS 2
#define PRODUCT_WHOLE 1
#define PRODUCT_VECTORS 2
#define PRODUCT_ROWS 6
#define PRODUCT_CASES(name)                                                                       \
    WHOLE(name, 1) STRIP(name, 2) STRIP(name, 3) STRIP(name, 4) STRIP(name, 5) STRIP(name, 6)

typedef __m256 vf;
typedef __m256 vm;

static inline vf v_set(float x) { return _mm256_set1_ps(x); }
static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
static inline vf v_load_part(const float *p, size_t n, float fill) {
    float whole[W] = {fill, fill, fill, fill, fill, fill, fill, fill};
    memcpy(whole, p, n * sizeof *p);
    return _mm256_loadu_ps(whole);
}
static inline void v_store_part(float *p, vf v, size_t n) {
    float whole[W];
    _mm256_storeu_ps(whole, v);
    memcpy(p, whole, n * sizeof *p);
}
static inline vf v_load_bf16(const uint8_t *p) {
    __m128i h = _mm_loadu_si128((const __m128i_u *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
static inline vf v_load_i8(const int8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i_u *)p)));
}
static inline vf v_load_f16(const uint8_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)p));
}
static inline void v_store_f16(uint16_t *p, vf v) {
    _mm_storeu_si128((__m128i_u *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
static inline vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
/* Both return b where either is NaN. */
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline float v_sum(vf v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float v_maximum(vf v) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
static inline vm v_less(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vm v_is_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
static inline vm v_or(vm a, vm b) { return _mm256_or_ps(a, b); }
static inline bool v_any(vm m) { return _mm256_movemask_ps(m) != 0; }
static inline vf v_select(vm m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }
static inline vf v_round(vf v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* In two halves, because 2^n itself leaves the range of a float before p 2^n does. */
static inline vf v_scale_by_power_of_two(vf p, vf n) {
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half), bias = _mm256_set1_epi32(127);
    vf a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    vf b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    return _mm256_mul_ps(_mm256_mul_ps(p, a), b);
}
/* x = m 2^e with m in [sqrt(1/2), sqrt 2). */
static inline vf v_split(vf x, vf *e) {
    __m256i root = _mm256_set1_epi32(0x3f3504f3);
    __m256i i = _mm256_sub_epi32(_mm256_castps_si256(x), root);
    *e = _mm256_cvtepi32_ps(_mm256_srai_epi32(i, 23));
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_and_si256(i, _mm256_set1_epi32(0x7fffff)), root));
}

#include "SimdBody.inc"

#pragma clang attribute pop

const hebb_kernels *hebb_kernels_avx2(void) {
    bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("f16c");
    return runs ? &table : NULL;
}

#else

const hebb_kernels *hebb_kernels_avx2(void) { return NULL; }

#endif
