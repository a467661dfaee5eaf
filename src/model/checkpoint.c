/*
 * checkpoint.c: a model's weights from and to a checkpoint folder (docs/MODEL.md, section 6).
 */
#include "base/mem.h"
#include "model/family.h"
#include "model/lora.h"
#include "model/model.h"
#include "model/origin.h"
#include "model/parts.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct loader {
    sl_model *model;
    const sl_origin *file;
    const struct sl_family *family; /* whose names the file has; NULL: our own */
    bool *used;                     /* (count of file), by position */
    float *values;                  /* one group of the largest row */
    unsigned modules;               /* rows of these are filled */
    bool in_parts;                  /* other tensors in the file are fine */
    sl_lora_file *adapter;          /* or NULL */
    bool merge;                     /* the adapter's change goes into the matrices; else into rows of its own */
    const sl_weight_sink *sink;     /* takes the numbers instead of the model; or NULL */
    sl_error *err;
};

typedef struct sl_stored_tensor file_tensor;

/* Finds a tensor under one of the names that files have for it, and marks it used. */
static const file_tensor *find(struct loader *l, const char *name)
{
    char spelling[192];
    const file_tensor *t = NULL;
    size_t at = 0;
    for (int i = 0; !t && sl_family_spelling(l->family, name, i, spelling, sizeof spelling); i++)
        t = sl_origin_find(l->file, spelling, &at);
    if (t) l->used[at] = true;
    return t;
}

/* Names the tensor as the file would. */
static sl_status fail_missing(const struct loader *l, const char *name)
{
    char spelling[192], theirs[192];
    sl_family_spelling(l->family, name, 0, spelling, sizeof spelling);
    sl_origin_name(l->file, spelling, theirs, sizeof theirs);
    return sl_fail(l->err, SL_ERR_FORMAT, "tensor %s is missing", theirs);
}

static void print_shape(char *out, size_t n, int n_dims, const int64_t *shape)
{
    size_t at = 0;
    for (int i = 0; i < n_dims && at < n; i++) {
        int k = snprintf(out + at, n - at, "%s%lld", i ? ", " : "(", (long long)shape[i]);
        at += k > 0 ? (size_t)k : 0;
    }
    if (at < n) snprintf(out + at, n - at, ")");
}

/* A convolution's kernel or a square table: a matrix whose rows or columns have several dimensions. */
static bool is_folded(const struct loader *l, const file_tensor *t, int n_dims, const int64_t *shape)
{
    int64_t numel = 1;
    if (!(l->family || sl_origin_is_gguf(l->file)) || n_dims != 2 || t->n_dims < 3) return false;
    for (int i = 0; i < t->n_dims; i++) numel *= t->shape[i];
    return numel == shape[0] * shape[1] && (t->shape[0] % shape[0] == 0 || t->shape[t->n_dims - 1] == shape[1]);
}

/* A stack of experts that the file keeps for x W rather than x W^T: told by its shape, and if square, by the family. */
static bool is_transposed(const struct loader *l, const sl_weight_row *r, const file_tensor *t)
{
    bool fits = r->n_dims == 3 && t->n_dims == 3 && t->shape[0] == r->w.groups && t->shape[1] == r->w.k &&
                t->shape[2] == r->w.n;
    return l->family && fits;
}

/* Refuses a tensor whose shape or type is not (groups, n, k) without leading ones. */
static sl_status check_tensor(const struct loader *l, const file_tensor *t, int n_dims, const int64_t *shape)
{
    bool same = t->n_dims == n_dims;
    for (int i = 0; same && i < n_dims; i++) same = t->shape[i] == shape[i];
    if (!same && !is_folded(l, t, n_dims, shape)) {
        char want[80], got[80];
        print_shape(want, sizeof want, n_dims, shape);
        print_shape(got, sizeof got, t->n_dims, t->shape);
        return sl_fail(l->err, SL_ERR_FORMAT, "%s: tensor %s has shape %s, expected %s", t->file, t->name, got, want);
    }
    if (!sl_stored_is_float(t))
        return sl_fail(l->err, SL_ERR_FORMAT, "%s: tensor %s has type %s, which is not read", t->file, t->name,
                       t->dtype_name);
    return SL_OK;
}

