#include "Quantized.h"

#if defined(__x86_64__)

#include "QuantizedLayout.h"

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), \
    apply_to = function)

#define TABLE_NAME "vnni"
#define W 16
#define MOST_ROWS 16
#define MOST_VECTORS 2
#define FETCHED_ROWS 8
#define ROW_COUNTS ROWS(16, 1) ROWS(8, 1) ROWS(4, 2) ROWS(2, 2) ROWS(1, 2)

typedef __m512 vf;
typedef __m512i vi;
typedef __m512i vb;
typedef struct part_scales {
    vf first, second;
} part_scales;

ALWAYS vf v_set(float x) { return _mm512_set1_ps(x); }
ALWAYS vf v_load(const float *p) { return _mm512_loadu_ps(p); }
ALWAYS void v_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
ALWAYS void v_store_part(float *p, vf v, size_t n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
ALWAYS vf v_load_f16(const uint8_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)p));
}
ALWAYS vf v_load_u8(const uint8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)p)));
}
ALWAYS vf v_load_i8(const uint8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i_u *)p)));
}
ALWAYS vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
ALWAYS vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
ALWAYS vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }

ALWAYS vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
ALWAYS vi vi_magnitude(vf v) {
    return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}
ALWAYS vi vi_max(vi a, vi b) { return _mm512_max_epi32(a, b); }
ALWAYS vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
ALWAYS uint32_t vi_maximum(vi v) { return (uint32_t)_mm512_reduce_max_epi32(v); }
ALWAYS int32_t vi_sum(vi v) { return _mm512_reduce_add_epi32(v); }
ALWAYS vi vi_round(vf v) {
    return _mm512_cvt_roundps_epi32(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
ALWAYS void vi_store_bytes(uint8_t *p, vi v) {
    _mm_storeu_si128((__m128i_u *)p, _mm512_cvtepi32_epi8(v));
}

ALWAYS vb vb_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
ALWAYS vb vb_and(vb a, int mask) { return _mm512_and_si512(a, _mm512_set1_epi8((char)mask)); }
/* Shifts of pairs of bytes: what crosses over is masked off by whoever shifts. */
ALWAYS vb vb_left(vb a, int n) { return _mm512_slli_epi16(a, (unsigned)n); }
ALWAYS vb vb_right(vb a, int n) { return _mm512_srli_epi16(a, (unsigned)n); }
/* a | (b & mask) */
ALWAYS vb vb_or_masked(vb a, vb b, int mask) {
    return _mm512_ternarylogic_epi32(a, b, _mm512_set1_epi8((char)mask), 0xf8);
}

ALWAYS part_scales load_part_scales(const uint8_t *first, const uint8_t *second) {
    return (part_scales){v_load_i8(first), v_load_i8(second)};
}

/* The sums of q_w q_x of a block, exact: below 2^24, so also as floats. */
ALWAYS vf v_dots(
    hebb_encoding e, const vb q[8], part_scales s, const uint8_t *x, const hebb_block_sums *b) {
    int32_t four[8];
    memcpy(four, x, sizeof four);
    if (e == HEBB_Q6_K) {
        vi first = _mm512_slli_epi32(vi_set(b->minus_first), 5);
        vi second = _mm512_slli_epi32(vi_set(b->minus_second), 5);
        UNROLL for (size_t g = 0; g < 4; g++) {
            first = _mm512_dpbusd_epi32(first, q[g], vi_set(four[g]));
            second = _mm512_dpbusd_epi32(second, q[g + 4], vi_set(four[g + 4]));
        }
        return v_fma(
            _mm512_cvtepi32_ps(second), s.second, v_mul(_mm512_cvtepi32_ps(first), s.first));
    }
    vi sum = hebb_zero_shift(e) < 0
        ? vi_set(0) : _mm512_slli_epi32(vi_set(b->minus_sum), (unsigned)hebb_zero_shift(e));
    UNROLL for (size_t g = 0; g < 8; g++) sum = _mm512_dpbusd_epi32(sum, q[g], vi_set(four[g]));
    return _mm512_cvtepi32_ps(sum);
}

#include "QuantizedBody.inc"

#pragma clang attribute pop

const hebb_quantized_kernels *hebb_quantized_vnni(void) {
    bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512vnni");
    return runs ? &table : NULL;
}

#else

const hebb_quantized_kernels *hebb_quantized_vnni(void) { return NULL; }

#endif
