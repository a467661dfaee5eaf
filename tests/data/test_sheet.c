/*
 * test_sheet.c: what a sheet shows of a sample, where shapes are drawn, and that nothing from data becomes HTML.
 */
#include "data/sheet.h"

#include "data/loader_test.h"
#include "data/row.h"

static struct sl_data_limits limits;
static struct sl_row row;
static struct sl_sample sample;
static struct sl_buf out = SL_BUF_INIT((size_t)1 << 24);
static sl_error err;

static int set_up(void **state)
{
    (void)state;
    const struct sl_row_place place = {.folder = ".", .limits = &limits};
    sl_data_limits_defaults(&limits);
    sl_sample_init(&sample, limits.max_sample_bytes);
    sl_row_begin(&row, &place, &sample, &err);
    assert_true(sl_sample_set_place(&sample, "s", "row <1>"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_row_release(&row);
    sl_sample_release(&sample);
    sl_buf_release(&out);
    return 0;
}

static void say(sl_sample_role role, const char *text)
{
    sl_row_message(&row, role);
    sl_row_text(&row, text, strlen(text));
}

static void show(const char *name)
{
    const char *path = test_temp_path(name);
    test_write_png(path, 40, 30, 1);
    sl_row_blob(&row, SL_MEDIA_IMAGE, name, &(struct sl_blob){.path = path});
}

/* Adds the sample; returns the sheet. */
static const char *sheet(void)
{
    assert_sl_ok(sl_row_finish(&row), &err);
    sl_sheet_begin("T<itle", "about", &out);
    assert_sl_ok(sl_sheet_add(&sample, "source", NULL, &out, &err), &err);
    sl_sheet_end(&out);
    assert_true(sl_buf_ok(&out));
    return sl_buf_str(&out);
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)); p++) n++;
    return n;
}

static void pictures_and_messages_stand_in_order(void **state)
{
    (void)state;
    say(SL_SAMPLE_USER, "before");
    show("a.png");
    sl_row_text(&row, "after", 5);
    say(SL_SAMPLE_ASSISTANT, "answer");
    const char *html = sheet();
    const char *before = strstr(html, "before"), *picture = strstr(html, "src=\"data:image/png;base64,iVBOR"),
               *after = strstr(html, "after</p>"), *answer = strstr(html, "answer</p>");
    assert_true(before && picture && after && answer);
    assert_true(before < picture && picture < after && after < answer);
    assert_non_null(strstr(html, "<section class=assistant>"));
}

static void shapes_are_drawn_where_they_are(void **state)
{
    (void)state;
    say(SL_SAMPLE_USER, "where?");
    show("a.png");
    say(SL_SAMPLE_ASSISTANT, "<point>100 200</point> <bbox>10 20 110 220</bbox> <polygon>1 2 3 4 5 6</polygon>");
    const char *html = sheet();
    assert_non_null(strstr(html, "<path class=\"dot c0\" d=\"M100.5 200.5h.01\"/>"));
    assert_non_null(strstr(html, "<rect class=\"c1\" x=\"10.5\" y=\"20.5\" width=\"100.0\" height=\"200.0\"/>"));
    assert_non_null(strstr(html, "<polygon class=\"c2\" points=\"1.5,2.5 3.5,4.5 5.5,6.5 \"/>"));
    /* The text that says them has their colours. */
    assert_non_null(strstr(html, "<mark class=c0>&lt;point&gt;100 200&lt;/point&gt;</mark> <mark class=c1>&lt;bbox"));
}

static void boxes_in_space_are_drawn_through_the_assumed_camera(void **state)
{
    (void)state;
    say(SL_SAMPLE_USER, "where?");
    show("a.png");
    say(SL_SAMPLE_ASSISTANT, "<3dbbox>0 0 4 1 1 1 0 0 0</3dbbox>");
    assert_int_equal(count(sheet(), "<path class=\"c0\" d=\"M"), 12);
}

