/*
 * kernels_x86.h: the body that kernels_avx2.c and kernels_avx512.c share. Each defines before it, for sixteen values:
 *     ints, floats                    types
 *     ints_of(v)                      all lanes v
 *     weigh(sum, weight, bytes)       sum + weight * bytes, of __m128i bytes
 *     to_bytes(sum)                   sum >> SL_WEIGHT_BITS, clamped to 0..255, as __m128i
 *     to_floats(bytes), floats_of(v), times, minus, fused (a * b + c, rounded once)
 *     put(p, v), put14(p, v)          stores sixteen, or the first fourteen
 *     KERNELS                         the name of the table
 */
#ifndef SL_MEDIA_KERNELS_X86_H
#define SL_MEDIA_KERNELS_X86_H

static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void store(uint8_t *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

/*
 * Sixteen rows of sixteen bytes become their columns: four times over, the two halves are shuffled into each other.
 * Written out, because the vectors stay in registers only where every index is a constant.
 */
#define EACH_OF_8(M, to, from)                                                                                         \
    M(to, from, 0)                                                                                                     \
    M(to, from, 1) M(to, from, 2) M(to, from, 3) M(to, from, 4) M(to, from, 5) M(to, from, 6) M(to, from, 7)
#define EACH_OF_16(M, to, from)                                                                                        \
    EACH_OF_8(M, to, from)                                                                                             \
    M(to, from, 8)                                                                                                     \
    M(to, from, 9) M(to, from, 10) M(to, from, 11) M(to, from, 12) M(to, from, 13) M(to, from, 14) M(to, from, 15)
#define SHUFFLE(to, from, i)                                                                                           \
    to[2 * (i)] = _mm_unpacklo_epi8(from[i], from[(i) + 8]);                                                           \
    to[2 * (i) + 1] = _mm_unpackhi_epi8(from[i], from[(i) + 8]);
#define LOAD_ROW(to, from, i) to[i] = load(from[i] + x);
#define STORE_ROW(to, from, i) store(to[i] + x, from[i]);
#define LOAD_LANES(to, from, i) to[i] = load(from + (x + (i)) * SL_LANES);
#define STORE_LANES(to, from, i) store(to + (x + (i)) * SL_LANES, from[i]);
#define TRANSPOSE(v, u)                                                                                                \
    EACH_OF_8(SHUFFLE, u, v) EACH_OF_8(SHUFFLE, v, u) EACH_OF_8(SHUFFLE, u, v) EACH_OF_8(SHUFFLE, v, u)

static void rows_to_lanes(const uint8_t *const rows[SL_LANES], size_t n, uint8_t *out)
{
    size_t x = 0;
    for (; x + 16 <= n; x += 16) {
        __m128i v[16], u[16];
        EACH_OF_16(LOAD_ROW, v, rows)
        TRANSPOSE(v, u)
        EACH_OF_16(STORE_LANES, out, v)
    }
    for (; x < n; x++)
        for (int i = 0; i < SL_LANES; i++) out[x * SL_LANES + (size_t)i] = rows[i][x];
}

static void lanes_to_rows(const uint8_t *in, size_t n, uint8_t *const rows[SL_LANES])
{
    size_t x = 0;
    for (; x + 16 <= n; x += 16) {
        __m128i v[16], u[16];
        EACH_OF_16(LOAD_LANES, v, in)
        TRANSPOSE(v, u)
        EACH_OF_16(STORE_ROW, rows, v)
    }
    for (; x < n; x++)
        for (int i = 0; i < SL_LANES; i++) rows[i][x] = in[x * SL_LANES + (size_t)i];
}

static void resize_lanes(const struct sl_axis *a, int begin, int end, const uint8_t *in, uint8_t *out)
{
    const int32_t half = 1 << (SL_WEIGHT_BITS - 1);
    for (int x = begin; x < end; x++, out += 3 * SL_LANES) {
        const int32_t *w = a->weights + (size_t)x * a->stride;
        const uint8_t *p = in + (size_t)(a->first[x] - a->first[begin]) * 3 * SL_LANES;
        ints r = ints_of(half), g = r, b = r;
        for (int t = 0; t < a->count[x]; t++, p += 3 * SL_LANES) {
            const ints weight = ints_of(w[t]);
            r = weigh(r, weight, load(p));
            g = weigh(g, weight, load(p + SL_LANES));
            b = weigh(b, weight, load(p + 2 * SL_LANES));
        }
        store(out, to_bytes(r));
        store(out + SL_LANES, to_bytes(g));
        store(out + 2 * SL_LANES, to_bytes(b));
    }
}

static void mix_rows(const int32_t *weights, int count, const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
    const int32_t half = 1 << (SL_WEIGHT_BITS - 1);
    size_t i = 0;
    for (; i + 48 <= n; i += 48) {
        const uint8_t *p = in + i;
        ints s0 = ints_of(half), s1 = s0, s2 = s0;
        for (int t = 0; t < count; t++, p += stride) {
            const ints weight = ints_of(weights[t]);
            s0 = weigh(s0, weight, load(p));
            s1 = weigh(s1, weight, load(p + 16));
            s2 = weigh(s2, weight, load(p + 32));
        }
        store(out + i, to_bytes(s0));
        store(out + i + 16, to_bytes(s1));
        store(out + i + 32, to_bytes(s2));
    }
    for (; i < n; i++) {
        int32_t sum = half;
        for (int t = 0; t < count; t++) sum += weights[t] * in[i + (size_t)t * stride];
        sum >>= SL_WEIGHT_BITS;
        out[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

static inline floats divide(floats a, struct sl_inverse b)
{
    return fused(a, floats_of(b.high), times(a, floats_of(b.low)));
}

/* Channel c of the 14 pixels in three times 16 bytes. */
static inline __m128i pick(__m128i v0, __m128i v1, __m128i v2, int c)
{
    /* Byte i of the result is byte 3 i + c of the 48; each shuffle takes those that lie in its vector, 0x80 gives 0. */
    static const uint8_t order[3][3][16] = {
#define Z 0x80
        {{0, 3, 6, 9, 12, 15, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z},
         {Z, Z, Z, Z, Z, Z, 2, 5, 8, 11, 14, Z, Z, Z, Z, Z},
         {Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, 1, 4, 7, 10, 13}},
        {{1, 4, 7, 10, 13, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z},
         {Z, Z, Z, Z, Z, 0, 3, 6, 9, 12, 15, Z, Z, Z, Z, Z},
         {Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, 2, 5, 8, 11, 14}},
        {{2, 5, 8, 11, 14, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z},
         {Z, Z, Z, Z, Z, 1, 4, 7, 10, 13, Z, Z, Z, Z, Z, Z},
         {Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, 0, 3, 6, 9, 12, 15}},
#undef Z
    };
    __m128i a = _mm_shuffle_epi8(v0, load(order[c][0])), b = _mm_shuffle_epi8(v1, load(order[c][1]));
    return _mm_or_si128(_mm_or_si128(a, b), _mm_shuffle_epi8(v2, load(order[c][2])));
}

/*
 * Row y of 14 asks for its share of the cache lines that the patch after the next is written to. A picture's patches
 * are larger than the caches: without this, each store waits for its line (1.6 times slower).
 */
static inline void expect_stores(const float *out, size_t y)
{
    enum { AHEAD = 2 * 3 * SL_PATCH_SIDE * SL_PATCH_SIDE * 4, LINES = 3 };
    for (size_t i = 0; i < LINES; i++) __builtin_prefetch((const char *)out + AHEAD + (LINES * y + i) * 64, 1);
}

static void cut_patch(const uint8_t *rgb, size_t stride, const struct sl_levels *l, float *out)
{
    for (size_t y = 0; y < SL_PATCH_SIDE; y++, rgb += stride) {
        expect_stores(out, y);
        const __m128i v0 = load(rgb), v1 = load(rgb + 16), v2 = load(rgb + 32);
        for (size_t c = 0; c < 3; c++) {
            floats v = divide(to_floats(pick(v0, v1, v2, (int)c)), l->white);
            v = divide(minus(v, floats_of(l->mean[c])), l->std[c]);
            float *o = out + (c * SL_PATCH_SIDE + y) * SL_PATCH_SIDE;
            if (y < SL_PATCH_SIDE - 1)
                put(o, v); /* two more than the row has: those of the next row, written next */
            else
                put14(o, v);
        }
    }
}

const struct sl_media_kernels KERNELS = {
    .name = KERNELS_NAME,
    .rows_to_lanes = rows_to_lanes,
    .lanes_to_rows = lanes_to_rows,
    .resize_lanes = resize_lanes,
    .mix_rows = mix_rows,
    .cut_patch = cut_patch,
};

#endif
