/*
 * mim_teacher.c: a frozen tower, or the student's moving average with features standardised within each picture.
 */
#include "train/mim_teacher.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sl_mim_teacher {
    const sl_model *student; /* borrowed */
    double momentum;
    sl_model *model; /* owned; the vision tower alone */
    bool frozen;     /* a checkpoint */

    /* Of the student's average: */
    float *average;    /* owned: the tower, row after row */
    float *scratch;    /* owned, as large */
    int64_t n_average; /* floats */
    int n_rows;        /* of the tower */
    bool stale;        /* the average was read from a checkpoint and must be packed anew */
    int layers;        /* whose outputs make its targets */
};

/* --- the average -------------------------------------------------------------------------------------------------- */

static int64_t hidden_of(const sl_mim_teacher *t)
{
    return t->model->config.vit.hidden;
}

/* Packs the average into the teacher's weights. The rows of both vision towers come first in their tables. */
static void pack_average(sl_mim_teacher *t)
{
    const float *at = t->average;
    for (int i = 0; i < t->n_rows; i++) {
        sl_weight_row *r = &t->model->weights.rows[i];
        sl_weight_set(r, &t->model->plan, at, SL_F32, -1);
        at += sl_weight_row_numel(r);
    }
    t->stale = false;
}

static sl_status allocate(sl_mim_teacher *t, sl_error *err)
{
    t->average = malloc((size_t)t->n_average * sizeof *t->average);
    t->scratch = malloc((size_t)t->n_average * sizeof *t->scratch);
    return t->average && t->scratch ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for the teacher's average");
}

/* Makes the average, equal to the student as it is. */
static sl_status start_average(sl_mim_teacher *t, int layers, sl_error *err)
{
    const sl_model *student = t->student;
    sl_weight_plan plan = {.ops = student->plan.ops, .dt = student->plan.dt, .modules = 1u << SL_MODULE_VIT};
    sl_config c = student->config;
    c.pretrain = (sl_pretrain_config){0};
    sl_status s = sl_model_new(&c, &plan, false, &t->model, err);
    if (s != SL_OK) return s;
    t->layers = layers ? layers : (c.vit.depth + 1) / 2;
    while (t->model->weights.rows[t->n_rows].module == SL_MODULE_VIT) {
        const sl_weight_row *its = &student->weights.rows[t->n_rows];
        SL_CHECK(strcmp(t->model->weights.rows[t->n_rows++].name, its->name) == 0);
        t->n_average += sl_weight_row_numel(its);
        if (!its->w.value || its->w.value_type != SL_F32)
            return sl_fail(err, SL_ERR_ARGUMENT, "vit-mim without a teacher needs a vision tower that is trained");
    }
    s = allocate(t, err);
    if (s != SL_OK) return s;
    float *at = t->average;
    for (int i = 0; i < t->n_rows; i++) {
        int64_t n = sl_weight_row_numel(&student->weights.rows[i]);
        memcpy(at, student->weights.rows[i].w.value, (size_t)n * sizeof *at);
        at += n;
    }
    pack_average(t);
    return SL_OK;
}

sl_status sl_mim_teacher_new(const sl_model *student, const sl_mim_teacher_options *o, sl_mim_teacher **out,
                             sl_error *err)
{
    sl_mim_teacher *t = *out = calloc(1, sizeof *t);
    if (!t) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a teacher");
    t->student = student;
    t->momentum = o->momentum;
    t->frozen = o->folder;
    sl_weight_plan plan = {.ops = student->plan.ops, .dt = student->plan.dt, .modules = 1u << SL_MODULE_VIT};
    sl_status s = t->frozen ? sl_model_open(o->folder, &plan, &t->model, err) : start_average(t, o->layers, err);
    if (s == SL_OK) return SL_OK;
    sl_mim_teacher_free(t);
    *out = NULL;
    return s;
}

void sl_mim_teacher_free(sl_mim_teacher *t)
{
    if (!t) return;
    sl_model_free(t->model);
    free(t->average);
    free(t->scratch);
    free(t);
}

void sl_mim_teacher_follow(sl_mim_teacher *t)
{
    if (t->frozen) return;
    const sl_ops *ops = t->model->plan.ops;
    float keep = (float)t->momentum, *at = t->scratch;
    for (int i = 0; i < t->n_rows; i++) {
        const sl_weight_row *its = &t->student->weights.rows[i];
        ops->scale(ops, sl_weight_row_numel(its), 1 - keep, its->w.value, SL_F32, at, SL_F32);
        at += sl_weight_row_numel(its);
    }
    ops->scale(ops, t->n_average, keep, t->average, SL_F32, t->average, SL_F32);
    ops->add(ops, SL_F32, t->n_average, t->average, t->scratch, t->average);
    pack_average(t);
}

