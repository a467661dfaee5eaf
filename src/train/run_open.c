/*
 * run_open.c: everything that a run needs before its first step.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "tensor/cpu/limits.h"
#include "text/special.h"
#include "train/run_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { MAX_SKIPPED = 100000 };

static sl_status no_memory(sl_error *err)
{
    return sl_fail(err, SL_ERR_MEMORY, "no memory for the run");
}

/* --- the folder ------------------------------------------------------------------------------------------------ */

static bool exists_in(const char *dir, const char *name)
{
    char *path = sl_path_join(dir, name);
    bool there = path && (sl_file_exists(path) || sl_dir_exists(path));
    free(path);
    return there;
}

/* Rank 0 makes and locks the folder and writes the recipe down. */
static sl_status claim_folder(sl_run_state *r, sl_error *err)
{
    const char *out = r->o.out;
    if (r->o.comm->rank != 0) return SL_OK;
    sl_status s = sl_dir_make(out, err);
    if (s) return s;
    char *path = sl_path_join(out, "lock");
    if (!path) return no_memory(err);
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->lock < 0) s = sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
    if (!s && flock(r->lock, LOCK_EX | LOCK_NB) != 0)
        s = sl_fail(err, SL_ERR_IO, "%s: another run is at work in this folder", out);
    free(path);
    if (!s && !r->o.resume && (exists_in(out, "metrics.jsonl") || exists_in(out, "checkpoints")))
        s = sl_fail(err, SL_ERR_ARGUMENT, "%s holds a run already: --resume goes on with it", out);
    return s;
}

static sl_status write_recipe(sl_run_state *r, sl_error *err)
{
    if (r->o.comm->rank != 0) return SL_OK;
    struct sl_buf text = SL_BUF_INIT(1 << 22);
    char *path = sl_path_join(r->o.out, "recipe.json");
    sl_status s = path ? sl_json_dump(r->recipe->tree, 1, &text, err) : no_memory(err);
    if (!s) s = sl_file_write(path, text.data, text.len, err);
    free(path);
    sl_buf_release(&text);
    return s;
}

/* --- where the first weights come from ------------------------------------------------------------------------- */

/* Returns the checkpoint folder that path means: itself, or of a run its model or its last checkpoint; owned. */
static char *resolve_checkpoint(const char *path)
{
    if (exists_in(path, "config.json")) return sl_strdup(path);
    if (exists_in(path, "model/config.json")) return sl_path_join(path, "model");
    char *last = sl_checkpoint_last(path);
    return last ? last : sl_strdup(path);
}

/* The folder whose configuration and tokenizer a recipe takes when it names none. */
static const char *origin(const sl_train_recipe *r)
{
    return r->init_model ? r->init_model : r->init_decoder ? r->init_decoder : r->init_vit;
}

static sl_status load_config(const sl_train_recipe *r, sl_config *out, sl_error *err)
{
    if (r->model && !sl_dir_exists(r->model)) return sl_config_named(r->model, out, err);
    char *dir = resolve_checkpoint(r->model ? r->model : origin(r));
    if (!dir) return no_memory(err);
    sl_status s = sl_config_load(dir, out, err);
    free(dir);
    return s;
}

static sl_status load_tokenizer(sl_run_state *r, sl_error *err)
{
    const sl_train_recipe *p = r->recipe;
    char *path =
        p->tokenizer ? sl_strdup(p->tokenizer) : resolve_checkpoint(p->init_model ? p->init_model : p->init_decoder);
    if (!path) return no_memory(err);
    sl_status s = sl_tokenizer_load(path, &r->tokenizer, err);
    free(path);
    return s;
}

