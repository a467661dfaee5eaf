/*
 * gemm_amx.c: products on AMX tiles, bf16 and int8. Other types take the AVX-512 kernels.
 *
 * The micro-kernel multiplies 32 x 32: 2 x 2 accumulator tiles, two tiles of a and two of b, so four tile products for
 * four tile loads. a's panel stays in the first-level cache. b streams past it from the second level with the
 * non-temporal load, which does not displace a: without that hint the panel of a has to be half as long, and the
 * accumulators come and go twice as often.
 */
#define SL_VEC_WIDTH 16
#define GEMM_ROUND_PAIR(lo, hi) (__m512i) _mm512_cvtne2ps_pbh((__m512)(hi), (__m512)(lo))

#include "tensor/cpu/amx.h"
#include "tensor/cpu/gemm_epilogue.h"
#include "tensor/cpu/kernels.h"

/* With up to 640 of k a panel of a takes 40 of the 48 KB of the first-level cache. */
enum { ROWS = 32, CHUNK_STEPS = 20, C_STRIDE = GEMM_PANEL * 4, C_SECOND = 16 * C_STRIDE };

static void epilogue(const struct gemm_tail *t, int rows)
{
    gemm_finish_any(t, rows);
}

/*
 * What the vector units do while the tiles multiply one block: the epilogue of the block before, and prefetching. Tile
 * loads keep both load ports busy half the time, so this must do with few loads of its own: what changes from step to
 * step stays in registers.
 */
struct beside {
    struct gemm_rows tail;
    int tail_rows, tail_step; /* rows that are left of it, and how many go in each step */
    int b_pairs, a_pairs;     /* pairs of lines to prefetch in each step */
    int c_lines;
    const char *next_a, *next_b, *next_c;
};

/* Rows [row, end) of an epilogue; at: of the first one in c. Not inlined: the loop around needs its registers. */
typedef void tail_fn(const struct gemm_rows *u, int row, int end, int64_t at);
#define DEFINE_TAIL(NAME, ACT, TYPE)                                                                                   \
    static __attribute__((noinline)) void NAME(const struct gemm_rows *u, int row, int end, int64_t at)                \
    {                                                                                                                  \
        for (; row < end; row++, at += u->stride) gemm_finish_row(u, row, at, (struct gemm_finish){ACT, TYPE, true});  \
    }
DEFINE_TAIL(tail_none, SL_ACT_NONE, SL_BF16)
DEFINE_TAIL(tail_gelu, SL_ACT_GELU, SL_BF16)
DEFINE_TAIL(tail_gelu_tanh, SL_ACT_GELU_TANH, SL_BF16)
DEFINE_TAIL(tail_silu, SL_ACT_SILU, SL_BF16)
DEFINE_TAIL(tail_none_f32, SL_ACT_NONE, SL_F32)
DEFINE_TAIL(tail_gelu_f32, SL_ACT_GELU, SL_F32)
DEFINE_TAIL(tail_gelu_tanh_f32, SL_ACT_GELU_TANH, SL_F32)
DEFINE_TAIL(tail_silu_f32, SL_ACT_SILU, SL_F32)

static tail_fn *const tails[][2] = {
    [SL_ACT_NONE] = {tail_none, tail_none_f32},
    [SL_ACT_GELU] = {tail_gelu, tail_gelu_f32},
    [SL_ACT_GELU_TANH] = {tail_gelu_tanh, tail_gelu_tanh_f32},
    [SL_ACT_SILU] = {tail_silu, tail_silu_f32},
};

