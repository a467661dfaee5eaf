/*
 * test_rng.c: the published sequence, independent streams, and distributions.
 */
#include "base/rng.h"

#include "test.h"

#include <math.h>

static void test_the_sequence_is_the_published_one(void **state)
{
    (void)state;
    /* pcg32-demo of the reference implementation, seed 42, sequence 54. */
    static const uint32_t expected[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e};
    struct sl_rng r;
    sl_rng_init(&r, 42, 54);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) assert_int_equal(sl_rng_u32(&r), expected[i]);
}

static void test_streams_and_seeds_differ(void **state)
{
    (void)state;
    struct sl_rng a, b, c;
    sl_rng_init(&a, 1, 1);
    sl_rng_init(&b, 1, 2);
    sl_rng_init(&c, 2, 1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t x = sl_rng_u32(&a);
        same += (x == sl_rng_u32(&b)) + (x == sl_rng_u32(&c));
    }
    assert_int_equal(same, 0);
}

static void test_below_is_uniform_and_in_range(void **state)
{
    (void)state;
    struct sl_rng r;
    sl_rng_init(&r, 3, 0);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint32_t x = sl_rng_below(&r, 7);
        assert_true(x < 7);
        counts[x]++;
    }
    /* Five standard deviations of a binomial with n = 70000, p = 1/7. */
    for (int i = 0; i < 7; i++) assert_true(abs(counts[i] - 10000) < 5 * 93);
    assert_int_equal(sl_rng_below(&r, 1), 0);
    /* Three quarters of 2^32: a plain modulo would give the lower third twice as often. */
    int low = 0;
    for (int i = 0; i < 30000; i++) low += sl_rng_below(&r, 3u << 30) < 1u << 30;
    assert_true(abs(low - 10000) < 5 * 82);
}

static void test_floats_are_uniform_in_the_half_open_interval(void **state)
{
    (void)state;
    struct sl_rng r;
    sl_rng_init(&r, 4, 0);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        float x = sl_rng_float(&r);
        assert_true(x >= 0 && x < 1);
        sum += (double)x;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 5 * 0.2887 / sqrt(100000));
}

static void test_normals_have_the_normal_moments(void **state)
{
    (void)state;
    struct sl_rng r;
    sl_rng_init(&r, 5, 0);
    const int n = 200000;
    double m1 = 0, m2 = 0, m4 = 0;
    for (int i = 0; i < n; i++) {
        double x = (double)sl_rng_normal(&r);
        assert_true(isfinite(x));
        m1 += x, m2 += x * x, m4 += x * x * x * x;
    }
    /* Standard errors: 1, sqrt 2 and sqrt 96, over sqrt n. */
    assert_true(fabs(m1 / n) < 5 / sqrt(n));
    assert_true(fabs(m2 / n - 1) < 5 * sqrt(2.0 / n));
    assert_true(fabs(m4 / n - 3) < 5 * sqrt(96.0 / n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sequence_is_the_published_one),
        cmocka_unit_test(test_streams_and_seeds_differ),
        cmocka_unit_test(test_below_is_uniform_and_in_range),
        cmocka_unit_test(test_floats_are_uniform_in_the_half_open_interval),
        cmocka_unit_test(test_normals_have_the_normal_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
