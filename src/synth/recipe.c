/*
 * recipe.c: reading recipes, and which sample a number stands for.
 */
#include "synth/recipe.h"

#include "base/json.h"
#include "synth/validate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MIN_SIDE = 28,
    MAX_SIDE = 4096,
    DEFAULT_SHARD = 1000,
    MAX_SHARD = 1000000,
};

static const int64_t max_samples = 1000000000000;

/* --- seeds ---------------------------------------------------------------------------------------------------- */

/* SplitMix64's finaliser (Steele, Lea and Flood 2014): neighbouring numbers become unrelated ones. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Starts the generator of a sample's content, which depends on seed, family, split and number alone. */
static void seed_for(struct sl_rng *rng, uint64_t seed, const char *family, sl_synth_split split, int64_t number)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a of the family's name */
    for (; *family; family++) h = (h ^ (unsigned char)*family) * 1099511628211u;
    h = mix(h ^ mix(seed) ^ mix((uint64_t)split + 1));
    sl_rng_init(rng, mix(h + (uint64_t)number), mix(h ^ (uint64_t)number));
}

/* --- reading -------------------------------------------------------------------------------------------------- */

/* What holds for families that do not say otherwise. */
struct defaults {
    int64_t n_samples[SL_N_SYNTH_SPLITS];
    double thinking;
    int width[2], height[2];
};

static void get_share(struct sl_json_object *o, const char *key, double *out)
{
    if (!sl_json_has(o, key)) return;
    sl_json_get_number(o, key, out);
    if (!o->status && !(*out >= 0 && *out <= 1)) sl_json_fail(o, key, "expected a share from 0 to 1");
}

static void get_count(struct sl_json_object *o, const char *key, int64_t *out)
{
    if (sl_json_has(o, key)) sl_json_get_int(o, key, 0, max_samples, out);
}

/* A side in pixels: one number, or the least and the most. */
static void get_side(struct sl_json_object *o, const char *key, int out[2])
{
    const json_t *v = o->status ? NULL : json_object_get(o->value, key);
    if (!v || json_is_null(v)) return;
    bool pair = json_is_array(v) && json_array_size(v) == 2;
    const json_t *low = pair ? json_array_get(v, 0) : v, *high = pair ? json_array_get(v, 1) : v;
    json_int_t a = json_integer_value(low), b = json_integer_value(high);
    if (!json_is_integer(low) || !json_is_integer(high) || a < MIN_SIDE || b > MAX_SIDE || a > b)
        sl_json_fail(o, key, "expected a side in pixels, %d to %d, or [least, most]", MIN_SIDE, MAX_SIDE);
    out[0] = (int)a;
    out[1] = (int)b;
}

/* Checks that weights are usable. */
static void check_weights(struct sl_json_object *o, const char *key, const double *weights, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        if (!(weights[i] >= 0 && weights[i] <= 1e9)) sl_json_fail(o, key, "a weight is a number from 0 to 1e9");
        sum += weights[i];
    }
    if (!o->status && !(sum > 0)) sl_json_fail(o, key, "no weight is above 0");
}

/* tasks: a list of names, or name: weight. Without it all are as likely. */
static void get_tasks(struct sl_json_object *o, struct sl_recipe_family *f)
{
    const struct sl_synth_family *family = f->family;
    const json_t *v = o->status ? NULL : json_object_get(o->value, "tasks");
    for (int t = 0; t < family->n_tasks; t++) f->task_weights[t] = !v || json_is_null(v);
    if (!v || json_is_null(v)) return;
    json_t *as_object = json_is_array(v) ? json_object() : NULL;
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)v, i, item)
    {
        const char *name = json_string_value(item);
        if (!name || json_object_set_new(as_object, name, json_integer(1)))
            sl_json_fail(o, "tasks", "expected names of tasks, or NAME: WEIGHT");
    }
    json_t *object = as_object ? as_object : (json_t *)(uintptr_t)v;
    struct sl_json_object tasks = {.value = object, .err = o->err, .status = o->status};
    snprintf(tasks.path, sizeof tasks.path, "%.80stasks.", o->path);
    if (!json_is_object(object)) sl_json_fail(o, "tasks", "expected names of tasks, or NAME: WEIGHT");
    if (!o->status) sl_json_known_keys(&tasks, family->tasks, family->n_tasks);
    for (int t = 0; t < family->n_tasks && !o->status && !tasks.status; t++)
        if (sl_json_has(&tasks, family->tasks[t])) sl_json_get_number(&tasks, family->tasks[t], &f->task_weights[t]);
    json_decref(as_object);
    if (!o->status) o->status = tasks.status;
    if (!o->status) check_weights(o, "tasks", f->task_weights, family->n_tasks);
}

