/*
 * chat_request.c: from JSON to the request: messages and their parts, tools, and everything about the answer.
 */
#include "serve/chat_request.h"

#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

bool sl_api_refuse(struct sl_api_problem *problem, const char *param, const char *fmt, ...)
{
    va_list args;
    *problem = (struct sl_api_problem){.status = 400};
    snprintf(problem->param, sizeof problem->param, "%s", param);
    va_start(args, fmt);
    vsnprintf(problem->message, sizeof problem->message, fmt, args);
    va_end(args);
    return false;
}

static bool no_memory(struct sl_api_problem *problem)
{
    sl_api_refuse(problem, "", "out of memory");
    problem->status = 503;
    return false;
}

/* The request being read, and where an error goes. */
struct reader {
    struct sl_api_chat *out;
    struct sl_api_problem *problem;
    char path[100]; /* of the part being read */
};

/* Keeps an owned text; NULL without memory. */
static const char *keep(struct reader *r, char *text)
{
    struct sl_api_chat *c = r->out;
    char **more = text ? realloc(c->strings, ((size_t)c->n_strings + 1) * sizeof *more) : NULL;
    if (!more) {
        free(text);
        no_memory(r->problem);
        return NULL;
    }
    c->strings = more;
    return c->strings[c->n_strings++] = text;
}

/* Returns owned room for n times; NULL without memory. */
static double *keep_times(struct reader *r, size_t n)
{
    struct sl_api_chat *c = r->out;
    double **more = realloc(c->times, ((size_t)c->n_times + 1) * sizeof *more), *times = NULL;
    if (more) c->times = more;
    if (more) times = sl_alloc_array(n, sizeof *times);
    if (times)
        c->times[c->n_times++] = times;
    else
        no_memory(r->problem);
    return times;
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

static bool present(const json_t *json, const char *key)
{
    const json_t *v = json_object_get(json, key);
    return v && !json_is_null(v);
}

static bool read_number(const json_t *json, const char *key, const double range[2], double *out,
                        struct sl_api_problem *problem)
{
    if (!present(json, key)) return true;
    const json_t *v = json_object_get(json, key);
    double x = json_number_value(v);
    if (!json_is_number(v)) return sl_api_refuse(problem, key, "'%s' must be a number", key);
    if (!(x >= range[0] && x <= range[1])) {
        return sl_api_refuse(problem, key, "'%s' must be between %g and %g", key, range[0], range[1]);
    }
    *out = x;
    return true;
}

static bool read_float(const json_t *json, const char *key, double low, double high, float *out,
                       struct sl_api_problem *problem)
{
    double x = (double)*out;
    const double range[2] = {low, high};
    if (!read_number(json, key, range, &x, problem)) return false;
    *out = (float)x;
    return true;
}

static bool read_int(const json_t *json, const char *key, double low, double high, int *out,
                     struct sl_api_problem *problem)
{
    double x = *out;
    const double range[2] = {low, high};
    if (!read_number(json, key, range, &x, problem)) return false;
    if (x != floor(x)) return sl_api_refuse(problem, key, "'%s' must be a whole number", key);
    *out = (int)x;
    return true;
}

static bool read_bool(const json_t *json, const char *key, bool *out, struct sl_api_problem *problem)
{
    if (!present(json, key)) return true;
    const json_t *v = json_object_get(json, key);
    if (!json_is_boolean(v)) return sl_api_refuse(problem, key, "'%s' must be true or false", key);
    *out = json_is_true(v);
    return true;
}

static bool read_string(const json_t *json, const char *key, const char **out, struct sl_api_problem *problem)
{
    if (!present(json, key)) return true;
    *out = json_string_value(json_object_get(json, key));
    return *out ? true : sl_api_refuse(problem, key, "'%s' must be a string", key);
}

static bool read_stop(const json_t *json, struct sl_api_chat *c, struct sl_api_problem *problem)
{
    const json_t *v = json_object_get(json, "stop");
    if (!present(json, "stop")) return true;
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (n > SL_API_MAX_STOPS) return sl_api_refuse(problem, "stop", "'stop' has more than %d texts", SL_API_MAX_STOPS);
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_string_length(s)) return sl_api_refuse(problem, "stop", "'stop' must be a text or a list of texts");
        c->stop[c->n_stop++] = json_string_value(s);
    }
    return true;
}

