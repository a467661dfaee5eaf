/*
 * test_draw.c: what is drawn stands where it should and nowhere else, and no number that a model writes does harm.
 * With SEEDLING_DRAW_OUT=FOLDER the last test leaves its pictures there, to be looked at.
 */
#include "test.h"

#include "base/camera.h"
#include "media/contact.h"
#include "media/draw.h"
#include "media/picture_write.h"

#include <math.h>
#include <stdbool.h>

enum { WIDTH = 320, HEIGHT = 240, GREY = 100 };

static struct sl_picture plain(int width, int height)
{
    struct sl_picture p;
    sl_error err;
    assert_sl_ok(sl_picture_new(&p, width, height, SL_PICTURE_MAX_PIXELS, &err), &err);
    memset(p.rgb, GREY, (size_t)width * (size_t)height * 3);
    return p;
}

static struct sl_canvas *open_canvas(struct sl_picture *p)
{
    struct sl_canvas *c;
    sl_error err;
    assert_sl_ok(sl_canvas_open(&c, p, &err), &err);
    return c;
}

static void close_canvas(struct sl_canvas *c)
{
    sl_error err;
    assert_sl_ok(sl_canvas_close(&c, &err), &err);
    assert_null(c);
}

static bool drawn(const struct sl_picture *p, int x, int y)
{
    const uint8_t *v = p->rgb + 3 * (y * p->width + x);
    return v[0] != GREY || v[1] != GREY || v[2] != GREY;
}

/* Counts the drawn pixels inside (inside = true) or outside of [x1, x2) x [y1, y2). */
static int count(const struct sl_picture *p, int x1, int y1, int x2, int y2, bool inside)
{
    int n = 0;
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) n += drawn(p, x, y) && (x >= x1 && x < x2 && y >= y1 && y < y2) == inside;
    return n;
}

static void an_untouched_canvas_keeps_every_pixel(void **state)
{
    (void)state;
    struct sl_picture p = plain(37, 11);
    for (int i = 0; i < 37 * 11 * 3; i++) p.rgb[i] = (uint8_t)(i * 7);
    close_canvas(open_canvas(&p));
    for (int i = 0; i < 37 * 11 * 3; i++) assert_int_equal(p.rgb[i], (uint8_t)(i * 7));
    sl_picture_free(&p);
}

static void a_point_is_a_dot_in_a_ring(void **state)
{
    (void)state;
    struct sl_picture p = plain(1000, 1000);
    struct sl_canvas *c = open_canvas(&p);
    double w = sl_canvas_line_width(c);
    assert_true(fabs(w - 4) < 1e-9);
    sl_canvas_point(c, 500, 400);
    close_canvas(c);
    const uint8_t *centre = p.rgb + 3 * (400 * 1000 + 500);
    assert_true(centre[0] == 255 && centre[1] == 59 && centre[2] == 48);
    assert_false(drawn(&p, 505, 400)); /* between dot and ring */
    assert_true(drawn(&p, 512, 400) && drawn(&p, 487, 400) && drawn(&p, 500, 412) && drawn(&p, 500, 387));
    assert_int_equal(count(&p, 500 - 16, 400 - 16, 500 + 16, 400 + 16, false), 0);
    sl_picture_free(&p);
}

static void a_box_is_its_outline_whichever_corners_are_given(void **state)
{
    (void)state;
    struct sl_picture p = plain(WIDTH, HEIGHT), q = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p), *d = open_canvas(&q);
    sl_canvas_box(c, 50, 60, 200, 180);
    sl_canvas_box(d, 200, 60, 50, 180);
    close_canvas(c);
    close_canvas(d);
    assert_true(drawn(&p, 50, 120) && drawn(&p, 200, 120) && drawn(&p, 120, 60) && drawn(&p, 120, 180));
    assert_int_equal(count(&p, 54, 64, 196, 176, true), 0);
    assert_int_equal(count(&p, 46, 56, 204, 184, false), 0);
    assert_memory_equal(p.rgb, q.rgb, WIDTH * HEIGHT * 3);
    sl_picture_free(&p);
    sl_picture_free(&q);
}

static void a_polygon_is_closed_and_lightly_filled(void **state)
{
    (void)state;
    static const double points[][2] = {{50, 50}, {250, 50}, {150, 200}};
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    sl_canvas_colour(c, 1);
    sl_canvas_polygon(c, points, 3);
    close_canvas(c);
    const uint8_t *inside = p.rgb + 3 * (90 * WIDTH + 150);
    assert_in_range(inside[1], GREY + 10, GREY + 60); /* a fifth green */
    assert_in_range(inside[0], GREY - 30, GREY - 10);
    assert_true(p.rgb[3 * (125 * WIDTH + 100) + 1] > 150); /* on the edge that closes it */
    assert_int_equal(count(&p, 45, 45, 255, 205, false), 0);
    sl_picture_free(&p);
}

