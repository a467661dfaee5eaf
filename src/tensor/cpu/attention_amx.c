/*
 * attention_amx.c: blockwise attention (FlashAttention, arXiv 2205.14135) on AMX tiles, bf16, packed and paged.
 *
 * A task is some rows of one key-value head. Keys come in blocks of 128, packed once a task, so that they stay in the
 * first-level cache while the rows go over them in units of 16. Tiles and vectors are different parts of the core;
 * to keep both busy, three stages are interleaved in steps of 32 keys: while the vectors turn scores into
 * probabilities (softmax of step i), the tiles compute the scores S = Q K^T of the step after it, and a quarter of
 * O += P V of the unit before.
 *
 * Softmax needs a reference point m a row so that 2^(s - m) does not overflow, but not the maximum itself: bf16 and
 * f32 have exponents to spare. m is the maximum of the row's first 32 scores, and is raised only when a sum of a
 * block passes 2^30, which almost never happens: no other step pays for finding a maximum.
 */
#include "tensor/cpu/attention_amx.h"

#include "tensor/cpu/kernels.h"

#include <omp.h>

enum {
    UNIT_ROWS = 16,
    STEP_KEYS = 32,
    STEPS = ATTENTION_KEYS / STEP_KEYS,
    GROUP_TILES = 4, /* result tiles of O that are worked on together: 64 columns */
    STEP_SCORES = 2 * TILE_FLOATS,
    MAX_TASK_ROWS = 2048,
    TASK_FLOATS = 131072, /* rows times padded head_dim: O of a task stays in the second-level cache */
};

/* What a thread works in; carved from its scratch memory. */
struct forward {
    const sl_attend *a;
    sl_attend_task task;
    int depths;        /* head_dim / 32, rounded up */
    int groups;        /* head_dim / 64, rounded up */
    int64_t key;       /* first key of the block */
    int steps;         /* of the block: STEPS, or fewer when keys end */
    float scale_log2;  /* scale * log2 e */
    sl_bf16 *q;        /* (units, depths) left tiles */
    float *acc;        /* (units, groups, GROUP_TILES) result tiles: O before division by the sum */
    float *sums;       /* (rows, 16): the row's sum is that of its lanes */
    float *shift;      /* (rows): m * scale_log2 */
    int32_t *visible;  /* (rows): keys seen */
    sl_bf16 *k;        /* (ATTENTION_KEYS / 16, depths) right tiles */
    sl_bf16 *v;        /* (STEPS, groups, GROUP_TILES) right tiles */
    float *scores[2];  /* (2) result tiles of even and odd steps */
    sl_bf16 *probs[2]; /* (STEPS) left tiles of even and odd units */
    float *block_sums; /* (UNIT_ROWS, 16): of this block only */
    float *redo;       /* (STEPS, 2) result tiles: all scores of one unit and block */
};

static void *carve(char **at, int64_t bytes)
{
    void *p = *at;
    *at += (bytes + 63) / 64 * 64;
    return p;
}

static int64_t task_rows(int groups)
{
    int64_t rows = TASK_FLOATS / (64 * groups);
    return rows < MAX_TASK_ROWS ? rows : MAX_TASK_ROWS;
}

static void carve_forward(struct forward *f, char *scratch)
{
    f->depths = amx_depths(f->a->head_dim);
    f->groups = (f->a->head_dim + 63) / 64;
    f->scale_log2 = f->a->scale * 1.44269504f;
    int64_t rows = task_rows(f->groups);
    for (int i = 0; i < 2; i++) {
        f->scores[i] = carve(&scratch, STEP_SCORES * 4);
        f->probs[i] = carve(&scratch, STEPS * TILE_BYTES);
    }
    f->block_sums = carve(&scratch, UNIT_ROWS * 64);
    f->k = carve(&scratch, ATTENTION_KEYS / 16 * f->depths * TILE_BYTES);
    f->v = carve(&scratch, STEPS * f->groups * GROUP_TILES * TILE_BYTES);
    f->redo = carve(&scratch, STEPS * STEP_SCORES * 4);
    f->q = carve(&scratch, rows / UNIT_ROWS * f->depths * TILE_BYTES);
    f->acc = carve(&scratch, rows / UNIT_ROWS * f->groups * GROUP_TILES * TILE_BYTES);
    f->sums = carve(&scratch, rows * 64);
    f->shift = carve(&scratch, rows * 4);
    f->visible = carve(&scratch, rows * 4);
}

