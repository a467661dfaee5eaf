/*
 * api_grammar.c: what a request wants its answer to look like, compiled once for all requests that want the same.
 *
 * A grammar learns its states while answers are written, so the last few are kept: the same schema comes again and
 * again.
 */
#include "serve/api.h"

#include <stdlib.h>
#include <string.h>

/* The name of the answer language's form that a format stands for, or NULL. */
static const char *form_of(enum sl_api_format f)
{
    switch (f) {
    case SL_FORMAT_JSON:
        return "json";
    case SL_FORMAT_POINTS:
        return "points";
    case SL_FORMAT_BOXES:
        return "boxes";
    case SL_FORMAT_ACTION:
        return "action";
    default:
        return NULL;
    }
}

/* What identifies the grammar of a request: its kind and all of its text; owned, NULL without memory. */
static char *describe(const struct sl_api_chat *chat)
{
    struct sl_buf key = SL_BUF_INIT(1 << 26);
    char *schema = chat->format == SL_FORMAT_SCHEMA ? json_dumps(chat->schema, JSON_COMPACT) : NULL;
    if (chat->tool_choice == SL_TOOLS_REQUIRED) {
        sl_buf_addstr(&key, "tools");
        for (int i = 0; i < chat->n_tools; i++) sl_buf_addf(&key, "\n%s", chat->tools[i]);
        sl_buf_addf(&key, "\n%s", chat->tool ? chat->tool : "");
    } else if (chat->format == SL_FORMAT_SCHEMA) {
        sl_buf_addf(&key, "schema\n%s", schema ? schema : "");
    } else if (chat->format == SL_FORMAT_REGEX) {
        sl_buf_addf(&key, "regex\n%s", chat->pattern);
    } else {
        sl_buf_addf(&key, "form\n%s", form_of(chat->format));
    }
    free(schema);
    char *text = sl_buf_ok(&key) ? strdup(sl_buf_str(&key)) : NULL;
    sl_buf_release(&key);
    return text;
}

/* The description of the one tool that must be called; NULL when there is none of that name. */
static const char *find_tool(const struct sl_api_chat *chat)
{
    for (int i = 0; i < chat->n_tools; i++) {
        json_t *tool = json_loads(chat->tools[i], 0, NULL);
        const char *name = json_string_value(json_object_get(tool, "name"));
        bool same = name && !strcmp(name, chat->tool);
        json_decref(tool);
        if (same) return chat->tools[i];
    }
    return NULL;
}

static bool compile_tools(const struct sl_api_chat *chat, sl_grammar **out, struct sl_api_problem *problem)
{
    const char *one = chat->tool ? find_tool(chat) : NULL;
    sl_error err;
    if (chat->tool && !one) return sl_api_refuse(problem, "tool_choice", "there is no tool '%.100s'", chat->tool);
    sl_status s = one ? sl_grammar_from_tools(&one, 1, out, &err)
                      : sl_grammar_from_tools(chat->tools, (size_t)chat->n_tools, out, &err);
    return s ? sl_api_refuse(problem, "tools", "%s", err.message) : true;
}

static bool compile(const struct sl_api_chat *chat, sl_grammar **out, struct sl_api_problem *problem)
{
    sl_error err;
    sl_status s;
    if (chat->tool_choice == SL_TOOLS_REQUIRED) return compile_tools(chat, out, problem);
    if (chat->format == SL_FORMAT_SCHEMA) {
        char *schema = json_dumps(chat->schema, JSON_COMPACT);
        s = schema ? sl_grammar_from_schema(schema, strlen(schema), out, &err)
                   : sl_fail(&err, SL_ERR_MEMORY, "out of memory");
        free(schema);
    } else if (chat->format == SL_FORMAT_REGEX) {
        s = sl_grammar_from_regex(chat->pattern, strlen(chat->pattern), out, &err);
    } else {
        s = sl_grammar_named(form_of(chat->format), out, &err);
    }
    return s ? sl_api_refuse(problem, "response_format", "%s", err.message) : true;
}

/* Puts a grammar in the place of the one that was not asked for the longest; called with the list locked. */
static void keep(struct sl_server *s, char *key, sl_grammar *g)
{
    struct sl_kept_grammar *last = &s->grammars[SL_KEPT_GRAMMARS - 1];
    free(last->key);
    sl_grammar_drop(last->grammar);
    memmove(s->grammars + 1, s->grammars, sizeof *last * (SL_KEPT_GRAMMARS - 1));
    s->grammars[0] = (struct sl_kept_grammar){key, g};
    sl_grammar_share(g);
}

/* Returns the kept grammar of that key with one more reference, moved to the front, or NULL; with the list locked. */
static sl_grammar *find(struct sl_server *s, const char *key)
{
    for (int i = 0; i < SL_KEPT_GRAMMARS; i++) {
        struct sl_kept_grammar found = s->grammars[i];
        if (!found.key || strcmp(found.key, key) != 0) continue;
        memmove(s->grammars + 1, s->grammars, sizeof found * (size_t)i);
        s->grammars[0] = found;
        sl_grammar_share(found.grammar);
        return found.grammar;
    }
    return NULL;
}

bool sl_api_grammar(const struct sl_api_call *call, const struct sl_api_chat *chat, sl_grammar **out,
                    struct sl_api_problem *problem)
{
    struct sl_server *s = call->server;
    *out = NULL;
    if (chat->tool_choice != SL_TOOLS_REQUIRED && chat->format == SL_FORMAT_TEXT) return true;
    char *key = describe(chat);
    if (!key) return sl_api_refuse(problem, "", "out of memory");
    pthread_mutex_lock(&s->lock);
    *out = find(s, key);
    pthread_mutex_unlock(&s->lock);
    bool ok = *out || compile(chat, out, problem);
    if (ok) {
        pthread_mutex_lock(&s->lock);
        sl_grammar *other = find(s, key);
        if (other)
            sl_grammar_drop(other);
        else
            keep(s, key, *out), key = NULL;
        pthread_mutex_unlock(&s->lock);
    }
    free(key);
    return ok;
}

void sl_api_grammars_free(struct sl_server *s)
{
    for (int i = 0; i < SL_KEPT_GRAMMARS; i++) {
        free(s->grammars[i].key);
        sl_grammar_drop(s->grammars[i].grammar);
    }
}
