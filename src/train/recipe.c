/*
 * recipe.c: reading a stage's recipe. Every section is a function that refuses keys it does not know.
 */
#include "train/recipe.h"

#include "base/mem.h"
#include "model/lora.h"

#include <math.h>
#include <string.h>

#define KNOWN(o, ...)                                                                                                  \
    do {                                                                                                               \
        static const char *const names_[] = {__VA_ARGS__};                                                             \
        sl_json_known_keys(o, names_, (int)(sizeof names_ / sizeof *names_));                                          \
    } while (0)

static const char *const module_names[] = {"vit", "adapter", "decoder", "pretrain", "text", "lora"};
enum { N_NAMES = sizeof module_names / sizeof *module_names };
_Static_assert((int)N_NAMES >= (int)SL_N_MODULES, "every module has a name in recipes");

/* Opens section key of o into *out; false when it is not there. Its status must be passed back with close_section. */
static bool open_section(struct sl_json_object *o, const char *key, struct sl_json_object *out)
{
    if (o->status || !sl_json_has(o, key)) return false;
    sl_json_get_object(o, key, out);
    if (out->status) o->status = out->status;
    return !out->status;
}

static void close_section(struct sl_json_object *o, const struct sl_json_object *section)
{
    if (section->status) o->status = section->status;
}

static void read_int(struct sl_json_object *o, const char *key, int64_t min, int64_t max, int64_t *out)
{
    if (!o->status && sl_json_has(o, key)) sl_json_get_int(o, key, min, max, out);
}

static void read_small(struct sl_json_object *o, const char *key, int min, int max, int *out)
{
    int64_t x = *out;
    read_int(o, key, min, max, &x);
    *out = (int)x;
}

static void read_number(struct sl_json_object *o, const char *key, double min, double max, double *out)
{
    if (o->status || !sl_json_has(o, key)) return;
    double x = 0;
    sl_json_get_number(o, key, &x);
    if (!o->status && !(x >= min && x <= max)) sl_json_fail(o, key, "%g is outside %g to %g", x, min, max);
    if (!o->status) *out = x;
}

static void read_float(struct sl_json_object *o, const char *key, double min, double max, float *out)
{
    double x = (double)*out;
    read_number(o, key, min, max, &x);
    *out = (float)x;
}

static void read_string(struct sl_json_object *o, const char *key, const char **out)
{
    if (!o->status && sl_json_has(o, key)) sl_json_get_string(o, key, out);
}

static void read_bool(struct sl_json_object *o, const char *key, bool *out)
{
    if (!o->status && sl_json_has(o, key)) sl_json_get_bool(o, key, out);
}

/* --- sections -------------------------------------------------------------------------------------------------- */

static void read_init(struct sl_json_object *top, sl_train_recipe *r)
{
    struct sl_json_object o;
    if (!open_section(top, "init", &o)) return;
    KNOWN(&o, "model", "vit", "decoder", "optimizer");
    read_string(&o, "model", &r->init_model);
    read_string(&o, "vit", &r->init_vit);
    read_string(&o, "decoder", &r->init_decoder);
    read_bool(&o, "optimizer", &r->init_optimizer);
    if (!o.status && r->init_optimizer && !r->init_model)
        sl_json_fail(&o, "optimizer", "needs init.model, a run's folder, to take the moments from");
    close_section(top, &o);
}

static int module_of(const char *name)
{
    for (int i = 0; i < SL_N_MODULES; i++)
        if (strcmp(name, module_names[i]) == 0) return i;
    return -1;
}

static void read_trainable(struct sl_json_object *o, sl_train_recipe *r)
{
    const json_t *list = NULL;
    r->trainer.trainable = r->objective->trains;
    if (o->status || !sl_json_has(o, "trainable")) return;
    sl_json_get_array(o, "trainable", &list);
    r->trainer.trainable = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int m = name ? module_of(name) : -1;
        if (m < 0) sl_json_fail(o, "trainable", "expected names of modules: vit, adapter, decoder");
        if (m < 0) return;
        unsigned exists = r->objective->modules ? r->objective->modules : ~0u;
        if (!(exists >> m & 1)) sl_json_fail(o, "trainable", "stage %s has no %s", r->objective->name, name);
        r->trainer.trainable |= 1u << m;
    }
    if (r->trainer.trainable == 0) sl_json_fail(o, "trainable", "nothing would be trained");
}

