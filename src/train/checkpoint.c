/*
 * checkpoint.c: finding and reading checkpoints of runs. saver.c writes them.
 */
#include "train/checkpoint.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/safetensors.h"
#include "train/checkpoint_parts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STATE = 1 << 30 };

/* True when dir/name is a checkpoint that was written to its end. */
static bool is_whole(const char *dir, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s/%s", dir, name, SL_CHECKPOINT_STATE);
    return n > 0 && n < (int)sizeof path && sl_file_exists(path);
}

char *sl_checkpoint_last(const char *dir)
{
    char *folder = sl_path_join(dir, SL_CHECKPOINT_FOLDER), *best = NULL;
    DIR *d = folder ? opendir(folder) : NULL;
    char newest[256] = "";
    for (struct dirent *e; d && (e = readdir(d));) {
        /* Steps are written with leading zeros: the greatest name is the newest. */
        if (strncmp(e->d_name, "step-", 5) != 0 || strcmp(e->d_name, newest) <= 0 || !is_whole(folder, e->d_name))
            continue;
        snprintf(newest, sizeof newest, "%s", e->d_name);
    }
    if (d) closedir(d);
    if (newest[0]) best = sl_path_join(folder, newest);
    free(folder);
    return best;
}

/* Finds tensor prefix + name of n elements of f32. */
static sl_status find(const sl_safetensors *f, const char *prefix, const char *name, int64_t n,
                      const struct sl_stored_tensor **out, sl_error *err)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    *out = sl_safetensors_find(f, full);
    if (!*out) return sl_fail(err, SL_ERR_FORMAT, "%s: tensor %s is missing", SL_CHECKPOINT_OPTIMIZER, full);
    if ((*out)->dtype != SL_F32 || (*out)->bytes != (size_t)n * sizeof(float))
        return sl_fail(err, SL_ERR_FORMAT, "%s: tensor %s has %zu bytes, expected %lld of F32", (*out)->file, full,
                       (*out)->bytes, (long long)n * (long long)sizeof(float));
    return SL_OK;
}

static sl_status read_moments(const sl_safetensors *f, sl_trainer *t, sl_error *err)
{
    size_t n = (size_t)sl_trainer_numel(t);
    float *m = sl_alloc_array(n + 1, sizeof *m), *v = sl_alloc_array(n + 1, sizeof *v);
    sl_status s = m && v ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for the optimizer's moments");
    int64_t at = 0;
    for (int i = 0; i < t->model->weights.n_rows && !s; i++) {
        const sl_weight_row *r = &t->model->weights.rows[i];
        if (!r->w.grad) continue;
        const struct sl_stored_tensor *a, *b;
        int64_t numel = sl_weight_row_numel(r);
        s = find(f, SL_CHECKPOINT_M, r->name, numel, &a, err);
        if (!s) s = find(f, SL_CHECKPOINT_V, r->name, numel, &b, err);
        if (s) break;
        sl_stored_read_f32(a, 0, numel, m + at);
        sl_stored_read_f32(b, 0, numel, v + at);
        at += numel;
    }
    if (!s) sl_trainer_set_moments(t, m, v);
    free(m);
    free(v);
    return s;
}

/* What visiting the objective's arrays needs. */
struct visit {
    const sl_safetensors *file;
    sl_status status;
    sl_error *err;
};

static void read_array(void *arg, const char *name, float *values, int64_t n)
{
    struct visit *v = arg;
    const struct sl_stored_tensor *t;
    if (v->status) return;
    v->status = find(v->file, SL_CHECKPOINT_OBJECTIVE, name, n, &t, v->err);
    if (!v->status) sl_stored_read_f32(t, 0, n, values);
}

static sl_status read_optimizer(const char *path, const sl_training *what, bool objective, sl_error *err)
{
    char *file = sl_path_join(path, SL_CHECKPOINT_OPTIMIZER);
    sl_safetensors *f = NULL;
    sl_status s = file ? sl_safetensors_open(file, &f, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (!s) s = read_moments(f, what->trainer, err);
    if (!s && objective && what->objective->visit_state) {
        struct visit v = {.file = f, .err = err};
        what->objective->visit_state(what->objective_state, read_array, &v);
        s = v.status;
    }
    sl_safetensors_close(&f);
    free(file);
    return s;
}

static sl_status read_state(const char *path, json_t **state, int64_t *updates, sl_error *err)
{
    char *file = sl_path_join(path, SL_CHECKPOINT_STATE);
    struct sl_json_object o;
    if (!file) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    sl_status s = sl_json_load(file, MAX_STATE, 64, state, err);
    if (!s) {
        sl_json_open(&o, *state, err);
        sl_json_get_int(&o, "updates", 0, INT64_MAX, updates);
        if (o.status) s = sl_fail_context(err, o.status, "%s", file);
    }
    free(file);
    return s;
}

sl_status sl_checkpoint_load_moments(const char *path, sl_trainer *t, sl_error *err)
{
    json_t *state = NULL;
    sl_training what = {.trainer = t};
    sl_status s = read_state(path, &state, &t->step, err);
    if (!s) s = read_optimizer(path, &what, false, err);
    json_decref(state);
    return s ? sl_fail_context(err, s, "%s", path) : SL_OK;
}

/* Every module that exists must have been read. */
static sl_status check_modules(const sl_model *m, unsigned loaded, sl_error *err)
{
    for (int i = 0; i < m->weights.n_rows; i++) {
        const sl_weight_row *r = &m->weights.rows[i];
        if (sl_model_saves(m, r) && !(loaded >> r->module & 1))
            return sl_fail(err, SL_ERR_FORMAT, "tensor %s is missing", r->name);
    }
    return SL_OK;
}

sl_status sl_checkpoint_load(const char *path, const sl_training *what, json_t **state, sl_error *err)
{
    *state = NULL;
    sl_trainer *t = what->trainer;
    unsigned exist = t->model->plan.modules ? t->model->plan.modules : SL_TRAIN_ALL, loaded = 0;
    sl_status s = read_state(path, state, &t->step, err);
    if (!s) s = sl_model_load(t->model, path, exist, &loaded, err);
    if (!s) s = check_modules(t->model, loaded, err);
    if (!s) s = read_optimizer(path, what, true, err);
    if (!s) return SL_OK;
    json_decref(*state);
    *state = NULL;
    return sl_fail_context(err, s, "%s", path);
}
