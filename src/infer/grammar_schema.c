/*
 * grammar_schema.c: JSON Schema, written into the automaton.
 *
 * Every schema becomes a part between two states. What a schema refers to becomes a rule that is called, so it may
 * refer to itself. Objects are written with their properties in the order of the schema. Keywords that would be
 * constraints and are not understood are errors: an answer that breaks its schema is worse than no answer.
 */
#include "base/json.h"
#include "base/mem.h"
#include "infer/grammar_number.h"
#include "infer/grammar_parts.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 48, MAX_RULES = 4096, MAX_ITEMS = 4096, MAX_LENGTH = 8192, INDENT = 16 };

/* A schema that is a rule, because something refers to it. */
struct rule {
    const json_t *schema; /* NULL: any value */
    int32_t number;
};

struct schema {
    sl_nfa *a;
    const json_t *root;
    struct rule *rules; /* owned */
    size_t n_rules, n_written, cap_rules;
    char path[512]; /* of the schema being written, for messages */
    size_t path_len;
    int depth;
    sl_status status;
    sl_error *err;
};

static int path_width(const struct schema *c)
{
    return c->path_len ? (int)c->path_len : 1;
}

static const char *path_text(const struct schema *c)
{
    return c->path_len ? c->path : "/";
}

static void fail(struct schema *c, const char *what, const char *why)
{
    if (c->status != SL_OK) return;
    c->status = sl_fail(c->err, SL_ERR_ARGUMENT, "schema %.*s: %.60s%s%s", path_width(c), path_text(c), what,
                        *what ? " " : "", why);
}

/* Appends "/key" to the path; returns the length to go back to. */
static size_t enter(struct schema *c, const char *key)
{
    size_t before = c->path_len, n = strlen(key);
    if (before + n + 2 < sizeof c->path) {
        c->path[c->path_len++] = '/';
        memcpy(c->path + c->path_len, key, n + 1);
        c->path_len += n;
    }
    return before;
}

static void leave(struct schema *c, size_t before)
{
    c->path_len = before;
}

static void write_schema(struct schema *c, const json_t *schema, int32_t from, int32_t to);

/* --- small parts ------------------------------------------------------------------------------------------------ */

/* Between tokens of JSON: nothing, a space, or a line break and some spaces. */
static void write_space(sl_nfa *a, int32_t from, int32_t to)
{
    int32_t at = sl_nfa_state(a);
    sl_nfa_empty(a, from, to);
    sl_nfa_bytes(a, from, ' ', ' ', to);
    sl_nfa_bytes(a, from, '\n', '\n', at);
    for (int i = 0; i < INDENT; i++) {
        int32_t next = sl_nfa_state(a);
        sl_nfa_empty(a, at, to);
        sl_nfa_bytes(a, at, ' ', ' ', next);
        at = next;
    }
    sl_nfa_empty(a, at, to);
}

static int32_t after_text(sl_nfa *a, int32_t from, const char *text)
{
    int32_t to = sl_nfa_state(a);
    sl_nfa_text(a, from, text, strlen(text), to);
    return to;
}

static int32_t after_space(sl_nfa *a, int32_t from)
{
    int32_t to = sl_nfa_state(a);
    write_space(a, from, to);
    return to;
}