/* An adapter: then it alone is trained, unless the recipe names more, and the router's bias stays as it is. */
static void read_lora(struct sl_json_object *o, sl_train_recipe *r)
{
    struct sl_json_object lora;
    if (!open_section(o, "lora", &lora)) return;
    read_bool(&lora, "merge", &r->lora_merge);
    close_section(o, &lora);
    json_t *rest = o->status ? NULL : json_copy((json_t *)(uintptr_t)lora.value); /* the adapter's own keys */
    json_object_del(rest, "merge");
    if (!o->status && sl_lora_parse(rest, &r->lora, o->err)) o->status = sl_fail_context(o->err, SL_ERR_FORMAT, "lora");
    json_decref(rest);
    if (o->status) return;
    unsigned modules = r->objective->modules;
    if ((modules && !(modules >> SL_MODULE_DECODER & 1)) || !r->init_model || r->init_vit || r->init_decoder)
        sl_json_fail(o, "lora", "needs a stage of the whole model, and init.model alone to adapt");
    else if (sl_json_has(o, "trainable"))
        sl_json_fail(o, "lora", "trains the adapter alone: leave out trainable");
    if (modules) r->trainer.modules = modules | 1u << SL_MODULE_LORA;
    r->trainer.trainable = 1u << SL_MODULE_LORA;
    r->router_bias_rate = 0;
}

static void read_lr_scale(struct sl_json_object *top, sl_train_recipe *r)
{
    struct sl_json_object o;
    if (!open_section(top, "lr_scale", &o)) return;
    sl_json_known_keys(&o, module_names, SL_N_MODULES);
    for (int i = 0; i < SL_N_MODULES; i++) read_float(&o, module_names[i], 0, 1e6, &r->trainer.lr_scale[i]);
    close_section(top, &o);
}

static void read_betas(struct sl_json_object *o, sl_train_recipe *r)
{
    const json_t *betas = NULL;
    if (o->status || !sl_json_has(o, "betas")) return;
    sl_json_get_array(o, "betas", &betas);
    double b[2] = {json_number_value(json_array_get(betas, 0)), json_number_value(json_array_get(betas, 1))};
    if (json_array_size(betas) != 2 || !(b[0] >= 0 && b[0] < 1 && b[1] > 0 && b[1] < 1)) {
        sl_json_fail(o, "betas", "expected two numbers from 0 to below 1");
        return;
    }
    r->trainer.beta1 = (float)b[0];
    r->trainer.beta2 = (float)b[1];
}

static void read_schedule(struct sl_json_object *o, sl_train_recipe *r)
{
    static const char *const shapes[] = {"cosine", "linear", "constant"};
    const char *shape = NULL;
    read_number(o, "lr", 0, 10, &r->schedule.max_lr);
    r->schedule.min_lr = r->schedule.max_lr;
    read_number(o, "min_lr", 0, 10, &r->schedule.min_lr);
    read_string(o, "schedule", &shape);
    for (int i = 0; shape && !o->status; i++) {
        if (i == 3) sl_json_fail(o, "schedule", "'%s' is none of cosine, linear, constant", shape);
        if (i == 3 || strcmp(shape, shapes[i]) != 0) continue;
        r->schedule.shape = (sl_schedule_shape)i;
        break;
    }
    read_int(o, "warmup_steps", 0, INT64_MAX, &r->warmup_steps);
    read_number(o, "warmup", 0, 1, &r->schedule.warmup);
    if (!o->status && r->warmup_steps >= 0 && sl_json_has(o, "warmup"))
        sl_json_fail(o, "warmup", "not together with warmup_steps");
    if (!o->status && r->warmup_steps > 0 && r->steps == 0)
        sl_json_fail(o, "warmup_steps", "needs steps; with epochs give warmup, a part of the run");
    if (!o->status && r->schedule.min_lr > r->schedule.max_lr) sl_json_fail(o, "min_lr", "more than lr");
}

static void read_optimizer(struct sl_json_object *top, sl_train_recipe *r)
{
    struct sl_json_object o;
    sl_json_get_object(top, "optimizer", &o);
    KNOWN(&o, "lr", "min_lr", "schedule", "warmup_steps", "warmup", "betas", "eps", "weight_decay", "clip");
    if (!o.status && !sl_json_has(&o, "lr")) sl_json_fail(&o, "lr", "missing");
    read_schedule(&o, r);
    read_betas(&o, r);
    read_float(&o, "eps", 1e-20, 1, &r->trainer.eps);
    read_float(&o, "weight_decay", 0, 10, &r->trainer.weight_decay);
    read_float(&o, "clip", 0, 1e6, &r->trainer.clip_norm);
    close_section(top, &o);
}