static void a_polygon_around_the_picture_fills_all_of_it(void **state)
{
    (void)state;
    static const double points[][2] = {{-1e9, -1e9}, {1e9, -1e9}, {1e9, 1e9}, {-1e9, 1e9}};
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    sl_canvas_polygon(c, points, 4);
    close_canvas(c);
    assert_int_equal(count(&p, 0, 0, WIDTH, HEIGHT, true), WIDTH * HEIGHT);
    sl_picture_free(&p);
}

static void a_line_from_far_away_keeps_its_direction(void **state)
{
    (void)state;
    /* Through (100, 100) at 45 degrees, from beyond what cairo can hold. */
    static const double line[1][4] = {{-1e9 + 100, -1e9 + 100, 1e9 + 100, 1e9 + 100}};
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    sl_canvas_segments(c, line, 1);
    close_canvas(c);
    assert_true(drawn(&p, 0, 0) && drawn(&p, 100, 100) && drawn(&p, 239, 239));
    assert_false(drawn(&p, 110, 100) || drawn(&p, 200, 100));
    sl_picture_free(&p);
}

static void a_box_in_space_shows_its_edges_and_its_front(void **state)
{
    (void)state;
    struct sl_camera camera = sl_camera_default(WIDTH, HEIGHT);
    struct sl_box3d box = {.center = {0, 0, 5}, .size = {2, 2, 2}};
    double corners[8][3], pixels[8][2], segments[12][4];
    struct sl_picture p = plain(WIDTH, HEIGHT), q = plain(WIDTH, HEIGHT);
    sl_box3d_corners(&box, corners);
    for (int i = 0; i < 8; i++) assert_true(sl_camera_project(&camera, corners[i], pixels[i]));
    struct sl_canvas *c = open_canvas(&p), *d = open_canvas(&q);
    sl_canvas_box3d(c, (const double(*)[2])pixels);
    sl_canvas_segments(d, (const double(*)[4])segments, sl_camera_box_edges(&camera, &box, segments));
    close_canvas(c);
    close_canvas(d);
    for (int i = 0; i < 8; i++) {
        assert_true(drawn(&p, (int)pixels[i][0], (int)pixels[i][1]));
        assert_true(drawn(&q, (int)pixels[i][0], (int)pixels[i][1]));
    }
    assert_true(drawn(&p, WIDTH / 2, HEIGHT / 2)); /* the filled face */
    assert_false(drawn(&q, WIDTH / 2, HEIGHT / 2));
    assert_int_equal(
        count(&p, (int)pixels[0][0] - 4, (int)pixels[0][1] - 4, (int)pixels[3][0] + 4, (int)pixels[3][1] + 4, false),
        0);
    sl_picture_free(&p);
    sl_picture_free(&q);
}

static void a_corner_behind_the_camera_takes_only_its_edges(void **state)
{
    (void)state;
    double pixels[8][2] = {{100, 80},  {200, 80},  {100, 160}, {200, 160},
                           {130, 100}, {230, 100}, {130, 180}, {230, 180}};
    pixels[4][0] = pixels[4][1] = NAN;
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    sl_canvas_box3d(c, (const double(*)[2])pixels);
    close_canvas(c);
    assert_true(drawn(&p, 100, 80) && drawn(&p, 230, 140) && drawn(&p, 180, 180));
    assert_false(drawn(&p, 210, 100) && drawn(&p, 220, 100));
    sl_picture_free(&p);
}

static void a_label_stays_in_the_picture(void **state)
{
    (void)state;
    static const double at[][2] = {{20, 100}, {-500, -500}, {1e12, 1e12}, {310, 3}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct sl_picture p = plain(WIDTH, HEIGHT);
        struct sl_canvas *c = open_canvas(&p);
        sl_canvas_label(c, at[i][0], at[i][1], "a cat");
        close_canvas(c);
        int n = count(&p, 0, 0, WIDTH, HEIGHT, true);
        assert_in_range(n, 150, 2000);
        if (i == 0) assert_int_equal(count(&p, 18, 70, 80, 101, false), 0);
        sl_picture_free(&p);
    }
}