/* Packs the rows' queries and starts their state; rows past the last see what the last one sees. */
static void begin_rows(struct forward *f, int rows)
{
    const sl_attend *a = f->a;
    int units = (rows + UNIT_ROWS - 1) / UNIT_ROWS;
    for (int unit = 0; unit < units; unit++) {
        const void *q[UNIT_ROWS];
        for (int i = 0; i < UNIT_ROWS; i++) {
            int row = unit * UNIT_ROWS + i, real = row < rows ? row : rows - 1;
            q[i] = sl_attend_query(a, f->task.seq, f->task.kv_head, f->task.first_row + real);
            f->visible[row] = (int32_t)sl_attend_visible(a, f->task.seq, f->task.first_row + real);
        }
        amx_pack_left(q, UNIT_ROWS, a->head_dim, f->q + (int64_t)unit * f->depths * TILE_BF16);
    }
    memset(f->acc, 0, (size_t)(units * f->groups) * GROUP_TILES * TILE_BYTES);
    memset(f->sums, 0, (size_t)(units * UNIT_ROWS) * 64);
}

/*
 * Asks for the vectors of the block of keys that begins at key, ahead of packing them: strided rows are beyond the
 * hardware's foresight.
 */
static void prefetch_keys(const struct forward *f, int64_t key, int64_t keys)
{
    const void *k[ATTENTION_KEYS], *v[ATTENTION_KEYS];
    int n = keys - key < ATTENTION_KEYS ? (int)(keys - key) : ATTENTION_KEYS;
    if (n <= 0) return;
    sl_attend_key_rows(f->a, f->task.seq, f->task.kv_head, key, n, k, v);
    for (int i = 0; i < n; i++)
        for (int d = 0; d < f->a->head_dim; d += 32) {
            _mm_prefetch((const sl_bf16 *)k[i] + d, _MM_HINT_T1);
            _mm_prefetch((const sl_bf16 *)v[i] + d, _MM_HINT_T1);
        }
}

static void pack_keys(struct forward *f, int64_t keys)
{
    const sl_attend *a = f->a;
    const void *k[ATTENTION_KEYS], *v[ATTENTION_KEYS];
    int n = keys - f->key < ATTENTION_KEYS ? (int)(keys - f->key) : ATTENTION_KEYS, tiles = f->groups * GROUP_TILES;
    sl_attend_key_rows(a, f->task.seq, f->task.kv_head, f->key, n, k, v);
    f->steps = (n + STEP_KEYS - 1) / STEP_KEYS;
    for (int i = 0; i < 2 * f->steps; i++)
        amx_pack_columns(k + 16 * i, n - 16 * i, a->head_dim, f->k + i * f->depths * TILE_BF16);
    for (int i = 0; i < f->steps; i++)
        amx_pack_depth(v + STEP_KEYS * i, n - STEP_KEYS * i, a->head_dim, tiles, f->v + i * tiles * TILE_BF16);
}

/* Tiles 4 and 5 = scores of a unit against the 32 keys of a step. */
static inline void score_begin(const struct forward *f, int unit, int step)
{
    const sl_bf16 *q = f->q + (int64_t)unit * f->depths * TILE_BF16;
    const sl_bf16 *k = f->k + (int64_t)step * 2 * f->depths * TILE_BF16, *k2 = k + f->depths * TILE_BF16;
    _tile_zero(4);
    _tile_zero(5);
    for (int d = 0; d < f->depths; d++) {
        _tile_loadd(6, q + d * TILE_BF16, 64);
        _tile_loadd(7, k + d * TILE_BF16, 64);
        _tile_dpbf16ps(4, 6, 7);
        _tile_loadd(7, k2 + d * TILE_BF16, 64);
        _tile_dpbf16ps(5, 6, 7);
    }
}

