/*
 * attention_bwd_amx.c: the backward of blockwise attention (FlashAttention, arXiv 2205.14135) on AMX tiles, bf16.
 *
 *     P = exp(scale q k^T - lse), dP = dO v^T, dS = P (dP - delta), delta = sum(dO * O)
 *     dv = P^T dO, dk = scale dS^T q, dq = scale dS k
 *
 * Scores are computed transposed, keys by rows: S^T = K Q^T and dP^T = V dO^T. So lse and delta lie along the lanes,
 * P^T and dS^T rounded to bf16 are left operands of dv and dk as they are, and pairs of rows of dS^T interleaved are
 * the right operand of dq^T = K^T dS^T.
 *
 * A task is one key-value head of one sequence, so that nothing is shared between threads. It goes over ranges of
 * keys, as many as fit in the thread's scratch memory packed with their f32 dk and dv; over units of 64 rows; over
 * the range's blocks of 64 keys. Ranges depend on head_dim only. With several ranges (beyond thousands of keys), dq
 * is summed over them in bf16.
 */
#include "tensor/cpu/attention_amx.h"

#include <omp.h>

enum {
    UNIT_ROWS = 64,
    ROW_TILES = UNIT_ROWS / 16,
    ROW_DEPTHS = UNIT_ROWS / 32,
    BLOCK_KEYS = 64,
    KEY_TILES = BLOCK_KEYS / 16,
    KEY_DEPTHS = BLOCK_KEYS / 32,
    SCORE_STEPS = KEY_TILES * ROW_DEPTHS, /* of 16 keys by 32 rows */
};

/* One block of keys. Dimensions in tiles; depths is head_dim / 32 and columns head_dim / 16, rounded up. */
struct key_block {
    sl_bf16 *k, *v;  /* (KEY_TILES, depths) left: keys by head_dim */
    sl_bf16 *k_turn; /* (columns, KEY_DEPTHS) left: head_dim by keys */
    float *dk, *dv;  /* (KEY_TILES, columns) results */
};

/* What a thread works in; carved from its scratch memory. */
struct backward {
    const sl_attention *a;
    const sl_attention_grad *g;
    sl_attend problem;
    int seq, kv_head;
    int depths, columns;
    sl_bf16 *q, *d_out;           /* (ROW_TILES, depths) right: head_dim by rows */
    sl_bf16 *q_turn, *d_out_turn; /* (ROW_DEPTHS, columns) right: rows by head_dim */
    float *dq;                    /* (columns, ROW_TILES) results: head_dim by rows */
    float *scores[2];             /* (4) results of even and odd steps: S^T and dP^T of 16 keys by 32 rows */
    sl_bf16 *p, *ds;              /* (KEY_TILES, ROW_DEPTHS) left: keys by rows */
    sl_bf16 *ds_turn;             /* (KEY_DEPTHS, ROW_TILES) right: keys by rows */
    float *lse, *delta;           /* (UNIT_ROWS); lse times log2 e */
    int32_t *visible;             /* (UNIT_ROWS): keys seen */
    char *blocks;                 /* n_blocks of block_bytes */
    int64_t n_blocks, block_bytes;
};

static void *carve(char **at, int64_t bytes)
{
    void *p = *at;
    *at += (bytes + 63) / 64 * 64;
    return p;
}

static void carve_backward(struct backward *b, char *scratch, size_t size)
{
    char *at = scratch;
    b->depths = amx_depths(b->a->head_dim);
    b->columns = 2 * b->depths;
    b->q = carve(&at, ROW_TILES * b->depths * TILE_BYTES);
    b->d_out = carve(&at, ROW_TILES * b->depths * TILE_BYTES);
    b->q_turn = carve(&at, ROW_DEPTHS * b->columns * TILE_BYTES);
    b->d_out_turn = carve(&at, ROW_DEPTHS * b->columns * TILE_BYTES);
    b->dq = carve(&at, b->columns * ROW_TILES * TILE_BYTES);
    b->scores[0] = carve(&at, 4 * TILE_BYTES);
    b->scores[1] = carve(&at, 4 * TILE_BYTES);
    b->p = carve(&at, SCORE_STEPS * TILE_BYTES);
    b->ds = carve(&at, SCORE_STEPS * TILE_BYTES);
    b->ds_turn = carve(&at, SCORE_STEPS * TILE_BYTES);
    b->lse = carve(&at, UNIT_ROWS * 4);
    b->delta = carve(&at, UNIT_ROWS * 4);
    b->visible = carve(&at, UNIT_ROWS * 4);
    b->blocks = at;
    b->block_bytes = (2 * KEY_TILES * b->depths + b->columns * KEY_DEPTHS + 2 * KEY_TILES * b->columns) * TILE_BYTES;
    b->n_blocks = ((int64_t)size - (at - scratch)) / b->block_bytes;
}

