/*
 * saver.c: checkpoints written beside the training.
 *
 * The step waits for a copy in memory only. Then a thread owns the copy until it is done; the training thread touches
 * it again only after joining. The thread uses no kernels: f32 weights are written as they are.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/safetensors.h"
#include "text/tokenizer.h"
#include "train/checkpoint.h"
#include "train/checkpoint_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ARRAYS = 64, MAX_PATH = 4096 };

/* One array of the objective's, copied. */
struct array {
    char name[96];
    float *values; /* owned */
    int64_t n, cap;
};

/* Everything that a checkpoint holds, copied. */
struct copy {
    sl_model model;        /* of the trainer's, with rows of its own */
    sl_weight_row *rows;   /* owned; their values point into `values` */
    float *values, *m, *v; /* owned */
    bool *trained;         /* (n_rows), owned: has moments */
    struct array arrays[MAX_ARRAYS];
    int n_arrays;
    json_t *state; /* owned */
    int64_t step;
    bool best;
};

struct sl_saver {
    char *folder; /* owned: RUN/checkpoints */
    int keep;
    struct sl_buf tokenizer; /* the text of tokenizer.json */
    const struct sl_log *log;
    bool writes; /* rank 0 */
    struct copy copy;
    int64_t best; /* step of the best checkpoint, or -1 */
    pthread_t thread;
    bool running;
    sl_status status; /* of the last write */
    sl_error error;
};

/* --- folders --------------------------------------------------------------------------------------------------- */

/* Removes a folder of files, or a file. */
static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char file[MAX_PATH];
        int n = snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (n > 0 && n < (int)sizeof file && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) unlink(file);
    }
    if (d) closedir(d);
    rmdir(path);
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

/* Calls visit with the path of every entry of folder whose name starts with prefix. */
static void each_entry(const char *folder, const char *prefix, void (*visit)(void *arg, const char *path), void *arg)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[MAX_PATH];
        int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (strncmp(entries[i]->d_name, prefix, strlen(prefix)) == 0 && length < (int)sizeof path) visit(arg, path);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
}

static void remove_visited(void *arg, const char *path)
{
    (void)arg;
    remove_tree(path);
}

static void count_visited(void *arg, const char *path)
{
    (void)path;
    ++*(int *)arg;
}

/* The old checkpoints on their way out. */
struct prune {
    int left; /* how many more to remove */
    int64_t best;
};

static void prune_visited(void *arg, const char *path)
{
    struct prune *p = arg;
    const char *name = strrchr(path, '-');
    if (p->left <= 0) return;
    p->left--;
    if (name && strtoll(name + 1, NULL, 10) != p->best) remove_tree(path);
}

/* Makes the link folder/name point to target, in one step. */
static void set_link(const char *folder, const char *name, const char *target)
{
    char link[MAX_PATH], temp[MAX_PATH];
    int a = snprintf(link, sizeof link, "%s/%s", folder, name), b = snprintf(temp, sizeof temp, "%s/.%s", folder, name);
    if (a >= (int)sizeof link || b >= (int)sizeof temp) return;
    unlink(temp);
    if (symlink(target, temp) == 0 && rename(temp, link) != 0) unlink(temp);
}

/* --- the copy -------------------------------------------------------------------------------------------------- */

static size_t values_count(const sl_model *m)
{
    size_t n = 0;
    for (int i = 0; i < m->weights.n_rows; i++)
        if (sl_model_saves(m, &m->weights.rows[i])) n += (size_t)sl_weight_row_numel(&m->weights.rows[i]);
    return n;
}

static sl_status make_copy(struct copy *c, const sl_trainer *t, sl_error *err)
{
    const sl_model *m = t->model;
    size_t n = values_count(m), moments = (size_t)sl_trainer_numel(t), rows = (size_t)m->weights.n_rows;
    c->model = *m;
    c->rows = sl_alloc_array(rows, sizeof *c->rows);
    c->trained = sl_alloc_array(rows, sizeof *c->trained);
    c->values = malloc((n + 1) * sizeof *c->values);
    c->m = malloc((moments + 1) * sizeof *c->m);
    c->v = malloc((moments + 1) * sizeof *c->v);
    if (!c->rows || !c->trained || !c->values || !c->m || !c->v)
        return sl_fail(err, SL_ERR_MEMORY, "no memory for the copy of a checkpoint");
    memcpy(c->rows, m->weights.rows, rows * sizeof *c->rows);
    c->model.weights.rows = c->rows;
    float *at = c->values;
    for (size_t i = 0; i < rows; i++) {
        c->trained[i] = c->rows[i].w.grad;
        if (!sl_model_saves(m, &c->rows[i])) continue;
        c->rows[i].w.value = at;
        at += sl_weight_row_numel(&c->rows[i]);
    }
    return SL_OK;
}

