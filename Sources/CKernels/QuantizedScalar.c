/* The reference: plain formulas over the same panels. Also what runs where no other table can. */
#include "QuantizedLayout.h"
#include "ScalarParts.h"

#include <math.h>

/* The q of an output and an input of a block, as its format counts. */
static int32_t element(hebb_encoding e, const uint8_t *block, size_t o, size_t i) {
    const uint8_t *high = block + hebb_scale_bytes(e), *low = high + hebb_high_bytes(e);
    size_t g = i / 4, at = o * 4 + i % 4;
    int32_t q;
    if (e == HEBB_Q8_0) q = low[g * 4 * PANEL + at];
    else q = low[g % 4 * 4 * PANEL + at] >> (g < 4 ? 0 : 4) & 0x0f;
    if (hebb_has_fifth_bits(e)) q |= (high[at] >> g & 1) << 4;
    if (e == HEBB_Q6_K) q |= (high[g / 4 * 4 * PANEL + at] >> g % 4 * 2 & 3) << 4;
    return hebb_zero_shift(e) < 0 ? q : q - (1 << hebb_zero_shift(e));
}

/* `header` is that of the block's super-block. */
static float add_block(
    hebb_encoding e, const uint8_t *header, const uint8_t *block, size_t o, const int8_t *x,
    const hebb_block_sums *sums, float y) {
    const uint8_t *halves = hebb_is_super(e) ? header : block;
    float d = hebb_f16_at(halves + 2 * o), m = 0;
    if (hebb_has_offset(e)) m = hebb_f16_at(halves + 2 * PANEL + 2 * o);
    if (hebb_is_super(e) && hebb_has_offset(e)) {
        d *= block[o];
        m = -m * block[PANEL + o];
    }
    int32_t half[2] = {0, 0};
    for (size_t i = 0; i < HEBB_BLOCK; i++) half[i / 16] += element(e, block, o, i) * x[i];
    if (e == HEBB_Q6_K)
        for (size_t h = 0; h < 2; h++) half[h] *= (int8_t)block[h * PANEL + o];
    y = fmaf(d * sums->scale, (float)(half[0] + half[1]), y);
    return hebb_has_offset(e) ? fmaf(m, sums->scaled_sum, y) : y;
}

static float dot(
    hebb_encoding e, const uint8_t *w, size_t inputs, size_t o, const uint8_t *x, size_t r,
    size_t tile) {
    float y = 0;
    for (size_t i = 0; i < inputs; i += HEBB_BLOCK * hebb_parts(e)) {
        const uint8_t *header = w;
        w += hebb_header_bytes(e);
        for (size_t k = 0; k < hebb_parts(e); k++, w += hebb_part_bytes(e)) {
            const hebb_block_sums *sums = (const hebb_block_sums *)(x + tile * HEBB_BLOCK);
            y = add_block(e, header, w, o, (const int8_t *)x + r * HEBB_BLOCK, sums + r, y);
            x += tile * HEBB_ROW_BLOCK_BYTES;
        }
    }
    return y;
}

static void product(const hebb_quantized_product *p) {
    size_t panel_bytes = hebb_quantized_panel_bytes(p->encoding, p->inputs);
    const uint8_t *x = p->x;
    for (size_t t = 0; t < p->rows; t += HEBB_TILE) {
        size_t tile = p->rows - t < HEBB_TILE ? p->rows - t : HEBB_TILE;
        for (size_t r = 0; r < tile; r++)
            for (size_t o = p->first; o < p->first + p->count; o++)
                p->y[(t + r) * p->y_stride + o] = dot(
                    p->encoding, (const uint8_t *)p->panels + o / PANEL * panel_bytes, p->inputs,
                    o % PANEL, x, r, tile);
        x += tile * p->inputs / HEBB_BLOCK * HEBB_ROW_BLOCK_BYTES;
    }
}

static void quantize(const float *x, size_t x_stride, size_t rows, size_t inputs, void *out) {
    uint8_t *to = out;
    for (size_t t = 0; t < rows; t += HEBB_TILE) {
        size_t tile = rows - t < HEBB_TILE ? rows - t : HEBB_TILE;
        for (size_t i = 0; i < inputs; i += HEBB_BLOCK, to += tile * HEBB_ROW_BLOCK_BYTES)
            for (size_t r = 0; r < tile; r++) {
                const float *from = x + (t + r) * x_stride + i;
                uint32_t peak = 0;
                for (size_t k = 0; k < HEBB_BLOCK; k++) {
                    uint32_t bits;
                    memcpy(&bits, from + k, sizeof bits);
                    bits &= 0x7fffffff;
                    if (bits > peak) peak = bits;
                }
                float scale, inverse = hebb_block_inverse(peak, &scale);
                int32_t half[2] = {0, 0};
                for (size_t k = 0; k < HEBB_BLOCK; k++) {
                    int8_t whole = inverse > 0 ? (int8_t)rintf(from[k] * inverse) : 0;
                    to[r * HEBB_BLOCK + k] = (uint8_t)whole;
                    half[k / 16] += whole;
                }
                hebb_block_sums *sums = (hebb_block_sums *)(to + tile * HEBB_BLOCK);
                sums[r] = hebb_sums(scale, half[0], half[1]);
            }
    }
}

static const hebb_quantized_kernels table = {"scalar", quantize, product};

const hebb_quantized_kernels *hebb_quantized_scalar(void) { return &table; }

const hebb_quantized_kernels *hebb_quantized_best(void) {
    const hebb_quantized_kernels *k = hebb_quantized_vnni();
    if (!k) k = hebb_quantized_avx2();
    if (!k) k = hebb_quantized_neon();
    return k ? k : hebb_quantized_scalar();
}
