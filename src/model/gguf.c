/*
 * gguf.c: mapping and validating GGUF files.
 *
 * Nothing in a file is believed before it is checked: after a successful open every string, array and tensor lies
 * inside its mapping, and names are unique. An open file never changes.
 */
#include "model/gguf.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_VALUES = 1 << 16,
    MAX_TENSORS = 1 << 20,
    MAX_PARTS = 9999, /* as many as their names can count, nearly */
    MAX_KEY = 1 << 12,
    MAX_ALIGNMENT = 1 << 20,
    MIN_VALUE_BYTES = 8 + 4 + 1, /* the shortest pair and description: no count can ask for more memory than these */
    MIN_TENSOR_BYTES = 8 + 4 + 4 + 8,
};

static const size_t MAX_TEXT = (size_t)1 << 28; /* keys, names and string values together */

/* The format's types; dtype SL_N_DTYPES: known, but of no use here. */
static const struct type {
    int number;
    const char *name;
    int block;
    int bytes;
    sl_dtype dtype;
} types[] = {
    {0, "F32", 1, 4, SL_F32},
    {1, "F16", 1, 2, SL_F16},
    {30, "BF16", 1, 2, SL_BF16},
    {8, "Q8_0", 32, 34, SL_Q8_0},
    {2, "Q4_0", 32, 18, SL_Q4_0},
    {3, "Q4_1", 32, 20, SL_Q4_1},
    {6, "Q5_0", 32, 22, SL_Q5_0},
    {7, "Q5_1", 32, 24, SL_Q5_1},
    {12, "Q4_K", 256, 144, SL_Q4_K},
    {13, "Q5_K", 256, 176, SL_Q5_K},
    {14, "Q6_K", 256, 210, SL_Q6_K},
    {20, "IQ4_NL", 32, 18, SL_IQ4_NL},
    {23, "IQ4_XS", 256, 136, SL_IQ4_XS},
    {24, "I8", 1, 1, SL_I8},
    {26, "I32", 1, 4, SL_I32},
    {27, "I64", 1, 8, SL_I64},
    {25, "I16", 1, 2, SL_N_DTYPES},
    {28, "F64", 1, 8, SL_N_DTYPES},
    {9, "Q8_1", 32, 36, SL_N_DTYPES},
    {10, "Q2_K", 256, 84, SL_N_DTYPES},
    {11, "Q3_K", 256, 110, SL_N_DTYPES},
    {15, "Q8_K", 256, 292, SL_N_DTYPES},
    {16, "IQ2_XXS", 256, 66, SL_N_DTYPES},
    {17, "IQ2_XS", 256, 74, SL_N_DTYPES},
    {18, "IQ3_XXS", 256, 98, SL_N_DTYPES},
    {19, "IQ1_S", 256, 50, SL_N_DTYPES},
    {21, "IQ3_S", 256, 110, SL_N_DTYPES},
    {22, "IQ2_S", 256, 82, SL_N_DTYPES},
    {29, "IQ1_M", 256, 56, SL_N_DTYPES},
    {34, "TQ1_0", 256, 54, SL_N_DTYPES},
    {35, "TQ2_0", 256, 66, SL_N_DTYPES},
    {39, "MXFP4", 32, 17, SL_N_DTYPES},
};

/* One part. */
struct part {
    char *path;                /* owned; "" for memory */
    struct sl_mapped_file map; /* owned unless parsed from memory */
    bool mapped;
    struct sl_buf text;               /* names and, in the first part, keys and strings, each with its NUL */
    struct sl_gguf_value *values;     /* owned; keys and strings are set once text is complete */
    struct sl_stored_tensor *tensors; /* owned, in the order of the file */
    size_t n_values, n_tensors;
    size_t *value_text, *name_text; /* owned: offsets of keys and strings, and of names, in text */
    int version;
};

struct sl_gguf {
    struct part *parts; /* owned */
    int n_parts;
    const struct sl_gguf_value **by_key;     /* owned: the first part's values by key */
    const struct sl_stored_tensor **tensors; /* owned: all, part by part */
    const struct sl_stored_tensor **by_name; /* owned: the same by name */
    size_t n_tensors;
};

/* A place in a part's bytes; the first failure goes to err. */
struct cursor {
    const unsigned char *data;
    size_t size, at;
    sl_error *err;
};

