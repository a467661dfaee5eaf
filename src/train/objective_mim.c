/*
 * objective_mim.c: the stage vit-mim: the tower sees a quarter of a picture's patches and says what a teacher, who sees
 * all of it, makes of the others (docs/MODEL.md, section 11).
 */
#include "model/pretrain.h"
#include "train/mim_teacher.h"
#include "train/objective.h"

#include <stdlib.h>

struct mim_options {
    double mask; /* fraction of patches hidden */
    sl_mim_teacher_options teacher;
};

struct mim {
    sl_objective_env env;
    struct mim_options options;
    sl_mim_teacher *teacher; /* owned */
};

static sl_status read_options(const json_t *json, struct mim_options *o, sl_error *err)
{
    static const char *const names[] = {"teacher", "mask", "momentum", "layers"};
    struct sl_json_object top;
    int64_t layers = 0;
    *o = (struct mim_options){.mask = 0.75, .teacher = {.momentum = 0.996}};
    if (!json) return SL_OK;
    sl_json_open(&top, json, err);
    sl_json_known_keys(&top, names, sizeof names / sizeof *names);
    if (sl_json_has(&top, "teacher")) sl_json_get_string(&top, "teacher", &o->teacher.folder);
    if (sl_json_has(&top, "mask")) sl_json_get_number(&top, "mask", &o->mask);
    if (sl_json_has(&top, "momentum")) sl_json_get_number(&top, "momentum", &o->teacher.momentum);
    if (sl_json_has(&top, "layers")) sl_json_get_int(&top, "layers", 1, 1 << 16, &layers);
    if (!(o->mask > 0 && o->mask < 1)) sl_json_fail(&top, "mask", "%g is not between 0 and 1", o->mask);
    if (!(o->teacher.momentum >= 0 && o->teacher.momentum < 1))
        sl_json_fail(&top, "momentum", "%g is not from 0 to below 1", o->teacher.momentum);
    if (layers && o->teacher.folder) sl_json_fail(&top, "layers", "a teacher's checkpoint gives its last features");
    o->teacher.layers = (int)layers;
    return top.status;
}

static sl_status configure(sl_config *c, const json_t *options, sl_error *err)
{
    struct mim_options o;
    sl_config teacher = *c;
    sl_status s = read_options(options, &o, err);
    if (s == SL_OK && o.teacher.folder) s = sl_config_load(o.teacher.folder, &teacher, err);
    if (s != SL_OK) return s;
    if (teacher.vit.patch_size != c->vit.patch_size)
        return sl_fail(err, SL_ERR_ARGUMENT, "objective.teacher: %s has patches of %d pixels, the student of %d",
                       o.teacher.folder, teacher.vit.patch_size, c->vit.patch_size);
    if (o.teacher.layers > c->vit.depth)
        return sl_fail(err, SL_ERR_ARGUMENT, "objective.layers: %d of a tower of %d", o.teacher.layers, c->vit.depth);
    sl_config_add_pretrain(c, teacher.vit.hidden, false, false);
    return SL_OK;
}

static sl_status updated(void *state, int64_t step, sl_tally *tally, sl_error *err)
{
    (void)step, (void)tally, (void)err;
    struct mim *m = state;
    sl_mim_teacher_follow(m->teacher);
    return SL_OK;
}

static void visit_state(void *state, void (*visit)(void *arg, const char *name, float *values, int64_t n), void *arg)
{
    struct mim *m = state;
    sl_mim_teacher_visit(m->teacher, visit, arg);
}

static void mim_close(void *state)
{
    struct mim *m = state;
    if (!m) return;
    sl_mim_teacher_free(m->teacher);
    free(m);
}

static sl_status mim_open(const sl_objective_env *env, void **state, sl_error *err)
{
    struct mim *m = calloc(1, sizeof *m);
    if (!m) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an objective");
    m->env = *env;
    sl_status s = read_options(env->options, &m->options, err);
    if (s == SL_OK) s = sl_mim_teacher_new(env->model, &m->options.teacher, &m->teacher, err);
    if (s != SL_OK) {
        mim_close(m);
        return s;
    }
    *state = m;
    return SL_OK;
}

/* --- loss and measure --------------------------------------------------------------------------------------------- */

