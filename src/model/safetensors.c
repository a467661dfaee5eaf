/*
 * safetensors.c: mapping and validating checkpoints.
 *
 * Nothing in a file is believed before it is checked: after a successful open every tensor's data lies inside its
 * mapping and has exactly the bytes that its shape and type ask for. An open checkpoint never changes.
 */
#include "model/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PREFIX = 8, /* bytes of the header's length */
    /* The format's own ceiling for a header; also ours for an index. */
    MAX_HEADER = 100 * 1000 * 1000,
    HEADER_DEPTH = 8,
    INDEX_DEPTH = 8,
    MAX_SHARDS = 16384, /* the kernel's limit of mappings is a few times this */
    MAX_TENSORS = 1 << 22,
};

static const struct {
    const char *name;
    size_t size;
    sl_dtype dtype; /* SL_N_DTYPES: known, but of no use here */
} dtypes[] = {
    {"F32", 4, SL_F32},
    {"BF16", 2, SL_BF16},
    {"F16", 2, SL_F16},
    {"I8", 1, SL_I8},
    {"I32", 4, SL_I32},
    {"I64", 8, SL_I64},
    {"U8", 1, SL_U8},
    {"F64", 8, SL_N_DTYPES},
    {"BOOL", 1, SL_N_DTYPES},
    {"I16", 2, SL_N_DTYPES},
    {"U16", 2, SL_N_DTYPES},
    {"U32", 4, SL_N_DTYPES},
    {"U64", 8, SL_N_DTYPES},
    {"C64", 8, SL_N_DTYPES},
    {"F8_E4M3", 1, SL_N_DTYPES},
    {"F8_E5M2", 1, SL_N_DTYPES},
    {"F8_E8M0", 1, SL_N_DTYPES},
};

/* One file. */
struct shard {
    char *path;                /* owned; "" for memory */
    struct sl_mapped_file map; /* owned unless parsed from memory */
    bool mapped;
    char *names;      /* owned: the tensors' names, one after the other */
    json_t *metadata; /* owned reference, or NULL */
};

struct sl_safetensors {
    struct shard *shards; /* owned */
    size_t n_shards;
    struct sl_stored_tensor *tensors; /* owned, sorted by name once open */
    size_t n_tensors, cap_tensors;
};

static void release_shard(struct shard *s)
{
    if (s->mapped) sl_file_unmap(&s->map);
    json_decref(s->metadata);
    free(s->names);
    free(s->path);
}

void sl_safetensors_close(sl_safetensors **st)
{
    if (!*st) return;
    for (size_t i = 0; i < (*st)->n_shards; i++) release_shard(&(*st)->shards[i]);
    free((*st)->shards);
    free((*st)->tensors);
    free(*st);
    *st = NULL;
}

/* Reads "shape" and the dtype's name; *numel is the checked product. */
static void read_shape(struct sl_json_object *o, struct sl_stored_tensor *t, size_t *numel)
{
    const json_t *shape = NULL;
    sl_json_get_array(o, "shape", &shape);
    if (!shape) return;
    size_t n = json_array_size(shape);
    if (n > SL_FILE_DIMS) {
        sl_json_fail(o, "shape", "%zu dimensions, this program has at most %d", n, SL_FILE_DIMS);
        return;
    }
    t->n_dims = n ? (int)n : 1;
    for (size_t i = 0; i < SL_FILE_DIMS; i++) t->shape[i] = 1;
    /* Products of any of the dimensions must fit, also beside one of 0: others will compute them. */
    size_t span = 1;
    bool empty = false;
    for (size_t i = 0; i < n; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0) {
            sl_json_fail(o, "shape", "dimension %zu is not a whole number", i);
            return;
        }
        t->shape[i] = json_integer_value(dim);
        if (t->shape[i] == 0) {
            empty = true;
        } else if (!sl_size_mul(span, (size_t)t->shape[i], &span) || span > INT64_MAX) {
            sl_json_fail(o, "shape", "too large");
            return;
        }
    }
    *numel = empty ? 0 : span;
}

/* Reads "dtype" and returns the bytes of an element. */
static size_t read_dtype(struct sl_json_object *o, struct sl_stored_tensor *t)
{
    const char *name = NULL;
    sl_json_get_string(o, "dtype", &name);
    if (!name) return 0;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(name, dtypes[i].name) != 0) continue;
        t->dtype_name = dtypes[i].name;
        t->dtype = dtypes[i].dtype;
        return dtypes[i].size;
    }
    sl_json_fail(o, "dtype", "unknown type \"%.20s\"", name);
    return 0;
}