int sl_gguf_type_of(sl_dtype dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == dtype && dtype != SL_N_DTYPES) return types[i].number;
    return -1;
}

static void release_part(struct part *p)
{
    if (p->mapped) sl_file_unmap(&p->map);
    sl_buf_release(&p->text);
    free(p->values);
    free(p->tensors);
    free(p->value_text);
    free(p->name_text);
    free(p->path);
}

void sl_gguf_close(sl_gguf **g)
{
    if (!*g) return;
    for (int i = 0; i < (*g)->n_parts; i++) release_part(&(*g)->parts[i]);
    free((*g)->parts);
    free((void *)(*g)->by_key);
    free((void *)(*g)->tensors);
    free((void *)(*g)->by_name);
    free(*g);
    *g = NULL;
}

/* --- bytes ------------------------------------------------------------------------------------------------------ */

static uint64_t little_endian(const unsigned char *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = n; i-- > 0;) x = x << 8 | p[i];
    return x;
}

/* Reads an unsigned number of `bytes` bytes; what names it for the message. */
static bool take(struct cursor *c, size_t bytes, uint64_t *out, const char *what)
{
    if (c->size - c->at < bytes) {
        sl_fail(c->err, SL_ERR_FORMAT, "truncated: the file ends in %s", what);
        return false;
    }
    *out = little_endian(c->data + c->at, bytes);
    c->at += bytes;
    return true;
}

/* Steps over n bytes and says where they are. */
static bool take_bytes(struct cursor *c, uint64_t n, const unsigned char **out, const char *what)
{
    if (n > c->size - c->at) {
        sl_fail(c->err, SL_ERR_FORMAT, "truncated: %" PRIu64 " bytes of %s, but the file has only %zu more", n, what,
                c->size - c->at);
        return false;
    }
    *out = c->data + c->at;
    c->at += (size_t)n;
    return true;
}

/* Reads a string of at most `most` bytes without a NUL into text; *offset is where it stands there. */
static bool take_string(struct cursor *c, struct sl_buf *text, uint64_t most, size_t *offset, const char *what)
{
    uint64_t n;
    const unsigned char *s;
    if (!take(c, 8, &n, what)) return false;
    if (n > most) {
        sl_fail(c->err, SL_ERR_FORMAT, "%s of %" PRIu64 " bytes; at most %" PRIu64 " are accepted", what, n, most);
        return false;
    }
    if (!take_bytes(c, n, &s, what)) return false;
    if (memchr(s, 0, (size_t)n)) {
        sl_fail(c->err, SL_ERR_FORMAT, "%s holds a NUL byte", what);
        return false;
    }
    *offset = text->len;
    sl_buf_add(text, s, (size_t)n);
    sl_buf_addch(text, '\0');
    if (!sl_buf_ok(text)) sl_fail(c->err, SL_ERR_MEMORY, "names and strings of more than %zu bytes", text->ceiling);
    return sl_buf_ok(text);
}

/* --- metadata --------------------------------------------------------------------------------------------------- */

/* Reads an array's header and steps over its elements. */
static bool take_array(struct cursor *c, struct sl_gguf_value *v)
{
    uint64_t element, n, length;
    const unsigned char *skipped;
    if (!take(c, 4, &element, "an array's type") || !take(c, 8, &v->count, "an array's length")) return false;
    if (element >= SL_N_GGUF_KINDS || element == SL_GGUF_ARRAY) {
        sl_fail(c->err, SL_ERR_FORMAT,
                element == SL_GGUF_ARRAY ? "an array of arrays" : "an array of the unknown type %" PRIu64, element);
        return false;
    }
    v->element = (sl_gguf_kind)element;
    v->data = c->data + c->at;
    size_t size = sl_gguf_kind_size((sl_gguf_kind)element), start = c->at;
    if (v->count > (c->size - c->at) / (size ? size : 8)) {
        sl_fail(c->err, SL_ERR_FORMAT,
                "truncated: an array of %" PRIu64 " elements, but the file has only %zu more bytes", v->count,
                c->size - c->at);
        return false;
    }
    if (size) return take_bytes(c, v->count * size, &skipped, "an array") && (v->bytes = c->at - start, true);
    for (n = 0; n < v->count; n++)
        if (!take(c, 8, &length, "an array of strings") || !take_bytes(c, length, &skipped, "a string in an array"))
            return false;
    v->bytes = c->at - start;
    return true;
}

