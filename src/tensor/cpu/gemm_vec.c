/*
 * gemm_vec.c: the vector micro-kernels, f32, bf16 and int8, and the levels made of them.
 *
 * A kernel keeps (rows, 2 vectors) of accumulators in registers: 14 x 32 with AVX-512, 6 x 16 twice with AVX2. For
 * each k it loads two vectors of b, broadcasts one element of each row of a and multiplies. A bf16 of b becomes an f32
 * by a shift or a mask; where vdpbf16ps is faster than that, gemm_avx512bf16.c takes over. The number of rows is a
 * constant of each instance, so that the accumulators are registers.
 */
#include "tensor/cpu/gemm_tiles.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/vec.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    MAX_ROWS = GEMM_VEC_ROWS(SL_VEC_WIDTH),
    PASSES = 32 / (2 * SL_VEC_WIDTH),                       /* over the 32 columns, two vectors each */
    SECOND = SL_VEC_WIDTH == 16 ? GEMM_TILE_BYTES : 4 * VW, /* bytes from the first vector of b to the second */
};

/* One row panel of a micro-kernel's call. */
struct block {
    const struct gemm_micro *m;
    const char *a, *b, *next_b;
    void *c;
    int rows;
};

INLINE void prefetch_next(const struct block *x, int64_t step)
{
    const char *next = x->next_b + step * x->m->next_b_lines * 64;
    for (int i = 0; i < x->m->next_b_lines; i++) _mm_prefetch(next + i * 64, _MM_HINT_T1);
}

INLINE void load_block(const struct block *x, int rows, int pass, vf acc[][2])
{
    const float *c = (const float *)x->c + pass * 2 * VW;
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        acc[i][0] = x->m->first ? vf_set1(0) : vf_load(c + i * GEMM_PANEL);
        acc[i][1] = x->m->first ? vf_set1(0) : vf_load(c + i * GEMM_PANEL + VW);
    }
}

INLINE void store_block(const struct block *x, int rows, int pass, vf acc[][2])
{
    float *c = (float *)x->c + pass * 2 * VW;
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        vf_store(c + i * GEMM_PANEL, acc[i][0]);
        vf_store(c + i * GEMM_PANEL + VW, acc[i][1]);
    }
}

/* acc[i] += a[i] * b for one k; a is the byte address of row 0's element. */
INLINE void multiply_add(const char *a, vf b0, vf b1, int rows, vf acc[][2])
{
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        vf x = vf_set1(*(const float *)(a + i * GEMM_A_ROW_BYTES));
        acc[i][0] = vf_fma(x, b0, acc[i][0]);
        acc[i][1] = vf_fma(x, b1, acc[i][1]);
    }
}

INLINE void multiply_f32(const struct block *x, int rows)
{
    for (int pass = 0; pass < PASSES; pass++) {
        vf acc[MAX_ROWS][2];
        const char *a = x->a, *b = x->b + pass * GEMM_TILE_BYTES;
        load_block(x, rows, pass, acc);
        for (int64_t s = 0; s < x->m->steps; s++, b += GEMM_STEP_BYTES) {
            prefetch_next(x, s);
            for (int r = 0; r < GEMM_TILE_BYTES; r += 64, a += 4)
                multiply_add(a, vf_load((const float *)(b + r)), vf_load((const float *)(b + r + SECOND)), rows, acc);
        }
        store_block(x, rows, pass, acc);
    }
}

INLINE void multiply_bf16(const struct block *x, int rows)
{
    for (int pass = 0; pass < PASSES; pass++) {
        vf acc[MAX_ROWS][2];
        const char *a = x->a, *b = x->b + pass * GEMM_TILE_BYTES;
        load_block(x, rows, pass, acc);
        for (int64_t s = 0; s < x->m->steps; s++, b += GEMM_STEP_BYTES) {
            prefetch_next(x, s);
            for (int r = 0; r < GEMM_TILE_BYTES; r += 64, a += 8) {
                vu b0 = (vu)vf_load((const float *)(b + r)), b1 = (vu)vf_load((const float *)(b + r + SECOND));
                multiply_add(a, (vf)(b0 << 16), (vf)(b1 << 16), rows, acc);
                multiply_add(a + 4, (vf)(b0 & 0xffff0000u), (vf)(b1 & 0xffff0000u), rows, acc);
            }
        }
        store_block(x, rows, pass, acc);
    }
}

