/*
 * engine.h: a loaded model that answers many requests at once.
 *
 * A request is messages with pictures and how to answer. It may be submitted from any thread; its pictures are decoded
 * there. One thread drives the engine by calling sl_engine_step in a loop: each step continues every request by what
 * fits (a chunk of prompt, a slice of vision work, one token), and calls the requests' event functions. So the engine
 * has no threads of its own but the ops table's.
 *
 *     sl_engine_submit(e, &ask, &r, &err);
 *     while (!sl_request_done(r)) sl_engine_step(e, NULL, &err);
 *     ... sl_request_result(r) ...
 *     sl_request_free(r);
 *
 * What a request gets does not depend on what runs beside it, to the bit. docs/INFERENCE.md explains the rest.
 */
#ifndef SL_INFER_ENGINE_H
#define SL_INFER_ENGINE_H

#include "base/log.h"
#include "infer/features.h"
#include "infer/grammar.h"
#include "infer/sampler.h"
#include "media/picture.h"
#include "model/model.h"
#include "text/chat.h"

typedef struct sl_engine sl_engine;
typedef struct sl_request sl_request;

/* --- the engine ------------------------------------------------------------------------------------------------- */

typedef struct sl_engine_options {
    int n_threads;          /* of the kernels; 0: all. Not read by sl_engine_over */
    sl_dtype dt;            /* SL_BF16 or SL_F32. Not read by sl_engine_over */
    bool int8_weights;      /* decoder matrices in int8. Not read by sl_engine_over */
    bool int8_cache;        /* keys and values in int8, one scale for each head of a token: half the memory */
    size_t memory;          /* bytes in all, weights included; 0: at most half of what the machine has free */
    int max_context;        /* tokens of one request; 0: the model's max_positions */
    int max_sequences;      /* requests that share a step: 32 */
    int max_queue;          /* requests that wait for a place: 256 */
    int chunk;              /* prompt tokens of a step when nobody waits for tokens: 512 */
    size_t picture_bytes;   /* for patches and features of pictures; 0: a quarter of what remains after the weights */
    int64_t max_pixels;     /* of a picture as the model sees it; 0: the model's */
    const char *cache_dir;  /* where features and key-value pages outlive the program, or NULL. Borrowed during open */
    size_t cache_dir_bytes; /* of features and of pages in cache_dir, each: 4 GiB */
    const struct sl_log *log; /* borrowed, or NULL */
} sl_engine_options;

/* The defaults above; bf16. */
void sl_engine_defaults(sl_engine_options *o);

/* Opens the model folder dir. Errors name the file; a memory too small says what is needed. */
sl_status sl_engine_open(const char *dir, const sl_engine_options *o, sl_engine **out, sl_error *err);

/*
 * Makes an engine over a model in memory, with its ops table and dtype; tokenizer may be NULL when requests give tokens
 * and take tokens. All are borrowed until sl_engine_free. Weights may change between steps, by training: call
 * sl_engine_forget after each change.
 */
sl_status sl_engine_over(const sl_model *model, const struct sl_tokenizer *tokenizer, const sl_engine_options *o,
                         sl_engine **out, sl_error *err);

/* Ends the engine: requests that still run are cancelled (their events say so). Saves the pages to cache_dir. */
void sl_engine_free(sl_engine *e);

/* Drops all cached features and key-value pages, because the weights changed. No request may be running. */
void sl_engine_forget(sl_engine *e);

/* Borrowed from the engine. tokenizer: NULL when it has none. */
const sl_model *sl_engine_model(const sl_engine *e);
const struct sl_tokenizer *sl_engine_tokenizer(const sl_engine *e);

/* What a request can ask for at most, and what the model wants when nothing is said. */
typedef struct sl_engine_limits {
    int context;    /* tokens, prompt and answer */
    int pictures;   /* in one request */
    int64_t pixels; /* of one picture as the model sees it, min and max of the model's own rule */
    int64_t min_pixels;
    size_t memory;  /* bytes: the budget */
    size_t weights; /* of it */
    size_t work;    /* of it, for activations */
    size_t pages;   /* of it, for keys and values */
    size_t media;   /* of it, for pictures: patches that wait, and features as long as they fit */
    sl_generation_config generation;
} sl_engine_limits;

/* Writes the limits; they never change. */
void sl_engine_get_limits(const sl_engine *e, sl_engine_limits *out);

