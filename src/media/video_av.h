/*
 * video_av.h: FFmpeg's libraries, tamed: one container opened from a file, a pipe or memory, its video or sound stream,
 * and a decoder for it. Between the video*.c files and sound.c only; nothing outside media/ includes it.
 *
 * Containers never open other files or the network, whatever they name; FFmpeg logs nothing; every wait has a deadline.
 * FFmpeg keeps its log handler once for a process, so opening anything here silences it for the whole process.
 */
#ifndef SL_MEDIA_VIDEO_AV_H
#define SL_MEDIA_VIDEO_AV_H

#include "base/error.h"
#include "media/picture.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a picture is turned to stand upright. */
struct sl_av_turn {
    bool swap;                    /* columns become rows */
    bool from_right, from_bottom; /* the first upright column or row is the last stored one along that axis */
};

struct sl_av_options {
    int64_t max_pixels;  /* of one picture */
    int n_threads;       /* of the decoder, >= 1 */
    int64_t probe_bytes; /* read at most to find out what a stream is; 0: FFmpeg's own 5 MB */
    bool live;           /* as little delay as possible */
};

/* Zeroed, then bytes or fd set, then opened. The thread that uses it owns it. */
struct sl_av {
    const uint8_t *bytes; /* borrowed; NULL: read from fd */
    int64_t n;            /* of bytes, or of the file where seekable */
    int fd;               /* borrowed */
    bool seekable;
    bool sound; /* the sound track is wanted, not the video */
    struct sl_av_options options;

    int64_t at;       /* next byte to read */
    double deadline;  /* on sl_clock_seconds; 0: none */
    bool late;        /* the deadline has passed, and something was given up because of it */
    char detail[160]; /* what FFmpeg said last while reading the container; "" */

    AVFormatContext *format; /* owned */
    AVStream *stream;        /* borrowed from format */
    AVCodecContext *decoder; /* owned */
    AVPacket *packet;        /* owned, for whoever reads */

    bool drained;                     /* the decoder was told that the file has ended */
    bool tainted;                     /* something was damaged since the last frame that builds on no other, */
    int64_t damaged_from, damaged_to; /* from this time to that */
    int64_t skip_before;              /* frames before this time are decoded only where others build on them */
    int64_t last_sent;                /* time of the last packet given to the decoder */
    int64_t n_packets, n_damaged;     /* packets given to the decoder, complaints; kept when opened again */
};

/* Opens the container, finds the best stream of the wanted kind, and opens its decoder. Release with sl_av_close, also
 * on an error.
 */
sl_status sl_av_open(struct sl_av *av, sl_error *err);

/* Releases everything that was opened; bytes and fd stay, so that it can be opened again from the start. */
void sl_av_close(struct sl_av *av);

/* Writes "what: FFmpeg's reason" for the error code rc, or that the deadline passed; returns the status for it. */
sl_status sl_av_fail(const struct sl_av *av, int rc, sl_error *err, const char *what);

/* True when the deadline has passed; remembers it in late. */
bool sl_av_is_late(struct sl_av *av);

/*
 * Brings the next frame out of the decoder into frame, which owns it until av_frame_unref; *usable says whether it is
 * whole: neither damaged nor building on something damaged. False at the end of the video, or when the deadline passed.
 */
bool sl_av_next_frame(struct sl_av *av, AVFrame *frame, bool *usable);

/* Empties the decoder after a seek. */
void sl_av_flush(struct sl_av *av);

/* Returns the turn that the container's display matrix asks for. */
struct sl_av_turn sl_av_stream_turn(const struct sl_av *av);

/* Turns frames into pictures; zeroed, released by sl_av_convert_release. */
struct sl_av_convert {
    struct SwsContext *sws; /* owned */
    AVFrame *rgb;           /* owned */
};

/*
 * Writes frame as an upright RGB picture of the frame's size into *out; release with sl_picture_free. Colours by the
 * frame's own tags, BT.601 where it has none; transparency is laid over white. More than max_pixels are SL_ERR_MEMORY.
 */
sl_status sl_av_picture(struct sl_av_convert *convert, const AVFrame *frame, const struct sl_av_turn *turn,
                        int64_t max_pixels, struct sl_picture *out, sl_error *err);

/* Releases what conversions kept. */
void sl_av_convert_release(struct sl_av_convert *convert);

/* Makes FFmpeg silent. */
void sl_av_silence(void);

#endif
