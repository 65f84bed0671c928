#include "CKernels.h"

#if defined(__x86_64__)

#include "ScalarParts.h"

#include <immintrin.h>
#include <float.h>
#include <math.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)

#define KERNEL_CLASS "avx512.3"
#define W 16
#define SCORE_ROWS 8
#define VALUE_ROWS 4
#define VALUE_COLUMNS 4
#define PRODUCT_WHOLE 6
#define PRODUCT_VECTORS 2
#define PRODUCT_ROWS 14
/* Above PRODUCT_WHOLE rows no block has fewer than 7. */
#define PRODUCT_CASES(name)                                                                       \
    WHOLE(name, 1) WHOLE(name, 2) WHOLE(name, 3) WHOLE(name, 4) WHOLE(name, 5) WHOLE(name, 6)     \
    STRIP(name, 7) STRIP(name, 8) STRIP(name, 9) STRIP(name, 10) STRIP(name, 11)                  \
    STRIP(name, 12) STRIP(name, 13) STRIP(name, 14)

typedef __m512 vf;
typedef __mmask16 vm;

static inline vf v_set(float x) { return _mm512_set1_ps(x); }
static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline vm first(size_t n) { return (vm)((1u << n) - 1); }
static inline vf v_load_part(const float *p, size_t n, float fill) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first(n), p);
}
static inline void v_store_part(float *p, vf v, size_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
static inline vf v_load_bf16(const uint8_t *p) {
    __m256i h = _mm256_loadu_si256((const __m256i_u *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
static inline vf v_load_i8(const int8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i_u *)p)));
}
static inline vf v_load_f16(const uint8_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)p));
}
static inline void v_store_f16(uint16_t *p, vf v) {
    _mm256_storeu_si256((__m256i_u *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
/* Both return b where either is NaN. */
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline float v_sum(vf v) { return _mm512_reduce_add_ps(v); }
static inline float v_maximum(vf v) { return _mm512_reduce_max_ps(v); }
static inline vm v_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vm v_is_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
static inline vm v_or(vm a, vm b) { return a | b; }
static inline bool v_any(vm m) { return m != 0; }
static inline vf v_select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }
static inline vf v_round(vf v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf v_scale_by_power_of_two(vf p, vf n) { return _mm512_scalef_ps(p, n); }
/* x = m 2^e with m in [sqrt(1/2), sqrt 2). */
static inline vf v_split(vf x, vf *e) {
    __m512i root = _mm512_set1_epi32(0x3f3504f3);
    __m512i i = _mm512_sub_epi32(_mm512_castps_si512(x), root);
    *e = _mm512_cvtepi32_ps(_mm512_srai_epi32(i, 23));
    return _mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_and_si512(i, _mm512_set1_epi32(0x7fffff)), root));
}

#include "SimdBody.inc"

#pragma clang attribute pop

const hebb_kernels *hebb_kernels_avx512(void) {
    bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return runs ? &table : NULL;
}

#else

const hebb_kernels *hebb_kernels_avx512(void) { return NULL; }

#endif
