/*
 * blocks_dot.h: quantised rows times a few rounded rows, on vectors of 32 bytes.
 *
 * A template for the files that are compiled for one instruction set. BLOCKS_DOT(u, s) gives the eight i32 sums of four
 * products each of unsigned with signed bytes, exact as long as |u| <= 128 and |s| <= 127. A stretch of 256 numbers is
 * unpacked once into eight vectors, one a run of 32, and meets each row of a; the eight run sums are brought into one
 * vector by horizontal additions, so that all that follows is one step for eight runs. Integers are exact, so that this
 * gives the reference's bits.
 */
#ifndef SL_TENSOR_CPU_BLOCKS_DOT_H
#define SL_TENSOR_CPU_BLOCKS_DOT_H

#include "base/error.h"
#include "tensor/cpu/blocks.h"

#include <immintrin.h>
#include <string.h>

#define BLOCKS_INLINE static inline __attribute__((always_inline))

/* How a type's integers stand in the vectors. */
struct blocks_kind {
    bool is_signed; /* signed bytes; else unsigned ones of less than 64 */
    int offset;     /* to be taken off each: 0, 8 or 16 */
    bool has_min;
    bool halves; /* Q6_K: integer scales of each 16, and 32 to be taken off */
};

struct blocks_stretch {
    __m256i q[BLOCKS_RUNS];
    __m256 scale, min; /* of each run */
    __m256i halves;    /* 16 x i16 */
};

BLOCKS_INLINE __m256 blocks_half(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return _mm256_set1_ps(_cvtsh_ss(h));
}

/* Halves at p, p + step, ..., n of them; zeros for the others. */
BLOCKS_INLINE __m256 blocks_halves(const uint8_t *p, size_t step, int n)
{
    uint16_t h[8] = {0};
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        if (i < n) memcpy(&h[i], p + (size_t)i * step, 2);
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)h));
}

/* 16 bytes of nibbles: the low ones, then the high ones. */
BLOCKS_INLINE __m256i blocks_nibbles(const uint8_t *p)
{
    const __m128i low = _mm_set1_epi8(15);
    __m128i x = _mm_loadu_si128((const __m128i *)p);
    return _mm256_set_m128i(_mm_and_si128(_mm_srli_epi16(x, 4), low), _mm_and_si128(x, low));
}

BLOCKS_INLINE __m256i blocks_levels(__m256i nibbles)
{
    const __m128i levels = _mm_loadu_si128((const __m128i *)sl_iq4_levels);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(levels), nibbles);
}

/* Bit i of 32 becomes 16 in byte i. */
BLOCKS_INLINE __m256i blocks_fifth(const uint8_t *p)
{
    const __m256i byte = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    int32_t bits;
    memcpy(&bits, p, sizeof bits);
    __m256i x = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(x, bit), _mm256_set1_epi8(16));
}

/* n (at most eight) blocks of 32 of a type. */
BLOCKS_INLINE void blocks_read_runs(sl_dtype type, const uint8_t *p, int n, struct blocks_stretch *s)
{
    const size_t bytes = type == SL_Q8_0 ? 34 : type == SL_Q4_1 ? 20 : type == SL_Q5_0 ? 22 : type == SL_Q5_1 ? 24 : 18;
    s->scale = blocks_halves(p, bytes, n);
    if (type == SL_Q4_1 || type == SL_Q5_1) s->min = _mm256_sub_ps(_mm256_setzero_ps(), blocks_halves(p + 2, bytes, n));
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS_RUNS; i++, p += bytes) {
        if (i >= n)
            s->q[i] = _mm256_setzero_si256();
        else if (type == SL_Q8_0)
            s->q[i] = _mm256_loadu_si256((const __m256i *)(p + 2));
        else if (type == SL_Q4_0)
            s->q[i] = blocks_nibbles(p + 2);
        else if (type == SL_Q4_1)
            s->q[i] = blocks_nibbles(p + 4);
        else if (type == SL_Q5_0)
            s->q[i] = _mm256_or_si256(blocks_nibbles(p + 6), blocks_fifth(p + 2));
        else if (type == SL_Q5_1)
            s->q[i] = _mm256_or_si256(blocks_nibbles(p + 8), blocks_fifth(p + 4));
        else
            s->q[i] = blocks_levels(blocks_nibbles(p + 2));
    }
}

/* Scales and minima of a Q4_K or Q5_K block: twelve bytes of 6-bit numbers. */
BLOCKS_INLINE void blocks_read_scales(const uint8_t *p, struct blocks_stretch *s)
{
    uint32_t x[3], scale[2], min[2];
    memcpy(x, p + 4, sizeof x);
    scale[0] = x[0] & 0x3f3f3f3f;
    min[0] = x[1] & 0x3f3f3f3f;
    scale[1] = (x[2] & 0x0f0f0f0f) | (x[0] >> 6 & 0x03030303) << 4;
    min[1] = (x[2] >> 4 & 0x0f0f0f0f) | (x[1] >> 6 & 0x03030303) << 4;
    __m256i scales = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)scale));
    __m256i mins = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)min));
    s->scale = _mm256_mul_ps(blocks_half(p), _mm256_cvtepi32_ps(scales));
    s->min = _mm256_mul_ps(blocks_half(p + 2), _mm256_cvtepi32_ps(mins));
}