/* Bools are 0 or 1. */
static bool check_bools(const struct cursor *c, const struct sl_gguf_value *v)
{
    if ((v->kind == SL_GGUF_ARRAY ? v->element : v->kind) != SL_GGUF_BOOL) return true;
    for (uint64_t i = 0; i < v->count; i++)
        if (v->data[i] > 1) {
            sl_fail(c->err, SL_ERR_FORMAT, "a bool of %d", v->data[i]);
            return false;
        }
    return true;
}

/* Reads a value behind its key. Strings stay offsets into p->text until that is complete. */
static bool take_value(struct cursor *c, struct part *p, struct sl_gguf_value *v, size_t *string)
{
    uint64_t kind;
    v->count = 1;
    if (!take(c, 4, &kind, "a value's type")) return false;
    if (kind >= SL_N_GGUF_KINDS) {
        sl_fail(c->err, SL_ERR_FORMAT, "unknown type %" PRIu64, kind);
        return false;
    }
    v->kind = (sl_gguf_kind)kind;
    if (kind == SL_GGUF_ARRAY) return take_array(c, v) && check_bools(c, v);
    if (kind == SL_GGUF_STRING) {
        v->data = c->data + c->at + 8;
        if (!take_string(c, &p->text, MAX_TEXT, string, "a string")) return false;
        v->bytes = p->text.len - *string - 1;
        return true;
    }
    v->bytes = sl_gguf_kind_size(v->kind);
    return take_bytes(c, v->bytes, &v->data, "a value") && check_bools(c, v);
}

/* Reads all pairs. */
static sl_status read_values(struct cursor *c, struct part *p)
{
    p->value_text = sl_alloc_array(2 * p->n_values + 1, sizeof *p->value_text);
    p->values = sl_alloc_array(p->n_values + 1, sizeof *p->values);
    if (!p->value_text || !p->values)
        return sl_fail(c->err, SL_ERR_MEMORY, "no memory for %zu metadata values", p->n_values);
    for (size_t i = 0; i < p->n_values; i++) {
        size_t *key = &p->value_text[2 * i];
        if (!take_string(c, &p->text, MAX_KEY, key, "a key"))
            return sl_fail_context(c->err, SL_ERR_FORMAT, "metadata pair %zu", i);
        if (!take_value(c, p, &p->values[i], key + 1))
            return sl_fail_context(c->err, SL_ERR_FORMAT, "key \"%.200s\"", p->text.data + *key);
    }
    return SL_OK;
}

/* --- tensors ---------------------------------------------------------------------------------------------------- */

static const struct type *find_type(uint64_t number)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((uint64_t)types[i].number == number) return &types[i];
    return NULL;
}

/* Reads dimensions, fastest first, and the type; sets shape and bytes. */
static bool take_shape(struct cursor *c, struct sl_stored_tensor *t)
{
    uint64_t n, number, dims[SL_MAX_DIMS] = {1, 1, 1, 1};
    if (!take(c, 4, &n, "its dimensions")) return false;
    if (n > SL_MAX_DIMS) {
        sl_fail(c->err, SL_ERR_FORMAT, "%" PRIu64 " dimensions; at most %d are accepted", n, SL_MAX_DIMS);
        return false;
    }
    for (uint64_t i = 0; i < n; i++)
        if (!take(c, 8, &dims[i], "its dimensions")) return false;
    if (!take(c, 4, &number, "its type")) return false;
    const struct type *type = find_type(number);
    if (!type) {
        sl_fail(c->err, SL_ERR_FORMAT, "unknown type %" PRIu64, number);
        return false;
    }
    t->dtype = type->dtype;
    t->dtype_name = type->name;
    t->n_dims = n ? (int)n : 1;
    if (dims[0] % (uint64_t)type->block) {
        sl_fail(c->err, SL_ERR_FORMAT, "rows of %" PRIu64 " are no whole blocks of %s, which hold %d", dims[0],
                type->name, type->block);
        return false;
    }
    /* Products of any of the dimensions must fit, also beside one of 0: others will compute them. */
    size_t span = 1;
    bool empty = false;
    for (int i = 0; i < SL_MAX_DIMS; i++) {
        if (dims[i] > INT64_MAX || (dims[i] && (!sl_size_mul(span, (size_t)dims[i], &span) || span > INT64_MAX / 8))) {
            sl_fail(c->err, SL_ERR_FORMAT, "its shape is too large");
            return false;
        }
        empty = empty || !dims[i];
        t->shape[i] = 1;
    }
    for (int i = 0; i < t->n_dims; i++) t->shape[i] = (int64_t)dims[t->n_dims - 1 - i];
    t->bytes = empty ? 0 : span / (size_t)type->block * (size_t)type->bytes;
    return true;
}

