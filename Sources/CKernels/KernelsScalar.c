/* The reference: one plain loop a formula. Also what runs where no SIMD class fits. */
#include "CKernels.h"
#include "ScalarParts.h"

#include <float.h>
#include <math.h>

static float dot(const float *a, const float *b, size_t n) {
    float s = 0;
    for (size_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

static void add_scaled(const float *x, float s, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += s * x[i];
}

static void scale(float *y, float s, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] *= s;
}

static float sum(const float *a, size_t n) {
    float s = 0;
    for (size_t i = 0; i < n; i++) s += a[i];
    return s;
}

static float maximum(const float *a, size_t n) {
    float m = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isnan(a[i])) return NAN;
        if (a[i] > m) m = a[i];
    }
    return m;
}

static bool is_finite(const float *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(a[i])) return false;
    return true;
}

static float add_maximum(const float *a, const float *b, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
    return maximum(out, n);
}

static float exp_sum(const float *x, float shift, float *out, size_t n) {
    float s = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = expf(x[i] - shift);
        s += out[i];
    }
    return s;
}

static void hyperbolic_tangent(const float *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = tanhf(x[i]);
}

/* v_log of SimdBody.inc, operation by operation: the same bits. */
static float logarithm_of(float x) {
    if (x < FLT_MIN) x = FLT_MIN;
    if (!(x < INFINITY)) return x;
    int32_t i;
    memcpy(&i, &x, sizeof i);
    i -= 0x3f3504f3;
    float e = (float)(i >> 23);
    i = (i & 0x7fffff) + 0x3f3504f3;
    float f;
    memcpy(&f, &i, sizeof f);
    f -= 1.0f;
    float z = f * f, p = 7.0376836292e-2f;
    p = fmaf(p, f, -1.1514610310e-1f);
    p = fmaf(p, f, 1.1676998740e-1f);
    p = fmaf(p, f, -1.2420140846e-1f);
    p = fmaf(p, f, 1.4249322787e-1f);
    p = fmaf(p, f, -1.6668057665e-1f);
    p = fmaf(p, f, 2.0000714765e-1f);
    p = fmaf(p, f, -2.4999993993e-1f);
    p = fmaf(p, f, 3.3333331174e-1f);
    p *= f * z;
    p = fmaf(e, -2.12194440e-4f, p);
    p = fmaf(z, -0.5f, p);
    return fmaf(e, 0.693359375f, f + p);
}

static void logarithm(const float *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = logarithm_of(x[i]);
}

static void mix(const float *p, const float *q, float u, float *out, size_t n) {
    float v = 1 - u;
    for (size_t i = 0; i < n; i++) out[i] = v * p[i] + u * q[i];
}

static void weighted_moments(
    const float *a, const float *w, size_t n, float *mean, float *square) {
    float m = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        m += w[i] * a[i];
        s += w[i] * a[i] * a[i];
    }
    *mean = m;
    *square = s;
}

static float kl_divergence(const float *p, const float *q, size_t n) {
    float s = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == 0) continue;
        /* In double, because p / q overflows a float when q is subnormal. */
        s += p[i] * (float)log((double)p[i] / (double)q[i]);
    }
    return s;
}

static float mixed_divergence(const float *q, const float *p, float u, float *out, size_t n) {
    float s = 0;
    for (size_t i = 0; i < n; i++) {
        float mixed;
        mix(q + i, p + i, u, &mixed, 1);
        s += kl_divergence(&mixed, q + i, 1);
        if (out) out[i] = mixed;
    }
    return s;
}

static size_t places_above(
    const float *a, const float *b, size_t n, float bound, int32_t *places, size_t most) {
    size_t count = 0;
    for (size_t i = 0; i < n && count < most; i++)
        if (a[i] > bound || b[i] > bound) places[count++] = (int32_t)i;
    return count;
}

static void rms_norm(const float *x, const float *w, float epsilon, float *out, size_t n) {
    float r = 1 / sqrtf(dot(x, x, n) / (float)n + epsilon);
    for (size_t i = 0; i < n; i++) out[i] = w[i] * (x[i] * r);
}

static void layer_norm(
    const float *x, const float *w, const float *b, float epsilon, float *out, size_t n) {
    float mean = sum(x, n) / (float)n;
    float variance = 0;
    for (size_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean);
    float r = 1 / sqrtf(variance / (float)n + epsilon);
    for (size_t i = 0; i < n; i++) out[i] = w[i] * ((x[i] - mean) * r) + b[i];
}

static void silu_multiply(const float *gate, const float *up, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void silu(const float *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i] / (1 + expf(-x[i]));
}

static void gelu_tanh(const float *x, float *out, size_t n) {
    /* x/2 (1 + tanh u) = x / (1 + exp(-2u)), which keeps its digits for large negative x. */
    for (size_t i = 0; i < n; i++) {
        float u = 0.7978845608028654f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
        out[i] = x[i] / (1 + expf(-2 * u));
    }
}

