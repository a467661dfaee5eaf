/*
 * encode.h: a sample becomes what the model is trained on: token ids, targets, and pictures at the model's size.
 *
 * Pictures stay bytes here and become normalised patches only when a batch is put together (loader.c): that is four
 * times less memory while samples wait for their sequence, and all that can go wrong with a picture has happened.
 */
#ifndef SL_DATA_ENCODE_H
#define SL_DATA_ENCODE_H

#include "base/error.h"
#include "data/sample.h"
#include "data/skipped.h"
#include "media/video_plan.h"
#include "media/view.h"
#include "text/chat.h"
#include "text/tokenizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to do with a sample that is longer than a sequence. */
typedef enum sl_too_long {
    SL_TOO_LONG_CUT,  /* keep the front: text ends anywhere, a picture stays whole or goes with all that follows it */
    SL_TOO_LONG_DROP, /* skip it */
} sl_too_long;

struct sl_encode_options {
    const struct sl_tokenizer *tokenizer; /* borrowed; with the special tokens of the format */
    enum sl_chat_format format;           /* whose chat template */
    bool always_thinks;                   /* the template opens every answer with a thought */
    struct sl_view_rule view;
    struct sl_video_sampling video;  /* fps is the default of samples that name none */
    int64_t max_source_pixels;       /* of a picture as it lies in its file: larger ones are skipped */
    size_t max_media_bytes;          /* of one file */
    int64_t max_tokens, max_patches; /* of a sample: those of a sequence */
    sl_too_long too_long;
    bool need_target; /* skip samples without a token that carries loss */
    /* Each of a sample's n targets weighs n^-loss_power: 0 every token alike, 1 every sample alike, 0.5 between. */
    float loss_power;
};

/*
 * Fills in everything but the tokenizer: the published picture rule with CLIP's mean and deviation, the published video
 * sampling, 2^26 source pixels, 256 MiB media, 32,768 tokens, cutting, targets needed, every token alike.
 */
void sl_encode_defaults(struct sl_encode_options *o);

/* A sample ready to be packed. Everything is owned; release with sl_encoded_free. */
struct sl_encoded {
    int64_t n_tokens;
    int32_t *tokens;          /* (n_tokens); image_patch stands once for every feature */
    int32_t *targets;         /* (n_tokens): the next token, -1 where it carries no loss and at the end */
    int64_t n_targets;        /* not -1 */
    float target_weight;      /* of each */
    struct sl_view *pictures; /* (n_pictures), in the order of their tokens */
    int n_pictures;
    int64_t n_patches; /* of all pictures */
    size_t n_bytes;    /* memory that this holds */
    bool cut;          /* something was left off */
    /* What it was. */
    char *key, *domain;
    char *truth;             /* JSON text of the ground truth, or NULL */
    const char *source_name; /* borrowed from the mixture; set by the loader */
    uint64_t id, epoch;
    int source;
};

/* Why a sample was not encoded. */
struct sl_encode_failure {
    bool in_sample; /* the sample's own fault: skip it and go on; else the work cannot go on */
    sl_skip_reason reason;
};

/*
 * Encodes *sample (borrowed) into *out: messages by the chat template (text/chat.h), every picture between image_start
 * and image_end, every frame of a video so after its timestamp. On failure *why tells the sample's fault from ours, and
 * *out is empty. Any thread; an encode uses one.
 */
sl_status sl_encode(const struct sl_encode_options *o, const struct sl_sample *sample, struct sl_encoded *out,
                    struct sl_encode_failure *why, sl_error *err);

/* Releases the pictures' pixels, keeping their sizes. */
void sl_encoded_drop_pixels(struct sl_encoded *e);

/* Releases everything; *e is empty again. */
void sl_encoded_free(struct sl_encoded *e);

#endif