/* Reads "data_offsets" and points t at its data, which starts at data and has size bytes in all. */
static void read_offsets(struct sl_json_object *o, struct sl_stored_tensor *t, const unsigned char *data, size_t size)
{
    const char *key = "data_offsets";
    const json_t *pair = NULL;
    sl_json_get_array(o, key, &pair);
    if (!pair) return;
    const json_t *first = json_array_get(pair, 0), *second = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_integer(first) || !json_is_integer(second)) {
        sl_json_fail(o, key, "not a pair of whole numbers");
        return;
    }
    int64_t begin = json_integer_value(first), end = json_integer_value(second);
    if (begin < 0 || end < begin) {
        sl_json_fail(o, key, "%lld to %lld is no range", (long long)begin, (long long)end);
    } else if ((uint64_t)end > size) {
        sl_json_fail(o, key, "data ends at byte %lld, but the file has %zu bytes of data", (long long)end, size);
    } else {
        t->data = data + begin;
        t->bytes = (size_t)(end - begin);
    }
}

static sl_status parse_tensor(const json_t *value, const unsigned char *data, size_t size, struct sl_stored_tensor *t,
                              sl_error *err)
{
    struct sl_json_object o;
    size_t numel = 0, bytes = 0;
    sl_json_open(&o, value, err);
    size_t element = read_dtype(&o, t);
    read_shape(&o, t, &numel);
    read_offsets(&o, t, data, size);
    if (!o.status && !sl_size_mul(numel, element, &bytes)) sl_json_fail(&o, "shape", "too large");
    if (!o.status && bytes != t->bytes)
        sl_json_fail(&o, "data_offsets", "%zu bytes, but the shape needs %zu", t->bytes, bytes);
    if (o.status) sl_fail_context(err, o.status, "tensor \"%.200s\"", t->name);
    return o.status;
}

static int by_place(const void *a, const void *b)
{
    const struct sl_stored_tensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int by_name(const void *a, const void *b)
{
    const struct sl_stored_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Sorts n tensors by place and checks that they cover size bytes at data once each, as the format demands. */
static sl_status check_cover(struct sl_stored_tensor *t, size_t n, const unsigned char *data, size_t size,
                             sl_error *err)
{
    if (n) qsort(t, n, sizeof *t, by_place);
    const unsigned char *end = data;
    for (size_t i = 0; i < n; i++) {
        if (t[i].data < end)
            return sl_fail(err, SL_ERR_FORMAT, "tensor \"%.200s\": its data overlaps that of \"%.200s\"", t[i].name,
                           t[i - 1].name);
        if (t[i].data > end)
            return sl_fail(err, SL_ERR_FORMAT, "tensor \"%.200s\": a hole of %zu bytes before its data", t[i].name,
                           (size_t)(t[i].data - end));
        end = t[i].data + t[i].bytes;
    }
    if ((size_t)(end - data) != size)
        return sl_fail(err, SL_ERR_FORMAT, "%zu bytes after the last tensor", size - (size_t)(end - data));
    return SL_OK;
}

static sl_status check_metadata(json_t *metadata, sl_error *err)
{
    if (!json_is_object(metadata)) return sl_fail(err, SL_ERR_FORMAT, "__metadata__ is not an object");
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return sl_fail(err, SL_ERR_FORMAT, "__metadata__: the value of \"%.200s\" is not a string", key);
    }
    return SL_OK;
}

/* Finds the header in a file's bytes. */
static sl_status find_header(const unsigned char *bytes, size_t n, size_t *length, sl_error *err)
{
    if (n < PREFIX) return sl_fail(err, SL_ERR_FORMAT, "%zu bytes are too few for a safetensors file", n);
    uint64_t len = 0;
    for (int i = PREFIX - 1; i >= 0; i--) len = len << 8 | bytes[i];
    if (len > MAX_HEADER)
        return sl_fail(err, SL_ERR_FORMAT, "a header of %llu bytes is over the format's %d", (unsigned long long)len,
                       MAX_HEADER);
    if (len > n - PREFIX)
        return sl_fail(err, SL_ERR_FORMAT, "truncated: a header of %llu bytes in a file of %zu",
                       (unsigned long long)len, n);
    /* The format allows spaces after the JSON text, not before. */
    if (len < 2 || bytes[PREFIX] != '{') return sl_fail(err, SL_ERR_FORMAT, "the header is not a JSON object");
    *length = (size_t)len;
    return SL_OK;
}

/* Copies the names of all tensors in header into s->names. */
static sl_status copy_names(struct shard *s, const json_t *header, sl_error *err)
{
    size_t bytes = 0;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)header, name, value) bytes += strlen(name) + 1;
    s->names = malloc(bytes + 1);
    return s->names ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for %zu bytes of tensor names", bytes);
}

