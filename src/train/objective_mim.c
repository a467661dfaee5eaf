/*
 * objective_mim.c: the stage vit-mim: the tower sees a quarter of a picture's patches and says what a teacher, who sees
 * all of it, makes of the others (docs/MODEL.md, section 11).
 *
 * The teacher is a checkpoint's vision tower, which stays as it is, or an exponential moving average of the student.
 */
#include "model/pretrain.h"
#include "train/objective.h"

#include <stdlib.h>
#include <string.h>

struct mim_options {
    const char *teacher; /* folder, or NULL: the student's average */
    double mask;         /* fraction of patches hidden */
    double momentum;     /* of the average */
};

struct mim {
    sl_objective_env env;
    struct mim_options options;
    sl_model *teacher; /* owned; the vision tower alone */
    float *average;    /* owned: the student's averaged tower, row after row; NULL with a teacher's checkpoint */
    float *scratch;    /* owned, as large */
    int64_t n_average;
    int n_rows; /* of the tower */
    bool stale; /* the average was read from a checkpoint and must be packed anew */
};

static sl_status read_options(const json_t *json, struct mim_options *o, sl_error *err)
{
    static const char *const names[] = {"teacher", "mask", "momentum"};
    struct sl_json_object top;
    *o = (struct mim_options){.mask = 0.75, .momentum = 0.996};
    if (!json) return SL_OK;
    sl_json_open(&top, json, err);
    sl_json_known_keys(&top, names, sizeof names / sizeof *names);
    if (sl_json_has(&top, "teacher")) sl_json_get_string(&top, "teacher", &o->teacher);
    if (sl_json_has(&top, "mask")) sl_json_get_number(&top, "mask", &o->mask);
    if (sl_json_has(&top, "momentum")) sl_json_get_number(&top, "momentum", &o->momentum);
    if (!(o->mask > 0 && o->mask < 1)) sl_json_fail(&top, "mask", "%g is not between 0 and 1", o->mask);
    if (!(o->momentum >= 0 && o->momentum < 1))
        sl_json_fail(&top, "momentum", "%g is not from 0 to below 1", o->momentum);
    return top.status;
}

static sl_status configure(sl_config *c, const json_t *options, sl_error *err)
{
    struct mim_options o;
    sl_config teacher = *c;
    sl_status s = read_options(options, &o, err);
    if (s == SL_OK && o.teacher) s = sl_config_load(o.teacher, &teacher, err);
    if (s != SL_OK) return s;
    if (teacher.vit.patch_size != c->vit.patch_size)
        return sl_fail(err, SL_ERR_ARGUMENT, "objective.teacher: %s has patches of %d pixels, the student of %d",
                       o.teacher, teacher.vit.patch_size, c->vit.patch_size);
    sl_config_add_pretrain(c, teacher.vit.hidden, false, false);
    return SL_OK;
}

/* --- the teacher -------------------------------------------------------------------------------------------------- */

static bool is_vit(const sl_weight_row *r)
{
    return r->module == SL_MODULE_VIT;
}

/* Packs the average into the teacher's weights. The rows of both vision towers come first in their tables. */
static void pack_average(struct mim *m)
{
    const float *at = m->average;
    for (int i = 0; i < m->n_rows; i++) {
        sl_weight_row *r = &m->teacher->weights.rows[i];
        sl_weight_set(r, &m->teacher->plan, at, SL_F32, -1);
        at += sl_weight_row_numel(r);
    }
    m->stale = false;
}

