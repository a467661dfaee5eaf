/*
 * test_kernels.c: every variant that this processor runs gives the same bytes as the plain formula, and touches nothing
 * beside what it is given.
 */
#include "test.h"

#include "base/rng.h"
#include "media/kernels.h"
#include "media/patches.h"

enum { GUARD = 0xa5, MARGIN = 64 };

static struct sl_rng rng;

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)sl_rng_u32(&rng);
}

static void expect_guard(const uint8_t *p, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != GUARD) fail_msg("%s wrote outside", name);
}

/* The next variant that has more than the plain one, from *i on; NULL after the last. */
static const struct sl_media_kernels *variant(int *i)
{
    const struct sl_media_kernels *all[SL_MAX_MEDIA_KERNELS];
    int n = sl_media_kernels_all(all);
    assert_true(n >= 1 && n <= SL_MAX_MEDIA_KERNELS);
    return *i < n ? all[(*i)++] : NULL;
}

static uint8_t rounded(int64_t sum)
{
    sum = (sum + (1 << (SL_WEIGHT_BITS - 1))) >> SL_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Weights whose sum is one, some of them negative, as a cubic has. */
static void random_weights(int32_t *w, int n)
{
    const int32_t one = 1 << SL_WEIGHT_BITS;
    int32_t sum = 0;
    for (int i = 0; i + 1 < n; i++) {
        w[i] = (int32_t)sl_rng_below(&rng, (uint32_t)(one / n * 3 / 2)) - one / n / 8;
        sum += w[i];
    }
    w[n - 1] = one - sum;
}

static void rows_and_lanes_turn_into_each_other(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 48, 100};
    enum { MOST = 100 };
    const struct sl_media_kernels *k;
    for (int v = 0; (k = variant(&v));) {
        if (!k->rows_to_lanes) continue;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            const size_t n = sizes[s];
            uint8_t in[SL_LANES][MOST], lanes[MOST * SL_LANES + MARGIN], out[SL_LANES][MOST + MARGIN];
            const uint8_t *from[SL_LANES];
            uint8_t *to[SL_LANES];
            memset(lanes, GUARD, sizeof lanes);
            memset(out, GUARD, sizeof out);
            for (int i = 0; i < SL_LANES; i++) {
                fill(in[i], n);
                from[i] = in[i];
                to[i] = out[i];
            }
            k->rows_to_lanes(from, n, lanes);
            k->lanes_to_rows(lanes, n, to);
            for (size_t x = 0; x < n; x++)
                for (int i = 0; i < SL_LANES; i++) assert_int_equal(lanes[x * SL_LANES + (size_t)i], in[i][x]);
            expect_guard(lanes + n * SL_LANES, MARGIN, k->name);
            for (int i = 0; i < SL_LANES; i++) {
                assert_memory_equal(out[i], in[i], n);
                expect_guard(out[i] + n, MARGIN, k->name);
            }
        }
    }
}

static void lanes_are_resized_by_the_formula(void **state)
{
    (void)state;
    enum { N = 20, STRIDE = 9, PIXELS = 60, BEGIN = 3, END = 18 };
    int first[N], count[N];
    int32_t weights[N * STRIDE];
    struct sl_axis a = {.n = N, .stride = STRIDE, .first = first, .count = count, .weights = weights};
    static uint8_t in[PIXELS * 3 * SL_LANES], out[N * 3 * SL_LANES + MARGIN];
    const struct sl_media_kernels *k;
    for (int v = 0; (k = variant(&v));) {
        if (!k->resize_lanes) continue;
        for (int i = 0; i < N; i++) {
            first[i] = 2 * i;
            count[i] = 1 + (int)sl_rng_below(&rng, STRIDE);
            random_weights(weights + i * STRIDE, count[i]);
        }
        fill(in, sizeof in);
        memset(out, GUARD, sizeof out);
        k->resize_lanes(&a, BEGIN, END, in, out);
        for (int x = BEGIN; x < END; x++)
            for (int i = 0; i < 3 * SL_LANES; i++) {
                int64_t sum = 0;
                for (int t = 0; t < count[x]; t++)
                    sum += (int64_t)weights[x * STRIDE + t] * in[(first[x] - first[BEGIN] + t) * 3 * SL_LANES + i];
                assert_int_equal(out[(x - BEGIN) * 3 * SL_LANES + i], rounded(sum));
            }
        expect_guard(out + (END - BEGIN) * 3 * SL_LANES, MARGIN, k->name);
    }
}

