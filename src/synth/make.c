/*
 * make.c: the processes that make a data set.
 *
 * A shard is a job, and jobs are numbers: each process takes the next one from a counter in shared memory, so nothing
 * is sent and nothing depends on who is faster. Signals are waited for by the first process and told to the others by
 * a flag in the same memory, so that everybody stops between two samples and removes what is unfinished.
 */
#include "synth/make.h"

#include "base/file.h"
#include "base/json.h"
#include "data/shard_writer.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PROCESSES = 512, MAX_RECIPE = 1 << 24, POLL_MS = 50 };

/* Shared by all processes. */
struct common {
    atomic_llong next_job;
    atomic_llong n_done;    /* samples, those of shards that were there included */
    atomic_llong n_written; /* shards */
    atomic_bool stop;
    atomic_bool failed; /* whoever sets it writes the error */
    sl_status status;
    sl_error error;
};

/* One process's view. */
struct maker {
    const struct sl_recipe *recipe;
    const struct sl_make_options *options;
    struct common *common;
    bool usable[SL_RECIPE_MAX_FAMILIES]; /* can be made here */
    bool open[SL_RECIPE_MAX_FAMILIES];
    void *states[SL_RECIPE_MAX_FAMILIES]; /* owned; of open families */
};

/* --- jobs ----------------------------------------------------------------------------------------------------- */

/* A shard: these samples of a family and split. */
struct job {
    struct sl_recipe_place first;
    int64_t n;
    int64_t shard;
};

static int64_t n_shards(const struct maker *m, int family, int split)
{
    int64_t n = m->recipe->families[family].n_samples[split], size = m->recipe->shard_size;
    return m->usable[family] ? (n + size - 1) / size : 0;
}

/* Finds job i; false past the last. */
static bool find_job(const struct maker *m, int64_t i, struct job *out)
{
    for (int split = 0; split < SL_N_SYNTH_SPLITS; split++)
        for (int f = 0; f < m->recipe->n_families; f++) {
            int64_t n = n_shards(m, f, split), size = m->recipe->shard_size;
            if (i >= n) {
                i -= n;
                continue;
            }
            int64_t first = i * size, left = m->recipe->families[f].n_samples[split] - first;
            *out = (struct job){.first = {.family = f, .split = (sl_synth_split)split, .number = first},
                                .n = left < size ? left : size,
                                .shard = i};
            return true;
        }
    return false;
}

static sl_status shard_path(const struct maker *m, const struct job *j, struct sl_buf *out, sl_error *err)
{
    sl_buf_addf(out, "%s/%s%s-%06lld.tar", m->options->folder, j->first.split == SL_SYNTH_HELD_OUT ? "held-out/" : "",
                m->recipe->families[j->first.family].family->name, (long long)j->shard);
    return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
}

/* --- making --------------------------------------------------------------------------------------------------- */

static sl_status open_family(struct maker *m, int family, sl_error *err)
{
    const struct sl_synth_family *f = m->recipe->families[family].family;
    if (m->open[family] || !f->open) return SL_OK;
    sl_status status = f->open(&m->states[family], err);
    if (status) return sl_fail_context(err, status, "%s", f->name);
    m->open[family] = true;
    return SL_OK;
}

static void close_families(struct maker *m)
{
    for (int i = 0; i < m->recipe->n_families; i++) {
        if (m->open[i]) m->recipe->families[i].family->close(m->states[i]);
        m->open[i] = false;
    }
}

static sl_status write_sample(struct sl_shard_writer *w, const struct sl_recipe_sample *s, struct sl_buf *text,
                              sl_error *err)
{
    char name[SL_RECIPE_MAX_KEY + 20];
    json_t *row = NULL;
    sl_status status = SL_OK;
    for (int i = 0; i < s->sample.n_media && !status; i++) {
        const struct sl_buf *bytes = &s->sample.media[i].bytes;
        sl_synth_media_name(&s->sample, s->key, i, name, sizeof name);
        status = sl_shard_writer_add(w, name, bytes->data, bytes->len, err);
    }
    if (!status) status = sl_synth_sample_json(&s->sample, &s->row, &row, err);
    sl_buf_clear(text);
    if (!status) status = sl_json_dump(row, 0, text, err);
    json_decref(row);
    snprintf(name, sizeof name, "%s.json", s->key);
    return status ? status : sl_shard_writer_add(w, name, sl_buf_str(text), text->len, err);
}

