/*
 * conversation.h: messages in the making, in the form that the engine takes: texts, pictures, frames, videos.
 *
 * Parts of messages and the pictures that they name are kept side by side in two lists. One thread owns a conversation.
 */
#ifndef SL_INFER_CONVERSATION_H
#define SL_INFER_CONVERSATION_H

#include "infer/engine.h"

/* Messages in the making. Start with {0}; release with sl_conversation_release. */
struct sl_conversation {
    struct sl_chat_message *messages; /* owned, and so is everything below */
    size_t n_messages, cap_messages;
    struct sl_conversation_parts {
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
sl_status sl_conversation_begin(struct sl_conversation *c, enum sl_chat_role role, sl_error *err);

/* Adds n bytes of text, copied. */
sl_status sl_conversation_text(struct sl_conversation *c, const char *text, size_t n, sl_error *err);

/* Adds a picture file, which is read when the question is asked; the path is copied. */
sl_status sl_conversation_picture(struct sl_conversation *c, const char *path, sl_error *err);

/* Adds the n bytes of a picture file, copied. */
sl_status sl_conversation_picture_bytes(struct sl_conversation *c, const void *bytes, size_t n, sl_error *err);

/* Adds a frame, taking its pixels (empty afterwards), seen at `seconds`. */
sl_status sl_conversation_frame(struct sl_conversation *c, struct sl_picture *frame, double seconds, sl_error *err);

/* Adds the frames of a video file by the model's sampling, fps a second (0: its own); at most max_tokens in all. */
sl_status sl_conversation_video(struct sl_conversation *c, const char *path, double fps, int64_t max_tokens,
                                const sl_model *model, sl_error *err);

/* Points the ask at the messages and pictures. */
void sl_conversation_fill(struct sl_conversation *c, sl_ask *ask);

/* Forgets the messages from number n on, with their pictures. */
void sl_conversation_cut(struct sl_conversation *c, size_t n);

/* Releases everything; c is empty again. */
void sl_conversation_release(struct sl_conversation *c);

#endif
