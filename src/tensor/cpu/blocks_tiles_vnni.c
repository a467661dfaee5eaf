/*
 * blocks_tiles_vnni.c: quantised rows times many rounded rows, with AVX512-VNNI on vectors of 64 bytes.
 *
 * Sixteen rows of b become the sixteen columns of a tile: a vector has four numbers of each, and one vpdpbusd adds
 * their products with four numbers of a row of a, broadcast, so that nothing is ever added across a vector. Unpacking
 * is paid once for all rows of a. vpdpbusd wants unsigned bytes: signed ones are stored with 128 added, and what was
 * added, or what a type takes off, goes off the start of the sum, times the sum of a.
 *
 * The eight f32 lanes of the row kernels (blocks_dot.h) are eight accumulators here, added up in the same order: a row
 * of a gives the same bits whichever way it goes.
 */
#include <immintrin.h>

#define BLOCKS_DOT(u, s) _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, s)
#include "tensor/cpu/blocks_dot.h"

enum { RUN_VECTORS = BLOCKS_RUN / 4 };

/* Turns 16 rows of 16 numbers at src, `stride` apart, into 16 vectors of columns at dst. */
static __attribute__((noinline)) void transpose(const int32_t *src, size_t stride, void *dst)
{
    __m512i r[16], t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(src + (size_t)i * stride);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    __m512i *out = dst;
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        __m512i a = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x44), b = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x44);
        __m512i c = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xee), d = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xee);
        _mm512_storeu_si512(out + j, _mm512_shuffle_i32x4(a, b, 0x88));
        _mm512_storeu_si512(out + 4 + j, _mm512_shuffle_i32x4(a, b, 0xdd));
        _mm512_storeu_si512(out + 8 + j, _mm512_shuffle_i32x4(c, d, 0x88));
        _mm512_storeu_si512(out + 12 + j, _mm512_shuffle_i32x4(c, d, 0xdd));
    }
}

/* A stretch of each row, as blocks_read gives it. */
struct unpacked {
    int32_t q[BLOCKS_TILE][BLOCKS_STRETCH / 4];
    int32_t scales[BLOCKS_TILE][2 * BLOCKS_RUNS]; /* f32: eight scales, eight minima */
    int32_t halves[BLOCKS_TILE][2 * BLOCKS_RUNS];
};

BLOCKS_INLINE void keep(const struct blocks_stretch *s, bool is_signed, bool halves, struct unpacked *u, int j)
{
    const __m256i offset = _mm256_set1_epi8(is_signed ? (char)0x80 : 0);
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS_RUNS; i++)
        _mm256_storeu_si256((__m256i *)u->q[j] + i, _mm256_xor_si256(s->q[i], offset));
    _mm256_storeu_ps((float *)u->scales[j], s->scale);
    _mm256_storeu_ps((float *)u->scales[j] + BLOCKS_RUNS, s->min);
    if (halves) _mm512_storeu_si512(u->halves[j], _mm512_cvtepi16_epi32(s->halves));
}

BLOCKS_INLINE void unpack(const struct blocks_call *c, sl_dtype type, bool is_signed, bool halves,
                          struct blocks_tile *out)
{
    const size_t bytes = sl_dtype_row_bytes(type, BLOCKS_STRETCH);
    struct unpacked u;
    memset(&u, 0, sizeof u);
    for (int64_t at = 0; at * BLOCKS_STRETCH < c->k; at++, out++) {
        int64_t left = c->k / BLOCKS_RUN - at * BLOCKS_RUNS;
        for (int j = 0; j < c->n; j++) {
            const uint8_t *p = c->b + (size_t)j * c->row_bytes + (size_t)at * bytes;
            struct blocks_stretch s;
            blocks_read(type, p, left < BLOCKS_RUNS ? (int)left : BLOCKS_RUNS, &s);
            keep(&s, is_signed, halves, &u, j);
        }
        for (int i = 0; i < 4; i++) transpose(u.q[0] + 16 * i, BLOCKS_STRETCH / 4, out->q[16 * i]);
        transpose(u.scales[0], 2 * BLOCKS_RUNS, out->scale);
        if (halves) transpose(u.halves[0], 2 * BLOCKS_RUNS, out->halves);
    }
}

BLOCKS_INLINE __m512i four_of(const struct blocks_act *a, int at)
{
    int32_t x;
    memcpy(&x, a->q + 4 * at, sizeof x);
    return _mm512_set1_epi32(x);
}

/* The integer sums of run r: of the row a, and of all columns. */
BLOCKS_INLINE __m512i start(const struct blocks_act *a, int r, int offset)
{
    return offset ? _mm512_set1_epi32(-offset * a->sums[r]) : _mm512_setzero_si512();
}