/* Calls ONE_PANEL for each panel with the number of rows as a constant. */
#define CASE(n)                                                                                                        \
    case n:                                                                                                            \
        ONE_PANEL(&x, n);                                                                                              \
        break;
#define CASES_6 CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if SL_VEC_WIDTH == 16
#define CASES CASES_6 CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#else
#define CASES CASES_6
#endif

INLINE struct block get_block(const struct gemm_micro *m, int64_t i)
{
    return (struct block){.m = m,
                          .a = m->a + (size_t)i * m->a_panel_bytes,
                          .b = m->b,
                          .next_b = m->next_b + i * m->steps * m->next_b_lines * 64,
                          .c = gemm_block(m, i, MAX_ROWS),
                          .rows = gemm_panel_rows(m, i, MAX_ROWS)};
}

INLINE void end_block(const struct gemm_micro *m, int64_t i)
{
    if (!m->last) return;
    gemm_complete(m, i, MAX_ROWS);
    gemm_tail_advance(m->tail, MAX_ROWS); /* at once: it is still in the first-level cache */
}

static void micro_f32(const struct gemm_micro *m)
{
#define ONE_PANEL multiply_f32
    for (int64_t i = 0; i < m->panels; i++) {
        struct block x = get_block(m, i);
        switch (x.rows) {
            CASES
        }
        end_block(m, i);
    }
#undef ONE_PANEL
}

static void micro_bf16(const struct gemm_micro *m)
{
#define ONE_PANEL multiply_bf16
    for (int64_t i = 0; i < m->panels; i++) {
        struct block x = get_block(m, i);
        switch (x.rows) {
            CASES
        }
        end_block(m, i);
    }
#undef ONE_PANEL
}

static const struct gemm_kernel kernel_f32 = {
    .type = SL_F32,
    .rows = MAX_ROWS,
    .chunk_steps = GEMM_VEC_CHUNK_BYTES / 64,
    .a_fixed_bytes = (size_t)MAX_ROWS * GEMM_A_ROW_BYTES,
    .pack_a = SL_VEC_NAME(sl_gemm_pack_a_f32),
    .pack_b = SL_VEC_NAME(sl_gemm_pack_b_f32),
    .micro = micro_f32,
};

/* A step of bf16 is 32 of k, which are 128 bytes of a as f32. */
static const struct gemm_kernel kernel_bf16 = {
    .type = SL_BF16,
    .rows = MAX_ROWS,
    .chunk_steps = GEMM_VEC_CHUNK_BYTES / 128,
    .a_fixed_bytes = (size_t)MAX_ROWS * GEMM_A_ROW_BYTES,
    .pack_a = SL_VEC_NAME(sl_gemm_pack_a_bf16),
    .pack_b = SL_VEC_NAME(sl_gemm_pack_b_bf16),
    .micro = micro_bf16,
};

#if SL_VEC_WIDTH == 8

/*
 * Rows [row, row + rows) of int8. vpmaddubsw wants one unsigned factor: |a|, and a's sign goes to b. Magnitudes are at
 * most 127, so the sum of two products (32258) does not saturate.
 */
INLINE void multiply_i8(const struct block *x, int row, int rows, int pass)
{
    const char *a = x->a + row * GEMM_A_ROW_BYTES, *b = x->b + pass * GEMM_TILE_BYTES;
    __m256i *c = (__m256i *)((int32_t *)x->c + row * GEMM_PANEL + pass * 16);
    __m256i acc[3][2];
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 3
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 2; j++)
            acc[i][j] = x->m->first ? _mm256_setzero_si256() : _mm256_loadu_si256(c + i * 4 + j);
    for (int64_t s = 0; s < x->m->steps; s++, b += GEMM_STEP_BYTES)
        for (int r = 0; r < GEMM_TILE_BYTES; r += 64, a += 4) {
            __m256i b0 = _mm256_loadu_si256((const __m256i *)(b + r));
            __m256i b1 = _mm256_loadu_si256((const __m256i *)(b + r + 32));
#pragma GCC unroll 3
            for (int i = 0; i < rows; i++) {
                __m256i f = _mm256_set1_epi32(*(const int32_t *)(a + i * GEMM_A_ROW_BYTES)), y = _mm256_abs_epi8(f);
                __m256i p0 = _mm256_madd_epi16(_mm256_maddubs_epi16(y, _mm256_sign_epi8(b0, f)), ones);
                __m256i p1 = _mm256_madd_epi16(_mm256_maddubs_epi16(y, _mm256_sign_epi8(b1, f)), ones);
                acc[i][0] = _mm256_add_epi32(acc[i][0], p0);
                acc[i][1] = _mm256_add_epi32(acc[i][1], p1);
            }
        }