/* Reads one description; its data is put in place later. */
static bool take_tensor(struct cursor *c, struct sl_stored_tensor *t, size_t alignment, uint64_t *offset)
{
    if (!take_shape(c, t) || !take(c, 8, offset, "its offset")) return false;
    if (*offset % alignment == 0) return true;
    sl_fail(c->err, SL_ERR_FORMAT, "its offset %" PRIu64 " is no multiple of the alignment, %zu", *offset, alignment);
    return false;
}

/* Points every tensor at its data, which begins at the next multiple of the alignment. */
static sl_status place_tensors(const struct cursor *c, struct part *p, size_t alignment, const uint64_t *offsets)
{
    size_t start = (c->at + alignment - 1) / alignment * alignment;
    size_t room = start < c->size ? c->size - start : 0;
    for (size_t i = 0; i < p->n_tensors; i++) {
        struct sl_stored_tensor *t = &p->tensors[i];
        if (t->bytes > room || offsets[i] > room - t->bytes)
            return sl_fail(c->err, SL_ERR_FORMAT,
                           "tensor \"%.200s\": %zu bytes from %" PRIu64 " on, but the file has %zu bytes of data",
                           p->text.data + p->name_text[i], t->bytes, offsets[i], room);
        t->data = c->data + (room ? start + (size_t)offsets[i] : 0);
    }
    return SL_OK;
}

/* Reads all descriptions. */
static sl_status read_tensors(struct cursor *c, struct part *p, size_t alignment)
{
    p->tensors = sl_alloc_array(p->n_tensors + 1, sizeof *p->tensors);
    p->name_text = sl_alloc_array(p->n_tensors + 1, sizeof *p->name_text);
    uint64_t *offsets = sl_alloc_array(p->n_tensors + 1, sizeof *offsets);
    sl_status s = SL_OK;
    if (!p->tensors || !p->name_text || !offsets)
        s = sl_fail(c->err, SL_ERR_MEMORY, "no memory for %zu tensors", p->n_tensors);
    for (size_t i = 0; i < p->n_tensors && s == SL_OK; i++) {
        p->tensors[i].file = p->path;
        if (!take_string(c, &p->text, MAX_KEY, &p->name_text[i], "a name"))
            s = sl_fail_context(c->err, SL_ERR_FORMAT, "tensor %zu", i);
        else if (!take_tensor(c, &p->tensors[i], alignment, &offsets[i]))
            s = sl_fail_context(c->err, SL_ERR_FORMAT, "tensor \"%.200s\"", p->text.data + p->name_text[i]);
    }
    if (s == SL_OK) s = place_tensors(c, p, alignment, offsets);
    free(offsets);
    return s;
}

/* Turns offsets into p->text, which is complete now, into pointers. */
static void fix_text(struct part *p)
{
    for (size_t i = 0; i < p->n_values; i++) {
        p->values[i].key = p->text.data + p->value_text[2 * i];
        if (p->values[i].kind == SL_GGUF_STRING) p->values[i].string = p->text.data + p->value_text[2 * i + 1];
    }
    for (size_t i = 0; i < p->n_tensors; i++) p->tensors[i].name = p->text.data + p->name_text[i];
}

