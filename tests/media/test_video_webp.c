/*
 * test_video_webp.c: animated WebP as video: every frame as it was made (scripts/golden/webp_video.py), their times,
 * and files that are damaged.
 */
#include "media/video.h"

#include "base/buf.h"
#include "base/file.h"
#include "test.h"

#include <stdlib.h>

#define FOLDER "tests/media/golden/"

enum { N_FRAMES = 6, WIDTH = 23, HEIGHT = 14, FRAME_BYTES = WIDTH * HEIGHT * 3 };

static const double seconds[N_FRAMES + 1] = {0, 0.1, 0.14, 0.24, 0.49, 0.55, 0.65}; /* 5 ms are shown for 100 */

static void load(struct sl_buf *b, const char *name)
{
    sl_error err;
    *b = (struct sl_buf)SL_BUF_INIT(1 << 20);
    assert_sl_ok(sl_file_read(name, b, &err), &err);
}

static void expect_frame(struct sl_video *v, int64_t index, const struct sl_buf *golden, int64_t shown)
{
    sl_error err;
    struct sl_picture p;
    assert_sl_ok(sl_video_frame(v, index, 0, 0, &p, &err), &err);
    assert_int_equal(p.width, WIDTH);
    assert_int_equal(p.height, HEIGHT);
    assert_memory_equal(p.rgb, golden->data + 12 + shown * FRAME_BYTES, FRAME_BYTES);
    sl_picture_free(&p);
}

static void every_frame_is_what_went_in(void **state)
{
    (void)state;
    static const int order[] = {0, 1, 2, 3, 4, 5, 5, 2, 3, 0, 4, 1};
    struct sl_buf golden;
    struct sl_video *v;
    sl_error err;
    load(&golden, FOLDER "animated_video.rgb");
    assert_int_equal(golden.len, 12 + N_FRAMES * FRAME_BYTES);
    assert_sl_ok(sl_video_open(&v, FOLDER "animated_video.webp", NULL, &err), &err);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) expect_frame(v, order[i], &golden, order[i]);
    assert_int_equal(sl_video_info(v)->n_substitute, 0);
    sl_video_close(&v);
    sl_buf_release(&golden);
}

static void times_come_from_the_durations(void **state)
{
    (void)state;
    struct sl_video *v;
    sl_error err;
    assert_sl_ok(sl_video_open(&v, FOLDER "animated_video.webp", NULL, &err), &err);
    const struct sl_video_info *info = sl_video_info(v);
    assert_int_equal(info->n_frames, N_FRAMES);
    assert_string_equal(info->codec, "webp");
    assert_true(info->variable);
    assert_float_equal(info->seconds, seconds[N_FRAMES], 1e-9);
    assert_float_equal(info->fps, N_FRAMES / seconds[N_FRAMES], 1e-9);
    assert_int_equal(info->n_packets, 0); /* nothing was decoded for this */
    for (int i = 0; i < N_FRAMES; i++) assert_float_equal(sl_video_seconds(v, i), seconds[i], 1e-9);
    assert_int_equal(sl_video_index_at_seconds(v, 0.2), 2);
    struct sl_video_sampling sampling = sl_video_sampling_default();
    struct sl_video_plan plan;
    assert_sl_ok(sl_video_plan_frames(v, &sampling, &plan, &err), &err);
    assert_true(plan.n_frames >= 1);
    sl_video_plan_free(&plan);
    sl_video_close(&v);
}

static void frames_are_resized(void **state)
{
    (void)state;
    struct sl_buf file;
    struct sl_video *v;
    struct sl_picture p;
    sl_error err;
    load(&file, FOLDER "animated_video.webp");
    assert_sl_ok(sl_video_open_memory(&v, file.data, file.len, "clip", NULL, &err), &err);
    assert_sl_ok(sl_video_frame(v, 3, 56, 28, &p, &err), &err);
    assert_int_equal(p.width, 56);
    assert_int_equal(p.height, 28);
    sl_picture_free(&p);
    assert_int_equal(sl_video_frame(v, N_FRAMES, 0, 0, &p, &err), SL_ERR_ARGUMENT);
    sl_video_close(&v);
    sl_buf_release(&file);
}

/* Where the n-th (from 0) frame chunk begins. */
static size_t frame_chunk(const struct sl_buf *file, int n)
{
    for (size_t i = 0; i + 4 <= file->len; i++)
        if (memcmp(file->data + i, "ANMF", 4) == 0 && n-- == 0) return i;
    fail_msg("no such frame");
    return 0;
}

