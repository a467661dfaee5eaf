/*
 * media_pool.h: pictures and videos of strangers, decoded in processes that can do nothing else.
 *
 * Files travel to a worker in shared memory, and pixels come back the same way. A worker that crashes, hangs or grows
 * past its limit takes one file's answer with it: it is replaced, and the caller gets an error for that file. Any
 * number of threads may call.
 */
#ifndef SL_SERVE_MEDIA_POOL_H
#define SL_SERVE_MEDIA_POOL_H

#include "media/picture.h"
#include "media/video_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_media_pool;

struct sl_media_pool_options {
    int n_workers;           /* processes: 2 */
    size_t max_memory;       /* bytes of address space of each: 3 GiB */
    double deadline_seconds; /* of one file: 60 */
    int64_t max_pixels;      /* of a picture, or of a frame: 2^26 */
};

/* Fills in the numbers above. */
void sl_media_pool_defaults(struct sl_media_pool_options *o);

/*
 * Starts the workers into *out, owned. Call it before the process has any thread but this one: it forks. Without the
 * kernel's means to lock a process in, SL_ERR_UNSUPPORTED.
 */
sl_status sl_media_pool_new(const struct sl_media_pool_options *o, struct sl_media_pool **out, sl_error *err);

/* Ends the workers and releases the pool; *p is NULL afterwards. No call may be under way. */
void sl_media_pool_free(struct sl_media_pool **p);

/* Returns how many workers have been lost to files so far. */
int64_t sl_media_pool_losses(struct sl_media_pool *p);

/* Decodes a picture file of n bytes into *out; errors as sl_picture_decode. A lost worker is SL_ERR_FORMAT. */
sl_status sl_media_pool_picture(struct sl_media_pool *p, const void *bytes, size_t n, struct sl_picture *out,
                                sl_error *err);

/* The frames of a video as the model is to see them. */
struct sl_media_frames {
    int n;
    struct sl_picture *pictures; /* (n), owned */
    double *seconds;             /* (n), owned */
    int width, height;           /* of the video itself; the pictures have the plan's size */
    int level, tokens_a_frame;   /* of the plan */
    double duration, fps;        /* of the video */
};

/* Plans, decodes and resizes the frames of a video file of n bytes into *out; release with sl_media_frames_free. */
sl_status sl_media_pool_video(struct sl_media_pool *p, const void *bytes, size_t n,
                              const struct sl_video_sampling *sampling, struct sl_media_frames *out, sl_error *err);

/* Releases everything; *f is empty again. */
void sl_media_frames_free(struct sl_media_frames *f);

#endif
