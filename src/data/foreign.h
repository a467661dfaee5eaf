/*
 * foreign.h: how other projects write conversations with pictures: <image> and <video> marks in the text, and the
 * files in lists beside it (LLaVA's "image", Qwen's "images" and "videos"), or the path inside the text (<img>).
 */
#ifndef SL_DATA_FOREIGN_H
#define SL_DATA_FOREIGN_H

#include "data/row.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The media that a row lists apart from its text, and how many were given their places. */
struct sl_marks {
    struct sl_row *row;
    const json_t *lists[2]; /* by media kind: a string, an array, or NULL */
    size_t n[2];            /* media of that kind */
    size_t next[2];         /* the next to be placed */
    bool members;           /* the media are the row's members instead */
    bool lead[2];           /* no mark stands anywhere: they come before the first user message's text */
};

/* Starts on a row: finds its lists and counts the marks in its messages (an array, or NULL when it is not one). */
void sl_marks_begin(struct sl_marks *m, struct sl_row *row, const json_t *object, const json_t *messages);

/* True when the row lists media apart from its text, so that marks in texts mean them. */
bool sl_marks_any(const struct sl_marks *m);

/* Adds the media without marks, if this is the first user message. To be called when a message has begun. */
void sl_marks_lead(struct sl_marks *m, sl_sample_role role);

/* Adds the next medium of a kind; returns it as sl_row_media does. Fails the row when there is no more. */
struct sl_sample_media *sl_marks_take(struct sl_marks *m, sl_media_kind kind);

/* Adds a text whose marks stand for media. */
void sl_marks_text(struct sl_marks *m, const char *text, size_t n);

/* Fails the row when media are left over. */
void sl_marks_end(struct sl_marks *m);

/* Finds the role that a name stands for ("human", "gpt", ...); false, failing the row, when it is none, or NULL. */
bool sl_foreign_role(struct sl_row *row, const char *name, sl_sample_role *role);

/* Fills a row from LLaVA's and the first Qwen-VL's {"image", "conversations": [{"from", "value"}]}. */
void sl_foreign_conversations(struct sl_row *row, const json_t *object);

/* Fills a row from {"text" or "caption", "image" or "images"}: a caption, or a document without pictures. */
void sl_foreign_caption(struct sl_row *row, const json_t *object);

#endif
