/*
 * gguf_writer.c: streaming GGUF files of one or several parts.
 */
#include "model/gguf_writer.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 32, MAX_DECLARED = 1 << 20, MAX_WRITTEN_PARTS = 9999, MAX_NAME = 63 }; /* ggml's limit of a name */

struct declared {
    char name[MAX_NAME + 1];
    sl_dtype dtype;
    int n_dims;
    int64_t shape[SL_MAX_DIMS];
    size_t bytes, offset; /* of the part's data */
    int part;
};

struct sl_gguf_writer {
    struct sl_buf values; /* encoded pairs */
    uint64_t n_values;
    struct declared *tensors; /* owned */
    size_t n_tensors, cap;
    struct sl_file_writer *files; /* owned, one a part; n_open of them are open */
    int n_parts, n_open;
    size_t current, written; /* the tensor being written, and bytes of it so far */
    sl_status status;
    sl_error error; /* the first failure */
};

static void fail(sl_gguf_writer *w, sl_status status, const char *what, const char *name)
{
    if (w->status) return;
    w->status = sl_fail(&w->error, status, "%s \"%.100s\"", what, name);
}

sl_status sl_gguf_writer_new(sl_gguf_writer **out, sl_error *err)
{
    *out = sl_alloc_array(1, sizeof **out);
    if (!*out) return sl_fail(err, SL_ERR_MEMORY, "no memory for a GGUF writer");
    (*out)->values.ceiling = (size_t)1 << 30;
    return SL_OK;
}

/* --- metadata --------------------------------------------------------------------------------------------------- */

static void put_number(struct sl_buf *b, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++) sl_buf_addch(b, (char)(x >> 8 * i));
}

static void put_string(struct sl_buf *b, const char *s, size_t n)
{
    put_number(b, n, 8);
    sl_buf_add(b, s, n);
}

static void put_key(sl_gguf_writer *w, const char *key, sl_gguf_kind kind)
{
    put_string(&w->values, key, strlen(key));
    put_number(&w->values, kind, 4);
    w->n_values++;
}

static uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void sl_gguf_writer_string(sl_gguf_writer *w, const char *key, const char *value)
{
    put_key(w, key, SL_GGUF_STRING);
    put_string(&w->values, value, strlen(value));
}

void sl_gguf_writer_u32(sl_gguf_writer *w, const char *key, uint32_t value)
{
    put_key(w, key, SL_GGUF_U32);
    put_number(&w->values, value, 4);
}

void sl_gguf_writer_i64(sl_gguf_writer *w, const char *key, int64_t value)
{
    put_key(w, key, SL_GGUF_I64);
    put_number(&w->values, (uint64_t)value, 8);
}

void sl_gguf_writer_f32(sl_gguf_writer *w, const char *key, float value)
{
    put_key(w, key, SL_GGUF_F32);
    put_number(&w->values, float_bits(value), 4);
}

void sl_gguf_writer_bool(sl_gguf_writer *w, const char *key, bool value)
{
    put_key(w, key, SL_GGUF_BOOL);
    put_number(&w->values, value, 1);
}

void sl_gguf_writer_array(sl_gguf_writer *w, const char *key, sl_gguf_kind element, uint64_t n)
{
    put_key(w, key, SL_GGUF_ARRAY);
    put_number(&w->values, element, 4);
    put_number(&w->values, n, 8);
}

void sl_gguf_writer_append_string(sl_gguf_writer *w, const char *s, size_t n)
{
    put_string(&w->values, s, n);
}

void sl_gguf_writer_append_i32(sl_gguf_writer *w, int32_t value)
{
    put_number(&w->values, (uint32_t)value, 4);
}

void sl_gguf_writer_append_f32(sl_gguf_writer *w, float value)
{
    put_number(&w->values, float_bits(value), 4);
}

void sl_gguf_writer_append_bool(sl_gguf_writer *w, bool value)
{
    put_number(&w->values, value, 1);
}

/* --- tensors ---------------------------------------------------------------------------------------------------- */

