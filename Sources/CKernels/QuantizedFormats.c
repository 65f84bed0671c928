/* ggml's blocks: their values, and their way into panels. */
#include "QuantizedLayout.h"
#include "ScalarParts.h"

/* A block, or 32 inputs of a super-block, taken apart: w[i] = d q[i] + m, where Q6_K has one small
 * factor for each half of the inputs. */
typedef struct parts {
    /* As stored: halves, the block's or the super-block's. */
    const uint8_t *d, *m;
    /* Super-blocks: the small integers that d and m (Q6_K: d for each half) are multiplied with. */
    uint8_t small[2];
    /* As they will be stored, with the zero shift on them. */
    uint8_t q[HEBB_BLOCK];
} parts;

ALWAYS size_t block_bytes(hebb_encoding e) {
    static const uint8_t bytes[] = {18, 20, 22, 24, 34, 144, 176, 210};
    return bytes[e];
}

ALWAYS void take_nibbles(const uint8_t *packed, uint8_t *q) {
    for (size_t i = 0; i < HEBB_BLOCK / 2; i++) {
        q[i] = packed[i] & 0x0f;
        q[i + HEBB_BLOCK / 2] = packed[i] >> 4;
    }
}

/* Six bits each: scale k of four has them in byte k, offset k in byte k + 4; the later four have
 * four bits each in byte k + 8, and two in the tops of the first eight bytes. */
ALWAYS void take_small(const uint8_t *scales, size_t k, uint8_t small[2]) {
    if (k < 4) {
        small[0] = scales[k] & 0x3f;
        small[1] = scales[k + 4] & 0x3f;
    } else {
        small[0] = (uint8_t)((scales[k + 4] & 0x0f) | scales[k - 4] >> 6 << 4);
        small[1] = (uint8_t)(scales[k + 4] >> 4 | scales[k] >> 6 << 4);
    }
}

/* Part k of a block. */
ALWAYS parts take(hebb_encoding e, const uint8_t *block, size_t k) {
    parts p = {.d = block, .m = block + 2};
    if (e == HEBB_Q8_0) {
        for (size_t i = 0; i < HEBB_BLOCK; i++) p.q[i] = block[2 + i] ^ 0x80;
    } else if (!hebb_is_super(e)) {
        const uint8_t *bits = block + (hebb_has_offset(e) ? 4 : 2);
        take_nibbles(bits + (hebb_has_fifth_bits(e) ? 4 : 0), p.q);
        if (hebb_has_fifth_bits(e))
            for (size_t i = 0; i < HEBB_BLOCK; i++) p.q[i] |= (bits[i / 8] >> i % 8 & 1) << 4;
    } else if (e == HEBB_Q6_K) {
        const uint8_t *low = block + k / 4 * 64 + k % 2 * 32, *high = block + 128 + k / 4 * 32;
        p.d = block + 208;
        memcpy(p.small, block + 192 + 2 * k, 2);
        for (size_t i = 0; i < HEBB_BLOCK; i++)
            p.q[i] = (uint8_t)(
                (low[i] >> (k % 4 < 2 ? 0 : 4) & 0x0f) | (high[i] >> k % 4 * 2 & 3) << 4);
    } else {
        const uint8_t *high = block + 16, *low = high + (e == HEBB_Q5_K ? 32 : 0) + k / 2 * 32;
        take_small(block + 4, k, p.small);
        for (size_t i = 0; i < HEBB_BLOCK; i++) {
            p.q[i] = low[i] >> (k % 2 ? 4 : 0) & 0x0f;
            if (e == HEBB_Q5_K) p.q[i] |= (high[i] >> k & 1) << 4;
        }
    }
    return p;
}

