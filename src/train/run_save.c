/*
 * run_save.c: a run's state in checkpoints, going back to one, and the model that a run leaves.
 */
#include "base/file.h"
#include "base/mem.h"
#include "train/run_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sl_training training_of(const sl_run_state *r)
{
    return (sl_training){.trainer = r->trainer, .objective = r->recipe->objective, .objective_state = r->objective};
}

static json_t *pack_state(const sl_run_state *r, json_t *positions)
{
    char best[64];
    snprintf(best, sizeof best, "%a", r->best);
    return json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:s, s:b, s:b, s:o, s:i, s:o}", "version", 1, "stage",
                     r->recipe->objective->name, "updates", (json_int_t)r->trainer->step, "step", (json_int_t)r->step,
                     "begun", (json_int_t)r->begun, "samples", (json_int_t)r->samples, "tokens", (json_int_t)r->tokens,
                     "returns", r->n_returns, "best", best, "has_best", (int)r->has_best, "done", (int)r->done, "guard",
                     sl_guard_save(&r->guard), "lanes", r->recipe->lanes, "data", positions);
}

sl_status sl_run_save(sl_run_state *r, bool best, sl_error *err)
{
    json_t *positions, *state;
    sl_training what = training_of(r);
    sl_status s = sl_feed_save(r->feed, r->o.comm, &positions, err);
    if (s) return s;
    state = pack_state(r, positions);
    if (!state) return sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint");
    return sl_saver_save(r->saver, &what, r->step, state, best, err);
}

/* Reads the counters; what concerns the data only when with_data. */
static sl_status read_state(sl_run_state *r, json_t *state, bool with_data, sl_error *err)
{
    struct sl_json_object o;
    const char *stage = "", *best = "0";
    const json_t *data = NULL;
    int64_t begun = 0, returns = 0, samples = 0, tokens = 0;
    sl_json_open(&o, state, err);
    sl_json_get_string(&o, "stage", &stage);
    sl_json_get_int(&o, "step", 0, INT64_MAX, &r->step);
    sl_json_get_int(&o, "begun", 0, INT64_MAX, &begun);
    sl_json_get_int(&o, "samples", 0, INT64_MAX, &samples);
    sl_json_get_int(&o, "tokens", 0, INT64_MAX, &tokens);
    sl_json_get_int(&o, "returns", 0, 1 << 20, &returns);
    sl_json_get_string(&o, "best", &best);
    sl_json_get_bool(&o, "has_best", &r->has_best);
    sl_json_get_bool(&o, "done", &r->done);
    sl_json_get_array(&o, "data", &data);
    if (o.status) return o.status;
    if (strcmp(stage, r->recipe->objective->name) != 0)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s holds a run of stage %s, the recipe is of %s", r->o.out, stage,
                       r->recipe->objective->name);
    r->best = strtod(best, NULL);
    if (!with_data) return SL_OK;
    sl_guard_restore(&r->guard, json_object_get(state, "guard"));
    r->begun = begun;
    r->n_returns = (int)returns;
    r->samples = samples;
    r->tokens = tokens;
    json_decref(r->positions);
    r->positions = json_incref((json_t *)(uintptr_t)data);
    return SL_OK;
}

static sl_status restore(sl_run_state *r, bool with_data, bool *found, sl_error *err)
{
    char *path = sl_checkpoint_last(r->o.out);
    sl_training what = training_of(r);
    json_t *state = NULL;
    *found = path;
    sl_status s = path ? sl_checkpoint_load(path, &what, &state, err) : SL_OK;
    if (!s && path) s = read_state(r, state, with_data, err);
    json_decref(state);
    free(path);
    return s;
}

sl_status sl_run_restore(sl_run_state *r, bool *found, sl_error *err)
{
    return restore(r, true, found, err);
}

sl_status sl_run_go_back(sl_run_state *r, sl_error *err)
{
    int64_t from = r->step;
    bool found = false;
    sl_error unwritten;
    if (++r->n_returns > r->recipe->max_returns)
        return sl_fail(err, SL_ERR_FORMAT, "step %lld: the loss diverged, after going back %d times already",
                       (long long)from, r->n_returns - 1);
    (void)sl_saver_wait(r->saver, &unwritten);          /* said in the log; an older checkpoint will do */
    sl_status s = sl_comm_agree(r->o.comm, SL_OK, err); /* nobody reads before rank 0 has written */
    if (!s) s = restore(r, false, &found, err);
    if (!s && !found)
        s = sl_fail(err, SL_ERR_FORMAT, "step %lld: the loss diverged before the first checkpoint", (long long)from);
    s = sl_comm_agree(r->o.comm, s, err);
    r->guard.in_a_row = 0;
    if (!s && r->o.comm->rank == 0)
        sl_log(r->o.log, SL_LOG_WARNING,
               "step %lld: %d bad steps in a row; went back to the checkpoint of step %lld, past the data between",
               (long long)from, r->recipe->patience, (long long)r->step);
    return s;
}

/* Writes to dir the base of the adapter in from with the adapter's change added. */
static sl_status save_merged(const sl_run_state *r, const char *from, const char *dir, sl_error *err)
{
    sl_model *merged = NULL;
    sl_weight_plan plan = {.ops = r->o.ops, .dt = SL_F32, .masters = ~0u};
    sl_status s = sl_model_open(from, &plan, &merged, err);
    if (!s) s = sl_model_save(merged, dir, SL_BF16, 0, err);
    sl_model_free(merged);
    return s;
}

/* Writes the model, or the adapter, with its tokenizer to RUN/name; merged: the model that the adapter makes. */
static sl_status export_to(const sl_run_state *r, const char *name, const char *merged, sl_error *err)
{
    char *dir = sl_path_join(r->o.out, name), *tokenizer = dir ? sl_path_join(dir, "tokenizer.json") : NULL;
    sl_status s = tokenizer ? sl_dir_make(dir, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (!s) s = merged ? save_merged(r, merged, dir, err) : sl_model_save(r->trainer->model, dir, SL_BF16, 0, err);
    if (!s) s = sl_tokenizer_save(r->tokenizer, tokenizer, err);
    free(dir);
    free(tokenizer);
    return s;
}

sl_status sl_run_export(sl_run_state *r, sl_error *err)
{
    if (r->o.comm->rank != 0) return SL_OK;
    if (!r->recipe->lora_merge) return export_to(r, "model", NULL, err);
    char *adapter = sl_path_join(r->o.out, "adapter");
    sl_status s = adapter ? export_to(r, "adapter", NULL, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (!s) s = export_to(r, "model", adapter, err);
    free(adapter);
    return s;
}