static sl_status write_shard(struct maker *m, const struct job *j, const char *path, sl_error *err)
{
    struct sl_shard_writer *w = NULL;
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 30);
    sl_status status = sl_shard_writer_open(path, &w, err);
    for (int64_t i = 0; i < j->n && !status && !atomic_load(&m->common->stop); i++) {
        struct sl_recipe_place at = j->first;
        struct sl_recipe_sample s;
        at.number += i;
        status = sl_recipe_make(m->recipe, &at, m->states[at.family], &s, err);
        if (!status && m->options->check) status = sl_recipe_check(m->recipe, &at, m->states[at.family], &s, err);
        if (!status) status = write_sample(w, &s, &text, err);
        sl_synth_sample_release(&s.sample);
        if (!status) atomic_fetch_add(&m->common->n_done, 1);
    }
    sl_buf_release(&text);
    if (status || atomic_load(&m->common->stop)) {
        sl_shard_writer_abort(&w);
        return status;
    }
    status = sl_shard_writer_finish(&w, err);
    if (!status) atomic_fetch_add(&m->common->n_written, 1);
    return status;
}

static sl_status do_job(struct maker *m, const struct job *j, sl_error *err)
{
    struct sl_buf path = SL_BUF_INIT(1 << 16);
    sl_status status = shard_path(m, j, &path, err);
    if (!status && sl_file_exists(sl_buf_str(&path))) {
        atomic_fetch_add(&m->common->n_done, j->n);
    } else if (!status) {
        status = open_family(m, j->first.family, err);
        if (!status) status = write_shard(m, j, sl_buf_str(&path), err);
    }
    sl_buf_release(&path);
    return status;
}

/* Takes jobs until there are no more. A failure is kept in common and stops everybody. */
static void work(struct maker *m)
{
    struct job j;
    sl_error err = {0};
    sl_status status = SL_OK;
    while (!status && !atomic_load(&m->common->stop) && find_job(m, atomic_fetch_add(&m->common->next_job, 1), &j))
        status = do_job(m, &j, &err);
    close_families(m);
    if (status && !atomic_exchange(&m->common->failed, true)) {
        m->common->status = status;
        m->common->error = err;
        atomic_store(&m->common->stop, true);
    }
}

/* --- processes ------------------------------------------------------------------------------------------------ */

/* Waits for the children, the signals and the time of the next report. Returns whether all children have ended well. */
static bool wait_for(struct maker *m, const sigset_t *signals, int n_children, int64_t n_samples, bool *interrupted)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    bool well = true;
    while (n_children > 0) {
        int how;
        pid_t pid = waitpid(-1, &how, WNOHANG);
        if (pid > 0) {
            n_children--;
            if (WIFEXITED(how) && WEXITSTATUS(how) == 0) continue;
            well = false;
            atomic_store(&m->common->stop, true);
            continue;
        }
        if (pid < 0 && errno != EINTR) return well;
        if (sigtimedwait(signals, NULL, &pause) > 0) {
            *interrupted = true;
            atomic_store(&m->common->stop, true);
        }
        if (m->options->progress) m->options->progress(m->options->arg, atomic_load(&m->common->n_done), n_samples);
    }
    return well;
}

static sl_status run_processes(struct maker *m, int64_t n_samples, bool *interrupted, sl_error *err)
{
    sigset_t signals, before;
    int n_children = 0;
    sl_status status = SL_OK;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &before);
    pid_t parent = getpid();
    while (n_children < m->options->n_processes && n_children < MAX_PROCESSES && !status) {
        pid_t pid = fork();
        if (pid < 0) {
            status = sl_fail(err, SL_ERR_IO, "cannot start a process: %m");
            atomic_store(&m->common->stop, true);
        } else if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody works for a parent that is gone */
            if (getppid() == parent) work(m);
            _exit(0);
        } else {
            n_children++;
        }
    }
    bool well = wait_for(m, &signals, n_children, n_samples, interrupted);
    /* A signal that is still pending was meant for the work that has ended. */
    const struct timespec now = {0};
    while (sigtimedwait(&signals, NULL, &now) > 0) *interrupted = true;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (!status && atomic_load(&m->common->failed))
        status = sl_fail(err, m->common->status, "%s", m->common->error.message);
    if (!status && !well) status = sl_fail(err, SL_ERR_IO, "a process was killed, or crashed");
    return status;
}