/* One character of a JSON string, however it may be written: raw, or as one of the escapes. */
static void write_character(sl_nfa *a, int32_t from, int32_t to)
{
    static const sl_code_range raw[] = {{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0x10ffff}};
    sl_nfa_characters(a, from, raw, 3, to);
    int32_t escape = after_text(a, from, "\\"), u = after_text(a, escape, "u"), hex[3];
    for (const char *e = "\"\\/bfnrt"; *e; e++) sl_nfa_bytes(a, escape, (uint8_t)*e, (uint8_t)*e, to);
    for (int i = 0; i < 3; i++) hex[i] = sl_nfa_state(a);
    static const char ranges[][2] = {{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}};
    for (size_t i = 0; i < 5; i++) sl_nfa_bytes(a, u, (uint8_t)ranges[i][0], (uint8_t)ranges[i][1], hex[0]);
    /* d800 to dfff are halves of a pair; d000 to d7ff are characters */
    int32_t d = sl_nfa_state(a);
    sl_nfa_bytes(a, u, 'd', 'd', d);
    sl_nfa_bytes(a, u, 'D', 'D', d);
    sl_nfa_bytes(a, d, '0', '7', hex[1]);
    for (int i = 0; i < 3; i++) {
        int32_t next = i < 2 ? hex[i + 1] : to;
        sl_nfa_bytes(a, hex[i], '0', '9', next);
        sl_nfa_bytes(a, hex[i], 'a', 'f', next);
        sl_nfa_bytes(a, hex[i], 'A', 'F', next);
    }
}

/* A value's text as jansson writes it, on one line. */
static void write_literal(struct schema *c, const json_t *value, int32_t from, int32_t to)
{
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 20);
    if (sl_json_dump(value, 0, &text, NULL) == SL_OK)
        sl_nfa_text(c->a, from, sl_buf_str(&text), text.len, to);
    else
        fail(c, "", "a value that is too large");
    sl_buf_release(&text);
}

static int32_t rule_for(struct schema *c, const json_t *schema)
{
    for (size_t i = 0; i < c->n_rules; i++)
        if (c->rules[i].schema == schema) return c->rules[i].number;
    if (!sl_grow_array((void **)&c->rules, &c->cap_rules, c->n_rules + 1, sizeof *c->rules, MAX_RULES)) {
        fail(c, "", "too many references");
        return 0;
    }
    int32_t number = sl_nfa_rule_new(c->a);
    c->rules[c->n_rules++] = (struct rule){schema, number};
    return number;
}

static void write_any(struct schema *c, int32_t from, int32_t to)
{
    sl_nfa_call(c->a, from, rule_for(c, NULL), to);
}

/* --- strings ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *pattern;
} formats[] = {
    {"date", "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$"},
    {"time", "^([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)$"},
    {"date-time", "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+"
                  "-]([01]\\d|2[0-3])"
                  ":[0-5]\\d)$"},
    {"duration", "^P(\\d+W|(\\d+Y)?(\\d+M)?(\\d+D)?(T(\\d+H)?(\\d+M)?(\\d+S)?)?)$"},
    {"email", "^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63}){1,8}$"},
    {"hostname", "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,8}$"},
    {"ipv4", "^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)$"},
    {"ipv6", "^([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}$"},
    {"uuid", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"},
    {"uri", "^[a-zA-Z][a-zA-Z0-9+.-]*:[!-\\[\\]-~]*$"},
};

/* Reads a non-negative integer keyword of at most `most` into *out, if it is there. */
static bool get_count(struct schema *c, const json_t *schema, const char *key, int most, int *out)
{
    const json_t *v = json_object_get(schema, key);
    if (!v) return false;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        fail(c, key, "is not a count");
    else if (json_integer_value(v) > most)
        fail(c, key, "is larger than is supported");
    else
        *out = (int)json_integer_value(v);
    return true;
}

static void write_characters(struct schema *c, int min, int max, int32_t from, int32_t to)
{
    for (int i = 0; i < min && sl_nfa_ok(c->a); i++) {
        int32_t next = sl_nfa_state(c->a);
        write_character(c->a, from, next);
        from = next;
    }
    if (max < 0) {
        int32_t loop = sl_nfa_state(c->a);
        sl_nfa_empty(c->a, from, loop);
        write_character(c->a, loop, loop);
        sl_nfa_empty(c->a, loop, to);
        return;
    }
    for (int i = min; i < max && sl_nfa_ok(c->a); i++) {
        int32_t next = sl_nfa_state(c->a);
        sl_nfa_empty(c->a, from, to);
        write_character(c->a, from, next);
        from = next;
    }
    sl_nfa_empty(c->a, from, to);
}