static void broken_text_does_not_stop_the_drawing(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xff\xfe",     "a\xc0\x80z",       "\xe4\xbd",
                                        "\xed\xa0\x80", "\xf5\x90\x80\x80", "",
                                        "a\nb\tc\x7f",  "\xe7\x8c\xab",     "\xf0\x9f\x90\xb1"};
    char large[5000];
    memset(large, 'W', sizeof large - 1);
    large[sizeof large - 1] = 0;
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) sl_canvas_label(c, 10, 200, texts[i]);
    sl_canvas_label(c, 10, 200, large);
    assert_int_equal(count(&p, 0, 0, WIDTH, HEIGHT, true), 0); /* not before it is closed */
    sl_canvas_box(c, 50, 20, 100, 60);
    close_canvas(c);
    assert_true(drawn(&p, 75, 20));
    sl_picture_free(&p);
}

static void no_number_does_harm(void **state)
{
    (void)state;
    static const double numbers[] = {NAN,          INFINITY, -INFINITY, 1e308,  -1e308, 1e15,   -1e15,
                                     2147483648.0, -8388609, 0,         1e-300, 32768,  -32769, 100};
    enum { N = sizeof numbers / sizeof *numbers };
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    for (int i = 0; i < N * N; i++) {
        double x = numbers[i % N], y = numbers[i / N];
        const double points[5][2] = {{x, y}, {y, x}, {100, y}, {x, 50}, {x, y}};
        const double corners[8][2] = {{x, y}, {y, x}, {1, 2}, {x, 3}, {5, y}, {x, x}, {y, y}, {100, 100}};
        const double area[4] = {0, 0, x, y};
        sl_canvas_colour(c, i);
        sl_canvas_point(c, x, y);
        sl_canvas_box(c, x, y, 100, 100);
        for (int n = -1; n <= 5; n++) sl_canvas_polygon(c, points, n);
        sl_canvas_box3d(c, corners);
        sl_canvas_label(c, x, y, "x");
        sl_canvas_caption(c, area, x, "x");
    }
    close_canvas(c);
    sl_picture_free(&p);
}

static void the_smallest_picture_can_be_drawn_on_and_one_too_large_is_refused(void **state)
{
    (void)state;
    struct sl_picture p = plain(1, 1), large = plain(SL_CANVAS_MAX_SIDE + 1, 1);
    struct sl_canvas *c = open_canvas(&p);
    sl_error err;
    sl_canvas_point(c, 0.5, 0.5);
    sl_canvas_label(c, 0, 0, "label");
    close_canvas(c);
    assert_true(drawn(&p, 0, 0));
    assert_int_equal(sl_canvas_open(&c, &large, &err), SL_ERR_UNSUPPORTED);
    assert_null(c);
    sl_picture_free(&p);
    sl_picture_free(&large);
}

static void a_caption_stays_in_its_area(void **state)
{
    (void)state;
    static const double area[4] = {20, 30, 90, 44};
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    sl_canvas_caption(c, area, 12, "a caption that is much longer than its area");
    close_canvas(c);
    assert_true(count(&p, 20, 30, 90, 44, true) > 50);
    assert_int_equal(count(&p, 20, 30, 90, 44, false), 0);
    sl_picture_free(&p);
}

