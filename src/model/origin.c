/*
 * origin.c: one face for both formats.
 */
#include "model/origin.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/gguf_config.h"
#include "model/gguf_names.h"
#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>

struct sl_origin {
    sl_safetensors *folder; /* one of the two */
    sl_gguf *gguf;
    struct sl_stored_tensor *tensors; /* owned: of a GGUF file, sorted by name */
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sl_stored_tensor *)a)->name, ((const struct sl_stored_tensor *)b)->name);
}

static sl_status sort_tensors(sl_origin *s, sl_error *err)
{
    size_t n = sl_gguf_count(s->gguf);
    s->tensors = sl_alloc_array(n + 1, sizeof *s->tensors);
    if (!s->tensors) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tensors", n);
    for (size_t i = 0; i < n; i++) s->tensors[i] = *sl_gguf_at(s->gguf, i);
    if (n) qsort(s->tensors, n, sizeof *s->tensors, by_name);
    return SL_OK;
}

sl_status sl_origin_open(const char *path, sl_origin **out, sl_error *err)
{
    sl_origin *s = *out = sl_alloc_array(1, sizeof *s);
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory to open %s", path);
    sl_status status;
    if (sl_gguf_is_file(path)) {
        status = sl_gguf_open(path, &s->gguf, err);
        if (status == SL_OK) status = sort_tensors(s, err);
    } else {
        status = sl_safetensors_open(path, &s->folder, err);
    }
    if (status != SL_OK) sl_origin_close(out);
    return status;
}

void sl_origin_close(sl_origin **s)
{
    if (!*s) return;
    sl_safetensors_close(&(*s)->folder);
    sl_gguf_close(&(*s)->gguf);
    free((*s)->tensors);
    free(*s);
    *s = NULL;
}

size_t sl_origin_count(const sl_origin *s)
{
    return s->gguf ? sl_gguf_count(s->gguf) : sl_safetensors_count(s->folder);
}

const struct sl_stored_tensor *sl_origin_at(const sl_origin *s, size_t i)
{
    return s->gguf ? &s->tensors[i] : sl_safetensors_at(s->folder, i);
}

const struct sl_stored_tensor *sl_origin_find(const sl_origin *s, const char *name, size_t *i)
{
    const struct sl_stored_tensor *t;
    if (s->gguf) {
        char theirs[192];
        sl_gguf_name(name, theirs, sizeof theirs);
        const struct sl_stored_tensor key = {.name = theirs};
        size_t n = sl_gguf_count(s->gguf);
        t = n ? bsearch(&key, s->tensors, n, sizeof key, by_name) : NULL;
    } else {
        t = sl_safetensors_find(s->folder, name);
    }
    if (t) *i = (size_t)(t - sl_origin_at(s, 0));
    return t;
}

bool sl_origin_is_gguf(const sl_origin *s)
{
    return s->gguf != NULL;
}

bool sl_origin_exists(const char *path)
{
    return sl_dir_exists(path) || sl_gguf_is_file(path);
}

sl_status sl_origin_tokenizer(const char *path, struct sl_tokenizer **out, sl_error *err)
{
    return sl_gguf_is_file(path) ? sl_gguf_tokenizer_load(path, out, err) : sl_tokenizer_load(path, out, err);
}