/* Tensors must not share bytes: a file that says so is broken. */
static int by_place(const void *a, const void *b)
{
    const struct sl_stored_tensor *x = *(const struct sl_stored_tensor *const *)a;
    const struct sl_stored_tensor *y = *(const struct sl_stored_tensor *const *)b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static sl_status check_overlap(const struct part *p, const struct sl_stored_tensor **order, sl_error *err)
{
    for (size_t i = 0; i < p->n_tensors; i++) order[i] = &p->tensors[i];
    if (p->n_tensors) qsort((void *)order, p->n_tensors, sizeof *order, by_place);
    for (size_t i = 1; i < p->n_tensors; i++)
        if (order[i]->data < order[i - 1]->data + order[i - 1]->bytes)
            return sl_fail(err, SL_ERR_FORMAT, "tensor \"%.200s\": its data overlaps that of \"%.200s\"",
                           order[i]->name, order[i - 1]->name);
    return SL_OK;
}

/* --- parts ------------------------------------------------------------------------------------------------------ */

static sl_status read_header(struct cursor *c, struct part *p)
{
    uint64_t version, n_tensors, n_values;
    const unsigned char *magic;
    if (!take_bytes(c, 4, &magic, "the header")) return SL_ERR_FORMAT;
    if (memcmp(magic, "GGUF", 4) != 0) return sl_fail(c->err, SL_ERR_FORMAT, "not a GGUF file: it does not begin so");
    if (!take(c, 4, &version, "the header")) return SL_ERR_FORMAT;
    if (version == 0x02000000 || version == 0x03000000)
        return sl_fail(c->err, SL_ERR_FORMAT, "a big-endian GGUF file: only little-endian ones are read");
    if (version != 2 && version != 3)
        return sl_fail(c->err, SL_ERR_FORMAT, "GGUF version %" PRIu64 ": 2 and 3 are read", version);
    if (!take(c, 8, &n_tensors, "the header") || !take(c, 8, &n_values, "the header")) return SL_ERR_FORMAT;
    size_t left = c->size - c->at;
    if (n_values > MAX_VALUES || n_values > left / MIN_VALUE_BYTES)
        return sl_fail(c->err, SL_ERR_FORMAT, "%" PRIu64 " metadata pairs in a file of %zu bytes", n_values, c->size);
    if (n_tensors > MAX_TENSORS || n_tensors > left / MIN_TENSOR_BYTES)
        return sl_fail(c->err, SL_ERR_FORMAT, "%" PRIu64 " tensors in a file of %zu bytes", n_tensors, c->size);
    p->version = (int)version;
    p->n_values = (size_t)n_values;
    p->n_tensors = (size_t)n_tensors;
    return SL_OK;
}

/* general.alignment, before the text is complete. */
static sl_status read_alignment(const struct part *p, size_t *out, sl_error *err)
{
    *out = 32;
    for (size_t i = 0; i < p->n_values; i++) {
        int64_t n;
        if (strcmp(p->text.data + p->value_text[2 * i], "general.alignment") != 0) continue;
        if (!sl_gguf_element_int(&p->values[i], 0, &n) || n < 1 || n > MAX_ALIGNMENT || (n & (n - 1)))
            return sl_fail(err, SL_ERR_FORMAT, "key \"general.alignment\": not a power of two from 1 to %d",
                           MAX_ALIGNMENT);
        *out = (size_t)n;
    }
    return SL_OK;
}

/* Reads and checks p->map. */
static sl_status read_part(struct part *p, sl_error *err)
{
    struct cursor c = {.data = p->map.data, .size = p->map.size, .err = err};
    size_t alignment;
    p->text.ceiling = MAX_TEXT;
    sl_status s = read_header(&c, p);
    if (s != SL_OK) {
        p->n_values = p->n_tensors = 0;
        return s;
    }
    s = read_values(&c, p);
    if (s == SL_OK) s = read_alignment(p, &alignment, err);
    if (s == SL_OK) s = read_tensors(&c, p, alignment);
    if (s == SL_OK) fix_text(p);
    return s;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const struct sl_gguf_value *const *)a)->key, (*(const struct sl_gguf_value *const *)b)->key);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct sl_stored_tensor *const *)a)->name,
                  (*(const struct sl_stored_tensor *const *)b)->name);
}

