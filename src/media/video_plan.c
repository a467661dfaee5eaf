/*
 * video_plan.c: dynamic frame-resolution sampling.
 *
 * Every step repeats the double arithmetic of the published client (Python and NumPy), because one frame more or a
 * neighbour instead changes what the model is asked.
 */
#include "media/video_plan.h"

#include "base/mem.h"
#include "media/resize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int levels[] = {640, 512, 384, 256, 160, 128};
enum { N_LEVELS = sizeof levels / sizeof *levels };

/* Frames beyond which their numbers would not be exact in a double anyway. */
#define MAX_FRAMES ((int64_t)1 << 40)

struct sl_video_sampling sl_video_sampling_default(void)
{
    return (struct sl_video_sampling){.fps = 1, .min_frames = 16, .max_tokens = 81920};
}

static sl_status check(const struct sl_video_shape *v, const struct sl_video_sampling *s, sl_error *err)
{
    if (v->n_frames < 1 || v->n_frames > MAX_FRAMES)
        return sl_fail(err, SL_ERR_ARGUMENT, "a video of %lld frames", (long long)v->n_frames);
    if (!(v->fps > 0) || !isfinite(v->fps) || !(v->seconds >= 0) || !isfinite(v->seconds))
        return sl_fail(err, SL_ERR_ARGUMENT, "a video of %g seconds at %g frames a second", v->seconds, v->fps);
    if (!(s->fps > 0) || !isfinite(s->fps))
        return sl_fail(err, SL_ERR_ARGUMENT, "%g frames a second cannot be sampled", s->fps);
    if (s->min_frames < 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "at least %lld frames: must be 1 or more", (long long)s->min_frames);
    if (s->max_tokens < levels[N_LEVELS - 1] || s->max_tokens > INT32_MAX)
        return sl_fail(err, SL_ERR_ARGUMENT, "a budget of %lld tokens for a video: it is %d to %d",
                       (long long)s->max_tokens, levels[N_LEVELS - 1], INT32_MAX);
    return SL_OK;
}

/* Sets the number of frames and their level. */
static void choose_level(const struct sl_video_shape *v, const struct sl_video_sampling *s, struct sl_video_plan *plan)
{
    double wanted = ceil(v->seconds * s->fps);
    int64_t n = wanted < (double)v->n_frames ? (int64_t)wanted : v->n_frames;
    if (n < s->min_frames) n = s->min_frames;
    if (n > v->n_frames) n = v->n_frames;
    for (int i = 0; i < N_LEVELS; i++) {
        plan->level = levels[i];
        if (n <= s->max_tokens / levels[i]) {
            plan->n_frames = n;
            return;
        }
    }
    plan->n_frames = s->max_tokens / plan->level;
}

/* numpy.linspace(0, total - 1, n).round(): multiples of a step, and the last one exact. */
static void spread(int64_t total, int64_t n, int64_t *indices)
{
    double step = n > 1 ? (double)(total - 1) / (double)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++) indices[i] = (int64_t)nearbyint((double)i * step);
    if (n > 1) indices[n - 1] = total - 1;
}

/* The published rule: the size that a level gives. */
static struct sl_fit level_rule(const struct sl_video_shape *video, const struct sl_video_sampling *sampling,
                                struct sl_video_plan *plan)
{
    const int64_t area = (int64_t)SL_VIDEO_TOKEN_SIDE * SL_VIDEO_TOKEN_SIDE;
    choose_level(video, sampling, plan);
    return (struct sl_fit){SL_VIDEO_TOKEN_SIDE, SL_VIDEO_MIN_TOKENS * area, plan->level * area};
}

/* The rule of a budget: frames at a rate, which share it. */
static struct sl_fit share_budget(const struct sl_video_shape *video, const struct sl_video_sampling *sampling,
                                  struct sl_video_plan *plan)
{
    const struct sl_video_budget *b = &sampling->budget;
    const int64_t area = (int64_t)b->cell * b->cell;
    double wanted = floor((double)video->n_frames / video->fps * sampling->fps);
    int64_t n = wanted < (double)b->max_frames ? (int64_t)wanted : b->max_frames;
    if (n < b->min_frames) n = b->min_frames;
    if (n > video->n_frames) n = video->n_frames;
    int64_t even = n + n % 2,
            most = b->max_pixels < 2 * sampling->max_tokens * area ? b->max_pixels : 2 * sampling->max_tokens * area;
    struct sl_fit rule = {b->cell, b->min_pixels / even, most / even};
    if (rule.min_pixels < 1) rule.min_pixels = 1;
    if (rule.max_pixels < area) rule.max_pixels = area;
    if (rule.min_pixels > rule.max_pixels) rule.min_pixels = rule.max_pixels;
    plan->n_frames = n;
    plan->filter = b->filter;
    plan->level = (int)(rule.max_pixels / area);
    return rule;
}

sl_status sl_video_plan_make(const struct sl_video_shape *video, const struct sl_video_sampling *sampling,
                             struct sl_video_plan *plan, sl_error *err)
{
    *plan = (struct sl_video_plan){0};
    sl_status status = check(video, sampling, err);
    if (status) return status;
    struct sl_fit rule =
        sampling->budget.cell ? share_budget(video, sampling, plan) : level_rule(video, sampling, plan);
    status = sl_picture_fit(&rule, video->width, video->height, &plan->width, &plan->height, err);
    if (status) goto out;
    plan->tokens_a_frame = plan->width / rule.factor * (plan->height / rule.factor);
    plan->indices = sl_alloc_array((size_t)plan->n_frames, sizeof *plan->indices);
    plan->seconds = sl_alloc_array((size_t)plan->n_frames, sizeof *plan->seconds);
    if (!plan->indices || !plan->seconds) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to sample %lld frames", (long long)plan->n_frames);
        goto out;
    }
    spread(video->n_frames, plan->n_frames, plan->indices);
    for (int64_t i = 0; i < plan->n_frames; i++) plan->seconds[i] = (double)plan->indices[i] / video->fps;
out:
    if (status) sl_video_plan_free(plan);
    return status;
}

void sl_video_plan_free(struct sl_video_plan *plan)
{
    free(plan->indices);
    free(plan->seconds);
    *plan = (struct sl_video_plan){0};
}

void sl_video_timestamp(double seconds, char *out)
{
    if (!(seconds > 0)) seconds = 0;
    if (seconds > 1e15) seconds = 1e15;
    /* The C library rounds the exact binary value, ties to even, as Python does. */
    char number[32];
    int n = snprintf(number, sizeof number, "%.1f", seconds);
    /* A locale may have written a comma. */
    if (n >= 2) number[n - 2] = '.';
    snprintf(out, SL_VIDEO_TIMESTAMP_BYTES, "[%s second]", number);
}