static void write_pattern(struct schema *c, const char *pattern, int32_t from, int32_t to)
{
    if (c->status != SL_OK) return;
    c->status = sl_regex_compile(c->a, pattern, strlen(pattern), SL_REGEX_JSON_SEARCH, from, to, c->err);
    if (c->status != SL_OK) sl_fail_context(c->err, c->status, "schema %.*s", path_width(c), path_text(c));
}

static void write_string(struct schema *c, const json_t *schema, int32_t from, int32_t to)
{
    int min = 0, max = -1;
    bool length =
        get_count(c, schema, "minLength", MAX_LENGTH, &min) | get_count(c, schema, "maxLength", MAX_LENGTH, &max);
    const json_t *pattern = json_object_get(schema, "pattern"), *format = json_object_get(schema, "format");
    int32_t open = after_text(c->a, from, "\""), close = sl_nfa_state(c->a);
    sl_nfa_bytes(c->a, close, '"', '"', to);
    const char *text = pattern ? json_string_value(pattern) : NULL;
    for (size_t i = 0; format && !text && i < sizeof formats / sizeof *formats; i++)
        if (json_is_string(format) && strcmp(json_string_value(format), formats[i].name) == 0)
            text = formats[i].pattern;
    if (pattern && !text) fail(c, "pattern", "is not a string");
    if (pattern && format) fail(c, "pattern", "together with format is not supported");
    if (format && !text) fail(c, "format", "is not one that is supported");
    if (text && length) fail(c, pattern ? "pattern" : "format", "together with a length is not supported");
    if (max >= 0 && max < min) fail(c, "maxLength", "is less than minLength");
    if (text)
        write_pattern(c, text, open, close);
    else
        write_characters(c, min, max, open, close);
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

static void write_number(struct schema *c, const json_t *schema, bool integer, int32_t from, int32_t to)
{
    struct sl_number_range r = {.integer = integer, .low = INT64_MIN, .high = INT64_MAX};
    const char *why = sl_number_range_read(schema, &r);
    if (why)
        fail(c, integer ? "integer" : "number", why);
    else
        sl_number_write(c->a, &r, from, to);
}

/* --- arrays ----------------------------------------------------------------------------------------------------- */

static void write_item(struct schema *c, const json_t *items, int32_t from, int32_t to)
{
    if (items)
        write_schema(c, items, from, to);
    else
        write_any(c, from, to);
}

static void write_array(struct schema *c, const json_t *schema, int32_t from, int32_t to)
{
    const json_t *items = json_object_get(schema, "items");
    int min = 0, max = -1;
    get_count(c, schema, "minItems", MAX_ITEMS, &min);
    get_count(c, schema, "maxItems", MAX_ITEMS, &max);
    if (max >= 0 && max < min) fail(c, "maxItems", "is less than minItems");
    if (items && !json_is_object(items) && !json_is_boolean(items)) fail(c, "items", "is not a schema");
    size_t before = enter(c, "items");
    int32_t open = after_text(c->a, from, "["), close = sl_nfa_state(c->a), at = after_space(c->a, open);
    sl_nfa_bytes(c->a, close, ']', ']', to);
    if (min == 0) sl_nfa_empty(c->a, at, close);
    int copies = max >= 0 ? max : min ? min : 1;
    for (int i = 0; i < copies && c->status == SL_OK && sl_nfa_ok(c->a); i++) {
        if (i) at = after_space(c->a, after_text(c->a, at, ","));
        int32_t begin = sl_nfa_state(c->a), end = sl_nfa_state(c->a), after = sl_nfa_state(c->a);
        sl_nfa_empty(c->a, at, begin);
        write_item(c, items, begin, end);
        write_space(c->a, end, after);
        if (i + 1 >= min) sl_nfa_empty(c->a, after, close);
        if (max < 0 && i + 1 == copies) sl_nfa_empty(c->a, after_space(c->a, after_text(c->a, end, ",")), begin);
        at = end;
    }
    leave(c, before);
}

/* --- objects ---------------------------------------------------------------------------------------------------- */

/*
 * The characters of a key that is none of the properties: along the tree of their names, leaving it anywhere, or ending
 * where no name does. Escapes come only where the key already differs, so that none can spell a name.
 */
static void write_other_key(struct schema *c, const json_t *properties, int32_t from, int32_t to)
{
    struct {
        int32_t state;
        const char *prefix;
        size_t n;
    } *nodes = NULL;
    size_t n_nodes = 0, cap = 0;
    int32_t rest = sl_nfa_state(c->a);
    const char *key;
    json_t *value;
    write_character(c->a, rest, rest);
    sl_nfa_empty(c->a, rest, to);
    json_object_foreach((json_t *)properties, key, value)
    {
        for (size_t i = 0; i <= strlen(key) && c->status == SL_OK; i++) {
            size_t k = 0;
            while (k < n_nodes && !(nodes[k].n == i && memcmp(nodes[k].prefix, key, i) == 0)) k++;
            if (k < n_nodes) continue;
            if ((unsigned char)key[i] >= 0x80 ||
                !sl_grow_array((void **)&nodes, &cap, n_nodes + 1, sizeof *nodes, MAX_ITEMS)) {
                fail(c, "properties", "with names beyond ASCII, or too many, beside additionalProperties");
                break;
            }
            nodes[n_nodes].state = i ? sl_nfa_state(c->a) : from;
            nodes[n_nodes].prefix = key;
            nodes[n_nodes++].n = i;
        }
    }
    for (size_t k = 0; k < n_nodes; k++) {
        bool name = false, next[128] = {false};
        json_object_foreach((json_t *)properties, key, value)
        {
            size_t n = strlen(key);
            if (n < nodes[k].n || memcmp(key, nodes[k].prefix, nodes[k].n) != 0) continue;
            if (n == nodes[k].n)
                name = true;
            else
                next[(unsigned char)key[nodes[k].n] & 127] = true;
        }
        if (!name) sl_nfa_empty(c->a, nodes[k].state, to);
        for (uint32_t b = 0x20; b < 0x80; b++) {
            if (b == '"' || b == '\\') continue;
            int32_t target = rest;
            for (size_t j = 0; next[b] && j < n_nodes; j++)
                if (nodes[j].n == nodes[k].n + 1 && memcmp(nodes[j].prefix, nodes[k].prefix, nodes[k].n) == 0 &&
                    (uint32_t)(unsigned char)nodes[j].prefix[nodes[k].n] == b)
                    target = nodes[j].state;
            sl_nfa_bytes(c->a, nodes[k].state, (uint8_t)b, (uint8_t)b, target);
        }
        static const sl_code_range beyond = {0x80, 0x10ffff};
        sl_nfa_characters(c->a, nodes[k].state, &beyond, 1, rest);
    }
    if (!n_nodes) sl_nfa_empty(c->a, from, rest);
    free(nodes);
}

/* `"key": ` and the value, between two states. */
static void write_property(struct schema *c, const char *key, const json_t *schema, int32_t from, int32_t to)
{
    json_t *name = json_string(key);
    int32_t at = sl_nfa_state(c->a);
    size_t before = enter(c, key);
    write_literal(c, name, from, at);
    json_decref(name);
    write_schema(c, schema, after_space(c->a, after_text(c->a, at, ":")), to);
    leave(c, before);
}

static bool is_required(const json_t *required, const char *key)
{
    size_t i;
    json_t *v;
    json_array_foreach((json_t *)required, i,
                       v) if (json_is_string(v) && strcmp(json_string_value(v), key) == 0) return true;
    return false;
}

/* Members beyond the properties, from after the last of them. first: the object has no member yet there. */
static void write_others(struct schema *c, const json_t *schema, const json_t *others, int32_t first, int32_t later,
                         int32_t close)
{
    const json_t *properties = json_object_get(schema, "properties");
    int32_t member = sl_nfa_state(c->a), key = sl_nfa_state(c->a), end = sl_nfa_state(c->a);
    sl_nfa_empty(c->a, first, member);
    sl_nfa_empty(c->a, after_space(c->a, after_text(c->a, later, ",")), member);
    sl_nfa_bytes(c->a, member, '"', '"', key);
    int32_t named = sl_nfa_state(c->a);
    write_other_key(c, properties, key, named);
    int32_t value = after_space(c->a, after_text(c->a, named, "\":"));
    if (json_is_object(others))
        write_schema(c, others, value, end);
    else
        write_any(c, value, end);
    sl_nfa_empty(c->a, end, later);
    write_space(c->a, later, close);
}

/*
 * Properties in order: at each stand two states, `first` while the object has no member yet and `later` when a comma
 * comes before the next. An optional property may be passed over. Each property's part is written once.
 */
static void write_object(struct schema *c, const json_t *schema, int32_t from, int32_t to)
{
    const json_t *properties = json_object_get(schema, "properties"), *required = json_object_get(schema, "required");
    const json_t *others = json_object_get(schema, "additionalProperties");
    int32_t first = after_space(c->a, after_text(c->a, from, "{")), later = sl_nfa_state(c->a);
    int32_t close = sl_nfa_state(c->a);
    const char *key;
    json_t *value;
    size_t i;
    if (properties && !json_is_object(properties)) fail(c, "properties", "is not an object");
    if (required && !json_is_array(required)) fail(c, "required", "is not an array");
    json_array_foreach((json_t *)required, i,
                       value) if (!json_is_string(value) || !json_object_get(properties, json_string_value(value)))
        fail(c, "required", "names what is no property");
    size_t before = enter(c, "properties");
    json_object_foreach((json_t *)properties, key, value)
    {
        if (c->status != SL_OK || !sl_nfa_ok(c->a)) break;
        int32_t next_first = sl_nfa_state(c->a), next_later = sl_nfa_state(c->a), begin = sl_nfa_state(c->a);
        sl_nfa_empty(c->a, first, begin);
        sl_nfa_empty(c->a, after_space(c->a, after_text(c->a, later, ",")), begin);
        write_property(c, key, value, begin, next_later);
        if (!is_required(required, key)) {
            sl_nfa_empty(c->a, first, next_first);
            sl_nfa_empty(c->a, later, next_later);
        }
        first = next_first;
        later = next_later;
    }
    leave(c, before);
    bool open = others ? !json_is_false(others) : json_object_size(properties) == 0;
    sl_nfa_empty(c->a, first, close);
    write_space(c->a, later, close);
    if (open) write_others(c, schema, others, first, later, close);
    sl_nfa_bytes(c->a, close, '}', '}', to);
}

/* --- schemas ---------------------------------------------------------------------------------------------------- */

/* Follows "#/a/b/0", with ~0 and ~1 for ~ and / in names; NULL when it leads nowhere. */
static const json_t *resolve(const json_t *root, const char *ref)
{
    if (*ref++ != '#') return NULL;
    while (root && *ref == '/') {
        char name[256];
        size_t n = 0;
        for (ref++; *ref && *ref != '/' && n + 1 < sizeof name; ref++)
            if (ref[0] == '~' && (ref[1] == '0' || ref[1] == '1'))
                name[n++] = *++ref == '0' ? '~' : '/';
            else
                name[n++] = *ref;
        name[n] = '\0';
        root =
            json_is_array(root) ? json_array_get(root, (size_t)strtoul(name, NULL, 10)) : json_object_get(root, name);
    }
    return *ref ? NULL : root;
}

static void write_reference(struct schema *c, const json_t *ref, int32_t from, int32_t to)
{
    const json_t *target = json_is_string(ref) ? resolve(c->root, json_string_value(ref)) : NULL;
    if (!target)
        fail(c, "$ref", "leads nowhere in this schema");
    else
        sl_nfa_call(c->a, from, rule_for(c, target), to);
}

static void write_type(struct schema *c, const char *type, const json_t *schema, int32_t from, int32_t to)
{
    if (strcmp(type, "string") == 0)
        write_string(c, schema, from, to);
    else if (strcmp(type, "number") == 0 || strcmp(type, "integer") == 0)
        write_number(c, schema, type[0] == 'i', from, to);
    else if (strcmp(type, "object") == 0)
        write_object(c, schema, from, to);
    else if (strcmp(type, "array") == 0)
        write_array(c, schema, from, to);
    else if (strcmp(type, "null") == 0)
        sl_nfa_text(c->a, from, "null", 4, to);
    else if (strcmp(type, "boolean") == 0) {
        sl_nfa_text(c->a, from, "true", 4, to);
        sl_nfa_text(c->a, from, "false", 5, to);
    } else
        fail(c, type, "is no type");
}

static void write_all_of(struct schema *c, const char *key, const json_t *list, bool one, int32_t from, int32_t to)
{
    size_t i;
    json_t *v;
    if (!json_is_array(list) || json_array_size(list) == 0 || (one && json_array_size(list) > 1)) {
        fail(c, key, one ? "with more than one schema is not supported" : "is not a list of schemas");
        return;
    }
    size_t before = enter(c, key);
    json_array_foreach((json_t *)list, i, v) write_schema(c, v, from, to);
    leave(c, before);
}

/* What every keyword is: a note that constrains nothing, or the kind of schema that it belongs to. */
static const struct {
    const char *name, *kind;
} keywords[] = {
    {"title", ""},
    {"description", ""},
    {"default", ""},
    {"examples", ""},
    {"$schema", ""},
    {"$id", ""},
    {"$defs", ""},
    {"definitions", ""},
    {"$comment", ""},
    {"deprecated", ""},
    {"readOnly", ""},
    {"writeOnly", ""},
    {"strict", ""},
    {"type", "type"},
    {"$ref", "$ref"},
    {"const", "const"},
    {"enum", "enum"},
    {"anyOf", "anyOf"},
    {"oneOf", "oneOf"},
    {"allOf", "allOf"},
    {"properties", "object"},
    {"required", "object"},
    {"additionalProperties", "object"},
    {"items", "array"},
    {"minItems", "array"},
    {"maxItems", "array"},
    {"minLength", "string"},
    {"maxLength", "string"},
    {"pattern", "string"},
    {"format", "string"},
    {"minimum", "number"},
    {"maximum", "number"},
    {"exclusiveMinimum", "number"},
    {"exclusiveMaximum", "number"},
    {"multipleOf", "number"},
};

/* Finds what a schema without "type" is about, and refuses what is not understood. NULL: anything. */
static const char *kind_of(struct schema *c, const json_t *schema)
{
    static const char *const alone[] = {"$ref", "const", "enum", "anyOf", "oneOf", "allOf"};
    const char *kind = NULL, *key;
    json_t *value;
    json_object_foreach((json_t *)schema, key, value)
    {
        size_t i = 0, n = sizeof keywords / sizeof *keywords;
        while (i < n && strcmp(keywords[i].name, key) != 0) i++;
        if (i == n)
            fail(c, key, "is not supported");
        else if (*keywords[i].kind && (!kind || strcmp(keywords[i].kind, "type") == 0))
            kind = keywords[i].kind;
    }
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (json_object_get(schema, alone[i])) return alone[i];
    return kind;
}

static void write_kind(struct schema *c, const char *kind, const json_t *schema, int32_t from, int32_t to)
{
    const json_t *v = json_object_get(schema, kind);
    size_t i;
    json_t *item;
    if (strcmp(kind, "$ref") == 0)
        write_reference(c, v, from, to);
    else if (strcmp(kind, "const") == 0)
        write_literal(c, v, from, to);
    else if (strcmp(kind, "allOf") == 0)
        write_all_of(c, kind, v, true, from, to);
    else if (strcmp(kind, "anyOf") == 0 || strcmp(kind, "oneOf") == 0)
        write_all_of(c, kind, v, false, from, to);
    else if (strcmp(kind, "enum") == 0) {
        if (!json_is_array(v)) fail(c, "enum", "is not a list");
        json_array_foreach((json_t *)v, i, item) write_literal(c, item, from, to);
    } else if (strcmp(kind, "type") == 0 && json_is_array(v)) {
        json_array_foreach((json_t *)v, i, item)
            write_type(c, json_is_string(item) ? json_string_value(item) : "?", schema, from, to);
    } else if (strcmp(kind, "type") == 0)
        write_type(c, json_is_string(v) ? json_string_value(v) : "?", schema, from, to);
    else
        write_type(c, kind, schema, from, to);
}

/* A schema that names alternatives and also constrains itself would need both at once. */
static void check_alone(struct schema *c, const char *kind, const json_t *schema)
{
    const char *key;
    json_t *value;
    if (strcmp(kind, "anyOf") != 0 && strcmp(kind, "oneOf") != 0 && strcmp(kind, "allOf") != 0 &&
        strcmp(kind, "$ref") != 0)
        return;
    json_object_foreach((json_t *)schema, key, value)
    {
        for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
            if (strcmp(keywords[i].name, key) == 0 && *keywords[i].kind && strcmp(key, kind) != 0 &&
                strcmp(key, "type") != 0)
                fail(c, key, "beside anyOf, oneOf, allOf or $ref is not supported");
    }
}

static void write_schema(struct schema *c, const json_t *schema, int32_t from, int32_t to)
{
    if (c->status != SL_OK || !sl_nfa_ok(c->a) || json_is_false(schema)) return;
    if (json_is_true(schema)) {
        write_any(c, from, to);
        return;
    }
    if (!json_is_object(schema)) fail(c, "", "not a schema");
    if (++c->depth > MAX_DEPTH) fail(c, "", "nested too deep");
    const char *kind = c->status == SL_OK ? kind_of(c, schema) : NULL;
    if (c->status == SL_OK && kind) {
        check_alone(c, kind, schema);
        if (c->status == SL_OK) write_kind(c, kind, schema, from, to);
    } else if (c->status == SL_OK) {
        write_any(c, from, to);
    }
    c->depth--;
}

/* The rule of any value; the values inside call it again. */
static void write_any_rule(struct schema *c, int32_t from, int32_t to)
{
    static const char *const types[] = {"object", "array", "string", "number", "boolean", "null"};
    json_t *empty = json_object();
    for (size_t i = 0; empty && i < sizeof types / sizeof *types; i++) write_type(c, types[i], empty, from, to);
    json_decref(empty);
}

sl_status sl_schema_compile(sl_nfa *a, const json_t *schema, int32_t from, int32_t to, sl_error *err)
{
    struct schema c = {.a = a, .root = schema, .err = err};
    write_schema(&c, schema, from, to);
    while (c.n_written < c.n_rules && c.status == SL_OK && sl_nfa_ok(a)) {
        struct rule r = c.rules[c.n_written++];
        sl_nfa_rule at = a->rules[r.number];
        if (r.schema)
            write_schema(&c, r.schema, at.start, at.end);
        else
            write_any_rule(&c, at.start, at.end);
    }
    if (c.status == SL_OK && !sl_nfa_ok(a)) c.status = sl_fail(err, SL_ERR_MEMORY, "the schema needs too many states");
    free(c.rules);
    return c.status;
}
