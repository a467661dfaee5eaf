/*
 * test_blocks.c: block types decode to ggml's numbers to the bit (scripts/golden/blocks.py), and what is quantised
 * loses no more than there.
 */
#include "tensor/blocks.h"

#include "model/safetensors.h"
#include "test.h"

#include <math.h>

enum { COUNT = 1024 };

static const sl_dtype all[] = {SL_Q8_0, SL_Q4_0, SL_Q4_1, SL_Q5_0,   SL_Q5_1,
                               SL_Q4_K, SL_Q5_K, SL_Q6_K, SL_IQ4_NL, SL_IQ4_XS};

static int open_golden(void **state)
{
    sl_error err;
    sl_safetensors *st;
    assert_sl_ok(sl_safetensors_open("tests/tensor/golden/blocks.safetensors", &st, &err), &err);
    *state = st;
    return 0;
}

static int close_golden(void **state)
{
    sl_safetensors_close((sl_safetensors **)state);
    return 0;
}

static const struct sl_stored_tensor *need(sl_safetensors *st, sl_dtype type, const char *what)
{
    char name[32];
    snprintf(name, sizeof name, "%s.%s", sl_dtype_name(type), what);
    const struct sl_stored_tensor *t = sl_safetensors_find(st, name);
    if (!t) fail_msg("no %s", name);
    return t;
}

static void test_blocks_decode_to_the_bits_of_ggml(void **state)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct sl_stored_tensor *blocks = need(*state, all[i], "blocks"), *want = need(*state, all[i], "values");
        float got[COUNT];
        assert_int_equal(blocks->bytes, sl_dtype_row_bytes(all[i], COUNT));
        sl_blocks_decode(all[i], blocks->data, COUNT, got);
        if (memcmp(got, want->data, sizeof got) != 0) fail_msg("%s decodes otherwise", sl_dtype_name(all[i]));
    }
}

static double squared_error(sl_dtype type, const float *x)
{
    unsigned char blocks[COUNT * 2];
    float back[COUNT];
    double sum = 0;
    sl_blocks_encode(type, x, COUNT, blocks);
    sl_blocks_decode(type, blocks, COUNT, back);
    for (int i = 0; i < COUNT; i++) sum += ((double)back[i] - x[i]) * ((double)back[i] - x[i]);
    return sum;
}

static void test_quantising_loses_no_more_than_ggml_does(void **state)
{
    float x[COUNT], theirs;
    sl_stored_read_f32(sl_safetensors_find(*state, "numbers"), 0, COUNT, x);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!sl_blocks_can_encode(all[i])) continue;
        sl_stored_read_f32(need(*state, all[i], "error"), 0, 1, &theirs);
        double ours = squared_error(all[i], x);
        if (ours > 1.001 * theirs) fail_msg("%s: %g, ggml %g", sl_dtype_name(all[i]), ours, theirs);
    }
}

static void test_numbers_that_a_type_has_survive(void **state)
{
    (void)state;
    /* Multiples of a power of two within each type's integers come back exactly. */
    static const struct {
        sl_dtype type;
        int low, high;
    } cases[] = {{SL_Q8_0, -127, 127}, {SL_Q4_0, -8, 7}, {SL_Q5_0, -16, 15}, {SL_Q5_1, 0, 31}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        unsigned char block[64];
        float x[32], back[32];
        for (int i = 0; i < 32; i++) x[i] = 0.25f * (float)(cases[c].low + i * (cases[c].high - cases[c].low) / 31);
        sl_blocks_encode(cases[c].type, x, 32, block);
        sl_blocks_decode(cases[c].type, block, 32, back);
        for (int i = 0; i < 32; i++)
            if (fabsf(back[i] - x[i]) > 0) fail_msg("%s: %g for %g", sl_dtype_name(cases[c].type), back[i], x[i]);
    }
}

static void test_zeros_and_lone_numbers_are_fine(void **state)
{
    (void)state;
    float x[256] = {0}, back[256];
    unsigned char blocks[512];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!sl_blocks_can_encode(all[i])) continue;
        for (int lone = 0; lone < 3; lone++) {
            x[77] = (float)(lone - 1) * 3.5f;
            sl_blocks_encode(all[i], x, 256, blocks);
            sl_blocks_decode(all[i], blocks, 256, back);
            for (int j = 0; j < 256; j++)
                if (!(fabsf(back[j] - x[j]) <= 0.03f * fabsf(x[77])))
                    fail_msg("%s: %g for %g", sl_dtype_name(all[i]), back[j], x[j]);
        }
        x[77] = 0;
    }
}

static void test_odd_rows_fall_back_as_published(void **state)
{
    (void)state;
    assert_int_equal(sl_blocks_fit(SL_Q4_K, 1024), SL_Q4_K);
    assert_int_equal(sl_blocks_fit(SL_Q4_K, 1408), SL_Q5_0);
    assert_int_equal(sl_blocks_fit(SL_Q5_K, 1408), SL_Q5_1);
    assert_int_equal(sl_blocks_fit(SL_Q6_K, 1408), SL_Q8_0);
    assert_int_equal(sl_blocks_fit(SL_Q8_0, 1408), SL_Q8_0);
    assert_int_equal(sl_blocks_fit(SL_Q8_0, 4304), SL_F16);
    assert_int_equal(sl_blocks_fit(SL_Q4_K, 588), SL_F16);
}

static void test_halves_round_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) { /* every half comes back; the middle of two goes to the even one */
        float x = sl_f16_to_f32((uint16_t)h);
        if (isnan(x)) continue;
        if (sl_f16_from_f32(x) != h) fail_msg("%04x became %04x", h, sl_f16_from_f32(x));
        float next = sl_f16_to_f32((uint16_t)(h + 1)), middle = x / 2 + next / 2;
        if ((h & 0x7fff) < 0x7bff && sl_f16_from_f32(middle) != h + (h & 1)) fail_msg("the middle after %04x", h);
    }
    assert_int_equal(sl_f16_from_f32(65519.0f), 0x7bff);
    assert_int_equal(sl_f16_from_f32(65520.0f), 0x7c00);
    assert_int_equal(sl_f16_from_f32(-1e30f), 0xfc00);
    assert_int_equal(sl_f16_from_f32(1e-9f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_decode_to_the_bits_of_ggml),
        cmocka_unit_test(test_quantising_loses_no_more_than_ggml_does),
        cmocka_unit_test(test_numbers_that_a_type_has_survive),
        cmocka_unit_test(test_zeros_and_lone_numbers_are_fine),
        cmocka_unit_test(test_odd_rows_fall_back_as_published),
        cmocka_unit_test(test_halves_round_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
