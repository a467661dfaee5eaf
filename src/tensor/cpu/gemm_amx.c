/*
 * gemm_amx.c: products on AMX tiles, bf16 and int8. Other types take the AVX-512 kernels.
 *
 * The micro-kernel multiplies 32 x 32: 2 x 2 accumulator tiles, two tiles of a and two of b, so four tile products for
 * four tile loads. b's panel stays in the first-level cache. a streams past it from the second level with the
 * non-temporal load, which does not displace b: without that hint the panel of b has to be half as long, and the
 * accumulators come and go twice as often.
 */
#define SL_VEC_WIDTH 16
#define GEMM_ROUND_PAIR(lo, hi) (__m512i) _mm512_cvtne2ps_pbh((__m512)(hi), (__m512)(lo))

#include "tensor/cpu/amx.h"
#include "tensor/cpu/gemm_epilogue.h"
#include "tensor/cpu/kernels.h"

/* Of 16 steps, 512 of k in bf16, a panel of b takes 32 of the 48 KB of the first-level cache. */
enum { ROWS = 32, CHUNK_STEPS = 16, C_STRIDE = GEMM_PANEL * 4, C_SECOND = 16 * C_STRIDE };

static void epilogue(const struct gemm_tail *t, int rows)
{
    gemm_finish_any(t, rows);
}

/*
 * What the vector units do while the tiles multiply one block: the epilogue of the block before, and prefetching. Tile
 * loads keep both load ports busy half the time, and their 4 KB a step meet any store in the low address bits, so this
 * must do with few loads and no stores of its own: what changes from step to step has to stay in registers.
 */
struct beside {
    struct gemm_rows tail, own; /* of the block before; of this block once it is complete */
    int left;                   /* rows of the tail */
    int tail_floats;            /* how many accumulators of it go in each step */
    const char *next_a, *next_b;
};

/* Moves to the next panel of rows. */
GEMM_INLINE void next_rows(struct gemm_rows *u)
{
    u->c += ROWS * u->stride;
    if (u->row_scales) u->row_scales += ROWS;
    if (u->pre_act) u->pre_act += ROWS * u->stride;
    if (u->residual) u->residual += ROWS * u->stride;
}

/* Takes over the tail that the call before left. */
static struct beside begin_panels(const struct gemm_micro *m)
{
    struct gemm_tail *t = m->tail;
    int steps = m->steps ? (int)m->steps : 1;
    struct beside x = {
        .tail_floats = (ROWS + steps - 1) / steps * GEMM_PANEL, .next_a = m->next_a, .next_b = m->next_b};
    if (t->place.columns < GEMM_PANEL) gemm_tail_advance(t, ROWS);
    x.left = t->place.rows - t->done;
    if (x.left) x.tail = gemm_rows_of(t);
    if (m->last) {
        struct gemm_tail own = {.epilogue = t->epilogue, .place = m->place};
        own.epilogue.row_scales = m->row_scales;
        x.own = gemm_rows_of(&own);
    }
    return x;
}

#define PRODUCT(c, a, b)                                                                                               \
    do {                                                                                                               \
        if (i8)                                                                                                        \
            _tile_dpbssd(c, a, b);                                                                                     \
        else                                                                                                           \
            _tile_dpbf16ps(c, a, b);                                                                                   \
    } while (0)

/* What to prefetch beside one block. */
struct fetch {
    const char *a, *b, *c;
    int a_lines, b_lines;
    bool waiting; /* the next accumulators come from the second-level cache */
};

GEMM_INLINE struct fetch get_fetch(const struct gemm_micro *m, const struct beside *x, int64_t i)
{
    return (struct fetch){.a = x->next_a,
                          .b = x->next_b,
                          .c = gemm_block(m, i + 1, ROWS),
                          .a_lines = m->next_a_lines,
                          .b_lines = m->next_b_lines,
                          .waiting = m->c_mask != 1 && !m->first};
}

/* One step's share. */
GEMM_INLINE void prefetch(const struct fetch *x, int64_t q)
{
    for (int n = 0; n < x->b_lines; n++) _mm_prefetch(x->b + q / 2 * x->b_lines + n * 64, _MM_HINT_T1);
    for (int n = 0; n < x->a_lines; n++) _mm_prefetch(x->a + q / 2 * x->a_lines + n * 64, _MM_HINT_T1);
    if (!x->waiting) return;
    _mm_prefetch(x->c + q * 2, _MM_HINT_T0);
    _mm_prefetch(x->c + q * 2 + 64, _MM_HINT_T0);
    _mm_prefetch(x->c + q * 2 + 128, _MM_HINT_T0);
    _mm_prefetch(x->c + q * 2 + 192, _MM_HINT_T0);
}

