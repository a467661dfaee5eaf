/*
 * test_video_write.c: clips: the pixels come back, the bytes repeat, and what cannot be is refused.
 */
#include "media/video_write.h"

#include "base/file.h"
#include "clip.h"
#include "media/video.h"
#include "test.h"

/* A smooth coloured slope that moves with t. */
static void draw_slope(struct sl_picture *p, int width, int height, int t)
{
    sl_error err;
    assert_sl_ok(sl_picture_new(p, width, height, SL_PICTURE_MAX_PIXELS, &err), &err);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *rgb = p->rgb + 3 * (y * width + x);
            rgb[0] = (uint8_t)(40 + x * 170 / width);
            rgb[1] = (uint8_t)(40 + y * 170 / height);
            rgb[2] = (uint8_t)(60 + 10 * t);
        }
}

static void colours_and_sizes_come_back(void **state)
{
    (void)state;
    static const int sizes[][2] = {{64, 48}, {63, 47}, {17, 90}, {200, 31}};
    for (int codec = SL_VIDEO_H264; codec <= SL_VIDEO_VP9; codec++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            int width = sizes[k][0], height = sizes[k][1];
            struct sl_video_writer_options o = sl_video_writer_options_default();
            o.codec = codec;
            o.width = width;
            o.height = height;
            o.quality = 4;
            sl_error err;
            struct sl_video_writer *w;
            assert_sl_ok(sl_video_writer_new(&w, &o, &err), &err);
            for (int t = 0; t < 5; t++) {
                struct sl_picture p;
                draw_slope(&p, width, height, t);
                assert_sl_ok(sl_video_writer_add(w, &p, &err), &err);
                sl_picture_free(&p);
            }
            const char *path = test_temp_path("slope");
            assert_sl_ok(sl_video_writer_save(&w, path, &err), &err);
            assert_null(w);
            struct sl_video *v;
            assert_sl_ok(sl_video_open(&v, path, NULL, &err), &err);
            assert_int_equal(sl_video_info(v)->n_frames, 5);
            struct sl_picture back, slope;
            assert_sl_ok(sl_video_frame(v, 3, 0, 0, &back, &err), &err);
            assert_int_equal(back.width, width + width % 2);
            assert_int_equal(back.height, height + height % 2);
            draw_slope(&slope, width, height, 3);
            long sum = 0;
            for (int y = 0; y < height; y++)
                for (int i = 0; i < 3 * width; i++)
                    sum += labs((long)back.rgb[3 * y * back.width + i] - slope.rgb[3 * y * width + i]);
            assert_true(sum < 3L * 3 * width * height); /* 3 of 255 in the mean */
            sl_picture_free(&back);
            sl_picture_free(&slope);
            sl_video_close(&v);
        }
}

static void the_same_pictures_give_the_same_bytes(void **state)
{
    (void)state;
    for (int codec = SL_VIDEO_H264; codec <= SL_VIDEO_VP9; codec++) {
        struct sl_video_writer_options o = sl_video_writer_options_default();
        o.codec = codec;
        struct sl_buf a = SL_BUF_INIT(1 << 24), b = SL_BUF_INIT(1 << 24);
        clip_make(&o, 30, &a);
        clip_make(&o, 30, &b);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
        sl_buf_release(&a);
        sl_buf_release(&b);
    }
}