/* levels: a list of levels that are as likely. Without it all are. */
static void get_levels(struct sl_json_object *o, struct sl_recipe_family *f)
{
    const json_t *v = o->status ? NULL : json_object_get(o->value, "levels");
    int n = f->family->n_levels;
    for (int l = 0; l < n; l++) f->level_weights[l] = !v || json_is_null(v);
    if (!v || json_is_null(v)) return;
    bool ok = json_is_array(v) && json_array_size(v) > 0;
    for (size_t i = 0; i < json_array_size(v) && ok; i++) {
        const json_t *level = json_array_get(v, i);
        ok = json_is_integer(level) && json_integer_value(level) >= 0 && json_integer_value(level) < n;
        if (ok) f->level_weights[json_integer_value(level)] = 1;
    }
    if (!ok) sl_json_fail(o, "levels", "expected a list of levels from 0 to %d", n - 1);
}

static void read_family(struct sl_json_object *families, const char *name, const struct defaults *d,
                        struct sl_recipe_family *f)
{
    static const char *const keys[] = {"weight", "samples", "held_out", "thinking",
                                       "tasks",  "levels",  "width",    "height"};
    const json_t *v = json_object_get(families->value, name);
    *f = (struct sl_recipe_family){.family = sl_synth_family_find(name), .weight = 1, .n_samples = {-1, -1}};
    f->thinking = d->thinking;
    memcpy(f->width, d->width, sizeof f->width);
    memcpy(f->height, d->height, sizeof f->height);
    struct sl_json_object o = {.err = families->err};
    json_t *none = json_is_number(v) || json_is_null(v) ? json_object() : NULL;
    if (none) { /* NAME: WEIGHT, or a name alone */
        if (json_is_number(v)) f->weight = json_number_value(v);
        sl_json_open(&o, none, families->err);
        snprintf(o.path, sizeof o.path, "families.%s.", name);
    } else {
        sl_json_get_object(families, name, &o);
    }
    if (!o.status) sl_json_known_keys(&o, keys, (int)(sizeof keys / sizeof *keys));
    if (sl_json_has(&o, "weight")) sl_json_get_number(&o, "weight", &f->weight);
    if (!o.status && !(f->weight >= 0 && f->weight <= 1e9))
        sl_json_fail(&o, "weight", "expected a number from 0 to 1e9");
    get_count(&o, "samples", &f->n_samples[SL_SYNTH_TRAIN]);
    get_count(&o, "held_out", &f->n_samples[SL_SYNTH_HELD_OUT]);
    get_share(&o, "thinking", &f->thinking);
    get_tasks(&o, f);
    get_levels(&o, f);
    get_side(&o, "width", f->width);
    get_side(&o, "height", f->height);
    json_decref(none);
    if (!families->status) families->status = o.status;
}

/* Gives the families without counts of their own their shares of total, to the sample. */
static void share_out(struct sl_recipe *r, int split, int64_t total)
{
    double sum = 0, before = 0;
    for (int i = 0; i < r->n_families; i++)
        if (r->families[i].n_samples[split] < 0) sum += r->families[i].weight;
    for (int i = 0; i < r->n_families; i++) {
        struct sl_recipe_family *f = &r->families[i];
        if (f->n_samples[split] >= 0) continue;
        double after = before + f->weight;
        f->n_samples[split] =
            sum > 0 ? llround(after / sum * (double)total) - llround(before / sum * (double)total) : 0;
        before = after;
    }
}