static sl_status index_values(sl_gguf *g, sl_error *err)
{
    const struct part *p = &g->parts[0];
    g->by_key = (const struct sl_gguf_value **)sl_alloc_array(p->n_values + 1, sizeof *g->by_key);
    if (!g->by_key) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu metadata values", p->n_values);
    for (size_t i = 0; i < p->n_values; i++) g->by_key[i] = &p->values[i];
    if (p->n_values) qsort((void *)g->by_key, p->n_values, sizeof *g->by_key, by_key);
    for (size_t i = 1; i < p->n_values; i++)
        if (strcmp(g->by_key[i - 1]->key, g->by_key[i]->key) == 0)
            return sl_fail(err, SL_ERR_FORMAT, "key \"%.200s\" is there twice", g->by_key[i]->key);
    return SL_OK;
}

static sl_status index_tensors(sl_gguf *g, sl_error *err)
{
    for (int i = 0; i < g->n_parts; i++) g->n_tensors += g->parts[i].n_tensors;
    g->tensors = (const struct sl_stored_tensor **)sl_alloc_array(g->n_tensors + 1, sizeof *g->tensors);
    g->by_name = (const struct sl_stored_tensor **)sl_alloc_array(g->n_tensors + 1, sizeof *g->by_name);
    if (!g->tensors || !g->by_name) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tensors", g->n_tensors);
    size_t at = 0;
    for (int i = 0; i < g->n_parts; i++) {
        sl_status s = check_overlap(&g->parts[i], g->by_name, err);
        if (s != SL_OK) return s;
        for (size_t j = 0; j < g->parts[i].n_tensors; j++) g->tensors[at++] = &g->parts[i].tensors[j];
    }
    memcpy((void *)g->by_name, (const void *)g->tensors, g->n_tensors * sizeof *g->tensors);
    if (g->n_tensors) qsort((void *)g->by_name, g->n_tensors, sizeof *g->by_name, by_name);
    for (size_t i = 1; i < g->n_tensors; i++)
        if (strcmp(g->by_name[i - 1]->name, g->by_name[i]->name) == 0)
            return sl_fail(err, SL_ERR_FORMAT, "tensor \"%.200s\" is there twice", g->by_name[i]->name);
    return SL_OK;
}

static sl_status new_file(int n_parts, sl_gguf **out, sl_error *err)
{
    *out = sl_alloc_array(1, sizeof **out);
    if (*out) (*out)->parts = sl_alloc_array((size_t)n_parts, sizeof *(*out)->parts);
    if (*out && (*out)->parts) return SL_OK;
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a GGUF file of %d parts", n_parts);
}

