#include "CKernels.h"

#include <string.h>

/* One integer that orders as (value, then lower index): the float's bits made monotonic above,
 * the complemented index below. NaN sorts under -inf; -0 equals +0. */
static inline uint32_t rank_of(float value) {
    if (value != value) return 0;
    value += 0.0f; /* -0 becomes +0 */
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* The number of a rank that is not NaN's. */
static inline float value_of(uint32_t rank) {
    uint32_t bits = rank & 0x80000000u ? rank ^ 0x80000000u : ~rank;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void sift_down(uint64_t *heap, size_t n, size_t i) {
    uint64_t moving = heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= moving) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moving;
}

void hebb_top_k(const float *values, size_t n, size_t k, uint64_t *heap, int32_t *indices) {
    if (k == 0) return;
    for (size_t i = 0; i < k; i++)
        heap[i] = (uint64_t)rank_of(values[i]) << 32 | (uint32_t)~(uint32_t)i;
    for (size_t i = k / 2; i-- > 0;) sift_down(heap, k, i);
    for (size_t i = k; i < n;) {
        size_t end = n - i < 32 ? n : i + 32;
        uint32_t least = (uint32_t)(heap[0] >> 32);
        if (least) {
            /* Most blocks have nothing that could enter. */
            float floor = value_of(least);
            int any = 0;
            for (size_t j = i; j < end; j++) any |= values[j] > floor;
            if (!any) i = end;
        }
        for (; i < end; i++) {
            /* A later index loses a tie, so only a greater rank can enter. */
            uint32_t rank = rank_of(values[i]);
            if (rank <= heap[0] >> 32) continue;
            heap[0] = (uint64_t)rank << 32 | (uint32_t)~(uint32_t)i;
            sift_down(heap, k, 0);
        }
    }
    for (size_t left = k; left > 0; left--) {
        indices[left - 1] = (int32_t)~(uint32_t)heap[0];
        heap[0] = heap[left - 1];
        sift_down(heap, left - 1, 0);
    }
}
