/*
 * blocks_encode.c: quantising rows into blocks.
 *
 * One method for all types. A scale (and for affine types a minimum) is fitted to each run of numbers by alternating
 * two exact steps from several starts: the best integers for a scale are the nearest ones, and the best scale for
 * integers is a least-squares quotient. What the format rounds (a half, a 6-bit scale) is rounded first, and the
 * integers are chosen last, for the scale that a reader will see.
 */
#include "tensor/blocks.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

enum { STARTS = 8 }; /* tried on either side of the scale that just covers the largest number */

static void put_half(uint8_t *p, float x)
{
    uint16_t h = sl_f16_from_f32(x);
    p[0] = (uint8_t)h, p[1] = (uint8_t)(h >> 8);
}

static float as_half(float x)
{
    return sl_f16_to_f32(sl_f16_from_f32(x));
}

/* Nearest integer for |x| < 2^22; the addition rounds. */
static inline float nearest(float x)
{
    return x + 12582912.0f - 12582912.0f;
}

static inline float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static float inverse(float x)
{
    return x != 0 ? 1 / x : 0;
}

/* Fits x ~ s q with q in low .. -low - 1 and returns s, which may be negative. */
static float fit_scale(const float *x, int n, float low)
{
    float most = 0, best = 0, best_gain = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    if (fabsf(most) < 1e-30f) return 0;
    for (int start = -STARTS; start <= STARTS; start++) {
        float inv = (low + 0.1f * (float)start) / most, xq = 0, qq = 0;
        for (int i = 0; i < n; i++) {
            float q = clamp(nearest(x[i] * inv), low, -low - 1);
            xq += x[i] * q;
            qq += q * q;
        }
        /* The squared error is sum x^2 - xq^2 / qq at the best scale, xq / qq. */
        if (qq > 0 && xq * xq > best_gain * qq) best_gain = xq * xq / qq, best = xq / qq;
    }
    return best;
}

struct affine {
    float scale, min; /* x ~ scale q - min */
};

/* The best scale and minimum for the integers that f gives; *error is what they leave. False: there is none. */
static bool refit(const float *x, int n, float levels, struct affine *f, float *error)
{
    float inv = inverse(f->scale), q1 = 0, q2 = 0, xq = 0, x1 = 0, x2 = 0;
    for (int i = 0; i < n; i++) {
        float q = clamp(nearest((x[i] + f->min) * inv), 0, levels);
        q1 += q, q2 += q * q, xq += x[i] * q, x1 += x[i], x2 += x[i] * x[i];
    }
    float det = (float)n * q2 - q1 * q1;
    if (det <= 0) return false;
    float s = ((float)n * xq - x1 * q1) / det, m = (q1 * xq - q2 * x1) / det;
    if (m < 0) s = xq / q2, m = 0;
    *f = (struct affine){s, m};
    *error = x2 + s * s * q2 + (float)n * m * m - 2 * s * xq + 2 * m * x1 - 2 * s * m * q1;
    return s > 0;
}

/* Fits x ~ scale q - min with q in 0 .. levels and min >= 0. */
static struct affine fit_affine(const float *x, int n, float levels)
{
    enum { ROUNDS = 3 };
    float low = 0, high = 0, best_error = INFINITY, error;
    struct affine best = {0, 0};
    for (int i = 0; i < n; i++) low = x[i] < low ? x[i] : low, high = x[i] > high ? x[i] : high;
    if (high - low < 1e-30f) return best;
    for (int start = -STARTS; start <= STARTS; start++) {
        struct affine f = {(high - low) / (levels + 0.15f * (float)start), -low};
        for (int round = 0; round < ROUNDS && refit(x, n, levels, &f, &error); round++)
            if (error < best_error) best_error = error, best = f;
    }
    return best;
}

static void encode_q8_0(const float *x, uint8_t *b)
{
    float most = 0;
    for (int i = 0; i < 32; i++) most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    put_half(b, most / 127);
    float inv = inverse(as_half(most / 127));
    for (int i = 0; i < 32; i++) b[2 + i] = (uint8_t)(int8_t)clamp(nearest(x[i] * inv), -127, 127);
}