/* A side as get_side reads it; nothing when the family chooses. */
static json_t *side_json(const int side[2])
{
    return side[0] ? json_pack("[i,i]", side[0], side[1]) : NULL;
}

/* What makes a family's samples, as a recipe says it. */
static json_t *family_json(const struct sl_recipe_family *f)
{
    json_t *tasks = json_object(), *levels = json_array();
    for (int t = 0; tasks && t < f->family->n_tasks; t++)
        json_object_set_new(tasks, f->family->tasks[t], json_real(f->task_weights[t]));
    for (int l = 0; levels && l < f->family->n_levels; l++)
        if (f->level_weights[l] > 0) json_array_append_new(levels, json_integer(l));
    return json_pack("{s:I, s:I, s:f, s:o, s:o, s:o*, s:o*}", "samples", (json_int_t)f->n_samples[0], "held_out",
                     (json_int_t)f->n_samples[1], "thinking", f->thinking, "tasks", tasks, "levels", levels, "width",
                     side_json(f->width), "height", side_json(f->height));
}

static sl_status resolve(struct sl_recipe *r, sl_error *err)
{
    json_t *families = json_object();
    for (int i = 0; families && i < r->n_families; i++)
        json_object_set_new(families, r->families[i].family->name, family_json(&r->families[i]));
    r->resolved = json_pack("{s:s, s:I, s:I, s:o}", "made_by", sl_version(), "seed", (json_int_t)r->seed, "shard_size",
                            (json_int_t)r->shard_size, "families", families);
    return r->resolved ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a recipe");
}

/* Reads the families in the order of the engine's table, so that the order in the file means nothing. */
static void read_families(struct sl_json_object *top, const struct defaults *d, struct sl_recipe *r)
{
    struct sl_json_object o = {0};
    const char *names[SL_RECIPE_MAX_FAMILIES];
    int n = sl_synth_n_families();
    SL_CHECK(n <= SL_RECIPE_MAX_FAMILIES);
    for (int i = 0; i < n; i++) names[i] = sl_synth_family_at(i)->name;
    sl_json_get_object(top, "families", &o);
    if (!o.status) sl_json_known_keys(&o, names, n);
    for (int i = 0; i < n && !o.status; i++)
        if (json_object_get(o.value, names[i])) read_family(&o, names[i], d, &r->families[r->n_families++]);
    if (!o.status && r->n_families == 0) sl_json_fail(top, "families", "no family is named");
    if (!top->status) top->status = o.status;
}

sl_status sl_recipe_read(const json_t *tree, struct sl_recipe *out, sl_error *err)
{
    static const char *const keys[] = {"seed",   "samples",  "held_out",   "thinking", "width",
                                       "height", "families", "shard_size", "made_by"};
    struct sl_json_object top;
    struct defaults d = {.n_samples = {1000, 0}};
    int64_t seed = 0;
    *out = (struct sl_recipe){.shard_size = DEFAULT_SHARD};
    sl_json_open(&top, tree, err);
    if (!top.status) sl_json_known_keys(&top, keys, (int)(sizeof keys / sizeof *keys));
    if (sl_json_has(&top, "seed")) sl_json_get_int(&top, "seed", 0, INT64_MAX, &seed);
    get_count(&top, "samples", &d.n_samples[SL_SYNTH_TRAIN]);
    get_count(&top, "held_out", &d.n_samples[SL_SYNTH_HELD_OUT]);
    get_share(&top, "thinking", &d.thinking);
    get_side(&top, "width", d.width);
    get_side(&top, "height", d.height);
    if (sl_json_has(&top, "shard_size")) sl_json_get_int(&top, "shard_size", 1, MAX_SHARD, &out->shard_size);
    if (!top.status) read_families(&top, &d, out);
    if (top.status) return top.status;
    out->seed = (uint64_t)seed;
    for (int split = 0; split < SL_N_SYNTH_SPLITS; split++) share_out(out, split, d.n_samples[split]);
    return resolve(out, err);
}