static void begin_block(const struct gemm_micro *m, struct beside *x, int64_t j)
{
    int steps = m->steps ? (int)m->steps : 1;
    bool waiting = m->c_mask != 1 && !m->first; /* the next accumulators come from the second-level cache */
    if (m->tail->place.columns < GEMM_PANEL) gemm_tail_advance(m->tail, ROWS);
    x->tail = gemm_rows_of(m->tail);
    x->tail_rows = m->tail->place.rows - m->tail->done;
    x->tail_step = (ROWS + steps - 1) / steps;
    x->b_pairs = m->next_b_lines / 2;
    x->a_pairs = m->next_a_lines / 2;
    x->next_b = m->next_b + (size_t)j * m->next_b_panel_bytes;
    x->next_c = gemm_block(m, j + 1, ROWS);
    x->c_lines = waiting ? (64 + steps - 1) / steps : 0;
}

#define PRODUCT(c, a, b)                                                                                               \
    do {                                                                                                               \
        if (i8)                                                                                                        \
            _tile_dpbssd(c, a, b);                                                                                     \
        else                                                                                                           \
            _tile_dpbf16ps(c, a, b);                                                                                   \
    } while (0)

/* One panel of b times 17 to 32 rows. */
GEMM_INLINE void multiply_32(const struct gemm_micro *m, struct beside *x, int64_t j, tail_fn *tail, bool i8)
{
    const char *a = m->a, *b = m->b + (size_t)j * m->b_panel_bytes;
    char *c = gemm_block(m, j, ROWS);
    begin_block(m, x, j);
    const char *next_a = x->next_a, *next_b = x->next_b, *next_c = x->next_c;
    int row = m->tail->done, end = row + x->tail_rows;
    int64_t at = row * x->tail.stride;
    if (m->first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, c, C_STRIDE);
        _tile_loadd(1, c + 64, C_STRIDE);
        _tile_loadd(2, c + C_SECOND, C_STRIDE);
        _tile_loadd(3, c + C_SECOND + 64, C_STRIDE);
    }
    for (int64_t s = m->steps; s > 0; s--) {
        _tile_stream_loadd(6, b, 64);
        _tile_stream_loadd(7, b + GEMM_TILE_BYTES, 64);
        _tile_loadd(4, a, 64);
        _tile_loadd(5, a + GEMM_TILE_BYTES, 64);
        PRODUCT(0, 4, 6);
        PRODUCT(1, 4, 7);
        PRODUCT(2, 5, 6);
        PRODUCT(3, 5, 7);
        a += GEMM_STEP_BYTES, b += GEMM_STEP_BYTES;
        for (int i = x->b_pairs; i > 0; i--, next_b += 128) _mm_prefetch(next_b, _MM_HINT_T1);
        for (int i = x->a_pairs; i > 0; i--, next_a += 128) _mm_prefetch(next_a, _MM_HINT_T1);
        for (int i = x->c_lines; i > 0; i--, next_c += 64) _mm_prefetch(next_c, _MM_HINT_T0);
        if (row < end) {
            int some = end - row < x->tail_step ? end - row : x->tail_step;
            tail(&x->tail, row, row + some, at);
            row += some, at += some * x->tail.stride;
        }
    }
    _tile_stored(0, c, C_STRIDE);
    _tile_stored(1, c + 64, C_STRIDE);
    _tile_stored(2, c + C_SECOND, C_STRIDE);
    _tile_stored(3, c + C_SECOND + 64, C_STRIDE);
    x->next_a = next_a;
    tail(&x->tail, row, end, at);
    m->tail->done = end;
    if (m->last) gemm_complete(m, j, c);
}

