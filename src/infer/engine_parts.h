/*
 * engine_parts.h: what the files of the engine share: the engine and a request from inside.
 *
 * engine.c opens and closes, prepare.c makes requests in their callers' threads, schedule.c decides what a step does,
 * vision.c encodes pictures, generate.c chooses tokens and tells of them.
 *
 * Fields marked [lock] are read and written under the engine's lock; all others of the engine belong to the thread that
 * steps, and those of a request to its submitter until it is queued, then to the thread that steps.
 */
#ifndef SL_INFER_ENGINE_PARTS_H
#define SL_INFER_ENGINE_PARTS_H

#include "infer/costs.h"
#include "infer/engine.h"
#include "infer/features.h"
#include "infer/kv_cache.h"
#include "infer/pace.h"
#include "infer/prefix.h"
#include "infer/speech.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SL_MAX_FORCED = 16 };

/* Tokens that the engine writes in the model's place. */
struct sl_forced {
    int32_t ids[SL_MAX_FORCED];
    int n;
};

/* A picture of a request. */
struct sl_request_picture {
    sl_feature_set *set; /* a reference */
    int first;           /* the token of its first feature */
    int asked;           /* its number in what was asked; a frame that shares it has the next */
};

struct sl_request {
    sl_engine *engine;
    sl_request *next; /* in the queue [lock] */
    bool done;        /* [lock] */
    bool released;    /* its owner is gone [lock] */
    atomic_bool cancelled;

    sl_sampler sampler;
    sl_speech speech;
    bool thinking_asked; /* the prompt ends inside a thought */
    int thinking_budget; /* -1: none */
    int max_tokens, top_logprobs;
    bool ignore_eos;
    sl_grammar *grammar;   /* a reference, or NULL */
    int32_t grammar_state; /* once the answer began, else -1 */
    sl_event_fn *on_event;
    void *user;

    int32_t *tokens;   /* (capacity): prompt, then what was chosen; owned */
    uint64_t *content; /* (capacity): of infer/prefix.h; owned */
    int n_tokens, n_prompt, capacity;
    int32_t *axes;   /* (n_prompt, 3): positions by time, row and column; NULL for plain ones; owned */
    int32_t shift;   /* what later positions are beyond their number in the sequence */
    float *logprobs; /* (max_tokens) or NULL; owned */
    struct sl_request_picture *pictures; /* owned */
    sl_used_picture *used;               /* owned */
    int n_pictures;                      /* of pictures; used has all that were asked */
    int n_ready;                         /* the first pictures that are encoded */

    sl_kv_sequence kv;
    int32_t node;    /* of the last page in the tree */
    int n_published; /* tokens in pages of the tree */
    int n_reserved;  /* pages promised and not taken yet */
    int n_step;      /* tokens of this step */
    int logit_row;   /* in this step, or -1 */

    double submitted, started, first_token; /* clock seconds; 0 before */
    double vision_seconds;
    sl_result result;
};

/* The picture in the vision encoder. */
struct sl_vision_job {
    sl_feature_set *set; /* NULL: none; the request that it is encoded for holds a reference, and so does the job */
    sl_batch *batch;
    sl_vit_pass pass;
};

/* What one step feeds the decoder; arrays sized once for the largest step. */
struct sl_step {
    int32_t *tokens, *positions, *feature_rows; /* (most_tokens) */
    int32_t *axes;                              /* (most_tokens, 3) */
    int32_t *cu_seqlens, *logit_rows;           /* (max_sequences + 1) */
    sl_kv_sequence **seqs;                      /* (max_sequences) */
    sl_request **requests, **prompts;           /* (max_sequences): in the step; whose prompts can go on */
    const void **features;                      /* (most_tokens): the row of each feature */
    int most_tokens, n_tokens, n_seqs, n_features, n_logits;
    int n_streams; /* requests that wait for their next token only */
    int n_prefill; /* tokens of prompts */
};

struct sl_engine {
    const sl_model *model;
    const struct sl_tokenizer *tokenizer;
    sl_model *own_model; /* or NULL */
    struct sl_tokenizer *own_tokenizer;
    sl_ops *own_ops;
    sl_engine_options o;
    sl_engine_limits limits;
    uint64_t fingerprint;
    char *pages_path; /* where pages are saved, or NULL; owned */
    struct sl_forced close_thought, after_thought;
    int32_t think_open, think_close; /* ids, -1 without */

    pthread_mutex_t lock;
    pthread_cond_t work, done;
    sl_request *first, *last;    /* queue [lock] */
    bool woken;                  /* [lock] */
    sl_engine_counters counters; /* [lock] */

    void (*after_tokens)(void *user); /* of sl_engine_after_tokens */
    void *after_user;

    sl_features *features; /* has a lock of its own */
    sl_kv_cache *kv;
    sl_prefix *prefix;
    int n_pages, n_reserved;
    sl_request **running; /* (max_sequences) */
    int n_running, turn;  /* running: in the order in which they came; turn: whose pictures are next */
    struct sl_vision_job job;
    sl_workspace work_space, vision_space;
    sl_sampler_work sampling;
    sl_token_list *token_list; /* made when first needed */
    uint32_t *allowed;         /* (vocab) bits: what a grammar allows next */
    uint32_t *banned[2];       /* tokens that are never chosen: in an answer, in a thought; (vocab) bits */
    struct sl_step step;
    sl_ops alone;       /* the model's ops table, with one thread */
    sl_pace pace;       /* of steps, which tells how many threads they get */
    sl_pace piece_pace; /* the same of pieces of pictures, by what they are */
    sl_costs costs;     /* of steps, which tells how much of prompts and pictures they get */
};

/* prepare.c: frees everything of a request but its entry in lists; the caller has unlinked it. */
void sl_request_destroy(sl_request *r);

/* generate.c: ends a request: last text, result, END event; then it belongs to its owner. status SL_OK or the failure.
 */
void sl_request_finish(sl_request *r, sl_finish finish, sl_status status, const sl_error *error);

/* generate.c: takes the logits of a request's last token, chooses the next and goes on or finishes (then true). */
bool sl_request_advance(sl_request *r, const float *logits);

/* generate.c: calls the event function, if there is one. */
void sl_request_tell(sl_request *r, sl_event event);

/*
 * vision.c: works on the next picture that a running request waits for, for about that long, in small pieces when
 * streams wait meanwhile; false when there is none.
 */
bool sl_vision_step(sl_engine *e, bool streaming, double seconds);

/* vision.c: gives up the picture in work. */
void sl_vision_abandon(sl_engine *e);

/* schedule.c: takes a request that ended out of the running ones and gives its pages and pictures back. */
void sl_schedule_remove(sl_engine *e, sl_request *r);

#endif