static void a_contact_sheet_shows_every_picture_in_its_cell(void **state)
{
    (void)state;
    struct sl_picture sheet, wide = plain(400, 100), small = plain(10, 20);
    const struct sl_contact items[] = {{wide, "wide"}, {small, NULL}, {wide, "again"}};
    sl_error err;
    assert_sl_ok(sl_contact_sheet(items, 3, 2, 160, &sheet, &err), &err);
    assert_int_equal(sheet.width, 10 + 2 * 170);
    assert_int_equal(sheet.height, 10 + 2 * 190);
    const uint8_t *v = sheet.rgb;
#define AT(x, y) v[3 * ((y)*sheet.width + (x))]
    assert_true(AT(90, 90) == GREY && AT(11, 72) == GREY && AT(90, 68) == 255); /* 160x40, in the middle */
    assert_true(AT(260, 90) == GREY && AT(254, 90) == 255 && AT(260, 79) == 255 && AT(260, 80) == GREY);
    assert_true(AT(90, 280) == GREY && AT(260, 280) == 255);
    int dark = 0;
    for (int y = 170; y < 190; y++)
        for (int x = 10; x < 170; x++) dark += AT(x, y) < 128;
    assert_true(dark > 10);
#undef AT
    sl_picture_free(&sheet);
    assert_int_equal(sl_contact_sheet(items, 0, 2, 160, &sheet, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_contact_sheet(items, 3, 0, 160, &sheet, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_contact_sheet(items, 3, 2, 5000, &sheet, &err), SL_ERR_ARGUMENT);
    const struct sl_contact none = {{0}, "none"};
    assert_int_equal(sl_contact_sheet(&none, 1, 2, 160, &sheet, &err), SL_ERR_ARGUMENT);
    assert_null(sheet.rgb);
    sl_picture_free(&wide);
    sl_picture_free(&small);
}

static void the_colours_differ(void **state)
{
    (void)state;
    struct sl_picture p = plain(WIDTH, HEIGHT);
    struct sl_canvas *c = open_canvas(&p);
    for (int i = 0; i < SL_N_COLOURS; i++) {
        sl_canvas_colour(c, i);
        sl_canvas_point(c, 20.5 + 28 * i, 100.5);
    }
    close_canvas(c);
    for (int i = 0; i < SL_N_COLOURS; i++)
        for (int j = 0; j < i; j++) {
            int apart = 0;
            const uint8_t *a = p.rgb + 3 * (100 * WIDTH + 20 + 28 * i), *b = p.rgb + 3 * (100 * WIDTH + 20 + 28 * j);
            for (int k = 0; k < 3; k++) apart += abs(a[k] - b[k]);
            assert_true(apart > 60);
        }
    sl_picture_free(&p);
}

static void everything_together_can_be_looked_at(void **state)
{
    (void)state;
    const char *folder = getenv("SEEDLING_DRAW_OUT");
    static const double polygon[][2] = {{330, 60}, {420, 40}, {470, 120}, {400, 170}, {340, 130}};
    struct sl_picture p = plain(640, 480), sheet;
    for (int i = 0; i < 640 * 480 * 3; i++) p.rgb[i] = (uint8_t)(i / 3 % 640 / 4 + i / 1920 / 8);
    struct sl_camera camera = sl_camera_default(640, 480);
    struct sl_box3d box = {.center = {0.5, 0.9, 5}, .size = {2, 1, 1.5}, .angles = {0.05, 0.2, 0}};
    double corners[8][3], pixels[8][2];
    sl_error err;
    sl_box3d_corners(&box, corners);
    for (int i = 0; i < 8; i++) assert_true(sl_camera_project(&camera, corners[i], pixels[i]));
    struct sl_canvas *c = open_canvas(&p);
    sl_canvas_box(c, 40, 60, 220, 200);
    sl_canvas_label(c, 40, 60, "a box: \xc3\xa9t\xc3\xa9");
    sl_canvas_colour(c, 1);
    sl_canvas_polygon(c, polygon, 5);
    sl_canvas_label(c, 330, 40, "polygon");
    sl_canvas_colour(c, 3);
    sl_canvas_box3d(c, (const double(*)[2])pixels);
    sl_canvas_label(c, 300, 280, "box in space");
    for (int i = 0; i < SL_N_COLOURS; i++) {
        sl_canvas_colour(c, i);
        sl_canvas_point(c, 40 + 60 * i, 440);
    }
    sl_canvas_label(c, 620, 470, "at the corner");
    close_canvas(c);
    const struct sl_contact items[] = {
        {p, "first.png"}, {p, "a caption that is too long for the cell it has"}, {p, "3"}};
    assert_sl_ok(sl_contact_sheet(items, 3, 2, 256, &sheet, &err), &err);
    const char *names[] = {"drawn.png", "sheet.png"};
    for (int i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder ? folder : test_temp_dir(), names[i]);
        assert_sl_ok(sl_picture_write(i ? &sheet : &p, path, &err), &err);
    }
    sl_picture_free(&p);
    sl_picture_free(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_untouched_canvas_keeps_every_pixel),
        cmocka_unit_test(a_point_is_a_dot_in_a_ring),
        cmocka_unit_test(a_box_is_its_outline_whichever_corners_are_given),
        cmocka_unit_test(a_polygon_is_closed_and_lightly_filled),
        cmocka_unit_test(a_polygon_around_the_picture_fills_all_of_it),
        cmocka_unit_test(a_line_from_far_away_keeps_its_direction),
        cmocka_unit_test(a_box_in_space_shows_its_edges_and_its_front),
        cmocka_unit_test(a_corner_behind_the_camera_takes_only_its_edges),
        cmocka_unit_test(a_label_stays_in_the_picture),
        cmocka_unit_test(broken_text_does_not_stop_the_drawing),
        cmocka_unit_test(no_number_does_harm),
        cmocka_unit_test(the_smallest_picture_can_be_drawn_on_and_one_too_large_is_refused),
        cmocka_unit_test(a_caption_stays_in_its_area),
        cmocka_unit_test(a_contact_sheet_shows_every_picture_in_its_cell),
        cmocka_unit_test(the_colours_differ),
        cmocka_unit_test(everything_together_can_be_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