static struct key_block block_at(const struct backward *b, int64_t i)
{
    char *at = b->blocks + i * b->block_bytes;
    struct key_block x;
    x.k = carve(&at, KEY_TILES * b->depths * TILE_BYTES);
    x.v = carve(&at, KEY_TILES * b->depths * TILE_BYTES);
    x.k_turn = carve(&at, b->columns * KEY_DEPTHS * TILE_BYTES);
    x.dk = carve(&at, KEY_TILES * b->columns * TILE_BYTES);
    x.dv = carve(&at, KEY_TILES * b->columns * TILE_BYTES);
    return x;
}

/* 32 rows (those from n on are zero) turned: left tiles of 16 elements of head_dim by 32 rows, `stride` tiles apart. */
static void pack_turned(const void *const *rows, int n, int head_dim, int stride, sl_bf16 *dst)
{
    sl_bf16 pairs[2][8 * TILE_BF16] __attribute__((aligned(64)));
    int16_t even[32];
    for (int i = 0; i < 32; i++) even[i] = (int16_t)(2 * i);
    const __m512i index = _mm512_loadu_si512(even), odd = _mm512_add_epi16(index, _mm512_set1_epi16(1));
    amx_pack_columns(rows, n, head_dim, pairs[0]);
    amx_pack_columns(rows + 16, n - 16, head_dim, pairs[1]);
    for (int d = 0; d < amx_depths(head_dim) * 16; d++) { /* pair d of elements */
        __m512i x = _mm512_load_si512(pairs[0] + d * 32), y = _mm512_load_si512(pairs[1] + d * 32);
        sl_bf16 *to = dst + (int64_t)(d / 8) * stride * TILE_BF16 + d % 8 * 64;
        _mm512_store_si512(to, _mm512_permutex2var_epi16(x, index, y));
        _mm512_store_si512(to + 32, _mm512_permutex2var_epi16(x, odd, y));
    }
}

static void pack_block(const struct backward *b, int64_t key, int n, struct key_block x)
{
    const void *k[BLOCK_KEYS], *v[BLOCK_KEYS];
    sl_attend_key_rows(&b->problem, b->seq, b->kv_head, key, n, k, v);
    for (int i = 0; i < KEY_TILES; i++) {
        amx_pack_left(k + 16 * i, n - 16 * i, b->a->head_dim, x.k + i * b->depths * TILE_BF16);
        amx_pack_left(v + 16 * i, n - 16 * i, b->a->head_dim, x.v + i * b->depths * TILE_BF16);
    }
    for (int i = 0; i < KEY_DEPTHS; i++)
        pack_turned(k + 32 * i, n - 32 * i, b->a->head_dim, KEY_DEPTHS, x.k_turn + i * TILE_BF16);
    memset(x.dk, 0, (size_t)(KEY_TILES * b->columns) * TILE_BYTES);
    memset(x.dv, 0, (size_t)(KEY_TILES * b->columns) * TILE_BYTES);
}

/* Row i of an array of result tiles, `columns` of them side by side, as head_dim bf16 times scale. */
static void store_result_row(const struct backward *b, const float *tiles, int i, float scale, sl_bf16 *dst)
{
    float row[256];
    const float *from = tiles + (i / 16 * b->columns * 16 + i % 16) * 16;
    for (int d = 0; d < b->columns; d++) vf_store(row + d * 16, vf_load(from + d * TILE_FLOATS));
    vec_store_row(SL_BF16, row, b->a->head_dim, scale, false, dst);
}

static void store_block(const struct backward *b, int64_t key, int n, struct key_block x)
{
    const sl_attention *a = b->a;
    for (int i = 0; i < n; i++) {
        int64_t at = (a->cu_seqlens[b->seq] + key + i) * a->kv_stride + (int64_t)b->kv_head * a->head_dim;
        store_result_row(b, x.dk, i, a->scale, (sl_bf16 *)b->g->dk + at);
        store_result_row(b, x.dv, i, 1, (sl_bf16 *)b->g->dv + at);
    }
}