static bool read_biases(const json_t *json, struct sl_api_chat *c, struct sl_api_problem *problem)
{
    json_t *all = json_object_get(json, "logit_bias");
    if (!present(json, "logit_bias")) return true;
    if (!json_is_object(all)) return sl_api_refuse(problem, "logit_bias", "'logit_bias' must be an object");
    size_t n = json_object_size(all);
    if (n == 0) return true;
    c->biases = sl_alloc_array(n, sizeof *c->biases);
    if (!c->biases) return no_memory(problem);
    const char *key;
    json_t *value;
    json_object_foreach(all, key, value)
    {
        char *end;
        long id = strtol(key, &end, 10);
        double bias = json_number_value(value);
        if (end == key || *end || id < 0 || id > INT32_MAX || !json_is_number(value) || fabs(bias) > 100) {
            return sl_api_refuse(problem, "logit_bias", "'logit_bias' maps token ids to numbers from -100 to 100");
        }
        c->biases[c->sampling.n_biases++] = (struct sl_logit_bias){(int32_t)id, (float)bias};
    }
    c->sampling.biases = c->biases;
    return true;
}

static bool read_stream(const json_t *json, struct sl_api_chat *c, struct sl_api_problem *problem)
{
    const json_t *o = json_object_get(json, "stream_options");
    if (!read_bool(json, "stream", &c->stream, problem)) return false;
    if (!present(json, "stream_options")) return true;
    if (!json_is_object(o)) return sl_api_refuse(problem, "stream_options", "'stream_options' must be an object");
    return read_bool(o, "include_usage", &c->include_usage, problem) &&
           read_bool(o, "include_progress", &c->include_progress, problem);
}

bool sl_api_read_common(const json_t *json, struct sl_api_chat *c, struct sl_api_problem *problem)
{
    struct sl_sampling *s = &c->sampling;
    double seed = 0;
    const double seeds[2] = {-9007199254740992.0, 9007199254740992.0};
    bool ok = read_float(json, "temperature", 0, 2, &s->temperature, problem) &&
              read_float(json, "top_p", 0, 1, &s->top_p, problem) &&
              read_float(json, "min_p", 0, 1, &s->min_p, problem) &&
              read_int(json, "top_k", 0, 1 << 20, &s->top_k, problem) &&
              read_float(json, "presence_penalty", -2, 2, &s->presence_penalty, problem) &&
              read_float(json, "frequency_penalty", -2, 2, &s->frequency_penalty, problem) &&
              read_float(json, "repetition_penalty", 0.1, 10, &s->repetition_penalty, problem) &&
              read_number(json, "seed", seeds, &seed, problem) &&
              read_int(json, "n", 1, SL_API_MAX_CHOICES, &c->n, problem) &&
              read_int(json, "max_tokens", 1, INT32_MAX, &c->max_tokens, problem) &&
              read_int(json, "max_completion_tokens", 1, INT32_MAX, &c->max_tokens, problem) &&
              read_string(json, "model", &c->model, problem) && read_stop(json, c, problem) &&
              read_biases(json, c, problem) && read_stream(json, c, problem);
    if (ok && present(json, "seed")) s->seed = (uint64_t)(int64_t)seed;
    return ok;
}

/* --- parts ----------------------------------------------------------------------------------------------------------
 */

static struct sl_api_part *add_part(struct reader *r, enum sl_chat_part_kind kind)
{
    struct sl_api_chat *c = r->out;
    if (c->n_parts == SL_API_MAX_PARTS) {
        sl_api_refuse(r->problem, "messages", "more than %d parts", SL_API_MAX_PARTS);
        return NULL;
    }
    if ((c->n_parts & (c->n_parts - 1)) == 0) {
        struct sl_api_part *more = realloc(c->parts, (c->n_parts ? 2 * (size_t)c->n_parts : 1) * sizeof *more);
        if (!more) return no_memory(r->problem), NULL;
        c->parts = more;
    }
    c->messages[c->n_messages - 1].n_parts++;
    c->parts[c->n_parts] = (struct sl_api_part){.kind = kind};
    return &c->parts[c->n_parts++];
}