static sl_status make_mask(const struct mim *m, const sl_micro_batch *b, uint64_t stream, sl_patch_mask **mask,
                           sl_error *err)
{
    int side = m->env.model->config.vit.patch_size;
    struct sl_rng rng;
    sl_rng_init(&rng, m->env.seed + stream, b->number);
    int32_t *marks = malloc((size_t)b->batch->n_patches * sizeof *marks);
    if (!marks) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a mask");
    sl_patch_mask_draw(b->batch, (float)m->options.mask, &rng, marks);
    sl_status s = sl_patch_mask_new(b->batch, (int64_t)3 * side * side, marks, mask, err);
    free(marks);
    return s;
}

/* Writes into rows (n_masked, k) the mean over the hidden patches of each picture of targets. */
static void average_pictures(const sl_batch *b, const sl_patch_mask *mask, const float *targets, int64_t k, float *rows)
{
    for (int64_t from = 0, to = 0, p = 0; p < b->n_pictures; p++, from = to) {
        while (to < mask->n_masked && mask->masked_rows[to] < b->cu_patches[p + 1]) to++;
        for (int64_t j = 0; j < k && from < to; j++) {
            double sum = 0;
            for (int64_t i = from; i < to; i++) sum += targets[i * k + j];
            for (int64_t i = from; i < to; i++) rows[i * k + j] = (float)(sum / (double)(to - from));
        }
    }
}

/*
 * The sum over hidden patches of 1 - cosine, and, when asked for, that of an answer which knows the mean of each
 * picture's targets and says it in all places.
 */
static sl_status masked_loss(sl_ctx *ctx, struct mim *m, const sl_micro_batch *b, const sl_patch_mask *mask,
                             double *loss, double *by_mean, sl_error *err)
{
    int64_t n = mask->n_masked, k = m->env.model->config.pretrain.teacher_hidden;
    float *targets = sl_mim_teacher_targets(m->teacher, ctx, b->batch, mask);
    float *ones = sl_ctx_alloc(ctx, (size_t)n * sizeof *ones);
    sl_tensor *same = by_mean ? sl_tensor_new(ctx, SL_F32, n, k) : NULL;
    if (!targets || !ones) return sl_ctx_status(ctx, err);
    for (int64_t i = 0; i < n; i++) ones[i] = 1;
    *loss = sl_fn_cosine_loss(ctx, sl_masked_forward(ctx, m->env.model, b->batch, mask), targets, ones);
    if (same) {
        average_pictures(b->batch, mask, targets, k, same->data);
        *by_mean = sl_fn_cosine_loss(ctx, same, targets, ones);
    }
    return sl_ctx_status(ctx, err);
}

static sl_status mim_loss(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_loss *out, sl_tally *tally,
                          sl_error *err)
{
    struct mim *m = state;
    sl_patch_mask *mask;
    (void)tally;
    *out = (sl_loss){0};
    if (!b->batch->n_pictures) return SL_OK;
    sl_status s = make_mask(m, b, 0, &mask, err);
    if (s != SL_OK) return s;
    s = masked_loss(ctx, m, b, mask, &out->sum, NULL, err);
    out->weight = (double)mask->n_masked;
    if (s == SL_OK) {
        sl_tape_backward(ctx);
        s = sl_ctx_status(ctx, err);
    }
    sl_patch_mask_free(mask);
    return s;
}

static sl_status mim_held_out(void *state, sl_ctx *ctx, const sl_micro_batch *b, sl_tally *tally, sl_error *err)
{
    struct mim *m = state;
    sl_patch_mask *mask;
    double loss = 0, by_mean = 0;
    if (!b->batch->n_pictures) return SL_OK;
    sl_status s = make_mask(m, b, 1, &mask, err);
    if (s != SL_OK) return s;
    s = masked_loss(ctx, m, b, mask, &loss, &by_mean, err);
    double n = (double)mask->n_masked;
    if (s == SL_OK) {
        sl_tally_add(tally, "loss", loss, n);
        sl_tally_add(tally, "cosine", n - loss, n);
        sl_tally_add(tally, "cosine/picture_mean", n - by_mean, n);
    }
    sl_patch_mask_free(mask);
    return s;
}

const sl_objective sl_objective_vit_mim = {
    .name = "vit-mim",
    .modules = 1u << SL_MODULE_VIT | 1u << SL_MODULE_PRETRAIN,
    .trains = 1u << SL_MODULE_VIT | 1u << SL_MODULE_PRETRAIN,
    .configure = configure,
    .open = mim_open,
    .close = mim_close,
    .loss = mim_loss,
    .updated = updated,
    .held_out = mim_held_out,
    .visit_state = visit_state,
    .measure = "cosine",
};
