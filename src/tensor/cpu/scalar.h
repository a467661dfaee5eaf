/*
 * scalar.h: one element at a time, for the reference kernels and for the tails of others.
 *
 * Reference kernels load through scalar_get and store through scalar_put, so that one loop serves both dtypes.
 */
#ifndef SL_TENSOR_CPU_SCALAR_H
#define SL_TENSOR_CPU_SCALAR_H

#include "tensor/ops.h"

#include <math.h>

/* Element i of p, which holds SL_F32 or SL_BF16. */
static inline float scalar_get(const void *p, sl_dtype dt, int64_t i)
{
    return dt == SL_BF16 ? sl_bf16_to_f32(((const sl_bf16 *)p)[i]) : ((const float *)p)[i];
}

/* Writes element i of p, which holds SL_F32 or SL_BF16. */
static inline void scalar_put(void *p, sl_dtype dt, int64_t i, float x)
{
    if (dt == SL_BF16)
        ((sl_bf16 *)p)[i] = sl_bf16_from_f32(x);
    else
        ((float *)p)[i] = x;
}

/* Writes element i of p, or adds to it when accumulate is true. */
static inline void scalar_put_grad(void *p, sl_dtype dt, int64_t i, float x, bool accumulate)
{
    scalar_put(p, dt, i, accumulate ? scalar_get(p, dt, i) + x : x);
}

/* 1 / (1 + exp(-x)), without overflow on either side. */
static inline float scalar_sigmoid(float x)
{
    float e = expf(-fabsf(x));
    return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

/* act(x); the formulas stand at sl_act. */
static inline float scalar_act(sl_act act, float x)
{
    switch (act) {
    case SL_ACT_GELU:
        return 0.5f * x * erfcf(-x * 0.70710678f);
    case SL_ACT_GELU_TANH:
        return x * scalar_sigmoid(1.59576912f * (x + 0.044715f * x * x * x));
    case SL_ACT_SILU:
        return x * scalar_sigmoid(x);
    case SL_ACT_NONE:
        break;
    }
    return x;
}

/*
 * d act(x) / dx. GELU-tanh uses 0.5 (1 + tanh(u)) = sigmoid(2 u); beyond |x| = 20 it is 0 or 1 and x^2 may overflow.
 */
static inline float scalar_act_grad(sl_act act, float x)
{
    switch (act) {
    case SL_ACT_GELU:
        return 0.5f * erfcf(-x * 0.70710678f) + x * 0.39894228f * expf(-0.5f * x * x);
    case SL_ACT_GELU_TANH: {
        x = fminf(fmaxf(x, -20), 20);
        float s = scalar_sigmoid(1.59576912f * (x + 0.044715f * x * x * x));
        return s + x * s * (1 - s) * 1.59576912f * (1 + 0.134145f * x * x);
    }
    case SL_ACT_SILU: {
        float s = scalar_sigmoid(x);
        return s + x * s * (1 - s);
    }
    case SL_ACT_NONE:
        break;
    }
    return 1;
}

#endif