/* Sets a group of a row from l->values, with an adapter's change where there is one. */
static sl_status set_group(struct loader *l, sl_weight_row *r, int64_t group)
{
    sl_status s = SL_OK;
    if (l->merge) s = sl_lora_file_add(l->adapter, r, group, l->model->plan.ops, l->values, l->err);
    if (s == SL_OK && l->sink) return l->sink->take(l->sink->arg, r, l->values, l->err);
    if (s == SL_OK) sl_weight_set(r, &l->model->plan, l->values, SL_F32, group);
    return s;
}

static sl_status load_transposed(struct loader *l, sl_weight_row *r, const file_tensor *t)
{
    int64_t n = r->w.n, k = r->w.k;
    float *turned = malloc((size_t)(n * k) * sizeof *turned);
    sl_status s = turned ? SL_OK : sl_fail(l->err, SL_ERR_MEMORY, "out of memory while loading");
    for (int64_t g = 0; g < r->w.groups && s == SL_OK; g++) {
        sl_stored_read_f32(t, g * n * k, n * k, turned);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < k; j++) l->values[i * k + j] = turned[j * n + i];
        s = set_group(l, r, g);
    }
    free(turned);
    return s;
}

/* Loads a row whose rows stand in another order in the file, or among others; *handled tells that it is one. */
static sl_status load_ordered(struct loader *l, sl_weight_row *r, const file_tensor *t, bool *handled)
{
    int64_t n = r->n_dims == 1 ? r->w.k : r->w.n, width = r->n_dims == 1 ? 1 : r->w.k;
    if (!l->family || !l->family->row_order || r->n_dims > 2) return SL_OK;
    int32_t *order = sl_alloc_array((size_t)n, sizeof *order);
    sl_status s = order ? SL_OK : sl_fail(l->err, SL_ERR_MEMORY, "out of memory while loading");
    if (s == SL_OK && !l->family->row_order(&l->model->config, r, order)) {
        free(order);
        return SL_OK;
    }
    *handled = true;
    int64_t shape[SL_FILE_DIMS] = {t->shape[0], width};
    if (s == SL_OK) s = check_tensor(l, t, r->n_dims, shape);
    for (int64_t i = 0; i < n && s == SL_OK; i++) {
        if (order[i] >= t->shape[0])
            s = sl_fail(l->err, SL_ERR_FORMAT, "%s: tensor %s has %lld rows, expected at least %d", t->file, t->name,
                        (long long)t->shape[0], order[i] + 1);
        else
            sl_stored_read_f32(t, order[i] * width, width, l->values + i * width);
    }
    free(order);
    return s == SL_OK ? set_group(l, r, 0) : s;
}

static sl_status load_whole(struct loader *l, sl_weight_row *r, const file_tensor *t)
{
    int64_t dims[3] = {r->w.groups, r->w.n, r->w.k}, each = r->w.n * r->w.k;
    bool transposed = is_transposed(l, r, t), handled = false;
    sl_status s = load_ordered(l, r, t, &handled);
    if (handled) return s;
    if (transposed) dims[1] = r->w.k, dims[2] = r->w.n;
    s = check_tensor(l, t, r->n_dims, dims + 3 - r->n_dims);
    if (s != SL_OK) return s;
    if (transposed) return load_transposed(l, r, t);
    bool plain = t->dtype == SL_F32 || t->dtype == SL_BF16;
    bool direct = plain && !l->merge && !l->sink && (uintptr_t)t->data % sl_dtype_size(t->dtype) == 0;
    if (direct) {
        sl_weight_set(r, &l->model->plan, t->data, t->dtype, -1);
        return SL_OK;
    }
    for (int64_t g = 0; g < r->w.groups; g++) {
        sl_stored_read_f32(t, g * each, each, l->values);
        s = set_group(l, r, g);
        if (s != SL_OK) return s;
    }
    return SL_OK;
}