/* Puts the size of the vocabulary into *out: that of the decoder it starts from, of a new one the tokenizer's. */
static sl_status find_vocabulary(const sl_run_state *r, int32_t *out, sl_error *err)
{
    const char *from = r->recipe->init_decoder ? r->recipe->init_decoder : r->recipe->init_model;
    sl_config c;
    *out = sl_tokenizer_vocab_size(r->tokenizer);
    if (!from) return SL_OK;
    char *dir = resolve_checkpoint(from);
    if (!dir) return no_memory(err);
    sl_status s = sl_config_load(dir, &c, err);
    free(dir);
    if (s) return s;
    if (c.decoder.vocab < *out)
        return sl_fail(err, SL_ERR_ARGUMENT, "the tokenizer has %d tokens, the model %d", *out, c.decoder.vocab);
    *out = c.decoder.vocab;
    return SL_OK;
}

/* Sets the ids of special tokens, and the vocabulary, from the tokenizer and what the run starts from. */
static sl_status fit_config(const sl_run_state *r, sl_config *c, sl_error *err)
{
    static const enum sl_special which[] = {SL_SPECIAL_IMAGE_START, SL_SPECIAL_IMAGE_PATCH, SL_SPECIAL_IMAGE_END,
                                            SL_SPECIAL_IM_END, SL_SPECIAL_ENDOFTEXT};
    int *const ids[] = {&c->ids.image_start, &c->ids.image_patch, &c->ids.image_end, &c->ids.eos, &c->ids.pad};
    bool own = c->family == SL_FAMILY_SEEDLING; /* others say their ids themselves */
    for (size_t i = 0; own && i < sizeof which / sizeof *which; i++) {
        *ids[i] = sl_tokenizer_id(r->tokenizer, sl_special_token_at(which[i])->text);
        if (*ids[i] < 0)
            return sl_fail(err, SL_ERR_FORMAT, "the tokenizer lacks the token %s", sl_special_token_at(which[i])->text);
    }
    int32_t vocab;
    sl_status s = find_vocabulary(r, &vocab, err);
    if (s) return s;
    c->decoder.vocab = vocab;
    if (r->recipe->router_aux_loss >= 0) c->decoder.aux_loss_coef = (float)r->recipe->router_aux_loss;
    if (r->recipe->lora.rank) {
        char *base = resolve_checkpoint(r->recipe->init_model), *absolute = base ? realpath(base, NULL) : NULL;
        c->lora = r->recipe->lora;
        int n = absolute ? snprintf(c->lora.base, sizeof c->lora.base, "%s", absolute) : -1;
        free(base);
        free(absolute);
        if (n < 0 || n >= (int)sizeof c->lora.base)
            return sl_fail(err, SL_ERR_ARGUMENT, "%s: no folder that an adapter can name", r->recipe->init_model);
    }
    const sl_objective *o = r->recipe->objective;
    if (o->configure) s = o->configure(c, r->recipe->objective_options, err);
    return s ? s : sl_config_check(c, err);
}

/* Loads the modules in the mask from a checkpoint or run folder. */
static sl_status load_from(sl_run_state *r, const char *from, unsigned modules, sl_error *err)
{
    unsigned exist = r->trainer->model->plan.modules ? r->trainer->model->plan.modules : SL_TRAIN_ALL, loaded = 0;
    char *dir = from ? resolve_checkpoint(from) : NULL;
    if (!from) return SL_OK;
    if (!dir) return no_memory(err);
    sl_status s = sl_model_load(r->trainer->model, dir, modules & exist, &loaded, err);
    if (!s && loaded == 0) s = sl_fail(err, SL_ERR_FORMAT, "%s holds nothing that this stage has", dir);
    if (!s && r->o.comm->rank == 0)
        sl_log(r->o.log, SL_LOG_INFO, "from %s:%s%s%s%s", dir, loaded >> SL_MODULE_VIT & 1 ? " vit" : "",
               loaded >> SL_MODULE_ADAPTER & 1 ? " adapter" : "", loaded >> SL_MODULE_DECODER & 1 ? " decoder" : "",
               loaded >> (SL_MODULE_DECODER + 1) ? " heads" : "");
    free(dir);
    return s;
}