void sl_gguf_writer_declare(sl_gguf_writer *w, const char *name, sl_dtype dtype, int n_dims, const int64_t *shape)
{
    SL_CHECK(n_dims >= 1 && n_dims <= SL_MAX_DIMS && sl_gguf_type_of(dtype) >= 0 && !w->files);
    if (strlen(name) > MAX_NAME) {
        fail(w, SL_ERR_UNSUPPORTED, "GGUF has no room for so long a tensor name:", name);
        return;
    }
    if (!sl_grow_array((void **)&w->tensors, &w->cap, w->n_tensors + 1, sizeof *w->tensors, MAX_DECLARED)) {
        fail(w, SL_ERR_MEMORY, "no memory for tensor", name);
        return;
    }
    struct declared *t = &w->tensors[w->n_tensors++];
    *t = (struct declared){.dtype = dtype, .n_dims = n_dims};
    snprintf(t->name, sizeof t->name, "%s", name);
    size_t rows = 1;
    for (int i = 0; i < n_dims; i++) {
        t->shape[i] = shape[i];
        if (i + 1 < n_dims && !sl_size_mul(rows, (size_t)shape[i], &rows)) fail(w, SL_ERR_ARGUMENT, "too large:", name);
    }
    if (!sl_size_mul(rows, sl_dtype_row_bytes(dtype, shape[n_dims - 1]), &t->bytes))
        fail(w, SL_ERR_ARGUMENT, "too large:", name);
}