/* Stores them: later, because the products take a while and vectors can work meanwhile. */
static inline void score_end(float *s)
{
    _tile_stored(4, s, 64);
    _tile_stored(5, s + TILE_FLOATS, 64);
}

/* Tiles 0 to 3: part `step` of O += P V of a unit; a part is as many products of 32 keys as there are groups. */
static inline void value_step(const struct forward *f, int unit, int step)
{
    int tiles = f->groups * GROUP_TILES;
    for (int i = step * f->groups; i < (step + 1) * f->groups; i++) {
        int group = i / f->steps, depth = i % f->steps;
        float *acc = f->acc + ((int64_t)unit * tiles + group * GROUP_TILES) * TILE_FLOATS;
        const sl_bf16 *v = f->v + (depth * tiles + group * GROUP_TILES) * TILE_BF16;
        if (depth == 0) {
            _tile_loadd(0, acc, 64);
            _tile_loadd(1, acc + TILE_FLOATS, 64);
            _tile_loadd(2, acc + 2 * TILE_FLOATS, 64);
            _tile_loadd(3, acc + 3 * TILE_FLOATS, 64);
        }
        _tile_loadd(6, f->probs[unit & 1] + depth * TILE_BF16, 64);
        _tile_loadd(7, v, 64);
        _tile_dpbf16ps(0, 6, 7);
        _tile_loadd(7, v + TILE_BF16, 64);
        _tile_dpbf16ps(1, 6, 7);
        _tile_loadd(7, v + 2 * TILE_BF16, 64);
        _tile_dpbf16ps(2, 6, 7);
        _tile_loadd(7, v + 3 * TILE_BF16, 64);
        _tile_dpbf16ps(3, 6, 7);
        if (depth == f->steps - 1) {
            _tile_stored(0, acc, 64);
            _tile_stored(1, acc + TILE_FLOATS, 64);
            _tile_stored(2, acc + 2 * TILE_FLOATS, 64);
            _tile_stored(3, acc + 3 * TILE_FLOATS, 64);
        }
    }
}

/* shift = scale_log2 times the largest of the first `seen` of n steps of a row's scores. */
static float row_shift(const struct forward *f, const float *s, int row, int64_t seen, int n)
{
    __m512 max = _mm512_set1_ps(-INFINITY);
    for (int i = 0; i < 2 * n; i++)
        max =
            _mm512_mask_max_ps(max, amx_lanes_below(seen, i * 16), max, _mm512_load_ps(s + i * TILE_FLOATS + row * 16));
    return _mm512_reduce_max_ps(max) * f->scale_log2;
}

/*
 * Half of a step: scores s of 8 rows from `first` on become probabilities in the left tile p; adds them to
 * block_sums. With masked, keys that a row does not see count as 0.
 */
static inline __attribute__((always_inline)) void softmax_rows(const struct forward *f, int unit, int step, int first,
                                                               const float *s, sl_bf16 *p, bool masked)
{
    const float *shift = f->shift + unit * UNIT_ROWS;
    const int32_t *visible = f->visible + unit * UNIT_ROWS;
    __m512 scale = _mm512_set1_ps(f->scale_log2);
    float *sums = f->block_sums;
    for (int r = first; r < first + UNIT_ROWS / 2; r++) {
        int64_t seen = masked ? visible[r] - f->key - step * STEP_KEYS : STEP_KEYS;
        __m512 m = _mm512_set1_ps(shift[r]);
        __m512 x = _mm512_fmsub_ps(_mm512_load_ps(s + r * 16), scale, m);
        __m512 y = _mm512_fmsub_ps(_mm512_load_ps(s + TILE_FLOATS + r * 16), scale, m);
        x = amx_exp2(masked ? amx_lanes_below(seen, 0) : 0xffff, x);
        y = amx_exp2(masked ? amx_lanes_below(seen, 16) : 0xffff, y);
        _mm512_store_si512(p + r * 32, (__m512i)_mm512_cvtne2ps_pbh(y, x));
        __m512 sum = _mm512_add_ps(x, y);
        if (step) sum = _mm512_add_ps(sum, _mm512_load_ps(sums + r * 16));
        _mm512_store_ps(sums + r * 16, sum);
    }
}

