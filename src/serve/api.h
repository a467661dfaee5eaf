/*
 * api.h: what the routes share: the call being answered, its errors, and running a request on the engine.
 *
 * Inside of serve/ only. A route is a function on the thread of its request.
 */
#ifndef SL_SERVE_API_H
#define SL_SERVE_API_H

#include "serve/bell.h"
#include "serve/chat_request.h"
#include "serve/keys.h"
#include "serve/metrics.h"
#include "serve/server.h"

#include <pthread.h>

enum { SL_KEPT_GRAMMARS = 16 };

/* A grammar and what it was compiled from, both owned. */
struct sl_kept_grammar {
    char *key;
    sl_grammar *grammar;
};

struct sl_server {
    sl_server_options options;
    sl_engine *engine;
    struct sl_http *http;
    struct sl_metrics *metrics;
    struct sl_keys *keys; /* NULL: everybody may ask */
    char *name;           /* of the model */
    int64_t created;      /* seconds since 1970 */
    pthread_t driver;
    struct sl_bell *bell;                              /* of the requests' threads, rung by the driver */
    pthread_mutex_t embedding;                         /* one embedding at a time */
    pthread_mutex_t lock;                              /* of what follows */
    struct sl_kept_grammar grammars[SL_KEPT_GRAMMARS]; /* the last one asked for first */
    bool stopping, failed;
    char error[512]; /* of the engine, once failed */
};

/* One request being answered. */
struct sl_api_call {
    struct sl_server *server;
    struct sl_http_request *http;
    const char *route; /* static, for the metrics */
    int key;           /* number of its API key, or -1 */
    double began;      /* on sl_clock_seconds */
    int64_t created;   /* seconds since 1970 */
    char id[40];       /* random hexadecimal digits, to stand behind "chatcmpl-" and the like */
    int status;        /* answered */
};

/* --- answering ------------------------------------------------------------------------------------------------------
 */

/* Answers with a JSON value, which is taken; NULL (no memory) is answered 503. */
void sl_api_reply(struct sl_api_call *call, int status, json_t *json);

/* Answers with OpenAI's error object. */
void sl_api_error(struct sl_api_call *call, const struct sl_api_problem *problem);

/* Fills in *problem from a library's error: 400, 413 for what can never fit, 429 for what may fit later. */
bool sl_api_problem_from(struct sl_api_problem *problem, const char *param, sl_status status, const sl_error *err);

/* Returns an error object for a stream: {"error": {...}}; owned, NULL without memory. */
json_t *sl_api_error_json(const struct sl_api_problem *problem);

/* Begins a stream of events, and sends one: "data: JSON"; with a name, "event: NAME" before it. Takes json. */
void sl_api_stream_begin(struct sl_api_call *call);
bool sl_api_stream_send(struct sl_api_call *call, const char *event, json_t *json);
/* Sends a comment that keeps the connection awake and shows whether the client is there. */
bool sl_api_stream_beat(struct sl_api_call *call);

/* --- the prompt: media loaded, messages in the template's form
 * -------------------------------------------------------- */

/* What a picture, video or list of frames of the request became. */
struct sl_api_loaded {
    enum sl_api_media_kind kind;
    int first, n;              /* in pictures */
    int width, height;         /* of the picture or video itself */
    double duration, fps;      /* of a video */
    int level, tokens_a_frame; /* of a video's plan */
};

struct sl_api_prompt {
    struct sl_chat_message *messages; /* owned; texts are borrowed from the request */
    struct sl_chat_part *parts;       /* owned */
    struct sl_picture *pictures;      /* (n_pictures), owned */
    double *seconds;                  /* (n_pictures), owned: of frames */
    sl_ask_picture *asks;             /* (n_pictures), owned */
    int n_pictures;
    struct sl_api_loaded *loaded; /* (n_loaded), owned: as the request's media */
    int n_loaded;
};

/* Fetches and decodes the media of chat and lays out its messages. Release with sl_api_prompt_release in any case. */
bool sl_api_prompt_make(struct sl_api_call *call, const struct sl_api_chat *chat, struct sl_api_prompt *out,
                        struct sl_api_problem *problem);
void sl_api_prompt_release(struct sl_api_prompt *p);

/* --- running
 * ------------------------------------------------------------------------------------------------------------ */

