/*
 * kernels_avx512.c: sixteen values in one vector.
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