static inline void softmax_half(const struct forward *f, int unit, int step, int first, const float *s)
{
    sl_bf16 *p = f->probs[unit & 1] + step * TILE_BF16;
    if (f->visible[unit * UNIT_ROWS] - f->key >= (step + 1) * STEP_KEYS)
        softmax_rows(f, unit, step, first, s, p, false);
    else
        softmax_rows(f, unit, step, first, s, p, true);
}

/* The rows' first reference points: of the scores of step 0 of block 0. */
static void begin_shift(struct forward *f, int unit, const float *s)
{
    for (int r = 0; r < UNIT_ROWS; r++) {
        int row = unit * UNIT_ROWS + r;
        f->shift[row] = row_shift(f, s, r, f->visible[row], 1);
    }
}

/*
 * Repeats the softmax of a unit in which rows overflowed: raises their reference points to the maximum of this block
 * and shrinks what they summed before it. Uses tiles 4 to 7.
 */
static __attribute__((noinline)) void raise_unit(struct forward *f, int unit)
{
    for (int i = 0; i < f->steps; i++) {
        score_begin(f, unit, i);
        score_end(f->redo + i * STEP_SCORES);
    }
    for (int r = 0; r < UNIT_ROWS; r++) {
        int row = unit * UNIT_ROWS + r, tiles = f->groups * GROUP_TILES;
        float *sum = f->sums + row * 16, *acc = f->acc + (unit * tiles * UNIT_ROWS + r) * 16;
        if (!_mm512_cmp_ps_mask(_mm512_load_ps(f->block_sums + r * 16), _mm512_set1_ps(0x1p30f), _CMP_NLE_UQ)) continue;
        float shift = row_shift(f, f->redo, r, f->visible[row] - f->key, f->steps);
        __m512 keep = amx_exp2(0xffff, _mm512_set1_ps(f->shift[row] - shift));
        for (int i = 0; i < tiles; i++)
            _mm512_store_ps(acc + i * TILE_FLOATS, _mm512_mul_ps(_mm512_load_ps(acc + i * TILE_FLOATS), keep));
        _mm512_store_ps(sum, _mm512_mul_ps(_mm512_load_ps(sum), keep));
        f->shift[row] = shift;
    }
    for (int i = 0; i < f->steps; i++)
        for (int half = 0; half < UNIT_ROWS; half += UNIT_ROWS / 2)
            softmax_half(f, unit, i, half, f->redo + i * STEP_SCORES);
}

/* After the last step of a unit: adds the block's sums to the rows', if they are in range. */
static inline void end_unit(struct forward *f, int unit)
{
    __m512 high = _mm512_load_ps(f->block_sums);
    for (int r = 1; r < UNIT_ROWS; r++) high = _mm512_max_ps(high, _mm512_load_ps(f->block_sums + r * 16));
    if (_mm512_cmp_ps_mask(high, _mm512_set1_ps(0x1p30f), _CMP_NLE_UQ)) raise_unit(f, unit);
    float *sums = f->sums + unit * UNIT_ROWS * 16;
    for (int r = 0; r < UNIT_ROWS * 16; r += 16)
        _mm512_store_ps(sums + r, _mm512_add_ps(_mm512_load_ps(sums + r), _mm512_load_ps(f->block_sums + r)));
}

/*
 * Takes units [first, last) of the task through the block of keys. Few tile instructions at a time, with vector work
 * between them: the core overlaps the two only within its window of some hundred instructions.
 */