static void rope(float *x, const float *cosines, const float *sines, size_t heads, size_t half) {
    for (size_t h = 0; h < heads; h++, x += 2 * half) {
        for (size_t i = 0; i < half; i++) {
            float a = x[i], b = x[i + half];
            x[i] = a * cosines[i] - b * sines[i];
            x[i + half] = b * cosines[i] + a * sines[i];
        }
    }
}

static void gemv(const float *w, const float *x, float *y, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r++) {
        float s = 0;
        for (size_t c = 0; c < cols; c++) s += w[r * cols + c] * x[c];
        y[r] = s;
    }
}

static void gemv_transposed(const float *w, const float *x, float *y, size_t rows, size_t cols) {
    for (size_t c = 0; c < cols; c++) y[c] = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) y[c] += x[r] * w[r * cols + c];
}

/* The reference takes rows where they are. */
static void pack_product(const hebb_product *p) { (void)p; }

/* fmaf and not s += w * x: the SIMD classes round once, and must give the same bits. */
#define PRODUCT(name, bytes, element)                                                             \
    static void product_##name(const hebb_product *p) {                                           \
        for (size_t r = 0; r < p->rows; r++)                                                      \
            for (size_t o = 0; o < p->outputs; o++) {                                             \
                const uint8_t *w = (const uint8_t *)p->weights +                                  \
                    (o / HEBB_PANEL * HEBB_PANEL * p->inputs + o % HEBB_PANEL) * bytes;           \
                float s = 0;                                                                      \
                for (size_t i = 0; i < p->inputs; i++)                                            \
                    s = fmaf(                                                                     \
                        element(w + i * HEBB_PANEL * bytes), p->x[r * p->x_stride + i], s);       \
                p->y[r * p->y_stride + o] = s;                                                    \
            }                                                                                     \
    }

PRODUCT(f32, 4, hebb_f32_at)
PRODUCT(bf16, 2, hebb_bf16_at)
PRODUCT(f16, 2, hebb_f16_at)

static void gather_dot_i8(
    const int8_t *w, const int32_t *rows, const float *x, float *y, size_t count, size_t cols) {
    for (size_t i = 0; i < count; i++) {
        const int8_t *row = w + (size_t)rows[i] * cols;
        float s = 0;
        for (size_t c = 0; c < cols; c++) s += (float)row[c] * x[c];
        y[i] = s;
    }
}

static void widen_bf16(const void *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = hebb_bf16_at((const uint8_t *)x + 2 * i);
}

static void widen_f16(const void *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = hebb_f16_at((const uint8_t *)x + 2 * i);
}

/* A number of the head's part of the page that has a position. */
static float cell(const hebb_attention *a, size_t t, size_t index) {
    const void *page = a->pages[t / HEBB_PAGE];
    index += a->place;
    return a->cell == HEBB_HALF ? hebb_f16_at((const uint8_t *)page + 2 * index)
                                : ((const float *)page)[index];
}

static void attention(const hebb_attention *a) {
    for (size_t i = 0; i < a->rows; i++) {
        const float *q = a->query + i * a->query_stride;
        float *out = a->out + i * a->out_stride;
        size_t n = a->visible + i * a->visible_step;
        size_t first = n > a->window ? n - a->window : 0;
        float *seen = a->scores + first;
        for (size_t t = first; t < n; t++) {
            float s = 0;
            for (size_t d = 0; d < a->head_size; d++)
                s += q[d] * cell(a, t, d * HEBB_PAGE + t % HEBB_PAGE);
            a->scores[t] = s * a->scale;
        }
        float total = exp_sum(seen, maximum(seen, n - first), seen, n - first);
        for (size_t d = 0; d < a->head_size; d++) out[d] = 0;
        for (size_t t = first; t < n; t++) {
            size_t value = (HEBB_PAGE + t % HEBB_PAGE) * a->head_size;
            for (size_t d = 0; d < a->head_size; d++)
                out[d] += a->scores[t] * cell(a, t, value + d);
        }
        scale(out, 1 / total, a->head_size);
    }
}

static void store(
    const float *key, const float *value, size_t head_size, size_t position, hebb_cell cell,
    void *part) {
    if (cell == HEBB_SINGLE) return hebb_store_single(key, value, head_size, position, part);
    uint16_t *halves = part;
    for (size_t d = 0; d < head_size; d++) {
        halves[d * HEBB_PAGE + position] = hebb_to_f16(key[d]);
        halves[(HEBB_PAGE + position) * head_size + d] = hebb_to_f16(value[d]);
    }
}

static void multiply(const float *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] *= x[i];
}

static const hebb_kernels table = {
    .name = "scalar.3",
    .gelu_erf = hebb_gelu_erf,
#include "Table.inc"
};

const hebb_kernels *hebb_kernels_scalar(void) { return &table; }