/* Counters since the start, and what is going on now. Any thread may ask. */
typedef struct sl_engine_counters {
    int queued, running;
    uint64_t requests, refused, cancelled, failed;
    uint64_t steps, prompt_tokens, cached_tokens, completion_tokens;
    uint64_t pictures, pictures_cached, pictures_encoded;
    uint64_t features_from_memory, features_from_disk;
    size_t feature_bytes;                /* of pictures now, patches included */
    int pages, pages_free, pages_cached; /* cached: kept for later requests, given up when needed */
    double busy_seconds;
} sl_engine_counters;

/* Writes the counters as they are now. */
void sl_engine_count(sl_engine *e, sl_engine_counters *out);

/* --- asking ----------------------------------------------------------------------------------------------------- */

/* A picture or frame: exactly one of pixels, bytes and path is set. Borrowed during the submit. */
typedef struct sl_ask_picture {
    const struct sl_picture *pixels; /* decoded, upright */
    const void *bytes;               /* an encoded file, n bytes */
    size_t n;
    const char *path;
    bool has_key; /* key tells what the picture shows, e.g. a hash of its file; without, the engine computes one */
    sl_content_key key;
    int64_t min_pixels, max_pixels; /* of the picture as seen; 0: the engine's. max may not be above the engine's */
} sl_ask_picture;

typedef enum sl_event_kind {
    SL_EVENT_MEDIA,   /* a picture is being encoded: picture, fraction */
    SL_EVENT_PREFILL, /* part of the prompt was computed: fraction */
    SL_EVENT_TOKEN,   /* a token was chosen: choice; text is what of the answer is certain by now, often nothing */
    SL_EVENT_END,     /* the last event: the result is complete; text is the rest of the answer */
} sl_event_kind;

typedef struct sl_event {
    sl_event_kind kind;
    sl_request *request;
    const char *text; /* n bytes of UTF-8, borrowed during the call */
    size_t n;
    bool reasoning;          /* text belongs to the reasoning */
    const sl_choice *choice; /* of TOKEN */
    int picture;             /* of MEDIA: its number in the request */
    double fraction;         /* of MEDIA and PREFILL: 0 to 1 */
} sl_event;

/* Called on the thread that steps; must not call the engine but for sl_request_cancel. */
typedef void sl_event_fn(void *user, const sl_event *event);

/* What is asked, borrowed during the submit. Start with sl_ask_defaults. */
typedef struct sl_ask {
    /* One of three: messages for the chat template, or text without template, or token ids. */
    const struct sl_chat_message *messages;
    size_t n_messages;
    const char *const *tools; /* descriptions, as in text/chat.h */
    size_t n_tools;
    const char *prompt; /* n_prompt bytes; special tokens in it are text, tags are tokens */
    size_t n_prompt;
    const int32_t *tokens; /* one image_patch id for each picture */
    size_t n_tokens;

    const sl_ask_picture *pictures; /* in the order in which parts, marks or image_patch ids name them */
    int n_pictures;

    bool thinking;       /* whether to reason first; of a prompt or tokens: whether they end inside a thought */
    int thinking_budget; /* tokens of reasoning, then the thought is closed; -1: no limit; 0: as thinking false */
    bool keep_reasoning; /* of earlier turns */
    int max_tokens;      /* of reasoning and answer; 0: the model's, or what the context leaves */
    sl_sampling sampling;
    const char *const *stop; /* the answer ends before any of these; up to 16 */
    int n_stop;
    int top_logprobs;      /* -1: no log-probabilities; 0 to 20: those of chosen tokens and so many alternatives */
    bool ignore_eos;       /* goes on to max_tokens; for measuring */
    sl_grammar *grammar;   /* what the answer must be, after the reasoning; NULL: anything. A reference is taken */
    sl_event_fn *on_event; /* or NULL */
    void *user;
} sl_ask;

/* No thinking, the sampling of the model's generation_config.json, log-probabilities off. */
void sl_ask_defaults(const sl_engine *e, sl_ask *a);

/*
 * Prepares a request in the calling thread (pictures are decoded and cut into patches) and queues it. *out is owned:
 * sl_request_free. Errors name what is wrong: SL_ERR_ARGUMENT, SL_ERR_FORMAT and SL_ERR_UNSUPPORTED for what is asked,
 * SL_ERR_MEMORY when it can never fit this engine, SL_ERR_BUSY when it may fit later.
 */