/* The last rows end where memory ends, which the sanitizer watches. */
static void rows_are_resized_by_bytes(void **state)
{
    (void)state;
    enum { GROUPS = 4, TAPS = 3, N = 50, IN = 101, ROWS = 7, ENTRIES = GROUPS * TAPS * SL_LANES };
    int start[GROUPS] = {0, 9, 37, 60};
    static uint32_t places[ENTRIES];
    static int32_t weights[ENTRIES];
    const struct sl_byte_axis a = {GROUPS, TAPS, N, start, places, weights};
    uint8_t *in = malloc((size_t)IN * ROWS), *out = malloc((size_t)N * ROWS);
    assert_non_null(in);
    assert_non_null(out);
    const struct sl_media_kernels *k;
    for (int v = 0; (k = variant(&v));) {
        if (!k->resize_rows) continue;
        for (int i = 0; i < ENTRIES; i++) {
            const int g = i / (TAPS * SL_LANES), readable = IN - start[g] < 64 ? IN - start[g] : 64;
            places[i] = sl_rng_below(&rng, (uint32_t)readable);
        }
        for (int i = 0; i < ENTRIES; i += TAPS) random_weights(weights + i, TAPS);
        fill(in, (size_t)IN * ROWS);
        k->resize_rows(&a, &(struct sl_row_set){.in = in, .out = out, .in_bytes = IN, .out_bytes = N, .n = ROWS});
        for (int row = 0; row < ROWS; row++)
            for (int i = 0; i < N; i++) {
                int64_t sum = 0;
                for (int t = 0; t < TAPS; t++) {
                    const int at = (i / SL_LANES * TAPS + t) * SL_LANES + i % SL_LANES;
                    sum += (int64_t)weights[at] * in[row * IN + start[i / SL_LANES] + (int)places[at]];
                }
                assert_int_equal(out[row * N + i], rounded(sum));
            }
    }
    free(in);
    free(out);
}

static void rows_are_mixed_by_the_formula(void **state)
{
    (void)state;
    static const size_t sizes[] = {3, 45, 48, 51, 600, 1029};
    enum { STRIDE = 1100, ROWS = 7 };
    static uint8_t in[ROWS * STRIDE], out[STRIDE + MARGIN];
    int32_t weights[ROWS];
    const struct sl_media_kernels *k;
    for (int v = 0; (k = variant(&v));)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int count = 1; count <= ROWS; count++) {
                const size_t n = sizes[s];
                random_weights(weights, count);
                fill(in, sizeof in);
                memset(out, GUARD, sizeof out);
                k->mix_rows(weights, count, in, STRIDE, n, out);
                for (size_t i = 0; i < n; i++) {
                    int64_t sum = 0;
                    for (int t = 0; t < count; t++) sum += (int64_t)weights[t] * in[(size_t)t * STRIDE + i];
                    assert_int_equal(out[i], rounded(sum));
                }
                expect_guard(out + n, MARGIN, k->name);
            }
}

/* Through the function that picks the kernel: sizes with one, on the means and deviations that models use. */
static void patches_have_the_values_of_the_formula(void **state)
{
    (void)state;
    static const struct sl_patch_format formats[] = {
        {14, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
        {14, {0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}},
        {14, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}},
        {14, {0.1f, 0.7f, 0.33333f}, {0.01f, 3.0f, 0.12345f}},
    };
    enum { WIDTH = 84, HEIGHT = 56, N = WIDTH * HEIGHT * 3 };
    static uint8_t rgb[N];
    static float out[N + MARGIN];
    struct sl_picture p = {WIDTH, HEIGHT, rgb};
    sl_error err;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        const float *o = out;
        fill(rgb, N);
        memset(out, GUARD, sizeof out);
        assert_sl_ok(sl_picture_patches(&p, &formats[f], 1 + (int)f % 3, out, &err), &err);
        for (int i = 0; i < WIDTH / 14 * (HEIGHT / 14); i++) {
            int block = i / 4, row = block / (WIDTH / 28) * 2 + i / 2 % 2, column = block % (WIDTH / 28) * 2 + i % 2;
            for (int c = 0; c < 3; c++)
                for (int at = 0; at < 196; at++) {
                    int y = row * 14 + at / 14, x = column * 14 + at % 14;
                    float expected = ((float)rgb[3 * (y * WIDTH + x) + c] / 255.0f - formats[f].mean[c]);
                    assert_true(*o++ == expected / formats[f].std[c]);
                }
        }
        expect_guard((const uint8_t *)(out + N), MARGIN * sizeof(float), "sl_picture_patches");
    }
}

/* A patch behind which nothing may be written, of each variant. */
static void a_patch_ends_where_it_ends(void **state)
{
    (void)state;
    enum { SIDE = SL_PATCH_SIDE, STRIDE = SIDE * 3 + 11, N = SIDE * SIDE * 3 };
    static uint8_t rgb[STRIDE * SIDE + SL_PATCH_OVERREAD];
    static float out[N + MARGIN];
    struct sl_levels l = {.white = {1.0f / 255.0f, 0}};
    const struct sl_media_kernels *k;
    for (int c = 0; c < 3; c++) l.std[c] = (struct sl_inverse){1, 0};
    fill(rgb, sizeof rgb);
    for (int v = 0; (k = variant(&v));) {
        if (!k->cut_patch) continue;
        memset(out, GUARD, sizeof out);
        k->cut_patch(rgb, STRIDE, &l, out);
        for (int i = 0; i < N; i++) {
            int c = i / (SIDE * SIDE), y = i / SIDE % SIDE, x = i % SIDE;
            assert_float_equal(out[i], rgb[y * STRIDE + 3 * x + c] / 255.0f, 1e-6);
        }
        expect_guard((const uint8_t *)(out + N), MARGIN * sizeof(float), k->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_lanes_turn_into_each_other),
        cmocka_unit_test(lanes_are_resized_by_the_formula),
        cmocka_unit_test(rows_are_resized_by_bytes),
        cmocka_unit_test(rows_are_mixed_by_the_formula),
        cmocka_unit_test(patches_have_the_values_of_the_formula),
        cmocka_unit_test(a_patch_ends_where_it_ends),
    };
    sl_rng_init(&rng, 3, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