static sl_status load_optimizer(sl_run_state *r, sl_error *err)
{
    if (!r->recipe->init_optimizer) return SL_OK;
    char *last = exists_in(r->recipe->init_model, "training.json") ? sl_strdup(r->recipe->init_model)
                                                                   : sl_checkpoint_last(r->recipe->init_model);
    if (!last)
        return sl_fail(err, SL_ERR_ARGUMENT, "init.optimizer: %s has no checkpoint of a run", r->recipe->init_model);
    sl_status s = sl_checkpoint_load_moments(last, r->trainer, err);
    free(last);
    return s;
}

static sl_status load_initial(sl_run_state *r, sl_error *err)
{
    const sl_train_recipe *p = r->recipe;
    sl_status s = load_from(r, p->init_model, ~0u, err);
    if (!s) s = load_from(r, p->init_vit, 1u << SL_MODULE_VIT, err);
    if (!s) s = load_from(r, p->init_decoder, 1u << SL_MODULE_DECODER, err);
    return s ? s : load_optimizer(r, err);
}

static sl_status make_trainer(sl_run_state *r, sl_error *err)
{
    sl_config c;
    sl_trainer_options o = r->recipe->trainer;
    o.comm = r->o.comm;
    sl_status s = load_config(r->recipe, &c, err);
    if (!s) s = load_tokenizer(r, err);
    if (!s) s = fit_config(r, &c, err);
    if (!s) s = sl_trainer_new(&c, r->o.ops, &o, r->recipe->seed, false, &r->trainer, err);
    return s;
}

static sl_status open_objective(sl_run_state *r, sl_error *err)
{
    const sl_train_recipe *p = r->recipe;
    r->env = (sl_objective_env){
        .model = r->trainer->model,
        .comm = r->o.comm,
        .tokenizer = r->tokenizer,
        .options = p->objective_options,
        .seed = p->seed,
        .max_tokens = p->tokens,
        .held_out_answers = p->eval_answers,
        .max_answer_tokens = p->eval_answer_tokens,
        .answer_samples = p->eval_samples,
        .router_bias_rate = p->router_bias_rate,
        .log = r->o.log,
    };
    sl_status s = p->objective->open ? p->objective->open(&r->env, &r->objective, err) : SL_OK;
    r->objective_open = s == SL_OK;
    return s;
}

/* --- data ------------------------------------------------------------------------------------------------------ */

static bool is_stopped(void *arg)
{
    return sl_signals_stop(arg);
}

sl_status sl_run_open_data(sl_run_state *r, bool held_out, const json_t *positions, sl_feed **out, sl_error *err)
{
    const sl_train_recipe *p = r->recipe;
    sl_feed_options o = {
        .data = held_out ? p->eval_data : p->train_data,
        .folder = p->data_folder,
        .n_lanes = p->lanes,
    };
    sl_mixture_defaults(&o.mixture);
    sl_loader_defaults(&o.loader);
    o.mixture.seed = p->seed;
    o.mixture.shuffle = held_out || p->shuffle; /* a check that stops early has seen every family */
    o.mixture.epochs = held_out ? 1 : p->epochs;
    o.mixture.skipped = o.loader.skipped = r->skipped;
    o.loader.look_ahead = p->look_ahead;
    o.loader.memory_bytes = (size_t)p->memory_bytes;
    o.loader.n_workers = p->workers;
    o.loader.encode.tokenizer = r->tokenizer;
    o.loader.encode.view = sl_config_view(&r->trainer->model->config);
    o.loader.encode.format = sl_config_chat_format(&r->trainer->model->config);
    o.loader.encode.always_thinks = r->trainer->model->config.thinks;
    o.loader.encode.max_tokens = p->tokens;
    o.loader.encode.max_patches = p->patches;
    o.loader.encode.need_target = p->objective->need_targets;
    o.loader.encode.loss_power = p->loss_power;
    if (!held_out && r->o.signals) {
        o.loader.give_up = is_stopped;
        o.loader.give_up_arg = r->o.signals;
    }
    sl_status s = sl_feed_open(&o, r->o.comm, positions, out, err);
    return s ? sl_fail_context(err, s, "%s: data.%s", p->path, held_out ? "held_out" : "train") : SL_OK;
}