/* One run of a tile times eight rows, added to their lanes. */
BLOCKS_INLINE void add_run(const struct blocks_tile *t, int r, const struct blocks_act *const *a, int offset,
                           bool has_min, bool halves, __m512 lanes[][BLOCKS_RUNS])
{
    __m512i q[RUN_VECTORS], sum[BLOCKS_TILE_ROWS];
#pragma GCC unroll 8
    for (int i = 0; i < RUN_VECTORS; i++) q[i] = _mm512_loadu_si512(t->q[RUN_VECTORS * r + i]);
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS_TILE_ROWS; i++) {
        if (!halves) {
            sum[i] = start(a[i], r, offset);
#pragma GCC unroll 8
            for (int k = 0; k < RUN_VECTORS; k++)
                sum[i] = _mm512_dpbusd_epi32(sum[i], q[k], four_of(a[i], RUN_VECTORS * r + k));
            continue;
        }
        __m512i low = _mm512_set1_epi32(-32 * a[i]->halves[2 * r]);
        __m512i high = _mm512_set1_epi32(-32 * a[i]->halves[2 * r + 1]);
#pragma GCC unroll 4
        for (int k = 0; k < RUN_VECTORS / 2; k++) {
            low = _mm512_dpbusd_epi32(low, q[k], four_of(a[i], RUN_VECTORS * r + k));
            high = _mm512_dpbusd_epi32(high, q[k + RUN_VECTORS / 2], four_of(a[i], RUN_VECTORS * r + 4 + k));
        }
        sum[i] = _mm512_add_epi32(_mm512_mullo_epi32(low, _mm512_loadu_si512(t->halves[2 * r])),
                                  _mm512_mullo_epi32(high, _mm512_loadu_si512(t->halves[2 * r + 1])));
    }
    const __m512 scale = _mm512_loadu_ps(t->scale[r]), min = _mm512_loadu_ps(t->min[r]);
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS_TILE_ROWS; i++) {
        __m512 p = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(sum[i]));
        if (has_min) p = _mm512_fnmadd_ps(min, _mm512_set1_ps((float)a[i]->sums[r]), p);
        lanes[i][r] = _mm512_fmadd_ps(p, _mm512_set1_ps(a[i]->scales[r]), lanes[i][r]);
    }
}

BLOCKS_INLINE void multiply(const struct blocks_call *c, const struct blocks_tile *t, int offset, bool has_min,
                            bool halves)
{
    __m512 lanes[BLOCKS_TILE_ROWS][BLOCKS_RUNS];
    for (int i = 0; i < BLOCKS_TILE_ROWS; i++)
        for (int r = 0; r < BLOCKS_RUNS; r++) lanes[i][r] = _mm512_setzero_ps();
    for (int64_t at = 0; at * BLOCKS_STRETCH < c->k; at++) {
        const struct blocks_act *a[BLOCKS_TILE_ROWS];
        /* Rows that do not exist repeat the last one, and are not written. */
        for (int i = 0; i < BLOCKS_TILE_ROWS; i++) a[i] = c->a + (i < c->m ? i : c->m - 1) * c->a_stride + at;
        for (int r = 0; r < BLOCKS_RUNS; r++) add_run(t + at, r, a, offset, has_min, halves, lanes);
    }
    for (int i = 0; i < c->m; i++) {
        const __m512 *l = lanes[i];
        __m512 even = _mm512_add_ps(_mm512_add_ps(l[0], l[4]), _mm512_add_ps(l[2], l[6]));
        __m512 odd = _mm512_add_ps(_mm512_add_ps(l[1], l[5]), _mm512_add_ps(l[3], l[7]));
        _mm512_storeu_ps(c->out + (size_t)i * GEMM_PANEL, _mm512_add_ps(even, odd));
    }
}

void sl_blocks_unpack_vnni(const struct blocks_call *c, struct blocks_tile *out)
{
#define UNPACK(type, is_signed, halves)                                                                                \
    case type:                                                                                                         \
        unpack(c, type, is_signed, halves, out);                                                                       \
        break;
    switch (c->type) {
        UNPACK(SL_Q8_0, true, false)
        UNPACK(SL_Q4_0, false, false)
        UNPACK(SL_Q4_1, false, false)
        UNPACK(SL_Q5_0, false, false)
        UNPACK(SL_Q5_1, false, false)
        UNPACK(SL_Q4_K, false, false)
        UNPACK(SL_Q5_K, false, false)
        UNPACK(SL_Q6_K, false, true)
        UNPACK(SL_IQ4_NL, true, false)
        UNPACK(SL_IQ4_XS, true, false)
    default:
        SL_BUG("%s is no block type", sl_dtype_name(c->type));
    }
#undef UNPACK
}

void sl_blocks_multiply_tile_vnni(const struct blocks_call *c, const struct blocks_tile *tile)
{
    switch (c->type) {
    case SL_Q8_0:
    case SL_IQ4_NL:
    case SL_IQ4_XS:
        multiply(c, tile, 128, false, false);
        break;
    case SL_Q4_0:
        multiply(c, tile, 8, false, false);
        break;
    case SL_Q5_0:
        multiply(c, tile, 16, false, false);
        break;
    case SL_Q6_K:
        multiply(c, tile, 0, false, true);
        break;
    default:
        multiply(c, tile, 0, true, false);
    }
}
