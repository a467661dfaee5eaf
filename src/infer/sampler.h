/*
 * sampler.h: from logits to the next token: masks, penalties, temperature, truncation, and a draw.
 *
 * A token's choice depends on its own logits, its own history and its own random numbers only, so it is the same
 * whatever runs beside it. One thread owns a sampler; the work space may be shared by all samplers of that thread.
 */
#ifndef SL_INFER_SAMPLER_H
#define SL_INFER_SAMPLER_H

#include "base/error.h"
#include "base/rng.h"
#include "tensor/ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Added to the logit of one token. */
typedef struct sl_logit_bias {
    int32_t id;
    float bias;
} sl_logit_bias;

/* How to choose. Applied in this order: biases, penalties, temperature, top_k, top_p, min_p. */
typedef struct sl_sampling {
    float temperature;        /* 0: the most likely token, of equals the lowest id */
    float top_p;              /* the smallest set of tokens with this probability; 1: off */
    int top_k;                /* so many of the most likely tokens; 0: off */
    float min_p;              /* tokens at least this likely relative to the most likely one; 0: off */
    float repetition_penalty; /* divides positive and multiplies negative logits of tokens seen; 1: off */
    float presence_penalty;   /* taken from logits of tokens generated before; 0: off */
    float frequency_penalty;  /* the same for each time; 0: off */
    uint64_t seed;
    const sl_logit_bias *biases; /* borrowed, or NULL */
    int n_biases;
} sl_sampling;

/* Greedy, everything off. */
void sl_sampling_defaults(sl_sampling *s);

/* Refuses values outside their ranges, naming the first; SL_ERR_ARGUMENT. vocab bounds the biases' ids. */
sl_status sl_sampling_check(const sl_sampling *s, int vocab, sl_error *err);

enum { SL_MAX_TOP_LOGPROBS = 20 };

/* A token and its log-probability under the model: of the raw logits, before anything above. */
typedef struct sl_token_logprob {
    int32_t id;
    float logprob;
} sl_token_logprob;

/* What was chosen. */
typedef struct sl_choice {
    int32_t id;
    float logprob;
    int n_top;
    sl_token_logprob top[SL_MAX_TOP_LOGPROBS]; /* the most likely ones, in order */
} sl_choice;

/* The state of one sequence's choices. */
typedef struct sl_sampler {
    sl_sampling how; /* biases owned */
    int vocab;
    struct sl_rng rng;
    uint32_t *counts; /* (vocab): times generated, plus SEEN when in the prompt; NULL without penalties. Owned */
} sl_sampler;

/* What a thread that samples works in. Start with {0}. */
typedef struct sl_sampler_work {
    const sl_ops *ops;
    float *logits, *shares; /* (vocab), owned */
    void *candidates;       /* (vocab), owned */
    int vocab;
} sl_sampler_work;

/* Makes room for a vocabulary; ops is borrowed until sl_sampler_work_free. */
sl_status sl_sampler_work_init(sl_sampler_work *w, const sl_ops *ops, int vocab, sl_error *err);
void sl_sampler_work_free(sl_sampler_work *w);

/* Starts a sampler that has seen n prompt tokens. Release with sl_sampler_release. */
sl_status sl_sampler_init(sl_sampler *s, const sl_sampling *how, int vocab, const int32_t *prompt, size_t n,
                          sl_error *err);
void sl_sampler_release(sl_sampler *s);

/*
 * Chooses the next token from logits (vocab) among those whose bit is set in allowed (vocab bits; NULL: all) and not
 * in banned (NULL: none). top: how many alternatives to list, or -1 to leave log-probabilities out (they cost a pass
 * over the vocabulary). False when nothing is allowed; *out is then unspecified.
 */
bool sl_sampler_choose(sl_sampler *s, sl_sampler_work *w, const float *logits, const uint32_t *allowed,
                       const uint32_t *banned, int top, sl_choice *out);

/* Remembers that id became part of the sequence. */
void sl_sampler_accept(sl_sampler *s, int32_t id);

/* Reads the log-probabilities of token id alone: for tokens that were forced, not chosen. top as above. */
void sl_sampler_measure(sl_sampler_work *w, const float *logits, int32_t id, int top, sl_choice *out);

#endif
