/*
 * media_worker.h: what a media worker is told and what it answers: between media_pool.c and media_worker.c only.
 */
#ifndef SL_SERVE_MEDIA_WORKER_H
#define SL_SERVE_MEDIA_WORKER_H

#include "serve/media_pool.h"

enum sl_media_kind_of_job { SL_JOB_PICTURE, SL_JOB_VIDEO };

/* One file to decode; its bytes come as a descriptor of shared memory beside this. */
struct sl_media_job {
    enum sl_media_kind_of_job kind;
    uint64_t n_bytes;
    int64_t max_pixels;
    double deadline_seconds;
    struct sl_video_sampling sampling;
};

enum { SL_MEDIA_MAX_FRAMES = 4096 };

/*
 * What became of it. With status SL_OK a descriptor comes beside this: of shared memory that holds, for a picture, its
 * RGB bytes; for a video, n_frames doubles of seconds and then the frames one after the other.
 */
struct sl_media_result {
    sl_status status;
    sl_error error;
    int width, height; /* of the pictures */
    int n_frames;
    int source_width, source_height, level, tokens_a_frame;
    double duration, fps;
};

/* Sends n bytes with a descriptor (-1: none); false when the other end has gone. */
bool sl_media_send(int socket, const void *message, size_t n, int fd);

/* Receives exactly n bytes, and a descriptor or -1 into *fd; false when the other end has gone. */
bool sl_media_receive(int socket, void *message, size_t n, int *fd);

/* Locks this process in and serves jobs from the socket until it closes. */
void sl_media_worker_run(int socket, size_t max_memory);

#endif