/* Makes the average, equal to the student as it is. */
static sl_status start_average(struct mim *m, sl_error *err)
{
    const sl_model *student = m->env.model;
    sl_weight_plan plan = {.ops = student->plan.ops, .dt = student->plan.dt, .modules = 1u << SL_MODULE_VIT};
    sl_config c = student->config;
    c.pretrain = (sl_pretrain_config){0};
    sl_status s = sl_model_new(&c, &plan, false, &m->teacher, err);
    if (s != SL_OK) return s;
    while (is_vit(&m->teacher->weights.rows[m->n_rows])) {
        const sl_weight_row *its = &student->weights.rows[m->n_rows];
        SL_CHECK(strcmp(m->teacher->weights.rows[m->n_rows++].name, its->name) == 0);
        m->n_average += sl_weight_row_numel(its);
        if (!its->w.value || its->w.value_type != SL_F32)
            return sl_fail(err, SL_ERR_ARGUMENT, "vit-mim without a teacher needs a vision tower that is trained");
    }
    m->average = malloc((size_t)m->n_average * sizeof *m->average);
    m->scratch = malloc((size_t)m->n_average * sizeof *m->scratch);
    if (!m->average || !m->scratch) return sl_fail(err, SL_ERR_MEMORY, "out of memory for the teacher's average");
    float *at = m->average;
    for (int i = 0; i < m->n_rows; i++) {
        int64_t n = sl_weight_row_numel(&student->weights.rows[i]);
        memcpy(at, student->weights.rows[i].w.value, (size_t)n * sizeof *at);
        at += n;
    }
    pack_average(m);
    return SL_OK;
}

static sl_status updated(void *state, int64_t step, sl_tally *tally, sl_error *err)
{
    (void)step, (void)tally, (void)err;
    struct mim *m = state;
    if (!m->average) return SL_OK;
    const sl_ops *ops = m->teacher->plan.ops;
    float keep = (float)m->options.momentum, *at = m->scratch;
    for (int i = 0; i < m->n_rows; i++) {
        const sl_weight_row *its = &m->env.model->weights.rows[i];
        ops->scale(ops, sl_weight_row_numel(its), 1 - keep, its->w.value, SL_F32, at, SL_F32);
        at += sl_weight_row_numel(its);
    }
    ops->scale(ops, m->n_average, keep, m->average, SL_F32, m->average, SL_F32);
    ops->add(ops, SL_F32, m->n_average, m->average, m->scratch, m->average);
    pack_average(m);
    return SL_OK;
}

static void visit_state(void *state, void (*visit)(void *arg, const char *name, float *values, int64_t n), void *arg)
{
    struct mim *m = state;
    if (!m->average) return;
    visit(arg, "teacher", m->average, m->n_average);
    m->stale = true;
}

/* --- state -------------------------------------------------------------------------------------------------------- */

static void mim_close(void *state)
{
    struct mim *m = state;
    if (!m) return;
    sl_model_free(m->teacher);
    free(m->average);
    free(m->scratch);
    free(m);
}

static sl_status mim_open(const sl_objective_env *env, void **state, sl_error *err)
{
    struct mim *m = calloc(1, sizeof *m);
    if (!m) return sl_fail(err, SL_ERR_MEMORY, "out of memory for an objective");
    m->env = *env;
    sl_status s = read_options(env->options, &m->options, err);
    sl_weight_plan plan = {.ops = env->model->plan.ops, .dt = env->model->plan.dt, .modules = 1u << SL_MODULE_VIT};
    if (s == SL_OK)
        s = m->options.teacher ? sl_model_open(m->options.teacher, &plan, &m->teacher, err) : start_average(m, err);
    if (s != SL_OK) {
        mim_close(m);
        return s;
    }
    *state = m;
    return SL_OK;
}

/* --- targets ------------------------------------------------------------------------------------------------------ */

/* The pixels as the teacher's own mean and deviation have them: the batch's, or converted ones in the arenas. */
static const float *teacher_pixels(sl_ctx *ctx, const struct mim *m, const sl_batch *b)
{
    const sl_vit_config *from = &m->env.model->config.vit, *to = &m->teacher->config.vit;
    bool same = true;
    for (int i = 0; i < 3; i++) same = same && from->mean[i] == to->mean[i] && from->std[i] == to->std[i];
    if (same) return b->patches;
    int64_t area = (int64_t)from->patch_size * from->patch_size;
    float *out = sl_ctx_alloc(ctx, (size_t)(b->n_patches * 3 * area) * sizeof *out);
    for (int64_t i = 0; out && i < b->n_patches * 3; i++) {
        float a = from->std[i % 3] / to->std[i % 3], shift = (from->mean[i % 3] - to->mean[i % 3]) / to->std[i % 3];
        for (int64_t k = i * area; k < (i + 1) * area; k++) out[k] = a * b->patches[k] + shift;
    }
    return out;
}

