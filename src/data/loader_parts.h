/*
 * loader_parts.h: what loader.c shares with loader_batch.c (putting batches together) and loader_position.c (returning
 * to a place). Nothing else includes it.
 */
#ifndef SL_DATA_LOADER_PARTS_H
#define SL_DATA_LOADER_PARTS_H

#include "data/encode.h"
#include "data/loader.h"
#include "data/pack.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- batches --------------------------------------------------------------------------------------------------- */

/* Where the loader stands after a batch. */
struct sl_loader_mark {
    uint64_t next;     /* number of the first sample not looked at */
    uint64_t *waiting; /* (n_waiting): those looked at that are in no batch yet, ascending; owned */
    size_t n_waiting, room;
};

typedef enum sl_job_state {
    SL_JOB_FREE,
    SL_JOB_PACKED,    /* its samples are known */
    SL_JOB_ASSEMBLED, /* a worker is putting it together */
    SL_JOB_READY,     /* to be handed out, or handed out */
} sl_job_state;

/* A batch and its arrays, used again and again. */
struct sl_loader_job {
    sl_job_state state;
    struct sl_encoded **samples; /* (n_samples), owned, as are those in them; room for max_tokens */
    int n_samples;
    size_t n_bytes; /* of the samples when they were packed */
    int32_t *tokens, *targets, *cu_seqlens;
    float *loss_weights;
    sl_grid *grids;
    float *patches;
    struct sl_loader_mark mark;   /* after this batch */
    struct sl_loader_batch batch; /* valid when ready */
};

/* Allocates the arrays for sequences of these options; release with sl_loader_job_free, also after a failure. */
sl_status sl_loader_job_init(struct sl_loader_job *job, const struct sl_encode_options *o, sl_error *err);
/* Releases the arrays and the samples; *job is empty again. */
void sl_loader_job_free(struct sl_loader_job *job);

/* Fills in the arrays and job->batch from the samples, whose pixels it releases. Any thread. */
sl_status sl_loader_job_assemble(struct sl_loader_job *job, const struct sl_encode_options *o, sl_error *err);

/* Releases the samples; the job is free again. */
void sl_loader_job_clear(struct sl_loader_job *job);

/* --- positions ------------------------------------------------------------------------------------------------- */

/* *mark = the samples that wait in p and the number of the next one. False without memory. */
bool sl_loader_mark_set(struct sl_loader_mark *mark, const struct sl_packer *p, uint64_t next);

/* Number of the oldest sample that is in no batch yet. */
uint64_t sl_loader_mark_oldest(const struct sl_loader_mark *mark);

enum { SL_SNAPSHOT_EVERY = 64 };

/* The mixture's position before sample number order. */
struct sl_snapshot {
    uint64_t order;
    json_t *mixture; /* owned */
};

/* The mixture's positions at every SL_SNAPSHOT_EVERY-th sample from the oldest that is still needed on. */
struct sl_snapshots {
    struct sl_snapshot *items; /* (n), ascending, owned */
    size_t n, room;
};

/* Adds one, taking mixture (NULL: no memory). */
sl_status sl_snapshots_add(struct sl_snapshots *s, uint64_t order, json_t *mixture, sl_error *err);

/* Forgets those that no position with this oldest sample needs. */
void sl_snapshots_forget(struct sl_snapshots *s, uint64_t oldest);

/* Releases all of them; *s is empty again. */
void sl_snapshots_free(struct sl_snapshots *s);

/* Returns the owned JSON of a position; NULL without memory. */
json_t *sl_loader_position_dump(const struct sl_snapshots *s, const struct sl_loader_mark *mark);

/* A position that was read. */
struct sl_loader_position {
    const json_t *mixture; /* borrowed: the mixture's position before sample number order */
    uint64_t order;
    struct sl_loader_mark mark; /* its array is owned by the reader */
};

/* Reads one; what it says is checked, whether it fits the mixture is not. */
sl_status sl_loader_position_parse(const json_t *json, struct sl_loader_position *out, sl_error *err);

#endif