/* Returns how many lanes suit so many sequences, unless the recipe says it: up to four ranks can then share them. */
static int usual_lanes(int sequences)
{
    return sequences % 4 == 0 ? 4 : sequences % 2 == 0 ? 2 : 1;
}

static void read_batch(struct sl_json_object *top, sl_train_recipe *r)
{
    struct sl_json_object o;
    sl_json_get_object(top, "batch", &o);
    KNOWN(&o, "sequences", "tokens", "patches");
    if (!o.status) sl_json_get_int(&o, "tokens", 16, 1 << 24, &r->tokens);
    read_small(&o, "sequences", 1, 1 << 20, &r->sequences);
    r->patches = 4 * r->tokens;
    read_int(&o, "patches", 4, 1 << 26, &r->patches);
    r->lanes = usual_lanes(r->sequences);
    close_section(top, &o);
}

/* A path, a list of paths, or a mixture. */
static void read_dataset(struct sl_json_object *o, const char *key, const json_t **out)
{
    if (o->status || !sl_json_has(o, key)) return;
    const json_t *v = json_object_get(o->value, key);
    if (!json_is_string(v) && !json_is_object(v)) sl_json_fail(o, key, "expected a path, or an object with sources");
    *out = v;
}

static void read_data(struct sl_json_object *top, sl_train_recipe *r)
{
    struct sl_json_object o;
    sl_json_get_object(top, "data", &o);
    KNOWN(&o, "folder", "train", "held_out", "lanes", "workers", "look_ahead", "memory_mib", "loss_power", "shuffle");
    int64_t mib = r->memory_bytes >> 20;
    read_string(&o, "folder", &r->data_folder);
    if (!o.status && !sl_json_has(&o, "train")) sl_json_fail(&o, "train", "missing");
    read_dataset(&o, "train", &r->train_data);
    read_dataset(&o, "held_out", &r->eval_data);
    read_small(&o, "lanes", 1, 4096, &r->lanes);
    if (!o.status && r->sequences % r->lanes)
        sl_json_fail(&o, "lanes", "%d do not divide the %d sequences of a step", r->lanes, r->sequences);
    read_small(&o, "workers", 1, 64, &r->workers);
    read_small(&o, "look_ahead", 1, 1 << 16, &r->look_ahead);
    read_int(&o, "memory_mib", 1, 1 << 20, &mib);
    read_float(&o, "loss_power", 0, 1, &r->loss_power);
    read_bool(&o, "shuffle", &r->shuffle);
    r->memory_bytes = mib << 20;
    close_section(top, &o);
}

static void read_rest(struct sl_json_object *top, sl_train_recipe *r)
{
    struct sl_json_object o;
    if (open_section(top, "router", &o)) {
        KNOWN(&o, "bias_rate", "aux_loss");
        read_float(&o, "bias_rate", 0, 1, &r->router_bias_rate);
        read_number(&o, "aux_loss", 0, 10, &r->router_aux_loss);
        close_section(top, &o);
    }
    if (open_section(top, "eval", &o)) {
        KNOWN(&o, "every", "sequences", "answers", "answer_tokens", "samples");
        read_int(&o, "every", 0, INT64_MAX, &r->eval_every);
        read_small(&o, "sequences", 1, 1 << 20, &r->eval_sequences);
        read_small(&o, "answers", 0, 1 << 20, &r->eval_answers);
        read_small(&o, "answer_tokens", 1, 1 << 16, &r->eval_answer_tokens);
        read_small(&o, "samples", 0, 100, &r->eval_samples);
        close_section(top, &o);
    }
    if (open_section(top, "checkpoint", &o)) {
        KNOWN(&o, "every", "keep");
        read_int(&o, "every", 0, INT64_MAX, &r->save_every);
        read_small(&o, "keep", 1, 1000, &r->save_keep);
        close_section(top, &o);
    }
    if (open_section(top, "guard", &o)) {
        KNOWN(&o, "spike", "patience", "returns");
        read_number(&o, "spike", 0, 1e9, &r->spike);
        read_small(&o, "patience", 1, 1000, &r->patience);
        read_small(&o, "returns", 0, 1000, &r->max_returns);
        close_section(top, &o);
    }
}