/* Where load_part is: a way, the group, and the row of the values that comes next. */
struct assembly {
    struct sl_row_way way;
    int group;
    int64_t at;
};

/* Reads one part of a group. */
static sl_status load_part(struct loader *l, const sl_weight_row *r, int part, struct assembly *a)
{
    char name[192];
    bool stack = r->w.groups > 1 && !a->way.by_expert;
    sl_row_part_name(r, &a->way, part, a->group, name, sizeof name);
    const file_tensor *t = find(l, name);
    if (!t) return fail_missing(l, name);
    int64_t rows = sl_row_rows(r), width = r->w.n * r->w.k / rows, n = t->shape[stack ? 1 : 0];
    int64_t shape[3] = {r->w.groups, n, width};
    sl_status s = check_tensor(l, t, stack ? 3 : r->n_dims == 1 ? 1 : 2, shape + !stack);
    if (s != SL_OK) return s;
    if (a->at + n > rows)
        return sl_fail(l->err, SL_ERR_FORMAT, "%s: tensor %s has %lld rows, expected at most %lld", t->file, t->name,
                       (long long)n, (long long)(rows - a->at));
    sl_stored_read_f32(t, stack ? a->group * n * width : 0, n * width, l->values + a->at * width);
    a->at += n;
    return SL_OK;
}

/* Loads a row that the checkpoint keeps in parts. */
static sl_status load_split(struct loader *l, sl_weight_row *r, const struct sl_row_way *way)
{
    for (int64_t g = 0; g < r->w.groups; g++) {
        struct assembly a = {.way = *way, .group = (int)g};
        for (int i = 0; i < way->n; i++) {
            sl_status s = load_part(l, r, i, &a);
            if (s != SL_OK) return s;
        }
        if (a.at != sl_row_rows(r))
            return sl_fail(l->err, SL_ERR_FORMAT, "the parts of tensor %s have %lld rows, expected %lld", r->name,
                           (long long)a.at, (long long)sl_row_rows(r));
        sl_status s = set_group(l, r, g);
        if (s != SL_OK) return s;
    }
    return SL_OK;
}

/* The way that the file keeps r: one whose first part is there, else the first that there is. */
static bool choose_way(struct loader *l, const sl_weight_row *r, struct sl_row_way *out)
{
    struct sl_row_way way;
    char name[192];
    const sl_config *c = &l->model->config;
    for (int i = 0; sl_row_way(r, c, i, &way); i++) {
        sl_row_part_name(r, &way, 0, 0, name, sizeof name);
        if (!find(l, name)) continue;
        *out = way;
        return true;
    }
    return sl_row_way(r, c, 0, out);
}

/* Marks the tensors of a row that stays where it is as used. */
static void mark_adopted(struct loader *l, const sl_weight_row *r)
{
    struct sl_row_way way;
    char name[192];
    if (find(l, r->name) || !choose_way(l, r, &way)) return;
    for (int i = 0; i < way.n; i++) {
        sl_row_part_name(r, &way, i, 0, name, sizeof name);
        find(l, name);
    }
}

