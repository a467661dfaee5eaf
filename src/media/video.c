/*
 * video.c: reading frames by number.
 *
 * Frames come out of the decoder in the order they are shown, each with its time, which the index turns into its
 * number. The reader holds the last good frame (`good`) and, when that is not what was asked for, the one after it
 * (`ahead`): together they tell that a frame is missing, and what stands in for it. Animated WebP comes from libwebp
 * (video_webp.c), one composed frame after the other, and shares everything but the decoding.
 */
#include "media/video.h"

#include "base/clock.h"
#include "base/mem.h"
#include "media/resize.h"
#include "media/video_av.h"
#include "media/video_index.h"
#include "media/video_webp.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A decoded frame and its number; -1: none. */
struct held {
    AVFrame *frame; /* owned */
    int64_t index;
};

struct sl_video {
    struct sl_video_options options;
    struct sl_video_info info;
    struct sl_av av;
    int fd;     /* owned; -1: none */
    char *name; /* owned, for messages */
    struct sl_video_index index;
    struct sl_av_turn turn;
    struct sl_av_convert convert;
    struct sl_video_webp webp; /* instead of av's container and decoder, where decoder is not NULL */

    struct held good, ahead;
    AVFrame *frame;   /* owned; what the decoder hands out */
    int64_t n_out;    /* frames that came out since the start, where frames are counted */
    int64_t last_out; /* number of the last frame that came out; -1: none since the last seek */
    bool sparing;     /* see decode_until */
    bool positioned;  /* the container stands where last_out says */
};

struct sl_video_options sl_video_options_default(void)
{
    return (struct sl_video_options){.max_pixels = 1 << 26,
                                     .max_frames = 4000000,
                                     .max_seconds = 48 * 3600,
                                     .deadline_seconds = 120,
                                     .max_gap_seconds = 2,
                                     .n_threads = 1};
}

static void start_clock(struct sl_video *v)
{
    v->av.late = false;
    v->av.detail[0] = '\0';
    v->av.deadline = v->options.deadline_seconds > 0 ? sl_clock_seconds() + v->options.deadline_seconds : 0;
}

static double seconds_of(const struct sl_video *v, int64_t span)
{
    return (double)span * av_q2d(v->index.time_base);
}

double sl_video_seconds(const struct sl_video *v, int64_t index)
{
    SL_CHECK(index >= 0 && index < v->index.n_frames);
    if (v->index.counted) return (double)index / v->info.fps;
    return seconds_of(v, v->index.times[index] - v->index.times[0]);
}

