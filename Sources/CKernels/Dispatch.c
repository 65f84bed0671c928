#include "CKernels.h"
#include "ScalarParts.h"

#include <math.h>

const hebb_kernels *hebb_kernels_best(void) {
    const hebb_kernels *k = hebb_kernels_avx512();
    if (!k) k = hebb_kernels_avx2();
    if (!k) k = hebb_kernels_neon();
    return k ? k : hebb_kernels_scalar();
}

/* No SIMD variant: only some GPT-2 descendants use it, and erff is what PyTorch computes. */
void hebb_gelu_erf(const float *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678118654752f));
}

void hebb_store_key(const float *row, float *keys, size_t head_size, size_t position) {
    float *k = keys + position / HEBB_KEY_BLOCK * head_size * HEBB_KEY_BLOCK +
               position % HEBB_KEY_BLOCK;
    for (size_t d = 0; d < head_size; d++) k[d * HEBB_KEY_BLOCK] = row[d];
}
