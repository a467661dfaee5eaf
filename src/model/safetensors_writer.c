/*
 * safetensors_writer.c: streaming checkpoints to disk so that a kill never costs the old one.
 *
 * A save of a folder is one or more files, each replaced atomically (base/file.h), in an order that keeps one complete
 * checkpoint visible at every moment:
 *
 *     one file:  rename model.safetensors into place; then remove an index and its shards, now shadowed by it
 *     shards:    write every shard under a name that the present index does not use; rename the index into place;
 *                remove an old model.safetensors, which shadowed the index; then remove shards that no index uses
 *
 * Shards are named model-NNNNN-of-NNNNN.safetensors, or model-b-... when the present index uses the first form. The
 * folder itself is locked meanwhile, so that two saves cannot mix. Files of other names are never removed.
 */
#include "model/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { MAX_TENSORS = 1 << 22, MAX_HEADER = 100 * 1000 * 1000, MAX_INDEX = 100 * 1000 * 1000, MAX_SHARDS = 16384 };

static const char single_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";

/* A declared tensor. */
struct entry {
    char *name; /* owned */
    sl_dtype dtype;
    int n_dims;
    int64_t shape[SL_MAX_DIMS];
    size_t bytes;
    int shard; /* the file that holds it */
};

struct sl_safetensors_writer {
    struct entry *entries; /* owned, in the order of declaration, which is the order in the files */
    size_t n_entries, cap_entries;
    json_t *declared; /* owned: the set of names */
    char *path;       /* owned: the file, when there is no folder */
    char *dir;        /* owned: the folder, or NULL */
    int dir_lock;     /* descriptor of the locked folder, or -1 */
    int n_shards;     /* 1 for a single file */
    bool second_form; /* shards are named model-b-... */

    struct sl_file_writer file; /* of the shard being written */
    bool file_open;
    int shard;       /* number of the shard being written */
    size_t current;  /* the first entry that is not complete */
    size_t received; /* bytes of it so far */
    bool begun;
    bool switching; /* the new files may be the checkpoint already */
    sl_status status;
    sl_error error; /* the first failure after begin */
};

/* Keeps the first failure for commit. */
static void keep(sl_safetensors_writer *w, sl_status status, const sl_error *err)
{
    if (w->status || !status) return;
    w->status = status;
    w->error = *err;
}

sl_status sl_safetensors_writer_new(sl_safetensors_writer **out, sl_error *err)
{
    *out = sl_alloc_array(1, sizeof **out);
    if (*out) {
        (*out)->dir_lock = -1;
        (*out)->declared = json_object();
        if ((*out)->declared) return SL_OK;
        free(*out);
        *out = NULL;
    }
    return sl_fail(err, SL_ERR_MEMORY, "no memory to write a checkpoint");
}

static void free_writer(sl_safetensors_writer **w)
{
    for (size_t i = 0; i < (*w)->n_entries; i++) free((*w)->entries[i].name);
    free((*w)->entries);
    json_decref((*w)->declared);
    free((*w)->path);
    free((*w)->dir);
    if ((*w)->dir_lock >= 0) close((*w)->dir_lock);
    free(*w);
    *w = NULL;
}

/* Returns the bytes of a tensor, or false when they overflow or a dimension is negative. */
static bool bytes_of(sl_dtype dtype, int n_dims, const int64_t *shape, size_t *bytes)
{
    *bytes = sl_dtype_size(dtype);
    for (int i = 0; i < n_dims; i++)
        if (shape[i] < 0 || !sl_size_mul(*bytes, (size_t)shape[i], bytes)) return false;
    return *bytes <= (size_t)INT64_MAX;
}

sl_status sl_safetensors_writer_declare(sl_safetensors_writer *w, const char *name, sl_dtype dtype, int n_dims,
                                        const int64_t *shape, sl_error *err)
{
    SL_CHECK(!w->begun && n_dims >= 1 && n_dims <= SL_MAX_DIMS);
    struct entry e = {.dtype = dtype, .n_dims = n_dims};
    if (!bytes_of(dtype, n_dims, shape, &e.bytes))
        return sl_fail(err, SL_ERR_ARGUMENT, "tensor \"%.200s\": impossible shape", name);
    if (strcmp(name, "__metadata__") == 0 || json_object_get(w->declared, name))
        return sl_fail(err, SL_ERR_ARGUMENT, "tensor \"%.200s\": the name is taken", name);
    memcpy(e.shape, shape, (size_t)n_dims * sizeof *shape);
    if (!sl_grow_array((void **)&w->entries, &w->cap_entries, w->n_entries + 1, sizeof e, MAX_TENSORS))
        return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tensors", w->n_entries + 1);
    /* Jansson takes valid UTF-8 only, as the file's JSON must be. */
    if (json_object_set_new(w->declared, name, json_true()) != 0)
        return sl_fail(err, SL_ERR_ARGUMENT, "tensor \"%.200s\": the name is not UTF-8", name);
    e.name = sl_strdup(name);
    if (!e.name) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tensors", w->n_entries + 1);
    w->entries[w->n_entries++] = e;
    return SL_OK;
}

