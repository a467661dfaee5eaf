/*
 * ask_stream.h: watching a live video: frames come with their times, and the model answers when it has something to
 * say.
 */
#ifndef SL_CLI_ASK_STREAM_H
#define SL_CLI_ASK_STREAM_H

#include "infer/engine.h"

#include <stdio.h>

struct sl_ask_stream {
    const char *source;   /* a pipe, a device, or "-" */
    const char *question; /* what to watch for */
    const char *system;   /* or NULL */
    double fps;
    bool json;
    const sl_ask *ask; /* sampling, thinking and grammar */
};

/* True when a path is "-", a pipe, a socket or a device: nothing that has an end to seek to. */
bool sl_ask_stream_is(const char *path);

/*
 * Shows each frame to the model as it comes (at most 640 tokens each, the published top level) and asks after each
 * whether there is something to say. An answer is written when it is not empty and differs from the last one. The
 * oldest half of the frames is forgotten when the context is full. Ends with the stream.
 */
sl_status sl_ask_stream(sl_engine *e, const struct sl_ask_stream *w, FILE *to, sl_error *err);

#endif
