/*
 * gemm_pack.c: packing the right operand of products, in plain C: the layout's definition (gemm.h) in code.
 */
#include "tensor/cpu/gemm.h"

#include "base/error.h"
#include "tensor/cpu/scalar.h"

#include <string.h>

size_t sl_gemm_packed_size(const sl_ops *o, int64_t n, int64_t k, sl_dtype type)
{
    (void)o;
    SL_CHECK(type == SL_F32 || type == SL_BF16 || type == SL_I8);
    size_t columns = (size_t)gemm_round_up(n, GEMM_PANEL);
    return gemm_panels_size(n, k, type) + (type == SL_I8 ? columns * (sizeof(float) + sizeof(int32_t)) : 0);
}

/* Element (j, k) of the operand. */
static float source(const void *b, sl_dtype type, sl_layout layout, int64_t ld, int64_t j, int64_t k)
{
    return scalar_get(b, type, layout == SL_ROWS ? j * ld + k : k * ld + j);
}

void sl_gemm_pack_ref(const sl_ops *o, int64_t n, int64_t k, const void *b, int64_t ld, sl_dtype src_type,
                      sl_layout layout, void *dst, sl_dtype type)
{
    memset(dst, 0, sl_gemm_packed_size(o, n, k, type));
#pragma omp parallel for num_threads(o->n_threads) schedule(static)
    for (int64_t j = 0; j < n; j++) {
        float inverse = 0;
        int32_t sum = 0;
        if (type == SL_I8) {
            float most = 0;
            for (int64_t i = 0; i < k; i++) most = fmaxf(most, fabsf(source(b, src_type, layout, ld, j, i)));
            inverse = gemm_i8_inverse(most);
            gemm_scales(dst, n, k)[j] = most / 127.0f;
        }
        for (int64_t i = 0; i < k; i++) {
            float x = source(b, src_type, layout, ld, j, i);
            size_t at = gemm_packed_index(type, k, j, i);
            if (type == SL_I8)
                sum += ((int8_t *)dst)[at] = (int8_t)rintf(x * inverse);
            else
                scalar_put(dst, type, (int64_t)at, x);
        }
        if (type == SL_I8) gemm_sums(dst, n, k)[j] = sum;
    }
}

/* Fills in the sums of int8 columns [j, end) whose panels are packed. */
static void sum_columns(const struct gemm_pack_request *r, int64_t j, int64_t end)
{
    int64_t steps = gemm_steps(SL_I8, r->k);
    for (; j < end; j++) {
        int32_t sum = 0;
        const int8_t *dword = (const int8_t *)r->dst + gemm_packed_index(SL_I8, r->k, j, 0);
        for (int64_t s = 0; s < steps * GEMM_STEP_BYTES; s += GEMM_STEP_BYTES)
            for (int64_t i = s; i < s + GEMM_TILE_BYTES; i += 64)
                sum += dword[i] + dword[i + 1] + dword[i + 2] + dword[i + 3];
        gemm_sums(r->dst, r->n, r->k)[j] = sum;
    }
}

void sl_gemm_pack_run(const sl_ops *o, const struct gemm_pack_request *r, const struct gemm_level *level)
{
    const struct gemm_kernel *kernel = r->type == SL_F32 ? level->f32 : r->type == SL_BF16 ? level->bf16 : level->i8;
    size_t panel_bytes = (size_t)gemm_steps(r->type, r->k) * GEMM_STEP_BYTES;
    enum { COLUMNS = 8 * GEMM_PANEL }; /* at a time: wide enough to read rows of memory in long runs */
#pragma omp parallel for num_threads(o->n_threads) schedule(static)
    for (int64_t j = 0; j < r->n; j += COLUMNS) {
        float most[COLUMNS] = {0}, inverse[COLUMNS];
        struct gemm_piece piece = {.source = &r->source, .row = j, .depth = r->k};
        piece.rows = r->n - j < COLUMNS ? r->n - j : COLUMNS;
        if (r->type == SL_I8) {
            level->absmax(&piece, most);
            for (int64_t i = 0; i < COLUMNS; i++) inverse[i] = gemm_i8_inverse(most[i]);
            piece.inverse = inverse;
        }
        kernel->pack_b(&piece, (char *)r->dst + (size_t)(j / GEMM_PANEL) * panel_bytes, panel_bytes);
        if (r->type != SL_I8) continue;
        int64_t padded = gemm_round_up(piece.rows, GEMM_PANEL);
        for (int64_t i = 0; i < padded; i++) gemm_scales(r->dst, r->n, r->k)[j + i] = most[i] / 127.0f;
        sum_columns(r, j, j + padded);
    }
}
