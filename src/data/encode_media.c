/*
 * encode_media.c: pictures, videos, videos given as pictures, and sounds as spectrograms.
 *
 * All videos are planned alike: there are n frames to choose from (all of a file, those between two times, those at
 * given times, or given pictures), and the plan chooses among them. Given times and pictures are all wanted, as far as
 * the budget of tokens allows.
 */
#include "data/encode_media.h"

#include "base/mem.h"
#include "media/sound.h"
#include "media/video.h"

#include <math.h>
#include <stdlib.h>

/* A video may take three quarters of a sequence, and never less than one frame of the lowest level. */
enum { LEAST_BUDGET = 128 };

/* One call's arguments, and where its failure goes. */
struct loading {
    const struct sl_encode_options *options;
    const struct sl_sample_media *media;
    int64_t max_patches;
    struct sl_media_views *out;
    struct sl_encode_failure *why;
    sl_error *err;
};

static sl_status blame(struct loading *l, sl_skip_reason reason, sl_status status)
{
    *l->why = (struct sl_encode_failure){.in_sample = true, .reason = reason};
    return sl_fail_context(l->err, status, "%s", l->media->name);
}

static sl_status no_memory(struct loading *l)
{
    *l->why = (struct sl_encode_failure){.in_sample = false};
    return sl_fail(l->err, SL_ERR_MEMORY, "no memory for a sample's pictures");
}

void sl_media_views_free(struct sl_media_views *v)
{
    for (int i = 0; v->items && i < v->n; i++) sl_view_free(&v->items[i]);
    free(v->items);
    free(v->seconds);
    *v = (struct sl_media_views){0};
}

static bool make_room(struct loading *l, int64_t n, bool timed)
{
    l->out->items = sl_alloc_array((size_t)n, sizeof *l->out->items);
    if (timed) l->out->seconds = sl_alloc_array((size_t)n, sizeof *l->out->seconds);
    return l->out->items && (l->out->seconds || !timed);
}

/* --- pictures ----------------------------------------------------------------------------------------------------- */

static sl_status load_bytes(struct loading *l, const struct sl_blob *blob, struct sl_buf *bytes)
{
    sl_status s = sl_blob_load(blob, l->options->max_media_bytes, bytes, l->err);
    if (!s) return SL_OK;
    return blame(l,
                 s == SL_ERR_FORMAT   ? SL_SKIP_BAD_BASE64
                 : s == SL_ERR_MEMORY ? SL_SKIP_OVERSIZE
                                      : SL_SKIP_MISSING_MEDIA,
                 s);
}

static sl_status decode_picture(struct loading *l, const struct sl_blob *blob, struct sl_picture *picture)
{
    struct sl_buf bytes = SL_BUF_INIT(l->options->max_media_bytes);
    sl_status s = load_bytes(l, blob, &bytes);
    if (!s) {
        s = sl_picture_decode(picture, bytes.data, bytes.len, l->options->max_source_pixels, l->err);
        if (s) blame(l, s == SL_ERR_MEMORY ? SL_SKIP_OVERSIZE : SL_SKIP_BAD_MEDIA, s);
    }
    sl_buf_release(&bytes);
    return s;
}

static sl_status load_picture(struct loading *l)
{
    struct sl_view_rule rule = l->options->view;
    struct sl_picture picture = {0};
    if (l->media->min_pixels > 0) rule.fit.min_pixels = l->media->min_pixels;
    if (l->media->max_pixels > 0) rule.fit.max_pixels = l->media->max_pixels;
    if (!make_room(l, 1, false)) return no_memory(l);
    sl_status s = decode_picture(l, &l->media->file, &picture);
    if (s) return s;
    s = sl_view_make(&rule, &picture, 1, &l->out->items[l->out->n++], l->err);
    return s ? blame(l, SL_SKIP_BAD_MEDIA, s) : SL_OK;
}

/* --- videos --------------------------------------------------------------------------------------------------------
 */

/* Plans over the shape's frames; all says that each was asked for. */
static sl_status plan(struct loading *l, const struct sl_video_shape *shape, bool all, struct sl_video_plan *out)
{
    struct sl_video_sampling sampling = l->options->video;
    const int64_t room = l->options->max_tokens / 4 * 3;
    if (sampling.max_tokens > room) sampling.max_tokens = room > LEAST_BUDGET ? room : LEAST_BUDGET;
    if (l->media->fps > 0) sampling.fps = l->media->fps;
    if (all) sampling.min_frames = shape->n_frames;
    sl_status s = sl_video_plan_make(shape, &sampling, out, l->err);
    return s ? blame(l, SL_SKIP_BAD_MEDIA, s) : SL_OK;
}