/* Statistics of a row of the unit; the first range computes delta. Rows past the last get probabilities of 0. */
static void begin_row(struct backward *b, int i, int64_t row, bool real, bool first_range)
{
    const sl_attention *a = b->a;
    int64_t slot = sl_attend_slot(&b->problem, b->seq, b->kv_head, row);
    if (real && first_range) {
        float out[256], d_out[256];
        vec_load_row(SL_BF16, (const sl_bf16 *)a->out + slot * a->head_dim, a->head_dim, 1, out);
        vec_load_row(SL_BF16, (const sl_bf16 *)b->g->d_out + slot * a->head_dim, a->head_dim, 1, d_out);
        b->g->delta[slot] = vec_dot(out, d_out, vec_padded(a->head_dim));
    }
    b->lse[i] = real ? a->lse[slot] * 1.44269504f : 1e30f;
    b->delta[i] = real ? b->g->delta[slot] : 0;
    b->visible[i] = (int32_t)sl_attend_visible(&b->problem, b->seq, row);
}

static void begin_unit(struct backward *b, int64_t row, int rows, bool first_range)
{
    const sl_attention *a = b->a;
    const void *q[UNIT_ROWS], *d_out[UNIT_ROWS];
    for (int i = 0; i < UNIT_ROWS; i++) {
        int64_t r = row + (i < rows ? i : rows - 1), slot = sl_attend_slot(&b->problem, b->seq, b->kv_head, r);
        q[i] = sl_attend_query(&b->problem, b->seq, b->kv_head, r);
        d_out[i] = (const sl_bf16 *)b->g->d_out + slot * a->head_dim;
        begin_row(b, i, r, i < rows, first_range);
    }
    for (int i = 0; i < ROW_TILES; i++) {
        amx_pack_columns(q + 16 * i, rows - 16 * i, a->head_dim, b->q + i * b->depths * TILE_BF16);
        amx_pack_columns(d_out + 16 * i, rows - 16 * i, a->head_dim, b->d_out + i * b->depths * TILE_BF16);
    }
    for (int i = 0; i < ROW_DEPTHS; i++) {
        int64_t to = (int64_t)i * b->columns * TILE_BF16;
        amx_pack_depth(q + 32 * i, rows - 32 * i, a->head_dim, b->columns, b->q_turn + to);
        amx_pack_depth(d_out + 32 * i, rows - 32 * i, a->head_dim, b->columns, b->d_out_turn + to);
    }
    memset(b->dq, 0, (size_t)(b->columns * ROW_TILES) * TILE_BYTES);
}

static void end_unit(const struct backward *b, int64_t row, int rows, bool first_range)
{
    const sl_attention *a = b->a;
    float turned[16][256];
    for (int i = 0; i < rows; i += 16) {
        for (int d = 0; d < b->columns; d++) {
            vf x[16];
            for (int j = 0; j < 16; j++) x[j] = vf_load(b->dq + ((d * ROW_TILES + i / 16) * 16 + j) * 16);
            vec_transpose(x);
            for (int j = 0; j < 16; j++) vf_store(turned[j] + d * 16, x[j]);
        }
        for (int j = 0; j < 16 && i + j < rows; j++) {
            const sl_bf16 *q = sl_attend_query(&b->problem, b->seq, b->kv_head, row + i + j);
            sl_bf16 *dq = (sl_bf16 *)b->g->dq + (q - (const sl_bf16 *)a->q);
            vec_store_row(SL_BF16, turned[j], a->head_dim, a->scale, !first_range, dq);
        }
    }
}

/* Tiles 0 to 3 = S^T and dP^T of step i: 16 keys by 32 rows each. */
static inline void score_begin(const struct backward *b, const struct key_block *x, int i)
{
    const sl_bf16 *k = x->k + i / ROW_DEPTHS * b->depths * TILE_BF16, *v = x->v + (k - x->k);
    const sl_bf16 *q = b->q + i % ROW_DEPTHS * 2 * b->depths * TILE_BF16, *d_out = b->d_out + (q - b->q);
    int across = b->depths * TILE_BF16;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int d = 0; d < b->depths * TILE_BF16; d += TILE_BF16) {
        _tile_loadd(4, k + d, 64);
        _tile_loadd(5, q + d, 64);
        _tile_dpbf16ps(0, 4, 5);
        _tile_loadd(5, q + across + d, 64);
        _tile_dpbf16ps(1, 4, 5);
        _tile_loadd(6, v + d, 64);
        _tile_loadd(7, d_out + d, 64);
        _tile_dpbf16ps(2, 6, 7);
        _tile_loadd(7, d_out + across + d, 64);
        _tile_dpbf16ps(3, 6, 7);
    }
}

