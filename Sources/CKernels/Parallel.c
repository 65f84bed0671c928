/* One product on several threads: its outputs in parts of whole panels, its rows in tiles. */
#include "CKernels.h"

/* What is too little to be worth another thread: weights that one row takes 3 us for. */
#define PART_BYTES 32768
/* Parts a thread, so that one which is held up leaves its share to the others. */
#define PARTS_PER_THREAD 2

static size_t part_count(hebb_pool *pool, size_t panels, size_t panel_bytes, size_t rows) {
    size_t worth = panels * panel_bytes / PART_BYTES * (1 + rows / 8);
    size_t most = hebb_pool_threads(pool) == 1 ? 1 : hebb_pool_threads(pool) * PARTS_PER_THREAD;
    if (most > panels) most = panels;
    return worth < 1 ? 1 : worth < most ? worth : most;
}

/* The outputs from part `index` on. */
static size_t first_output(
    size_t outputs, size_t panel, size_t index, size_t parts) {
    size_t panels = (outputs + panel - 1) / panel, first = panels * index / parts * panel;
    return first < outputs ? first : outputs;
}

typedef struct plain_work {
    void (*product)(const hebb_product *p);
    size_t size;
    const hebb_product *whole;
    size_t parts;
} plain_work;

static void plain_part(const void *context, size_t index, size_t thread) {
    (void)thread;
    const plain_work *work = context;
    hebb_product p = *work->whole;
    size_t first = first_output(p.outputs, HEBB_PANEL, index, work->parts);
    p.weights = (const uint8_t *)p.weights + first * p.inputs * work->size;
    p.y += first;
    p.outputs = first_output(p.outputs, HEBB_PANEL, index + 1, work->parts) - first;
    work->product(&p);
}

void hebb_multiply(
    hebb_pool *pool, void (*product)(const hebb_product *p), size_t size, const hebb_product *p) {
    size_t panels = (p->outputs + HEBB_PANEL - 1) / HEBB_PANEL;
    size_t parts = part_count(pool, panels, HEBB_PANEL * p->inputs * size, p->rows);
    plain_work work = {product, size, p, parts};
    hebb_pool_run(pool, plain_part, &work, parts);
}

typedef struct quantized_work {
    const hebb_quantized_kernels *kernels;
    const hebb_quantized_product *whole;
    size_t parts;
} quantized_work;

static void quantized_part(const void *context, size_t index, size_t thread) {
    (void)thread;
    const quantized_work *work = context;
    hebb_quantized_product p = *work->whole;
    p.first = first_output(p.outputs, HEBB_QUANTIZED_PANEL, index, work->parts);
    p.count = first_output(p.outputs, HEBB_QUANTIZED_PANEL, index + 1, work->parts) - p.first;
    work->kernels->product(&p);
}

void hebb_multiply_quantized(
    hebb_pool *pool, const hebb_quantized_kernels *kernels, const hebb_quantized_product *p) {
    size_t panels = (p->outputs + HEBB_QUANTIZED_PANEL - 1) / HEBB_QUANTIZED_PANEL;
    size_t bytes = hebb_quantized_panel_bytes(p->encoding, p->inputs);
    quantized_work work = {kernels, p, part_count(pool, panels, bytes, p->rows)};
    hebb_pool_run(pool, quantized_part, &work, work.parts);
}

typedef struct quantize_work {
    const hebb_quantized_kernels *kernels;
    const float *x;
    size_t x_stride, rows, inputs;
    uint8_t *out;
} quantize_work;

static void quantize_part(const void *context, size_t index, size_t thread) {
    (void)thread;
    const quantize_work *work = context;
    size_t first = index * HEBB_TILE, left = work->rows - first;
    work->kernels->quantize(
        work->x + first * work->x_stride, work->x_stride, left < HEBB_TILE ? left : HEBB_TILE,
        work->inputs, work->out + first * work->inputs / HEBB_BLOCK * HEBB_ROW_BLOCK_BYTES);
}

void hebb_quantize(
    hebb_pool *pool, const hebb_quantized_kernels *kernels, const float *x, size_t x_stride,
    size_t rows, size_t inputs, void *out) {
    quantize_work work = {kernels, x, x_stride, rows, inputs, out};
    hebb_pool_run(pool, quantize_part, &work, (rows + HEBB_TILE - 1) / HEBB_TILE);
}