BLOCKS_INLINE void blocks_read_q45_k(sl_dtype type, const uint8_t *p, struct blocks_stretch *s)
{
    const __m256i low = _mm256_set1_epi8(15), sixteen = _mm256_set1_epi8(16);
    const uint8_t *nibbles = type == SL_Q4_K ? p + 16 : p + 48;
    blocks_read_scales(p, s);
    __m256i bits = _mm256_loadu_si256((const __m256i *)(p + 16)); /* Q5_K only */
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(nibbles + 32 * i));
        s->q[2 * i] = _mm256_and_si256(x, low);
        s->q[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(x, 4), low);
    }
    if (type != SL_Q5_K) return;
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS_RUNS; i++) {
        __m256i moved = i < 4 ? _mm256_slli_epi16(bits, 4 - i) : _mm256_srli_epi16(bits, i - 4);
        s->q[i] = _mm256_or_si256(s->q[i], _mm256_and_si256(moved, sixteen));
    }
}

BLOCKS_INLINE void blocks_read_q6_k(const uint8_t *p, struct blocks_stretch *s)
{
    const __m256i low = _mm256_set1_epi8(15), pair = _mm256_set1_epi8(0x30);
    s->scale = blocks_half(p + 208);
    s->halves = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p + 192)));
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(p + 64 * i));
        __m256i y = _mm256_loadu_si256((const __m256i *)(p + 64 * i + 32));
        __m256i h = _mm256_loadu_si256((const __m256i *)(p + 128 + 32 * i));
        __m256i *q = s->q + 4 * i;
        q[0] = _mm256_or_si256(_mm256_and_si256(x, low), _mm256_and_si256(_mm256_slli_epi16(h, 4), pair));
        q[1] = _mm256_or_si256(_mm256_and_si256(y, low), _mm256_and_si256(_mm256_slli_epi16(h, 2), pair));
        q[2] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(x, 4), low), _mm256_and_si256(h, pair));
        q[3] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(y, 4), low),
                               _mm256_and_si256(_mm256_srli_epi16(h, 2), pair));
    }
}

BLOCKS_INLINE void blocks_read_iq4_xs(const uint8_t *p, struct blocks_stretch *s)
{
    uint8_t scales[8];
    int high = p[2] | p[3] << 8;
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) scales[j] = (uint8_t)((p[4 + j / 2] >> (j % 2 * 4) & 15) | (high >> (2 * j) & 3) << 4);
    __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)scales));
    s->scale = _mm256_mul_ps(blocks_half(p), _mm256_cvtepi32_ps(_mm256_sub_epi32(x, _mm256_set1_epi32(32))));
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS_RUNS; i++) s->q[i] = blocks_levels(blocks_nibbles(p + 8 + 16 * i));
}

/* Unpacks a stretch of which n runs exist. */
BLOCKS_INLINE void blocks_read(sl_dtype type, const uint8_t *p, int n, struct blocks_stretch *s)
{
    s->min = _mm256_setzero_ps();
    s->halves = _mm256_setzero_si256();
    if (type == SL_Q4_K || type == SL_Q5_K)
        blocks_read_q45_k(type, p, s);
    else if (type == SL_Q6_K)
        blocks_read_q6_k(p, s);
    else if (type == SL_IQ4_XS)
        blocks_read_iq4_xs(p, s);
    else
        blocks_read_runs(type, p, n, s);
}

/* The sums of eight vectors of eight i32, in their order. */
BLOCKS_INLINE __m256i blocks_sums(const __m256i *v)
{
    __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

/* The integer sums of the runs of a stretch and a row of a. */
BLOCKS_INLINE __m256i blocks_dots(const struct blocks_stretch *s, const struct blocks_act *a, struct blocks_kind kind)
{
    __m256i v[BLOCKS_RUNS];
    if (kind.halves) {
        int16_t scales[16];
        _mm256_storeu_si256((__m256i *)scales, s->halves);
#pragma GCC unroll 8
        for (int i = 0; i < BLOCKS_RUNS; i++) {
            __m256i x = _mm256_maddubs_epi16(s->q[i], _mm256_loadu_si256((const __m256i *)(a->q + 32 * i)));
            v[i] = _mm256_madd_epi16(
                x, _mm256_set_m128i(_mm_set1_epi16(scales[2 * i + 1]), _mm_set1_epi16(scales[2 * i])));
        }
        __m256i taken = _mm256_madd_epi16(s->halves, _mm256_loadu_si256((const __m256i *)a->halves));
        return _mm256_sub_epi32(blocks_sums(v), _mm256_slli_epi32(taken, 5));
    }
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS_RUNS; i++) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(a->q + 32 * i));
        v[i] = kind.is_signed ? BLOCKS_DOT(_mm256_abs_epi8(s->q[i]), _mm256_sign_epi8(x, s->q[i]))
                              : BLOCKS_DOT(s->q[i], x);
    }
    __m256i sums = blocks_sums(v);
    if (kind.offset)
        sums = _mm256_sub_epi32(
            sums, _mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)a->sums), kind.offset == 8 ? 3 : 4));
    return sums;
}