/* --- the folder ----------------------------------------------------------------------------------------------- */

/* Appends the path of the first value that differs between two recipes; false when they are equal. */
static bool difference(const json_t *a, const json_t *b, struct sl_buf *where)
{
    const char *key;
    json_t *value;
    size_t start = where->len;
    if (!json_is_object(a) || !json_is_object(b)) return !json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b);
    for (int turn = 0; turn < 2; turn++) {
        const json_t *x = turn ? b : a, *y = turn ? a : b;
        json_object_foreach((json_t *)(uintptr_t)x, key, value)
        {
            const json_t *other = json_object_get(y, key);
            sl_buf_addf(where, "%s%s", start ? "." : "", key);
            if (!other || difference(value, other, where)) return true;
            if (!sl_buf_ok(where)) return true;
            where->len = start;
        }
    }
    return false;
}

/* Keeps the recipe in the folder, or compares it with the one there. */
static sl_status claim_folder(const struct sl_recipe *r, const char *folder, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_RECIPE), where = SL_BUF_INIT(4096);
    char *path = sl_path_join(folder, "recipe.json"), *held = sl_path_join(folder, "held-out");
    json_t *there = NULL;
    sl_status status = path && held ? sl_dir_make(folder, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    for (int i = 0; i < r->n_families && !status; i++)
        if (r->families[i].n_samples[SL_SYNTH_HELD_OUT] > 0) status = sl_dir_make(held, err);
    if (!status && sl_file_exists(path)) {
        status = sl_json_load(path, MAX_RECIPE, 16, &there, err);
        if (!status && difference(there, r->resolved, &where))
            status = sl_fail(err, SL_ERR_ARGUMENT,
                             "%s holds data of another recipe (%s differs from recipe.json): use another folder",
                             folder, sl_buf_str(&where));
    } else if (!status) {
        status = sl_json_dump(r->resolved, 2, &text, err);
        sl_buf_addch(&text, '\n');
        if (!status) status = sl_file_write(path, sl_buf_str(&text), text.len, err);
    }
    json_decref(there);
    free(path);
    free(held);
    sl_buf_release(&text);
    sl_buf_release(&where);
    return status;
}

/* Finds out which families can be made here, by opening each once, and counts their work. */
static sl_status look_around(struct maker *m, struct sl_make_result *out, sl_error *err)
{
    for (int i = 0; i < m->recipe->n_families; i++) {
        sl_error why = {0};
        sl_status status = open_family(m, i, &why);
        close_families(m);
        if (status && status != SL_ERR_UNSUPPORTED) return sl_fail(err, status, "%s", why.message);
        if (status && m->options->left_out)
            m->options->left_out(m->options->arg, m->recipe->families[i].family->name, why.message);
        m->usable[i] = !status;
        for (int split = 0; split < SL_N_SYNTH_SPLITS; split++) {
            out->n_shards += n_shards(m, i, split);
            if (m->usable[i]) out->n_samples += m->recipe->families[i].n_samples[split];
        }
    }
    return SL_OK;
}

sl_status sl_make(const struct sl_recipe *r, const struct sl_make_options *o, struct sl_make_result *out, sl_error *err)
{
    struct maker m = {.recipe = r, .options = o};
    *out = (struct sl_make_result){0};
    m.common = mmap(NULL, sizeof *m.common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (m.common == MAP_FAILED) return sl_fail(err, SL_ERR_MEMORY, "no memory shared between processes: %m");
    sl_status status = claim_folder(r, o->folder, err);
    if (!status) status = look_around(&m, out, err);
    if (!status) status = run_processes(&m, out->n_samples, &out->interrupted, err);
    out->n_written = atomic_load(&m.common->n_written);
    munmap(m.common, sizeof *m.common);
    return status;
}