sl_status sl_engine_submit(sl_engine *e, const sl_ask *ask, sl_request **out, sl_error *err);

/* The engine ends the request at its next step. Any thread, also inside an event. */
void sl_request_cancel(sl_request *r);

/* True once the END event was delivered. Any thread. */
bool sl_request_done(sl_request *r);

/* Waits until the request is done, while another thread steps. */
void sl_request_wait(sl_request *r);

/* Gives the request up: cancels it if it runs. Any thread, not inside its events. NULL is fine. */
void sl_request_free(sl_request *r);

typedef enum sl_finish {
    SL_FINISH_NONE,      /* still running */
    SL_FINISH_STOP,      /* the model ended its answer, or a stop string came */
    SL_FINISH_LENGTH,    /* max_tokens */
    SL_FINISH_CANCELLED, /* sl_request_cancel, or the engine ended */
    SL_FINISH_FAILED,    /* see status and error */
} sl_finish;

/* Returns "stop", "length", "cancelled", "failed" or ""; static storage. */
const char *sl_finish_name(sl_finish f);

typedef struct sl_used_picture {
    sl_prompt_picture as; /* sizes and grid */
    int tokens;           /* features in the prompt */
    bool cached;          /* no vision work was done for it */
    double seconds;       /* of a frame */
} sl_used_picture;

typedef struct sl_usage {
    int prompt_tokens;
    int cached_tokens; /* of them, whose keys and values were there already */
    int image_tokens;  /* of them, features of pictures */
    int completion_tokens;
    int reasoning_tokens; /* of them */
    int pictures, pictures_cached;
} sl_usage;

typedef struct sl_timings {
    double queue_ms;       /* from submit to the first step with it */
    double vision_ms;      /* in the vision encoder for its pictures */
    double prefill_ms;     /* from then until the first token, vision excepted */
    double decode_ms;      /* from the first token to the end */
    double first_token_ms; /* from submit */
} sl_timings;

/* What became of a request. Borrowed from it; complete once it is done. */
typedef struct sl_result {
    sl_finish finish;
    sl_status status; /* of SL_FINISH_FAILED */
    sl_error error;
    const char *reasoning, *answer; /* NUL-terminated, never NULL */
    size_t n_reasoning, n_answer;
    bool reasoning_closed;           /* false when thinking was cut off */
    const int32_t *prompt;           /* (usage.prompt_tokens): features as image_patch ids */
    const int32_t *tokens;           /* (usage.completion_tokens): what was chosen or forced, the end token included */
    const float *logprobs;           /* of tokens; NULL unless asked for */
    const sl_used_picture *pictures; /* (usage.pictures) */
    sl_usage usage;
    sl_timings timings;
} sl_result;

/* Returns the result; borrowed until the request is freed. */
const sl_result *sl_request_result(const sl_request *r);

/* --- driving ---------------------------------------------------------------------------------------------------- */

/*
 * Does one step for all requests; *idle (or NULL) tells that nothing was left to do. A failure concerns the engine as a
 * whole; what concerns one request ends that request. One thread at a time.
 */
sl_status sl_engine_step(sl_engine *e, bool *idle, sl_error *err);

/*
 * Has fn called on the thread that steps whenever the events of a step's tokens have been told, before it goes on with
 * pictures: what waits for tokens can be woken at once. Before the first request; NULL: nothing is called.
 */
void sl_engine_after_tokens(sl_engine *e, void (*fn)(void *user), void *user);

/* Waits until there is work, or seconds have passed, or sl_engine_wake. */
void sl_engine_wait(sl_engine *e, double seconds);
void sl_engine_wake(sl_engine *e);

/*
 * Sees to it that the next pages of keys and values have memory before a step needs them, which on a virtual machine
 * costs milliseconds for each large page. For any thread but the one that steps, after it submitted something.
 */
void sl_engine_commit(sl_engine *e);

/*
 * Answers a question about a picture that nobody sent, so that the first request finds weights in memory and work space
 * in place. Before any other request, on the thread that steps; as long as a short answer takes.
 */
sl_status sl_engine_warm_up(sl_engine *e, sl_error *err);

/* Submits and steps until it is done; for programs with one thread. */
sl_status sl_engine_answer(sl_engine *e, const sl_ask *ask, sl_request **out, sl_error *err);

#endif