/* The kernel for patches of two frames, of which t is the part for the first and `second` that for the other. */
static sl_status load_frames(struct loader *l, sl_weight_row *r, const file_tensor *t, const file_tensor *second)
{
    int64_t n = r->w.n, width = r->w.k / 2, shape[2] = {n, width}, area = width / 3;
    const file_tensor *frames[2] = {t, second};
    float *one = malloc((size_t)(n * width) * sizeof *one);
    sl_status s = one ? SL_OK : sl_fail(l->err, SL_ERR_MEMORY, "out of memory while loading");
    for (int f = 0; f < 2 && s == SL_OK; f++) {
        s = check_tensor(l, frames[f], 2, shape);
        if (s != SL_OK) break;
        sl_stored_read_f32(frames[f], 0, n * width, one);
        /* Ours is (D, colour, frame, rows, columns). */
        for (int64_t i = 0; i < 3 * n; i++)
            memcpy(l->values + (2 * i + f) * area, one + i * area, (size_t)area * sizeof *one);
    }
    free(one);
    return s == SL_OK ? set_group(l, r, 0) : s;
}

/* The part of a row's kernel for the second frame, or NULL. */
static const file_tensor *second_frame(struct loader *l, const sl_weight_row *r)
{
    char name[sizeof r->name + 2];
    if (&r->w != l->model->weights.patch_w || sl_vit_frames(&l->model->config.vit) != 2) return NULL;
    snprintf(name, sizeof name, "%s.1", r->name);
    return find(l, name);
}

/* A factor of an adapter in training: from the adapter's file when there is one, else it stays as it is. */
static sl_status load_factor(struct loader *l, sl_weight_row *r)
{
    sl_status s = SL_OK;
    for (int64_t g = 0; g < r->w.groups && l->adapter && s == SL_OK; g++) {
        s = sl_lora_file_read(l->adapter, r, g, l->values, l->err);
        if (s == SL_OK) sl_weight_set(r, &l->model->plan, l->values, SL_F32, g);
    }
    return s;
}

static sl_status load_row(struct loader *l, sl_weight_row *r)
{
    if (r->module == SL_MODULE_LORA) return load_factor(l, r);
    if (r->w.blocks) {
        mark_adopted(l, r);
        return SL_OK;
    }
    const file_tensor *t = find(l, r->name), *second = t ? second_frame(l, r) : NULL;
    struct sl_row_way way;
    if (second) return load_frames(l, r, t, second);
    if (t) return load_whole(l, r, t);
    if (choose_way(l, r, &way)) return load_split(l, r, &way);
    if (l->in_parts && r->module > SL_MODULE_DECODER) return SL_OK;
    if (r->role != SL_ROLE_BUFFER) return fail_missing(l, r->name);
    /* Checkpoints trained without a selection bias mean zeros. */
    memset(l->values, 0, (size_t)sl_weight_row_numel(r) * sizeof(float));
    return set_group(l, r, 0);
}

static sl_status load_rows(struct loader *l)
{
    sl_weights *w = &l->model->weights;
    for (int i = 0; i < w->n_rows; i++) {
        if (!(l->modules & (1u << w->rows[i].module))) continue;
        if (l->sink && !l->sink->wants(l->sink->arg, &w->rows[i])) continue;
        sl_status s = load_row(l, &w->rows[i]);
        if (s != SL_OK) return s;
        if (w->rows[i].w.grad) memset(w->rows[i].w.grad, 0, (size_t)sl_weight_row_numel(&w->rows[i]) * sizeof(float));
    }
    if (l->in_parts || l->sink) return SL_OK;
    sl_status s = l->adapter ? sl_lora_file_check_used(l->adapter, l->err) : SL_OK;
    if (s != SL_OK) return s;
    for (size_t i = 0; i < sl_origin_count(l->file); i++) {
        const file_tensor *t = sl_origin_at(l->file, i);
        if (!l->used[i] && !sl_family_ignores(l->family, t->name))
            return sl_fail(l->err, SL_ERR_FORMAT, "%s: tensor %s is not part of this model", t->file, t->name);
    }
    return SL_OK;
}