/* Keeps the compiler from making one running pointer for each use of x, more than there are registers. */
#define STAY_ONE_VARIABLE(x) __asm__("" : "+r"(x))

/* One panel of b times 17 to 32 rows. */
GEMM_INLINE void multiply_32(const struct gemm_micro *m, struct beside *x, int64_t i, bool i8, struct gemm_finish f)
{
    const char *const a_panel = m->a + (size_t)i * m->a_panel_bytes, *const b_panel = m->b;
    char *c = gemm_block(m, i, ROWS);
    const struct gemm_rows tail = x->tail;
    const struct fetch next = get_fetch(m, x, i);
    const float *sums = tail.sums, *const sums_end = sums + x->left * GEMM_PANEL;
    int64_t at = 0;
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
    for (int64_t q = 0, end = m->steps * 128; q != end; q += 128) { /* q: 1/16 of the bytes of a and b */
        STAY_ONE_VARIABLE(q);
        const char *a = a_panel + q * 16, *b = b_panel + q * 16;
        _tile_stream_loadd(4, a, 64);
        _tile_stream_loadd(5, a + GEMM_TILE_BYTES, 64);
        _tile_loadd(6, b, 64);
        _tile_loadd(7, b + GEMM_TILE_BYTES, 64);
        PRODUCT(0, 4, 6);
        PRODUCT(1, 4, 7);
        PRODUCT(2, 5, 6);
        PRODUCT(3, 5, 7);
        prefetch(&next, q);
        const float *stop = sums + x->tail_floats < sums_end ? sums + x->tail_floats : sums_end;
        for (; sums != stop; sums += GEMM_PANEL, at += tail.stride) gemm_finish_row(&tail, sums, at, f);
    }
    _tile_stored(0, c, C_STRIDE);
    _tile_stored(1, c + 64, C_STRIDE);
    _tile_stored(2, c + C_SECOND, C_STRIDE);
    _tile_stored(3, c + C_SECOND + 64, C_STRIDE);
    for (; sums != sums_end; sums += GEMM_PANEL, at += tail.stride) gemm_finish_row(&tail, sums, at, f);
    x->next_a += m->steps * m->next_a_lines * 64;
    x->next_b += m->steps * m->next_b_lines * 64;
    x->left = 0;
    x->own.sums = (const float *)c;
}

/* One panel of b times 1 to 16 rows. */
GEMM_INLINE void multiply_16(const struct gemm_micro *m, struct beside *x, int64_t i, bool i8, struct gemm_finish f)
{
    const char *const a_panel = m->a + (size_t)i * m->a_panel_bytes, *const b_panel = m->b;
    char *c = gemm_block(m, i, ROWS);
    const struct gemm_rows tail = x->tail;
    const struct fetch next = get_fetch(m, x, i);
    const float *sums = tail.sums, *const sums_end = sums + x->left * GEMM_PANEL;
    int64_t at = 0;
    if (m->first) {
        _tile_zero(0);
        _tile_zero(1);
    } else {
        _tile_loadd(0, c, C_STRIDE);
        _tile_loadd(1, c + 64, C_STRIDE);
    }
    for (int64_t q = 0, end = m->steps * 128; q != end; q += 128) { /* q: 1/16 of the bytes of a and b */
        STAY_ONE_VARIABLE(q);
        const char *a = a_panel + q * 16, *b = b_panel + q * 16;
        _tile_stream_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_loadd(7, b + GEMM_TILE_BYTES, 64);
        PRODUCT(0, 4, 6);
        PRODUCT(1, 4, 7);
        prefetch(&next, q);
        const float *stop = sums + x->tail_floats < sums_end ? sums + x->tail_floats : sums_end;
        for (; sums != stop; sums += GEMM_PANEL, at += tail.stride) gemm_finish_row(&tail, sums, at, f);
    }
    _tile_stored(0, c, C_STRIDE);
    _tile_stored(1, c + 64, C_STRIDE);
    for (; sums != sums_end; sums += GEMM_PANEL, at += tail.stride) gemm_finish_row(&tail, sums, at, f);
    x->next_a += m->steps * m->next_a_lines * 64;
    x->next_b += m->steps * m->next_b_lines * 64;
    x->left = 0;
    x->own.sums = (const float *)c;
}

