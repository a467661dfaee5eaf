/*
 * json.c: limits, error messages and number formatting around jansson.
 */
#include "base/json.h"

#include "base/file.h"
#include "base/nearest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Nesting is counted before parsing, because jansson's own limit of 2048 is fixed and its parser recurses. Brackets
 * in strings do not count; text that is not JSON may be counted wrongly, and fails in the parser.
 */
static bool too_deep(const char *text, size_t n, int max_depth)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') i++;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth) return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

sl_status sl_json_parse(const char *text, size_t n, int max_depth, json_t **out, sl_error *err)
{
    *out = NULL;
    if (too_deep(text, n, max_depth))
        return sl_fail(err, SL_ERR_FORMAT, "JSON nested deeper than %d levels", max_depth);
    json_error_t why;
    *out = json_loadb(n ? text : "", n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (*out) return SL_OK;
    if (json_error_code(&why) == json_error_out_of_memory) return sl_fail(err, SL_ERR_MEMORY, "no memory for JSON");
    return sl_fail(err, SL_ERR_FORMAT, "bad JSON at line %d, column %d: %s", why.line, why.column, why.text);
}

sl_status sl_json_load(const char *path, size_t max_bytes, int max_depth, json_t **out, sl_error *err)
{
    *out = NULL;
    struct sl_buf text = SL_BUF_INIT(max_bytes);
    sl_status status = sl_file_read(path, &text, err);
    if (!status) {
        status = sl_json_parse(sl_buf_str(&text), text.len, max_depth, out, err);
        if (status) sl_fail_context(err, status, "%s", path);
    }
    sl_buf_release(&text);
    return status;
}

/* Returns how many bytes of s to show: all, or up to a character's end at or before byte 40. */
static int shown_length(const char *s, size_t n)
{
    if (n <= 40) return (int)n;
    n = 40;
    while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) n--;
    return (int)n;
}

/* Says what value is, for a message; may use out. */
static const char *describe(const json_t *value, char *out, size_t size)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING: {
        size_t n = json_string_length(value);
        int shown = shown_length(json_string_value(value), n);
        snprintf(out, size, "the string \"%.*s%s\"", shown, json_string_value(value), n > (size_t)shown ? "..." : "");
        return out;
    }
    case JSON_INTEGER:
        snprintf(out, size, "%lld", (long long)json_integer_value(value));
        return out;
    case JSON_REAL:
        snprintf(out, size, "%g", json_real_value(value));
        return out;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static void fail_type(struct sl_json_object *o, const char *key, const char *expected, const json_t *found)
{
    char what[64];
    sl_json_fail(o, key, "expected %s, found %s", expected, describe(found, what, sizeof what));
}

/* Returns the value of key, or NULL after failing o because it is missing. */
static const json_t *need(struct sl_json_object *o, const char *key)
{
    if (o->status) return NULL;
    const json_t *value = json_object_get(o->value, key);
    if (!value) sl_json_fail(o, key, "missing");
    return value;
}

void sl_json_open(struct sl_json_object *o, const json_t *value, sl_error *err)
{
    *o = (struct sl_json_object){.value = value, .err = err};
    char what[64];
    if (!json_is_object(value)) {
        o->status = sl_fail(err, SL_ERR_FORMAT, "expected a JSON object, found %s", describe(value, what, sizeof what));
        o->value = NULL;
    }
}

bool sl_json_has(const struct sl_json_object *o, const char *key)
{
    const json_t *value = json_object_get(o->value, key);
    return value && !json_is_null(value);
}

void sl_json_get_int(struct sl_json_object *o, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const json_t *value = need(o, key);
    if (!value) return;
    if (!json_is_integer(value)) {
        fail_type(o, key, "an integer", value);
        return;
    }
    int64_t x = json_integer_value(value);
    if (x < min || x > max) {
        sl_json_fail(o, key, "%lld is outside %lld to %lld", (long long)x, (long long)min, (long long)max);
        return;
    }
    *out = x;
}

void sl_json_get_number(struct sl_json_object *o, const char *key, double *out)
{
    const json_t *value = need(o, key);
    if (!value) return;
    if (json_is_number(value)) {
        *out = json_number_value(value);
    } else {
        fail_type(o, key, "a number", value);
    }
}

void sl_json_get_bool(struct sl_json_object *o, const char *key, bool *out)
{
    const json_t *value = need(o, key);
    if (!value) return;
    if (json_is_boolean(value)) {
        *out = json_is_true(value);
    } else {
        fail_type(o, key, "true or false", value);
    }
}

void sl_json_get_string(struct sl_json_object *o, const char *key, const char **out)
{
    const json_t *value = need(o, key);
    if (!value) return;
    if (json_is_string(value)) {
        *out = json_string_value(value);
    } else {
        fail_type(o, key, "a string", value);
    }
}

void sl_json_get_array(struct sl_json_object *o, const char *key, const json_t **out)
{
    const json_t *value = need(o, key);
    if (!value) return;
    if (json_is_array(value)) {
        *out = value;
    } else {
        fail_type(o, key, "an array", value);
    }
}

void sl_json_get_object(struct sl_json_object *o, const char *key, struct sl_json_object *out)
{
    const json_t *value = need(o, key);
    if (value && !json_is_object(value)) fail_type(o, key, "an object", value);
    *out = (struct sl_json_object){.value = o->status ? NULL : value, .err = o->err, .status = o->status};
    /* A path too long for its place is cut: it serves messages only. */
    int n = snprintf(out->path, sizeof out->path, "%s%s.", o->path, key);
    if (n < 0) out->path[0] = '\0';
}

void sl_json_known_keys(struct sl_json_object *o, const char *const *names, int n)
{
    if (o->status) return;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o->value, key, value)
    {
        bool found = false;
        for (int i = 0; i < n && !found; i++) found = strcmp(key, names[i]) == 0;
        if (found) continue;
        int near = sl_nearest_name(key, names, n, sizeof *names);
        if (near < 0) sl_json_fail(o, key, "no such key");
        if (near >= 0) sl_json_fail(o, key, "no such key; did you mean '%s'?", names[near]);
        return;
    }
}

void sl_json_fail(struct sl_json_object *o, const char *key, const char *fmt, ...)
{
    if (o->status) return;
    char reason[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, sizeof reason, fmt, ap);
    va_end(ap);
    o->status = sl_fail(o->err, SL_ERR_FORMAT, "%s%s: %s", o->path, key, reason);
    o->value = NULL;
}

json_t *sl_json_float(float x)
{
    if (!isfinite(x)) return NULL;
    char text[32];
    /* Nine significant digits tell any two floats apart. */
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if ((float)strtod(text, NULL) == x) break;
    }
    return json_real(strtod(text, NULL));
}

static int append(const char *text, size_t n, void *out)
{
    sl_buf_add(out, text, n);
    return sl_buf_ok(out) ? 0 : -1;
}

sl_status sl_json_dump(const json_t *value, int indent, struct sl_buf *out, sl_error *err)
{
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
    flags |= indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT;
    if (!value || json_dump_callback(value, append, out, flags) != 0)
        return sl_fail(err, SL_ERR_MEMORY, "no memory to write JSON");
    return SL_OK;
}