/* Puts numbers i and i + 16 of a block of 32 into byte i, and their fifth bits into bits, if there are any. */
static void put_nibbles(uint8_t *bytes, uint8_t *bits, const int *q)
{
    uint32_t h = 0;
    for (int i = 0; i < 16; i++) {
        bytes[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
        h |= (uint32_t)(q[i] >> 4) << i | (uint32_t)(q[i + 16] >> 4) << (i + 16);
    }
    for (int i = 0; bits && i < 4; i++) bits[i] = (uint8_t)(h >> 8 * i);
}

/* Q4_0 and Q5_0: low is -8 or -16. */
static void encode_signed(const float *x, uint8_t *b, float low)
{
    int q[32];
    float d = fit_scale(x, 32, low), inv = inverse(as_half(d));
    put_half(b, d);
    for (int i = 0; i < 32; i++) q[i] = (int)(clamp(nearest(x[i] * inv), low, -low - 1) - low);
    put_nibbles(low < -8 ? b + 6 : b + 2, low < -8 ? b + 2 : NULL, q);
}

static void encode_q4_0(const float *x, uint8_t *b)
{
    encode_signed(x, b, -8);
}

static void encode_q5_0(const float *x, uint8_t *b)
{
    encode_signed(x, b, -16);
}

static void encode_q5_1(const float *x, uint8_t *b)
{
    int q[32];
    struct affine f = fit_affine(x, 32, 31);
    put_half(b, f.scale);
    put_half(b + 2, -f.min);
    float inv = inverse(as_half(f.scale)), m = as_half(-f.min);
    for (int i = 0; i < 32; i++) q[i] = (int)clamp(nearest((x[i] - m) * inv), 0, 31);
    put_nibbles(b + 8, b + 4, q);
}

/* The inverse of how 12 bytes hold eight 6-bit scales and minima. */
static void put_scales(uint8_t *s, const int *scale, const int *min)
{
    for (int j = 0; j < 4; j++) {
        s[j] = (uint8_t)(scale[j] | (scale[j + 4] >> 4) << 6);
        s[j + 4] = (uint8_t)(min[j] | (min[j + 4] >> 4) << 6);
        s[j + 8] = (uint8_t)((scale[j + 4] & 15) | (min[j + 4] & 15) << 4);
    }
}

/* Writes d, dmin and the 12 bytes of a Q4_K or Q5_K block, and the integers of its numbers into q. */
static void fit_k(const float *x, float levels, uint8_t *b, uint8_t *q)
{
    struct affine f[8];
    int scale[8], min[8];
    float most_scale = 0, most_min = 0;
    for (int j = 0; j < 8; j++) {
        f[j] = fit_affine(x + 32 * j, 32, levels);
        most_scale = f[j].scale > most_scale ? f[j].scale : most_scale;
        most_min = f[j].min > most_min ? f[j].min : most_min;
    }
    put_half(b, most_scale / 63);
    put_half(b + 2, most_min / 63);
    float d = as_half(most_scale / 63), dmin = as_half(most_min / 63);
    for (int j = 0; j < 8; j++) {
        scale[j] = (int)clamp(nearest(f[j].scale * inverse(d)), 0, 63);
        min[j] = (int)clamp(nearest(f[j].min * inverse(dmin)), 0, 63);
        float inv = inverse(d * (float)scale[j]), m = dmin * (float)min[j];
        for (int i = 0; i < 32; i++) q[32 * j + i] = (uint8_t)clamp(nearest((x[32 * j + i] + m) * inv), 0, levels);
    }
    put_scales(b + 4, scale, min);
}

/* Packs the low nibbles of 256 numbers: 64 in 32 bytes. */
static void put_k_nibbles(uint8_t *bytes, const uint8_t *q)
{
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 32; i++)
            bytes[32 * j + i] = (uint8_t)((q[64 * j + i] & 15) | (q[64 * j + 32 + i] & 15) << 4);
}

static void encode_q4_k(const float *x, uint8_t *b)
{
    uint8_t q[256];
    fit_k(x, 15, b, q);
    put_k_nibbles(b + 16, q);
}

static void encode_q5_k(const float *x, uint8_t *b)
{
    uint8_t q[256];
    fit_k(x, 31, b, q);
    put_k_nibbles(b + 48, q);
    memset(b + 16, 0, 32);
    for (int i = 0; i < 256; i++) b[16 + i % 32] |= (uint8_t)((q[i] >> 4) << i / 32);
}

static void encode_q6_k(const float *x, uint8_t *b)
{
    float scales[16], most = 0;
    for (int j = 0; j < 16; j++) {
        scales[j] = fit_scale(x + 16 * j, 16, -32);
        if (fabsf(scales[j]) > fabsf(most)) most = scales[j];
    }
    memset(b, 0, 192);
    put_half(b + 208, most / 127);
    float d = as_half(most / 127);
    for (int j = 0; j < 16; j++) {
        float scale = clamp(nearest(scales[j] * inverse(d)), -128, 127), inv = inverse(d * scale);
        b[192 + j] = (uint8_t)(int8_t)scale;
        for (int i = 16 * j; i < 16 * j + 16; i++) {
            int q = (int)clamp(nearest(x[i] * inv), -32, 31) + 32, half = i / 128, p = i % 128 / 32, l = i % 32;
            b[half * 64 + p % 2 * 32 + l] |= (uint8_t)((q & 15) << (p / 2 * 4));
            b[128 + half * 32 + l] |= (uint8_t)((q >> 4) << (2 * p));
        }
    }
}

static void (*const encoders[SL_N_DTYPES])(const float *, uint8_t *) = {
    [SL_Q8_0] = encode_q8_0, [SL_Q4_0] = encode_q4_0, [SL_Q5_0] = encode_q5_0, [SL_Q5_1] = encode_q5_1,
    [SL_Q4_K] = encode_q4_k, [SL_Q5_K] = encode_q5_k, [SL_Q6_K] = encode_q6_k,
};

bool sl_blocks_can_encode(sl_dtype type)
{
    return type < SL_N_DTYPES && encoders[type];
}

void sl_blocks_encode(sl_dtype type, const float *src, int64_t n, void *dst)
{
    SL_CHECK(sl_blocks_can_encode(type));
    int64_t block = sl_dtype_block(type);
    size_t bytes = sl_dtype_row_bytes(type, block);
    SL_CHECK(n % block == 0);
    uint8_t *p = dst;
    for (int64_t i = 0; i < n; i += block, p += bytes) encoders[type](src + i, p);
}