#pragma GCC unroll 3
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 2; j++) _mm256_storeu_si256(c + i * 4 + j, acc[i][j]);
}

static void micro_i8(const struct gemm_micro *m)
{
    for (int64_t i = 0; i < m->panels; i++) {
        struct block x = get_block(m, i);
        for (int pass = 0; pass < PASSES; pass++)
            for (int row = 0; row < x.rows; row += 3) {
                if (x.rows - row >= 3)
                    multiply_i8(&x, row, 3, pass);
                else if (x.rows - row == 2)
                    multiply_i8(&x, row, 2, pass);
                else
                    multiply_i8(&x, row, 1, pass);
            }
        end_block(m, i);
    }
}

const struct gemm_kernel sl_gemm_i8_avx2 = {
    .type = SL_I8,
    .rows = MAX_ROWS,
    .chunk_steps = GEMM_VEC_CHUNK_BYTES / 64,
    .a_fixed_bytes = (size_t)MAX_ROWS * GEMM_A_ROW_BYTES,
    .pack_a = SL_VEC_NAME(sl_gemm_pack_a_i8),
    .pack_b = SL_VEC_NAME(sl_gemm_pack_b_i8),
    .micro = micro_i8,
};

#endif

/* Int8 without VNNI has the same instructions at both widths; those of AVX2 serve. */
const struct gemm_level SL_VEC_NAME(sl_gemm_level) = {
    .f32 = &kernel_f32,
    .bf16 = &kernel_bf16,
    .i8 = &sl_gemm_i8_avx2,
    .epilogue = SL_VEC_NAME(sl_gemm_epilogue),
    .absmax = SL_VEC_NAME(sl_gemm_absmax),
};

static void gemm(const sl_ops *o, const sl_gemm *g)
{
    sl_gemm_run(o, g, &SL_VEC_NAME(sl_gemm_level));
}

static void gemm_pack(const sl_ops *o, int64_t n, int64_t k, const void *b, int64_t ld, sl_dtype src_type,
                      sl_layout layout, void *dst, sl_dtype type)
{
    struct gemm_pack_request r = {n, k, {b, ld, src_type, layout}, dst, type};
    sl_gemm_pack_run(o, &r, &SL_VEC_NAME(sl_gemm_level));
}

#if SL_VEC_WIDTH == 16

/* The products of this level with the dot products that some processors have. */
static void gemm_vnni(const sl_ops *o, const sl_gemm *g)
{
    struct gemm_level level = sl_gemm_level_avx512;
    level.i8 = &sl_gemm_i8_vnni;
    sl_gemm_run(o, g, &level);
}

static void gemm_bf16(const sl_ops *o, const sl_gemm *g)
{
    struct gemm_level level = sl_gemm_level_avx512;
    level.bf16 = &sl_gemm_bf16_dots;
    sl_gemm_run(o, g, &level);
}

static void gemm_bf16_vnni(const sl_ops *o, const sl_gemm *g)
{
    struct gemm_level level = sl_gemm_level_avx512;
    level.i8 = &sl_gemm_i8_vnni;
    level.bf16 = &sl_gemm_bf16_dots;
    sl_gemm_run(o, g, &level);
}

#endif

void SL_VEC_NAME(sl_gemm_fill)(sl_ops *o, const sl_cpu_features *f)
{
    o->gemm = gemm;
    o->gemm_pack = gemm_pack;
#if SL_VEC_WIDTH == 16
    if (f->avx512_vnni) o->gemm = gemm_vnni;
    if (f->bf16_dots) o->gemm = f->avx512_vnni ? gemm_bf16_vnni : gemm_bf16;
#else
    (void)f;
#endif
}