/* Frame 3's picture is noise: those before it are whole, and the last of them stands in as long as it may. */
static void a_damaged_frame_is_replaced_or_named(void **state)
{
    (void)state;
    struct sl_buf file, golden;
    struct sl_video *v;
    struct sl_picture p;
    sl_error err;
    load(&file, FOLDER "animated_video.webp");
    load(&golden, FOLDER "animated_video.rgb");
    const size_t at = frame_chunk(&file, 3) + 24 + 13; /* behind the heads of frame and picture */
    for (size_t i = at; i < frame_chunk(&file, 4); i++) file.data[i] = (char)0xff;
    struct sl_video_options o = sl_video_options_default();
    o.max_gap_seconds = 0.3;
    assert_sl_ok(sl_video_open_memory(&v, file.data, file.len, "clip", &o, &err), &err);
    expect_frame(v, 3, &golden, 2);
    assert_int_equal(sl_video_info(v)->n_substitute, 1);
    assert_int_equal(sl_video_info(v)->n_damaged, 1);
    expect_frame(v, 1, &golden, 1);
    expect_frame(v, 2, &golden, 2);
    assert_int_equal(sl_video_frame(v, 4, 0, 0, &p, &err), SL_ERR_FORMAT); /* 0.35 s after frame 2 */
    assert_null(p.rgb);
    assert_string_equal(err.message, "clip: frame 4 of 6, at 0.5 s, is damaged or missing");
    sl_video_close(&v);
    sl_buf_release(&file);
    sl_buf_release(&golden);
}

/* Opens bytes that must be refused, and returns the message in static storage. */
static const char *refusal(const void *bytes, size_t n, const struct sl_video_options *options, sl_status expected)
{
    static sl_error err;
    struct sl_video *v;
    assert_int_equal(sl_video_open_memory(&v, bytes, n, "clip", options, &err), expected);
    assert_null(v);
    assert_null(strchr(err.message, '\n'));
    return err.message;
}

static void bad_files_and_limits_are_refused_in_one_line(void **state)
{
    (void)state;
    struct sl_buf file;
    load(&file, FOLDER "animated_video.webp");
    static const char cut[] = "clip: broken WebP file: the data is damaged or ends too early";
    for (size_t n = 21; n < file.len; n += 37) assert_string_equal(refusal(file.data, n, NULL, SL_ERR_FORMAT), cut);
    /* 16 x 16, one frame whose picture is missing. */
    static const char empty[] =
        "RIFF\x3e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x0f\0\0\x0f\0\0ANIM\6\0\0\0\xff\xff\xff\xff\0\0"
        "ANMF\x10\0\0\0\0\0\0\0\0\0\x0f\0\0\x0f\0\0\x64\0\0\0";
    assert_string_equal(refusal(empty, sizeof empty - 1, NULL, SL_ERR_FORMAT), cut);
    struct sl_video_options o = sl_video_options_default();
    o.max_pixels = WIDTH * HEIGHT - 1;
    assert_string_equal(refusal(file.data, file.len, &o, SL_ERR_MEMORY),
                        "clip: a video of 23x14 pixels: the limit is 321");
    o = sl_video_options_default();
    o.max_frames = N_FRAMES - 1;
    assert_string_equal(refusal(file.data, file.len, &o, SL_ERR_MEMORY),
                        "clip: a video of more than 5 frames: that is the limit");
    o = sl_video_options_default();
    o.max_seconds = 0.5;
    refusal(file.data, file.len, &o, SL_ERR_MEMORY);
    sl_buf_release(&file);
}

/* Any single byte changed: an error or frames, but never anything else. The sanitizer watches. */
static void no_changed_byte_does_harm(void **state)
{
    (void)state;
    struct sl_buf file;
    load(&file, FOLDER "animated_video.webp");
    for (size_t at = 0; at < file.len; at += 3) {
        struct sl_video *v;
        struct sl_picture p;
        sl_error err;
        const char before = file.data[at];
        file.data[at] = (char)(before ^ 0x55);
        struct sl_video_options o = sl_video_options_default();
        o.max_pixels = 1 << 16;
        if (!sl_video_open_memory(&v, file.data, file.len, "clip", &o, &err)) {
            for (int64_t i = sl_video_info(v)->n_frames - 1; i >= 0; i -= 2)
                if (!sl_video_frame(v, i, 0, 0, &p, &err)) sl_picture_free(&p);
            sl_video_close(&v);
        }
        file.data[at] = before;
    }
    sl_buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_what_went_in),
        cmocka_unit_test(times_come_from_the_durations),
        cmocka_unit_test(frames_are_resized),
        cmocka_unit_test(a_damaged_frame_is_replaced_or_named),
        cmocka_unit_test(bad_files_and_limits_are_refused_in_one_line),
        cmocka_unit_test(no_changed_byte_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
