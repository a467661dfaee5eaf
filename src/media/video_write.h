/*
 * video_write.h: short clips from pictures: H.264 in MP4, or VP9 in WebM.
 *
 * The same pictures and options give the same bytes on the same installation: one thread, no dates, no names of
 * programs. The file grows in memory and is written whole. One thread owns a writer.
 */
#ifndef SL_MEDIA_VIDEO_WRITE_H
#define SL_MEDIA_VIDEO_WRITE_H

#include "base/buf.h"
#include "media/picture.h"

#include <stdbool.h>

struct sl_video_writer;

typedef enum sl_video_codec {
    SL_VIDEO_H264, /* MP4; MPEG-4 part 2 where this FFmpeg has no libx264 */
    SL_VIDEO_VP9,  /* WebM */
} sl_video_codec;

struct sl_video_writer_options {
    int width, height; /* of every picture; an odd side is padded by repeating its last column or row */
    sl_video_codec codec;
    int fps_num, fps_den; /* frames a second, as a fraction: 25 / 1 */
    bool variable;        /* pictures come with their times, kept to 1/90000 s */
    int quality;          /* constant rate factor, 0 (best) to 51, VP9 63; -1: 23, VP9 31. Unused with bit_rate */
    int64_t bit_rate;     /* bits a second; 0: by quality */
    int key_interval;     /* frames from one key frame to the next at most; 0: 250 */
    bool fast;            /* several times faster, somewhat larger */
    int64_t max_bytes;    /* of the file: 1 GiB; past it SL_ERR_MEMORY */
};

/* Returns the defaults: H.264, 25 frames a second, by quality. The size is to be set. */
struct sl_video_writer_options sl_video_writer_options_default(void);

/* Starts a clip; finish, save or free it. Impossible options are SL_ERR_ARGUMENT, no encoder SL_ERR_UNSUPPORTED. */
sl_status sl_video_writer_new(struct sl_video_writer **out, const struct sl_video_writer_options *options,
                              sl_error *err);

/* Adds a picture, borrowed, of the size in the options, one frame after the last. */
sl_status sl_video_writer_add(struct sl_video_writer *w, const struct sl_picture *picture, sl_error *err);

/* Adds a picture at a time, later than the last one's (else SL_ERR_ARGUMENT); options.variable must be set. */
sl_status sl_video_writer_add_at(struct sl_video_writer *w, const struct sl_picture *picture, double seconds,
                                 sl_error *err);

/* Ends the clip and appends the file's bytes to out; *w is NULL afterwards, also on an error. At least one picture. */
sl_status sl_video_writer_finish(struct sl_video_writer **w, struct sl_buf *out, sl_error *err);

/* The same into a file, replaced atomically. */
sl_status sl_video_writer_save(struct sl_video_writer **w, const char *path, sl_error *err);

/* Gives up; *w is NULL afterwards. NULL is fine. */
void sl_video_writer_free(struct sl_video_writer **w);

#endif