/* Takes the mean over each picture off its features (patches, k). */
static void centre(const sl_batch *b, float *x, int64_t k)
{
    for (int p = 0; p < b->n_pictures; p++) {
        int64_t from = b->cu_patches[p], to = b->cu_patches[p + 1];
        for (int64_t j = 0; j < k; j++) {
            double sum = 0;
            for (int64_t i = from; i < to; i++) sum += x[i * k + j];
            float mean = (float)(sum / (double)(to - from));
            for (int64_t i = from; i < to; i++) x[i * k + j] -= mean;
        }
    }
}

/* What the teacher makes of the hidden patches, (n_masked, teacher hidden), in the context's arenas; NULL on failure.
 */
static float *make_targets(sl_ctx *ctx, struct mim *m, const sl_batch *b, const sl_patch_mask *mask)
{
    int64_t k = m->teacher->config.vit.hidden;
    if (m->stale) pack_average(m);
    float *targets = sl_ctx_alloc(ctx, (size_t)(mask->n_masked * k) * sizeof *targets);
    float *all = sl_ctx_alloc(ctx, (size_t)(b->n_patches * k) * sizeof *all);
    sl_mark mark = sl_ctx_mark(ctx);
    sl_tape *tape = ctx->tape;
    ctx->tape = NULL;
    sl_batch seen = *b;
    seen.patches = teacher_pixels(ctx, m, b);
    sl_tensor *x = seen.patches ? sl_vit_forward(ctx, m->teacher, &seen) : NULL;
    ctx->tape = tape;
    if (!targets || !all || !x) return NULL;
    SL_RUN(ctx, scale, b->n_patches * k, 1.0f, x->data, x->dtype, all, SL_F32);
    sl_ctx_release_to(ctx, mark);
    if (!m->options.teacher) centre(b, all, k);
    SL_RUN(ctx, gather_rows, SL_F32, mask->n_masked, k, mask->masked_rows, all, targets);
    return targets;
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

/* The sum over hidden patches of 1 - cosine, and, when asked for, what the targets' own mean would reach. */
static sl_status masked_loss(sl_ctx *ctx, struct mim *m, const sl_micro_batch *b, const sl_patch_mask *mask,
                             double *loss, double *constant, sl_error *err)
{
    int64_t n = mask->n_masked, k = m->teacher->config.vit.hidden;
    float *targets = make_targets(ctx, m, b->batch, mask), *ones = sl_ctx_alloc(ctx, (size_t)n * sizeof *ones);
    sl_tensor *same = constant ? sl_tensor_new(ctx, SL_F32, n, k) : NULL;
    if (!targets || !ones) return sl_ctx_status(ctx, err);
    for (int64_t i = 0; i < n; i++) ones[i] = 1;
    *loss = sl_fn_cosine_loss(ctx, sl_masked_forward(ctx, m->env.model, b->batch, mask), targets, ones);
    if (same) {
        float *rows = same->data;
        for (int64_t j = 0; j < k; j++) {
            double sum = 0;
            for (int64_t i = 0; i < n; i++) sum += targets[i * k + j];
            for (int64_t i = 0; i < n; i++) rows[i * k + j] = (float)(sum / (double)n);
        }
        *constant = sl_fn_cosine_loss(ctx, same, targets, ones);
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
    double loss = 0, constant = 0;
    if (!b->batch->n_pictures) return SL_OK;
    sl_status s = make_mask(m, b, 1, &mask, err);
    if (s != SL_OK) return s;
    s = masked_loss(ctx, m, b, mask, &loss, &constant, err);
    double n = (double)mask->n_masked;
    if (s == SL_OK) {
        sl_tally_add(tally, "loss", loss, n);
        sl_tally_add(tally, "cosine", n - loss, n);
        sl_tally_add(tally, "cosine/constant", n - constant, n);
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