static void read_length(struct sl_json_object *top, sl_train_recipe *r)
{
    int64_t tokens = 0;
    read_int(top, "steps", 1, INT64_MAX, &r->steps);
    read_int(top, "total_tokens", 1, INT64_MAX, &tokens);
    read_number(top, "epochs", 1e-6, 1e6, &r->epochs);
    if (top->status) return;
    int given = (r->steps > 0) + (tokens > 0) + (r->epochs > 0);
    if (given != 1) sl_json_fail(top, "steps", "give one of steps, total_tokens and epochs");
    int64_t each = r->tokens * r->sequences;
    if (tokens > 0) r->steps = (tokens + each - 1) / each;
}

static void set_defaults(sl_train_recipe *r)
{
    sl_trainer_defaults(&r->trainer);
    r->warmup_steps = -1;
    r->sequences = 1;
    r->seed = 1;
    r->router_bias_rate = 0.001f;
    r->router_aux_loss = -1;
    r->data_folder = ".";
    r->workers = 1;
    r->look_ahead = 64;
    r->memory_bytes = (int64_t)256 << 20;
    r->shuffle = true;
    r->eval_sequences = 8;
    r->eval_answer_tokens = 64;
    r->log_every = 10;
    r->save_keep = 2;
    r->spike = 10;
    r->patience = 5;
    r->max_returns = 3;
}

static void read_top(struct sl_json_object *o, sl_train_recipe *r, sl_error *err)
{
    KNOWN(o, "stage", "model", "tokenizer", "init", "seed", "precision", "recompute", "trainable", "lr_scale", "steps",
          "total_tokens", "epochs", "batch", "optimizer", "router", "data", "eval", "log_every", "checkpoint", "guard",
          "objective", "lora", "about");
    const char *stage = NULL, *precision = "bf16";
    int64_t seed = 1;
    if (!o->status) sl_json_get_string(o, "stage", &stage);
    if (o->status) return;
    r->objective = sl_objective_find(stage, err);
    if (!r->objective) o->status = SL_ERR_FORMAT;
    if (o->status) return;
    read_string(o, "model", &r->model);
    read_string(o, "tokenizer", &r->tokenizer);
    read_string(o, "precision", &precision);
    if (o->status || !precision) return;
    r->f32 = strcmp(precision, "f32") == 0;
    if (!o->status && !r->f32 && strcmp(precision, "bf16") != 0)
        sl_json_fail(o, "precision", "'%s' is neither bf16 nor f32", precision);
    r->trainer.dt = r->f32 ? SL_F32 : SL_BF16;
    read_bool(o, "recompute", &r->trainer.recompute);
    read_int(o, "seed", 0, INT64_MAX, &seed);
    r->seed = (uint64_t)seed;
    r->trainer.modules = r->objective->modules;
    read_trainable(o, r);
    read_lr_scale(o, r);
    read_init(o, r);
    if (!o->status) read_batch(o, r);
    if (!o->status) read_length(o, r);
    if (!o->status) read_optimizer(o, r);
    if (!o->status) read_data(o, r);
    read_rest(o, r);
    read_lora(o, r);
    read_int(o, "log_every", 1, INT64_MAX, &r->log_every);
    if (!o->status && sl_json_has(o, "objective")) r->objective_options = json_object_get(o->value, "objective");
    if (!o->status && !r->model && !r->init_model && !r->init_vit && !r->init_decoder)
        sl_json_fail(o, "model", "missing: a configuration's name, unless init says what to start from");
    if (!o->status && !r->tokenizer && !r->init_model && !r->init_decoder)
        sl_json_fail(o, "tokenizer", "missing: a tokenizer.json, unless init.model or init.decoder has one");
}

sl_status sl_train_recipe_read(const char *path, json_t *tree, sl_train_recipe *out, sl_error *err)
{
    *out = (sl_train_recipe){.path = path};
    set_defaults(out);
    struct sl_json_object top;
    sl_json_open(&top, tree, err);
    if (!top.status) read_top(&top, out, err);
    if (top.status) return sl_fail_context(err, top.status, "%s", path);
    if (out->warmup_steps > 0) out->schedule.warmup = fmin(1, (double)out->warmup_steps / (double)out->steps);
    out->tree = json_incref(tree);
    return SL_OK;
}

void sl_train_recipe_release(sl_train_recipe *r)
{
    json_decref(r->tree);
    *r = (sl_train_recipe){0};
}