static size_t aligned(size_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Gives every tensor its part and its offset there. */
static void place_tensors(sl_gguf_writer *w, size_t max_part_bytes)
{
    size_t total = 0, at = 0;
    int part = 0;
    for (size_t i = 0; i < w->n_tensors; i++) total += aligned(w->tensors[i].bytes);
    bool split = max_part_bytes && total > max_part_bytes;
    for (size_t i = 0; i < w->n_tensors; i++) {
        struct declared *t = &w->tensors[i];
        if (split && at && at + aligned(t->bytes) > max_part_bytes) part++, at = 0;
        t->part = part;
        t->offset = at;
        at += aligned(t->bytes);
    }
    w->n_parts = part + 1;
}

/* The pairs that a part of several has. */
static void put_split(struct sl_buf *b, const char *key, sl_gguf_kind kind, uint64_t value, int bytes)
{
    put_string(b, key, strlen(key));
    put_number(b, kind, 4);
    put_number(b, value, bytes);
}

/* Writes what comes before the data of a part. */
static void write_header(sl_gguf_writer *w, int part)
{
    struct sl_buf b = SL_BUF_INIT((size_t)1 << 30);
    uint64_t n = 0, n_values = part == 0 ? w->n_values : 0;
    for (size_t i = 0; i < w->n_tensors; i++) n += w->tensors[i].part == part;
    sl_buf_addstr(&b, "GGUF");
    put_number(&b, 3, 4);
    put_number(&b, n, 8);
    put_number(&b, n_values + (w->n_parts > 1 ? 3 : 0), 8);
    if (part == 0) sl_buf_add(&b, w->values.data, w->values.len);
    if (w->n_parts > 1) {
        put_split(&b, "split.no", SL_GGUF_U16, (uint64_t)part, 2);
        put_split(&b, "split.count", SL_GGUF_U16, (uint64_t)w->n_parts, 2);
        put_split(&b, "split.tensors.count", SL_GGUF_I32, w->n_tensors, 4);
    }
    for (size_t i = 0; i < w->n_tensors; i++) {
        const struct declared *t = &w->tensors[i];
        if (t->part != part) continue;
        put_string(&b, t->name, strlen(t->name));
        put_number(&b, (uint64_t)t->n_dims, 4);
        for (int d = t->n_dims; d-- > 0;) put_number(&b, (uint64_t)t->shape[d], 8);
        put_number(&b, (uint64_t)sl_gguf_type_of(t->dtype), 4);
        put_number(&b, t->offset, 8);
    }
    while (b.len % ALIGNMENT) sl_buf_addch(&b, '\0');
    if (!sl_buf_ok(&b)) fail(w, SL_ERR_MEMORY, "no memory for the header of", w->files[part].path);
    sl_file_writer_add(&w->files[part], b.data, b.len);
    sl_buf_release(&b);
}

/* Opens the file of a part. */
static sl_status open_part(sl_gguf_writer *w, const char *path, int part, sl_error *err)
{
    char name[4096];
    size_t n = strlen(path) - strlen(".gguf");
    int length = w->n_parts == 1
                     ? snprintf(name, sizeof name, "%s", path)
                     : snprintf(name, sizeof name, "%.*s-%05d-of-%05d.gguf", (int)n, path, part + 1, w->n_parts);
    if (length >= (int)sizeof name) return sl_fail(err, SL_ERR_ARGUMENT, "a path of %d bytes is too long", length);
    if (w->n_parts > 1 && sl_file_exists(name))
        return sl_fail(err, SL_ERR_IO, "%s is there already: remove it first", name);
    sl_status s = sl_file_writer_open(&w->files[part], name, err);
    if (s == SL_OK) w->n_open++;
    return s;
}

sl_status sl_gguf_writer_begin(sl_gguf_writer *w, const char *path, size_t max_part_bytes, sl_error *err)
{
    size_t n = strlen(path);
    if (n <= 5 || strcmp(path + n - 5, ".gguf") != 0)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s does not end in .gguf", path);
    if (!sl_buf_ok(&w->values)) fail(w, SL_ERR_MEMORY, "no memory for the metadata of", path);
    if (w->status) return sl_fail(err, w->status, "%s", w->error.message);
    place_tensors(w, max_part_bytes);
    if (w->n_parts > MAX_WRITTEN_PARTS) return sl_fail(err, SL_ERR_ARGUMENT, "%s: %d parts", path, w->n_parts);
    w->files = sl_alloc_array((size_t)w->n_parts, sizeof *w->files);
    if (!w->files) return sl_fail(err, SL_ERR_MEMORY, "no memory for %d parts", w->n_parts);
    for (int i = 0; i < w->n_parts; i++) {
        sl_status s = open_part(w, path, i, err);
        if (s != SL_OK) return s;
        write_header(w, i);
    }
    return SL_OK;
}

void sl_gguf_writer_add(sl_gguf_writer *w, const char *name, const void *bytes, size_t n)
{
    static const char zeros[ALIGNMENT] = {0};
    SL_CHECK(w->current < w->n_tensors && strcmp(w->tensors[w->current].name, name) == 0);
    const struct declared *t = &w->tensors[w->current];
    SL_CHECK(n <= t->bytes - w->written);
    sl_file_writer_add(&w->files[t->part], bytes, n);
    w->written += n;
    if (w->written < t->bytes) return;
    sl_file_writer_add(&w->files[t->part], zeros, aligned(t->bytes) - t->bytes);
    w->current++;
    w->written = 0;
}

static void release(sl_gguf_writer *w)
{
    for (int i = 0; i < w->n_open; i++) sl_file_writer_abort(&w->files[i]);
    free(w->files);
    free(w->tensors);
    sl_buf_release(&w->values);
    free(w);
}

sl_status sl_gguf_writer_commit(sl_gguf_writer **writer, sl_error *err)
{
    sl_gguf_writer *w = *writer;
    *writer = NULL;
    if (w->current < w->n_tensors) fail(w, SL_ERR_ARGUMENT, "no data for tensor", w->tensors[w->current].name);
    sl_status s = w->status ? sl_fail(err, w->status, "%s", w->error.message) : SL_OK;
    /* A failure that a file kept must be found before any other part is in place. */
    for (int i = 0; i < w->n_open && s == SL_OK; i++)
        if (w->files[i].status) s = sl_fail(err, w->files[i].status, "%s", w->files[i].error.message);
    while (w->n_open > 0 && s == SL_OK) s = sl_file_writer_commit(&w->files[--w->n_open], err);
    release(w);
    return s;
}

void sl_gguf_writer_abort(sl_gguf_writer **w)
{
    if (*w) release(*w);
    *w = NULL;
}
