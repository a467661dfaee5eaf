/*
 * video_webp.h: animated WebP, which the FFmpeg of most systems cannot decode, through libwebp. Between the video*.c
 * files only.
 */
#ifndef SL_MEDIA_VIDEO_WEBP_H
#define SL_MEDIA_VIDEO_WEBP_H

#include "base/file.h"
#include "media/video_av.h"
#include "media/video_index.h"

#include <webp/demux.h>

/* An open animation; zeroed before, released by sl_video_webp_close. */
struct sl_video_webp {
    struct sl_mapped_file file; /* owned; empty where the bytes are the caller's */
    WebPAnimDecoder *decoder;   /* owned; NULL: not open */
    uint8_t *canvas;            /* (height, width, 4) RGBA of frame `last`, borrowed from the decoder */
    int width, height;
    int64_t last;    /* number of the frame on the canvas; -1: none */
    int64_t n_whole; /* frames before the first damaged one, which all that follow may build on */
};

/* True when the first n bytes of a file are the header of an animated WebP. */
bool sl_video_webp_is(const uint8_t *head, size_t n);

/*
 * Opens n bytes, borrowed until the close, and fills *index, whose times are milliseconds. Frames of 10 ms and less
 * count as 100 ms, as browsers show them. More than max_pixels or max_frames are SL_ERR_MEMORY.
 */
sl_status sl_video_webp_open(struct sl_video_webp *w, const uint8_t *bytes, size_t n, int64_t max_pixels,
                             int64_t max_frames, struct sl_video_index *index, sl_error *err);

/*
 * Decodes until frame index is on the canvas, or the last whole one before it, and lets *frame point there until the
 * next call; counts what it decodes in av, and stops at av's deadline.
 */
void sl_video_webp_decode(struct sl_video_webp *w, int64_t index, struct sl_av *av, AVFrame *frame);

/* Returns the turn that the EXIF orientation asks for. */
struct sl_av_turn sl_video_webp_turn(const struct sl_video_webp *w);

/* Releases everything; *w is empty again. */
void sl_video_webp_close(struct sl_video_webp *w);

#endif
