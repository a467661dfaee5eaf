/*
 * test_resize.c: resized pixels and the sizes chosen against Pillow and the published rule; the golden files are made
 * by scripts/golden/pillow_resize.py.
 */
#include "test.h"

#include "base/buf.h"
#include "base/file.h"
#include "media/resize.h"

/* Slopes, edges and noise: the same numbers as pattern() of the script. */
static void draw_pattern(struct sl_picture *p)
{
    uint32_t state = 1;
    uint8_t *out = p->rgb;
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            state = state * 1664525u + 1013904223u;
            *out++ = (uint8_t)(x * 5 + y * 3);
            *out++ = (x / 4 + y / 4) % 2 ? 255 : 0;
            *out++ = (uint8_t)(state >> 24);
        }
}

static struct sl_picture new_pattern(int width, int height)
{
    struct sl_picture p;
    sl_error err;
    assert_sl_ok(sl_picture_new(&p, width, height, SL_PICTURE_MAX_PIXELS, &err), &err);
    draw_pattern(&p);
    return p;
}

static void resizing_gives_the_golden_bytes(void **state)
{
    (void)state;
    struct sl_buf golden = SL_BUF_INIT(1 << 20);
    sl_error err;
    assert_sl_ok(sl_file_read("tests/media/golden/resize.bin", &golden, &err), &err);
    int n_cases = 0;
    for (size_t at = 0; at < golden.len; n_cases++) {
        int32_t head[5]; /* width, height, new width, new height, filter */
        memcpy(head, golden.data + at, sizeof head);
        at += sizeof head;
        struct sl_picture in = new_pattern(head[0], head[1]), out;
        sl_filter filter = head[4] ? SL_FILTER_BICUBIC : SL_FILTER_BILINEAR;
        assert_sl_ok(sl_picture_resize(&in, head[2], head[3], filter, 1 + n_cases % 3, &out, &err), &err);
        size_t n = (size_t)head[2] * (size_t)head[3] * 3;
        for (size_t i = 0; i < n; i++)
            if (out.rgb[i] != (uint8_t)golden.data[at + i])
                fail_msg("%dx%d to %dx%d, filter %d: byte %zu is %d, not %d", head[0], head[1], head[2], head[3],
                         head[4], i, out.rgb[i], (uint8_t)golden.data[at + i]);
        at += n;
        sl_picture_free(&in);
        sl_picture_free(&out);
    }
    assert_int_equal(n_cases, 24);
    sl_buf_release(&golden);
}

static void a_flat_picture_stays_flat_at_every_size(void **state)
{
    (void)state;
    struct sl_picture in = new_pattern(37, 23), out;
    sl_error err;
    memset(in.rgb, 201, 37 * 23 * 3);
    for (int size = 1; size < 90; size += 11)
        for (int filter = 0; filter < 2; filter++) {
            assert_sl_ok(
                sl_picture_resize(&in, size, 91 - size, filter ? SL_FILTER_BICUBIC : SL_FILTER_BILINEAR, 2, &out, &err),
                &err);
            for (int i = 0; i < size * (91 - size) * 3; i++) assert_int_equal(out.rgb[i], 201);
            sl_picture_free(&out);
        }
    sl_picture_free(&in);
}

static void the_number_of_threads_changes_nothing(void **state)
{
    (void)state;
    struct sl_picture in = new_pattern(301, 203), one, four;
    sl_error err;
    assert_sl_ok(sl_picture_resize(&in, 112, 84, SL_FILTER_BICUBIC, 1, &one, &err), &err);
    assert_sl_ok(sl_picture_resize(&in, 112, 84, SL_FILTER_BICUBIC, 4, &four, &err), &err);
    assert_memory_equal(one.rgb, four.rgb, 112 * 84 * 3);
    sl_picture_free(&in);
    sl_picture_free(&one);
    sl_picture_free(&four);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct sl_picture in = new_pattern(4, 4), out;
    sl_error err;
    assert_int_equal(sl_picture_resize(&in, 0, 4, SL_FILTER_BILINEAR, 1, &out, &err), SL_ERR_MEMORY);
    assert_null(out.rgb);
    assert_int_equal(sl_picture_resize(&in, 65535, 65535, SL_FILTER_BILINEAR, 1, &out, &err), SL_ERR_MEMORY);
    assert_null(out.rgb);
    sl_picture_free(&in);
}

static void the_size_follows_the_published_rule(void **state)
{
    (void)state;
    struct sl_buf golden = SL_BUF_INIT(1 << 20);
    sl_error err;
    assert_sl_ok(sl_file_read("tests/media/golden/fit.txt", &golden, &err), &err);
    int n_cases = 0;
    for (const char *line = golden.data; *line; line = strchr(line, '\n') + 1, n_cases++) {
        int w, h, expected_w, expected_h, new_w = 0, new_h = 0;
        struct sl_fit rule = sl_fit_default();
        long long low, high;
        assert_int_equal(sscanf(line, "%d %d %lld %lld %d %d", &w, &h, &low, &high, &expected_w, &expected_h), 6);
        rule.min_pixels = low;
        rule.max_pixels = high;
        assert_sl_ok(sl_picture_fit(&rule, w, h, &new_w, &new_h, &err), &err);
        if (new_w != expected_w || new_h != expected_h)
            fail_msg("%dx%d becomes %dx%d, not %dx%d", w, h, new_w, new_h, expected_w, expected_h);
    }
    assert_int_equal(n_cases, 402);
    sl_buf_release(&golden);
}

static void the_defaults_are_four_to_5120_tokens_of_28_pixels(void **state)
{
    (void)state;
    struct sl_fit rule = sl_fit_default();
    assert_int_equal(rule.factor, 28);
    assert_int_equal(rule.min_pixels, 3136);
    assert_int_equal(rule.max_pixels, 4014080);
}

static void sizes_without_an_answer_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct sl_fit rule;
        int width, height;
    } cases[] = {
        {{28, 3136, 4014080}, 201, 1},     {{28, 3136, 4014080}, 1, 201},
        {{28, 3136, 4014080}, 0, 5},       {{28, 3136, 4014080}, 5, -1},
        {{28, 3136, 4014080}, 70000, 800}, {{0, 3136, 4014080}, 50, 50},
        {{28, 3136, 3135}, 50, 50},        {{28, -5, 0}, 50, 50},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_error err = {0};
        int w, h;
        assert_int_equal(sl_picture_fit(&cases[i].rule, cases[i].width, cases[i].height, &w, &h, &err),
                         SL_ERR_ARGUMENT);
        assert_true(err.message[0]);
    }
    struct sl_fit rule = sl_fit_default();
    int w, h;
    sl_error err;
    assert_sl_ok(sl_picture_fit(&rule, 200, 1, &w, &h, &err), &err); /* exactly 200 is allowed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizing_gives_the_golden_bytes),
        cmocka_unit_test(a_flat_picture_stays_flat_at_every_size),
        cmocka_unit_test(the_number_of_threads_changes_nothing),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(the_size_follows_the_published_rule),
        cmocka_unit_test(the_defaults_are_four_to_5120_tokens_of_28_pixels),
        cmocka_unit_test(sizes_without_an_answer_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