static bool add_text(struct reader *r, const json_t *text)
{
    if (json_string_length(text) == 0) return true;
    struct sl_api_part *p = add_part(r, SL_CHAT_TEXT);
    if (!p) return false;
    p->text = json_string_value(text);
    p->n = json_string_length(text);
    return true;
}

static struct sl_api_media *add_media(struct reader *r, enum sl_api_media_kind kind)
{
    struct sl_api_chat *c = r->out;
    struct sl_api_part *p = add_part(r, SL_CHAT_PICTURE);
    struct sl_api_media *more = p ? realloc(c->media, ((size_t)c->n_media + 1) * sizeof *more) : NULL;
    const char *param = more ? keep(r, strdup(r->path)) : NULL;
    if (more) c->media = more;
    if (!param) return p ? (no_memory(r->problem), NULL) : NULL;
    p->media = c->n_media;
    c->media[c->n_media] = (struct sl_api_media){.kind = kind, .param = param, .sampling = sl_video_sampling_default()};
    c->media[c->n_media].sampling.fps = 0; /* the model's, unless the request says */
    return &c->media[c->n_media++];
}

static bool wrong_part(struct reader *r, const char *what)
{
    return sl_api_refuse(r->problem, r->path, "%s: %s", r->path, what);
}

/* min_pixels, max_pixels and detail, beside the address or inside it. */
static bool read_resolution(struct reader *r, const json_t *o, struct sl_api_media *m)
{
    static const char *const keys[2] = {"min_pixels", "max_pixels"};
    int64_t *const values[2] = {&m->min_pixels, &m->max_pixels};
    for (int i = 0; i < 2; i++) {
        const json_t *v = json_object_get(o, keys[i]);
        if (!v || json_is_null(v)) continue;
        if (!json_is_integer(v) || json_integer_value(v) < 784) {
            return wrong_part(r, "min_pixels and max_pixels are whole numbers from 784");
        }
        *values[i] = (int64_t)json_integer_value(v);
    }
    const json_t *detail = json_object_get(o, "detail");
    if (!detail || json_is_null(detail)) return true;
    const char *text = json_string_value(detail);
    if (!text || (strcmp(text, "low") != 0 && strcmp(text, "high") != 0 && strcmp(text, "auto") != 0)) {
        return wrong_part(r, "detail is \"low\", \"high\" or \"auto\"");
    }
    /* Low is what a frame of a long video gets: 256 tokens. */
    if (!strcmp(text, "low") && m->max_pixels == 0) m->max_pixels = 256 * 784;
    return true;
}

static bool read_image(struct reader *r, const json_t *part)
{
    const json_t *image = json_object_get(part, "image_url");
    struct sl_api_media *m = add_media(r, SL_API_IMAGE);
    if (!m) return false;
    m->url = json_string_value(json_is_object(image) ? json_object_get(image, "url") : image);
    if (!m->url) return wrong_part(r, "image_url needs a url");
    return read_resolution(r, image, m) && read_resolution(r, part, m);
}

static bool read_sampling(struct reader *r, const json_t *o, struct sl_api_media *m)
{
    const json_t *fps = json_object_get(o, "fps"), *frames = json_object_get(o, "max_frames");
    if (fps && !json_is_null(fps)) {
        m->sampling.fps = json_number_value(fps);
        if (!(m->sampling.fps > 0 && m->sampling.fps <= 240)) return wrong_part(r, "fps is a number up to 240");
    }
    if (frames && !json_is_null(frames)) {
        json_int_t n = json_integer_value(frames);
        if (n < 1 || n > 640) return wrong_part(r, "max_frames is a whole number from 1 to 640");
        m->sampling.max_tokens = n * 128 < m->sampling.max_tokens ? n * 128 : m->sampling.max_tokens;
        if (m->sampling.min_frames > n) m->sampling.min_frames = n;
        m->sampling.budget.max_frames = n;
    }
    return true;
}

static bool read_video(struct reader *r, const json_t *part, const char *key)
{
    const json_t *video = json_object_get(part, key);
    struct sl_api_media *m = add_media(r, SL_API_VIDEO);
    if (!m) return false;
    m->url = json_string_value(json_is_object(video) ? json_object_get(video, "url") : video);
    if (!m->url) return wrong_part(r, "the video needs a url");
    return read_sampling(r, video, m) && read_sampling(r, part, m);
}

