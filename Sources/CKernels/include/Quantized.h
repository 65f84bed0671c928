#ifndef HEBB_QUANTIZED_H
#define HEBB_QUANTIZED_H

#include <stddef.h>
#include <stdint.h>

/* Products with quantised weights, in the block formats of ggml (ggml-common.h), by activations in
 * signed bytes. Integer dots are exact, and the few float operations around them have one order, so
 * that a product has the same bits in every table below, on every machine, for any number of rows
 * (a NaN is a NaN; its payload is not promised). Nothing allocates. */

typedef enum hebb_encoding {
    HEBB_Q4_0,
    HEBB_Q4_1,
    HEBB_Q5_0,
    HEBB_Q5_1,
    HEBB_Q8_0,
    HEBB_Q4_K,
    HEBB_Q5_K,
    HEBB_Q6_K,
} hebb_encoding;

/* Activations come in blocks of this many inputs. */
#define HEBB_BLOCK 32
/* Inputs of a block of Q4_K, Q5_K, Q6_K. */
#define HEBB_SUPER_BLOCK 256
/* Weights lie in panels of this many outputs. */
#define HEBB_QUANTIZED_PANEL 32
/* Activations lie in tiles of this many rows. */
#define HEBB_TILE 16

/* What a product needs of a block of activations beside its 32 bytes q: x = scale q. */
typedef struct hebb_block_sums {
    float scale;
    /* scale times the sum of q: what an offset of the weights is multiplied with. */
    float scaled_sum;
    /* Minus the sum of q, of its first and of its second half. */
    int32_t minus_sum;
    int32_t minus_first;
    int32_t minus_second;
    /* The sums of both halves once more, for a product of pairs. */
    int16_t halves[2];
} hebb_block_sums;

/* Bytes that the activations of so many rows and inputs take. */
#define HEBB_ROW_BLOCK_BYTES (HEBB_BLOCK + sizeof(hebb_block_sums))

/* y[r, o] = sum over i of w[o, i] x[r, i]; w = d q + m, where d and m are a block's.
 *
 * panels   of hebb_pack_quantized
 * x        of a table's `quantize`: tiles of up to HEBB_TILE rows, [tile, block], each
 *          [rows of the tile, HEBB_BLOCK] bytes and then [rows of the tile] hebb_block_sums
 * outputs  of the whole matrix; computed are first to first + count, first a multiple of
 *          HEBB_QUANTIZED_PANEL, and count too unless it reaches the end
 * y        [rows, outputs], consecutive rows y_stride floats apart
 * Block after block: y = fma(d * scale, sum of q_w q_x, y), where d and the sum are exact, and
 * then, in formats with an offset, y = fma(m, scaled_sum, y). */
typedef struct hebb_quantized_product {
    hebb_encoding encoding;
    const void *panels;
    size_t outputs;
    size_t inputs;
    size_t first;
    size_t count;
    const void *x;
    size_t rows;
    float *y;
    size_t y_stride;
} hebb_quantized_product;

typedef struct hebb_quantized_kernels {
    const char *name;
    /* Block by block: scale = greatest magnitude / 127, q = x (127 / greatest) to the nearest, ties
     * to even. A block whose magnitudes are all below 2^-100 is zero; one with a number that is not
     * finite has q = 0 and a scale that is NaN. `inputs` is a multiple of HEBB_BLOCK. */
    void (*quantize)(const float *x, size_t x_stride, size_t rows, size_t inputs, void *out);
    void (*product)(const hebb_quantized_product *p);
} hebb_quantized_kernels;

/* The plain C implementation: the definition of what every other table must compute. */
const hebb_quantized_kernels *hebb_quantized_scalar(void);
/* NULL where this machine cannot run them. */
const hebb_quantized_kernels *hebb_quantized_avx2(void);
const hebb_quantized_kernels *hebb_quantized_vnni(void);
const hebb_quantized_kernels *hebb_quantized_neon(void);
/* The fastest that this machine runs. */
const hebb_quantized_kernels *hebb_quantized_best(void);

/* The values of whole blocks, as ggml defines them. */
void hebb_dequantize(hebb_encoding encoding, const void *blocks, float *out, size_t elements);

/* Bytes of one panel. */
size_t hebb_quantized_panel_bytes(hebb_encoding encoding, size_t inputs);

/* Lays [outputs, inputs] weights, row-major, each row whole blocks, out in panels, the last one
 * filled up with zeros. A panel is its blocks one after another, each with the scales of all
 * outputs ahead of their elements. Elements lie in groups of four inputs, as [group, output, 4]
 * nibbles or bytes, the nibbles of groups g and g + 4 in one byte. Fifth bits are [output, 4] bytes
 * with that of group g as bit g; the fifth and sixth of Q6_K are pairs in [2, output, 4] bytes, that
 * of group g in byte g / 4 from bit 2 (g % 4) on. Eight-bit elements are kept as q + 128. */
void hebb_pack_quantized(
    hebb_encoding encoding, const void *from, size_t outputs, size_t inputs, void *to);

#endif
