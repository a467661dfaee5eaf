/*
 * yaml.c: libyaml's events become a jansson tree.
 *
 * Recursion follows the document's nesting, which is limited; aliases are copied, and every copied node counts towards
 * the limit of nodes, so a small file cannot grow without bound.
 */
#include "base/yaml.h"

#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    const char *name;
    json_t *anchors; /* object: anchor -> its value */
    int n_nodes;
    sl_status status;
    sl_error *err;
};

/* Fails r at a line counted from 0; always returns NULL. */
static json_t *fail_at(struct reader *r, size_t line, const char *fmt, const char *what)
{
    if (r->status) return NULL;
    char reason[256];
    snprintf(reason, sizeof reason, fmt, what); /* NOLINT(clang-diagnostic-format-nonliteral) */
    r->status = sl_fail(r->err, SL_ERR_FORMAT, "%s:%zu: %s", r->name, line + 1, reason);
    return NULL;
}

static json_t *no_memory(struct reader *r)
{
    if (!r->status) r->status = sl_fail(r->err, SL_ERR_MEMORY, "%s: no memory for YAML", r->name);
    return NULL;
}

/* Reads the next event into e; the caller deletes it when this returns true. */
static bool next_event(struct reader *r, yaml_event_t *e)
{
    if (r->status) return false;
    if (yaml_parser_parse(&r->parser, e)) return true;
    if (r->parser.error == YAML_MEMORY_ERROR) {
        no_memory(r);
        return false;
    }
    size_t line = r->parser.error == YAML_READER_ERROR ? r->parser.mark.line : r->parser.problem_mark.line;
    fail_at(r, line, "%s", r->parser.problem ? r->parser.problem : "not YAML");
    return false;
}

static bool is_one_of(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(s, *words) == 0) return true;
    return false;
}

/* An integer of the core schema: [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+. */
static bool is_integer(const char *s, int *base)
{
    *base = 10;
    const char *digits = "0123456789";
    if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x')) {
        *base = s[1] == 'o' ? 8 : 16;
        digits = s[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
        s += 2;
    } else if (*s == '-' || *s == '+') {
        s++;
    }
    return *s && strspn(s, digits) == strlen(s);
}

/* A real of the core schema: [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_real(const char *s)
{
    static const char digits[] = "0123456789";
    if (*s == '-' || *s == '+') s++;
    size_t whole = strspn(s, digits), part = 0;
    s += whole;
    if (*s == '.') {
        part = strspn(++s, digits);
        s += part;
    }
    if (whole + part == 0) return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '-' || *s == '+') s++;
        size_t n = strspn(s, digits);
        if (n == 0) return false;
        s += n;
    }
    return *s == '\0';
}

static json_t *read_integer(struct reader *r, const char *s, int base, size_t line)
{
    errno = 0;
    long long x = strtoll(base == 10 ? s : s + 2, NULL, base);
    if (errno) return fail_at(r, line, "the integer %.60s is too large", s);
    return json_integer(x);
}

/* A scalar without quotes. */
static json_t *read_plain(struct reader *r, const char *s, size_t line)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    static const char *const beyond[] = {".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                         "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};
    int base;
    if (is_one_of(s, null)) return json_null();
    if (is_one_of(s, yes)) return json_true();
    if (is_one_of(s, no)) return json_false();
    if (is_integer(s, &base)) return read_integer(r, s, base, line);
    if (is_one_of(s, beyond)) return fail_at(r, line, "%s is not a finite number", s);
    if (!is_real(s)) return json_string(s);
    double x = strtod(s, NULL);
    return isfinite(x) ? json_real(x) : fail_at(r, line, "the number %.60s is too large", s);
}

static json_t *read_scalar(struct reader *r, const yaml_event_t *e)
{
    const char *s = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length, line = e->start_mark.line;
    if (e->data.scalar.tag) return fail_at(r, line, "tags are not understood: %.60s", (const char *)e->data.scalar.tag);
    if (memchr(s, '\0', n)) return fail_at(r, line, "%s", "a string holds a NUL character");
    json_t *v = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? read_plain(r, s, line) : json_stringn(s, n);
    if (!v && !r->status) return fail_at(r, line, "%s", "a string is not valid UTF-8");
    return v;
}

/* Counts the nodes of v, up to the limit. */
static int count_nodes(const json_t *v, int limit)
{
    int n = 1;
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v) && n <= limit; i++) n += count_nodes(json_array_get(v, i), limit - n);
    } else if (json_is_object(v)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)v, key, value)
        {
            if (n > limit) break;
            n += count_nodes(value, limit - n);
        }
    }
    return n;
}

