/*
 * gguf_pair.c: finding and opening the files, and what their tensors are called.
 */
#include "model/gguf_pair.h"

#include "base/mem.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PATH = 4096 };

/* Architectures of language models, and the projectors of towers that go with them. */
static const struct {
    const char *architecture, *projector;
    sl_family_id family;
} kinds[] = {
    {"qwen3vl", "qwen3vl_merger", SL_FAMILY_QWEN3_VL},
    {"qwen3vlmoe", "qwen3vl_merger", SL_FAMILY_QWEN3_VL},
    {"qwen2vl", "qwen2.5vl_merger", SL_FAMILY_QWEN2_5_VL},
};

sl_family_id sl_gguf_family_of(const char *architecture, const char *projector)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].architecture, architecture) == 0 &&
            (!projector || strcmp(kinds[i].projector, projector) == 0))
            return kinds[i].family;
    return SL_FAMILY_SEEDLING;
}

const struct sl_gguf_value *sl_gguf_of_model(const sl_gguf *g, const char *key)
{
    char whole[256];
    const char *architecture;
    if (!sl_gguf_get_string(g, "general.architecture", &architecture)) return NULL;
    snprintf(whole, sizeof whole, "%.100s.%s", architecture, key);
    return sl_gguf_value(g, whole);
}

/* Splits "A.gguf+B.gguf" into copies, *second NULL when there is one file; false without memory. */
static bool split_path(const char *path, char **first, char **second)
{
    const char *plus = sl_gguf_is_file(path) ? NULL : strstr(path, ".gguf+");
    *second = plus ? sl_strdup(plus + strlen(".gguf+")) : NULL;
    *first = sl_strdup(path);
    if (*first && plus) (*first)[plus - path + (ptrdiff_t)strlen(".gguf")] = '\0';
    return *first && (!plus || *second);
}

bool sl_gguf_is_model(const char *path)
{
    char *first, *second;
    bool is = split_path(path, &first, &second) && sl_gguf_is_file(first);
    free(first);
    free(second);
    return is;
}

sl_status sl_gguf_pair_name(const char *model, const char *mmproj, char *out, size_t n, sl_error *err)
{
    int length = mmproj && *mmproj ? snprintf(out, n, "%s+%s", model, mmproj) : snprintf(out, n, "%s", model);
    if (length >= (int)n) return sl_fail(err, SL_ERR_ARGUMENT, "a model's path of %d bytes is too long", length);
    return mmproj && *mmproj && !sl_gguf_is_model(out)
               ? sl_fail(err, SL_ERR_ARGUMENT, "%s: no GGUF file, so no second file goes with it", model)
               : SL_OK;
}

/* Looks for mmproj-NAME, or the one mmproj*.gguf, in the folder of path; *out is owned. */
static sl_status find_vision(const char *path, char **out, sl_error *err)
{
    char pattern[MAX_PATH];
    const char *slash = strrchr(path, '/');
    glob_t found = {0};
    int folder = slash ? (int)(slash + 1 - path) : 0;
    int n = snprintf(pattern, sizeof pattern, "%.*smmproj-%s", folder, path, path + folder);
    if (n >= (int)sizeof pattern) return sl_fail(err, SL_ERR_ARGUMENT, "a path of %d bytes is too long", n);
    if (sl_gguf_is_file(pattern)) { /* what `convert` writes beside it */
        *out = sl_strdup(pattern);
        return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    }
    snprintf(pattern, sizeof pattern, "%.*smmproj*.gguf", folder, path);
    int failed = glob(pattern, GLOB_NOSORT, NULL, &found);
    sl_status s = SL_OK;
    if (failed || found.gl_pathc == 0)
        s = sl_fail(err, SL_ERR_FORMAT,
                    "%s has no vision tower: give the file that has it (mmproj-....gguf) with --mmproj", path);
    else if (found.gl_pathc > 1)
        s = sl_fail(err, SL_ERR_FORMAT, "%s: %s and %s are beside it: choose one with --mmproj", path,
                    found.gl_pathv[0], found.gl_pathv[1]);
    else if (!(*out = sl_strdup(found.gl_pathv[0])))
        s = sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    globfree(&found);
    return s;
}

static sl_status refuse(const char *architecture, sl_error *err)
{
    char known[160] = "seedling";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, ", %s", kinds[i].architecture);
    }
    return sl_fail(err, SL_ERR_UNSUPPORTED, "architecture \"%.60s\" is not supported in GGUF files; supported is: %s",
                   architecture, known);
}

