/*
 * sample.h: the inside of a sample in the making, for those who write it out or look at it: engine, validators, tests.
 */
#ifndef SL_SYNTH_SAMPLE_H
#define SL_SYNTH_SAMPLE_H

#include "synth/synth.h"

typedef enum sl_synth_role { SL_SYNTH_SYSTEM, SL_SYNTH_USER, SL_SYNTH_ASSISTANT } sl_synth_role;

/* A piece of a message: text, or one of the sample's media. */
struct sl_synth_part {
    int media;          /* index into the sample's media; -1: text */
    struct sl_buf text; /* owned; unused for media */
};

struct sl_synth_message {
    sl_synth_role role;
    struct sl_synth_part *parts; /* owned */
    int n_parts;
    size_t cap_parts;
    struct sl_buf reasoning; /* owned; an assistant's, without tags; empty: none */
};

/*
 * Appends the text of message i without its media to out; of an assistant's message "<think>...</think>" first when
 * thinking is set and it has a reasoning. Failures stay in out.
 */
void sl_synth_message_text(const struct sl_synth_sample *s, int i, bool thinking, struct sl_buf *out);

/* Returns the index of the last message of that role, or -1. */
int sl_synth_last_message(const struct sl_synth_sample *s, sl_synth_role role);

/* What a row says about its sample besides what the sample holds. */
struct sl_synth_row {
    const char *key;    /* the row's "id", and what its media's names begin with */
    const char *domain; /* the family's name */
    const char *task;
    int level;
    bool thinking; /* write the reasoning */
};

/*
 * Makes the sample's JSON row (docs/DATA.md) into *out, owned: id, domain, task, level, messages, truth. Media are
 * named KEY.EXTENSION, with several KEY.NUMBER.EXTENSION (sl_synth_media_name). Only memory can fail.
 */
sl_status sl_synth_sample_json(const struct sl_synth_sample *s, const struct sl_synth_row *row, json_t **out,
                               sl_error *err);

/* Writes the name of media i of a sample called key into name. */
void sl_synth_media_name(const struct sl_synth_sample *s, const char *key, int i, char *name, size_t size);

#endif
