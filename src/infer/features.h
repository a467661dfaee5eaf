/*
 * features.h: the cache of picture features, by what the picture contains: in memory, and on disk when given a folder.
 *
 * A feature set begins as patches that wait for the vision encoder and becomes rows for the decoder; whoever asks
 * about the same picture meanwhile or later shares it. Sets are counted references; unused ones stay until room is
 * needed, the longest unused leave first. Any thread may call; one thread encodes.
 */
#ifndef SL_INFER_FEATURES_H
#define SL_INFER_FEATURES_H

#include "infer/prompt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What identifies a picture and how it is seen. */
typedef struct sl_content_key {
    uint64_t low, high;
} sl_content_key;

/* One picture's features. Everything is read-only but to the cache and the encoder. */
typedef struct sl_feature_set {
    sl_content_key key;
    sl_prompt_picture picture; /* sizes and grid */
    int64_t n_rows;            /* grid / 4 */
    float *patches;            /* (4 n_rows, patch numel) until encoded, then NULL; owned */
    void *rows;                /* (n_rows, hidden) once encoded, else NULL; owned */
    size_t bytes;              /* taken of the ceiling now */
    int refs;                  /* requests that use it */
    bool listed;               /* false once forgotten */
    bool from_disk;
    uint64_t used; /* time stamp for choosing what leaves */
    struct sl_feature_set *next;
} sl_feature_set;

typedef struct sl_features sl_features;

typedef struct sl_features_options {
    size_t ceiling;       /* bytes of all sets */
    size_t row_bytes;     /* of one feature row */
    size_t patch_bytes;   /* of one patch */
    const char *dir;      /* where sets are kept across restarts, or NULL; made when missing. Borrowed */
    uint64_t fingerprint; /* of the weights: sets of others are not used */
    size_t dir_ceiling;   /* bytes in dir; the oldest files go first */
} sl_features_options;

/* Counters since the start. */
typedef struct sl_features_counts {
    uint64_t memory_hits, disk_hits, misses;
    size_t bytes, sets;
} sl_features_counts;

/* Makes an empty cache; release with sl_features_free when nothing refers to it any more. */
sl_status sl_features_new(const sl_features_options *o, sl_features **out, sl_error *err);
void sl_features_free(sl_features *f);

/* Returns the set of that key with one more reference, from memory or disk, or NULL. */
sl_feature_set *sl_features_find(sl_features *f, sl_content_key key);

/*
 * Adds a set that waits to be encoded, takes patches (also on an error), and puts it into *out with one reference;
 * when another thread added the key meanwhile, that set. SL_ERR_BUSY when the ceiling is taken by sets in use,
 * SL_ERR_MEMORY when this one can never fit.
 */
sl_status sl_features_add(sl_features *f, sl_content_key key, const sl_prompt_picture *picture, float *patches,
                          sl_feature_set **out, sl_error *err);

/* The encoder hands over the rows (copied) of a set; its patches are freed. Also writes it to disk. */
sl_status sl_features_encoded(sl_features *f, sl_feature_set *set, const void *rows, sl_error *err);

/* Gives a reference back; NULL is fine. A set that was never encoded goes with the last one. */
void sl_features_drop(sl_features *f, sl_feature_set *set);

/* Forgets all sets, because the weights changed: those in use go with their last reference. */
void sl_features_forget(sl_features *f);

/* Returns the counters as they are now. */
sl_features_counts sl_features_count(sl_features *f);

/* Returns the key of n bytes seen within these pixel bounds. */
sl_content_key sl_content_key_of(const void *bytes, size_t n, int64_t min_pixels, int64_t max_pixels);

#endif
