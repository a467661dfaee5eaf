/*
 * vec.h: one vector type for kernels that are compiled once for every vector width.
 *
 * A *_vec.c file is compiled with SL_VEC_WIDTH 8 (AVX2) and 16 (AVX-512) and spells its exported names with
 * SL_VEC_NAME(x), which becomes x_avx2 or x_avx512. Loads and stores need no alignment. The _n forms touch only the
 * first n lanes of memory (0 < n <= width); missing lanes read as zero.
 */
#ifndef SL_TENSOR_CPU_VEC_H
#define SL_TENSOR_CPU_VEC_H

#include "tensor/tensor.h"

#include <immintrin.h>
#include <string.h>

#if SL_VEC_WIDTH == 16
#define SL_VEC_NAME(x) x##_avx512
#elif SL_VEC_WIDTH == 8
#define SL_VEC_NAME(x) x##_avx2
#else
#error "SL_VEC_WIDTH is 8 or 16"
#endif

enum { VW = SL_VEC_WIDTH };
typedef float vf __attribute__((vector_size(4 * SL_VEC_WIDTH)));
typedef int32_t vi __attribute__((vector_size(4 * SL_VEC_WIDTH)));
typedef uint32_t vu __attribute__((vector_size(4 * SL_VEC_WIDTH)));

#if SL_VEC_WIDTH == 16
static inline vf vf_set1(float x)
{
    return (vf)_mm512_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
    return (vf)_mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf x)
{
    _mm512_storeu_ps(p, (__m512)x);
}
static inline vf vf_load_n(const float *p, int n)
{
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static inline void vf_store_n(float *p, vf x, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
}
static inline vf vf_load_bf16(const sl_bf16 *p)
{
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16);
}
static inline vf vf_load_bf16_n(const sl_bf16 *p, int n)
{
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p)), 16);
}
/*
 * Rounds to nearest even, packed; NaN stays NaN. The upper halves are gathered by vpermw, which costs half of shifting
 * and narrowing (vpmovdw). vcvtneps2bf16 would do it all, but takes subnormals for zero.
 */
static inline __m256i vf_round_bf16(vf x)
{
    static const uint16_t upper[32] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
    __m512i u = (__m512i)x;
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q);
    r = _mm512_mask_or_epi32(r, nan, u, _mm512_set1_epi32(0x400000));
    return _mm512_castsi512_si256(_mm512_permutexvar_epi16(_mm512_loadu_si512(upper), r));
}
static inline void vf_store_bf16(sl_bf16 *p, vf x)
{
    _mm256_storeu_si256((__m256i *)p, vf_round_bf16(x));
}
static inline void vf_store_bf16_n(sl_bf16 *p, vf x, int n)
{
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), vf_round_bf16(x));
}
static inline vf vf_fma(vf a, vf b, vf c) /* a * b + c */
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
static inline vf vf_max(vf a, vf b)
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
static inline vf vf_min(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}
static inline vf vf_sqrt(vf a)
{
    return (vf)_mm512_sqrt_ps((__m512)a);
}
static inline vf vf_round(vf a) /* to the nearest integer */
{
    return (vf)_mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline float vf_sum(vf a)
{
    return _mm512_reduce_add_ps((__m512)a);
}
static inline float vf_hmax(vf a)
{
    return _mm512_reduce_max_ps((__m512)a);
}
/* x * 2^n, n an integer in float form. */
static inline vf vf_scale2(vf x, vf n)
{
    return (vf)_mm512_scalef_ps((__m512)x, (__m512)n);
}
#else
static inline __m256i vec_mask(int n)
{
    static const int32_t ramp[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(ramp + 8 - n));
}
static inline vf vf_set1(float x)
{
    return (vf)_mm256_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
    return (vf)_mm256_loadu_ps(p);
}
static inline void vf_store(float *p, vf x)
{
    _mm256_storeu_ps(p, (__m256)x);
}
static inline vf vf_load_n(const float *p, int n)
{
    return (vf)_mm256_maskload_ps(p, vec_mask(n));
}
static inline void vf_store_n(float *p, vf x, int n)
{
    _mm256_maskstore_ps(p, vec_mask(n), (__m256)x);
}
static inline vf vf_load_bf16(const sl_bf16 *p)
{
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16);
}
static inline vf vf_load_bf16_n(const sl_bf16 *p, int n)
{
    sl_bf16 lanes[8] = {0};
    memcpy(lanes, p, (size_t)n * sizeof *p);
    return vf_load_bf16(lanes);
}
/* Rounds to nearest even, packed; NaN stays NaN. */
static inline __m128i vf_round_bf16(vf x)
{
    __m256i u = (__m256i)x;
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
    __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(0x40));
    __m256 nan = _mm256_cmp_ps((__m256)x, (__m256)x, _CMP_UNORD_Q);
    r = (__m256i)_mm256_blendv_ps((__m256)r, (__m256)quiet, nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
}
static inline void vf_store_bf16(sl_bf16 *p, vf x)
{
    _mm_storeu_si128((__m128i *)p, vf_round_bf16(x));
}
static inline void vf_store_bf16_n(sl_bf16 *p, vf x, int n)
{
    sl_bf16 lanes[8];
    vf_store_bf16(lanes, x);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
static inline vf vf_fma(vf a, vf b, vf c) /* a * b + c */
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
static inline vf vf_max(vf a, vf b)
{
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
static inline vf vf_min(vf a, vf b)
{
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}
static inline vf vf_sqrt(vf a)
{
    return (vf)_mm256_sqrt_ps((__m256)a);
}
static inline vf vf_round(vf a) /* to the nearest integer */
{
    return (vf)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline float vf_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float vf_hmax(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/* x * 2^n, n an integer in float form within the normal exponent range. */
static inline vf vf_scale2(vf x, vf n)
{
    __m256i e = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32((__m256)n), _mm256_set1_epi32(127)), 23);
    return (vf)_mm256_mul_ps((__m256)x, (__m256)e);
}
#endif

/*
 * exp(x) to about 1 ulp; 0 below -87.3, clamped at 88.3 above. x = n ln2 + r with |r| <= ln2/2, ln2 in two parts
 * (Cody and Waite), then exp(r) by its Taylor polynomial of degree 7.
 */
static inline vf vf_exp(vf x)
{
    vf in = vf_min(vf_max(x, vf_set1(-87.33f)), vf_set1(88.37f));
    vf n = vf_round(in * vf_set1(1.44269504f));
    vf r = vf_fma(n, vf_set1(-0.693359375f), in);
    r = vf_fma(n, vf_set1(2.12194440e-4f), r);
    vf p = vf_set1(1.98412698e-4f);
    p = vf_fma(p, r, vf_set1(1.38888889e-3f));
    p = vf_fma(p, r, vf_set1(8.33333333e-3f));
    p = vf_fma(p, r, vf_set1(4.16666667e-2f));
    p = vf_fma(p, r, vf_set1(1.66666667e-1f));
    p = vf_fma(p, r, vf_set1(0.5f));
    p = vf_fma(p, r, vf_set1(1.0f));
    p = vf_fma(p, r, vf_set1(1.0f));
    vf y = vf_scale2(p, n);
    return (vf)((vi)y & (x >= vf_set1(-87.33f)));
}

#endif
