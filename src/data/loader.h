/*
 * loader.h: packed batches from a mixture, made by worker threads ahead of the model.
 *
 * Workers draw samples in the mixture's order and encode them (encode.h); a packer (pack.h) chooses which of them share
 * a sequence; workers then put the sequence together. Batches depend on the mixture and on the options, never on the
 * number of workers or their timing: samples are packed in the order in which they were drawn, and one that cannot be
 * used is left out at its turn, counted, and named in the log.
 *
 * Memory is bounded: encoded samples stay below memory_bytes, plus what each worker has in hand; batches_ahead + 1
 * batches are kept, of at most max_tokens * 12 and max_patches * 12 * patch_size^2 bytes; no more is drawn until there
 * is room.
 *
 * One thread owns a loader; it alone calls the functions here.
 */
#ifndef SL_DATA_LOADER_H
#define SL_DATA_LOADER_H

#include "base/error.h"
#include "data/encode.h"
#include "data/mixture.h"
#include "data/skipped.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct sl_loader_options {
    struct sl_encode_options encode; /* its max_tokens and max_patches are those of a sequence */
    int look_ahead;                  /* samples that the packer chooses from; more when they are short (pack.h) */
    size_t memory_bytes;             /* of encoded samples; the packer looks ahead at most half of it */
    int n_workers;
    int batches_ahead;          /* made before they are asked for */
    struct sl_skipped *skipped; /* borrowed for the life of the loader; may be NULL */
    /* Asked ten times a second while sl_loader_next waits, by its thread: true ends the wait. NULL: it waits. */
    bool (*give_up)(void *arg);
    void *give_up_arg;
};

/* Fills in: sl_encode_defaults, 256 samples looked ahead, 2 GiB, 2 workers, 2 batches ahead. */
void sl_loader_defaults(struct sl_loader_options *o);

/*
 * One packed sequence: n_samples samples one after the other, each attending only to itself. The fields are those of
 * struct sl_batch_spec (model/batch.h), which data/ does not know; who trains sets
 *     .tokens, .cu_seqlens, .targets, .loss_weights, .n_pictures, .grids, .patches as here,
 *     .n_seqs = n_samples, .first_position = NULL: positions start at 0 in every sample.
 * Everything is borrowed from the loader until its next call.
 */
struct sl_loader_batch {
    int64_t n_tokens;
    const int32_t *tokens; /* (n_tokens) */
    int n_samples;
    const int32_t *cu_seqlens; /* (n_samples + 1): where each sample starts, and the end */
    const int32_t *targets;    /* (n_tokens): -1 where there is no loss */
    const float *loss_weights; /* (n_tokens): 0 where there is none */
    int64_t n_patches;
    int n_pictures;
    const sl_grid *grids;                    /* (n_pictures), in the order of the tokens */
    const float *patches;                    /* (n_patches, 3 patch_size^2) */
    const struct sl_encoded *const *samples; /* (n_samples): what they were; their pixels are gone */
};

/* What a loader has done so far. */
struct sl_loader_stats {
    int64_t n_batches, n_samples, n_tokens, n_targets, n_pictures, n_patches; /* handed out */
    int64_t n_cut;         /* samples handed out of which something was left off */
    double fill;           /* tokens handed out as a fraction of what the sequences had room for */
    double waited_seconds; /* that sl_loader_next spent waiting */
    int64_t n_skipped;     /* samples left out by the loader; bad rows are counted by the mixture's log */
    int64_t skipped[SL_N_SKIP_REASONS];
};

struct sl_loader;

/*
 * Starts a loader into *out, owned. mixture is borrowed and must be left alone until sl_loader_free. position,
 * borrowed, is one that sl_loader_save gave for a mixture and options like these (n_workers and batches_ahead may
 * differ), or NULL: from where the mixture stands.
 */
sl_status sl_loader_new(struct sl_mixture *mixture, const struct sl_loader_options *o, const json_t *position,
                        struct sl_loader **out, sl_error *err);

/* Stops the workers, waiting for what they have in hand, releases everything and sets *l to NULL. NULL is fine. */
void sl_loader_free(struct sl_loader **l);

/*
 * Waits for the next batch: *batch, borrowed until the next call, or NULL at the mixture's end. Only a lack of memory,
 * or of any sample that can be used, makes it fail; it then fails for good. SL_ERR_BUSY: no batch is ready and give_up
 * said so; nothing was taken.
 */
sl_status sl_loader_next(struct sl_loader *l, const struct sl_loader_batch **batch, sl_error *err);

/*
 * Returns the position after the last batch handed out, owned: the mixture's position some samples before the oldest
 * that waits for its sequence, and the numbers of those that wait. A loader started from it draws the samples in
 * between again (rows that cannot be read are met, and named in the log, again) and its first batch is the very next
 * one. NULL without memory.
 */
json_t *sl_loader_save(struct sl_loader *l);

/* Writes what was done so far into *stats. */
void sl_loader_stats(struct sl_loader *l, struct sl_loader_stats *stats);

#endif
