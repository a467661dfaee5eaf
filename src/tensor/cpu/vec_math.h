/*
 * vec_math.h: activations and their derivatives on whole vectors, for every kernel compiled by vector width.
 *
 * Absolute errors are below 1e-6 (times max(1, |x|) for the functions that grow with x). Nothing overflows: finite
 * inputs give finite results.
 */
#ifndef SL_TENSOR_CPU_VEC_MATH_H
#define SL_TENSOR_CPU_VEC_MATH_H

#include "tensor/cpu/vec.h"
#include "tensor/ops.h"

/*
 * erf(x): x times a polynomial in x^2, the Chebyshev fit of erf(x) / x on 0 <= x <= 3.92 (error 2e-8), past which
 * erf is 1 to 3e-8. The argument is mapped to [-1, 1], where the powers lose nothing. No division, no exp.
 */
static inline vf vf_erf(vf x)
{
    static const float fit[16] = {-9.000014397e-04f, 2.124123275e-03f, -1.192202792e-03f, 1.833373331e-03f,
                                  -7.950687781e-03f, 1.432561595e-02f, -1.978485845e-02f, 2.962136827e-02f,
                                  -4.351752624e-02f, 5.842158943e-02f, -7.400415093e-02f, 9.059291333e-02f,
                                  -1.091805398e-01f, 1.340847909e-01f, -1.801085919e-01f, 3.607368171e-01f};
    vf in = vf_min(vf_max(x, vf_set1(-3.92f)), vf_set1(3.92f));
    vf s = vf_fma(in * in, vf_set1(0.130154102f), vf_set1(-1.0f));
    vf p = vf_set1(fit[0]);
#pragma GCC unroll 16
    for (int i = 1; i < 16; i++) p = vf_fma(p, s, vf_set1(fit[i]));
    return vf_min(vf_max(in * p, vf_set1(-1.0f)), vf_set1(1.0f));
}

/* 1 / (1 + exp(-x)). */
static inline vf vf_sigmoid(vf x)
{
    return vf_set1(1.0f) / (vf_set1(1.0f) + vf_exp(-x));
}

/* s + y s (1 - s) with s = sigmoid(x); 1 - s = exp(-x) s, which does not cancel. */
static inline vf vec_sigmoid_grad(vf x, vf y)
{
    vf e = vf_exp(-x);
    vf s = vf_set1(1.0f) / (vf_set1(1.0f) + e);
    return vf_fma(y * s, e * s, s);
}

/* tanh(x) = 2 sigmoid(2 x) - 1. */
static inline vf vf_tanh(vf x)
{
    return vf_fma(vf_set1(2.0f), vf_sigmoid(x + x), vf_set1(-1.0f));
}

/* x Phi(x), Phi the normal distribution function. */
static inline vf vf_gelu(vf x)
{
    vf half = x * vf_set1(0.5f);
    return vf_fma(half, vf_erf(x * vf_set1(0.707106781f)), half);
}

/* Phi(x) + x phi(x), phi the normal density. */
static inline vf vf_gelu_grad(vf x)
{
    vf cdf = vf_fma(vf_erf(x * vf_set1(0.707106781f)), vf_set1(0.5f), vf_set1(0.5f));
    vf pdf = vf_exp(x * x * vf_set1(-0.5f)) * vf_set1(0.398942280f);
    return vf_fma(x, pdf, cdf);
}

/* The sigmoid's argument of GELU-tanh: 0.5 (1 + tanh(u)) = sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3). */
static inline vf vec_gelu_tanh_arg(vf x)
{
    return x * vf_fma(x * x, vf_set1(0.0713548163f), vf_set1(1.59576912f));
}

static inline vf vf_gelu_tanh(vf x)
{
    return x * vf_sigmoid(vec_gelu_tanh_arg(x));
}

static inline vf vf_gelu_tanh_grad(vf x)
{
    vf in = vf_min(vf_max(x, vf_set1(-20.0f)), vf_set1(20.0f)); /* past which the slope is 0 or 1 */
    vf slope = vf_fma(in * in, vf_set1(0.214064449f), vf_set1(1.59576912f));
    return vec_sigmoid_grad(vec_gelu_tanh_arg(in), in * slope);
}

static inline vf vf_silu(vf x)
{
    return x * vf_sigmoid(x);
}

static inline vf vf_silu_grad(vf x)
{
    vf in = vf_min(vf_max(x, vf_set1(-80.0f)), vf_set1(80.0f)); /* past which the slope is 0 or 1 */
    return vec_sigmoid_grad(in, in);
}

/* act(x); with a constant act the compiler keeps one branch. */
static inline vf vf_act(sl_act act, vf x)
{
    switch (act) {
    case SL_ACT_GELU:
        return vf_gelu(x);
    case SL_ACT_GELU_TANH:
        return vf_gelu_tanh(x);
    case SL_ACT_SILU:
        return vf_silu(x);
    case SL_ACT_NONE:
        break;
    }
    return x;
}

/* d act(x) / dx. */
static inline vf vf_act_grad(sl_act act, vf x)
{
    switch (act) {
    case SL_ACT_GELU:
        return vf_gelu_grad(x);
    case SL_ACT_GELU_TANH:
        return vf_gelu_tanh_grad(x);
    case SL_ACT_SILU:
        return vf_silu_grad(x);
    case SL_ACT_NONE:
        break;
    }
    return vf_set1(1.0f);
}

#endif
