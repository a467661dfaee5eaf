/*
 * blocks.c: decoding the block types, in plain C and exactly: one function a type, each beside its layout.
 *
 * Layouts are ggml's (ggml-common.h). Two-byte fields are little-endian halves; blocks have no alignment.
 */
#include "tensor/blocks.h"

#include "base/error.h"

#include <string.h>

const int8_t sl_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static float half_at(const uint8_t *p)
{
    return sl_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

/* {d; i8[32]} */
static void decode_q8_0(const uint8_t *b, float *out)
{
    float d = half_at(b);
    for (int i = 0; i < 32; i++) out[i] = d * (float)(int8_t)b[2 + i];
}

/* {d; 16 bytes}: low nibbles are numbers 0..15, high nibbles 16..31 */
static void decode_q4_0(const uint8_t *b, float *out)
{
    float d = half_at(b);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((b[2 + i] & 15) - 8);
        out[i + 16] = d * (float)((b[2 + i] >> 4) - 8);
    }
}

/* {d, m; 16 bytes}: as Q4_0, from m up */
static void decode_q4_1(const uint8_t *b, float *out)
{
    float d = half_at(b), m = half_at(b + 2);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)(b[4 + i] & 15) + m;
        out[i + 16] = d * (float)(b[4 + i] >> 4) + m;
    }
}

/* The fifth bits of 32 numbers, number i in bit i. */
static uint32_t fifth_bits(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* {d; fifth bits[4]; 16 bytes} */
static void decode_q5_0(const uint8_t *b, float *out)
{
    float d = half_at(b);
    uint32_t h = fifth_bits(b + 2);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((int)((b[6 + i] & 15) | (h >> i & 1) << 4) - 16);
        out[i + 16] = d * (float)((int)((b[6 + i] >> 4) | (h >> (i + 16) & 1) << 4) - 16);
    }
}

/* {d, m; fifth bits[4]; 16 bytes} */
static void decode_q5_1(const uint8_t *b, float *out)
{
    float d = half_at(b), m = half_at(b + 2);
    uint32_t h = fifth_bits(b + 4);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((b[8 + i] & 15) | (h >> i & 1) << 4) + m;
        out[i + 16] = d * (float)((b[8 + i] >> 4) | (h >> (i + 16) & 1) << 4) + m;
    }
}

/* The 6-bit scale and minimum of sub-block j (0..7), which 12 bytes hold. */
static void scale_and_min(const uint8_t *s, int j, int *scale, int *min)
{
    if (j < 4) {
        *scale = s[j] & 63;
        *min = s[j + 4] & 63;
    } else {
        *scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        *min = (s[j + 4] >> 4) | (s[j] >> 6) << 4;
    }
}

/* {d, dmin; scales[12]; 128 bytes}: 32 bytes hold 64 numbers, low nibbles first; each 32 have a scale and a minimum */
static void decode_q4_k(const uint8_t *b, float *out)
{
    float d = half_at(b), dmin = half_at(b + 2);
    for (int j = 0; j < 8; j++) {
        int scale, min;
        scale_and_min(b + 4, j, &scale, &min);
        float s = d * (float)scale, m = dmin * (float)min;
        const uint8_t *q = b + 16 + j / 2 * 32;
        for (int i = 0; i < 32; i++) out[j * 32 + i] = s * (float)(q[i] >> (j % 2 * 4) & 15) - m;
    }
}

/* {d, dmin; scales[12]; fifth bits[32]; 128 bytes}: as Q4_K; the fifth bit of number i of sub-block j is bit j of byte
 * i */
static void decode_q5_k(const uint8_t *b, float *out)
{
    float d = half_at(b), dmin = half_at(b + 2);
    for (int j = 0; j < 8; j++) {
        int scale, min;
        scale_and_min(b + 4, j, &scale, &min);
        float s = d * (float)scale, m = dmin * (float)min;
        const uint8_t *h = b + 16, *q = b + 48 + j / 2 * 32;
        for (int i = 0; i < 32; i++)
            out[j * 32 + i] = s * (float)((q[i] >> (j % 2 * 4) & 15) | (h[i] >> j & 1) << 4) - m;
    }
}

/*
 * {low nibbles[128]; upper pairs of bits[64]; i8 scales[16]; d}: of each 128 numbers, numbers 32 p + i (p = 0..3) have
 * the nibble p / 2 of low byte 32 (p % 2) + i and bits 2p, 2p + 1 of upper byte i; each 16 have a scale
 */
static void decode_q6_k(const uint8_t *b, float *out)
{
    float d = half_at(b + 208);
    const int8_t *scales = (const int8_t *)b + 192;
    for (int i = 0; i < 256; i++) {
        int half = i / 128, p = i % 128 / 32, l = i % 32;
        int run = i / 16, low = b[half * 64 + p % 2 * 32 + l] >> (p / 2 * 4) & 15,
            high = b[128 + half * 32 + l] >> (2 * p) & 3;
        out[i] = d * (float)scales[run] * (float)((low | high << 4) - 32);
    }
}

/* {d; 16 bytes}: nibbles as in Q4_0, naming levels */
static void decode_iq4_nl(const uint8_t *b, float *out)
{
    float d = half_at(b);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)sl_iq4_levels[b[2 + i] & 15];
        out[i + 16] = d * (float)sl_iq4_levels[b[2 + i] >> 4];
    }
}

/* {d; upper bits of scales u16; lower bits[4]; 128 bytes}: eight sub-blocks as IQ4_NL, with 6-bit scales less 32 */
static void decode_iq4_xs(const uint8_t *b, float *out)
{
    float d = half_at(b);
    int high = b[2] | b[3] << 8;
    for (int j = 0; j < 8; j++) {
        int scale = (b[4 + j / 2] >> (j % 2 * 4) & 15) | (high >> (2 * j) & 3) << 4;
        float s = d * (float)(scale - 32);
        const uint8_t *q = b + 8 + 16 * j;
        for (int i = 0; i < 16; i++) {
            out[j * 32 + i] = s * (float)sl_iq4_levels[q[i] & 15];
            out[j * 32 + i + 16] = s * (float)sl_iq4_levels[q[i] >> 4];
        }
    }
}

void sl_blocks_decode(sl_dtype type, const void *src, int64_t n, float *out)
{
    static void (*const decoders[SL_N_DTYPES])(const uint8_t *, float *) = {
        [SL_Q8_0] = decode_q8_0,     [SL_Q4_0] = decode_q4_0,     [SL_Q4_1] = decode_q4_1, [SL_Q5_0] = decode_q5_0,
        [SL_Q5_1] = decode_q5_1,     [SL_Q4_K] = decode_q4_k,     [SL_Q5_K] = decode_q5_k, [SL_Q6_K] = decode_q6_k,
        [SL_IQ4_NL] = decode_iq4_nl, [SL_IQ4_XS] = decode_iq4_xs,
    };
    SL_CHECK(type < SL_N_DTYPES && decoders[type]);
    int64_t block = sl_dtype_block(type);
    size_t bytes = sl_dtype_row_bytes(type, block);
    SL_CHECK(n % block == 0);
    const uint8_t *p = src;
    for (int64_t i = 0; i < n; i += block, p += bytes) decoders[type](p, out + i);
}

sl_dtype sl_blocks_fit(sl_dtype wanted, int64_t k)
{
    if (k % sl_dtype_block(wanted) == 0) return wanted;
    if (k % 32 != 0) return SL_F16;
    switch (wanted) {
    case SL_Q4_K:
        return SL_Q5_0;
    case SL_Q5_K:
        return SL_Q5_1;
    default:
        return SL_Q8_0;
    }
}
