#ifndef HEBB_CKERNELS_H
#define HEBB_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "Pool.h"
#include "Quantized.h"

/* Numeric kernels in C. Every function works on (pointer, length) pairs, allocates nothing and
 * keeps no state. All pointers may be unaligned where the type is `const void *` (weights in a
 * mapped file are); `float *` is aligned to 4 bytes. One table holds one implementation
 * (a "kernel class"); the results of a table are a pure function of the inputs, but two tables
 * may differ in the last bits, because they sum in another order. */

/* Keys and values lie in pages of this many positions, as IEEE half-precision numbers. A head's part
 * of a page has the keys, [head_size, HEBB_PAGE], so that scores need no horizontal sums, and behind
 * them the values, [HEBB_PAGE, head_size]. */
#define HEBB_PAGE 16

/* Numbers of a head's part of a page. */
static inline size_t hebb_page_part(size_t head_size) { return 2 * HEBB_PAGE * head_size; }

/* What the numbers of a page are: IEEE half or single precision. */
typedef enum hebb_cell { HEBB_HALF, HEBB_SINGLE } hebb_cell;
static inline size_t hebb_cell_bytes(hebb_cell cell) { return cell == HEBB_HALF ? 2 : 4; }

/* One attention head: queries against the keys and values of a context.
 *
 * query   [rows, head_size], consecutive rows query_stride floats apart
 * pages   of the context, by their first position / HEBB_PAGE; those that no row sees may be missing
 * place   where in each page the head's part begins, in numbers
 * out     [rows, head_size], consecutive rows out_stride floats apart
 * scores  scratch, [HEBB_ATTENTION_ROWS, score_stride]; score_stride is a multiple of
 *         4 * HEBB_PAGE and at least the greatest number of visible keys
 * Row i sees the first visible + i * visible_step keys: step 1 for the consecutive tokens of a
 * prefill tile, 0 for the heads of one group at one token. Of these, it sees the last `window`. */
typedef struct hebb_attention {
    const float *query;
    size_t query_stride;
    size_t rows;
    const void *const *pages;
    hebb_cell cell;
    size_t place;
    size_t head_size;
    size_t visible;
    size_t visible_step;
    size_t window;
    float scale;
    float *scores;
    size_t score_stride;
    float *out;
    size_t out_stride;
} hebb_attention;

#define HEBB_ATTENTION_ROWS 8

/* Weights that many rows are multiplied with lie in panels of this many outputs, the outputs of a
 * panel contiguous for each input: [ceil(outputs / HEBB_PANEL), inputs, HEBB_PANEL], the last panel
 * filled up with zeros. So sums stay in registers, without horizontal ones, for any number of rows. */
#define HEBB_PANEL 64

/* y[r, o] = sum over i of weights[o, i] x[r, i].
 *
 * weights  panels, of the type that the kernel is named for; any alignment
 * x        [rows, inputs], consecutive rows x_stride floats apart
 * scratch  [rows, inputs], written by `pack_product`; not touched for one row
 * y        [rows, outputs], consecutive rows y_stride floats apart
 * Every element of y is one chain of fused multiply-adds over the inputs in their order: the same
 * bits whatever the number of rows, and in every kernel class. */
typedef struct hebb_product {
    const void *weights;
    size_t outputs;
    size_t inputs;
    const float *x;
    size_t x_stride;
    size_t rows;
    float *scratch;
    float *y;
    size_t y_stride;
} hebb_product;

