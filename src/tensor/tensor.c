/*
 * tensor.c: sizes, names and scalar conversions of the element types.
 */
#include "tensor/tensor.h"

#include "base/error.h"

#include <string.h>

static const struct {
    const char *name;
    int block;   /* elements */
    size_t size; /* bytes of a block */
} dtypes[SL_N_DTYPES] = {
    [SL_F32] = {"F32", 1, 4},         [SL_BF16] = {"BF16", 1, 2},         [SL_F16] = {"F16", 1, 2},
    [SL_I8] = {"I8", 1, 1},           [SL_I32] = {"I32", 1, 4},           [SL_I64] = {"I64", 1, 8},
    [SL_U8] = {"U8", 1, 1},           [SL_Q8_0] = {"Q8_0", 32, 34},       [SL_Q4_0] = {"Q4_0", 32, 18},
    [SL_Q4_1] = {"Q4_1", 32, 20},     [SL_Q5_0] = {"Q5_0", 32, 22},       [SL_Q5_1] = {"Q5_1", 32, 24},
    [SL_Q4_K] = {"Q4_K", 256, 144},   [SL_Q5_K] = {"Q5_K", 256, 176},     [SL_Q6_K] = {"Q6_K", 256, 210},
    [SL_IQ4_NL] = {"IQ4_NL", 32, 18}, [SL_IQ4_XS] = {"IQ4_XS", 256, 136},
};

size_t sl_dtype_size(sl_dtype dtype)
{
    SL_CHECK(dtype < SL_N_DTYPES && dtypes[dtype].block == 1);
    return dtypes[dtype].size;
}

int64_t sl_dtype_block(sl_dtype dtype)
{
    SL_CHECK(dtype < SL_N_DTYPES);
    return dtypes[dtype].block;
}

size_t sl_dtype_row_bytes(sl_dtype dtype, int64_t k)
{
    SL_CHECK(dtype < SL_N_DTYPES && k % dtypes[dtype].block == 0);
    return (size_t)(k / dtypes[dtype].block) * dtypes[dtype].size;
}

const char *sl_dtype_name(sl_dtype dtype)
{
    SL_CHECK(dtype < SL_N_DTYPES);
    return dtypes[dtype].name;
}

int64_t sl_tensor_numel(const sl_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->shape[i];
    return n;
}

size_t sl_tensor_bytes(const sl_tensor *t)
{
    return (size_t)sl_tensor_numel(t) * sl_dtype_size(t->dtype);
}

int64_t sl_tensor_cols(const sl_tensor *t)
{
    return t->shape[t->n_dims - 1];
}

int64_t sl_tensor_rows(const sl_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i + 1 < t->n_dims; i++) n *= t->shape[i];
    return n;
}

sl_bf16 sl_bf16_from_f32(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (sl_bf16)((u >> 16) | 0x40);
    u += 0x7fffu + ((u >> 16) & 1);
    return (sl_bf16)(u >> 16);
}

float sl_bf16_to_f32(sl_bf16 x)
{
    uint32_t u = (uint32_t)x << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

float sl_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
    uint32_t u;
    if (exponent == 31) {
        u = sign | 0x7f800000u | mantissa << 13;
    } else if (exponent) {
        u = sign | (exponent + 112) << 23 | mantissa << 13;
    } else {
        /* Zero and subnormals: mantissa * 2^-24 is exact in f32. */
        float f = (float)mantissa * 0x1p-24f;
        memcpy(&u, &f, 4);
        u |= sign;
    }
    float f;
    memcpy(&f, &u, 4);
    return f;
}

uint16_t sl_f16_from_f32(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    uint32_t sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a >= 0x7f800000) return (uint16_t)(sign | 0x7c00 | (a > 0x7f800000 ? 0x200 : 0));
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* half way beyond 65504 */
    if (a >= 0x38800000) return (uint16_t)(sign | (a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13);
    /* Subnormal: in this range floats are 2^-24 apart, so that adding 1/2 rounds. */
    float f;
    memcpy(&f, &a, 4);
    f += 0.5f;
    memcpy(&a, &f, 4);
    return (uint16_t)(sign | (a - 0x3f000000));
}