static void copy_array(void *arg, const char *name, float *values, int64_t n)
{
    struct copy *c = arg;
    SL_CHECK(c->n_arrays < MAX_ARRAYS);
    struct array *a = &c->arrays[c->n_arrays++];
    if (n > a->cap) {
        free(a->values);
        a->values = malloc((size_t)n * sizeof *values);
        a->cap = a->values ? n : 0;
    }
    a->n = a->values ? n : -1;
    snprintf(a->name, sizeof a->name, "%s", name);
    if (a->values) memcpy(a->values, values, (size_t)n * sizeof *values);
}

static sl_status fill_copy(struct copy *c, const sl_training *what, sl_error *err)
{
    const sl_model *m = what->trainer->model;
    for (int i = 0; i < m->weights.n_rows; i++) {
        const sl_weight_row *r = &m->weights.rows[i];
        if (sl_model_saves(m, r)) memcpy(c->rows[i].w.value, r->w.value, (size_t)sl_weight_row_numel(r) * 4);
    }
    c->n_arrays = 0;
    if (what->objective->visit_state) what->objective->visit_state(what->objective_state, copy_array, c);
    for (int i = 0; i < c->n_arrays; i++)
        if (c->arrays[i].n < 0) return sl_fail(err, SL_ERR_MEMORY, "no memory for the copy of a checkpoint");
    return SL_OK;
}

/* --- writing --------------------------------------------------------------------------------------------------- */

/* The optimizer's tensors in file order: declared in one pass, written in another. */
static sl_status each_tensor(const struct copy *c, sl_safetensors_writer *w, bool declare, sl_error *err)
{
    char name[160];
    sl_status s = SL_OK;
    for (int pass = 0; pass < 2; pass++) {
        const float *at = pass ? c->v : c->m;
        for (int i = 0; i < c->model.weights.n_rows && !s; i++) {
            if (!c->trained[i]) continue;
            int64_t n = sl_weight_row_numel(&c->rows[i]);
            snprintf(name, sizeof name, "%s%s", pass ? SL_CHECKPOINT_V : SL_CHECKPOINT_M, c->rows[i].name);
            if (declare) s = sl_safetensors_writer_declare(w, name, SL_F32, 1, &n, err);
            if (!declare) sl_safetensors_writer_add(w, name, at, (size_t)n * sizeof *at);
            at += n;
        }
    }
    for (int i = 0; i < c->n_arrays && !s; i++) {
        snprintf(name, sizeof name, "%s%s", SL_CHECKPOINT_OBJECTIVE, c->arrays[i].name);
        if (declare) s = sl_safetensors_writer_declare(w, name, SL_F32, 1, &c->arrays[i].n, err);
        if (!declare) sl_safetensors_writer_add(w, name, c->arrays[i].values, (size_t)c->arrays[i].n * sizeof(float));
    }
    return s;
}

static sl_status write_optimizer(const struct copy *c, const char *dir, sl_error *err)
{
    char path[MAX_PATH + 64];
    sl_safetensors_writer *w = NULL;
    snprintf(path, sizeof path, "%s/%s", dir, SL_CHECKPOINT_OPTIMIZER);
    sl_status s = sl_safetensors_writer_new(&w, err);
    if (!s) s = each_tensor(c, w, true, err);
    if (!s) s = sl_safetensors_writer_begin_file(w, path, err);
    if (!s) s = each_tensor(c, w, false, err);
    if (!s) return sl_safetensors_writer_commit(&w, err);
    sl_safetensors_writer_abort(&w);
    return s;
}

static sl_status write_text(const char *dir, const char *name, const struct sl_buf *text, sl_error *err)
{
    char path[MAX_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return sl_file_write(path, text->data, text->len, err);
}

static sl_status write_folder(const sl_saver *s, const char *dir, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 30);
    sl_status st = sl_dir_make(dir, err);
    if (!st) st = sl_model_save(&s->copy.model, dir, SL_F32, 0, err);
    if (!st) st = write_optimizer(&s->copy, dir, err);
    if (!st) st = write_text(dir, "tokenizer.json", &s->tokenizer, err);
    if (!st) st = sl_json_dump(s->copy.state, 1, &text, err);
    if (!st) st = write_text(dir, SL_CHECKPOINT_STATE, &text, err);
    sl_buf_release(&text);
    return st;
}

