/*
 * answer_tools.c: tool calls, {"name": ..., "arguments": {...}} between their tags.
 */
#include "text/answer_parts.h"

#include "base/json.h"

static const char close_tag[] = "</tool_call>";

/* Stores the parts of a call that was parsed; false when they are not what a call has. */
static bool store_call(struct sl_answer_parser *p, const json_t *call, struct sl_answer_tool_call *out)
{
    const json_t *name = json_object_get(call, "name"), *arguments = json_object_get(call, "arguments");
    if (!json_is_string(name) || !json_is_object(arguments) || json_object_size(call) != 2) return false;
    out->name = sl_answer_store(p, json_string_value(name), json_string_length(name));
    out->arguments.begin = p->out->strings.len;
    if (sl_json_dump(arguments, 0, &p->out->strings, NULL)) p->status = SL_ERR_MEMORY;
    out->arguments.end = p->out->strings.len;
    return true;
}

size_t sl_answer_read_tool_call(struct sl_answer_parser *p, size_t at, size_t body)
{
    enum { MAX_DEPTH = 64, MAX_BYTES = 1 << 24 };
    struct sl_answer *a = p->out;
    const char *close = p->no_tool_close ? NULL : memmem(p->s + body, p->end - body, close_tag, sizeof close_tag - 1);
    if (!close) {
        p->no_tool_close = true;
        sl_answer_report(p, SL_PROBLEM_TOOL_CALL_NOT_CLOSED, at, body);
        return body;
    }
    size_t n = (size_t)(close - p->s) - body, after = body + n + sizeof close_tag - 1;
    struct sl_answer_tool_call call = {.range = {at, after}}, *slot;
    json_t *value = NULL;
    if (n <= MAX_BYTES) sl_json_parse(p->s + body, n, MAX_DEPTH, &value, NULL);
    bool ok = value && store_call(p, value, &call);
    json_decref(value);
    if (!ok) {
        sl_answer_report(p, SL_PROBLEM_TOOL_CALL_JSON, at, after);
        return after;
    }
    slot = sl_answer_push(p, &a->tool_calls, &a->n_tool_calls, &a->cap_tool_calls, sizeof *slot);
    if (slot) *slot = call;
    return after;
}