/* A list of frames with the seconds at which they were. */
static bool read_frames(struct reader *r, const json_t *part, const json_t *frames)
{
    const json_t *times = json_object_get(part, "timestamps");
    size_t n = json_array_size(frames);
    struct sl_api_media *m = add_media(r, SL_API_FRAMES);
    if (!m) return false;
    if (n == 0 || n > SL_API_MAX_FRAMES) return wrong_part(r, "a video of frames has 1 to 4096 of them");
    if (json_array_size(times) != n) return wrong_part(r, "timestamps needs a time in seconds for every frame");
    double *seconds = keep_times(r, n);
    if (!seconds) return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *t = json_array_get(times, i);
        seconds[i] = json_number_value(t);
        if (!json_is_number(t) || !(seconds[i] >= 0 && seconds[i] < 1e9) || (i > 0 && seconds[i] < seconds[i - 1])) {
            return wrong_part(r, "timestamps are seconds in ascending order");
        }
        if (!json_is_string(json_array_get(frames, i))) return wrong_part(r, "every frame is a url");
    }
    m->frames = frames;
    m->timestamps = seconds;
    return read_resolution(r, part, m);
}

static bool read_part(struct reader *r, const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    if (!type) return wrong_part(r, "a part needs a type");
    if (!strcmp(type, "text") || !strcmp(type, "input_text") || !strcmp(type, "output_text")) {
        const json_t *text = json_object_get(part, "text");
        return json_is_string(text) ? add_text(r, text) : wrong_part(r, "a text part needs a text");
    }
    enum sl_chat_role role = r->out->messages[r->out->n_messages - 1].role;
    if (role != SL_CHAT_USER && role != SL_CHAT_TOOL) return wrong_part(r, "only users and tools show pictures");
    if (!strcmp(type, "image_url") || !strcmp(type, "input_image")) return read_image(r, part);
    if (!strcmp(type, "video_url")) return read_video(r, part, "video_url");
    if (!strcmp(type, "input_video")) return read_video(r, part, "video_url");
    if (!strcmp(type, "video")) {
        const json_t *video = json_object_get(part, "video");
        return json_is_array(video) ? read_frames(r, part, video) : read_video(r, part, "video");
    }
    return wrong_part(r, "the type is none of text, image_url, video_url and video");
}

static bool read_content(struct reader *r, const json_t *content, int message)
{
    snprintf(r->path, sizeof r->path, "messages[%d].content", message);
    if (!content || json_is_null(content)) return true;
    if (json_is_string(content)) return add_text(r, content);
    if (!json_is_array(content)) return wrong_part(r, "expected a text or a list of parts");
    for (size_t i = 0; i < json_array_size(content); i++) {
        snprintf(r->path, sizeof r->path, "messages[%d].content[%zu]", message, i);
        if (!read_part(r, json_array_get(content, i))) return false;
    }
    return true;
}

/* --- messages
 * --------------------------------------------------------------------------------------------------------- */

/* The model's own form of a call: {"name": ..., "arguments": {...}}. */
static bool read_tool_call(struct reader *r, const json_t *call)
{
    json_t *function = json_object_get(call, "function"), *name = json_object_get(function, "name"), *arguments = NULL;
    const char *text = json_string_value(json_object_get(function, "arguments"));
    if (!json_is_string(name) || !text) return wrong_part(r, "a tool call needs function.name and function.arguments");
    if (sl_json_parse(*text ? text : "{}", *text ? strlen(text) : 2, MAX_DEPTH, &arguments, NULL) ||
        !json_is_object(arguments)) {
        json_decref(arguments);
        return wrong_part(r, "function.arguments is not the text of a JSON object");
    }
    json_t *own = json_pack("{s:O,s:o}", "name", name, "arguments", arguments);
    const char *line = keep(r, own ? json_dumps(own, JSON_COMPACT) : NULL);
    json_decref(own);
    struct sl_api_part *p = line ? add_part(r, SL_CHAT_TOOL_CALL) : NULL;
    if (!p) return false;
    p->text = line;
    p->n = strlen(line);
    return true;
}