static sl_status write_checkpoint(sl_saver *s, sl_error *err)
{
    char name[64], part[MAX_PATH], whole[MAX_PATH];
    snprintf(name, sizeof name, "step-%010lld", (long long)s->copy.step);
    snprintf(part, sizeof part, "%s/part-%lld", s->folder, (long long)s->copy.step);
    int n = snprintf(whole, sizeof whole, "%s/%s", s->folder, name);
    if (n >= (int)sizeof whole) return sl_fail(err, SL_ERR_ARGUMENT, "%s: too long a path", s->folder);
    remove_tree(part);
    sl_status st = write_folder(s, part, err);
    if (!st) remove_tree(whole); /* of the same step, before training went back */
    if (!st && rename(part, whole) != 0) st = sl_fail(err, SL_ERR_IO, "%s: %s", whole, strerror(errno));
    if (st) {
        remove_tree(part);
        return st;
    }
    sync_folder(s->folder);
    set_link(s->folder, "last", name);
    if (s->copy.best) {
        s->best = s->copy.step;
        set_link(s->folder, "best", name);
    }
    struct prune p = {.left = -s->keep, .best = s->best};
    each_entry(s->folder, "step-", count_visited, &p.left);
    each_entry(s->folder, "step-", prune_visited, &p);
    return SL_OK;
}

static void *run_thread(void *arg)
{
    sl_saver *s = arg;
    s->status = write_checkpoint(s, &s->error);
    if (s->status)
        sl_log(s->log, SL_LOG_WARNING, "the checkpoint of step %lld could not be written: %s; training goes on",
               (long long)s->copy.step, s->error.message);
    return NULL;
}

/* --- the saver ------------------------------------------------------------------------------------------------- */

static void join(sl_saver *s)
{
    if (s->running) pthread_join(s->thread, NULL);
    s->running = false;
}

/* Reads back which checkpoint the link says is the best. */
static int64_t linked_step(const char *folder, const char *link)
{
    char path[MAX_PATH], target[256];
    snprintf(path, sizeof path, "%s/%s", folder, link);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0) return -1;
    target[n] = '\0';
    const char *dash = strrchr(target, '-');
    return dash ? strtoll(dash + 1, NULL, 10) : -1;
}

sl_status sl_saver_new(const char *dir, int keep, const struct sl_tokenizer *tokenizer, const sl_comm *comm,
                       const struct sl_log *log, sl_saver **out, sl_error *err)
{
    sl_saver *s = *out = sl_alloc_array(1, sizeof *s);
    if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory to save");
    s->keep = keep;
    s->log = log;
    s->writes = comm->rank == 0;
    s->best = -1;
    s->tokenizer = (struct sl_buf)SL_BUF_INIT((size_t)1 << 30);
    s->folder = sl_path_join(dir, SL_CHECKPOINT_FOLDER);
    sl_status st = s->folder ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory to save");
    if (!st && s->writes) {
        st = sl_dir_make(s->folder, err);
        each_entry(s->folder, "part-", remove_visited, NULL);
        s->best = linked_step(s->folder, "best");
        char *path = sl_path_join(dir, "tokenizer.json");
        if (!st && path) st = sl_tokenizer_save(tokenizer, path, err);
        if (!st && path) st = sl_file_read(path, &s->tokenizer, err);
        free(path);
    }
    if (st) sl_saver_free(out);
    return st;
}

void sl_saver_free(sl_saver **saver)
{
    sl_saver *s = *saver;
    *saver = NULL;
    if (!s) return;
    join(s);
    free(s->folder);
    sl_buf_release(&s->tokenizer);
    struct copy *c = &s->copy;
    for (int i = 0; i < MAX_ARRAYS; i++) free(c->arrays[i].values);
    json_decref(c->state);
    free(c->rows);
    free(c->trained);
    free(c->values);
    free(c->m);
    free(c->v);
    free(s);
}

sl_status sl_saver_save(sl_saver *s, const sl_training *what, int64_t step, json_t *state, bool best, sl_error *err)
{
    struct copy *c = &s->copy;
    join(s);
    sl_status st = s->writes && !c->rows ? make_copy(c, what->trainer, err) : SL_OK;
    if (!st) sl_trainer_get_moments(what->trainer, c->m, c->v);
    if (!st && s->writes) st = fill_copy(c, what, err);
    json_decref(c->state);
    c->state = state;
    c->step = step;
    c->best = best;
    if (st || !s->writes) return st;
    s->status = SL_OK;
    s->running = pthread_create(&s->thread, NULL, run_thread, s) == 0;
    if (!s->running) run_thread(s);
    return SL_OK;
}

sl_status sl_saver_wait(sl_saver *s, sl_error *err)
{
    join(s);
    return s->status ? sl_fail(err, s->status, "%s", s->error.message) : SL_OK;
}
