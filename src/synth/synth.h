/*
 * synth.h: the data engine's contract: what a family of training data is, what its generator gets and what it gives.
 *
 * Ground truth comes from construction: a generator decides what is there, draws it, and writes question, answer and
 * truth from the same numbers. A sample follows from its request alone, bit by bit, whatever process makes it.
 * A maker belongs to one thread.
 */
#ifndef SL_SYNTH_SYNTH_H
#define SL_SYNTH_SYNTH_H

#include "base/buf.h"
#include "base/error.h"
#include "base/rng.h"
#include "media/picture.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which half of the engine's seeds, styles, fonts and phrasings a sample may use. The halves share nothing. */
typedef enum sl_synth_split { SL_SYNTH_TRAIN, SL_SYNTH_HELD_OUT, SL_N_SYNTH_SPLITS } sl_synth_split;

/* What one sample is to be. */
struct sl_synth_request {
    struct sl_rng *rng; /* every random choice comes from here; borrowed */
    sl_synth_split split;
    int task;          /* index into the family's tasks */
    int level;         /* difficulty, 0 .. n_levels - 1 */
    int width, height; /* of the picture in pixels; 0: the family's own choice */
    /* Of a family with `share`: the same for that many samples in a row, whose level and size are the same too; what is
     * dear to make is drawn with a copy of it. Borrowed; NULL: this sample shares with none. */
    const struct sl_rng *shared;
};

/* How a picture is kept in its shard. */
typedef enum sl_synth_encoding { SL_SYNTH_PNG, SL_SYNTH_JPEG } sl_synth_encoding;

enum { SL_SYNTH_MAX_MEDIA = 256, SL_SYNTH_MAX_MESSAGES = 512 };

/* One picture or clip of a sample: an encoded file. */
struct sl_synth_media {
    bool video;
    char extension[8];   /* "png", "jpg", "mp4", "webm", "wav" */
    struct sl_buf bytes; /* owned */
    int width, height;   /* pixels, as the answer's coordinates see it */
};

struct sl_synth_message; /* role, parts, reasoning: sample.h */
struct sl_checker;       /* check.h */

/*
 * A sample in the making. Additions after the first failure do nothing (sticky, as in sl_buf); the engine asks once
 * at the end.
 */
struct sl_synth_sample {
    struct sl_synth_message *messages; /* owned */
    int n_messages;
    struct sl_synth_media *media; /* owned */
    int n_media;
    json_t *truth; /* owned object: {"checker": NAME, "answer": ...} and what else a checker or a reader wants */
    sl_status status;
    sl_error error;
};

/* A part of the engine: samples of one kind, in tasks and levels. Static tables; families.c lists them. */
struct sl_synth_family {
    const char *name;         /* the samples' "domain", and the key in recipes: "scenes" */
    const char *title;        /* one line for people */
    const char *const *tasks; /* (n_tasks) names: "count", "point", ... */
    int n_tasks;
    int n_levels;
    /* Opens what a process keeps between samples (fonts, a browser) into *state, owned; NULL: nothing to open.
     * SL_ERR_UNSUPPORTED with a message: the family cannot be made here, and is left out with that line. */
    sl_status (*open)(void **state, sl_error *err);
    void (*close)(void *state); /* NULL with open */
    /* Fills the empty *out. On failure the engine reports and stops; a generator redraws by itself what does not fit.
     */
    sl_status (*make)(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err);
    /* Checks what only this family can re-derive from a finished sample (a second rendering); NULL: nothing. Failing is
     * an error that names what disagrees. */
    sl_status (*validate)(void *state, const struct sl_synth_request *r, const struct sl_synth_sample *s,
                          sl_error *err);
    int share; /* how many samples in a row may be about one thing that is dear to make; 0: each has its own */
    /* Returns the seconds of processor time that other programs took for state so far; NULL: there are none. */
    double (*helper_seconds)(const void *state);
    const struct sl_checker *checkers; /* (n_checkers) rules that only this family's truths name; NULL: none */
    int n_checkers;
};

/* --- choosing ------------------------------------------------------------------------------------------------- */

/*
 * Returns one of n variants (styles, fonts, templates): from n >= 4 on, every fourth (i % 4 == 3) is for held-out
 * samples only and the others for training only; fewer are shared.
 */
int sl_synth_choose(const struct sl_synth_request *r, int n);

/* Returns one of a NULL-terminated list of phrasings by the same rule. */
const char *sl_synth_phrase(const struct sl_synth_request *r, const char *const *phrases);

/* Returns a uniform integer in [low, high], and a uniform float in [low, high). */
int sl_synth_int(const struct sl_synth_request *r, int low, int high);
double sl_synth_real(const struct sl_synth_request *r, double low, double high);

/* True with probability p. */
bool sl_synth_chance(const struct sl_synth_request *r, double p);

/* Shuffles order, which becomes a permutation of 0 .. n - 1. */
void sl_synth_shuffle(const struct sl_synth_request *r, int *order, int n);

/* --- building ------------------------------------------------------------------------------------------------- */

/* Starts an empty sample; release with sl_synth_sample_release. */
void sl_synth_sample_init(struct sl_synth_sample *s);
void sl_synth_sample_release(struct sl_synth_sample *s);

/*
 * Adds text to the conversation, printf-style: to the last message when it is of that role, else to a new one.
 * A system message comes first. Text and pictures of a message keep their order.
 */
void sl_synth_system(struct sl_synth_sample *s, const char *fmt, ...) SL_PRINTF(2, 3);
void sl_synth_user(struct sl_synth_sample *s, const char *fmt, ...) SL_PRINTF(2, 3);
void sl_synth_answer(struct sl_synth_sample *s, const char *fmt, ...) SL_PRINTF(2, 3);

/*
 * Adds to the worked reasoning of the present answer (the next one, when the last message is the user's). The engine
 * writes it as <think> for the share of samples that the recipe wants with thinking, and leaves it out of the others.
 */
void sl_synth_think(struct sl_synth_sample *s, const char *fmt, ...) SL_PRINTF(2, 3);

/* Encodes the picture, borrowed, and adds it to the user's message. quality: JPEG's, 1..100; unused for PNG. */
void sl_synth_picture(struct sl_synth_sample *s, const struct sl_picture *p, sl_synth_encoding encoding, int quality);

/* Adds an encoded clip (its bytes are taken, and *bytes is empty again) to the user's message. */
void sl_synth_video(struct sl_synth_sample *s, struct sl_buf *bytes, const char *extension, int width, int height);

/* Sets a key of the truth; takes value (NULL, for want of memory, fails the sample). */
void sl_synth_truth(struct sl_synth_sample *s, const char *key, json_t *value);

/* Fails the sample unless it failed before. */
void sl_synth_fail(struct sl_synth_sample *s, sl_status status, const char *fmt, ...) SL_PRINTF(3, 4);

/* --- families --------------------------------------------------------------------------------------------------- */

/* Returns family i, 0 <= i < sl_synth_n_families(), or the one of that name, or NULL. Static storage. */
int sl_synth_n_families(void);
const struct sl_synth_family *sl_synth_family_at(int i);
const struct sl_synth_family *sl_synth_family_find(const char *name);

#endif
