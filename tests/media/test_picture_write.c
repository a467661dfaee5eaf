/*
 * test_picture_write.c: what is written is read again, whole or not at all.
 */
#include "test.h"

#include "base/file.h"
#include "media/picture_write.h"

/* A smooth picture, which JPEG keeps well. */
static struct sl_picture slope(int width, int height)
{
    struct sl_picture p;
    sl_error err;
    assert_sl_ok(sl_picture_new(&p, width, height, SL_PICTURE_MAX_PIXELS, &err), &err);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *at = p.rgb + 3 * (y * width + x);
            at[0] = (uint8_t)(255 * x / width);
            at[1] = (uint8_t)(255 * y / height);
            at[2] = (uint8_t)(255 * (x + y) / (width + height));
        }
    return p;
}

/* Returns the largest difference; the sizes must be the same. */
static int difference(const struct sl_picture *a, const struct sl_picture *b)
{
    int most = 0;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (int i = 0; i < a->width * a->height * 3; i++) {
        int d = abs(a->rgb[i] - b->rgb[i]);
        if (d > most) most = d;
    }
    return most;
}

static int decoded_difference(const struct sl_picture *p, const struct sl_buf *file)
{
    struct sl_picture again;
    sl_error err;
    assert_sl_ok(sl_picture_decode(&again, file->data, file->len, SL_PICTURE_MAX_PIXELS, &err), &err);
    int d = difference(p, &again);
    sl_picture_free(&again);
    return d;
}

static void png_keeps_every_pixel(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {3, 200}, {301, 7}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sl_picture p = slope(sizes[i][0], sizes[i][1]);
        struct sl_buf b = SL_BUF_INIT(1 << 20);
        sl_error err;
        assert_sl_ok(sl_picture_encode_png(&p, &b, &err), &err);
        assert_int_equal(decoded_difference(&p, &b), 0);
        sl_buf_release(&b);
        sl_picture_free(&p);
    }
}

static void jpeg_keeps_more_at_a_higher_quality(void **state)
{
    (void)state;
    struct sl_picture p = slope(300, 200);
    size_t len[2];
    int d[2];
    sl_error err;
    for (int i = 0; i < 2; i++) {
        struct sl_buf b = SL_BUF_INIT(1 << 20);
        assert_sl_ok(sl_picture_encode_jpeg(&p, i ? 95 : 20, &b, &err), &err);
        d[i] = decoded_difference(&p, &b);
        len[i] = b.len;
        sl_buf_release(&b);
    }
    assert_true(d[1] < d[0] && d[1] <= 8);
    assert_true(len[0] < len[1]);
    sl_picture_free(&p);
}

static void a_quality_out_of_range_is_refused(void **state)
{
    (void)state;
    struct sl_picture p = slope(4, 4);
    struct sl_buf b = SL_BUF_INIT(1 << 20);
    sl_error err;
    assert_int_equal(sl_picture_encode_jpeg(&p, 0, &b, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_picture_encode_jpeg(&p, 101, &b, &err), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "101"));
    assert_int_equal(b.len, 0);
    sl_picture_free(&p);
}

static void a_buffer_that_is_too_small_is_an_error(void **state)
{
    (void)state;
    struct sl_picture p = slope(400, 300);
    for (size_t ceiling = 0; ceiling < 700; ceiling += 50) {
        struct sl_buf b = SL_BUF_INIT(ceiling);
        sl_error err;
        assert_int_equal(sl_picture_encode_png(&p, &b, &err), SL_ERR_MEMORY);
        assert_non_null(strstr(err.message, "limit"));
        sl_buf_clear(&b);
        assert_int_equal(sl_picture_encode_jpeg(&p, 90, &b, &err), SL_ERR_MEMORY);
        assert_non_null(strstr(err.message, "limit"));
        sl_buf_release(&b);
    }
    sl_picture_free(&p);
}

static void the_ending_of_a_path_chooses_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *name, *start;
    } cases[] = {{"a.png", "\x89PNG"}, {"b.JPG", "\xff\xd8\xff"}, {"c.x.jpeg", "\xff\xd8\xff"}};
    struct sl_picture p = slope(64, 48), again;
    sl_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = test_temp_path(cases[i].name);
        struct sl_buf b = SL_BUF_INIT(1 << 20);
        assert_sl_ok(sl_picture_write(&p, path, &err), &err);
        assert_sl_ok(sl_file_read(path, &b, &err), &err);
        assert_memory_equal(b.data, cases[i].start, strlen(cases[i].start));
        assert_sl_ok(sl_picture_read(&again, path, SL_PICTURE_MAX_PIXELS, &err), &err);
        assert_true(difference(&p, &again) <= (i ? 12 : 0));
        sl_picture_free(&again);
        sl_buf_release(&b);
    }
    sl_picture_free(&p);
}

static void a_picture_that_cannot_be_written_leaves_no_file(void **state)
{
    (void)state;
    struct sl_picture p = slope(8, 8);
    sl_error err;
    const char *path = test_temp_path("a.gif");
    assert_int_equal(sl_picture_write(&p, path, &err), SL_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "a.gif: "));
    assert_false(sl_file_exists(path));
    assert_int_equal(sl_picture_write(&p, test_temp_path("png"), &err), SL_ERR_UNSUPPORTED);
    assert_int_equal(sl_picture_write(&p, test_temp_path("none/a.png"), &err), SL_ERR_IO);
    sl_picture_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_keeps_every_pixel),
        cmocka_unit_test(jpeg_keeps_more_at_a_higher_quality),
        cmocka_unit_test(a_quality_out_of_range_is_refused),
        cmocka_unit_test(a_buffer_that_is_too_small_is_an_error),
        cmocka_unit_test(the_ending_of_a_path_chooses_the_format),
        cmocka_unit_test(a_picture_that_cannot_be_written_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
