/*
 * api_embeddings.c: POST /v1/embeddings: texts, pictures and videos as vectors of one space.
 *
 * Beyond OpenAI's form an input may be a part of a message: {"type": "image_url", ...} or a video.
 */
#include "serve/api.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 2048, MAX_DEPTH = 64 };

/* What one call has made so far. */
struct batch {
    struct sl_api_call *call;
    float *vector; /* (width), owned */
    int width;
    bool base64;
    int64_t bytes; /* of text, as a measure of what was read */
    json_t *list;
    struct sl_api_problem *problem;
};

/* The vector as numbers, or as OpenAI's base64 of little-endian floats. */
static json_t *vector_json(const struct batch *b)
{
    if (b->base64) {
        struct sl_buf text = SL_BUF_INIT(1 << 24);
        sl_base64_encode(b->vector, (size_t)b->width * sizeof *b->vector, &text);
        json_t *v = json_string(sl_buf_str(&text));
        sl_buf_release(&text);
        return v;
    }
    json_t *v = json_array();
    for (int i = 0; i < b->width; i++) json_array_append_new(v, sl_json_float(b->vector[i]));
    return v;
}

static bool embed_text(struct batch *b, const char *text, size_t n)
{
    struct sl_server *s = b->call->server;
    sl_error err;
    if (n == 0) return sl_api_refuse(b->problem, "input", "'input' has an empty text");
    pthread_mutex_lock(&s->embedding);
    sl_status status = sl_embed_text(s->options.embedder, text, n, b->vector, &err);
    pthread_mutex_unlock(&s->embedding);
    b->bytes += (int64_t)n;
    return status ? sl_api_problem_from(b->problem, "input", status, &err) : true;
}

/* A picture, or the frames of a video together. */
static bool embed_media(struct batch *b, const json_t *part)
{
    struct sl_server *s = b->call->server;
    struct sl_sampling sampling;
    struct sl_api_chat chat;
    struct sl_api_prompt prompt = {0};
    sl_error err;
    sl_sampling_defaults(&sampling);
    json_t *as_chat = json_pack("{s:[{s:s,s:[O]}]}", "messages", "role", "user", "content", part);
    if (!sl_api_chat_from(as_chat, &sampling, &chat, b->problem)) return false;
    bool ok = sl_api_prompt_make(b->call, &chat, &prompt, b->problem);
    if (ok && prompt.n_pictures == 0) ok = sl_api_refuse(b->problem, "input", "'input' has a part without a picture");
    if (ok) {
        pthread_mutex_lock(&s->embedding);
        sl_status status = sl_embed_pictures(s->options.embedder, prompt.pictures, prompt.n_pictures, b->vector, &err);
        pthread_mutex_unlock(&s->embedding);
        if (status) ok = sl_api_problem_from(b->problem, "input", status, &err);
    }
    sl_api_prompt_release(&prompt);
    sl_api_chat_release(&chat);
    return ok;
}

static bool embed_one(struct batch *b, const json_t *input)
{
    if (sl_http_gone(b->call->http)) return sl_api_refuse(b->problem, "", "the client has gone");
    bool ok = json_is_string(input) ? embed_text(b, json_string_value(input), json_string_length(input))
              : json_is_object(input)
                  ? embed_media(b, input)
                  : sl_api_refuse(b->problem, "input",
                                  "'input' is a text, a part with a picture or video, or a list of them");
    if (!ok) return false;
    json_t *item = json_pack("{s:s,s:i,s:o}", "object", "embedding", "index", (int)json_array_size(b->list),
                             "embedding", vector_json(b));
    json_array_append_new(b->list, item);
    return true;
}

static bool embed_all(struct batch *b, const json_t *json)
{
    const json_t *input = json_object_get(json, "input"), *format = json_object_get(json, "encoding_format");
    const char *name = json_string_value(format);
    if (format && (!name || (strcmp(name, "float") != 0 && strcmp(name, "base64") != 0))) {
        return sl_api_refuse(b->problem, "encoding_format", "'encoding_format' is \"float\" or \"base64\"");
    }
    b->base64 = name && !strcmp(name, "base64");
    if (!json_is_array(input)) return embed_one(b, input);
    if (json_array_size(input) == 0 || json_array_size(input) > MAX_INPUTS) {
        return sl_api_refuse(b->problem, "input", "'input' has 1 to %d items", MAX_INPUTS);
    }
    for (size_t i = 0; i < json_array_size(input); i++) {
        if (!embed_one(b, json_array_get(input, i))) return false;
    }
    return true;
}

static bool answer(struct batch *b, const json_t *json)
{
    const char *model = json_string_value(json_object_get(json, "model"));
    if (!json_is_object(json)) return sl_api_refuse(b->problem, "", "the body must be a JSON object");
    if (!sl_api_model_known(b->call, model, b->problem)) return false;
    if (!b->call->server->options.embedder) {
        return sl_api_refuse(b->problem, "model", "this model has no contrastive towers, so it makes no embeddings");
    }
    b->width = sl_embedder_width(b->call->server->options.embedder);
    b->vector = sl_alloc_array((size_t)b->width, sizeof *b->vector);
    if (!b->vector) return sl_api_refuse(b->problem, "", "out of memory");
    return embed_all(b, json);
}

void sl_api_embeddings(struct sl_api_call *call)
{
    struct sl_api_problem problem;
    struct batch b = {.call = call, .list = json_array(), .problem = &problem};
    size_t n;
    const char *body = sl_http_body(call->http, &n);
    json_t *json = NULL;
    sl_error err;
    bool ok = !sl_json_parse(body, n, MAX_DEPTH, &json, &err);
    if (!ok) sl_api_refuse(&problem, "", "the body is not JSON: %s", err.message);
    ok = ok && answer(&b, json);
    /* Texts are counted as their bytes over four, the usual length of a token: the towers keep their own counts. */
    int tokens = (int)((b.bytes + 3) / 4);
    if (ok) {
        sl_api_reply(call, 200,
                     json_pack("{s:s,s:O,s:s,s:{s:i,s:i}}", "object", "list", "data", b.list, "model",
                               call->server->name, "usage", "prompt_tokens", tokens, "total_tokens", tokens));
    } else {
        sl_api_error(call, &problem);
    }
    json_decref(json);
    json_decref(b.list);
    free(b.vector);
}