static void shapes_lie_on_the_last_picture_before_them(void **state)
{
    (void)state;
    say(SL_SAMPLE_USER, "one ");
    show("a.png");
    say(SL_SAMPLE_ASSISTANT, "<point>1 1</point>");
    say(SL_SAMPLE_USER, "two, and this <bbox>1 2 3 4</bbox> in the first");
    show("b.png");
    say(SL_SAMPLE_ASSISTANT, "<point>2 2</point>");
    const char *html = sheet();
    const char *a = strstr(html, "alt=\"a.png\""), *b = strstr(html, "alt=\"b.png\"");
    const char *one = strstr(html, "M1.5 1.5h"), *two = strstr(html, "M2.5 2.5h"),
               *asked = strstr(html, "<rect class=\"c0 asked\"");
    assert_true(a && b && one && two && asked);
    assert_true(a < one && one < b && b < two && asked > a && asked < b);
}

static void what_comes_from_data_is_escaped(void **state)
{
    (void)state;
    say(SL_SAMPLE_USER, "<script>alert(\"1\")</script> & more");
    sl_row_blob(&row, SL_MEDIA_IMAGE, "\"><img src=x>", &(struct sl_blob){.path = "/nonexistent<b>"});
    sample.domain = "<i>domain";
    sample.truth = "{\"a\":\"<u>\"}";
    sample.n_truth = strlen(sample.truth);
    const char *html = sheet();
    assert_non_null(strstr(html, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; more"));
    assert_int_equal(count(html, "<script>"), 1); /* the sheet's own */
    assert_null(strstr(html, "<img src=x>"));
    assert_null(strstr(html, "<b>domain"));
    assert_null(strstr(html, "<i>"));
    assert_null(strstr(html, "<u>"));
    assert_null(strstr(html, "T<itle"));
    assert_non_null(strstr(html, "row &lt;1&gt;"));
    assert_null(strstr(html, "nonexistent<b>"));
}

static void a_picture_that_is_none_leaves_its_reason(void **state)
{
    (void)state;
    const char *path = test_temp_path("none.png");
    test_write_file(path, "hello", 5);
    say(SL_SAMPLE_USER, "x");
    sl_row_blob(&row, SL_MEDIA_IMAGE, "lost", &(struct sl_blob){.path = "/nonexistent.png"});
    sl_row_blob(&row, SL_MEDIA_IMAGE, "odd", &(struct sl_blob){.path = path});
    const char *html = sheet();
    assert_non_null(strstr(html, "lost: cannot open /nonexistent.png"));
    assert_non_null(strstr(html, "odd: "));
    assert_null(strstr(html, "<figure>"));
}

static void large_pictures_and_frames_are_shown_smaller(void **state)
{
    (void)state;
    static uint8_t noise[700 << 10];
    json_t *frames = json_array();
    const char *path = test_temp_path("big.png");
    test_write_png(path, 1600, 1200, 1);
    FILE *f = fopen(path, "ab"); /* what follows the end of a picture is ignored */
    assert_int_equal(fwrite(noise, 1, sizeof noise, f), sizeof noise);
    fclose(f);
    say(SL_SAMPLE_USER, "x");
    sl_row_blob(&row, SL_MEDIA_IMAGE, "big", &(struct sl_blob){.path = path});
    row.place.folder = test_temp_dir();
    test_write_png(test_temp_path("f.png"), 64, 64, 1);
    for (int i = 0; i < 3; i++) json_array_append_new(frames, json_string("f.png"));
    assert_non_null(sl_row_frames(&row, frames));
    say(SL_SAMPLE_ASSISTANT, "ok");
    const char *html = sheet();
    assert_int_equal(count(html, "src=\"data:image/jpeg;base64,"), 4);
    assert_int_equal(count(html, " s</p><figure>"), 3);
    json_decref(frames);
}

static void what_is_wrong_with_an_answer_is_said(void **state)
{
    (void)state;
    say(SL_SAMPLE_USER, "x");
    say(SL_SAMPLE_ASSISTANT, "<point>1 2000</point>");
    assert_int_equal(count(sheet(), "<p class=\"text bad\">"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pictures_and_messages_stand_in_order),
        TEST(shapes_are_drawn_where_they_are),
        TEST(boxes_in_space_are_drawn_through_the_assumed_camera),
        TEST(shapes_lie_on_the_last_picture_before_them),
        TEST(what_comes_from_data_is_escaped),
        TEST(a_picture_that_is_none_leaves_its_reason),
        TEST(large_pictures_and_frames_are_shown_smaller),
        TEST(what_is_wrong_with_an_answer_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