/* Writes the name of shard i of n into out. */
static void shard_name(const sl_safetensors_writer *w, int i, char *out, size_t size)
{
    snprintf(out, size, "model-%s%05d-of-%05d.safetensors", w->second_form ? "b-" : "", i + 1, w->n_shards);
}

/*
 * Returns the number, from 1, in a name that shard_name may have made for some save, or that a killed one left as a
 * temporary file; 0 for any other name.
 */
static int shard_number(const char *name)
{
#define FIVE_DIGITS "[0-9][0-9][0-9][0-9][0-9]"
    if (strncmp(name, "model-", 6) != 0) return 0;
    name += 6;
    if (strncmp(name, "b-", 2) == 0) name += 2;
    if (fnmatch(FIVE_DIGITS "-of-" FIVE_DIGITS ".safetensors", name, 0) != 0 &&
        fnmatch(FIVE_DIGITS "-of-" FIVE_DIGITS ".safetensors.tmp", name, 0) != 0)
        return 0;
    return (int)strtol(name, NULL, 10);
}

/* Returns owned path of the file that shard i goes to, or NULL without memory. */
static char *shard_path(const sl_safetensors_writer *w, int i)
{
    char name[64];
    if (!w->dir) return sl_strdup(w->path);
    if (w->n_shards == 1) return sl_path_join(w->dir, single_name);
    shard_name(w, i, name, sizeof name);
    return sl_path_join(w->dir, name);
}

/* Returns the header of the shard that starts with the current entry, as an owned JSON object; NULL without memory. */
static json_t *shard_header(const sl_safetensors_writer *w)
{
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    int failed = 0;
    size_t offset = 0;
    for (size_t i = w->current; i < w->n_entries && w->entries[i].shard == w->shard && !failed; i++) {
        const struct entry *e = &w->entries[i];
        json_t *shape = json_array();
        for (int d = 0; d < e->n_dims; d++) failed |= json_array_append_new(shape, json_integer(e->shape[d]));
        size_t end = offset + e->bytes;
        json_t *tensor = json_pack("{s:s,s:o,s:[I,I]}", "dtype", sl_dtype_name(e->dtype), "shape", shape,
                                   "data_offsets", (json_int_t)offset, (json_int_t)end);
        failed |= json_object_set_new(header, e->name, tensor);
        offset = end;
    }
    if (!failed) return header;
    json_decref(header);
    return NULL;
}

/* Opens shard w->shard and writes its header, padded with spaces so that the data starts on 8 bytes. */
static sl_status start_shard(sl_safetensors_writer *w, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_HEADER);
    json_t *header = shard_header(w);
    char *path = NULL;
    sl_status status = sl_json_dump(header, 0, &text, err);
    if (status) goto out;
    while (text.len % 8 && sl_buf_ok(&text)) sl_buf_addch(&text, ' ');
    path = shard_path(w, w->shard);
    if (!path || !sl_buf_ok(&text)) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to write a checkpoint");
        goto out;
    }
    status = sl_file_writer_open(&w->file, path, err);
    if (status) goto out;
    w->file_open = true;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)text.len >> 8 * i);
    sl_file_writer_add(&w->file, prefix, sizeof prefix);
    sl_file_writer_add(&w->file, sl_buf_str(&text), text.len);
out:
    json_decref(header);
    free(path);
    sl_buf_release(&text);
    return status;
}

