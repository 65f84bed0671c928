/* The attention of one block, over all contexts of a pass. */
#include "CKernels.h"

/* Rows of a segment that one part takes: the later ones see more, and weigh more. */
#define PART_ROWS 32
/* Numbers of keys and values, seen by all rows of all heads, that are worth another thread. */
#define WORTH_SHARING 65536

typedef struct attention_work {
    const hebb_kernels *kernels;
    const hebb_attention_block *block;
    const hebb_segment *segments;
    size_t count;
} attention_work;

static size_t tile_count(const hebb_segment *s) { return (s->rows + PART_ROWS - 1) / PART_ROWS; }

/* The heads of a group at one token share their keys: one call. The tokens of a tile do: one a head. */
static void attend_tile(
    const attention_work *work, const hebb_segment *s, size_t tile, size_t head, size_t thread) {
    const hebb_attention_block *b = work->block;
    size_t group = b->heads / b->key_value_heads, size = b->head_size;
    size_t input = (b->heads + 2 * b->key_value_heads) * size, output = b->heads * size;
    size_t first = tile * PART_ROWS, row = s->first + first;
    size_t rows = s->rows - first < PART_ROWS ? s->rows - first : PART_ROWS;
    bool is_one = s->rows == 1;
    hebb_attention a = {
        .query_stride = is_one ? size : input,
        .rows = is_one ? group : rows,
        .pages = s->pages,
        .cell = b->cell,
        .place = b->place + head * hebb_page_part(size),
        .head_size = size,
        .visible = s->position + first + 1,
        .visible_step = is_one ? 0 : 1,
        .window = b->window,
        .scale = b->scale,
        .scores = b->scores + thread * HEBB_ATTENTION_ROWS * b->score_stride,
        .score_stride = b->score_stride,
        .out_stride = is_one ? size : output,
    };
    for (size_t i = 0; i < (is_one ? 1 : group); i++) {
        a.query = b->input + row * input + (head * group + i) * size;
        a.out = b->output + row * output + (head * group + i) * size;
        work->kernels->attention(&a);
    }
}

/* Parts in the order of segments, their tiles, and heads. */
static void attention_part(const void *context, size_t index, size_t thread) {
    const attention_work *work = context;
    size_t heads = work->block->key_value_heads, tile = index / heads;
    for (const hebb_segment *s = work->segments;; tile -= tile_count(s), s++)
        if (tile < tile_count(s)) return attend_tile(work, s, tile, index % heads, thread);
}

static void store_rows(const attention_work *work, const hebb_segment *s) {
    const hebb_attention_block *b = work->block;
    size_t size = b->head_size, input = (b->heads + 2 * b->key_value_heads) * size;
    for (size_t r = 0; r < s->rows; r++) {
        const float *keys = b->input + (s->first + r) * input + b->heads * size;
        size_t position = s->position + r;
        /* The pages are the segment's own, who may write them. */
        char *page = (char *)s->pages[position / HEBB_PAGE];
        for (size_t head = 0; head < b->key_value_heads; head++) {
            size_t place = b->place + head * hebb_page_part(size);
            work->kernels->store(
                keys + head * size, keys + (b->key_value_heads + head) * size, size,
                position % HEBB_PAGE, b->cell, page + place * hebb_cell_bytes(b->cell));
        }
    }
}

void hebb_attend(
    hebb_pool *pool, const hebb_kernels *kernels, const hebb_attention_block *block,
    const hebb_segment *segments, size_t count) {
    attention_work work = {kernels, block, segments, count};
    size_t tiles = 0, seen = 0;
    for (size_t i = 0; i < count; i++) {
        const hebb_segment *s = segments + i;
        store_rows(&work, s);
        tiles += tile_count(s);
        size_t keys = s->position + s->rows;
        seen += s->rows * (keys < block->window ? keys : block->window);
    }
    bool is_worth = seen * block->heads * block->head_size >= WORTH_SHARING;
    hebb_pool_run(
        is_worth ? pool : NULL, attention_part, &work, tiles * block->key_value_heads);
}