ALWAYS void dequantize(hebb_encoding e, const uint8_t *block, float *out, size_t elements) {
    for (size_t n = 0; n < elements; n += HEBB_BLOCK * hebb_parts(e), block += block_bytes(e))
        for (size_t k = 0; k < hebb_parts(e); k++, out += HEBB_BLOCK) {
            parts p = take(e, block, k);
            /* Minus zero adds nothing, to minus zero neither. */
            float d[2] = {hebb_f16_at(p.d), hebb_f16_at(p.d)}, m = -0.0f;
            if (hebb_has_offset(e)) m = hebb_f16_at(p.m);
            if (e == HEBB_Q6_K) {
                for (size_t h = 0; h < 2; h++) d[h] *= (int8_t)p.small[h];
            } else if (hebb_is_super(e)) {
                d[0] = d[1] = d[0] * p.small[0];
                m = -m * p.small[1];
            }
            int32_t zero = hebb_zero_shift(e) < 0 ? 0 : 1 << hebb_zero_shift(e);
            /* d q is exact in a float (24 bits at most): fusing the addition changes nothing. */
            for (size_t h = 0; h < 2; h++)
                for (size_t i = 0; i < 16; i++)
                    out[16 * h + i] = d[h] * (float)(p.q[16 * h + i] - zero) + m;
        }
}

void hebb_dequantize(hebb_encoding e, const void *blocks, float *out, size_t elements) {
    switch (e) {
        EACH_ENCODING(dequantize, blocks, out, elements)
    }
}

size_t hebb_quantized_panel_bytes(hebb_encoding e, size_t inputs) {
    size_t blocks = inputs / (HEBB_BLOCK * hebb_parts(e));
    return blocks * (hebb_header_bytes(e) + hebb_parts(e) * hebb_part_bytes(e));
}

/* Four bytes as one word: what lies together for an output and a group of inputs. */
ALWAYS uint32_t word_at(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* One output's part of a block of a panel. */
ALWAYS void put(hebb_encoding e, const parts *p, uint8_t *header, uint8_t *block, size_t o) {
    uint8_t *high = block + hebb_scale_bytes(e) + 4 * o, *low = high + hebb_high_bytes(e);
    uint8_t *halves = hebb_is_super(e) ? header : block;
    memcpy(halves + 2 * o, p->d, 2);
    if (hebb_has_offset(e)) memcpy(halves + 2 * PANEL + 2 * o, p->m, 2);
    if (hebb_is_super(e))
        for (size_t h = 0; h < 2; h++) block[h * PANEL + o] = p->small[h];
    if (e == HEBB_Q8_0) {
        for (size_t g = 0; g < 8; g++) memcpy(low + g * 4 * PANEL, p->q + 4 * g, 4);
        return;
    }
    uint32_t fifth = 0, pairs[2] = {0, 0};
    for (size_t g = 0; g < 8; g++) {
        uint32_t q = word_at(p->q + 4 * g), later = word_at(p->q + (4 * g + 16) % HEBB_BLOCK);
        uint32_t both = (q & 0x0f0f0f0f) | (later & 0x0f0f0f0f) << 4;
        if (g < 4) memcpy(low + g * 4 * PANEL, &both, 4);
        fifth |= (q >> 4 & 0x01010101) << g;
        pairs[g / 4] |= (q >> 4 & 0x03030303) << g % 4 * 2;
    }
    if (hebb_has_fifth_bits(e)) memcpy(high, &fifth, 4);
    if (e == HEBB_Q6_K)
        for (size_t h = 0; h < 2; h++) memcpy(high + h * 4 * PANEL, pairs + h, 4);
}

/* `e` is a constant at every call, so that nothing is asked of it for every block. */
ALWAYS void pack(hebb_encoding e, const uint8_t *from, size_t outputs, size_t inputs, uint8_t *to) {
    size_t panel_bytes = hebb_quantized_panel_bytes(e, inputs), whole = HEBB_BLOCK * hebb_parts(e);
    for (size_t o = 0; o < outputs; o += PANEL, to += panel_bytes) {
        if (outputs - o < PANEL) memset(to, 0, panel_bytes);
        for (size_t k = 0; k < PANEL && o + k < outputs; k++) {
            uint8_t *block = to;
            for (size_t i = 0; i < inputs; i += whole, from += block_bytes(e)) {
                uint8_t *header = block;
                block += hebb_header_bytes(e);
                for (size_t n = 0; n < hebb_parts(e); n++, block += hebb_part_bytes(e)) {
                    parts p = take(e, from, n);
                    put(e, &p, header, block, k);
                }
            }
        }
    }
}

void hebb_pack_quantized(
    hebb_encoding e, const void *from, size_t outputs, size_t inputs, void *to) {
    switch (e) {
        EACH_ENCODING(pack, from, outputs, inputs, to)
    }
}