/* Spreads the entries over shards of at most max bytes in order; counts them. */
static sl_status plan_shards(sl_safetensors_writer *w, size_t max, sl_error *err)
{
    size_t total = 0, in_shard = 0;
    w->n_shards = 1;
    for (size_t i = 0; i < w->n_entries; i++) {
        struct entry *e = &w->entries[i];
        if (!sl_size_add(total, e->bytes, &total) || total > (size_t)INT64_MAX)
            return sl_fail(err, SL_ERR_ARGUMENT, "the tensors are too large for any file");
        if (max && in_shard && e->bytes > max - (in_shard < max ? in_shard : max)) {
            if (w->n_shards == MAX_SHARDS)
                return sl_fail(err, SL_ERR_ARGUMENT, "more than %d shards of %zu bytes", MAX_SHARDS, max);
            w->n_shards++;
            in_shard = 0;
        }
        e->shard = w->n_shards - 1;
        in_shard += e->bytes;
    }
    return SL_OK;
}

/* Decides between the two forms of shard names: one that no file of the present index has. */
static sl_status choose_form(sl_safetensors_writer *w, sl_error *err)
{
    char *path = sl_path_join(w->dir, index_name);
    if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory to write a checkpoint");
    json_t *index = NULL;
    /* An unreadable index protects nothing: it may be replaced. */
    if (sl_file_exists(path)) (void)sl_json_load(path, MAX_INDEX, 8, &index, NULL);
    bool used[2] = {false, false};
    const char *name;
    json_t *file;
    json_object_foreach(json_object_get(index, "weight_map"), name, file)
    {
        const char *s = json_string_value(file);
        if (s && strncmp(s, "model-", 6) == 0) used[strncmp(s, "model-b-", 8) == 0] = true;
    }
    json_decref(index);
    sl_status status = SL_OK;
    /* Never of this program's making, so no more forms are worth having. */
    if (used[0] && used[1])
        status = sl_fail(err, SL_ERR_UNSUPPORTED, "%s uses both forms of file names, no third is known", path);
    w->second_form = used[0];
    free(path);
    return status;
}

/* Locks the folder against other saves. A file system without locks goes unprotected. */
static sl_status lock_folder(sl_safetensors_writer *w, sl_error *err)
{
    w->dir_lock = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dir_lock < 0) return sl_fail(err, SL_ERR_IO, "cannot open the folder %s: %m", w->dir);
    if (flock(w->dir_lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return sl_fail(err, SL_ERR_IO, "cannot save in %s: another save is under way", w->dir);
    return SL_OK;
}

/* Moves on to the next tensor that wants data, into the next file where one ends. */
static void advance(sl_safetensors_writer *w)
{
    sl_error err;
    while (!w->status && w->current < w->n_entries) {
        const struct entry *e = &w->entries[w->current];
        if (e->shard != w->shard) {
            w->file_open = false;
            keep(w, sl_file_writer_commit(&w->file, &err), &err);
            w->shard++;
            if (!w->status) keep(w, start_shard(w, &err), &err);
            if (w->status) return;
        }
        if (w->received < e->bytes) return;
        w->current++;
        w->received = 0;
    }
}

static sl_status begin(sl_safetensors_writer *w, sl_error *err)
{
    w->begun = true;
    sl_error own;
    keep(w, start_shard(w, &own), &own);
    advance(w);
    return w->status ? sl_fail(err, w->status, "%s", w->error.message) : SL_OK;
}

sl_status sl_safetensors_writer_begin_file(sl_safetensors_writer *w, const char *path, sl_error *err)
{
    SL_CHECK(!w->begun);
    w->path = sl_strdup(path);
    if (!w->path) return sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", path);
    sl_status status = plan_shards(w, 0, err);
    return status ? status : begin(w, err);
}

sl_status sl_safetensors_writer_begin_folder(sl_safetensors_writer *w, const char *dir, size_t max_shard_bytes,
                                             sl_error *err)
{
    SL_CHECK(!w->begun);
    w->dir = sl_strdup(dir);
    if (!w->dir) return sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", dir);
    sl_status status = plan_shards(w, max_shard_bytes, err);
    if (!status) status = lock_folder(w, err);
    if (!status && w->n_shards > 1) status = choose_form(w, err);
    return status ? status : begin(w, err);
}

void sl_safetensors_writer_add(sl_safetensors_writer *w, const char *name, const void *bytes, size_t n)
{
    SL_CHECK(w->begun);
    if (w->status || n == 0) return;
    sl_error err;
    const struct entry *e = w->current < w->n_entries ? &w->entries[w->current] : NULL;
    if (!e || strcmp(e->name, name) != 0) {
        keep(w,
             sl_fail(&err, SL_ERR_ARGUMENT, "data of tensor \"%.100s\" came where that of \"%.100s\" belongs", name,
                     e ? e->name : "(none)"),
             &err);
        return;
    }
    if (n > e->bytes - w->received) {
        keep(w, sl_fail(&err, SL_ERR_ARGUMENT, "tensor \"%.200s\": more than its %zu bytes", name, e->bytes), &err);
        return;
    }
    sl_file_writer_add(&w->file, bytes, n);
    w->received += n;
    if (w->received == e->bytes) advance(w);
}

/* Writes the index that makes the new shards the checkpoint. */
static sl_status write_index(const sl_safetensors_writer *w, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_INDEX);
    char *path = sl_path_join(w->dir, index_name);
    json_t *map = json_object();
    size_t total = 0;
    int failed = 0;
    for (size_t i = 0; i < w->n_entries; i++) {
        char name[64];
        shard_name(w, w->entries[i].shard, name, sizeof name);
        failed |= json_object_set_new(map, w->entries[i].name, json_string(name));
        total += w->entries[i].bytes;
    }
    json_t *index = json_pack("{s:{s:I},s:o}", "metadata", "total_size", (json_int_t)total, "weight_map", map);
    sl_status status;
    if (!path || failed) {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to write a checkpoint");
        goto out;
    }
    status = sl_json_dump(index, 2, &text, err);
    if (!status) status = sl_file_write(path, sl_buf_str(&text), text.len, err);
out:
    json_decref(index);
    free(path);
    sl_buf_release(&text);
    return status;
}