static bool read_role(struct reader *r, const char *text, enum sl_chat_role *role)
{
    if (text && !strcmp(text, "developer")) text = "system";
    if (text && sl_chat_role_of(text, strlen(text), role)) return true;
    return wrong_part(r, "the role is none of system, developer, user, assistant and tool");
}

static bool read_message(struct reader *r, const json_t *o, int i)
{
    struct sl_api_message *m = &r->out->messages[r->out->n_messages];
    snprintf(r->path, sizeof r->path, "messages[%d].role", i);
    if (!read_role(r, json_string_value(json_object_get(o, "role")), &m->role)) return false;
    m->first = r->out->n_parts;
    r->out->n_messages++;
    if (!read_content(r, json_object_get(o, "content"), i)) return false;
    const json_t *calls = json_object_get(o, "tool_calls");
    if (m->role == SL_CHAT_ASSISTANT) m->reasoning = json_string_value(json_object_get(o, "reasoning_content"));
    for (size_t k = 0; m->role == SL_CHAT_ASSISTANT && k < json_array_size(calls); k++) {
        snprintf(r->path, sizeof r->path, "messages[%d].tool_calls[%zu]", i, k);
        if (!read_tool_call(r, json_array_get(calls, k))) return false;
    }
    snprintf(r->path, sizeof r->path, "messages[%d]", i);
    if (m->n_parts == 0 && m->role == SL_CHAT_USER) return wrong_part(r, "the message is empty");
    return true;
}

static bool read_messages(struct reader *r)
{
    const json_t *list = json_object_get(r->out->json, "messages");
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n == 0)
        return sl_api_refuse(r->problem, "messages", "'messages' must be a list of messages");
    if (n > SL_API_MAX_MESSAGES)
        return sl_api_refuse(r->problem, "messages", "more than %d messages", SL_API_MAX_MESSAGES);
    r->out->messages = calloc(n, sizeof *r->out->messages);
    if (!r->out->messages) return no_memory(r->problem);
    for (size_t i = 0; i < n; i++) {
        if (!read_message(r, json_array_get(list, i), (int)i)) return false;
    }
    return true;
}

/* --- tools, formats, thinking
 * --------------------------------------------------------------------------------------------- */

static bool read_tools(struct reader *r)
{
    const json_t *list = json_object_get(r->out->json, "tools");
    size_t n = json_array_size(list);
    if (!present(r->out->json, "tools") || n == 0) return true;
    if (n > 128) return sl_api_refuse(r->problem, "tools", "more than 128 tools");
    r->out->tools = calloc(n, sizeof *r->out->tools);
    if (!r->out->tools) return no_memory(r->problem);
    for (size_t i = 0; i < n; i++) {
        const json_t *tool = json_array_get(list, i), *function = json_object_get(tool, "function");
        if (!function && json_object_get(tool, "name")) function = tool; /* the form of /v1/responses */
        if (!json_is_string(json_object_get(function, "name"))) {
            return sl_api_refuse(r->problem, "tools", "tools[%zu] needs function.name", i);
        }
        const char *line = keep(r, json_dumps(function, JSON_COMPACT));
        if (!line) return false;
        r->out->tools[r->out->n_tools++] = line;
    }
    return true;
}

static bool read_tool_choice(struct reader *r)
{
    const json_t *choice = json_object_get(r->out->json, "tool_choice");
    const char *text = json_string_value(choice);
    if (!present(r->out->json, "tool_choice") || (text && !strcmp(text, "auto"))) return true;
    if (text && !strcmp(text, "none")) {
        r->out->tool_choice = SL_TOOLS_NONE;
        return true;
    }
    if (r->out->n_tools == 0) return sl_api_refuse(r->problem, "tool_choice", "'tool_choice' without 'tools'");
    r->out->tool_choice = SL_TOOLS_REQUIRED;
    if (text && !strcmp(text, "required")) return true;
    const json_t *name = json_object_get(json_object_get(choice, "function"), "name");
    if (!name) name = json_object_get(choice, "name");
    r->out->tool = json_string_value(name);
    if (r->out->tool) return true;
    return sl_api_refuse(r->problem, "tool_choice",
                         "'tool_choice' is \"auto\", \"none\", \"required\" or names a function");
}

