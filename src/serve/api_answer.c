/*
 * api_answer.c: an answer's usage, media, shapes, tool calls and log-probabilities as JSON.
 */
#include "serve/api.h"

#include "text/answer.h"
#include "text/answer_json.h"
#include "text/tokenizer.h"

#include <string.h>

json_t *sl_api_usage(struct sl_api_run *run)
{
    int completion = 0, reasoning = 0;
    const sl_usage *u = &sl_request_result(run->answers[0].request)->usage;
    for (int i = 0; i < run->n_started; i++) {
        const sl_usage *each = &sl_request_result(run->answers[i].request)->usage;
        completion += each->completion_tokens;
        reasoning += each->reasoning_tokens;
    }
    return json_pack("{s:i,s:i,s:i,s:{s:i,s:i,s:i,s:i},s:{s:i}}", "prompt_tokens", u->prompt_tokens,
                     "completion_tokens", completion, "total_tokens", u->prompt_tokens + completion,
                     "prompt_tokens_details", "cached_tokens", u->cached_tokens, "image_tokens", u->image_tokens,
                     "pictures", u->pictures, "pictures_cached", u->pictures_cached, "completion_tokens_details",
                     "reasoning_tokens", reasoning);
}

static json_t *picture_json(const struct sl_api_chat *chat, const struct sl_api_loaded *l, int media,
                            const sl_used_picture *used)
{
    const sl_prompt_picture *as = &used->as;
    return json_pack("{s:s,s:i,s:i,s:i,s:i,s:[i,i],s:i,s:b}", "param", chat->media[media].param, "width", l->width,
                     "height", l->height, "used_width", as->used_width, "used_height", as->used_height, "grid",
                     as->grid.rows, as->grid.cols, "tokens", used->tokens, "cached", used->cached);
}

static json_t *video_json(const struct sl_api_chat *chat, const struct sl_api_prompt *p, int media,
                          const sl_used_picture *used)
{
    const struct sl_api_loaded *l = &p->loaded[media];
    json_t *seconds = json_array(), *o;
    int cached = 0;
    for (int i = 0; i < l->n; i++) {
        json_array_append_new(seconds, json_real(p->seconds[l->first + i]));
        cached += used[i].cached;
    }
    o = json_pack("{s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:o}", "param", chat->media[media].param, "width", l->width,
                  "height", l->height, "used_width", used->as.used_width, "used_height", used->as.used_height, "frames",
                  l->n, "tokens_per_frame", used->tokens, "cached_frames", cached, "seconds", seconds);
    if (l->kind == SL_API_VIDEO) {
        json_object_set_new(o, "duration", json_real(l->duration));
        json_object_set_new(o, "fps", json_real(l->fps));
        json_object_set_new(o, "level", json_integer(l->level));
    }
    return o;
}

static json_t *timings_json(const sl_timings *t)
{
    return json_pack("{s:f,s:f,s:f,s:f,s:f}", "queue_ms", t->queue_ms, "vision_ms", t->vision_ms, "prefill_ms",
                     t->prefill_ms, "decode_ms", t->decode_ms, "first_token_ms", t->first_token_ms);
}

json_t *sl_api_media_json(struct sl_api_run *run, const struct sl_api_chat *chat, const struct sl_api_prompt *prompt)
{
    const sl_result *r = sl_request_result(run->answers[0].request);
    json_t *pictures = json_array(), *videos = json_array();
    for (int i = 0; i < prompt->n_loaded; i++) {
        const struct sl_api_loaded *l = &prompt->loaded[i];
        if (l->first + l->n > r->usage.pictures) break;
        const sl_used_picture *used = &r->pictures[l->first];
        if (l->kind == SL_API_IMAGE)
            json_array_append_new(pictures, picture_json(chat, l, i, used));
        else
            json_array_append_new(videos, video_json(chat, prompt, i, used));
    }
    return json_pack("{s:o,s:o,s:o}", "pictures", pictures, "videos", videos, "timings", timings_json(&r->timings));
}

void sl_api_shapes(const sl_result *result, const struct sl_api_prompt *prompt, json_t *object)
{
    struct sl_answer a = {0};
    const struct sl_api_loaded *l = prompt->n_loaded ? &prompt->loaded[prompt->n_loaded - 1] : NULL;
    if (!sl_answer_parse(result->answer, result->n_answer, 0, &a, NULL)) {
        sl_answer_json(&a, l ? l->width : 0, l ? l->height : 0, false, object);
    }
    sl_answer_release(&a);
}

json_t *sl_api_tool_calls(const struct sl_api_call *call, const char *answer, size_t n, size_t *content_end)
{
    struct sl_answer a = {0};
    json_t *list = NULL;
    char id[64];
    *content_end = n;
    if (!sl_answer_parse(answer, n, 0, &a, NULL) && a.n_tool_calls > 0) {
        list = json_array();
        *content_end = a.tool_calls[0].range.begin;
        while (*content_end > 0 && strchr(" \n\r\t", answer[*content_end - 1])) --*content_end;
        for (size_t i = 0; i < a.n_tool_calls; i++) {
            const struct sl_answer_tool_call *t = &a.tool_calls[i];
            snprintf(id, sizeof id, "call_%.20s%zu", call->id, i);
            json_array_append_new(list, json_pack("{s:i,s:s,s:s,s:{s:s#,s:s#}}", "index", (int)i, "id", id, "type",
                                                  "function", "function", "name", a.strings.data + t->name.begin,
                                                  (int)(t->name.end - t->name.begin), "arguments",
                                                  a.strings.data + t->arguments.begin,
                                                  (int)(t->arguments.end - t->arguments.begin)));
        }
    }
    sl_answer_release(&a);
    return list;
}

/* A token as text and bytes; text that is no UTF-8 by itself is shown with replacement characters. */
static json_t *token_json(const struct sl_tokenizer *t, int32_t id, float logprob)
{
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    json_t *bytes = json_array(), *token;
    if (sl_tokenizer_decode(t, &id, 1, false, &text, NULL)) sl_buf_clear(&text);
    for (size_t i = 0; i < text.len; i++) json_array_append_new(bytes, json_integer((unsigned char)text.data[i]));
    token = json_stringn(sl_buf_str(&text), text.len);
    if (!token) token = json_string("\xef\xbf\xbd");
    sl_buf_release(&text);
    return json_pack("{s:o,s:f,s:o}", "token", token, "logprob", logprob < -9999 ? -9999.0 : (double)logprob, "bytes",
                     bytes);
}

json_t *sl_api_logprob(const struct sl_api_call *call, const sl_choice *token)
{
    const struct sl_tokenizer *t = sl_engine_tokenizer(call->server->engine);
    json_t *top = json_array(), *o = token_json(t, token->id, token->logprob);
    for (int i = 0; i < token->n_top; i++)
        json_array_append_new(top, token_json(t, token->top[i].id, token->top[i].logprob));
    json_object_set_new(o, "top_logprobs", top);
    return o;
}

const char *sl_api_finish(const sl_result *result, bool tool_calls)
{
    if (tool_calls) return "tool_calls";
    return result->finish == SL_FINISH_LENGTH ? "length" : "stop";
}
