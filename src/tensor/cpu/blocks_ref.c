/*
 * blocks_ref.c: the quantised product in plain C: integers taken out of the blocks one by one, and the f32 steps of
 * ops.h written down.
 */
#include "tensor/cpu/blocks.h"

#include "tensor/cpu/kernels.h"
#include "tensor/cpu/scalar.h"

#include <math.h>
#include <string.h>

/* 256 numbers of a row of b: d * scales * q - mins, where those of a type without scales are ones. */
struct stretch {
    int q[BLOCKS_STRETCH];
    float scale[BLOCKS_RUNS];        /* D of each 32 */
    float min[BLOCKS_RUNS];          /* M */
    int half_scale[2 * BLOCKS_RUNS]; /* integer scales of each 16; else ones */
    bool has_min;
};

static float half_at(const uint8_t *p)
{
    return sl_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

/* The runs of 32 that are blocks of their own. */
static void read_run(sl_dtype type, const uint8_t *p, struct stretch *s, int run)
{
    int at = type == SL_Q4_1 ? 4 : type == SL_Q5_0 ? 6 : type == SL_Q5_1 ? 8 : 2;
    const uint8_t *bits = type == SL_Q5_0 ? p + 2 : p + 4;
    s->scale[run] = half_at(p);
    s->has_min = type == SL_Q4_1 || type == SL_Q5_1;
    s->min[run] = s->has_min ? -half_at(p + 2) : 0;
    for (int i = 0; i < BLOCKS_RUN; i++) {
        int *q = &s->q[run * BLOCKS_RUN + i], nibble = p[at + i % 16] >> (i / 16 * 4) & 15;
        if (type == SL_Q5_0 || type == SL_Q5_1) nibble |= (bits[i / 8] >> i % 8 & 1) << 4;
        *q = type == SL_Q8_0     ? (int8_t)p[2 + i]
             : type == SL_Q4_0   ? nibble - 8
             : type == SL_Q5_0   ? nibble - 16
             : type == SL_IQ4_NL ? sl_iq4_levels[nibble]
                                 : nibble;
    }
}

static void read_q45_k(sl_dtype type, const uint8_t *p, struct stretch *s)
{
    const uint8_t *c = p + 4, *nibbles = type == SL_Q4_K ? p + 16 : p + 48;
    s->has_min = true;
    for (int j = 0; j < BLOCKS_RUNS; j++) {
        int scale = j < 4 ? c[j] & 63 : (c[j + 4] & 15) | (c[j - 4] >> 6) << 4;
        int min = j < 4 ? c[j + 4] & 63 : (c[j + 4] >> 4) | (c[j] >> 6) << 4;
        s->scale[j] = half_at(p) * (float)scale;
        s->min[j] = half_at(p + 2) * (float)min;
        for (int i = 0; i < BLOCKS_RUN; i++) {
            int high = type == SL_Q5_K ? (p[16 + i] >> j & 1) << 4 : 0;
            s->q[j * BLOCKS_RUN + i] = (nibbles[j / 2 * 32 + i] >> (j % 2 * 4) & 15) | high;
        }
    }
}

static void read_q6_k(const uint8_t *p, struct stretch *s)
{
    for (int j = 0; j < 2 * BLOCKS_RUNS; j++) s->half_scale[j] = (p[192 + j] ^ 128) - 128;
    for (int j = 0; j < BLOCKS_RUNS; j++) s->scale[j] = half_at(p + 208);
    for (int i = 0; i < BLOCKS_STRETCH; i++) {
        int half = i / 128, part = i % 128 / 32, l = i % 32;
        int low = p[half * 64 + part % 2 * 32 + l] >> (part / 2 * 4) & 15;
        s->q[i] = (low | (p[128 + half * 32 + l] >> (2 * part) & 3) << 4) - 32;
    }
}

static void read_iq4_xs(const uint8_t *p, struct stretch *s)
{
    for (int j = 0; j < BLOCKS_RUNS; j++) {
        int scale = (p[4 + j / 2] >> (j % 2 * 4) & 15) | ((p[2] | p[3] << 8) >> (2 * j) & 3) << 4;
        s->scale[j] = half_at(p) * (float)(scale - 32);
        for (int i = 0; i < BLOCKS_RUN; i++) {
            int nibble = p[8 + 16 * j + i % 16] >> (i / 16 * 4) & 15;
            s->q[j * BLOCKS_RUN + i] = (int)sl_iq4_levels[nibble];
        }
    }
}

/* Reads stretch `at` of a row of k numbers. */
static void read_stretch(sl_dtype type, const uint8_t *row, int64_t k, int64_t at, struct stretch *s)
{
    const uint8_t *p = row + sl_dtype_row_bytes(type, at * BLOCKS_STRETCH);
    *s = (struct stretch){.has_min = false};
    for (int j = 0; j < 2 * BLOCKS_RUNS; j++) s->half_scale[j] = 1;
    if (type == SL_Q4_K || type == SL_Q5_K) {
        read_q45_k(type, p, s);
    } else if (type == SL_Q6_K) {
        read_q6_k(p, s);
    } else if (type == SL_IQ4_XS) {
        read_iq4_xs(p, s);
    } else {
        for (int j = 0; j < BLOCKS_RUNS && at * BLOCKS_STRETCH + j * BLOCKS_RUN < k; j++)
            read_run(type, p + (size_t)j * sl_dtype_row_bytes(type, BLOCKS_RUN), s, j);
    }
}

/* lane[b] += scale[b] * (D * sum(q x) - M * sum(x)). */
static void add_stretch(const struct stretch *s, const struct blocks_act *a, float *lane)
{
    for (int b = 0; b < BLOCKS_RUNS; b++) {
        int sum = 0;
        for (int i = 0; i < BLOCKS_RUN; i++)
            sum += s->half_scale[2 * b + i / 16] * s->q[b * BLOCKS_RUN + i] * a->q[b * BLOCKS_RUN + i];
        float p = s->scale[b] * (float)sum;
        if (s->has_min) p = fmaf(-s->min[b], (float)a->sums[b], p);
        lane[b] = fmaf(p, a->scales[b], lane[b]);
    }
}

static void multiply(const struct blocks_call *c)
{
    struct stretch s;
    for (int j = 0; j < c->n; j++) {
        float lane[BLOCKS_ROWS][BLOCKS_RUNS] = {{0}};
        for (int64_t at = 0; at * BLOCKS_STRETCH < c->k; at++) {
            read_stretch(c->type, c->b + (size_t)j * c->row_bytes, c->k, at, &s);
            for (int i = 0; i < c->m; i++) add_stretch(&s, &c->a[i * c->a_stride + at], lane[i]);
        }
        for (int i = 0; i < c->m; i++) {
            const float *l = lane[i];
            c->out[i * GEMM_PANEL + j] = ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
        }
    }
}

static void round_row(const void *x, sl_dtype type, int64_t k, struct blocks_act *out)
{
    memset(out, 0, (size_t)((k + BLOCKS_STRETCH - 1) / BLOCKS_STRETCH) * sizeof *out);
    for (int64_t at = 0; at < k; at += BLOCKS_RUN) {
        struct blocks_act *a = &out[at / BLOCKS_STRETCH];
        int64_t run = at % BLOCKS_STRETCH / BLOCKS_RUN;
        float most = 0;
        for (int64_t i = 0; i < BLOCKS_RUN; i++) most = fmaxf(most, fabsf(scalar_get(x, type, at + i)));
        float inverse = gemm_i8_inverse(most);
        a->scales[run] = most / 127.0f;
        for (int64_t i = 0; i < BLOCKS_RUN; i++) {
            int q = (int)rintf(scalar_get(x, type, at + i) * inverse);
            int64_t half = 2 * run + i / 16;
            a->q[run * BLOCKS_RUN + i] = (int8_t)q;
            a->sums[run] += q;
            a->halves[half] = (int16_t)(a->halves[half] + q);
        }
    }
}

static void epilogue(const struct gemm_tail *t, int rows)
{
    const sl_gemm *g = t->epilogue.g;
    for (int i = t->done; i < t->done + rows; i++)
        for (int j = 0; j < t->place.columns; j++) {
            int64_t at = (t->place.row + i) * g->ldc + t->place.column + j;
            float sum = ((const float *)t->block)[i * GEMM_PANEL + j];
            if (g->bias) sum += g->bias[t->place.column + j];
            if (g->pre_act) scalar_put(g->pre_act, g->c_type, at, sum);
            sum = scalar_act(g->act, sum);
            if (g->residual) sum += scalar_get(g->residual, g->c_type, at);
            scalar_put(t->epilogue.c, g->c_type, at, sum);
        }
}

static void gemm_blocks(const sl_ops *o, const sl_gemm *g)
{
    static const struct blocks_level level = {.round = round_row, .multiply = multiply, .epilogue = epilogue};
    sl_blocks_run(o, g, &level);
}

/* Few rows, once a step: plain C serves every level. */
static void embed_blocks(const sl_ops *o, sl_dtype dt, int64_t rows, int64_t cols, const int32_t *ids,
                         const struct sl_block_matrix *table, void *y)
{
    float *numbers = (float *)o->scratch;
    SL_CHECK((size_t)cols * sizeof *numbers <= o->scratch_size);
    for (int64_t i = 0; i < rows; i++) {
        int64_t id = ids[i];
        int p = 0;
        while (p + 1 < table->n_parts && id >= table->parts[p].n) id -= table->parts[p++].n;
        sl_dtype type = table->parts[p].type;
        const char *row = (const char *)table->parts[p].rows + (size_t)id * sl_dtype_row_bytes(type, cols);
        sl_blocks_decode(type, row, cols, numbers);
        for (int64_t j = 0; j < cols; j++) scalar_put(y, dt, i * cols + j, numbers[j]);
    }
}

void sl_blocks_fill_ref(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->gemm_blocks = gemm_blocks;
    o->embed_blocks = embed_blocks;
}