static void run_units(struct forward *f, int first, int last)
{
    int turn = 0; /* which of the two score buffers is being read */
    amx_stores_done();
    score_begin(f, first, 0);
    score_end(f->scores[0]);
    for (int unit = first; unit <= last; unit++) {
        for (int i = 0; i < f->steps; i++, turn ^= 1) {
            bool next = i + 1 < f->steps || unit + 1 < last;
            const float *s = f->scores[turn];
            amx_stores_done();
            if (f->key == 0 && i == 0 && unit < last) begin_shift(f, unit, s);
            if (unit < last && next) score_begin(f, i + 1 < f->steps ? unit : unit + 1, (i + 1) % f->steps);
            if (unit < last) softmax_half(f, unit, i, 0, s);
            if (unit < last && next) score_end(f->scores[turn ^ 1]);
            if (unit > first) value_step(f, unit - 1, i);
            if (unit < last) softmax_half(f, unit, i, UNIT_ROWS / 2, s);
        }
        if (unit < last) end_unit(f, unit);
    }
}

static void end_rows(const struct forward *f, int rows)
{
    const sl_attend *a = f->a;
    float out[256];
    for (int row = 0; row < rows; row++) {
        int64_t slot = sl_attend_slot(a, f->task.seq, f->task.kv_head, f->task.first_row + row);
        int tiles = f->groups * GROUP_TILES;
        float sum = _mm512_reduce_add_ps(_mm512_load_ps(f->sums + row * 16));
        const float *acc = f->acc + ((int64_t)(row / UNIT_ROWS) * tiles * UNIT_ROWS + row % UNIT_ROWS) * 16;
        for (int d = 0; d < tiles; d++) vf_store(out + d * 16, vf_load(acc + d * TILE_FLOATS));
        vec_store_row(SL_BF16, out, a->head_dim, 1 / sum, false, (sl_bf16 *)a->out + slot * a->head_dim);
        if (a->lse) a->lse[slot] = f->shift[row] * 0.693147181f + logf(sum);
    }
}

static void run_task(struct forward *f)
{
    int rows = (int)(f->task.last_row - f->task.first_row), units = (rows + UNIT_ROWS - 1) / UNIT_ROWS;
    int64_t keys = sl_attend_visible(f->a, f->task.seq, f->task.last_row - 1);
    prefetch_keys(f, 0, keys);
    begin_rows(f, rows);
    int first = 0;
    for (f->key = 0; f->key < keys; f->key += ATTENTION_KEYS) {
        while (f->visible[first * UNIT_ROWS + UNIT_ROWS - 1] <= f->key) first++;
        pack_keys(f, keys);
        prefetch_keys(f, f->key + ATTENTION_KEYS, keys);
        run_units(f, first, units);
    }
    end_rows(f, rows);
}

static void attend(const sl_ops *o, const sl_attend *a)
{
    int64_t next = 0, chunk = sl_attend_chunk(a, o->n_threads, UNIT_ROWS, task_rows((a->head_dim + 63) / 64));
#pragma omp parallel num_threads(o->n_threads)
    {
        sl_attend_cursor cursor = sl_attend_cursor_init(a, chunk);
        struct forward f = {.a = a};
        carve_forward(&f, o->scratch + (size_t)omp_get_thread_num() * o->scratch_size);
        amx_begin();
        for (;;) {
            int64_t i;
#pragma omp atomic capture
            i = next++;
            if (!sl_attend_cursor_at(&cursor, i, &f.task)) break;
            run_task(&f);
        }
        amx_end();
    }
}

static void attention(const sl_ops *o, const sl_attention *a)
{
    sl_attend problem = sl_attend_packed(a);
    if (a->dt == SL_F32)
        sl_attend_avx512(o, &problem);
    else
        attend(o, &problem);
}

static void attention_paged(const sl_ops *o, const sl_attention_paged *a)
{
    sl_attend problem = sl_attend_paged(a);
    if (a->dt == SL_F32 || a->int8)
        sl_attend_avx512(o, &problem);
    else
        attend(o, &problem);
}

void sl_attention_fill_amx(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->attention = attention;
    o->attention_bwd = sl_attention_bwd_amx;
    o->attention_paged = attention_paged;
}
