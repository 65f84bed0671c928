#include "CKernels.h"
#include "ScalarParts.h"

#include <math.h>
#include <string.h>

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

void hebb_pack_panels(
    const void *from, size_t size, size_t outputs, size_t inputs, bool inputs_first, void *to) {
    const uint8_t *source = from;
    uint8_t *target = to;
    size_t output_step = size * (inputs_first ? 1 : inputs);
    size_t input_step = size * (inputs_first ? outputs : 1);
    for (size_t o = 0; o < outputs; o += HEBB_PANEL) {
        size_t count = outputs - o < HEBB_PANEL ? outputs - o : HEBB_PANEL;
        for (size_t i = 0; i < inputs; i++, target += HEBB_PANEL * size) {
            const uint8_t *element = source + o * output_step + i * input_step;
            if (inputs_first) {
                memcpy(target, element, count * size);
            } else if (size == 2) {
                for (size_t k = 0; k < count; k++) memcpy(target + 2 * k, element + k * output_step, 2);
            } else {
                for (size_t k = 0; k < count; k++)
                    memcpy(target + size * k, element + k * output_step, size);
            }
            memset(target + count * size, 0, (HEBB_PANEL - count) * size);
        }
    }
}
