/*
 * row.h: putting a sample together from a row of any format, with every ceiling and path rule in one place.
 *
 * A format's reader begins messages, adds texts and media in order, and finishes. The first failure sticks, with the
 * reason under which the row is skipped; additions after it do nothing. One thread owns a row, and uses it again.
 */
#ifndef SL_DATA_ROW_H
#define SL_DATA_ROW_H

#include "base/error.h"
#include "data/sample.h"
#include "data/skipped.h"

#include <jansson.h>
#include <stdbool.h>

/* A file that comes with the row, as in a tar. */
struct sl_row_member {
    const char *name;    /* whole name in the archive */
    const char *ext;     /* after the sample's key: "jpg", "left.png" */
    struct sl_blob blob; /* lives as long as the sample */
    bool taken;          /* a part of the sample refers to it */
};

/* Where a row comes from and what holds for it. */
struct sl_row_place {
    const char *folder;            /* relative media paths start here */
    const char *domain;            /* of samples that name none, or NULL */
    struct sl_row_member *members; /* (n_members), or NULL: media are files */
    int n_members;
    bool check_media; /* look whether media files are there */
    const struct sl_data_limits *limits;
};

struct sl_row {
    struct sl_row_place place;
    struct sl_sample *sample; /* being filled */
    sl_status status;         /* of the first failure */
    sl_skip_reason reason;    /* of it */
    sl_error *err;            /* its message */
    /* In the making; copied into the sample at the end. */
    struct sl_sample_message *messages;
    struct sl_sample_part *parts; /* of all messages, in order */
    struct sl_sample_media *media;
    size_t n_messages, n_parts, n_media;
    size_t cap_messages, cap_parts, cap_media;
    int n_frames; /* in the sample's videos */
};

/* Starts a row that fills sample (initialised, empty); row = {0} before the first. Borrows everything. */
void sl_row_begin(struct sl_row *row, const struct sl_row_place *place, struct sl_sample *sample, sl_error *err);

/* Releases what the row keeps between uses. */
void sl_row_release(struct sl_row *row);

/* Fails the row unless it failed before. */
void sl_row_fail(struct sl_row *row, sl_skip_reason reason, const char *fmt, ...) SL_PRINTF(3, 4);

/* Begins a message. */
void sl_row_message(struct sl_row *row, sl_sample_role role);

/* Adds text (valid UTF-8 without NUL, copied) to the last message; nothing when it is empty. */
void sl_row_text(struct sl_row *row, const char *text, size_t n);

/*
 * Adds a picture or video to the last message. name is a path relative to the place's folder, an absolute one where
 * allowed, a file:// address, a data: address, or names a member. Returns the media to set details of (until the next
 * addition), or NULL once the row has failed.
 */
struct sl_sample_media *sl_row_media(struct sl_row *row, sl_media_kind kind, const char *name);

/* Adds a video of pictures, each named as in sl_row_media; returns as it does. */
struct sl_sample_media *sl_row_frames(struct sl_row *row, const json_t *names);

/* Adds a picture or video whose bytes are known; name is copied. */
struct sl_sample_media *sl_row_blob(struct sl_row *row, sl_media_kind kind, const char *name,
                                    const struct sl_blob *blob);

/* Adds the members that are pictures and videos and not taken yet to the last message; returns how many. */
int sl_row_members(struct sl_row *row);

/* Returns how many members are pictures and videos. */
int sl_row_count_members(const struct sl_row *row);

/* Sets domain, task, level and truth from the keys of those names of a JSON row; absent ones are left alone. */
void sl_row_facts(struct sl_row *row, const json_t *object);

/* Sets truth to the text of a JSON value. */
void sl_row_truth(struct sl_row *row, const json_t *value);

/* Puts everything into the sample; a row that says nothing fails. Returns the row's status. */
sl_status sl_row_finish(struct sl_row *row);

/* True when the file name or extension is that of a picture, video or sound format; *kind says which. */
bool sl_media_kind_of(const char *name, sl_media_kind *kind);

#endif