/* All panels, with the type and what the epilogue has to do as constants. */
GEMM_INLINE void multiply(const struct gemm_micro *m, bool i8, struct gemm_finish f)
{
    struct beside x = begin_panels(m);
    for (int64_t i = 0; i < m->panels; i++) {
        int rows = gemm_panel_rows(m, i, ROWS);
        if (rows > 16)
            multiply_32(m, &x, i, i8, f);
        else
            multiply_16(m, &x, i, i8, f);
        m->tail->done = m->tail->place.rows;
        if (m->last && m->place.columns == GEMM_PANEL && i + 1 < m->panels) {
            x.tail = x.own; /* its rows go to c beside the next panel's products */
            x.left = rows;
            next_rows(&x.own);
        } else if (m->last) {
            gemm_complete(m, i, ROWS);
            if (i + 1 < m->panels) gemm_tail_advance(m->tail, ROWS);
        }
    }
}

/*
 * Instances by activation, type of c, and whether that is all there is to do.
 */
#define DEFINE_MICRO(NAME, I8, ACT)                                                                                    \
    static void NAME##_f32(const struct gemm_micro *m)                                                                 \
    {                                                                                                                  \
        multiply(m, I8, (struct gemm_finish){.act = ACT, .type = SL_F32, .full = true});                               \
    }                                                                                                                  \
    static void NAME##_f32_plain(const struct gemm_micro *m)                                                           \
    {                                                                                                                  \
        multiply(m, I8, (struct gemm_finish){.act = ACT, .type = SL_F32, .full = true, .plain = true});                \
    }                                                                                                                  \
    static void NAME##_bf16(const struct gemm_micro *m)                                                                \
    {                                                                                                                  \
        multiply(m, I8, (struct gemm_finish){.act = ACT, .type = SL_BF16, .full = true});                              \
    }                                                                                                                  \
    static void NAME##_bf16_plain(const struct gemm_micro *m)                                                          \
    {                                                                                                                  \
        multiply(m, I8, (struct gemm_finish){.act = ACT, .type = SL_BF16, .full = true, .plain = true});               \
    }
DEFINE_MICRO(bf16_none, false, SL_ACT_NONE)
DEFINE_MICRO(bf16_gelu, false, SL_ACT_GELU)
DEFINE_MICRO(bf16_gelu_tanh, false, SL_ACT_GELU_TANH)
DEFINE_MICRO(bf16_silu, false, SL_ACT_SILU)
DEFINE_MICRO(i8_none, true, SL_ACT_NONE)
DEFINE_MICRO(i8_gelu, true, SL_ACT_GELU)
DEFINE_MICRO(i8_gelu_tanh, true, SL_ACT_GELU_TANH)
DEFINE_MICRO(i8_silu, true, SL_ACT_SILU)

typedef void micro_fn(const struct gemm_micro *m);
#define INSTANCES(NAME)                                                                                                \
    {                                                                                                                  \
        {NAME##_f32, NAME##_f32_plain},                                                                                \
        {                                                                                                              \
            NAME##_bf16, NAME##_bf16_plain                                                                             \
        }                                                                                                              \
    }
static micro_fn *const micros[2][4][2][2] = {
    {
        [SL_ACT_NONE] = INSTANCES(bf16_none),
        [SL_ACT_GELU] = INSTANCES(bf16_gelu),
        [SL_ACT_GELU_TANH] = INSTANCES(bf16_gelu_tanh),
        [SL_ACT_SILU] = INSTANCES(bf16_silu),
    },
    {
        [SL_ACT_NONE] = INSTANCES(i8_none),
        [SL_ACT_GELU] = INSTANCES(i8_gelu),
        [SL_ACT_GELU_TANH] = INSTANCES(i8_gelu_tanh),
        [SL_ACT_SILU] = INSTANCES(i8_silu),
    },
};

static void run_micro(const struct gemm_micro *m, bool i8)
{
    const struct gemm_epilogue *e = &m->tail->epilogue;
    const bool plain = !e->g->bias && !e->g->pre_act && !e->g->residual && !e->accumulate && !m->row_scales;
    micros[i8][e->g->act][e->g->c_type == SL_BF16][plain](m);
}

static void micro_bf16(const struct gemm_micro *m)
{
    run_micro(m, false);
}
static void micro_i8(const struct gemm_micro *m)
{
    run_micro(m, true);
}

/* What was written past the caches must be there before other threads are told that it is. */
static void end(void)
{
    _mm_sfence();
    amx_end();
}

static const struct gemm_kernel kernel_bf16 = {
    .type = SL_BF16,
    .rows = ROWS,
    .chunk_steps = CHUNK_STEPS,
    .a_step_bytes = GEMM_STEP_BYTES,
    .begin = amx_begin,
    .end = end,
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
    .end = end,
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
