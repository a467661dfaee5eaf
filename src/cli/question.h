/*
 * question.h: what a person asks on the command line, in the engine's form: texts, picture files, videos.
 *
 * Parts of messages and the pictures that they name are kept side by side in two lists. One thread owns a question.
 */
#ifndef SL_CLI_QUESTION_H
#define SL_CLI_QUESTION_H

#include "infer/engine.h"

/* Messages in the making. Start with {0}; release with sl_question_release. */
struct sl_question {
    struct sl_chat_message *messages; /* owned, and so is everything below */
    size_t n_messages, cap_messages;
    struct sl_question_parts {
        struct sl_chat_part *items;
        size_t n, cap;
    } * parts; /* of each message */
    size_t cap_parts;
    sl_ask_picture *pictures; /* in the order in which the parts name them */
    int n_pictures;
    size_t cap_pictures;
    struct sl_picture *frames; /* decoded pixels, pictures[i].pixels or unused */
    size_t cap_frames;
};

/* Starts a message; parts are added to the last one. */
sl_status sl_question_begin(struct sl_question *q, enum sl_chat_role role, sl_error *err);

/* Adds n bytes of text, copied. */
sl_status sl_question_text(struct sl_question *q, const char *text, size_t n, sl_error *err);

/* Adds a picture file, which is read when the question is asked; the path is copied. */
sl_status sl_question_picture(struct sl_question *q, const char *path, sl_error *err);

/* Adds a frame, taking its pixels (empty afterwards), seen at `seconds`. */
sl_status sl_question_frame(struct sl_question *q, struct sl_picture *frame, double seconds, sl_error *err);

/* Adds the frames of a video file by the published sampling, fps a second (0: 1); at most max_tokens in all. */
sl_status sl_question_video(struct sl_question *q, const char *path, double fps, int64_t max_tokens, int n_threads,
                            sl_error *err);

/* Points the ask at the messages and pictures. */
void sl_question_fill(struct sl_question *q, sl_ask *ask);

/* Forgets the messages from number n on, with their pictures. */
void sl_question_cut(struct sl_question *q, size_t n);

/* Releases everything; q is empty again. */
void sl_question_release(struct sl_question *q);

#endif