/* The size of every frame: the plan's level with the model's factor, within the sample's bounds. */
static sl_status frame_size(struct loading *l, int level, struct sl_video_shape shape, int *width, int *height)
{
    const int64_t factor = l->options->view.fit.factor, token = factor * factor;
    struct sl_fit fit = {(int)factor, SL_VIDEO_MIN_TOKENS * token, level * token};
    const int64_t min = l->media->min_pixels, max = l->media->max_pixels;
    if (max > 0 && max < fit.max_pixels) fit.max_pixels = max;
    if (min > 0) fit.min_pixels = min;
    if (fit.min_pixels > fit.max_pixels) fit.min_pixels = fit.max_pixels;
    sl_status s = sl_picture_fit(&fit, shape.width, shape.height, width, height, l->err);
    return s ? blame(l, SL_SKIP_BAD_MEDIA, s) : SL_OK;
}

/* Puts a frame, which has its size, behind those there are; takes the pixels. */
static void add_frame(struct loading *l, struct sl_picture *frame, struct sl_video_shape shape, double seconds)
{
    const int patch = l->options->view.format.patch_size;
    struct sl_media_views *v = l->out;
    v->seconds[v->n] = seconds;
    v->items[v->n++] = (struct sl_view){
        .width = shape.width,
        .height = shape.height,
        .grid = {frame->height / patch, frame->width / patch},
        .picture = *frame,
    };
    *frame = (struct sl_picture){0};
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* So many of n frames as it takes to go over max_patches. */
static int64_t useful_frames(const struct loading *l, int64_t n, int width, int height)
{
    const int64_t side = l->options->view.format.patch_size, patches = (width / side) * (height / side);
    return smaller(n, (l->max_patches > 0 ? l->max_patches : 0) / patches + 1);
}

/* The frames of a file that may be chosen: first, first + 1, ...; or those at the sample's times. */
static int64_t candidate(const struct loading *l, const struct sl_video *v, int64_t first, int64_t i)
{
    return l->media->n_timestamps ? sl_video_index_at_seconds(v, l->media->timestamps[i]) : first + i;
}

static sl_status load_video_frames(struct loading *l, struct sl_video *v)
{
    const struct sl_sample_media *m = l->media;
    const struct sl_video_info *info = sl_video_info(v);
    struct sl_video_shape shape = {info->n_frames, info->fps, info->seconds, info->width, info->height};
    struct sl_video_plan chosen = {0};
    int width = 0, height = 0;
    int64_t first = 0;
    if (m->n_timestamps) {
        shape.n_frames = m->n_timestamps;
    } else if (m->start > 0 || m->end > 0) {
        double end = m->end > 0 ? fmin(m->end, info->seconds) : info->seconds;
        first = sl_video_index_at_seconds(v, m->start);
        shape.n_frames = sl_video_index_at_seconds(v, end) - first + 1;
        shape.seconds = end - m->start;
        if (shape.n_frames < 1 || shape.seconds < 0) {
            sl_fail(l->err, SL_ERR_ARGUMENT, "nothing lies between %g and %g seconds", m->start, end);
            return blame(l, SL_SKIP_BAD_MEDIA, SL_ERR_ARGUMENT);
        }
    }
    sl_status s = plan(l, &shape, m->n_timestamps > 0, &chosen);
    if (!s) s = frame_size(l, chosen.level, shape, &width, &height);
    int64_t n = s ? 0 : useful_frames(l, chosen.n_frames, width, height);
    if (!s && !make_room(l, n, true)) s = no_memory(l);
    for (int64_t i = 0; i < n && !s; i++) {
        int64_t index = candidate(l, v, first, chosen.indices[i]);
        struct sl_picture frame = {0};
        s = sl_video_frame(v, index, width, height, &frame, l->err);
        if (s) blame(l, SL_SKIP_BAD_MEDIA, s);
        if (!s) add_frame(l, &frame, shape, sl_video_seconds(v, index));
    }
    sl_video_plan_free(&chosen);
    return s;
}

static sl_status load_video(struct loading *l)
{
    const struct sl_blob *file = &l->media->file;
    struct sl_video_options options = sl_video_options_default();
    struct sl_buf bytes = SL_BUF_INIT(l->options->max_media_bytes);
    struct sl_video *v = NULL;
    sl_status s;
    options.max_pixels = smaller(options.max_pixels, l->options->max_source_pixels);
    if (file->path && !file->offset && !file->n && !file->base64) {
        s = sl_video_open(&v, file->path, &options, l->err); /* read in pieces: it may be larger than memory */
    } else {
        s = load_bytes(l, file, &bytes);
        if (s) goto out;
        s = sl_video_open_memory(&v, bytes.data, bytes.len, l->media->name, &options, l->err);
    }
    if (s)
        blame(l, s == SL_ERR_MEMORY ? SL_SKIP_OVERSIZE : SL_SKIP_BAD_MEDIA, s);
    else
        s = load_video_frames(l, v);
out:
    sl_video_close(&v);
    sl_buf_release(&bytes);
    return s;
}

/* --- videos given as pictures ------------------------------------------------------------------------------------- */

static double time_of(const struct loading *l, int64_t i)
{
    const struct sl_sample_media *m = l->media;
    double rate = m->fps > 0 ? m->fps : l->options->video.fps;
    return i < m->n_timestamps ? m->timestamps[i] : (double)i / rate;
}

/* Resizes *frame, which is empty afterwards, and adds it. */
static sl_status add_resized(struct loading *l, struct sl_picture *frame, int width, int height, double seconds)
{
    struct sl_video_shape shape = {.width = frame->width, .height = frame->height};
    struct sl_picture resized = {0};
    sl_status s = sl_picture_resize(frame, width, height, l->options->view.filter, 1, &resized, l->err);
    sl_picture_free(frame);
    if (s) return blame(l, SL_SKIP_BAD_MEDIA, s);
    add_frame(l, &resized, shape, seconds);
    return SL_OK;
}

/* The first picture decides the size of all. */
static sl_status load_frames(struct loading *l)
{
    const struct sl_sample_media *m = l->media;
    struct sl_picture frame = {0};
    struct sl_video_plan chosen = {0};
    int width = 0, height = 0;
    sl_status s = decode_picture(l, &m->frames[0], &frame);
    if (s) return s;
    struct sl_video_shape shape = {
        .n_frames = m->n_frames,
        .fps = m->fps > 0 ? m->fps : l->options->video.fps,
        .seconds = time_of(l, m->n_frames - 1),
        .width = frame.width,
        .height = frame.height,
    };
    s = plan(l, &shape, true, &chosen);
    if (!s) s = frame_size(l, chosen.level, shape, &width, &height);
    int64_t n = s ? 0 : useful_frames(l, chosen.n_frames, width, height);
    if (!s && !make_room(l, n, true)) s = no_memory(l);
    for (int64_t i = 0; i < n && !s; i++) {
        int64_t index = chosen.indices[i];
        if (i) s = decode_picture(l, &m->frames[index], &frame);
        if (!s) s = add_resized(l, &frame, width, height, time_of(l, index));
    }
    sl_picture_free(&frame);
    sl_video_plan_free(&chosen);
    return s;
}

/* --- sounds ------------------------------------------------------------------------------------------------------- */

static sl_status read_sound(struct loading *l, struct sl_sound *sound)
{
    const struct sl_blob *file = &l->media->file;
    struct sl_sound_options options = sl_sound_options_default();
    struct sl_buf bytes = SL_BUF_INIT(l->options->max_media_bytes);
    sl_status s;
    options.start = l->media->start;
    options.end = l->media->end;
    if (file->path && !file->offset && !file->n && !file->base64) {
        s = sl_sound_read(sound, file->path, &options, l->err);
    } else {
        s = load_bytes(l, file, &bytes);
        if (s) goto out;
        s = sl_sound_decode(sound, bytes.data, bytes.len, l->media->name, &options, l->err);
    }
    if (s) blame(l, s == SL_ERR_MEMORY ? SL_SKIP_OVERSIZE : SL_SKIP_BAD_MEDIA, s);
out:
    sl_buf_release(&bytes);
    return s;
}

/* Brings one spectrogram to a width that the model's patches fill; takes its pixels. */
static sl_status add_spectrogram(struct loading *l, struct sl_picture *picture)
{
    struct sl_view_rule rule = l->options->view;
    rule.fit.min_pixels = 1;
    sl_status s = sl_view_make(&rule, picture, 1, &l->out->items[l->out->n], l->err);
    if (s) return blame(l, SL_SKIP_BAD_MEDIA, s);
    l->out->items[l->out->n++].sound = true;
    return SL_OK;
}

static sl_status load_sound(struct loading *l)
{
    struct sl_sound sound = {0};
    sl_status s = read_sound(l, &sound);
    if (s) return s;
    int n = sl_sound_n_pictures(&sound);
    struct sl_picture *pictures = sl_alloc_array((size_t)n, sizeof *pictures);
    if (!pictures || !make_room(l, n, false))
        s = no_memory(l);
    else if (sl_sound_pictures(&sound, pictures, l->err))
        s = no_memory(l);
    sl_sound_free(&sound);
    for (int i = 0; pictures && i < n; i++)
        if (!s)
            s = add_spectrogram(l, &pictures[i]);
        else
            sl_picture_free(&pictures[i]);
    free(pictures);
    return s;
}

sl_status sl_media_load(const struct sl_encode_options *o, const struct sl_sample_media *media, int64_t max_patches,
                        struct sl_media_views *out, struct sl_encode_failure *why, sl_error *err)
{
    struct loading l = {o, media, max_patches, out, why, err};
    *out = (struct sl_media_views){0};
    if (media->kind == SL_MEDIA_IMAGE) return load_picture(&l);
    if (media->kind == SL_MEDIA_SOUND) return load_sound(&l);
    return media->n_frames ? load_frames(&l) : load_video(&l);
}