/* Adds every tensor of a parsed header; data is what follows the header. */
static sl_status add_tensors(sl_safetensors *st, struct shard *s, json_t *header, const unsigned char *data,
                             size_t size, sl_error *err)
{
    size_t first = st->n_tensors;
    size_t need = first + json_object_size(header);
    sl_status status = copy_names(s, header, err);
    if (status) return status;
    if (!sl_grow_array((void **)&st->tensors, &st->cap_tensors, need, sizeof *st->tensors, MAX_TENSORS))
        return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tensors", need);
    char *names = s->names;
    const char *name;
    json_t *value;
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) {
            status = check_metadata(value, err);
            if (status) return status;
            s->metadata = json_incref(value);
            continue;
        }
        struct sl_stored_tensor *t = &st->tensors[st->n_tensors];
        *t = (struct sl_stored_tensor){.name = names, .file = s->path};
        memcpy(names, name, strlen(name) + 1);
        names += strlen(name) + 1;
        status = parse_tensor(value, data, size, t, err);
        if (status) return status;
        st->n_tensors++;
    }
    if (st->n_tensors == first) return size ? check_cover(NULL, 0, data, size, err) : SL_OK;
    return check_cover(st->tensors + first, st->n_tensors - first, data, size, err);
}

/* Adds the tensors of one file, s->map. */
static sl_status add_shard(sl_safetensors *st, struct shard *s, sl_error *err)
{
    size_t length = 0;
    json_t *header = NULL;
    sl_status status = find_header(s->map.data, s->map.size, &length, err);
    if (status) return status;
    const unsigned char *text = s->map.data + PREFIX;
    status = sl_json_parse((const char *)text, length, HEADER_DEPTH, &header, err);
    if (status) return sl_fail_context(err, status, "header");
    status = add_tensors(st, s, header, text + length, s->map.size - PREFIX - length, err);
    json_decref(header);
    return status;
}

/* Sorts by name; two files must not hold the same one. */
static sl_status sort_by_name(sl_safetensors *st, sl_error *err)
{
    if (st->n_tensors) qsort(st->tensors, st->n_tensors, sizeof *st->tensors, by_name);
    for (size_t i = 1; i < st->n_tensors; i++) {
        const struct sl_stored_tensor *a = &st->tensors[i - 1], *b = &st->tensors[i];
        if (strcmp(a->name, b->name) == 0)
            return sl_fail(err, SL_ERR_FORMAT, "tensor \"%.200s\" is in %s and in %s", a->name, a->file, b->file);
    }
    return SL_OK;
}

static sl_status new_checkpoint(size_t n_shards, sl_safetensors **out, sl_error *err)
{
    sl_safetensors *st = sl_alloc_array(1, sizeof *st);
    if (st) st->shards = sl_alloc_array(n_shards, sizeof *st->shards);
    if (!st || !st->shards) {
        free(st);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint of %zu files", n_shards);
    }
    *out = st;
    return SL_OK;
}

