/*
 * video_index.h: when each frame of a video is shown, known without decoding any. Between the video*.c files only.
 */
#ifndef SL_MEDIA_VIDEO_INDEX_H
#define SL_MEDIA_VIDEO_INDEX_H

#include "media/video_av.h"

struct sl_video_index {
    int64_t n_frames;
    int64_t *times;       /* (n_frames), ascending, owned */
    int64_t n_keys;       /* >= 1 */
    int64_t *keys;        /* (n_keys), ascending times of frames that decoding can start at, owned */
    AVRational time_base; /* of all times, in seconds */
    int64_t last_step;    /* how long the last frame is shown; 0: unknown */
    /*
     * The packets do not say when they are shown, so frames are known only by counting them from the start, and times
     * are numbers of frames.
     */
    bool counted;
    bool from_start; /* decoding cannot start in the middle */
    bool read_all;   /* the packets were read to the end: the next read needs a seek */
};

/*
 * Builds the index: from the container's own tables where they list every frame and leave no doubt about the order,
 * else by reading all packets. More than max_frames are SL_ERR_MEMORY, none SL_ERR_FORMAT. Release with
 * sl_video_index_release.
 */
sl_status sl_video_index_build(struct sl_av *av, int64_t max_frames, struct sl_video_index *index, sl_error *err);

/* Returns the number of the last entry of the ascending times (n) that is at most time; -1 when all are later. */
int64_t sl_video_index_at(const int64_t *times, int64_t n, int64_t time);

/* Releases the arrays. */
void sl_video_index_release(struct sl_video_index *index);

#endif
