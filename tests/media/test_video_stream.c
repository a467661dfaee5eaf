/*
 * test_video_stream.c: live frames through a pipe.
 */
#include "media/video_stream.h"

#include "clip.h"
#include "test.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

/* A sender that writes a clip into a pipe in small pieces, and closes it. */
struct sender {
    const struct sl_buf *clip;
    int fd;
    pthread_t thread;
};

static void *send_clip(void *argument)
{
    const struct sender *s = argument;
    for (size_t at = 0; at < s->clip->len;) {
        size_t n = s->clip->len - at < 777 ? s->clip->len - at : 777;
        ssize_t put = write(s->fd, s->clip->data + at, n);
        if (put < 0) break;
        at += (size_t)put;
    }
    close(s->fd);
    return NULL;
}

/* Starts sending a clip of n frames at 10 a second; returns the descriptor to read from. */
static int start(struct sender *s, struct sl_buf *clip, int n)
{
    struct sl_video_writer_options o = sl_video_writer_options_default();
    o.codec = SL_VIDEO_VP9; /* WebM can be read as it comes; an MP4 has its table at the end */
    o.fast = true;
    o.fps_num = 10;
    clip_make(&o, n, clip);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *s = (struct sender){.clip = clip, .fd = ends[1]};
    assert_int_equal(pthread_create(&s->thread, NULL, send_clip, s), 0);
    return ends[0];
}

static void frames_come_at_the_rate_asked_for(void **state)
{
    (void)state;
    static const struct {
        double fps;
        int step;
    } cases[] = {{2, 5}, {10, 1}, {1000, 1}, {0.5, 20}, {5, 2}};
    enum { N = 60 };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sl_buf clip = SL_BUF_INIT(1 << 24);
        struct sender sender;
        int fd = start(&sender, &clip, N);
        struct sl_video_stream_options o = sl_video_stream_options_default();
        o.fps = cases[k].fps;
        sl_error err;
        struct sl_video_stream *s;
        assert_sl_ok(sl_video_stream_open(&s, fd, "pipe", &o, &err), &err);
        int width, height;
        sl_video_stream_size(s, &width, &height);
        assert_int_equal(width, CLIP_WIDTH);
        assert_int_equal(height, CLIP_HEIGHT);
        bool end;
        double seconds;
        struct sl_picture p;
        for (int i = 0; i < N; i += cases[k].step) {
            int w = i % 2 ? 56 : 0, h = i % 2 ? 28 : 0;
            assert_sl_ok(sl_video_stream_next(s, w, h, &p, &seconds, &end, &err), &err);
            assert_false(end);
            assert_int_equal(p.width, w ? w : CLIP_WIDTH);
            assert_int_equal(clip_number(&p), i);
            assert_true(fabs(seconds - i / 10.0) < 1e-6);
            sl_picture_free(&p);
        }
        for (int i = 0; i < 2; i++) {
            assert_sl_ok(sl_video_stream_next(s, 0, 0, &p, &seconds, &end, &err), &err);
            assert_true(end);
            assert_null(p.rgb);
        }
        sl_video_stream_close(&s);
        assert_null(s);
        pthread_join(sender.thread, NULL);
        close(fd);
        sl_buf_release(&clip);
    }
}

static void a_silent_sender_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct sl_video_stream_options o = sl_video_stream_options_default();
    o.wait_seconds = 0.05;
    sl_error err;
    struct sl_video_stream *s;
    assert_int_equal(sl_video_stream_open(&s, ends[0], "camera", &o, &err), SL_ERR_IO);
    assert_null(s);
    assert_string_equal(err.message, "camera: not a video that can be read: gave up, it took too long");
    close(ends[0]);
    close(ends[1]);
}

static void a_sender_that_stops_halfway_is_reported(void **state)
{
    (void)state;
    struct sl_video_writer_options wo = sl_video_writer_options_default();
    wo.codec = SL_VIDEO_VP9;
    wo.fast = true;
    struct sl_buf clip = SL_BUF_INIT(1 << 24);
    clip_make(&wo, 1000, &clip);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(clip.len / 2 < 60000); /* it fits the pipe */
    assert_int_equal(write(ends[1], clip.data, clip.len / 2), (ssize_t)(clip.len / 2));
    struct sl_video_stream_options o = sl_video_stream_options_default();
    o.fps = 100;
    o.wait_seconds = 0.2;
    o.probe_bytes = 2048;
    sl_error err;
    struct sl_video_stream *s;
    assert_sl_ok(sl_video_stream_open(&s, ends[0], "camera", &o, &err), &err);
    sl_status status = SL_OK;
    int n = 0;
    for (bool end = false; !status && !end; n++) {
        double seconds;
        struct sl_picture p;
        status = sl_video_stream_next(s, 0, 0, &p, &seconds, &end, &err);
        if (!status) assert_int_equal(clip_number(&p), n);
        sl_picture_free(&p);
    }
    assert_int_equal(status, SL_ERR_IO);
    assert_string_equal(err.message, "camera: no frame came within 0.2 seconds");
    assert_in_range(n, 300, 700);
    sl_video_stream_close(&s);
    close(ends[0]);
    close(ends[1]);
    sl_buf_release(&clip);
}

static void what_is_no_video_is_refused(void **state)
{
    (void)state;
    int ends[2];
    sl_error err;
    struct sl_video_stream *s;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "good morning\n", 13), 13);
    close(ends[1]);
    assert_int_equal(sl_video_stream_open(&s, ends[0], "pipe", NULL, &err), SL_ERR_FORMAT);
    assert_memory_equal(err.message, "pipe: ", 6);
    assert_null(s);
    close(ends[0]);
    const struct sl_video_stream_options none = {0};
    assert_int_equal(sl_video_stream_open(&s, 0, "pipe", &none, &err), SL_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_at_the_rate_asked_for),
        cmocka_unit_test(a_silent_sender_is_not_waited_for_for_ever),
        cmocka_unit_test(a_sender_that_stops_halfway_is_reported),
        cmocka_unit_test(what_is_no_video_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