typedef struct hebb_kernels {
    const char *name;

    float (*dot)(const float *a, const float *b, size_t n);
    /* y += s x */
    void (*add_scaled)(const float *x, float s, float *y, size_t n);
    /* y *= s */
    void (*scale)(float *y, float s, size_t n);
    float (*sum)(const float *a, size_t n);
    /* -inf when empty; NaN when any element is NaN. */
    float (*maximum)(const float *a, size_t n);
    bool (*is_finite)(const float *a, size_t n);
    /* out = a + b; returns the maximum of out as `maximum` does. */
    float (*add_maximum)(const float *a, const float *b, float *out, size_t n);
    /* out = exp(x - shift); returns the sum. `out` may be `x`. */
    float (*exp_sum)(const float *x, float shift, float *out, size_t n);
    /* out = tanh(x), NaN for NaN. `out` may be `x`. */
    void (*tanh)(const float *x, float *out, size_t n);
    /* out = ln(max(x, FLT_MIN)), NaN for NaN: the same bits in every table. `out` may be `x`. */
    void (*logarithm)(const float *x, float *out, size_t n);
    /* out = (1 - u) p + u q */
    void (*mix)(const float *p, const float *q, float u, float *out, size_t n);
    /* mean = sum of w a, square = sum of w a^2 */
    void (*weighted_moments)(
        const float *a, const float *w, size_t n, float *mean, float *square);
    /* sum of p ln(p / q), 0 where p is 0; +inf where q is 0 and p is not. */
    float (*kl_divergence)(const float *p, const float *q, size_t n);
    /* kl_divergence of mix(q, p, u) and q, in one pass with the same bits; the mixture goes to `out`
     * unless that is NULL. */
    float (*mixed_divergence)(const float *q, const float *p, float u, float *out, size_t n);
    /* The places i, ascending, at which a or b is above `bound`, at most `most` of them; returns how
     * many it wrote. `a` may be `b`. */
    size_t (*places_above)(
        const float *a, const float *b, size_t n, float bound, int32_t *places, size_t most);

    /* out = w x / sqrt(mean(x^2) + epsilon) */
    void (*rms_norm)(const float *x, const float *w, float epsilon, float *out, size_t n);
    /* out = w (x - mean) / sqrt(variance + epsilon) + b */
    void (*layer_norm)(
        const float *x, const float *w, const float *b, float epsilon, float *out, size_t n);
    /* out = silu(gate) * up; `out` may be either. */
    void (*silu_multiply)(const float *gate, const float *up, float *out, size_t n);
    void (*silu)(const float *x, float *out, size_t n);
    void (*gelu_tanh)(const float *x, float *out, size_t n);
    void (*gelu_erf)(const float *x, float *out, size_t n);
    /* Rotates the pairs (x[i], x[i + half]) of each of `heads` heads, head_size = 2 half. */
    void (*rope)(float *x, const float *cosines, const float *sines, size_t heads, size_t half);

    /* Puts x into scratch as the products of this table read it: first, once for all outputs. */
    void (*pack_product)(const hebb_product *p);
    void (*product_f32)(const hebb_product *p);
    void (*product_bf16)(const hebb_product *p);
    void (*product_f16)(const hebb_product *p);
    /* y[r] = sum over c of w[r, c] x[c]; w is [rows, cols]. */
    void (*gemv)(const float *w, const float *x, float *y, size_t rows, size_t cols);
    /* y[c] = sum over r of x[r] w[r, c]; w is [rows, cols]. */
    void (*gemv_transposed)(const float *w, const float *x, float *y, size_t rows, size_t cols);
    /* y[i] = sum over c of w[rows[i], c] x[c]; w is [_, cols] of signed bytes. */
    void (*gather_dot_i8)(
        const int8_t *w, const int32_t *rows, const float *x, float *y, size_t count, size_t cols);
    /* Exact conversions to f32. */
    void (*widen_bf16)(const void *x, float *out, size_t n);
    void (*widen_f16)(const void *x, float *out, size_t n);

    void (*attention)(const hebb_attention *a);
    /* Writes a head's key and value of one position, to the nearest, into its part of a page. What is
     * too large becomes the largest number. The same bits in every table. */
    void (*store)(
        const float *key, const float *value, size_t head_size, size_t position, hebb_cell cell,
        void *part);
    /* y *= x; the same bits in every table. */
    void (*multiply)(const float *x, float *y, size_t n);
} hebb_kernels;

/* The plain C implementation: the definition of what every other table must compute. */
const hebb_kernels *hebb_kernels_scalar(void);
/* NULL where this machine cannot run them. */
const hebb_kernels *hebb_kernels_avx2(void);
const hebb_kernels *hebb_kernels_avx512(void);
const hebb_kernels *hebb_kernels_neon(void);
/* The fastest that this machine runs. */
const hebb_kernels *hebb_kernels_best(void);

/* The indices of the k largest values, largest first, equal values by lower index, NaN after
 * everything else. `heap` is scratch of k elements; k <= n <= 2^32 - 1. O(n + n log k) at worst. */
void hebb_top_k(const float *values, size_t n, size_t k, uint64_t *heap, int32_t *indices);

/* Lays elements of `size` bytes out in panels. `from` is [outputs, inputs], or [inputs, outputs] when
 * `inputs_first`; `to` holds ceil(outputs / HEBB_PANEL) * inputs * HEBB_PANEL elements. */
void hebb_pack_panels(
    const void *from, size_t size, size_t outputs, size_t inputs, bool inputs_first, void *to);

/* A table's `quantize`, with tiles of rows on a pool's threads. */
void hebb_quantize(
    hebb_pool *pool, const hebb_quantized_kernels *kernels, const float *x, size_t x_stride,
    size_t rows, size_t inputs, void *out);

/* Products of packed rows, with the outputs in parts of whole panels on a pool's threads: the same
 * bits on any number. `size` is that of an element, which `product` takes. */
void hebb_multiply(
    hebb_pool *pool, void (*product)(const hebb_product *p), size_t size, const hebb_product *p);
void hebb_multiply_quantized(
    hebb_pool *pool, const hebb_quantized_kernels *kernels, const hebb_quantized_product *p);

/* What one context brings to a pass: consecutive rows of the activations, and where they stand. */
typedef struct hebb_segment {
    const void *const *pages;
    size_t first;
    size_t rows;
    /* Of the first row, in the context. */
    size_t position;
} hebb_segment;

/* The attention of one block: rows of queries, keys and values of all heads, one behind the other.
 *
 * input   [rows, (heads + 2 * key_value_heads) * head_size]
 * output  [rows, heads * head_size]
 * place   of the block's first key/value head in each page, in numbers
 * scores  scratch, [threads of the pool, HEBB_ATTENTION_ROWS, score_stride] */
typedef struct hebb_attention_block {
    const float *input;
    float *output;
    size_t heads;
    size_t key_value_heads;
    size_t head_size;
    hebb_cell cell;
    size_t place;
    size_t window;
    float scale;
    float *scores;
    size_t score_stride;
} hebb_attention_block;

/* Stores the rows' keys and values, then attends, heads and tiles of rows in parts on a pool's
 * threads: the same bits on any number. Every page that the rows are written to is the segment's
 * alone. */
void hebb_attend(
    hebb_pool *pool, const hebb_kernels *kernels, const hebb_attention_block *block,
    const hebb_segment *segments, size_t count);

#endif