/* Returns the mask of modules of which the file has at least one tensor. */
static unsigned modules_in(struct loader *l)
{
    unsigned found = 0;
    for (int i = 0; i < l->model->weights.n_rows; i++) {
        const sl_weight_row *r = &l->model->weights.rows[i];
        /* A vector is never kept in parts, and every module has some. */
        if (r->role == SL_ROLE_VECTOR && find(l, r->name)) found |= 1u << r->module;
    }
    return l->adapter && !l->merge ? found | 1u << SL_MODULE_LORA : found;
}

/* The family whose names the file has: a model of another family that this program saved has our own. */
static const struct sl_family *foreign_names(const sl_model *m, const sl_origin *file)
{
    size_t i;
    return sl_origin_find(file, "model.adapter.norm.weight", &i) ? NULL : sl_family_of(m->config.family);
}

/* What to load. */
struct request {
    unsigned modules;           /* mask */
    unsigned *loaded;           /* or NULL: all of them must be there */
    const sl_weight_sink *sink; /* or NULL */
};

/*
 * Fills the weights from dir: of the modules in the mask that it has, *loaded, or with loaded NULL all of them, which
 * it must have and nothing else. Missing, misshapen and unknown tensors are errors that name the tensor, what was
 * expected and what was found.
 */
static sl_status load_weights(sl_model *m, const char *dir, const struct request *how, sl_lora_file *adapter,
                              sl_error *err)
{
    sl_origin *file = NULL;
    unsigned *loaded = how->loaded;
    sl_status s = sl_origin_open(dir, &file, err);
    if (s != SL_OK) return s;
    size_t most = 1;
    const struct sl_family *family = foreign_names(m, file);
    for (int i = 0; i < m->weights.n_rows; i++) {
        size_t each = (size_t)(m->weights.rows[i].w.n * m->weights.rows[i].w.k);
        if (each > most) most = each;
    }
    struct loader l = {
        .model = m,
        .file = file,
        .family = family,
        .used = sl_alloc_array(sl_origin_count(file) + 1, sizeof(bool)),
        .values = malloc(most * sizeof(float)),
        .modules = how->modules,
        .sink = how->sink,
        .in_parts = loaded || m->plan.modules,
        .adapter = adapter,
        .merge = adapter && !m->config.lora.rank,
        .err = err,
    };
    if (!l.used || !l.values) {
        s = sl_fail(err, SL_ERR_MEMORY, "out of memory while loading");
    } else {
        if (loaded) *loaded = l.modules &= modules_in(&l);
        s = load_rows(&l);
    }
    if (s != SL_OK) sl_fail_context(err, s, "%s", dir);
    free(l.used);
    free(l.values);
    sl_origin_close(&file);
    return s;
}

/* The same where dir may hold an adapter: then the weights are its base's, changed by it or beside it. */
static sl_status load_folder(sl_model *m, const char *dir, const struct request *how, sl_error *err)
{
    sl_lora_config lora;
    sl_lora_file *adapter = NULL;
    if (!sl_lora_in_folder(dir)) return load_weights(m, dir, how, NULL, err);
    sl_status s = sl_lora_config_load(dir, &lora, err);
    if (s == SL_OK) s = sl_lora_file_open(dir, &adapter, err);
    if (s == SL_OK) s = load_weights(m, lora.base, how, adapter, err);
    sl_lora_file_close(&adapter);
    return s;
}

sl_status sl_model_open(const char *dir, const sl_weight_plan *plan, sl_model **out, sl_error *err)
{
    sl_config config;
    sl_status s = sl_config_load(dir, &config, err);
    if (s == SL_OK) s = sl_model_new(&config, plan, false, out, err);
    if (s != SL_OK) return s;
    s = load_folder(*out, dir, &(struct request){.modules = plan->modules ? plan->modules : ~0u}, err);
    if (s != SL_OK) {
        sl_model_free(*out);
        *out = NULL;
    }
    return s;
}

sl_status sl_model_load(sl_model *m, const char *dir, unsigned modules, unsigned *loaded, sl_error *err)
{
    return load_folder(m, dir, &(struct request){.modules = modules, .loaded = loaded}, err);
}