int64_t sl_video_index_at_seconds(const struct sl_video *v, double seconds)
{
    int64_t low = 0, high = v->index.n_frames; /* low is shown at or before seconds, unless it is 0 */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (sl_video_seconds(v, middle) <= seconds)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* True when the frames are further than half a frame from the beat of fps. */
static bool is_variable(const struct sl_video *v, double fps)
{
    for (int64_t i = 0; i < v->index.n_frames; i++)
        if (fabs(sl_video_seconds(v, i) * fps - (double)i) > 0.5) return true;
    return false;
}

/* What the container says of the frame rate, and in *whole of the duration; 0 where it says nothing. */
static double told_rate(const struct sl_video *v, double *whole)
{
    const AVStream *stream = v->av.stream;
    if (!stream) {
        *whole = seconds_of(v, v->index.times[v->index.n_frames - 1] + v->index.last_step);
        return 0;
    }
    *whole = stream->duration > 0 ? (double)stream->duration * av_q2d(stream->time_base) : 0;
    AVRational rate = stream->avg_frame_rate.num > 0 && stream->avg_frame_rate.den > 0 ? stream->avg_frame_rate
                                                                                       : stream->r_frame_rate;
    return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
}

/*
 * Frame rate and duration. The container's rate is exact where it says one (30000/1001), but only an estimate in some;
 * the times decide.
 */
static void measure(struct sl_video *v)
{
    struct sl_video_info *info = &v->info;
    int64_t n = info->n_frames = v->index.n_frames;
    double whole, told = told_rate(v, &whole);
    double span = v->index.counted ? 0 : seconds_of(v, v->index.times[n - 1] - v->index.times[0]);
    if (v->index.counted || n < 2 || !(span > 0)) {
        info->fps = whole > 0 ? (double)n / whole : told > 0 ? told : 25;
        info->seconds = (double)n / info->fps;
        return;
    }
    double measured = (double)(n - 1) / span;
    info->variable = is_variable(v, measured);
    if (info->variable) {
        info->seconds = span + (v->index.last_step > 0 ? seconds_of(v, v->index.last_step) : 1 / measured);
        info->fps = (double)n / info->seconds;
    } else {
        info->fps = fabs(told - measured) < 0.001 * measured ? told : measured;
        info->seconds = (double)n / info->fps;
    }
}

/* True when the file is an animated WebP. */
static bool is_animated_webp(const struct sl_video *v)
{
    uint8_t head[32];
    if (v->av.bytes) return sl_video_webp_is(v->av.bytes, (size_t)v->av.n);
    ssize_t n = pread(v->fd, head, sizeof head, 0);
    return n > 0 && sl_video_webp_is(head, (size_t)n);
}

static sl_status open_webp(struct sl_video *v, sl_error *err)
{
    const uint8_t *bytes = v->av.bytes;
    size_t n = (size_t)v->av.n;
    if (!bytes) {
        sl_status status = sl_file_map(v->name, &v->webp.file, err);
        if (status) return status;
        bytes = v->webp.file.data;
        n = v->webp.file.size;
    }
    sl_status status =
        sl_video_webp_open(&v->webp, bytes, n, v->options.max_pixels, v->options.max_frames, &v->index, err);
    if (status) return status;
    v->turn = sl_video_webp_turn(&v->webp);
    v->info.width = v->turn.swap ? v->webp.height : v->webp.width;
    v->info.height = v->turn.swap ? v->webp.width : v->webp.height;
    v->info.codec = "webp";
    return SL_OK;
}

/* Everything else, through FFmpeg. */
static sl_status open_container(struct sl_video *v, sl_error *err)
{
    sl_status status = sl_av_open(&v->av, err);
    if (!status) status = sl_video_index_build(&v->av, v->options.max_frames, &v->index, err);
    if (status) return status;
    v->turn = sl_av_stream_turn(&v->av);
    const AVCodecParameters *codec = v->av.stream->codecpar;
    v->info.width = v->turn.swap ? codec->height : codec->width;
    v->info.height = v->turn.swap ? codec->width : codec->height;
    v->info.codec = avcodec_get_name(codec->codec_id);
    return SL_OK;
}

static sl_status open_video(struct sl_video *v, sl_error *err)
{
    start_clock(v);
    sl_status status = is_animated_webp(v) ? open_webp(v, err) : open_container(v, err);
    if (status) return status;
    measure(v);
    if (v->info.seconds > v->options.max_seconds)
        return sl_fail(err, SL_ERR_MEMORY, "a video of %.0f seconds: the limit is %.0f", v->info.seconds,
                       v->options.max_seconds);
    v->positioned = false;
    return SL_OK;
}

static sl_status new_video(struct sl_video **out, const char *name, const struct sl_video_options *options,
                           sl_error *err)
{
    struct sl_video *v = calloc(1, sizeof *v);
    *out = v;
    if (!v) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory to open a video", name);
    v->fd = -1;
    v->options = options ? *options : sl_video_options_default();
    if (v->options.max_pixels > SL_PICTURE_MAX_PIXELS) v->options.max_pixels = SL_PICTURE_MAX_PIXELS;
    if (v->options.n_threads < 1) v->options.n_threads = 1;
    v->av.options = (struct sl_av_options){.max_pixels = v->options.max_pixels, .n_threads = v->options.n_threads};
    v->av.seekable = true;
    v->name = sl_strdup(name);
    v->frame = av_frame_alloc();
    v->good = (struct held){.frame = av_frame_alloc(), .index = -1};
    v->ahead = (struct held){.frame = av_frame_alloc(), .index = -1};
    v->last_out = -1;
    if (!v->name || !v->frame || !v->good.frame || !v->ahead.frame) {
        sl_video_close(out);
        return sl_fail(err, SL_ERR_MEMORY, "%s: no memory to open a video", name);
    }
    return SL_OK;
}

/* Opens what v's source says; on an error v is closed and the message names it. */
static sl_status open_named(struct sl_video **out, const char *name, sl_error *err)
{
    sl_status status = open_video(*out, err);
    if (!status) return SL_OK;
    sl_video_close(out);
    return sl_fail_context(err, status, "%s", name);
}

sl_status sl_video_open(struct sl_video **out, const char *path, const struct sl_video_options *options, sl_error *err)
{
    sl_status status = new_video(out, path, options, err);
    if (status) return status;
    struct sl_video *v = *out;
    struct stat st;
    /* O_NONBLOCK keeps a pipe without a writer from hanging the open. */
    v->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (v->fd < 0 || fstat(v->fd, &st) != 0)
        status = sl_fail(err, SL_ERR_IO, "cannot open %s: %m", path);
    else if (!S_ISREG(st.st_mode))
        status = sl_fail(err, SL_ERR_IO, "%s is not a regular file", path);
    else if (st.st_size == 0)
        status = sl_fail(err, SL_ERR_FORMAT, "%s: an empty file", path);
    if (status) {
        sl_video_close(out);
        return status;
    }
    v->av.fd = v->fd;
    v->av.n = st.st_size;
    return open_named(out, path, err);
}

sl_status sl_video_open_memory(struct sl_video **out, const void *bytes, size_t n, const char *name,
                               const struct sl_video_options *options, sl_error *err)
{
    *out = NULL;
    if (n == 0) return sl_fail(err, SL_ERR_FORMAT, "%s: an empty file", name);
    sl_status status = new_video(out, name, options, err);
    if (status) return status;
    (*out)->av.bytes = bytes;
    (*out)->av.n = (int64_t)n;
    return open_named(out, name, err);
}

void sl_video_close(struct sl_video **video)
{
    struct sl_video *v = *video;
    if (!v) return;
    sl_av_close(&v->av);
    sl_av_convert_release(&v->convert);
    sl_video_webp_close(&v->webp);
    sl_video_index_release(&v->index);
    av_frame_free(&v->frame);
    av_frame_free(&v->good.frame);
    av_frame_free(&v->ahead.frame);
    if (v->fd >= 0) close(v->fd);
    free(v->name);
    free(v);
    *video = NULL;
}

const struct sl_video_info *sl_video_info(const struct sl_video *v)
{
    return &v->info;
}

static void hold_nothing(struct held *h)
{
    av_frame_unref(h->frame);
    h->index = -1;
}

/* Returns the number of the frame that just came out: the one whose time is nearest. */
static int64_t number_of(struct sl_video *v, const AVFrame *f)
{
    const struct sl_video_index *index = &v->index;
    int64_t time = index->counted ? v->n_out : f->best_effort_timestamp;
    v->n_out++;
    if (time == AV_NOPTS_VALUE) return v->last_out + 1 < index->n_frames ? v->last_out + 1 : index->n_frames - 1;
    int64_t i = sl_video_index_at(index->times, index->n_frames, time);
    if (i < 0) return 0;
    if (i + 1 < index->n_frames && index->times[i + 1] - time < time - index->times[i]) i++;
    return i;
}

/*
 * Decodes until the frame asked for, or a later one, came out. With v->sparing, frames before it that no others build
 * on are left out.
 */
static void decode_until(struct sl_video *v, int64_t index)
{
    v->av.skip_before = v->sparing ? v->index.times[index] : INT64_MIN;
    bool usable;
    while (v->last_out < index && sl_av_next_frame(&v->av, v->frame, &usable)) {
        v->last_out = number_of(v, v->frame);
        if (!usable) {
            av_frame_unref(v->frame);
            continue;
        }
        struct held *to = v->last_out <= index ? &v->good : &v->ahead;
        hold_nothing(to);
        av_frame_move_ref(to->frame, v->frame);
        to->index = v->last_out;
    }
    av_frame_unref(v->frame);
}

/* Goes back to the start of the file, by opening it anew. */
static sl_status restart(struct sl_video *v, sl_error *err)
{
    double deadline = v->av.deadline;
    sl_av_close(&v->av);
    v->av.deadline = deadline;
    sl_status status = sl_av_open(&v->av, err);
    if (status) sl_av_close(&v->av);
    return status;
}

/* Puts the reader where decoding can start, at a key frame's time or before; key < 0: the start of the file. */
static sl_status seek_to_key(struct sl_video *v, int64_t key, sl_error *err)
{
    const struct sl_video_index *index = &v->index;
    hold_nothing(&v->good);
    hold_nothing(&v->ahead);
    v->positioned = false;
    bool done = key >= 0 && !index->from_start && v->av.decoder &&
                av_seek_frame(v->av.format, v->av.stream->index, index->keys[key], AVSEEK_FLAG_BACKWARD) >= 0;
    if (done) {
        sl_av_flush(&v->av);
    } else {
        sl_status status = restart(v, err);
        if (status) return status;
    }
    v->n_out = 0;
    v->last_out = -1;
    v->positioned = true;
    return SL_OK;
}

/*
 * Decodes from the key frame before index. Some containers seek only roughly, and come to stand behind the key; and a
 * key frame can be damaged. Then the keys before it are tried, and the start of the file when seeking itself fails.
 */
static sl_status decode_from_key(struct sl_video *v, int64_t index, sl_error *err)
{
    enum { MAX_TRIES = 4 };
    const struct sl_video_index *ix = &v->index;
    int64_t key = sl_video_index_at(ix->keys, ix->n_keys, ix->times[index]);
    for (int i = 0; i < MAX_TRIES; i++) {
        sl_status status = seek_to_key(v, key, err);
        if (status) return status;
        decode_until(v, index);
        if (v->av.late || v->good.index >= 0 || key < 0) return SL_OK;
        /* A stand-in from before the previous key would be too old, unless it is the seek that went astray. */
        bool astray = v->ahead.index >= 0;
        bool too_old = key == 0 || seconds_of(v, ix->times[index] - ix->keys[key]) > v->options.max_gap_seconds;
        if (!astray && too_old) return SL_OK;
        key = i == MAX_TRIES - 2 && astray ? -1 : key - 1;
    }
    return SL_OK;
}

/* The same from an animated WebP, whose frames all build on the first. */
static void load_from_webp(struct sl_video *v, int64_t index)
{
    hold_nothing(&v->good);
    sl_video_webp_decode(&v->webp, index, &v->av, v->good.frame);
    v->good.index = v->webp.last;
}

/* Brings frame index, or the nearest before it that is whole, into v->good. */
static sl_status load_from_container(struct sl_video *v, int64_t index, sl_error *err)
{
    enum { NEAR = 8 }; /* frames that are decoded rather than jumped over: a seek discards what is in the decoder */
    const struct sl_video_index *ix = &v->index;
    if (v->positioned && v->ahead.index >= 0 && v->ahead.index <= index) {
        struct held swap = v->good;
        v->good = v->ahead;
        v->ahead = swap;
        hold_nothing(&v->ahead);
    }
    int64_t key_time = ix->keys[sl_video_index_at(ix->keys, ix->n_keys, ix->times[index])];
    int64_t key_index = sl_video_index_at(ix->times, ix->n_frames, key_time);
    bool behind = v->good.index > index || (v->good.index < 0 && v->last_out > index);
    bool far = !ix->from_start && key_index > v->last_out + NEAR;
    sl_status status = SL_OK;
    v->sparing = !ix->from_start;
    if (!v->positioned || behind || far)
        status = decode_from_key(v, index, err);
    else
        decode_until(v, index);
    if (!status && !v->av.late && v->sparing && v->good.index != index) {
        v->sparing = false; /* the best stand-in may have been left out */
        status = decode_from_key(v, index, err);
    }
    return status;
}

/* Brings frame index, or what stands in for it, into v->good. */
static sl_status load_frame(struct sl_video *v, int64_t index, sl_error *err)
{
    sl_status status = SL_OK;
    if (v->webp.decoder)
        load_from_webp(v, index);
    else
        status = load_from_container(v, index, err);
    if (status) return status;
    if (v->av.late) {
        v->positioned = false;
        return sl_av_fail(&v->av, AVERROR_EXIT, err, "decoding");
    }
    if (v->good.index == index) return SL_OK;
    double gap = v->good.index < 0 ? INFINITY : sl_video_seconds(v, index) - sl_video_seconds(v, v->good.index);
    if (gap > v->options.max_gap_seconds)
        return sl_fail(err, SL_ERR_FORMAT, "frame %lld of %lld, at %.1f s, is damaged or missing%s%s", (long long)index,
                       (long long)v->index.n_frames, sl_video_seconds(v, index), v->av.detail[0] ? ": " : "",
                       v->av.detail);
    v->info.n_substitute++;
    return SL_OK;
}

static sl_status read_frame(struct sl_video *v, int64_t index, int width, int height, struct sl_picture *out,
                            sl_error *err)
{
    if (index < 0 || index >= v->index.n_frames)
        return sl_fail(err, SL_ERR_ARGUMENT, "frame %lld of a video of %lld", (long long)index,
                       (long long)v->index.n_frames);
    if (width < 0 || height < 0 || (width == 0) != (height == 0))
        return sl_fail(err, SL_ERR_ARGUMENT, "a frame of %dx%d pixels", width, height);
    start_clock(v);
    sl_status status = load_frame(v, index, err);
    v->info.n_packets = v->av.n_packets;
    v->info.n_damaged = v->av.n_damaged;
    if (!status) status = sl_av_picture(&v->convert, v->good.frame, &v->turn, v->options.max_pixels, out, err);
    if (status) return status;
    if (width == 0) {
        width = v->info.width;
        height = v->info.height;
    }
    if (out->width == width && out->height == height) return SL_OK;
    struct sl_picture resized;
    status = sl_picture_resize(out, width, height, SL_FILTER_BILINEAR, v->options.n_threads, &resized, err);
    sl_picture_free(out);
    if (!status) *out = resized;
    return status;
}

sl_status sl_video_frame(struct sl_video *v, int64_t index, int width, int height, struct sl_picture *out,
                         sl_error *err)
{
    *out = (struct sl_picture){0};
    sl_status status = read_frame(v, index, width, height, out, err);
    return status ? sl_fail_context(err, status, "%s", v->name) : SL_OK;
}

sl_status sl_video_frames(struct sl_video *v, const int64_t *indices, int64_t n, int width, int height,
                          struct sl_picture *out, sl_error *err)
{
    sl_status status = SL_OK;
    for (int64_t i = 0; i < n; i++) out[i] = (struct sl_picture){0};
    for (int64_t i = 0; i < n && !status; i++) status = sl_video_frame(v, indices[i], width, height, &out[i], err);
    for (int64_t i = 0; i < n && status; i++) sl_picture_free(&out[i]);
    return status;
}

sl_status sl_video_plan_frames(const struct sl_video *v, const struct sl_video_sampling *sampling,
                               struct sl_video_plan *plan, sl_error *err)
{
    const struct sl_video_info *info = &v->info;
    const struct sl_video_shape shape = {.n_frames = info->n_frames,
                                         .fps = info->fps,
                                         .seconds = info->seconds,
                                         .width = info->width,
                                         .height = info->height};
    sl_status status = sl_video_plan_make(&shape, sampling, plan, err);
    if (status) return sl_fail_context(err, status, "%s", v->name);
    for (int64_t i = 0; i < plan->n_frames && info->variable; i++)
        plan->seconds[i] = sl_video_seconds(v, plan->indices[i]);
    return SL_OK;
}

sl_status sl_video_planned_frame(struct sl_video *v, const struct sl_video_plan *plan, int64_t i,
                                 struct sl_picture *out, sl_error *err)
{
    if (plan->filter == SL_FILTER_BILINEAR)
        return sl_video_frame(v, plan->indices[i], plan->width, plan->height, out, err);
    struct sl_picture whole;
    sl_status status = sl_video_frame(v, plan->indices[i], 0, 0, &whole, err);
    if (status) return status;
    status = sl_picture_resize(&whole, plan->width, plan->height, plan->filter, v->options.n_threads, out, err);
    sl_picture_free(&whole);
    return status;
}
