/*
 * gemm_pack.c: packing the right operand of products, in plain C: the layout's definition (gemm.h) in code.
 */
#include "tensor/cpu/gemm.h"

#include "base/error.h"
#include "tensor/cpu/scalar.h"

#include <string.h>

size_t sl_gemm_packed_size(const sl_ops *o, int64_t n, int64_t k, sl_dtype type)
{
    (void)o;
    SL_CHECK(type == SL_F32 || type == SL_BF16 || type == SL_I8);
    size_t columns = (size_t)gemm_round_up(n, GEMM_PAIR);
    return gemm_panels_size(n, k, type) + (type == SL_I8 ? columns * (sizeof(float) + sizeof(int32_t)) : 0);
}

/* Element (j, k) of the operand. */
static float source(const void *b, sl_dtype type, sl_layout layout, int64_t ld, int64_t j, int64_t k)
{
    return scalar_get(b, type, layout == SL_ROWS ? j * ld + k : k * ld + j);
}

void sl_gemm_pack_ref(const sl_ops *o, int64_t n, int64_t k, const void *b, int64_t ld, sl_dtype src_type,
                      sl_layout layout, void *dst, sl_dtype type)
{
    memset(dst, 0, sl_gemm_packed_size(o, n, k, type));
#pragma omp parallel for num_threads(o->n_threads) schedule(static)
    for (int64_t j = 0; j < n; j++) {
        float inverse = 0;
        int32_t sum = 0;
        if (type == SL_I8) {
            float most = 0;
            for (int64_t i = 0; i < k; i++) most = fmaxf(most, fabsf(source(b, src_type, layout, ld, j, i)));
            inverse = gemm_i8_inverse(most);
            gemm_scales(dst, n, k)[j] = most / 127.0f;
        }
        for (int64_t i = 0; i < k; i++) {
            float x = source(b, src_type, layout, ld, j, i);
            size_t at = gemm_packed_index(type, k, j, i);
            if (type == SL_I8)
                sum += ((int8_t *)dst)[at] = (int8_t)rintf(x * inverse);
            else
                scalar_put(dst, type, (int64_t)at, x);
        }
        if (type == SL_I8) gemm_sums(dst, n, k)[j] = sum;
    }
}
