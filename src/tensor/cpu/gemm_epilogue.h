/*
 * gemm_epilogue.h: what becomes of finished accumulators: scales, bias, activation, residual, rounding.
 *
 * A template for the files that are compiled for one vector width. Everything that is the same for a whole block
 * (activation, type, whether all columns exist) is a constant of an instance, because a tile kernel runs this between
 * its products and has few instructions to spare. GEMM_ROUND_PAIR(lo, hi), if defined, rounds 32 f32 to a vector of
 * bf16.
 */
#ifndef SL_TENSOR_CPU_GEMM_EPILOGUE_H
#define SL_TENSOR_CPU_GEMM_EPILOGUE_H

#include "tensor/cpu/gemm_tiles.h"
#include "tensor/cpu/vec_math.h"

#define GEMM_INLINE static inline __attribute__((always_inline))

enum { GEMM_ROW_VECTORS = GEMM_PANEL / VW };

/* The constants of an instance. */
struct gemm_finish {
    sl_act act;
    sl_dtype type;
    bool full;  /* all 32 columns exist */
    bool plain; /* no bias, scales, residual: see gemm_rows */
};

/* Lanes that exist in vector v of a row of `columns`. */
GEMM_INLINE int gemm_lanes(int columns, int v)
{
    int n = columns - v * VW;
    return n < 0 ? 0 : n > VW ? VW : n;
}

/* Vector v of a row of p that has `columns`. */
GEMM_INLINE vf gemm_get(const void *p, struct gemm_finish f, int columns, int v)
{
    int n = f.full ? VW : gemm_lanes(columns, v);
    if (n == 0) return vf_set1(0);
    if (f.type == SL_F32) return n == VW ? vf_load((const float *)p + v * VW) : vf_load_n((const float *)p + v * VW, n);
    return n == VW ? vf_load_bf16((const sl_bf16 *)p + v * VW) : vf_load_bf16_n((const sl_bf16 *)p + v * VW, n);
}

/* Writes one row. */
GEMM_INLINE void gemm_put(void *p, struct gemm_finish f, int columns, bool stream, const vf *x)
{
    (void)stream;
#ifdef GEMM_ROUND_PAIR
    if (f.full && f.type == SL_F32 && stream) {
        _mm512_stream_ps(p, (__m512)x[0]);
        _mm512_stream_ps((float *)p + VW, (__m512)x[1]);
        return;
    }
    if (f.full && f.type == SL_BF16) {
        if (stream)
            _mm512_stream_si512(p, GEMM_ROUND_PAIR(x[0], x[1]));
        else
            _mm512_storeu_si512(p, GEMM_ROUND_PAIR(x[0], x[1]));
        return;
    }
#endif
#pragma GCC unroll 4
    for (int v = 0; v < GEMM_ROW_VECTORS; v++) {
        int n = f.full ? VW : gemm_lanes(columns, v);
        if (f.type == SL_F32 && n == VW)
            vf_store((float *)p + v * VW, x[v]);
        else if (f.type == SL_F32 && n > 0)
            vf_store_n((float *)p + v * VW, x[v], n);
        else if (n == VW)
            vf_store_bf16((sl_bf16 *)p + v * VW, x[v]);
        else if (n > 0)
            vf_store_bf16_n((sl_bf16 *)p + v * VW, x[v], n);
    }
}

/* A block on its way to c. Pointers are to its first row. */
struct gemm_rows {
    const float *sums;
    char *c;
    int64_t stride; /* bytes between rows of c */
    bool accumulate, stream;
    int columns;
    const float *bias, *column_scales; /* of the block's columns, or NULL */
    const float *row_scales;
    char *pre_act;
    const char *residual;
};

