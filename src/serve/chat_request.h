/*
 * chat_request.h: a request in the form of OpenAI's chat completions, read from JSON and checked.
 *
 * Beyond OpenAI's fields: top_k, min_p, repetition_penalty; thinking {"type": "enabled" | "disabled", "budget_tokens"};
 * min_pixels and max_pixels of pictures; video_url and video parts; stream_options.include_progress. docs/SERVING.md
 * lists all. Unknown fields are ignored, as clients send many.
 */
#ifndef SL_SERVE_CHAT_REQUEST_H
#define SL_SERVE_CHAT_REQUEST_H

#include "base/error.h"
#include "infer/sampler.h"
#include "media/video_plan.h"
#include "text/chat.h"

#include <jansson.h>

enum {
    SL_API_MAX_MESSAGES = 4096,
    SL_API_MAX_PARTS = 16384, /* of all messages */
    SL_API_MAX_FRAMES = 4096, /* given one by one */
    SL_API_MAX_STOPS = 16,
    SL_API_MAX_CHOICES = 16,
};

/* Where a part's pixels come from. */
enum sl_api_media_kind { SL_API_IMAGE, SL_API_VIDEO, SL_API_FRAMES };

struct sl_api_media {
    enum sl_api_media_kind kind;
    const char *url;                /* of a picture or video: data:, http: or https: */
    const json_t *frames;           /* of frames: an array of urls */
    const double *timestamps;       /* (frames), seconds */
    int64_t min_pixels, max_pixels; /* 0: the model's */
    struct sl_video_sampling sampling;
    const char *param; /* how an error names it: "messages[0].content[1]" */
};

/* A part of a message: text, a tool call, or the next of the media. */
struct sl_api_part {
    enum sl_chat_part_kind kind; /* SL_CHAT_PICTURE stands for any media */
    const char *text;
    size_t n;
    int media;
};

struct sl_api_message {
    enum sl_chat_role role;
    int first, n_parts; /* in parts */
    const char *reasoning;
};

/* What an answer must look like: anything, a JSON object, what fits a schema or a pattern, shapes, an action. */
enum sl_api_format {
    SL_FORMAT_TEXT,
    SL_FORMAT_JSON,
    SL_FORMAT_SCHEMA,
    SL_FORMAT_REGEX,
    SL_FORMAT_POINTS,
    SL_FORMAT_BOXES,
    SL_FORMAT_ACTION,
    SL_N_FORMATS,
};
enum sl_api_tool_choice { SL_TOOLS_AUTO, SL_TOOLS_NONE, SL_TOOLS_REQUIRED };

/* Everything is borrowed from json or in its own lists; release with sl_api_chat_release. */
struct sl_api_chat {
    json_t *json;      /* owned: the request's body */
    const char *model; /* NULL: none given */
    struct sl_api_message *messages;
    int n_messages;
    struct sl_api_part *parts;
    int n_parts;
    struct sl_api_media *media;
    int n_media;
    char **strings; /* owned texts: tool calls and tools on one line, names of parts */
    int n_strings;
    double **times; /* owned: seconds of frames */
    int n_times;
    const char **tools; /* owned array; descriptions on one line */
    int n_tools;
    enum sl_api_tool_choice tool_choice;
    const char *tool; /* the one that must be called, or NULL */
    bool stream, include_usage, include_progress, logprobs;
    int top_logprobs, n, max_tokens; /* max_tokens 0: not given */
    bool thinking_given, thinking;
    int thinking_budget; /* -1: no limit */
    struct sl_sampling sampling;
    struct sl_logit_bias *biases;
    const char *stop[SL_API_MAX_STOPS];
    int n_stop;
    enum sl_api_format format;
    const json_t *schema; /* of SL_FORMAT_SCHEMA */
    const char *pattern;  /* of SL_FORMAT_REGEX */
};

/* What is wrong with a request: for OpenAI's error object. */
struct sl_api_problem {
    int status;       /* HTTP */
    const char *code; /* static, or NULL */
    char param[128];  /* the field, "" when it is none */
    char message[512];
};

/*
 * Reads a chat request from n bytes of JSON over the given defaults of sampling into *out; false, with *problem filled
 * in and *out empty, when it is not as it should be.
 */
bool sl_api_chat_read(const char *text, size_t n, const struct sl_sampling *defaults, struct sl_api_chat *out,
                      struct sl_api_problem *problem);

/* The same from a JSON object, which is taken. */
bool sl_api_chat_from(json_t *json, const struct sl_sampling *defaults, struct sl_api_chat *out,
                      struct sl_api_problem *problem);

/* Reads the sampling, stop, n, stream and max_tokens fields of a body into out: what completions share with chat. */
bool sl_api_read_common(const json_t *json, struct sl_api_chat *out, struct sl_api_problem *problem);

/* Releases everything; *c is empty again. */
void sl_api_chat_release(struct sl_api_chat *c);

/* Fills in *problem, printf-style, with status 400, and returns false. */
bool sl_api_refuse(struct sl_api_problem *problem, const char *param, const char *fmt, ...) SL_PRINTF(3, 4);

#endif
