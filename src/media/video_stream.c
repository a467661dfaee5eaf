/*
 * video_stream.c: live frames at no more than a given rate.
 *
 * Every frame has to be decoded, because later ones build on it, but only those that are due are converted. A reader
 * that is slower than the sender makes the pipe fill and the sender wait; nothing is queued here.
 */
#include "media/video_stream.h"

#include "base/clock.h"
#include "base/mem.h"
#include "media/resize.h"
#include "media/video_av.h"

#include <math.h>
#include <stdlib.h>

struct sl_video_stream {
    struct sl_video_stream_options options;
    struct sl_av av;
    struct sl_av_turn turn;
    struct sl_av_convert convert;
    AVFrame *frame;   /* owned */
    char *name;       /* owned, for messages */
    bool started;     /* a frame was handed out */
    int64_t first;    /* its time, in the stream's time base */
    double first_now; /* and when it arrived, on sl_clock_seconds */
    int64_t due;      /* the next frame is due at due / fps seconds */
};

struct sl_video_stream_options sl_video_stream_options_default(void)
{
    return (struct sl_video_stream_options){
        .fps = 1, .max_pixels = 1 << 26, .wait_seconds = 30, .probe_bytes = 1 << 20, .n_threads = 1};
}

static void start_clock(struct sl_video_stream *s)
{
    s->av.deadline = s->options.wait_seconds > 0 ? sl_clock_seconds() + s->options.wait_seconds : 0;
}

sl_status sl_video_stream_open(struct sl_video_stream **out, int fd, const char *name,
                               const struct sl_video_stream_options *options, sl_error *err)
{
    *out = NULL;
    struct sl_video_stream_options o = options ? *options : sl_video_stream_options_default();
    if (!(o.fps > 0)) return sl_fail(err, SL_ERR_ARGUMENT, "%g frames a second cannot be read", o.fps);
    struct sl_video_stream *s = calloc(1, sizeof *s);
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory to open a video", name);
    s->options = o;
    s->av.fd = fd;
    s->av.options = (struct sl_av_options){.max_pixels = o.max_pixels,
                                           .n_threads = o.n_threads > 1 ? o.n_threads : 1,
                                           .probe_bytes = o.probe_bytes,
                                           .live = true};
    s->frame = av_frame_alloc();
    s->name = sl_strdup(name);
    start_clock(s);
    sl_status status = s->frame && s->name ? sl_av_open(&s->av, err) : sl_fail(err, SL_ERR_MEMORY, "no memory");
    if (status) {
        sl_video_stream_close(&s);
        return sl_fail_context(err, status, "%s", name);
    }
    s->turn = sl_av_stream_turn(&s->av);
    *out = s;
    return SL_OK;
}

void sl_video_stream_close(struct sl_video_stream **stream)
{
    struct sl_video_stream *s = *stream;
    if (!s) return;
    sl_av_close(&s->av);
    sl_av_convert_release(&s->convert);
    av_frame_free(&s->frame);
    free(s->name);
    free(s);
    *stream = NULL;
}

void sl_video_stream_size(const struct sl_video_stream *s, int *width, int *height)
{
    const AVCodecParameters *codec = s->av.stream->codecpar;
    *width = s->turn.swap ? codec->height : codec->width;
    *height = s->turn.swap ? codec->width : codec->height;
}

/* Returns the time of s->frame in seconds after the first one handed out. */
static double time_of(struct sl_video_stream *s)
{
    int64_t time = s->frame->best_effort_timestamp;
    double now = sl_clock_seconds();
    if (!s->started) {
        s->started = true;
        s->first = time;
        s->first_now = now;
    }
    if (time == AV_NOPTS_VALUE || s->first == AV_NOPTS_VALUE) return now - s->first_now;
    return ((double)time - (double)s->first) * av_q2d(s->av.stream->time_base);
}

/* True when a frame at that time is due; then the next one is due at the next beat after it. */
static bool is_due(struct sl_video_stream *s, double seconds)
{
    /* A frame a thousandth of a beat early is on the beat: times are rounded to the container's units. */
    double beat = floor(seconds * s->options.fps + 1e-3);
    if (beat < (double)s->due) return false;
    s->due = beat < 9e18 ? (int64_t)beat + 1 : INT64_MAX;
    return true;
}

static sl_status next_due(struct sl_video_stream *s, double *seconds, bool *end, sl_error *err)
{
    bool usable;
    start_clock(s);
    while (sl_av_next_frame(&s->av, s->frame, &usable)) {
        if (usable) {
            *seconds = time_of(s);
            if (is_due(s, *seconds)) return SL_OK;
        }
        av_frame_unref(s->frame);
    }
    if (s->av.late) return sl_fail(err, SL_ERR_IO, "no frame came within %g seconds", s->options.wait_seconds);
    *end = true;
    return SL_OK;
}

sl_status sl_video_stream_next(struct sl_video_stream *s, int width, int height, struct sl_picture *out,
                               double *seconds, bool *end, sl_error *err)
{
    struct sl_picture picture = {0};
    *out = picture;
    *end = false;
    *seconds = 0;
    sl_status status = SL_OK;
    if (width < 0 || height < 0 || (width == 0) != (height == 0))
        status = sl_fail(err, SL_ERR_ARGUMENT, "a frame of %dx%d pixels", width, height);
    if (!status) status = next_due(s, seconds, end, err);
    if (!status && !*end) {
        status = sl_av_picture(&s->convert, s->frame, &s->turn, s->options.max_pixels, &picture, err);
        av_frame_unref(s->frame);
    }
    if (!status && !*end && width && (picture.width != width || picture.height != height)) {
        status = sl_picture_resize(&picture, width, height, SL_FILTER_BILINEAR, s->av.options.n_threads, out, err);
        sl_picture_free(&picture);
    } else {
        *out = picture;
    }
    return status ? sl_fail_context(err, status, "%s", s->name) : SL_OK;
}