/* An event of one of the answers, as the engine's but owned by the run. */
struct sl_api_event {
    sl_event_kind kind;
    int choice; /* number of the answer */
    char *text; /* n bytes; borrowed until the next event */
    size_t n;
    bool reasoning, has_token;
    sl_choice token;
    int picture;
    double fraction;
    struct sl_api_event *next;
};

/* One question and its n answers. */
struct sl_api_run {
    struct sl_api_call *call;
    sl_ask ask; /* of every answer, but for the seed */
    int n, n_started, n_ended;
    struct sl_run_answer {
        struct sl_api_run *run;
        int choice;
        sl_request *request;
        double last; /* when its last token came */
    } answers[SL_API_MAX_CHOICES];
    pthread_mutex_t lock; /* of the list */
    pthread_cond_t more;
    struct sl_bell_rope rope;
    struct sl_api_event *first, **last, *held;
};

/*
 * Fills in the ask from the common fields of a request, compiling what the answer must look like; false with *problem
 * when that is impossible. The run releases the grammar.
 */
bool sl_api_ask(const struct sl_api_call *call, const struct sl_api_chat *chat, sl_ask *ask,
                struct sl_api_problem *problem);

/* Puts what the request's answer must look like into *out, one reference for the caller; NULL: anything. */
bool sl_api_grammar(const struct sl_api_call *call, const struct sl_api_chat *chat, sl_grammar **out,
                    struct sl_api_problem *problem);

/* Lets go of all kept grammars. */
void sl_api_grammars_free(struct sl_server *s);

/*
 * Submits the first answer; the others follow when its prompt has been computed, so that they find it in the cache.
 * Release with sl_api_run_end in any case, which cancels what still runs and counts what was used.
 */
bool sl_api_run_start(struct sl_api_run *run, struct sl_api_call *call, const sl_ask *ask, int n,
                      struct sl_api_problem *problem);

/*
 * Waits for the next event. NULL: all answers have ended, the client has gone, or (*beat is true) nothing happened for
 * a second.
 */
const struct sl_api_event *sl_api_run_next(struct sl_api_run *run, bool *beat);

/* Returns an answer's result once it has ended; false with *problem when it failed, or could not be started. */
bool sl_api_run_result(struct sl_api_run *run, int choice, const sl_result **out, struct sl_api_problem *problem);
void sl_api_run_end(struct sl_api_run *run);

/* --- what answers look like
 * ---------------------------------------------------------------------------------------------- */

/* Usage of all answers: {"prompt_tokens", "completion_tokens", ...} with details; owned. */
json_t *sl_api_usage(struct sl_api_run *run);

/* What became of the media: {"pictures": [...], "videos": [...], "timings": {...}}; owned. */
json_t *sl_api_media_json(struct sl_api_run *run, const struct sl_api_chat *chat, const struct sl_api_prompt *prompt);

/* Sets in object what the answer points at, in pixels of the last picture or video of the request. */
void sl_api_shapes(const sl_result *result, const struct sl_api_prompt *prompt, json_t *object);

/* The calls of an answer as OpenAI's tool_calls, or NULL when it has none; *content_end is where the text before ends.
 */
json_t *sl_api_tool_calls(const struct sl_api_call *call, const char *answer, size_t n, size_t *content_end);

/* A token's log-probabilities as an item of OpenAI's list; owned. */
json_t *sl_api_logprob(const struct sl_api_call *call, const sl_choice *token);

/* OpenAI's word for how an answer ended. */
const char *sl_api_finish(const sl_result *result, bool tool_calls);

/* --- routes
 * ---------------------------------------------------------------------------------------------------------------- */

/* POST /v1/chat/completions. */
void sl_api_chat_completions(struct sl_api_call *call);
/* POST /v1/completions. */
void sl_api_completions(struct sl_api_call *call);
/* POST /v1/responses. */
void sl_api_responses(struct sl_api_call *call);
/* POST /v1/embeddings. */
void sl_api_embeddings(struct sl_api_call *call);
/* GET /v1/models, and one of them. */
void sl_api_models(struct sl_api_call *call);
/* GET /health. */
void sl_api_health(struct sl_api_call *call);
/* GET /metrics. */
void sl_api_metrics(struct sl_api_call *call);

/* True when name is this server's model, or none was given; else *problem says so with 404. */
bool sl_api_model_known(const struct sl_api_call *call, const char *name, struct sl_api_problem *problem);

#endif