static bool read_schema(struct reader *r, const json_t *o)
{
    const json_t *schema = json_object_get(o, "json_schema");
    r->out->schema = json_object_get(schema ? schema : o, "schema");
    if (json_is_object(r->out->schema)) return true;
    return sl_api_refuse(r->problem, "response_format", "response_format.json_schema.schema is missing");
}

static bool read_format(struct reader *r)
{
    static const char *const names[SL_N_FORMATS] = {"text",   "json_object", "json_schema", "regex",
                                                    "points", "boxes",       "action"};
    const json_t *o = json_object_get(r->out->json, "response_format");
    const char *type = json_string_value(json_object_get(o, "type"));
    if (!present(r->out->json, "response_format")) return true;
    int f = 0;
    while (f < SL_N_FORMATS && (!type || strcmp(type, names[f]) != 0)) f++;
    if (f == SL_N_FORMATS) {
        return sl_api_refuse(r->problem, "response_format",
                             "response_format.type is none of text, json_object, "
                             "json_schema, regex, points, boxes and action");
    }
    r->out->format = (enum sl_api_format)f;
    r->out->pattern = json_string_value(json_object_get(o, "pattern"));
    if (f == SL_FORMAT_REGEX && !r->out->pattern) {
        return sl_api_refuse(r->problem, "response_format", "response_format.pattern is missing");
    }
    return f == SL_FORMAT_SCHEMA ? read_schema(r, o) : true;
}

static bool read_thinking(struct reader *r)
{
    struct sl_api_chat *c = r->out;
    const json_t *o = json_object_get(c->json, "thinking");
    const char *type = json_string_value(json_object_get(o, "type"));
    c->thinking_budget = -1;
    if (!present(c->json, "thinking")) return true;
    if (!type || (strcmp(type, "enabled") != 0 && strcmp(type, "disabled") != 0)) {
        return sl_api_refuse(r->problem, "thinking", "thinking.type is \"enabled\" or \"disabled\"");
    }
    c->thinking_given = true;
    c->thinking = !strcmp(type, "enabled");
    return read_int(o, "budget_tokens", 0, INT32_MAX, &c->thinking_budget, r->problem);
}

static bool read_logprobs(struct reader *r)
{
    struct sl_api_chat *c = r->out;
    if (!read_bool(c->json, "logprobs", &c->logprobs, r->problem) ||
        !read_int(c->json, "top_logprobs", 0, SL_MAX_TOP_LOGPROBS, &c->top_logprobs, r->problem)) {
        return false;
    }
    if (c->top_logprobs > 0 && !c->logprobs) {
        return sl_api_refuse(r->problem, "top_logprobs", "'top_logprobs' needs 'logprobs'");
    }
    return true;
}

bool sl_api_chat_from(json_t *json, const struct sl_sampling *defaults, struct sl_api_chat *out,
                      struct sl_api_problem *problem)
{
    *out = (struct sl_api_chat){.json = json, .sampling = *defaults, .n = 1};
    struct reader r = {.out = out, .problem = problem};
    if (json_is_object(json) && sl_api_read_common(json, out, problem) && read_messages(&r) && read_tools(&r) &&
        read_tool_choice(&r) && read_format(&r) && read_thinking(&r) && read_logprobs(&r)) {
        return true;
    }
    if (!json_is_object(json)) sl_api_refuse(problem, "", "the body must be a JSON object");
    sl_api_chat_release(out);
    return false;
}

bool sl_api_chat_read(const char *text, size_t n, const struct sl_sampling *defaults, struct sl_api_chat *out,
                      struct sl_api_problem *problem)
{
    json_t *json = NULL;
    sl_error err;
    if (sl_json_parse(text, n, MAX_DEPTH, &json, &err)) {
        *out = (struct sl_api_chat){0};
        return sl_api_refuse(problem, "", "the body is not JSON: %s", err.message);
    }
    return sl_api_chat_from(json, defaults, out, problem);
}

void sl_api_chat_release(struct sl_api_chat *c)
{
    for (int i = 0; i < c->n_strings; i++) free(c->strings[i]);
    free(c->strings);
    for (int i = 0; i < c->n_times; i++) free(c->times[i]);
    free(c->times);
    free(c->tools);
    free(c->biases);
    free(c->media);
    free(c->parts);
    free(c->messages);
    json_decref(c->json);
    *c = (struct sl_api_chat){0};
}
