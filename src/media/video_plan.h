/*
 * video_plan.h: which frames of a video the model sees, how large, and when they were: pure arithmetic, no decoding.
 *
 * This is "dynamic frame-resolution sampling" (Seed1.5-VL technical report, section 2.2): more frames when asked for
 * more a second, fewer tokens for each when the video is long, and never more than a budget in all.
 */
#ifndef SL_MEDIA_VIDEO_PLAN_H
#define SL_MEDIA_VIDEO_PLAN_H

#include "base/error.h"
#include "media/resize.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SL_VIDEO_TOKEN_SIDE = 28, /* pixels of a visual token's side */
    SL_VIDEO_MIN_TOKENS = 4,  /* of one frame */
};

/* The rule of other families: frames at a rate, between two numbers, all of them sharing one budget of pixels. */
struct sl_video_budget {
    int cell;                       /* pixels of a visual token's side; 0: no such rule */
    int64_t min_frames, max_frames; /* 4 to 768 */
    int64_t min_pixels, max_pixels; /* of all frames together */
    sl_filter filter;               /* how frames are resized */
};

/* What to sample. */
struct sl_video_sampling {
    double fps;         /* frames wanted a second: 1; 2 for fine motion; 5 for counting repetitions and tracking */
    int64_t min_frames; /* of a short video, as far as it has them: 16 */
    int64_t max_tokens; /* of all frames: 81,920 */
    struct sl_video_budget budget; /* in place of levels and min_frames, when its cell is not 0 */
};

/* Returns the published defaults: 1 frame a second, 16 frames, 81,920 tokens. */
struct sl_video_sampling sl_video_sampling_default(void);

/* What is known of a video before any frame is decoded. */
struct sl_video_shape {
    int64_t n_frames;
    double fps;     /* its own: frame i is shown at i / fps */
    double seconds; /* its duration */
    int width, height;
};

struct sl_video_plan {
    int64_t n_frames;
    int level;          /* the tokens that each frame may have: one of 640, 512, 384, 256, 160, 128 */
    int width, height;  /* of every frame, multiples of a token's side */
    sl_filter filter;   /* how it comes to this size */
    int tokens_a_frame; /* width / 28 * height / 28; a very long picture may end above level by a strip */
    int64_t *indices;   /* (n_frames), ascending, owned */
    double *seconds;    /* (n_frames), owned: indices[i] / fps */
};

/*
 * Plans; release with sl_video_plan_free. With N frames in T seconds:
 *     n = min(max(ceil(T * fps), min_frames), N)
 *     level = the first of 640, 512, 384, 256, 160, 128 with n * level <= max_tokens;
 *             when there is none, 128, and n = max_tokens / 128 (640 frames)
 *     indices = linspace(0, N - 1, n), rounded half to even
 *     size = sl_picture_fit with 4 * 784 to level * 784 pixels
 * With a budget instead: n = floor(N / fps_own * fps) between min_frames and max_frames and at most N, indices as
 * above, and size = sl_picture_fit with its cell and the bounds divided by n (n rounded up to even); as Qwen3-VL's
 * processor does it. max_tokens bounds the pixels too, at two frames a token. Numbers out of range, and a budget under
 * 128 tokens, are SL_ERR_ARGUMENT.
 */
sl_status sl_video_plan_make(const struct sl_video_shape *video, const struct sl_video_sampling *sampling,
                             struct sl_video_plan *plan, sl_error *err);

/* Releases the arrays; *plan is empty again. */
void sl_video_plan_free(struct sl_video_plan *plan);

enum { SL_VIDEO_TIMESTAMP_BYTES = 48 };

/*
 * Writes the text that stands before a frame, "[12.3 second]": one decimal, rounded as Python's round(seconds, 1), into
 * out, which has room for SL_VIDEO_TIMESTAMP_BYTES. Times are 0 to 1e15 seconds, else they are written as if they were.
 */
void sl_video_timestamp(double seconds, char *out);

#endif