/* One panel of b times 1 to 16 rows. */
GEMM_INLINE void multiply_16(const struct gemm_micro *m, struct beside *x, int64_t j, tail_fn *tail, bool i8)
{
    const char *a = m->a, *b = m->b + (size_t)j * m->b_panel_bytes;
    char *c = gemm_block(m, j, ROWS);
    begin_block(m, x, j);
    const char *next_a = x->next_a, *next_b = x->next_b, *next_c = x->next_c;
    int row = m->tail->done, end = row + x->tail_rows;
    int64_t at = row * x->tail.stride;
    if (m->first) {
        _tile_zero(0);
        _tile_zero(1);
    } else {
        _tile_loadd(0, c, C_STRIDE);
        _tile_loadd(1, c + 64, C_STRIDE);
    }
    for (int64_t s = m->steps; s > 0; s--) {
        _tile_stream_loadd(6, b, 64);
        _tile_stream_loadd(7, b + GEMM_TILE_BYTES, 64);
        _tile_loadd(4, a, 64);
        PRODUCT(0, 4, 6);
        PRODUCT(1, 4, 7);
        a += GEMM_STEP_BYTES, b += GEMM_STEP_BYTES;
        for (int i = x->b_pairs; i > 0; i--, next_b += 128) _mm_prefetch(next_b, _MM_HINT_T1);
        for (int i = x->a_pairs; i > 0; i--, next_a += 128) _mm_prefetch(next_a, _MM_HINT_T1);
        for (int i = x->c_lines; i > 0; i--, next_c += 64) _mm_prefetch(next_c, _MM_HINT_T0);
        if (row < end) {
            int some = end - row < x->tail_step ? end - row : x->tail_step;
            tail(&x->tail, row, row + some, at);
            row += some, at += some * x->tail.stride;
        }
    }
    _tile_stored(0, c, C_STRIDE);
    _tile_stored(1, c + 64, C_STRIDE);
    x->next_a = next_a;
    tail(&x->tail, row, end, at);
    m->tail->done = end;
    if (m->last) gemm_complete(m, j, c);
}

GEMM_INLINE void multiply(const struct gemm_micro *m, bool i8)
{
    struct beside x = {.next_a = m->next_a};
    const sl_gemm *g = m->tail->epilogue.g;
    tail_fn *tail = tails[g->act][g->c_type == SL_F32];
    for (int64_t j = 0; j < m->panels; j++) {
        if (m->rows > 16)
            multiply_32(m, &x, j, tail, i8);
        else
            multiply_16(m, &x, j, tail, i8);
    }
}

static void micro_bf16(const struct gemm_micro *m)
{
    multiply(m, false);
}
static void micro_i8(const struct gemm_micro *m)
{
    multiply(m, true);
}

static const struct gemm_kernel kernel_bf16 = {
    .type = SL_BF16,
    .rows = ROWS,
    .chunk_steps = CHUNK_STEPS,
    .a_step_bytes = GEMM_STEP_BYTES,
    .begin = amx_begin,
    .end = amx_end,
    .pack_a = sl_gemm_pack_tiles_bf16,
    .pack_b = sl_gemm_pack_b_bf16_avx512,
    .micro = micro_bf16,
};

static const struct gemm_kernel kernel_i8 = {
    .type = SL_I8,
    .rows = ROWS,
    .chunk_steps = CHUNK_STEPS,
    .a_step_bytes = GEMM_STEP_BYTES,
    .begin = amx_begin,
    .end = amx_end,
    .pack_a = sl_gemm_pack_tiles_i8,
    .pack_b = sl_gemm_pack_b_i8_avx512,
    .micro = micro_i8,
};

/* Small whole groups of rows stay exact in any order, so int8 may fall back to vectors without a trace. */
static void gemm_bf16_tiles(const sl_ops *o, const sl_gemm *g)
{
    struct gemm_level level = sl_gemm_level_avx512;
    level.bf16 = &kernel_bf16;
    level.epilogue = epilogue;
    level.i8 = &sl_gemm_i8_vnni;
    sl_gemm_run(o, g, &level);
}

static void gemm_tiles(const sl_ops *o, const sl_gemm *g)
{
    struct gemm_level level = sl_gemm_level_avx512;
    level.bf16 = &kernel_bf16;
    level.epilogue = epilogue;
    level.i8 = &kernel_i8;
    sl_gemm_run(o, g, &level);
}

void sl_gemm_fill_amx(sl_ops *o, const sl_cpu_features *f)
{
    o->gemm = f->amx_int8 ? gemm_tiles : gemm_bf16_tiles;
}
