/*
 * kernels.c: the kernels that every processor runs, and which others this one has.
 */
#include "media/kernels.h"

static void mix_rows(const int32_t *weights, int count, const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
    enum { PIECE = 512 }; /* summed in pieces that stay in registers and L1 */
    int32_t sum[PIECE];
    for (size_t at = 0; at < n; at += PIECE) {
        size_t m = n - at < PIECE ? n - at : PIECE;
        for (size_t i = 0; i < m; i++) sum[i] = 1 << (SL_WEIGHT_BITS - 1);
        for (int t = 0; t < count; t++) {
            const uint8_t *row = in + (size_t)t * stride + at;
            const int32_t w = weights[t];
#pragma omp simd
            for (size_t i = 0; i < m; i++) sum[i] += w * row[i];
        }
#pragma omp simd
        for (size_t i = 0; i < m; i++) {
            int32_t v = sum[i] >> SL_WEIGHT_BITS;
            out[at + i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

/* Without wide vectors, laying rows side by side costs more than it gains. */
static const struct sl_media_kernels plain = {.name = "plain", .mix_rows = mix_rows};

int sl_media_kernels_all(const struct sl_media_kernels *out[SL_MAX_MEDIA_KERNELS])
{
    int n = 0;
    out[n++] = &plain;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) out[n++] = &sl_media_kernels_avx2;
    if (n == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        out[n++] = &sl_media_kernels_avx512;
    if (n == 3 && __builtin_cpu_supports("avx512vbmi")) out[n++] = &sl_media_kernels_vbmi;
#endif
    return n;
}

const struct sl_media_kernels *sl_media_kernels_best(void)
{
    const struct sl_media_kernels *all[SL_MAX_MEDIA_KERNELS];
    return all[sl_media_kernels_all(all) - 1];
}
