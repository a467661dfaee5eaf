/*
 * kernels_avx2.c: sixteen values in two vectors of eight.
 */
#include "media/kernels.h"

#include <immintrin.h>

typedef struct ints {
    __m256i low, high;
} ints;
typedef struct floats {
    __m256 low, high;
} floats;

static inline ints ints_of(int32_t v)
{
    return (ints){_mm256_set1_epi32(v), _mm256_set1_epi32(v)};
}

static inline ints weigh(ints sum, ints weight, __m128i bytes)
{
    __m256i low = _mm256_cvtepu8_epi32(bytes), high = _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8));
    return (ints){_mm256_add_epi32(sum.low, _mm256_mullo_epi32(low, weight.low)),
                  _mm256_add_epi32(sum.high, _mm256_mullo_epi32(high, weight.high))};
}

/* Packing works within halves of a vector, so the quarters are put in order afterwards. */
static inline __m128i to_bytes(ints sum)
{
    __m256i words =
        _mm256_packs_epi32(_mm256_srai_epi32(sum.low, SL_WEIGHT_BITS), _mm256_srai_epi32(sum.high, SL_WEIGHT_BITS));
    words = _mm256_permute4x64_epi64(words, 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static inline floats floats_of(float v)
{
    return (floats){_mm256_set1_ps(v), _mm256_set1_ps(v)};
}

static inline floats to_floats(__m128i bytes)
{
    return (floats){_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
                    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}

static inline floats times(floats a, floats b)
{
    return (floats){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

static inline floats minus(floats a, floats b)
{
    return (floats){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

static inline floats fused(floats a, floats b, floats c)
{
    return (floats){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

static inline void put(float *p, floats v)
{
    _mm256_storeu_ps(p, v.low);
    _mm256_storeu_ps(p + 8, v.high);
}

static inline void put14(float *p, floats v)
{
    _mm256_storeu_ps(p, v.low);
    _mm256_maskstore_ps(p + 8, _mm256_setr_epi32(-1, -1, -1, -1, -1, -1, 0, 0), v.high);
}

#define KERNELS sl_media_kernels_avx2
#define KERNELS_NAME "avx2"
#include "media/kernels_x86.h"