/* Returns the levels of v: 1 for a scalar. */
static int depth_of(const json_t *v)
{
    int deepest = 0;
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            int d = depth_of(json_array_get(v, i));
            if (d > deepest) deepest = d;
        }
    } else if (json_is_object(v)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)v, key, value)
        {
            int d = depth_of(value);
            if (d > deepest) deepest = d;
        }
    }
    return 1 + deepest;
}

static json_t *read_alias(struct reader *r, const yaml_event_t *e, int depth)
{
    const char *anchor = (const char *)e->data.alias.anchor;
    json_t *v = json_object_get(r->anchors, anchor);
    if (!v) return fail_at(r, e->start_mark.line, "no anchor '%.60s' stands before its alias", anchor);
    int room = SL_YAML_MAX_NODES - r->n_nodes;
    int n = count_nodes(v, room);
    if (n > room) return fail_at(r, e->start_mark.line, "%s", "aliases make more values than are allowed");
    if (depth + depth_of(v) - 1 > SL_YAML_MAX_DEPTH) return fail_at(r, e->start_mark.line, "%s", "nested too deeply");
    r->n_nodes += n - 1;
    json_t *copy = json_deep_copy(v);
    return copy ? copy : no_memory(r);
}

static json_t *read_node(struct reader *r, const yaml_event_t *e, int depth);

/* Reads the elements up to the end of a sequence. */
static json_t *read_sequence(struct reader *r, int depth)
{
    json_t *array = json_array();
    if (!array) return no_memory(r);
    yaml_event_t e;
    bool end = false;
    while (!end && next_event(r, &e)) {
        end = e.type == YAML_SEQUENCE_END_EVENT;
        json_t *v = end ? NULL : read_node(r, &e, depth + 1);
        if (v && json_array_append_new(array, v) != 0) no_memory(r);
        yaml_event_delete(&e);
    }
    if (!r->status) return array;
    json_decref(array);
    return NULL;
}

/* Takes the key that event e holds and reads its value into object. */
static void read_member(struct reader *r, json_t *object, const yaml_event_t *e, int depth)
{
    size_t line = e->start_mark.line;
    if (e->type != YAML_SCALAR_EVENT) {
        fail_at(r, line, "%s", "a key must be a word");
        return;
    }
    const char *key = (const char *)e->data.scalar.value;
    if (memchr(key, '\0', e->data.scalar.length) || e->data.scalar.tag || e->data.scalar.anchor)
        fail_at(r, line, "%s", "a key must be a plain word");
    else if (strcmp(key, "<<") == 0)
        fail_at(r, line, "%s", "merge keys (<<) are not understood");
    else if (json_object_get(object, key))
        fail_at(r, line, "the key '%.60s' is there twice", key);
    yaml_event_t value;
    if (!next_event(r, &value)) return;
    json_t *v = read_node(r, &value, depth + 1);
    if (v && json_object_set_new(object, key, v) != 0) fail_at(r, line, "%s", "a key is not valid UTF-8");
    yaml_event_delete(&value);
}

/* Reads the members up to the end of a mapping. */
static json_t *read_mapping(struct reader *r, int depth)
{
    json_t *object = json_object();
    if (!object) return no_memory(r);
    yaml_event_t e;
    bool end = false;
    while (!end && next_event(r, &e)) {
        end = e.type == YAML_MAPPING_END_EVENT;
        if (!end) read_member(r, object, &e, depth);
        yaml_event_delete(&e);
    }
    if (!r->status) return object;
    json_decref(object);
    return NULL;
}

/* Reads the value that begins with event e, at this depth (1: the document's). Returns it owned, or NULL after
 * failing r. */
static json_t *read_node(struct reader *r, const yaml_event_t *e, int depth)
{
    size_t line = e->start_mark.line;
    if (++r->n_nodes > SL_YAML_MAX_NODES) return fail_at(r, line, "%s", "more values than are allowed");
    if (depth > SL_YAML_MAX_DEPTH) return fail_at(r, line, "%s", "nested too deeply");
    const yaml_char_t *anchor = NULL, *tag = NULL;
    json_t *v;
    if (e->type == YAML_ALIAS_EVENT) return read_alias(r, e, depth);
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        v = read_scalar(r, e);
    } else {
        bool sequence = e->type == YAML_SEQUENCE_START_EVENT;
        anchor = sequence ? e->data.sequence_start.anchor : e->data.mapping_start.anchor;
        tag = sequence ? e->data.sequence_start.tag : e->data.mapping_start.tag;
        if (tag) return fail_at(r, line, "tags are not understood: %.60s", (const char *)tag);
        v = sequence ? read_sequence(r, depth) : read_mapping(r, depth);
    }
    if (v && anchor && json_object_set(r->anchors, (const char *)anchor, v) != 0) {
        json_decref(v);
        return no_memory(r);
    }
    return v;
}