/* Removes w->dir/name. */
static void remove_in_folder(const sl_safetensors_writer *w, const char *name)
{
    char *path = sl_path_join(w->dir, name);
    if (path) unlink(path);
    free(path);
}

/* What remove_shards removes. */
enum which { OF_THIS_SAVE, OF_OTHER_SAVES };

/* Removes shards from the folder. A failure costs disk space only, and the next save tries again. */
static void remove_shards(const sl_safetensors_writer *w, enum which which)
{
    DIR *d = opendir(w->dir);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        int number = shard_number(e->d_name);
        if (number == 0) continue;
        char own[64];
        shard_name(w, number - 1, own, sizeof own);
        bool ours = w->n_shards > 1 && number <= w->n_shards && strcmp(own, e->d_name) == 0;
        if (ours == (which == OF_THIS_SAVE)) remove_in_folder(w, e->d_name);
    }
    closedir(d);
}

/* Makes a complete set of new files the checkpoint of the folder, and removes what it replaces. */
static sl_status switch_folder(sl_safetensors_writer *w, sl_error *err)
{
    w->switching = true;
    if (w->n_shards > 1) {
        sl_status status = write_index(w, err);
        if (status) return status;
        remove_in_folder(w, single_name);
        remove_in_folder(w, "model.safetensors.tmp");
    } else {
        remove_in_folder(w, index_name);
        remove_in_folder(w, "model.safetensors.index.json.tmp");
    }
    remove_shards(w, OF_OTHER_SAVES);
    return SL_OK;
}

sl_status sl_safetensors_writer_commit(sl_safetensors_writer **w, sl_error *err)
{
    sl_safetensors_writer *s = *w;
    SL_CHECK(s->begun);
    sl_error own;
    if (s->current < s->n_entries) {
        const struct entry *e = &s->entries[s->current];
        keep(s,
             sl_fail(&own, SL_ERR_ARGUMENT, "tensor \"%.200s\" has %zu of its %zu bytes", e->name, s->received,
                     e->bytes),
             &own);
    }
    if (!s->status) {
        s->file_open = false;
        keep(s, sl_file_writer_commit(&s->file, &own), &own);
    }
    if (!s->status && s->dir) keep(s, switch_folder(s, &own), &own);
    sl_status status = s->status;
    if (status) {
        sl_fail(err, status, "%s", s->error.message);
        sl_safetensors_writer_abort(w);
    } else {
        free_writer(w);
    }
    return status;
}

void sl_safetensors_writer_abort(sl_safetensors_writer **w)
{
    if (!*w) return;
    if ((*w)->file_open) sl_file_writer_abort(&(*w)->file);
    if ((*w)->dir && (*w)->begun && !(*w)->switching) remove_shards(*w, OF_THIS_SAVE);
    free_writer(w);
}
