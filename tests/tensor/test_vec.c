/*
 * test_vec.c: what every vector kernel of tensor/cpu/vec.h takes for granted: that storing bf16 rounds to nearest even.
 */
#include "tensor/kernels_test.h"

enum { N_UPPER = 1 << 16 };

/* The only row of a table to embed from: the one slot that converts without arithmetic, which would quieten a NaN. */
static const int32_t row = 0;

/* Nearest even in whole numbers: the distance to the bf16 below decides, a tie goes to the even one. */
static sl_bf16 rounded(uint32_t bits)
{
    uint32_t upper = bits >> 16, lower = bits & 0xffff;
    bool nan = (bits & 0x7fffffff) > 0x7f800000;
    if (nan) return (sl_bf16)(upper | 0x40);
    return (sl_bf16)(upper + (lower > 0x8000 || (lower == 0x8000 && (upper & 1))));
}

/* Fills x with every upper half (all signs, exponents, fractions, infinities, NaNs) before one lower half. */
static void fill_uppers(float *x, uint32_t lower)
{
    for (uint32_t i = 0; i < N_UPPER; i++) {
        uint32_t bits = i << 16 | lower;
        memcpy(x + i, &bits, sizeof bits);
    }
}

/*
 * Upper halves are complete and the lower one only has to be compared with a half, so these lower halves are all there
 * is to get wrong: exact values, ties, and both neighbours of either.
 */
static void storing_bf16_rounds_to_nearest_even(void **state)
{
    const struct kt_levels *l = *state;
    static const uint32_t lowers[] = {0, 1, 2, 0x3fff, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xbfff, 0xfffe, 0xffff};
    struct kt_run r;
    kt_run_begin(&r, 1);
    float *x = kt_out(&r, NULL, SL_F32, N_UPPER);
    sl_bf16 *y = kt_out(&r, "y", SL_BF16, N_UPPER);
    for (size_t k = 0; k < sizeof lowers / sizeof *lowers; k++) {
        fill_uppers(x, lowers[k]);
        for (int level = 0; level < l->n_levels; level++) {
            const sl_ops *o = l->ops[level][0];
            o->embed(o, SL_BF16, 1, N_UPPER, &row, x, SL_F32, y);
            for (uint32_t i = 0; i < N_UPPER; i++)
                if (y[i] != rounded(i << 16 | lowers[k]))
                    fail_msg("%s: %08x became %04x, not %04x", o->name, (unsigned)(i << 16 | lowers[k]), (unsigned)y[i],
                             (unsigned)rounded(i << 16 | lowers[k]));
        }
    }
    kt_run_end(&r);
}

/* A short vector goes through other stores than a whole one. */
static void storing_some_lanes_rounds_alike_and_leaves_the_rest(void **state)
{
    const struct kt_levels *l = *state;
    static const uint32_t bits[] = {
        0x3f808000, /* tie: down to even */
        0x3f818000, /* tie: up to even */
        0x7f7fffff, /* the largest float: to infinity */
        0x7f800001, /* NaN whose upper half alone is infinity */
        0x00008000, /* subnormal tie to zero */
        0x80018000, /* subnormal tie away from zero */
        0xff800000, /* -infinity */
        0x3f80ffff, /* up */
    };
    enum { N_BITS = sizeof bits / sizeof *bits, LONGEST = 40 };
    for (int level = 0; level < l->n_levels; level++)
        for (int n = 1; n <= LONGEST; n++) {
            struct kt_run r;
            kt_run_begin(&r, 1);
            float *x = kt_out(&r, NULL, SL_F32, n);
            for (int i = 0; i < n; i++) memcpy(x + i, &bits[i % N_BITS], sizeof *bits);
            sl_bf16 *y = kt_out(&r, "y", SL_BF16, n);
            const sl_ops *o = l->ops[level][0];
            o->embed(o, SL_BF16, 1, n, &row, x, SL_F32, y);
            for (int i = 0; i < n; i++)
                if (y[i] != rounded(bits[i % N_BITS]))
                    fail_msg("%s: element %d of %d: %08x became %04x", o->name, i, n, (unsigned)bits[i % N_BITS],
                             (unsigned)y[i]);
            kt_run_end(&r);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storing_bf16_rounds_to_nearest_even),
        cmocka_unit_test(storing_some_lanes_rounds_alike_and_leaves_the_rest),
    };
    return cmocka_run_group_tests(tests, kt_levels_setup, kt_levels_teardown);
}
