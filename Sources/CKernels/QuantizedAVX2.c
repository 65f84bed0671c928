#include "Quantized.h"

#if defined(__x86_64__)

#include "QuantizedLayout.h"

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define TABLE_NAME "avx2"
#define W 8
#define MOST_ROWS 4
#define MOST_VECTORS 4
#define FETCHED_ROWS 1
#define ROW_COUNTS ROWS(4, 1) ROWS(2, 2) ROWS(1, 4)

typedef __m256 vf;
typedef __m256i vi;
typedef __m256i vb;
/* Of the first 16 inputs, of the second, and both side by side: pairs of 16 bits. */
typedef struct part_scales {
    vi first, second, both;
} part_scales;

ALWAYS vf v_set(float x) { return _mm256_set1_ps(x); }
ALWAYS vf v_load(const float *p) { return _mm256_loadu_ps(p); }
ALWAYS void v_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
ALWAYS void v_store_part(float *p, vf v, size_t n) {
    float whole[W];
    _mm256_storeu_ps(whole, v);
    memcpy(p, whole, n * sizeof *p);
}
ALWAYS vf v_load_f16(const uint8_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)p));
}
ALWAYS vf v_load_u8(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)p)));
}
ALWAYS vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
ALWAYS vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
ALWAYS vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }

ALWAYS vi vi_set(int32_t x) { return _mm256_set1_epi32(x); }
ALWAYS vi vi_magnitude(vf v) {
    return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}
ALWAYS vi vi_max(vi a, vi b) { return _mm256_max_epi32(a, b); }
ALWAYS vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
ALWAYS uint32_t vi_maximum(vi v) {
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}
ALWAYS int32_t vi_sum(vi v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}
ALWAYS vi vi_round(vf v) {
    return _mm256_cvtps_epi32(
        _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
ALWAYS void vi_store_bytes(uint8_t *p, vi v) {
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((__m128i_u *)p, _mm_packs_epi16(words, words));
}

ALWAYS vb vb_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i_u *)p); }
ALWAYS vb vb_and(vb a, int mask) { return _mm256_and_si256(a, _mm256_set1_epi8((char)mask)); }
/* Shifts of pairs of bytes: what crosses over is masked off by whoever shifts. */
ALWAYS vb vb_left(vb a, int n) { return _mm256_slli_epi16(a, n); }
ALWAYS vb vb_right(vb a, int n) { return _mm256_srli_epi16(a, n); }
/* a | (b & mask) */
ALWAYS vb vb_or_masked(vb a, vb b, int mask) { return _mm256_or_si256(a, vb_and(b, mask)); }

ALWAYS part_scales load_part_scales(const uint8_t *first, const uint8_t *second) {
    vi a = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i_u *)first));
    vi b = _mm256_slli_epi32(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i_u *)second)), 16);
    vi low = _mm256_and_si256(a, _mm256_set1_epi32(0xffff));
    return (part_scales){
        _mm256_or_si256(low, _mm256_slli_epi32(a, 16)),
        _mm256_or_si256(b, _mm256_srli_epi32(b, 16)), _mm256_or_si256(low, b)};
}

/* Sums of two neighbouring products, 16 bits. */
ALWAYS vi pairs(vb q, const uint8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_maddubs_epi16(q, vi_set(four));
}

/* The sums of q_w q_x of a block, exact. How many sums of pairs 16 bits hold: eight of q < 16
 * (30,480), four of q < 32 (31,496), two of q < 64 (32,004). */
ALWAYS vf v_dots(
    hebb_encoding e, const vb q[8], part_scales s, const uint8_t *x, const hebb_block_sums *b) {
    const vi ones = _mm256_set1_epi16(1);
    vi sum;
    if (e == HEBB_Q6_K) {
        int32_t halves;
        memcpy(&halves, b->halves, sizeof halves);
        sum = _mm256_slli_epi32(_mm256_madd_epi16(s.both, vi_set(halves)), 5);
        sum = _mm256_sub_epi32(vi_set(0), sum);
        UNROLL for (size_t g = 0; g < 8; g += 2)
            sum = vi_add(sum, _mm256_madd_epi16(
                _mm256_add_epi16(pairs(q[g], x + 4 * g), pairs(q[g + 1], x + 4 * g + 4)),
                g < 4 ? s.first : s.second));
        return _mm256_cvtepi32_ps(sum);
    }
    if (e == HEBB_Q8_0) {
        vi low = pairs(vb_and(q[0], 15), x), high = pairs(vb_and(vb_right(q[0], 4), 15), x);
        UNROLL for (size_t g = 1; g < 8; g++) {
            low = _mm256_add_epi16(low, pairs(vb_and(q[g], 15), x + 4 * g));
            high = _mm256_add_epi16(high, pairs(vb_and(vb_right(q[g], 4), 15), x + 4 * g));
        }
        sum = vi_add(
            _mm256_madd_epi16(low, ones), _mm256_slli_epi32(_mm256_madd_epi16(high, ones), 4));
    } else {
        vi half[2];
        UNROLL for (size_t h = 0; h < 2; h++) {
            half[h] = pairs(q[4 * h], x + 16 * h);
            UNROLL for (size_t g = 4 * h + 1; g < 4 * h + 4; g++)
                half[h] = _mm256_add_epi16(half[h], pairs(q[g], x + 4 * g));
        }
        if (hebb_has_fifth_bits(e))
            sum = vi_add(_mm256_madd_epi16(half[0], ones), _mm256_madd_epi16(half[1], ones));
        else
            sum = _mm256_madd_epi16(_mm256_add_epi16(half[0], half[1]), ones);
    }
    if (hebb_zero_shift(e) >= 0)
        sum = vi_add(sum, _mm256_slli_epi32(vi_set(b->minus_sum), hebb_zero_shift(e)));
    return _mm256_cvtepi32_ps(sum);
}

#include "QuantizedBody.inc"

#pragma clang attribute pop

const hebb_quantized_kernels *hebb_quantized_avx2(void) {
    bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("f16c");
    return runs ? &table : NULL;
}

#else

const hebb_quantized_kernels *hebb_quantized_avx2(void) { return NULL; }

#endif
