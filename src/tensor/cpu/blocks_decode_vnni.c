/*
 * blocks_decode_vnni.c: rows of Q4_K times one rounded row, which is what decoding does, with AVX512-VNNI.
 *
 * Two rows of b share each step: a vector of 64 bytes has two runs of one row, four sums of which are brought together
 * by two levels of unpacking and adding, so that the sixteen sums of both rows end in one vector. All that follows is
 * then one step for both. The f32 lanes are those of blocks_dot.h, in the same order: the bits are the same.
 */
#include <immintrin.h>

#define BLOCKS_DOT(u, s) _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, s)
#include "tensor/cpu/blocks_dot.h"

enum { PAIR = 2, Q4_K_BYTES = 144 };

/* Two runs of 32 numbers of a, `apart` numbers from each other. */
BLOCKS_INLINE __m512i two_runs(const int8_t *q, int apart)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)q)),
                              _mm256_loadu_si256((const __m256i *)(q + apart)), 1);
}

/* Of each 128 bits: the sums of a, b, c and d there. */
BLOCKS_INLINE __m512i bring_together(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i x = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i y = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(x, y), _mm512_unpackhi_epi64(x, y));
}

/* Of one row's block: in each half, the sums of runs 0, 1, 4, 5 (low) and 2, 3, 6, 7 (high) as two parts each. */
BLOCKS_INLINE __m512i sums_of(const uint8_t *p, const __m512i *a)
{
    const __m512i low = _mm512_set1_epi8(15), zero = _mm512_setzero_si512();
    __m512i x = _mm512_loadu_si512(p + 16), y = _mm512_loadu_si512(p + 80);
    __m512i s0 = _mm512_dpbusd_epi32(zero, _mm512_and_si512(x, low), a[0]);
    __m512i s1 = _mm512_dpbusd_epi32(zero, _mm512_and_si512(_mm512_srli_epi16(x, 4), low), a[1]);
    __m512i s2 = _mm512_dpbusd_epi32(zero, _mm512_and_si512(y, low), a[2]);
    __m512i s3 = _mm512_dpbusd_epi32(zero, _mm512_and_si512(_mm512_srli_epi16(y, 4), low), a[3]);
    return bring_together(s0, s1, s2, s3);
}

/* The eight 6-bit scales and minima of a block as bytes. */
BLOCKS_INLINE void scale_bytes(const uint8_t *p, uint64_t *scales, uint64_t *mins)
{
    uint32_t x[3];
    memcpy(x, p + 4, sizeof x);
    uint32_t high_scales = (x[2] & 0x0f0f0f0f) | (x[0] >> 6 & 0x03030303) << 4;
    uint32_t high_mins = (x[2] >> 4 & 0x0f0f0f0f) | (x[1] >> 6 & 0x03030303) << 4;
    *scales = (x[0] & 0x3f3f3f3f) | (uint64_t)high_scales << 32;
    *mins = (x[1] & 0x3f3f3f3f) | (uint64_t)high_mins << 32;
}

/* Sixteen bytes, eight a row, times a factor a row. */
BLOCKS_INLINE __m512 scaled(uint64_t first, uint64_t second, __m512 factors)
{
    __m128i bytes = _mm_set_epi64x((long long)second, (long long)first);
    return _mm512_mul_ps(factors, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)));
}

/* One stretch of two rows, added to their lanes. */
BLOCKS_INLINE __m512 add_stretch(const uint8_t *p, const uint8_t *q, const struct blocks_act *act, const __m512i *a,
                                 __m512 lanes)
{
    const __m512i natural = _mm512_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    const __m512i d_at = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2);
    __m512i u = sums_of(p, a), v = sums_of(q, a);
    __m512i dots = _mm512_add_epi32(_mm512_shuffle_i32x4(u, v, 0x88), _mm512_shuffle_i32x4(u, v, 0xdd));
    dots = _mm512_permutexvar_epi32(natural, dots);
    int32_t halves[2];
    memcpy(&halves[0], p, 4);
    memcpy(&halves[1], q, 4);
    __m512 d = _mm512_castps128_ps512(_mm_cvtph_ps(_mm_set_epi32(0, 0, halves[1], halves[0])));
    uint64_t scales[PAIR], mins[PAIR];
    scale_bytes(p, &scales[0], &mins[0]);
    scale_bytes(q, &scales[1], &mins[1]);
    __m512 scale = scaled(scales[0], scales[1], _mm512_permutexvar_ps(d_at, d));
    __m512 min = scaled(mins[0], mins[1], _mm512_permutexvar_ps(_mm512_add_epi32(d_at, _mm512_set1_epi32(1)), d));
    __m512 sums = _mm512_cvtepi32_ps(_mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)act->sums)));
    __m512 part = _mm512_fnmadd_ps(min, sums, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(dots)));
    __m256 act_scales = _mm256_loadu_ps(act->scales);
    __m512 both = _mm512_castpd_ps(_mm512_broadcast_f64x4(_mm256_castps_pd(act_scales)));
    return _mm512_fmadd_ps(part, both, lanes);
}

void sl_blocks_decode_q4_k_vnni(const struct blocks_call *c)
{
    int j = 0;
    for (; j + PAIR <= c->n; j += PAIR) {
        const uint8_t *p = c->b + (size_t)j * c->row_bytes, *q = p + c->row_bytes, *next = p;
        __m512 lanes = _mm512_setzero_ps();
        for (int64_t at = 0; at * BLOCKS_STRETCH < c->k; at++, p += Q4_K_BYTES, q += Q4_K_BYTES) {
            const struct blocks_act *act = &c->a[at];
            const __m512i a[4] = {two_runs(act->q, 64), two_runs(act->q + 32, 64), two_runs(act->q + 128, 64),
                                  two_runs(act->q + 160, 64)};
            /* Both rows lie behind each other and end together: one run of bytes is fetched, each line of it once. */
            blocks_fetch(next, PAIR * Q4_K_BYTES);
            next += PAIR * Q4_K_BYTES;
            lanes = add_stretch(p, q, act, a, lanes);
        }
        c->out[j] = blocks_total(_mm512_castps512_ps256(lanes));
        c->out[j + 1] = blocks_total(_mm512_extractf32x8_ps(lanes, 1));
    }
    if (j == c->n) return;
    struct blocks_call last = *c;
    const struct blocks_kind kind = {.has_min = true};
    last.b += (size_t)j * c->row_bytes;
    last.out += j;
    last.n = c->n - j;
    blocks_multiply_rows(&last, SL_Q4_K, kind, 1);
}
