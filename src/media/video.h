/*
 * video.h: the frames of a video file, by number, without decoding what lies between.
 *
 * Opening finds out how many frames there are and when each is shown; reading a frame seeks to the last place before
 * it that decoding can start at. One thread owns a reader. docs/VIDEO.md describes the rules.
 */
#ifndef SL_MEDIA_VIDEO_H
#define SL_MEDIA_VIDEO_H

#include "media/picture.h"
#include "media/video_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_video; /* a reader */

struct sl_video_options {
    int64_t max_pixels;      /* of one frame: 2^26, which 8K has half of */
    int64_t max_frames;      /* in the file: 4,000,000 */
    double max_seconds;      /* duration: 48 hours */
    double deadline_seconds; /* of one call; then it gives up: 120. 0: none */
    double max_gap_seconds;  /* how much earlier the frame may be that stands in for a damaged one: 2 */
    int n_threads;           /* of the decoder and the resizing: 1 */
};

/* Returns the defaults above. */
struct sl_video_options sl_video_options_default(void);

struct sl_video_info {
    int64_t n_frames;
    double seconds;       /* duration */
    double fps;           /* frames a second; the average when it varies */
    bool variable;        /* frames are further than half a frame from an even beat */
    int width, height;    /* upright, of the first frame */
    const char *codec;    /* FFmpeg's name of it, static */
    int64_t n_packets;    /* given to the decoder so far */
    int64_t n_damaged;    /* packets and frames that the decoder complained about so far */
    int64_t n_substitute; /* frames asked for so far for which an earlier one stood in */
};

/*
 * Opens a video file; release with sl_video_close. options may be NULL for the defaults. Files that are no video, have
 * only sound or no frames are SL_ERR_FORMAT, what this FFmpeg cannot decode SL_ERR_UNSUPPORTED, more than the limits
 * SL_ERR_MEMORY, and running out of time SL_ERR_IO. The message names the file.
 */
sl_status sl_video_open(struct sl_video **out, const char *path, const struct sl_video_options *options, sl_error *err);

/* The same from n bytes, borrowed until the close; name is for messages. */
sl_status sl_video_open_memory(struct sl_video **out, const void *bytes, size_t n, const char *name,
                               const struct sl_video_options *options, sl_error *err);

/* Releases everything; *v is NULL afterwards. NULL is fine. */
void sl_video_close(struct sl_video **v);

/* Returns what is known; borrows from v, and the counters go on. */
const struct sl_video_info *sl_video_info(const struct sl_video *v);

/* Returns when frame index is shown, in seconds after the first. The index is 0 to n_frames - 1. */
double sl_video_seconds(const struct sl_video *v, int64_t index);

/* Returns the frame that is shown at a time: the first before the start, the last after the end. */
int64_t sl_video_index_at_seconds(const struct sl_video *v, double seconds);

/*
 * Decodes frame index, upright, at width x height by the antialiased bilinear filter (0, 0: as it is), into *out;
 * release with sl_picture_free. Cheapest in ascending order.
 *
 * A frame that is damaged or builds on a damaged one is replaced by the last good one before it, at most
 * max_gap_seconds earlier, and counted; where there is none, SL_ERR_FORMAT names the frame.
 */
sl_status sl_video_frame(struct sl_video *v, int64_t index, int width, int height, struct sl_picture *out,
                         sl_error *err);

/* The same for n frames into out (n); on an error all are empty. */
sl_status sl_video_frames(struct sl_video *v, const int64_t *indices, int64_t n, int width, int height,
                          struct sl_picture *out, sl_error *err);

/*
 * Plans which frames the model sees (video_plan.h); release with sl_video_plan_free. Where the frame rate varies, the
 * plan's seconds are the frames' own.
 */
sl_status sl_video_plan_frames(const struct sl_video *v, const struct sl_video_sampling *sampling,
                               struct sl_video_plan *plan, sl_error *err);

/* Decodes frame i of a plan at its size, by its filter, into *out; as sl_video_frame. */
sl_status sl_video_planned_frame(struct sl_video *v, const struct sl_video_plan *plan, int64_t i,
                                 struct sl_picture *out, sl_error *err);

#endif