static inline void score_end(float *s)
{
    _tile_stored(0, s, 64);
    _tile_stored(1, s + TILE_FLOATS, 64);
    _tile_stored(2, s + 2 * TILE_FLOATS, 64);
    _tile_stored(3, s + 3 * TILE_FLOATS, 64);
}

/* 32 rows of one key: P to p; returns dS. Lanes outside `low` and `high` count as not seen. */
static inline __m512i score_row(const struct backward *b, const float *s, int row, __mmask16 low, __mmask16 high,
                                sl_bf16 *p)
{
    __m512 scale = _mm512_set1_ps(b->a->scale * 1.44269504f);
    __m512 x = _mm512_fmsub_ps(_mm512_load_ps(s), scale, _mm512_load_ps(b->lse + row));
    __m512 y = _mm512_fmsub_ps(_mm512_load_ps(s + TILE_FLOATS), scale, _mm512_load_ps(b->lse + row + 16));
    x = amx_exp2(low, x);
    y = amx_exp2(high, y);
    _mm512_store_si512(p, (__m512i)_mm512_cvtne2ps_pbh(y, x));
    __m512 dx = _mm512_sub_ps(_mm512_load_ps(s + 2 * TILE_FLOATS), _mm512_load_ps(b->delta + row));
    __m512 dy = _mm512_sub_ps(_mm512_load_ps(s + 3 * TILE_FLOATS), _mm512_load_ps(b->delta + row + 16));
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(y, dy), _mm512_mul_ps(x, dx));
}

/* Step i of a block that begins at `key`: from stored scores to the operands P^T and dS^T. */
static inline __attribute__((always_inline)) void score_vectors(const struct backward *b, int64_t key, int i,
                                                                bool masked)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i low = _mm512_or_si512(lane, _mm512_slli_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32(32)), 16));
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    int tile = i / ROW_DEPTHS, row = i % ROW_DEPTHS * 32;
    const float *s = b->scores[i & 1];
    sl_bf16 *p = b->p + i * TILE_BF16, *ds = b->ds + i * TILE_BF16;
    sl_bf16 *turn = b->ds_turn + (tile / 2 * ROW_TILES + row / 16) * TILE_BF16 + tile % 2 * 8 * 32;
    __m512i seen_x = _mm512_load_si512(b->visible + row), seen_y = _mm512_load_si512(b->visible + row + 16);
    for (int k = 0; k < 16; k += 2) {
        __m512i pair[2];
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++) {
            __m512i number = _mm512_set1_epi32((int32_t)key + tile * 16 + k + j);
            __mmask16 mask_x = masked ? _mm512_cmpgt_epi32_mask(seen_x, number) : 0xffff;
            __mmask16 mask_y = masked ? _mm512_cmpgt_epi32_mask(seen_y, number) : 0xffff;
            pair[j] = score_row(b, s + (k + j) * 16, row, mask_x, mask_y, p + (k + j) * 32);
            _mm512_store_si512(ds + (k + j) * 32, pair[j]);
        }
        _mm512_store_si512(turn + k * 16, _mm512_permutex2var_epi16(pair[0], low, pair[1]));
        _mm512_store_si512(turn + TILE_BF16 + k * 16, _mm512_permutex2var_epi16(pair[0], high, pair[1]));
    }
}

