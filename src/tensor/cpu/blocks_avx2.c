/*
 * blocks_avx2.c: quantised rows with AVX2, rounding of activations, and the slots of the vector levels.
 */
#include <immintrin.h>

#define BLOCKS_DOT(u, s) _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1))
#include "tensor/cpu/blocks_dot.h"
#include "tensor/cpu/gemm_tiles.h"
#include "tensor/cpu/kernels.h"

#include <math.h>

/* Numbers i .. i + 7 of a row. */
BLOCKS_INLINE __m256 get8(const void *x, sl_dtype type, int64_t i)
{
    if (type == SL_F32) return _mm256_loadu_ps((const float *)x + i);
    __m128i half = _mm_loadu_si128((const __m128i *)((const sl_bf16 *)x + i));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* Rounds the 32 numbers from i on into run b. */
BLOCKS_INLINE void round_run(const void *x, sl_dtype type, int64_t i, struct blocks_act *out, int b)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 v[4], most = _mm256_setzero_ps();
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        v[k] = get8(x, type, i + 8 * k);
        most = _mm256_max_ps(most, _mm256_andnot_ps(sign, v[k]));
    }
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps(most, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    m = _mm_max_ss(m, _mm_shuffle_ps(m, m, 1));
    float largest = _mm_cvtss_f32(m);
    const __m256 factor = _mm256_set1_ps(gemm_i8_inverse(largest));
    __m256i q[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) q[k] = _mm256_cvtps_epi32(_mm256_mul_ps(v[k], factor));
    __m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)(out->q + 32 * b), bytes);
    /* Sums of 16, through unsigned bytes: q + 128. */
    __m256i sad = _mm256_sad_epu8(_mm256_xor_si256(bytes, _mm256_set1_epi8((char)0x80)), _mm256_setzero_si256());
    int64_t eights[4];
    _mm256_storeu_si256((__m256i *)eights, sad);
    int first = (int)(eights[0] + eights[1]) - 16 * 128, second = (int)(eights[2] + eights[3]) - 16 * 128;
    out->halves[2 * b] = (int16_t)first;
    out->halves[2 * b + 1] = (int16_t)second;
    out->sums[b] = first + second;
    out->scales[b] = largest / 127.0f;
}

static void round_row(const void *x, sl_dtype type, int64_t k, struct blocks_act *out)
{
    for (int64_t at = 0; at < k; at += BLOCKS_STRETCH, out++) {
        int64_t n = k - at < BLOCKS_STRETCH ? k - at : BLOCKS_STRETCH;
        if (n < BLOCKS_STRETCH) memset(out, 0, sizeof *out);
        for (int b = 0; b < n / BLOCKS_RUN; b++) {
            if (type == SL_F32)
                round_run(x, SL_F32, at + 32 * b, out, b);
            else
                round_run(x, SL_BF16, at + 32 * b, out, b);
        }
    }
}

static void gemm_blocks_avx2(const sl_ops *o, const sl_gemm *g)
{
    static const struct blocks_level level = {
        .round = round_row, .multiply = blocks_multiply, .epilogue = sl_gemm_epilogue_avx2};
    sl_blocks_run(o, g, &level);
}

static void gemm_blocks_vnni(const sl_ops *o, const sl_gemm *g)
{
    static const struct blocks_level level = {.round = round_row,
                                              .multiply = sl_blocks_multiply_vnni,
                                              .unpack = sl_blocks_unpack_vnni,
                                              .multiply_tile = sl_blocks_multiply_tile_vnni,
                                              .epilogue = sl_gemm_epilogue_avx512};
    sl_blocks_run(o, g, &level);
}

void sl_blocks_fill_avx2(sl_ops *o, const sl_cpu_features *f)
{
    (void)f;
    o->gemm_blocks = gemm_blocks_avx2;
}

void sl_blocks_fill_avx512(sl_ops *o, const sl_cpu_features *f)
{
    if (f->avx512_vnni) o->gemm_blocks = gemm_blocks_vnni;
}