sl_status sl_run_batch(const sl_run_state *r, const struct sl_loader_batch *data, sl_batch **out, sl_error *err)
{
    sl_batch_spec spec = {
        .tokens = data->tokens,
        .n_seqs = data->n_samples,
        .cu_seqlens = data->cu_seqlens,
        .targets = data->targets,
        .loss_weights = data->loss_weights,
        .loss_unit = (float)r->recipe->tokens,
        .n_pictures = data->n_pictures,
        .grids = data->grids,
        .patches = data->patches,
    };
    return sl_batch_new(&r->trainer->model->config, &spec, out, err);
}

/* Opens the training data, and the held-out data once, so that what is wrong with it shows before any work. */
static sl_status open_data(sl_run_state *r, sl_error *err)
{
    char *path = sl_path_join(r->o.out, "skipped.jsonl");
    bool writes = r->o.comm->rank == 0;
    sl_status s = path ? sl_skipped_open(writes ? path : NULL, MAX_SKIPPED, &r->skipped, err) : no_memory(err);
    free(path);
    if (!s && r->recipe->eval_data) {
        sl_feed *held_out = NULL;
        s = sl_run_open_data(r, true, NULL, &held_out, err);
        sl_feed_free(&held_out);
    }
    if (!s) s = sl_run_open_data(r, false, r->positions, &r->feed, err);
    if (s || r->recipe->epochs <= 0) return s;
    int64_t rows = sl_feed_rows(r->feed);
    r->total_samples = r->recipe->epochs * (double)rows;
    if (rows < 0)
        return sl_fail(err, SL_ERR_UNSUPPORTED,
                       "%s: epochs need data that can be counted, not compressed tars: give steps", r->recipe->path);
    return SL_OK;
}

static sl_status open_all(sl_run_state *r, sl_error *err)
{
    bool found = false;
    sl_status s = sl_comm_agree(r->o.comm, claim_folder(r, err), err);
    if (!s) s = make_trainer(r, err);
    if (!s) s = load_initial(r, err);
    if (!s) s = open_objective(r, err);
    if (!s && r->o.resume) s = sl_run_restore(r, &found, err);
    if (!s) s = open_data(r, err);
    s = sl_comm_agree(r->o.comm, s, err);
    if (s) return s;
    s = write_recipe(r, err);
    if (!s) s = sl_saver_new(r->o.out, r->recipe->save_keep, r->tokenizer, r->o.comm, r->o.log, &r->saver, err);
    if (!s && r->o.comm->rank == 0) s = sl_journal_open(&r->journal, r->o.out, r->step, err);
    s = sl_comm_agree(r->o.comm, s, err);
    if (!s && r->o.comm->rank == 0 && found && !r->done)
        sl_log(r->o.log, SL_LOG_INFO, "goes on after step %lld", (long long)r->step);
    return s;
}

sl_status sl_run_open(sl_run_state *r, sl_error *err)
{
    r->lock = -1;
    r->guard.spike = r->recipe->spike;
    sl_status s = open_all(r, err);
    r->limit = s ? 0 : sl_cpu_limit_flops(r->o.ops, r->recipe->trainer.dt);
    r->window = (sl_window){.since = sl_clock_seconds()};
    return s;
}

void sl_run_close(sl_run_state *r)
{
    sl_saver_free(&r->saver);
    sl_feed_free(&r->feed);
    if (r->objective_open && r->recipe->objective->close) r->recipe->objective->close(r->objective);
    sl_trainer_free(r->trainer);
    sl_journal_close(&r->journal);
    sl_tally_free(&r->tally);
    sl_skipped_close(&r->skipped, NULL);
    sl_tokenizer_free(&r->tokenizer);
    json_decref(r->positions);
    if (r->lock >= 0) close(r->lock);
}