/* Returns the bytes of a clip of noise, which costs what it is allowed to. */
static size_t bytes_of_noise(const struct sl_video_writer_options *o)
{
    sl_error err;
    struct sl_video_writer *w;
    struct sl_picture p;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    unsigned state = 1;
    assert_sl_ok(sl_picture_new(&p, o->width, o->height, SL_PICTURE_MAX_PIXELS, &err), &err);
    assert_sl_ok(sl_video_writer_new(&w, o, &err), &err);
    for (int t = 0; t < 50; t++) {
        for (int i = 0; i < 3 * o->width * o->height; i++)
            p.rgb[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
        assert_sl_ok(sl_video_writer_add(w, &p, &err), &err);
    }
    assert_sl_ok(sl_video_writer_finish(&w, &clip, &err), &err);
    sl_picture_free(&p);
    size_t n = clip.len;
    sl_buf_release(&clip);
    return n;
}

static void quality_and_bit_rate_decide_the_size(void **state)
{
    (void)state;
    for (int codec = SL_VIDEO_H264; codec <= SL_VIDEO_VP9; codec++) {
        struct sl_video_writer_options o = sl_video_writer_options_default();
        o.codec = codec;
        o.width = 96;
        o.height = 64;
        o.quality = 10;
        size_t good = bytes_of_noise(&o);
        o.quality = 45;
        size_t bad = bytes_of_noise(&o);
        o.bit_rate = 300000; /* 75,000 bytes in these two seconds */
        size_t rated = bytes_of_noise(&o);
        assert_true(bad < good / 2);
        assert_in_range(rated, 40000, 150000);
    }
}

static void impossible_options_and_pictures_are_refused(void **state)
{
    (void)state;
    struct sl_video_writer_options good = sl_video_writer_options_default();
    good.width = good.height = 32;
    struct sl_video_writer_options bad[] = {good, good, good, good, good, good, good};
    bad[0].width = 0;
    bad[1].height = 20000;
    bad[2].fps_num = 0;
    bad[3].fps_den = -1;
    bad[4].quality = 52;
    bad[5].bit_rate = -1;
    bad[6].max_bytes = 0;
    sl_error err;
    struct sl_video_writer *w;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sl_video_writer_new(&w, &bad[i], &err), SL_ERR_ARGUMENT);
        assert_null(w);
    }
    struct sl_picture p;
    clip_draw(&p, 1);
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    assert_sl_ok(sl_video_writer_new(&w, &good, &err), &err);
    assert_int_equal(sl_video_writer_add(w, &p, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "a picture of 64x32 in a video of 32x32");
    assert_int_equal(sl_video_writer_finish(&w, &out, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "a video without a picture");
    assert_null(w);
    assert_int_equal(out.len, 0);
    sl_video_writer_free(&w);
    good.width = CLIP_WIDTH;
    assert_sl_ok(sl_video_writer_new(&w, &good, &err), &err);
    assert_int_equal(sl_video_writer_add_at(w, &p, 1, &err), SL_ERR_ARGUMENT);
    sl_video_writer_free(&w);
    good.variable = true;
    assert_sl_ok(sl_video_writer_new(&w, &good, &err), &err);
    assert_sl_ok(sl_video_writer_add_at(w, &p, 1, &err), &err);
    assert_int_equal(sl_video_writer_add_at(w, &p, 1, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_video_writer_add_at(w, &p, -1, &err), SL_ERR_ARGUMENT);
    sl_video_writer_free(&w);
    assert_null(w);
    sl_picture_free(&p);
}

static void a_clip_over_its_limit_is_an_error(void **state)
{
    (void)state;
    struct sl_video_writer_options o = sl_video_writer_options_default();
    o.width = CLIP_WIDTH;
    o.height = CLIP_HEIGHT;
    o.max_bytes = 3000;
    o.fast = true;
    sl_error err;
    struct sl_video_writer *w;
    assert_sl_ok(sl_video_writer_new(&w, &o, &err), &err);
    sl_status status = SL_OK;
    for (int i = 0; i < 500 && !status; i++) {
        struct sl_picture p;
        clip_draw(&p, i * 7919 % 65536);
        status = sl_video_writer_add(w, &p, &err);
        sl_picture_free(&p);
    }
    assert_int_equal(status, SL_ERR_MEMORY);
    sl_video_writer_free(&w);
}

static void a_file_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct sl_video_writer_options o = sl_video_writer_options_default();
    o.width = CLIP_WIDTH;
    o.height = CLIP_HEIGHT;
    sl_error err;
    struct sl_video_writer *w;
    struct sl_picture p;
    clip_draw(&p, 1);
    assert_sl_ok(sl_video_writer_new(&w, &o, &err), &err);
    assert_sl_ok(sl_video_writer_add(w, &p, &err), &err);
    const char *path = test_temp_path("no/such/folder.mp4");
    assert_int_equal(sl_video_writer_save(&w, path, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, path));
    assert_null(w);
    sl_picture_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_and_sizes_come_back),
        cmocka_unit_test(the_same_pictures_give_the_same_bytes),
        cmocka_unit_test(quality_and_bit_rate_decide_the_size),
        cmocka_unit_test(impossible_options_and_pictures_are_refused),
        cmocka_unit_test(a_clip_over_its_limit_is_an_error),
        cmocka_unit_test(a_file_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