/* lane += scale * (D * sum(q x) - M * sum(x)). */
BLOCKS_INLINE __m256 blocks_add(const struct blocks_stretch *s, const struct blocks_act *a, struct blocks_kind kind,
                                __m256 lane)
{
    __m256 p = _mm256_mul_ps(s->scale, _mm256_cvtepi32_ps(blocks_dots(s, a, kind)));
    if (kind.has_min) p = _mm256_fnmadd_ps(s->min, _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)a->sums)), p);
    return _mm256_fmadd_ps(p, _mm256_loadu_ps(a->scales), lane);
}

/* ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7)). */
BLOCKS_INLINE float blocks_total(__m256 lane)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(lane), _mm256_extractf128_ps(lane, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}

/* Fetches the bytes that are wanted a while after those at p. Short of this distance a core waits for memory. */
BLOCKS_INLINE void blocks_fetch(const uint8_t *p, size_t bytes)
{
    enum { AHEAD = 6144 };
    for (size_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)p + AHEAD + i, _MM_HINT_T0);
}

/* A call for one type and a number of rows that are constants. */
BLOCKS_INLINE void blocks_multiply_rows(const struct blocks_call *c, sl_dtype type, struct blocks_kind kind, int m)
{
    const size_t bytes = sl_dtype_row_bytes(type, BLOCKS_STRETCH);
    for (int j = 0; j < c->n; j++) {
        const uint8_t *p = c->b + (size_t)j * c->row_bytes;
        __m256 lane[BLOCKS_ROWS];
        struct blocks_stretch s;
        int64_t at = 0, whole = c->k / BLOCKS_STRETCH;
#pragma GCC unroll 4
        for (int i = 0; i < m; i++) lane[i] = _mm256_setzero_ps();
        for (; at < whole; at++, p += bytes) {
            blocks_fetch(p, bytes);
            blocks_read(type, p, BLOCKS_RUNS, &s);
#pragma GCC unroll 4
            for (int i = 0; i < m; i++) lane[i] = blocks_add(&s, &c->a[i * c->a_stride + at], kind, lane[i]);
        }
        if (c->k % BLOCKS_STRETCH) {
            blocks_read(type, p, (int)(c->k % BLOCKS_STRETCH / BLOCKS_RUN), &s);
            for (int i = 0; i < m; i++) lane[i] = blocks_add(&s, &c->a[i * c->a_stride + at], kind, lane[i]);
        }
        for (int i = 0; i < m; i++) c->out[i * GEMM_PANEL + j] = blocks_total(lane[i]);
    }
}

/* blocks_level.multiply. */
static inline void blocks_multiply(const struct blocks_call *c)
{
#define BLOCKS_CASE(type, ...)                                                                                         \
    case type: {                                                                                                       \
        const struct blocks_kind kind = {__VA_ARGS__};                                                                 \
        if (c->m == 1)                                                                                                 \
            blocks_multiply_rows(c, type, kind, 1);                                                                    \
        else if (c->m == BLOCKS_ROWS)                                                                                  \
            blocks_multiply_rows(c, type, kind, BLOCKS_ROWS);                                                          \
        else                                                                                                           \
            blocks_multiply_rows(c, type, kind, c->m);                                                                 \
        break;                                                                                                         \
    }
    switch (c->type) {
        BLOCKS_CASE(SL_Q8_0, .is_signed = true)
        BLOCKS_CASE(SL_Q4_0, .offset = 8)
        BLOCKS_CASE(SL_Q4_1, .has_min = true)
        BLOCKS_CASE(SL_Q5_0, .offset = 16)
        BLOCKS_CASE(SL_Q5_1, .has_min = true)
        BLOCKS_CASE(SL_Q4_K, .has_min = true)
        BLOCKS_CASE(SL_Q5_K, .has_min = true)
        BLOCKS_CASE(SL_Q6_K, .halves = true)
        BLOCKS_CASE(SL_IQ4_NL, .is_signed = true)
        BLOCKS_CASE(SL_IQ4_XS, .is_signed = true)
    default:
        SL_BUG("%s is no block type", sl_dtype_name(c->type));
    }
#undef BLOCKS_CASE
}

#endif