void sl_mim_teacher_visit(sl_mim_teacher *t, void (*visit)(void *arg, const char *name, float *values, int64_t n),
                          void *arg)
{
    if (t->frozen) return;
    visit(arg, "teacher", t->average, t->n_average);
    t->stale = true;
}

/* --- targets ------------------------------------------------------------------------------------------------------ */

/* The pixels as the teacher's own mean and deviation have them: the batch's, or converted ones in the arenas. */
static const float *teacher_pixels(sl_ctx *ctx, const sl_mim_teacher *t, const sl_batch *b)
{
    const sl_vit_config *from = &t->student->config.vit, *to = &t->model->config.vit;
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

/* Adds to out one layer's features x (n, k) of a picture: each with mean 0 and deviation 1 over its patches. */
static void add_standardised(const float *x, int64_t n, int64_t k, float *out)
{
    static const double LEAST = 1e-6; /* variance of a feature that says nothing */
    for (int64_t j = 0; j < k; j++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++) sum += (double)x[i * k + j];
        double mean = sum / (double)n;
        for (int64_t i = 0; i < n; i++) squares += ((double)x[i * k + j] - mean) * ((double)x[i * k + j] - mean);
        float factor = (float)(1 / sqrt(fmax(squares / (double)n, LEAST)));
        for (int64_t i = 0; i < n; i++) out[i * k + j] += factor * (x[i * k + j] - (float)mean);
    }
}

/* The last layers' outputs behind the last LayerNorm, standardised and added up, into all (n_patches, k); x as large.
 */
static bool average_features(sl_mim_teacher *t, sl_ctx *ctx, const sl_batch *b, float *all, float *x)
{
    int64_t k = hidden_of(t);
    sl_vit_pass pass;
    memset(all, 0, (size_t)(b->n_patches * k) * sizeof *all);
    sl_vit_begin(ctx, t->model, b, &pass);
    sl_vit_continue(ctx, t->model, &pass, t->model->config.vit.depth - t->layers);
    for (int layer = 0; layer < t->layers; layer++) {
        sl_vit_continue(ctx, t->model, &pass, 1);
        sl_mark mark = sl_ctx_mark(ctx);
        sl_tensor *y = sl_vit_end(ctx, t->model, &pass);
        if (!y) return false;
        SL_RUN(ctx, scale, b->n_patches * k, 1.0f, y->data, y->dtype, x, SL_F32);
        sl_ctx_release_to(ctx, mark);
        for (int p = 0; p < b->n_pictures; p++) {
            int64_t first = b->cu_patches[p], n = b->cu_patches[p + 1] - first;
            add_standardised(x + first * k, n, k, all + first * k);
        }
    }
    return true;
}

static bool last_features(sl_mim_teacher *t, sl_ctx *ctx, const sl_batch *b, float *all)
{
    sl_batch seen = *b;
    seen.patches = teacher_pixels(ctx, t, b);
    sl_tensor *x = seen.patches ? sl_vit_forward(ctx, t->model, &seen) : NULL;
    if (!x) return false;
    SL_RUN(ctx, scale, b->n_patches * hidden_of(t), 1.0f, x->data, x->dtype, all, SL_F32);
    return true;
}

float *sl_mim_teacher_targets(sl_mim_teacher *t, sl_ctx *ctx, const sl_batch *b, const sl_patch_mask *mask)
{
    int64_t k = hidden_of(t);
    if (t->stale) pack_average(t);
    float *targets = sl_ctx_alloc(ctx, (size_t)(mask->n_masked * k) * sizeof *targets);
    sl_mark mark = sl_ctx_mark(ctx);
    float *all = sl_ctx_alloc(ctx, (size_t)(b->n_patches * k) * sizeof *all);
    float *one = t->frozen ? all : sl_ctx_alloc(ctx, (size_t)(b->n_patches * k) * sizeof *one);
    if (!targets || !all || !one) return NULL;
    sl_tape *tape = ctx->tape;
    ctx->tape = NULL;
    bool done = t->frozen ? last_features(t, ctx, b, all) : average_features(t, ctx, b, all, one);
    ctx->tape = tape;
    if (!done) return NULL;
    SL_RUN(ctx, gather_rows, SL_F32, mask->n_masked, k, mask->masked_rows, all, targets);
    sl_ctx_release_to(ctx, mark);
    return targets;
}
