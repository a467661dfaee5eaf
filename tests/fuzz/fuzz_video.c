/*
 * fuzz_video.c: any bytes as a video: opened from memory, planned, some frames read, within small limits.
 */
#include "media/video.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Reads a frame; every byte of it must be there. */
static unsigned sum_of_frame(struct sl_video *v, int64_t index, int side)
{
    struct sl_picture p;
    sl_error err = {0};
    unsigned sum = 0;
    sl_status status = sl_video_frame(v, index, side, side, &p, &err);
    if (status ? p.rgb || !err.message[0] : p.width < 1 || p.height < 1) abort();
    for (int64_t i = 0; i < (int64_t)p.width * p.height * 3; i++) sum += p.rgb[i];
    sl_picture_free(&p);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    /* Small ceilings: what is hunted are wrong reads, not large or long videos. */
    const struct sl_video_options options = {.max_pixels = 1 << 14,
                                             .max_frames = 500,
                                             .max_seconds = 1e6,
                                             .deadline_seconds = 0.5,
                                             .max_gap_seconds = 1,
                                             .n_threads = 1};
    struct sl_video *v;
    sl_error err = {0};
    sl_status status = sl_video_open_memory(&v, bytes, n, "fuzz", &options, &err);
    if (status) {
        if (v || !err.message[0]) abort();
        return 0;
    }
    const struct sl_video_info *info = sl_video_info(v);
    if (info->n_frames < 1 || info->n_frames > options.max_frames || !(info->fps > 0) || !(info->seconds >= 0)) abort();
    const struct sl_video_sampling sampling = sl_video_sampling_default();
    struct sl_video_plan plan;
    if (!sl_video_plan_frames(v, &sampling, &plan, &err)) sl_video_plan_free(&plan);
    for (int64_t i = 1; i < info->n_frames; i++)
        if (sl_video_seconds(v, i) < sl_video_seconds(v, i - 1)) abort();
    unsigned sum = sum_of_frame(v, info->n_frames - 1, 0) + sum_of_frame(v, 0, 28);
    sum += sum_of_frame(v, info->n_frames / 2, 0);
    sl_video_close(&v);
    return sum > 0xfffffffeu ? -1 : 0; /* depends on every pixel */
}
