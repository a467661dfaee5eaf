/*
 * test_answer_print.c: answers printed: what is refused, and that what was printed reads back the same; coordinates.
 */
#include "test.h"

#include "base/rng.h"
#include "text/answer.h"

#include <math.h>

static void what_the_language_cannot_say_is_refused(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(1 << 12);
    struct sl_answer_point points[] = {{.x = 1000}, {.y = -1}, {.x = NAN}, {.x = 999.01}};
    struct sl_answer_box boxes[] = {{5, 0, 4, 9, {0}, {0}}, {0, 5, 9, 4, {0}, {0}}, {0, 0, 1000, 9, {0}, {0}}};
    struct sl_box3d boxes3d[] = {{{0, 0, 0}, {1, -1, 1}, {0, 0, 0}},
                                 {{0, 0, 0}, {1, 1, 1}, {0, 1.5, 0}},
                                 {{INFINITY, 0, 0}, {1, 1, 1}, {0, 0, 0}},
                                 {{0, 0, 0}, {1, 1, NAN}, {0, 0, 0}}};
    struct sl_answer_time times[] = {{.start = -1}, {.start = 2, .end = 1, .is_span = true}, {.start = INFINITY}};
    struct sl_answer_action hotkey = {.kind = SL_ACTION_HOTKEY}, click = {.kind = SL_ACTION_CLICK, .x = 1000};
    double line[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < 4; i++) assert_int_equal(sl_answer_print_point(&points[i], &out, NULL), SL_ERR_ARGUMENT);
    for (size_t i = 0; i < 3; i++) assert_int_equal(sl_answer_print_box(&boxes[i], &out, NULL), SL_ERR_ARGUMENT);
    for (size_t i = 0; i < 4; i++) assert_int_equal(sl_answer_print_box3d(&boxes3d[i], &out, NULL), SL_ERR_ARGUMENT);
    for (size_t i = 0; i < 3; i++) assert_int_equal(sl_answer_print_time(&times[i], &out, NULL), SL_ERR_ARGUMENT);
    assert_int_equal(sl_answer_print_polygon(line, 2, &out, NULL), SL_ERR_ARGUMENT);
    assert_int_equal(sl_answer_print_label("a</text>", 8, &out, NULL), SL_ERR_ARGUMENT);
    assert_int_equal(sl_answer_print_action(&hotkey, "Ctrl", 4, &out, NULL), SL_ERR_ARGUMENT);
    assert_int_equal(sl_answer_print_action(&hotkey, "a b c d", 7, &out, NULL), SL_ERR_ARGUMENT);
    assert_int_equal(sl_answer_print_action(&click, "", 0, &out, NULL), SL_ERR_ARGUMENT);
    assert_int_equal(out.len, 0);
    sl_buf_release(&out);
}

/* Random items, printed, parsed, must be the same items; numbers have 0 to 6 decimals. */
static double random_number(struct sl_rng *r, double max)
{
    static const double scale[] = {1, 10, 100, 1000, 1e4, 1e5, 1e6};
    double s = scale[sl_rng_below(r, 7)];
    return round(sl_rng_float(r) * max * s) / s;
}