void sl_recipe_release(struct sl_recipe *r)
{
    json_decref(r->resolved);
    *r = (struct sl_recipe){0};
}

/* --- samples -------------------------------------------------------------------------------------------------- */

static void write_key(const struct sl_recipe *r, const struct sl_recipe_place *at, char key[SL_RECIPE_MAX_KEY])
{
    snprintf(key, SL_RECIPE_MAX_KEY, "%.40s-%s%06lld", r->families[at->family].family->name,
             at->split == SL_SYNTH_HELD_OUT ? "held-" : "", (long long)at->number);
}

static int draw(struct sl_rng *rng, const double *weights, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += weights[i];
    double x = (double)sl_rng_float(rng) * sum;
    int last = 0;
    for (int i = 0; i < n; i++) {
        if (weights[i] <= 0) continue;
        last = i;
        if (x < weights[i]) return i;
        x -= weights[i];
    }
    return last;
}

static int draw_side(struct sl_rng *rng, const int side[2])
{
    return side[0] ? side[0] + (int)sl_rng_below(rng, (uint32_t)(side[1] - side[0]) + 1) : 0;
}

/* What a sample is asked to be, and the generator of its content. */
struct plan {
    struct sl_synth_request request;
    struct sl_rng rng, shared;
    bool thinking;
};

/* What is asked for and how it is carried out are drawn apart, so that weights do not change the scenes. */
static void make_plan(const struct sl_recipe *r, const struct sl_recipe_place *at, struct plan *p)
{
    const struct sl_recipe_family *f = &r->families[at->family];
    const struct sl_synth_family *family = f->family;
    struct sl_rng dice, group;
    seed_for(&dice, r->seed + 1, family->name, at->split, at->number);
    seed_for(&p->rng, r->seed, family->name, at->split, at->number);
    p->request = (struct sl_synth_request){.rng = &p->rng, .split = at->split};
    p->request.task = draw(&dice, f->task_weights, family->n_tasks);
    if (family->share) {
        seed_for(&group, r->seed + 2, family->name, at->split, at->number / family->share);
        seed_for(&p->shared, r->seed + 3, family->name, at->split, at->number / family->share);
        p->request.shared = &p->shared;
    }
    struct sl_rng *sizes = family->share ? &group : &dice;
    p->request.level = draw(sizes, f->level_weights, family->n_levels);
    p->request.width = draw_side(sizes, f->width);
    p->request.height = draw_side(sizes, f->height);
    p->thinking = (double)sl_rng_float(&dice) < f->thinking;
}

sl_status sl_recipe_make(const struct sl_recipe *r, const struct sl_recipe_place *at, void *state,
                         struct sl_recipe_sample *out, sl_error *err)
{
    const struct sl_synth_family *family = r->families[at->family].family;
    struct plan p;
    make_plan(r, at, &p);
    const char *task = family->tasks[p.request.task];
    write_key(r, at, out->key);
    out->row = (struct sl_synth_row){
        .key = out->key, .domain = family->name, .task = task, .level = p.request.level, .thinking = p.thinking};
    sl_synth_sample_init(&out->sample);
    sl_status status = family->make(state, &p.request, &out->sample, err);
    if (!status && out->sample.status) status = sl_fail(err, out->sample.status, "%s", out->sample.error.message);
    return status ? sl_fail_context(err, status, "%s (%s, level %d)", out->key, task, p.request.level) : SL_OK;
}

sl_status sl_recipe_check(const struct sl_recipe *r, const struct sl_recipe_place *at, void *state,
                          const struct sl_recipe_sample *made, sl_error *err)
{
    const struct sl_synth_family *family = r->families[at->family].family;
    struct plan p;
    make_plan(r, at, &p);
    sl_status status = sl_synth_validate(&made->sample, err);
    if (!status && family->validate) status = family->validate(state, &p.request, &made->sample, err);
    return status ? sl_fail_context(err, status, "%s (%s, level %d)", made->key, made->row.task, made->row.level)
                  : SL_OK;
}
