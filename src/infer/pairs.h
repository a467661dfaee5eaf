/*
 * pairs.h: frames of a video two by two, for models whose patches hold two frames.
 */
#ifndef SL_INFER_PAIRS_H
#define SL_INFER_PAIRS_H

#include "infer/engine.h"

/* What is asked with every two frames that follow each other in a message as one part. */
struct sl_pairs {
    const struct sl_chat_message *messages; /* those of the ask, or copies */
    int *second;                            /* (n_pictures): the frame that shares picture i's patches; -1: none */
    bool *taken;                            /* (n_pictures): picture i is such a frame */
    struct sl_chat_message *own_messages;   /* owned, or NULL */
    struct sl_chat_part *own_parts;         /* owned, or NULL */
};

/*
 * Pairs the frames of a when frames is 2; the time of a pair is their mean, and a frame without a partner stays alone.
 * Borrows from a. Release with sl_pairs_release.
 */
sl_status sl_pairs_make(const sl_ask *a, int frames, struct sl_pairs *out, sl_error *err);
void sl_pairs_release(struct sl_pairs *p);

#endif