sl_status sl_safetensors_parse(const unsigned char *bytes, size_t n, sl_safetensors **out, sl_error *err)
{
    *out = NULL;
    sl_safetensors *st = NULL;
    sl_status status = new_checkpoint(1, &st, err);
    if (status) return status;
    struct shard *s = &st->shards[st->n_shards++];
    s->map = (struct sl_mapped_file){.data = bytes, .size = n};
    s->path = sl_strdup("");
    status = s->path ? add_shard(st, s, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint");
    if (!status) status = sort_by_name(st, err);
    if (status) sl_safetensors_close(&st);
    *out = st;
    return status;
}

/* Maps the file at path, which it takes, as the next shard. */
static sl_status open_shard(sl_safetensors *st, char *path, sl_error *err)
{
    if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint");
    struct shard *s = &st->shards[st->n_shards++];
    s->path = path;
    sl_status status = sl_file_map(path, &s->map, err);
    if (status) return status;
    s->mapped = true;
    status = add_shard(st, s, err);
    return status ? sl_fail_context(err, status, "%s", path) : SL_OK;
}

static sl_status open_file(const char *path, sl_safetensors **out, sl_error *err)
{
    sl_status status = new_checkpoint(1, out, err);
    if (!status) status = open_shard(*out, sl_strdup(path), err);
    return status ? status : sort_by_name(*out, err);
}

/* Gives every distinct file in the weight map a number, in *files: name -> number. */
static sl_status list_files(json_t *weight_map, json_t *files, sl_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(weight_map, name, value)
    {
        const char *file = json_string_value(value);
        /* A shard is a file beside the index and nowhere else. */
        if (!file || !*file || strchr(file, '/') || strchr(file, '\\') || strcmp(file, "..") == 0 ||
            strcmp(file, ".") == 0)
            return sl_fail(err, SL_ERR_FORMAT, "weight_map: \"%.200s\" is not in a file of this folder", name);
        if (json_object_get(files, file)) continue;
        size_t n = json_object_size(files);
        if (n == MAX_SHARDS) return sl_fail(err, SL_ERR_FORMAT, "weight_map: more than %d files", MAX_SHARDS);
        if (json_object_set_new(files, file, json_integer((json_int_t)n)) != 0)
            return sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint");
    }
    return SL_OK;
}

/* Every tensor that the index promises must be in the file that it names. */
static sl_status check_weight_map(const sl_safetensors *st, json_t *weight_map, json_t *files, sl_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(weight_map, name, value)
    {
        const char *file = json_string_value(value);
        const struct sl_stored_tensor *t = sl_safetensors_find(st, name);
        json_int_t number = json_integer_value(json_object_get(files, file));
        if (!t || t->file != st->shards[number].path)
            return sl_fail(err, SL_ERR_FORMAT, "tensor \"%.200s\" is not in %.200s", name, file);
    }
    return SL_OK;
}

/* Opens the shards that a parsed index lists, in dir. */
static sl_status open_shards(json_t *index, const char *dir, sl_safetensors **out, sl_error *err)
{
    json_t *weight_map = json_object_get(index, "weight_map");
    if (!json_is_object(weight_map)) return sl_fail(err, SL_ERR_FORMAT, "\"weight_map\" is missing or not an object");
    json_t *files = json_object(), *number;
    const char *file;
    sl_status status = files ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint");
    if (!status) status = list_files(weight_map, files, err);
    if (!status) status = new_checkpoint(json_object_size(files), out, err);
    if (status) goto out;
    /* Jansson iterates in the order of insertion, so shard i is file number i. */
    json_object_foreach(files, file, number)
    {
        status = open_shard(*out, sl_path_join(dir, file), err);
        if (status) goto out;
    }
    status = sort_by_name(*out, err);
    if (!status) status = check_weight_map(*out, weight_map, files, err);
out:
    json_decref(files);
    return status;
}

static sl_status open_folder(const char *dir, sl_safetensors **out, sl_error *err)
{
    json_t *index = NULL;
    sl_status status = SL_OK;
    char *single = sl_path_join(dir, "model.safetensors");
    char *sharded = sl_path_join(dir, "model.safetensors.index.json");
    if (!single || !sharded) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to open %s", dir);
    } else if (sl_file_exists(single)) {
        status = open_file(single, out, err);
    } else if (!sl_file_exists(sharded)) {
        status = sl_fail(err, SL_ERR_IO, "%s has neither model.safetensors nor model.safetensors.index.json", dir);
    } else {
        status = sl_json_load(sharded, MAX_HEADER, INDEX_DEPTH, &index, err);
        if (!status) {
            status = open_shards(index, dir, out, err);
            if (status) sl_fail_context(err, status, "%s", sharded);
        }
    }
    json_decref(index);
    free(single);
    free(sharded);
    return status;
}

sl_status sl_safetensors_open(const char *path, sl_safetensors **out, sl_error *err)
{
    *out = NULL;
    sl_safetensors *st = NULL;
    sl_status status = sl_dir_exists(path) ? open_folder(path, &st, err) : open_file(path, &st, err);
    if (status) sl_safetensors_close(&st);
    *out = st;
    return status;
}

size_t sl_safetensors_count(const sl_safetensors *st)
{
    return st->n_tensors;
}

const struct sl_stored_tensor *sl_safetensors_at(const sl_safetensors *st, size_t i)
{
    SL_CHECK(i < st->n_tensors);
    return &st->tensors[i];
}

const struct sl_stored_tensor *sl_safetensors_find(const sl_safetensors *st, const char *name)
{
    if (!st->n_tensors) return NULL;
    struct sl_stored_tensor key = {.name = name};
    return bsearch(&key, st->tensors, st->n_tensors, sizeof key, by_name);
}

const char *sl_safetensors_metadata(const sl_safetensors *st, const char *key)
{
    for (size_t i = 0; i < st->n_shards; i++) {
        const char *value = json_string_value(json_object_get(st->shards[i].metadata, key));
        if (value) return value;
    }
    return NULL;
}
