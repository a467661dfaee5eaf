/*
 * origin.c: one face for both formats.
 */
#include "model/origin.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/gguf_config.h"
#include "model/gguf_pair.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sl_origin {
    sl_safetensors *folder;           /* one of the two */
    struct sl_gguf_pair gguf;         /* model NULL: none */
    struct sl_stored_tensor *tensors; /* owned: of all GGUF files, sorted by name */
    size_t n_tensors;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sl_stored_tensor *)a)->name, ((const struct sl_stored_tensor *)b)->name);
}

static sl_status sort_tensors(sl_origin *s, sl_error *err)
{
    const sl_gguf *files[2] = {s->gguf.model, s->gguf.vision};
    size_t n = 0;
    for (int f = 0; f < 2; f++) n += files[f] ? sl_gguf_count(files[f]) : 0;
    s->tensors = sl_alloc_array(n + 1, sizeof *s->tensors);
    if (!s->tensors) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tensors", n);
    for (int f = 0; f < 2; f++)
        for (size_t i = 0; files[f] && i < sl_gguf_count(files[f]); i++)
            s->tensors[s->n_tensors++] = *sl_gguf_at(files[f], i);
    if (n) qsort(s->tensors, n, sizeof *s->tensors, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(s->tensors[i - 1].name, s->tensors[i].name) == 0)
            return sl_fail(err, SL_ERR_FORMAT, "%s: tensor \"%.200s\" is also in %s", s->tensors[i].file,
                           s->tensors[i].name, s->tensors[i - 1].file);
    return SL_OK;
}

sl_status sl_origin_open(const char *path, sl_origin **out, sl_error *err)
{
    sl_origin *s = *out = sl_alloc_array(1, sizeof *s);
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory to open %s", path);
    sl_status status;
    if (sl_gguf_is_model(path)) {
        status = sl_gguf_pair_open(path, &s->gguf, err);
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
    sl_gguf_pair_close(&(*s)->gguf);
    free((*s)->tensors);
    free(*s);
    *s = NULL;
}

size_t sl_origin_count(const sl_origin *s)
{
    return s->gguf.model ? s->n_tensors : sl_safetensors_count(s->folder);
}

const struct sl_stored_tensor *sl_origin_at(const sl_origin *s, size_t i)
{
    return s->gguf.model ? &s->tensors[i] : sl_safetensors_at(s->folder, i);
}

void sl_origin_name(const sl_origin *s, const char *name, char *out, size_t size)
{
    if (s->gguf.model)
        sl_gguf_name(&s->gguf.naming, name, out, size);
    else
        snprintf(out, size, "%s", name);
}

const struct sl_stored_tensor *sl_origin_find(const sl_origin *s, const char *name, size_t *i)
{
    const struct sl_stored_tensor *t;
    if (s->gguf.model) {
        char theirs[192];
        sl_gguf_name(&s->gguf.naming, name, theirs, sizeof theirs);
        const struct sl_stored_tensor key = {.name = theirs};
        t = s->n_tensors ? bsearch(&key, s->tensors, s->n_tensors, sizeof key, by_name) : NULL;
    } else {
        t = sl_safetensors_find(s->folder, name);
    }
    if (t) *i = (size_t)(t - sl_origin_at(s, 0));
    return t;
}

bool sl_origin_is_gguf(const sl_origin *s)
{
    return s->gguf.model != NULL;
}

bool sl_origin_exists(const char *path)
{
    return sl_dir_exists(path) || sl_gguf_is_model(path);
}

sl_status sl_origin_tokenizer(const char *path, struct sl_tokenizer **out, sl_error *err)
{
    return sl_gguf_is_model(path) ? sl_gguf_tokenizer_load(path, out, err) : sl_tokenizer_load(path, out, err);
}
