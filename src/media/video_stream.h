/*
 * video_stream.h: frames as they arrive, from a pipe, a socket, a device: anything with a file descriptor.
 *
 * There is no seeking, no end until the sender closes, and no memory of what was passed over. One thread owns a stream.
 */
#ifndef SL_MEDIA_VIDEO_STREAM_H
#define SL_MEDIA_VIDEO_STREAM_H

#include "media/picture.h"

#include <stdbool.h>

struct sl_video_stream;

struct sl_video_stream_options {
    double fps;          /* frames a second at most; those that come faster are dropped: 1 */
    int64_t max_pixels;  /* of one frame: 2^26 */
    double wait_seconds; /* for the next frame, before giving up: 30. 0: for ever */
    int64_t probe_bytes; /* read at most before the first frame, to find out what is sent: 1 MiB */
    int n_threads;       /* of the decoder and the resizing: 1 */
};

/* Returns the defaults above. */
struct sl_video_stream_options sl_video_stream_options_default(void);

/*
 * Reads as much of fd as it takes to know what is sent; release with sl_video_stream_close. fd is borrowed; name is for
 * messages. options may be NULL. Errors as of sl_video_open.
 */
sl_status sl_video_stream_open(struct sl_video_stream **out, int fd, const char *name,
                               const struct sl_video_stream_options *options, sl_error *err);

/* Releases everything; *s is NULL afterwards. NULL is fine. */
void sl_video_stream_close(struct sl_video_stream **s);

/* Writes the upright size of the frames. */
void sl_video_stream_size(const struct sl_video_stream *s, int *width, int *height);

/*
 * Waits for the next frame that is due and decodes it, upright, at width x height by the antialiased bilinear filter
 * (0, 0: as it is), into *out; release with sl_picture_free. *seconds is its time after the first: its own, or that of
 * its arrival where frames carry none. Damaged frames are dropped. At the end *out is empty and *end true. Waiting too
 * long is SL_ERR_IO; the stream is then of no more use.
 */
sl_status sl_video_stream_next(struct sl_video_stream *s, int width, int height, struct sl_picture *out,
                               double *seconds, bool *end, sl_error *err);

#endif
