/*
 * test_paint.c: canvases become pictures, text lies where its extents say, and fonts keep the splits apart.
 */
#include "synth/paint.h"

#include "test.h"

#include <math.h>

static void test_pixels_come_out_as_painted(void **state)
{
    (void)state;
    struct sl_paint p;
    struct sl_picture out;
    sl_error err = {0};
    assert_sl_ok(sl_paint_open(&p, 5, 3, &err), &err);
    cairo_set_source_rgb(p.cr, 1, 0.5, 0);
    cairo_rectangle(p.cr, 1, 1, 2, 1);
    cairo_fill(p.cr);
    assert_sl_ok(sl_paint_finish(&p, &out, &err), &err);
    assert_null(p.cr);
    static const uint8_t orange[3] = {255, 128, 0}, white[3] = {255, 255, 255};
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 5; x++) {
            const uint8_t *want = y == 1 && (x == 1 || x == 2) ? orange : white;
            assert_memory_equal(out.rgb + 3 * (y * 5 + x), want, 3);
        }
    sl_picture_free(&out);
}

static void test_impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct sl_paint p;
    sl_error err = {0};
    assert_int_equal(sl_paint_open(&p, 0, 10, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_paint_open(&p, 10, 16385, &err), SL_ERR_ARGUMENT);
    sl_paint_abandon(&p);
}

static void test_ink_lies_where_the_extents_say(void **state)
{
    (void)state;
    struct sl_paint p;
    struct sl_picture out;
    sl_error err = {0};
    double ink[4];
    assert_sl_ok(sl_paint_open(&p, 200, 60, &err), &err);
    struct sl_paint_text t = {.text = "Hxg", .size = 24};
    sl_paint_show(&p, &t, 20, 10, ink);
    assert_sl_ok(sl_paint_finish(&p, &out, &err), &err);
    int box[4] = {200, 60, 0, 0};
    for (int y = 0; y < 60; y++)
        for (int x = 0; x < 200; x++)
            if (out.rgb[3 * (y * 200 + x)] < 128) {
                box[0] = x < box[0] ? x : box[0], box[1] = y < box[1] ? y : box[1];
                box[2] = x + 1 > box[2] ? x + 1 : box[2], box[3] = y + 1 > box[3] ? y + 1 : box[3];
            }
    if (box[2] == 0) { /* no fonts on this machine */
        sl_picture_free(&out);
        skip();
    }
    for (int i = 0; i < 4; i++) assert_true(fabs(ink[i] - box[i]) <= 1.5);
    sl_picture_free(&out);
}

static void test_held_out_fonts_are_never_trained_on(void **state)
{
    (void)state;
    const char *seen[2][64] = {{NULL}};
    int n[2] = {0, 0};
    for (int split = 0; split < 2; split++)
        for (uint64_t i = 0; i < 200; i++) {
            struct sl_rng rng;
            sl_rng_init(&rng, 1, i);
            struct sl_synth_request r = {.rng = &rng, .split = (sl_synth_split)split};
            const char *font = sl_paint_font(&r, SL_SCRIPT_LATIN, false);
            if (!font) skip();
            int k = 0;
            while (k < n[split] && strcmp(seen[split][k], font) != 0) k++;
            if (k == n[split] && k < 64) seen[split][n[split]++] = font;
        }
    if (n[0] + n[1] < 4) skip(); /* too few to divide */
    for (int a = 0; a < n[0]; a++)
        for (int b = 0; b < n[1]; b++) assert_string_not_equal(seen[0][a], seen[1][b]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_come_out_as_painted),
        cmocka_unit_test(test_impossible_sizes_are_refused),
        cmocka_unit_test(test_ink_lies_where_the_extents_say),
        cmocka_unit_test(test_held_out_fonts_are_never_trained_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