sl_status sl_gguf_parse(const unsigned char *bytes, size_t n, sl_gguf **out, sl_error *err)
{
    *out = NULL;
    sl_gguf *g = NULL;
    int64_t count = 1;
    sl_status s = new_file(1, &g, err);
    if (s == SL_OK) {
        struct part *p = &g->parts[g->n_parts++];
        p->map = (struct sl_mapped_file){.data = bytes, .size = n};
        p->path = sl_strdup("");
        s = p->path ? read_part(p, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a GGUF file");
    }
    if (s == SL_OK) s = index_values(g, err);
    if (s == SL_OK && sl_gguf_get_int(g, "split.count", &count) && count > 1)
        s = sl_fail(err, SL_ERR_FORMAT, "one of %" PRId64 " parts, and the others are not there", count);
    if (s == SL_OK) s = index_tensors(g, err);
    if (s != SL_OK) sl_gguf_close(&g);
    *out = g;
    return s;
}

/* Splits "NAME-00002-of-00005.gguf" into the length of NAME, 2 and 5. */
static bool parse_part_name(const char *path, size_t *length, int *number, int *count)
{
    enum { SUFFIX = sizeof "-00001-of-00002.gguf" - 1 };
    size_t n = strlen(path);
    int end = 0;
    if (n <= SUFFIX) return false;
    *length = n - SUFFIX;
    return sscanf(path + *length, "-%5d-of-%5d.gguf%n", number, count, &end) == 2 && end == SUFFIX && *count >= 1 &&
           *count <= MAX_PARTS && *number >= 1 && *number <= *count;
}

/* Maps and reads the file at path, which it takes, as the next part; it must say that it is that one. */
static sl_status open_part(sl_gguf *g, char *path, int n_parts, sl_error *err)
{
    if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a GGUF file");
    int number = g->n_parts;
    struct part *p = &g->parts[g->n_parts++];
    p->path = path;
    sl_status s = sl_file_map(path, &p->map, err);
    if (s != SL_OK) return s;
    p->mapped = true;
    s = read_part(p, err);
    int64_t no = 0, count = 1;
    for (size_t i = 0; i < p->n_values && s == SL_OK; i++) {
        if (strcmp(p->values[i].key, "split.no") == 0) sl_gguf_element_int(&p->values[i], 0, &no);
        if (strcmp(p->values[i].key, "split.count") == 0) sl_gguf_element_int(&p->values[i], 0, &count);
    }
    if (count < 1) count = 1; /* a file that was not split may say 0 */
    if (s == SL_OK && (no != number || count != n_parts))
        s = sl_fail(err, SL_ERR_FORMAT,
                    "it says that it is part %" PRId64 " of %" PRId64 ", its name that it is %d of %d", no + 1, count,
                    number + 1, n_parts);
    return s == SL_OK ? s : sl_fail_context(err, s, "%s", path);
}

sl_status sl_gguf_open(const char *path, sl_gguf **out, sl_error *err)
{
    *out = NULL;
    sl_gguf *g = NULL;
    size_t length = 0;
    int number, n_parts = 1;
    bool split = parse_part_name(path, &length, &number, &n_parts) && n_parts > 1;
    if (!split) n_parts = 1;
    sl_status s = new_file(n_parts, &g, err);
    for (int i = 0; i < n_parts && s == SL_OK; i++) {
        char *name = NULL;
        if (!split)
            name = sl_strdup(path);
        else if (asprintf(&name, "%.*s-%05d-of-%05d.gguf", (int)length, path, i + 1, n_parts) < 0)
            name = NULL;
        s = open_part(g, name, n_parts, err);
    }
    if (s == SL_OK) s = index_values(g, err);
    if (s == SL_OK) s = index_tensors(g, err);
    int64_t want;
    if (s == SL_OK && sl_gguf_get_int(g, "split.tensors.count", &want) && (uint64_t)want != g->n_tensors)
        s = sl_fail(err, SL_ERR_FORMAT, "%zu tensors in all parts, but split.tensors.count is %" PRId64, g->n_tensors,
                    want);
    if (s != SL_OK) {
        if (!strstr(err ? err->message : path, path) && !split) sl_fail_context(err, s, "%s", path);
        sl_gguf_close(&g);
    }
    *out = g;
    return s;
}

bool sl_gguf_is_file(const char *path)
{
    char magic[4] = {0};
    FILE *f = sl_file_exists(path) ? fopen(path, "rb") : NULL;
    if (!f) return false;
    size_t n = fread(magic, 1, sizeof magic, f);
    fclose(f);
    return n == sizeof magic && memcmp(magic, "GGUF", 4) == 0;
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

int sl_gguf_version(const sl_gguf *g)
{
    return g->parts[0].version;
}

int sl_gguf_n_parts(const sl_gguf *g)
{
    return g->n_parts;
}

size_t sl_gguf_count(const sl_gguf *g)
{
    return g->n_tensors;
}

const struct sl_stored_tensor *sl_gguf_at(const sl_gguf *g, size_t i)
{
    SL_CHECK(i < g->n_tensors);
    return g->tensors[i];
}

const struct sl_stored_tensor *sl_gguf_find(const sl_gguf *g, const char *name)
{
    const struct sl_stored_tensor key = {.name = name}, *at = &key;
    const struct sl_stored_tensor **found =
        g->n_tensors ? bsearch((const void *)&at, (const void *)g->by_name, g->n_tensors, sizeof at, by_name) : NULL;
    return found ? *found : NULL;
}

size_t sl_gguf_n_values(const sl_gguf *g)
{
    return g->parts[0].n_values;
}

const struct sl_gguf_value *sl_gguf_value_at(const sl_gguf *g, size_t i)
{
    SL_CHECK(i < g->parts[0].n_values);
    return &g->parts[0].values[i];
}

const struct sl_gguf_value *sl_gguf_value(const sl_gguf *g, const char *key)
{
    const struct sl_gguf_value want = {.key = key}, *at = &want;
    size_t n = g->parts[0].n_values;
    const struct sl_gguf_value **found =
        n ? bsearch((const void *)&at, (const void *)g->by_key, n, sizeof at, by_key) : NULL;
    return found ? *found : NULL;
}