sl_status sl_model_stream(sl_model *m, const char *dir, const sl_weight_sink *sink, sl_error *err)
{
    return load_folder(m, dir, &(struct request){.modules = ~0u, .sink = sink}, err);
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

/* Vectors stay f32: they are a thousandth of the file. */
static sl_dtype saved_type(const sl_weight_row *r, sl_dtype type)
{
    return r->decay ? type : SL_F32;
}

static sl_status declare_rows(const sl_model *m, sl_safetensors_writer *w, sl_dtype type, bool f32, sl_error *err)
{
    for (int i = 0; i < m->weights.n_rows; i++) {
        const sl_weight_row *r = &m->weights.rows[i];
        if (!sl_model_saves(m, r) || (saved_type(r, type) == SL_F32) != f32) continue;
        int64_t dims[3] = {r->w.groups, r->w.n, r->w.k};
        sl_status s =
            sl_safetensors_writer_declare(w, r->name, saved_type(r, type), r->n_dims, dims + 3 - r->n_dims, err);
        if (s != SL_OK) return s;
    }
    return SL_OK;
}

static void write_row(const sl_model *m, const sl_weight_row *r, sl_dtype type, sl_safetensors_writer *w)
{
    enum { PIECE = 1 << 16 };
    sl_bf16 converted[PIECE / 8];
    int64_t n = sl_weight_row_numel(r), step = PIECE / 8;
    const float *src = r->w.value;
    if (type == SL_F32) {
        sl_safetensors_writer_add(w, r->name, src, (size_t)n * sizeof *src);
        return;
    }
    for (int64_t i = 0; i < n; i += step) {
        int64_t count = n - i < step ? n - i : step;
        m->plan.ops->scale(m->plan.ops, count, 1.0f, src + i, SL_F32, converted, SL_BF16);
        sl_safetensors_writer_add(w, r->name, converted, (size_t)count * sizeof *converted);
    }
}

static sl_status save_weights(const sl_model *m, const char *dir, sl_dtype type, size_t shard_bytes, sl_error *err)
{
    sl_safetensors_writer *w = NULL;
    sl_status s = sl_safetensors_writer_new(&w, err);
    /* Wider types first keep every tensor aligned. */
    if (s == SL_OK) s = declare_rows(m, w, type, true, err);
    if (s == SL_OK) s = declare_rows(m, w, type, false, err);
    if (s == SL_OK) s = sl_safetensors_writer_begin_folder(w, dir, shard_bytes, err);
    if (s != SL_OK) {
        sl_safetensors_writer_abort(&w);
        return s;
    }
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < m->weights.n_rows; i++) {
            const sl_weight_row *r = &m->weights.rows[i];
            if (sl_model_saves(m, r) && (saved_type(r, type) == SL_F32) == (pass == 0))
                write_row(m, r, saved_type(r, type), w);
        }
    return sl_safetensors_writer_commit(&w, err);
}

sl_status sl_model_save(const sl_model *m, const char *dir, sl_dtype type, size_t shard_bytes, sl_error *err)
{
    bool adapter = m->config.lora.rank > 0;
    for (int i = 0; i < m->weights.n_rows; i++) {
        const sl_weight_row *r = &m->weights.rows[i];
        if (sl_model_saves(m, r) && (!r->w.value || r->w.value_type != SL_F32))
            return sl_fail(err, SL_ERR_ARGUMENT, "tensor %s has no f32 master: only a model in training can be saved",
                           r->name);
    }
    sl_generation_config g;
    sl_generation_config_defaults(&m->config, &g);
    sl_status s = sl_config_save(&m->config, dir, err);
    if (s == SL_OK) s = sl_generation_config_save(&g, dir, err);
    if (s == SL_OK) s = adapter ? sl_lora_save(m, dir, err) : save_weights(m, dir, type, shard_bytes, err);
    return s;
}