/* The file of the tower must be one, for this architecture. */
static sl_status check_vision(const sl_gguf *g, const char *architecture, sl_error *err)
{
    const char *its, *projector;
    if (!sl_gguf_get_string(g, "general.architecture", &its) || strcmp(its, "clip") != 0)
        return sl_fail(err, SL_ERR_FORMAT, "no vision tower: its general.architecture is not \"clip\"");
    if (!sl_gguf_get_string(g, "clip.projector_type", &projector) &&
        !sl_gguf_get_string(g, "clip.vision.projector_type", &projector))
        return sl_fail(err, SL_ERR_FORMAT, "key \"clip.projector_type\" is missing or no string");
    if (sl_gguf_family_of(architecture, projector) != SL_FAMILY_SEEDLING) return SL_OK;
    return sl_fail(err, SL_ERR_UNSUPPORTED, "projector \"%.60s\" is not supported for architecture \"%.60s\"",
                   projector, architecture);
}

static sl_status open_vision(struct sl_gguf_pair *p, const char *model, char *given, const char *architecture,
                             sl_error *err)
{
    char *path = given, *found = NULL;
    sl_status s = SL_OK;
    if (!path) {
        s = find_vision(model, &found, err);
        path = found;
    }
    if (s == SL_OK) s = sl_gguf_open(path, &p->vision, err);
    if (s == SL_OK) {
        s = check_vision(p->vision, architecture, err);
        if (s != SL_OK) sl_fail_context(err, s, "%s", path);
    }
    free(found);
    return s;
}

/* Which blocks feed DeepStack: flags, one a block. */
static void read_deepstack(const sl_gguf *g, sl_int_list *out)
{
    const struct sl_gguf_value *v = sl_gguf_value(g, "clip.vision.is_deepstack_layers");
    int64_t flag;
    for (uint64_t i = 0; v && i < v->count && i < INT32_MAX && out->n < SL_MAX_LIST; i++)
        if (sl_gguf_element_int(v, i, &flag) && flag) out->items[out->n++] = (int)i;
}

/* In old files ffn_down begins the MLP: it then reads as many numbers as the tower is wide. */
static bool is_swapped(const sl_gguf *g)
{
    const struct sl_stored_tensor *t = sl_gguf_find(g, "v.blk.0.ffn_down.weight");
    int64_t hidden = 0, inner = 0;
    sl_gguf_get_int(g, "clip.vision.embedding_length", &hidden);
    sl_gguf_get_int(g, "clip.vision.feed_forward_length", &inner);
    return t && t->n_dims == 2 && t->shape[1] == hidden && t->shape[0] == inner && hidden != inner;
}

static sl_status open_first(struct sl_gguf_pair *p, const char *path, char *second, sl_error *err)
{
    const char *architecture;
    sl_status s = sl_gguf_open(path, &p->model, err);
    if (s != SL_OK) return s;
    if (!sl_gguf_get_string(p->model, "general.architecture", &architecture))
        s = sl_fail(err, SL_ERR_FORMAT, "key \"general.architecture\" is missing or no string");
    else if (strcmp(architecture, "clip") == 0)
        s = sl_fail(err, SL_ERR_FORMAT,
                    "this is a vision tower alone: give the language model, and this file with --mmproj");
    else if (strcmp(architecture, "seedling") == 0)
        p->naming.layout = SL_GGUF_SEEDLING;
    else if (sl_gguf_family_of(architecture, NULL) == SL_FAMILY_SEEDLING)
        s = refuse(architecture, err);
    else
        p->naming.layout = sl_gguf_of_model(p->model, "vision.block_count") ? SL_GGUF_OLLAMA : SL_GGUF_PAIR;
    if (s == SL_OK && second && p->naming.layout != SL_GGUF_PAIR)
        s = sl_fail(err, SL_ERR_ARGUMENT, "it holds its vision tower itself: there is no use for %s", second);
    if (s != SL_OK) return sl_fail_context(err, s, "%s", path);
    if (p->naming.layout != SL_GGUF_PAIR) return SL_OK;
    s = open_vision(p, path, second, architecture, err);
    if (s != SL_OK) return s;
    read_deepstack(p->vision, &p->naming.deepstack);
    p->naming.gated = sl_gguf_family_of(architecture, NULL) == SL_FAMILY_QWEN2_5_VL;
    p->naming.swapped = is_swapped(p->vision);
    return SL_OK;
}

void sl_gguf_pair_files(const char *path, char *files[2])
{
    sl_error ignored;
    if (split_path(path, &files[0], &files[1]) && !files[1] && sl_gguf_is_file(files[0]))
        find_vision(files[0], &files[1], &ignored);
}

sl_status sl_gguf_pair_open(const char *path, struct sl_gguf_pair *out, sl_error *err)
{
    char *first, *second;
    *out = (struct sl_gguf_pair){0};
    sl_status s = split_path(path, &first, &second) ? open_first(out, first, second, err)
                                                    : sl_fail(err, SL_ERR_MEMORY, "no memory to open %s", path);
    if (s != SL_OK) sl_gguf_pair_close(out);
    free(first);
    free(second);
    return s;
}

void sl_gguf_pair_close(struct sl_gguf_pair *p)
{
    sl_gguf_close(&p->model);
    sl_gguf_close(&p->vision);
    *p = (struct sl_gguf_pair){0};
}