/* Arrays of tiles: c (m, n) += a (m, k) b (k, n), row-major; m and n are even. */
static void tile_product(int m, int n, int k, const sl_bf16 *a, const sl_bf16 *b, float *c)
{
    for (int i = 0; i < m; i += 2)
        for (int j = 0; j < n; j += 2) {
            float *to = c + (i * n + j) * TILE_FLOATS, *below = to + n * TILE_FLOATS;
            _tile_loadd(0, to, 64);
            _tile_loadd(1, to + TILE_FLOATS, 64);
            _tile_loadd(2, below, 64);
            _tile_loadd(3, below + TILE_FLOATS, 64);
            for (int l = 0; l < k; l++) {
                const sl_bf16 *left = a + (i * k + l) * TILE_BF16, *right = b + (l * n + j) * TILE_BF16;
                _tile_loadd(4, left, 64);
                _tile_loadd(6, right, 64);
                _tile_dpbf16ps(0, 4, 6);
                _tile_loadd(7, right + TILE_BF16, 64);
                _tile_dpbf16ps(1, 4, 7);
                _tile_loadd(5, left + k * TILE_BF16, 64);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
            _tile_stored(0, to, 64);
            _tile_stored(1, to + TILE_FLOATS, 64);
            _tile_stored(2, below, 64);
            _tile_stored(3, below + TILE_FLOATS, 64);
        }
}

/* One unit of rows against one block of keys; masked when some row does not see the whole block. */
static void backward_unit(const struct backward *b, const struct key_block *x, int64_t key, bool masked)
{
    amx_stores_done();
    score_begin(b, x, 0);
    score_end(b->scores[0]);
    for (int i = 0; i < SCORE_STEPS; i++) {
        if (i + 1 < SCORE_STEPS) score_begin(b, x, i + 1);
        if (masked)
            score_vectors(b, key, i, true);
        else
            score_vectors(b, key, i, false);
        if (i + 1 < SCORE_STEPS) score_end(b->scores[(i + 1) & 1]);
    }
    amx_stores_done();
    tile_product(KEY_TILES, b->columns, ROW_DEPTHS, b->p, b->d_out_turn, x->dv);
    tile_product(KEY_TILES, b->columns, ROW_DEPTHS, b->ds, b->q_turn, x->dk);
    tile_product(b->columns, ROW_TILES, KEY_DEPTHS, x->k_turn, b->ds_turn, b->dq);
}

static int count_of(int64_t left, int most)
{
    return left < most ? (int)left : most;
}

/* All rows against the keys [first, last). */
static void backward_range(struct backward *b, int64_t first, int64_t last)
{
    int64_t n_rows = sl_attend_keys(&b->problem, b->seq) * (b->a->n_heads / b->a->n_kv_heads);
    for (int64_t key = first; key < last; key += BLOCK_KEYS)
        pack_block(b, key, count_of(last - key, BLOCK_KEYS), block_at(b, (key - first) / BLOCK_KEYS));
    for (int64_t row = 0; row < n_rows; row += UNIT_ROWS) {
        int rows = count_of(n_rows - row, UNIT_ROWS);
        int64_t seen = sl_attend_visible(&b->problem, b->seq, row + rows - 1);
        if (seen <= first) continue;
        begin_unit(b, row, rows, first == 0);
        for (int64_t key = first; key < last && key < seen; key += BLOCK_KEYS) {
            struct key_block x = block_at(b, (key - first) / BLOCK_KEYS);
            backward_unit(b, &x, key, b->visible[0] < key + BLOCK_KEYS);
        }
        end_unit(b, row, rows, first == 0);
    }
    for (int64_t key = first; key < last; key += BLOCK_KEYS)
        store_block(b, key, count_of(last - key, BLOCK_KEYS), block_at(b, (key - first) / BLOCK_KEYS));
}

void sl_attention_bwd_amx(const sl_ops *o, const sl_attention *a, const sl_attention_grad *g)
{
    if (a->dt == SL_F32) {
        sl_attention_bwd_avx512(o, a, g);
        return;
    }
#pragma omp parallel num_threads(o->n_threads)
    {
        struct backward b = {.a = a, .g = g, .problem = sl_attend_packed(a)};
        carve_backward(&b, o->scratch + (size_t)omp_get_thread_num() * o->scratch_size, o->scratch_size);
        int64_t range = b.n_blocks * BLOCK_KEYS;
        amx_begin();
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < a->n_seqs * a->n_kv_heads; i++) {
            b.seq = i / a->n_kv_heads;
            b.kv_head = i % a->n_kv_heads;
            int64_t keys = sl_attend_keys(&b.problem, b.seq);
            for (int64_t key = 0; key < keys; key += range)
                backward_range(&b, key, keys - key < range ? keys : key + range);
        }
        amx_end();
    }
}
