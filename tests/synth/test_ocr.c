/*
 * test_ocr.c: text in pictures: every task is answered, polygons enclose the ink of a second rendering and nothing much
 * else, warps have an exact way back, receipts add up.
 */
#include "synth/families.h"
#include "synth/ocr.h"

#include "family_test.h"

#include <math.h>

static void test_every_task_is_answered(void **state)
{
    (void)state;
    family_run(&sl_family_ocr, 3, NULL);
}

static void test_same_seed_same_page(void **state)
{
    (void)state;
    family_repeats(&sl_family_ocr);
}

/* Moves every x of the polygons in a truth by d. */
static void shift(json_t *polygons, int d)
{
    size_t i, k;
    json_t *polygon, *v;
    json_array_foreach(polygons, i, polygon) json_array_foreach(polygon, k, v) if (k % 2 == 0)
        json_integer_set(v, json_integer_value(v) + d);
}

static void test_the_validator_sees_polygons_that_are_off(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct sl_rng rng;
        struct sl_synth_sample s;
        sl_error err = {0};
        struct sl_synth_request r = {.task = SL_OCR_SPOT, .level = i % 3};
        family_make(&sl_family_ocr, &r, 300 + (uint64_t)i, &s);
        shift(json_object_get(s.truth, "answer"), 20);
        sl_rng_init(&rng, 300 + (uint64_t)i, 3);
        r.rng = &rng;
        assert_int_equal(sl_family_ocr.validate(NULL, &r, &s, &err), SL_ERR_FORMAT);
        assert_non_null(strstr(err.message, "polygon"));
        sl_synth_sample_release(&s);
    }
}

/* A surface of one colour, painted: its pixels are exactly those whose middles the outline of its corners holds. */
static void test_surfaces_land_where_their_points_do(void **state)
{
    (void)state;
    static const double corners[4][2] = {{30, 40}, {170, 25}, {160, 120}, {42, 135}};
    struct sl_picture black = {0}, canvas = {0};
    struct sl_warp w;
    sl_error err;
    assert_true(sl_warp_init(&w, 100, 60, corners));
    for (int i = 0; i < 4; i++) {
        double q[2];
        sl_warp_point(&w, i == 1 || i == 2 ? 100 : 0, i >= 2 ? 60 : 0, q);
        assert_true(fabs(q[0] - corners[i][0]) < 1e-9 && fabs(q[1] - corners[i][1]) < 1e-9);
    }
    assert_sl_ok(sl_picture_new(&black, 100, 60, 1 << 20, &err), &err);
    assert_sl_ok(sl_picture_new(&canvas, 200, 160, 1 << 20, &err), &err);
    memset(black.rgb, 0, 100 * 60 * 3);
    memset(canvas.rgb, 255, 200 * 160 * 3);
    w.wave = 6;
    w.wave_length = 80;
    sl_warp_paint(&w, &black, &canvas);
    for (int i = 1; i < 40; i++)
        for (int side = 0; side < 2; side++) {
            double in[2], out[2];
            sl_warp_point(&w, i * 2.5, side ? 58.5 : 1.5, in);
            sl_warp_point(&w, i * 2.5, side ? 61.5 : -1.5, out);
            assert_int_equal(canvas.rgb[((int)in[1] * 200 + (int)in[0]) * 3], 0);
            assert_int_equal(canvas.rgb[((int)out[1] * 200 + (int)out[0]) * 3], 255);
        }
    sl_picture_free(&black);
    sl_picture_free(&canvas);
}

/* What is asked about a receipt is what its printed lines say. */
static void test_receipts_add_up(void **state)
{
    (void)state;
    int seen[3] = {0};
    for (int i = 0; i < 150; i++) {
        struct sl_rng rng;
        struct sl_page p;
        struct sl_ocr_record d;
        struct sl_synth_sample s;
        sl_error err;
        int sum = 0, best = 0, printed = 0;
        sl_rng_init(&rng, (uint64_t)i, 9);
        struct sl_synth_request r = {.rng = &rng, .task = SL_OCR_RECEIPT, .level = i % 3};
        assert_sl_ok(sl_page_init(&p, &err), &err);
        sl_ocr_compose_receipt(&r, &p, &d);
        for (int k = 0; k < d.n; k++) {
            int cents = (int)lround(strtod(d.values[k], NULL) * 100);
            sum += cents;
            if (cents > lround(strtod(d.values[best], NULL) * 100)) best = k;
            for (int l = 0; l < p.n_lines; l++) printed += strcmp(p.lines[l].text, d.values[k]) == 0;
        }
        assert_true(printed >= d.n);
        sl_synth_sample_init(&s);
        sl_ocr_ask_record(&r, &d, &s);
        struct sl_buf q = SL_BUF_INIT(4096), a = SL_BUF_INIT(4096);
        family_text(&s, SL_SYNTH_USER, &q);
        family_text(&s, SL_SYNTH_ASSISTANT, &a);
        if (strstr(sl_buf_str(&q), "total?")) {
            assert_int_equal(lround(strtod(sl_buf_str(&a), NULL) * 100), sum + d.tax);
            seen[0]++;
        } else if (strstr(sl_buf_str(&q), "highest price")) {
            assert_string_equal(sl_buf_str(&a), d.names[best]);
            seen[1]++;
        } else if (strstr(sl_buf_str(&q), "different items")) {
            assert_int_equal((int)strtol(sl_buf_str(&a), NULL, 10), d.n);
            seen[2]++;
        }
        sl_buf_release(&q);
        sl_buf_release(&a);
        sl_synth_sample_release(&s);
        sl_page_release(&p);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void test_pages_fit_into_the_size_asked_for(void **state)
{
    (void)state;
    for (int task = 0; task < sl_family_ocr.n_tasks; task++)
        for (int level = 0; level < 3; level++) {
            struct sl_synth_request r = {.task = task, .level = level, .width = 336, .height = 336};
            struct sl_synth_sample s;
            family_make(&sl_family_ocr, &r, (uint64_t)(7 * task + level), &s);
            assert_int_equal(s.media[0].width, 336);
            assert_int_equal(s.media[0].height, 336);
            sl_synth_sample_release(&s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_is_answered),
        cmocka_unit_test(test_same_seed_same_page),
        cmocka_unit_test(test_the_validator_sees_polygons_that_are_off),
        cmocka_unit_test(test_surfaces_land_where_their_points_do),
        cmocka_unit_test(test_receipts_add_up),
        cmocka_unit_test(test_pages_fit_into_the_size_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
