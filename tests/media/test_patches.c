/*
 * test_patches.c: where every pixel goes, and its value.
 */
#include "test.h"

#include "media/patches.h"

#include <math.h>

enum { SIZE = 3, WIDTH = 4 * SIZE, HEIGHT = 6 * SIZE };

static const struct sl_patch_format format = {
    .patch_size = SIZE, .mean = {0.5f, 0.25f, 0.0f}, .std = {0.5f, 0.25f, 2.0f}};

/* A different byte at neighbouring places and channels. */
static uint8_t pixel(int x, int y, int c)
{
    return (uint8_t)(x * 7 + y * 31 + c * 101);
}

static struct sl_picture new_picture(void)
{
    struct sl_picture p;
    sl_error err;
    assert_sl_ok(sl_picture_new(&p, WIDTH, HEIGHT, SL_PICTURE_MAX_PIXELS, &err), &err);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++) p.rgb[i] = pixel(i / 3 % WIDTH, i / 3 / WIDTH, i % 3);
    return p;
}

static void patches_stand_in_blocks_of_two_by_two(void **state)
{
    (void)state;
    struct sl_picture p = new_picture();
    float out[WIDTH * HEIGHT * 3];
    sl_error err;
    assert_sl_ok(sl_picture_patches(&p, &format, 2, out, &err), &err);
    /* The same order again, written as nested loops over what it is named after. */
    const float *o = out;
    for (int block_row = 0; block_row < HEIGHT / SIZE / 2; block_row++)
        for (int block_column = 0; block_column < WIDTH / SIZE / 2; block_column++)
            for (int row = 0; row < 2; row++)
                for (int column = 0; column < 2; column++)
                    for (int c = 0; c < 3; c++)
                        for (int y = 0; y < SIZE; y++)
                            for (int x = 0; x < SIZE; x++) {
                                int px = (2 * block_column + column) * SIZE + x;
                                int py = (2 * block_row + row) * SIZE + y;
                                float v = ((float)pixel(px, py, c) / 255.0f - format.mean[c]) / format.std[c];
                                assert_true(*o++ == v);
                            }
    assert_int_equal(o - out, WIDTH * HEIGHT * 3);
    sl_picture_free(&p);
}

static void black_and_white_are_normalised_by_mean_and_deviation(void **state)
{
    (void)state;
    struct sl_picture p = new_picture();
    float out[WIDTH * HEIGHT * 3];
    sl_error err;
    memset(p.rgb, 0, WIDTH * HEIGHT * 3);
    memset(p.rgb, 255, 3);
    assert_sl_ok(sl_picture_patches(&p, &format, 1, out, &err), &err);
    const int plane = SIZE * SIZE;
    assert_true(out[0] == 1.0f && out[plane] == 3.0f && out[2 * plane] == 0.5f);
    assert_true(out[1] == -1.0f && out[plane + 1] == -1.0f && out[2 * plane + 1] == 0.0f);
    sl_picture_free(&p);
}

static void sides_that_do_not_divide_are_refused(void **state)
{
    (void)state;
    struct sl_picture p = new_picture();
    sl_error err;
    float out[1];
    static const int sizes[] = {0, -3, 4, 5, 6, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sl_patch_format other = format;
        other.patch_size = sizes[i];
        assert_int_equal(sl_picture_patches(&p, &other, 1, out, &err), SL_ERR_ARGUMENT);
    }
    sl_picture_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_stand_in_blocks_of_two_by_two),
        cmocka_unit_test(black_and_white_are_normalised_by_mean_and_deviation),
        cmocka_unit_test(sides_that_do_not_divide_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
