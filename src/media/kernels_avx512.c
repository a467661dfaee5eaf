/*
 * kernels_avx512.c: sixteen values in one vector; and what is faster where any bytes of a vector can be picked at once
 * (AVX512-VBMI).
 */
#include "media/kernels.h"

#include <immintrin.h>

typedef __m512i ints;
typedef __m512 floats;

static inline ints ints_of(int32_t v)
{
    return _mm512_set1_epi32(v);
}

static inline ints weigh(ints sum, ints weight, __m128i bytes)
{
    return _mm512_add_epi32(sum, _mm512_mullo_epi32(_mm512_cvtepu8_epi32(bytes), weight));
}

static inline __m128i to_bytes(ints sum)
{
    sum = _mm512_max_epi32(_mm512_srai_epi32(sum, SL_WEIGHT_BITS), _mm512_setzero_si512());
    return _mm512_cvtusepi32_epi8(sum);
}

static inline floats floats_of(float v)
{
    return _mm512_set1_ps(v);
}

static inline floats to_floats(__m128i bytes)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

static inline floats times(floats a, floats b)
{
    return _mm512_mul_ps(a, b);
}

static inline floats minus(floats a, floats b)
{
    return _mm512_sub_ps(a, b);
}

static inline floats fused(floats a, floats b, floats c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline void put(float *p, floats v)
{
    _mm512_storeu_ps(p, v);
}

static inline void put14(float *p, floats v)
{
    _mm512_mask_storeu_ps(p, 0x3fff, v);
}

#define KERNELS sl_media_kernels_avx512
#define KERNELS_NAME "avx512"
#include "media/kernels_x86.h"

#define VBMI __attribute__((target("avx512vbmi")))

/* The lowest byte of each dword of places says which byte of v it becomes; the others are zero. */
VBMI static inline __m512i pick_dwords(__m512i v, __m512i places)
{
    return _mm512_maskz_permutexvar_epi8(0x1111111111111111, places, v);
}

/*
 * Group g of at most four rows, so that its places and weights are loaded once for them. `whole` says that 64 bytes can
 * be read and SL_LANES written: masked loads and stores of bytes cost several times the others.
 */
VBMI static inline __attribute__((always_inline)) void
resize_group(const struct sl_byte_axis *a, const struct sl_row_set *r, int g, int row, int n, bool whole)
{
    const size_t table = (size_t)g * (size_t)a->taps * SL_LANES, at = (size_t)g * SL_LANES, start = (size_t)a->start[g];
    const size_t readable = r->in_bytes - start, writable = a->n - at;
    __m512i v[4], sum[4];
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) {
        const uint8_t *in = r->in + (size_t)(row + i) * r->in_bytes + start;
        _mm_prefetch(in + (size_t)n * r->in_bytes, _MM_HINT_T0); /* the next rows come from afar */
        v[i] = whole || readable >= 64 ? _mm512_loadu_si512(in)
                                       : _mm512_maskz_loadu_epi8(((uint64_t)1 << readable) - 1, in);
        sum[i] = _mm512_set1_epi32(1 << (SL_WEIGHT_BITS - 1));
    }
    for (int t = 0; t < a->taps; t++) {
        const __m512i places = _mm512_loadu_si512(a->places + table + (size_t)t * SL_LANES);
        const __m512i weights = _mm512_loadu_si512(a->weights + table + (size_t)t * SL_LANES);
#pragma GCC unroll 4
        for (int i = 0; i < n; i++)
            sum[i] = _mm512_add_epi32(sum[i], _mm512_mullo_epi32(pick_dwords(v[i], places), weights));
    }
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) {
        uint8_t *out = r->out + (size_t)(row + i) * r->out_bytes + at;
        if (whole || writable >= SL_LANES)
            store(out, to_bytes(sum[i]));
        else
            _mm_mask_storeu_epi8(out, (__mmask16)((1u << writable) - 1), to_bytes(sum[i]));
    }
}

VBMI static void resize_rows(const struct sl_byte_axis *a, const struct sl_row_set *r)
{
    int row = 0, whole = a->n_groups;
    while (whole > 0 && ((size_t)a->start[whole - 1] + 64 > r->in_bytes || (size_t)whole * SL_LANES > a->n)) whole--;
    for (; row + 4 <= r->n; row += 4) {
        for (int g = 0; g < whole; g++) resize_group(a, r, g, row, 4, true);
        for (int g = whole; g < a->n_groups; g++) resize_group(a, r, g, row, 4, false);
    }
    for (; row < r->n; row++)
        for (int g = 0; g < a->n_groups; g++) resize_group(a, r, g, row, 1, false);
}

/* cut_patch with one load and one choice of bytes for each channel of a row. */
VBMI static void cut_patch_vbmi(const uint8_t *rgb, size_t stride, const struct sl_levels *l, float *out)
{
    const __m512i red = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45);
    for (size_t y = 0; y < SL_PATCH_SIDE; y++, rgb += stride) {
        expect_stores(out, y);
        const __m512i v = _mm512_loadu_si512(rgb);
        for (size_t c = 0; c < 3; c++) {
            const __m512i bytes = pick_dwords(v, _mm512_add_epi32(red, _mm512_set1_epi32((int)c)));
            floats x = divide(_mm512_cvtepi32_ps(bytes), l->white);
            x = divide(minus(x, floats_of(l->mean[c])), l->std[c]);
            float *o = out + (c * SL_PATCH_SIDE + y) * SL_PATCH_SIDE;
            if (y < SL_PATCH_SIDE - 1)
                put(o, x); /* two more than the row has: those of the next row, written next */
            else
                put14(o, x);
        }
    }
}

const struct sl_media_kernels sl_media_kernels_vbmi = {
    .name = "avx512vbmi",
    .rows_to_lanes = rows_to_lanes,
    .lanes_to_rows = lanes_to_rows,
    .resize_lanes = resize_lanes,
    .resize_rows = resize_rows,
    .mix_rows = mix_rows,
    .cut_patch = cut_patch_vbmi,
};