/* Reads the stream: one document or none. */
static json_t *read_stream(struct reader *r)
{
    json_t *v = NULL;
    yaml_event_t e;
    bool end = false, seen = false;
    while (!end && next_event(r, &e)) {
        end = e.type == YAML_STREAM_END_EVENT;
        if (e.type == YAML_DOCUMENT_START_EVENT) {
            if (seen) fail_at(r, e.start_mark.line, "%s", "more than one document");
            seen = true;
        } else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_END_EVENT && !end) {
            v = read_node(r, &e, 1);
        }
        yaml_event_delete(&e);
    }
    return v || r->status ? v : json_null();
}

sl_status sl_yaml_parse(const char *text, size_t n, const char *name, json_t **out, sl_error *err)
{
    *out = NULL;
    struct reader r = {.name = name, .err = err, .anchors = json_object()};
    if (n > SL_YAML_MAX_BYTES) {
        json_decref(r.anchors);
        return sl_fail(err, SL_ERR_FORMAT, "%s: longer than %d bytes", name, SL_YAML_MAX_BYTES);
    }
    if (!r.anchors || !yaml_parser_initialize(&r.parser)) {
        json_decref(r.anchors);
        return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for YAML", name);
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    json_t *v = read_stream(&r);
    yaml_parser_delete(&r.parser);
    json_decref(r.anchors);
    /* An anchored value is shared with the table of anchors only, which is gone. */
    if (r.status) json_decref(v);
    *out = r.status ? NULL : v;
    return r.status;
}

sl_status sl_yaml_load(const char *path, json_t **out, sl_error *err)
{
    *out = NULL;
    struct sl_buf text = SL_BUF_INIT(SL_YAML_MAX_BYTES);
    sl_status status = sl_file_read(path, &text, err);
    if (!status) status = sl_yaml_parse(sl_buf_str(&text), text.len, path, out, err);
    sl_buf_release(&text);
    return status;
}

/* Returns the value of the key of n bytes in node, made as an empty object when node is an object without it; NULL when
 * there can be none. */
static json_t *descend(json_t *node, const char *key, size_t n)
{
    if (json_is_array(node)) {
        char *end;
        unsigned long i = strtoul(key, &end, 10);
        return n && end == key + n ? json_array_get(node, i) : NULL;
    }
    char name[256];
    if (!json_is_object(node) || n == 0 || n >= sizeof name) return NULL;
    memcpy(name, key, n);
    name[n] = '\0';
    json_t *v = json_object_get(node, name);
    if (v && !json_is_null(v)) return v;
    return json_object_set_new(node, name, json_object()) == 0 ? json_object_get(node, name) : NULL;
}

static sl_status set_last(json_t *node, const char *key, size_t n, json_t *value)
{
    char name[256];
    if (n == 0 || n >= sizeof name) return SL_ERR_ARGUMENT;
    memcpy(name, key, n);
    name[n] = '\0';
    if (json_is_object(node)) return json_object_set(node, name, value) ? SL_ERR_ARGUMENT : SL_OK;
    char *end;
    unsigned long i = strtoul(name, &end, 10);
    if (!json_is_array(node) || *end || i >= json_array_size(node)) return SL_ERR_ARGUMENT;
    return json_array_set(node, i, value) ? SL_ERR_ARGUMENT : SL_OK;
}

sl_status sl_yaml_set(json_t *root, const char *assignment, sl_error *err)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment) return sl_fail(err, SL_ERR_ARGUMENT, "'%s' is not KEY=VALUE", assignment);
    json_t *value;
    sl_status s = sl_yaml_parse(equals + 1, strlen(equals + 1), assignment, &value, err);
    if (s) return s;
    json_t *node = root;
    const char *key = assignment;
    for (const char *dot; node && (dot = memchr(key, '.', (size_t)(equals - key))); key = dot + 1)
        node = descend(node, key, (size_t)(dot - key));
    s = node ? set_last(node, key, (size_t)(equals - key), value) : SL_ERR_ARGUMENT;
    json_decref(value);
    return s ? sl_fail(err, s, "'%s': there is no such place", assignment) : SL_OK;
}