GEMM_INLINE struct gemm_rows gemm_rows_of(const struct gemm_tail *t)
{
    const struct gemm_epilogue *e = &t->epilogue;
    const sl_gemm *g = e->g;
    const int64_t size = g->c_type == SL_F32 ? 4 : 2;
    const int64_t at = (t->place.row * g->ldc + t->place.column) * size;
    return (struct gemm_rows){.sums = (const float *)t->block,
                              .c = (char *)e->c + at,
                              .stride = g->ldc * size,
                              .accumulate = e->accumulate,
                              .stream = e->stream,
                              .columns = t->place.columns,
                              .bias = g->bias ? g->bias + t->place.column : NULL,
                              .column_scales = e->column_scales ? e->column_scales + t->place.column : NULL,
                              .row_scales = e->row_scales,
                              .pre_act = g->pre_act ? (char *)g->pre_act + at : NULL,
                              .residual = g->residual ? (const char *)g->residual + at : NULL};
}

/* The row of accumulators at sums, which goes to c + at. */
GEMM_INLINE void gemm_finish_row(const struct gemm_rows *u, const float *sums, int64_t at, struct gemm_finish f)
{
    const struct gemm_finish floats = {.type = SL_F32, .full = f.full};
    vf x[GEMM_ROW_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < GEMM_ROW_VECTORS; v++) x[v] = vf_load(sums + v * VW);
    if (f.plain) {
#pragma GCC unroll 4
        for (int v = 0; v < GEMM_ROW_VECTORS; v++) x[v] = vf_act(f.act, x[v]);
        gemm_put(u->c + at, f, u->columns, u->stream, x);
        return;
    }
#pragma GCC unroll 4
    for (int v = 0; v < GEMM_ROW_VECTORS; v++) {
        if (u->row_scales)
            x[v] = __builtin_convertvector((vi)x[v], vf) * (vf_set1(u->row_scales[(sums - u->sums) / GEMM_PANEL]) *
                                                            gemm_get(u->column_scales, floats, u->columns, v));
        if (u->accumulate) x[v] += gemm_get(u->c + at, f, u->columns, v);
        if (u->bias) x[v] += gemm_get(u->bias, floats, u->columns, v);
    }
    if (u->pre_act) gemm_put(u->pre_act + at, f, u->columns, u->stream, x);
#pragma GCC unroll 4
    for (int v = 0; v < GEMM_ROW_VECTORS; v++) {
        x[v] = vf_act(f.act, x[v]);
        if (u->residual) x[v] += gemm_get(u->residual + at, f, u->columns, v);
    }
    gemm_put(u->c + at, f, u->columns, u->stream, x);
}

/* Rows done .. done + rows - 1 of the block. */
GEMM_INLINE void gemm_finish_rows(const struct gemm_tail *t, int rows, struct gemm_finish f)
{
    struct gemm_rows u = gemm_rows_of(t);
    for (int i = t->done; i < t->done + rows; i++) gemm_finish_row(&u, u.sums + i * GEMM_PANEL, i * u.stride, f);
}

/* gemm_tail.run: chooses the instance. */
GEMM_INLINE void gemm_finish_any(const struct gemm_tail *t, int rows)
{
    const bool full = t->place.columns == GEMM_PANEL, wide = t->epilogue.g->c_type == SL_F32;
#define GEMM_INSTANCE(a)                                                                                               \
    case a:                                                                                                            \
        if (wide && full)                                                                                              \
            gemm_finish_rows(t, rows, (struct gemm_finish){.act = a, .type = SL_F32, .full = true});                   \
        else if (wide)                                                                                                 \
            gemm_finish_rows(t, rows, (struct gemm_finish){.act = a, .type = SL_F32, .full = false});                  \
        else if (full)                                                                                                 \
            gemm_finish_rows(t, rows, (struct gemm_finish){.act = a, .type = SL_BF16, .full = true});                  \
        else                                                                                                           \
            gemm_finish_rows(t, rows, (struct gemm_finish){.act = a, .type = SL_BF16, .full = false});                 \
        break;
    switch (t->epilogue.g->act) {
        GEMM_INSTANCE(SL_ACT_NONE)
        GEMM_INSTANCE(SL_ACT_GELU)
        GEMM_INSTANCE(SL_ACT_GELU_TANH)
        GEMM_INSTANCE(SL_ACT_SILU)
    }
#undef GEMM_INSTANCE
}

#endif