static void printing_and_parsing_give_back_the_same_numbers(void **state)
{
    (void)state;
    struct sl_rng r;
    sl_rng_init(&r, 11, 0);
    struct sl_answer a = {0};
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    for (int k = 0; k < 3000; k++) {
        struct sl_answer_point p = {.x = random_number(&r, 999), .y = random_number(&r, 999)};
        struct sl_answer_box b = {.x1 = random_number(&r, 500), .y1 = random_number(&r, 500)};
        b.x2 = b.x1 + sl_rng_below(&r, 499);
        b.y2 = random_number(&r, 499) + 500;
        struct sl_box3d s;
        for (int i = 0; i < 3; i++) {
            s.center[i] = random_number(&r, 100) - 50;
            s.size[i] = random_number(&r, 10);
            s.angles[i] = random_number(&r, 1);
        }
        struct sl_answer_time t = {.start = random_number(&r, 3000), .is_span = sl_rng_below(&r, 2)};
        t.end = t.is_span ? t.start + sl_rng_below(&r, 9000) : t.start;
        t.form = (enum sl_time_form)sl_rng_below(&r, 3);
        sl_buf_clear(&out);
        assert_sl_ok(sl_answer_print_point(&p, &out, &err), &err);
        assert_sl_ok(sl_answer_print_box(&b, &out, &err), &err);
        assert_sl_ok(sl_answer_print_box3d(&s, &out, &err), &err);
        assert_sl_ok(sl_answer_print_time(&t, &out, &err), &err);
        assert_sl_ok(sl_answer_parse(out.data, out.len, 0, &a, &err), &err);
        assert_int_equal(a.n_problems, 0);
        assert_int_equal(a.n_points + a.n_boxes + a.n_boxes3d + a.n_times, 4);
        /* Differences of decimals are no decimals of 15 digits themselves; equal to the last digit that is printed. */
        assert_true(a.points[0].x == p.x && a.points[0].y == p.y && a.boxes[0].x1 == b.x1 && a.boxes[0].y1 == b.y1);
        assert_float_equal(a.boxes[0].x2, b.x2, 1e-11);
        for (int i = 0; i < 3; i++) {
            assert_float_equal(a.boxes3d[0].box.center[i], s.center[i], 1e-12);
            assert_true(a.boxes3d[0].box.size[i] == s.size[i] && a.boxes3d[0].box.angles[i] == s.angles[i]);
        }
        assert_true(a.times[0].start == t.start && a.times[0].form == t.form && a.times[0].is_span == t.is_span);
        assert_float_equal(a.times[0].end, t.end, 1e-9);
    }
    sl_buf_release(&out);
    sl_answer_release(&a);
}

static void any_typed_bytes_come_back(void **state)
{
    (void)state;
    static const char alphabet[] = "'\"\\nt,=() \n\r\t\0<>a\xC3";
    struct sl_rng r;
    sl_rng_init(&r, 12, 0);
    struct sl_answer a = {0};
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    for (int k = 0; k < 5000; k++) {
        char text[16];
        size_t n = sl_rng_below(&r, sizeof text);
        for (size_t i = 0; i < n; i++) text[i] = alphabet[sl_rng_below(&r, sizeof alphabet - 1)];
        struct sl_answer_action type = {.kind = SL_ACTION_TYPE};
        sl_buf_clear(&out);
        sl_buf_addstr(&out, "Action: ");
        assert_sl_ok(sl_answer_print_action(&type, text, n, &out, &err), &err);
        assert_sl_ok(sl_answer_parse(out.data, out.len, 0, &a, &err), &err);
        assert_int_equal(a.n_problems, 0);
        assert_int_equal(a.n_actions, 1);
        assert_int_equal(a.actions[0].text.end - a.actions[0].text.begin, n);
        if (n) assert_memory_equal(a.strings.data + a.actions[0].text.begin, text, n);
    }
    sl_buf_release(&out);
    sl_answer_release(&a);
}

/* --- coordinates ---------------------------------------------------------------------------------------------- */

static void pixels_become_coordinates(void **state)
{
    (void)state;
    static const struct {
        double x;
        int size, want;
    } table[] = {{0, 640, 0},        {639, 640, 998}, {640, 640, 999}, {320, 640, 500},   {1, 1000, 1},
                 {999.9, 1000, 999}, {1, 3, 333},     {-0.1, 640, -1}, {640.1, 640, -1},  {NAN, 640, -1},
                 {0, 0, -1},         {5, -5, -1},     {0.1, 100, 1},   {1919, 1920, 999}, {0.99, 1000, 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(sl_coordinate_from_pixel(table[i].x, table[i].size), table[i].want);
}

static void every_coordinate_comes_back_from_its_centre(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 7, 28, 333, 640, 999, 1000, 1001, 1080, 1920, 4096, 59999, 2147483647};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int v = 0; v <= 999; v++) {
            int size = sizes[i];
            double begin = sl_coordinate_to_pixel(v, size), center = sl_coordinate_to_pixel_center(v, size);
            assert_int_equal(sl_coordinate_from_pixel(center, size), v);
            assert_true(begin >= 0 && begin < center && center < size);
            assert_float_equal(begin * 1000 / size, v, 1e-9);
            /* Rounding may put a strip's begin a hair into the strip before. */
            int back = sl_coordinate_from_pixel(begin, size);
            assert_true(back == v || back == v - 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_language_cannot_say_is_refused),
        cmocka_unit_test(printing_and_parsing_give_back_the_same_numbers),
        cmocka_unit_test(any_typed_bytes_come_back),
        cmocka_unit_test(pixels_become_coordinates),
        cmocka_unit_test(every_coordinate_comes_back_from_its_centre),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
