/*
 * objective_test.h: drives an objective without the training loop: packed sequences of painted pictures with captions.
 */
#ifndef SL_TESTS_TRAIN_OBJECTIVE_TEST_H
#define SL_TESTS_TRAIN_OBJECTIVE_TEST_H

#include "../model/model_test.h"

#include "train/objective.h"
#include "train/trainer.h"

#include <math.h>

enum { OT_SAMPLES = 12, OT_CLASSES = 6, OT_SIDE = 4, OT_PATCHES = OT_SIDE * OT_SIDE, OT_MOST = 4096 };

/*
 * One packed sequence of OT_SAMPLES samples: pictures of OT_PATCHES patches, image tokens, and a caption. Every sample
 * shows one picture; with sound, of each three samples one is seen, one is heard, and one is both.
 */
struct ot_sequence {
    struct sl_loader_batch data;
    sl_batch *batch;
    int32_t tokens[OT_MOST], targets[OT_MOST], cu[OT_SAMPLES + 1];
    float weights[OT_MOST];
    sl_grid grids[2 * OT_SAMPLES];
    struct sl_view views[OT_SAMPLES][2];
    struct sl_encoded encoded[OT_SAMPLES];
    const struct sl_encoded *samples[OT_SAMPLES];
    float *patches;
};

/* Class k paints its upper half in one colour and its lower half in another, with noise; patches in block order. */
static inline void ot_paint(float *patches, int k, int64_t area, struct sl_rng *rng)
{
    for (int p = 0; p < OT_PATCHES; p++)
        for (int c = 0; c < 3; c++) {
            bool lower = p >= OT_PATCHES / 2;
            float colour = ((k + (lower ? 1 + k / 3 : 0)) >> c & 1) ? 1.2f : -1.2f;
            for (int64_t i = 0; i < area; i++) patches[(p * 3 + c) * area + i] = colour + 0.3f * sl_rng_normal(rng);
        }
}

static inline void ot_token(struct ot_sequence *q, int32_t token, int32_t target)
{
    q->targets[q->data.n_tokens] = target;
    q->weights[q->data.n_tokens] = target < 0 ? 0 : 1;
    q->tokens[q->data.n_tokens++] = token;
}

/* Samples first, first + 1, ... of the classes in turn; noise from seed. */
static inline struct ot_sequence *ot_sequence_new(const sl_config *c, int first, uint64_t seed, bool sound)
{
    struct ot_sequence *q = calloc(1, sizeof *q);
    struct sl_rng rng;
    sl_error err = {0};
    int64_t area = (int64_t)c->vit.patch_size * c->vit.patch_size;
    sl_rng_init(&rng, seed, 0);
    q->patches = malloc((size_t)(2 * OT_SAMPLES * OT_PATCHES * 3 * area) * sizeof *q->patches);
    for (int s = 0; s < OT_SAMPLES; s++) {
        int k = (first + s) % OT_CLASSES;
        for (int heard = 0; heard < 2; heard++) {
            if (sound ? s % 3 == !heard : heard) continue;
            /* What is heard of a class looks otherwise than what is seen of it. */
            ot_paint(q->patches + q->data.n_patches * 3 * area, heard ? 5 - k : k, area, &rng);
            for (int64_t i = 0; heard && i < OT_PATCHES * 3 * area; i += 2)
                q->patches[q->data.n_patches * 3 * area + i] = 0;
            ot_token(q, c->ids.image_start, -1);
            for (int i = 0; i < OT_PATCHES / 4; i++) ot_token(q, c->ids.image_patch, -1);
            ot_token(q, c->ids.image_end, -1);
            q->views[s][q->encoded[s].n_pictures++].sound = heard;
            q->grids[q->data.n_pictures++] = (sl_grid){OT_SIDE, OT_SIDE};
            q->data.n_patches += OT_PATCHES;
        }
        ot_token(q, 6, 7);
        ot_token(q, 7, 20 + k);
        ot_token(q, 20 + k, 30 + k % 2);
        ot_token(q, 30 + k % 2, c->ids.eos);
        ot_token(q, c->ids.eos, -1);
        q->cu[s + 1] = (int32_t)q->data.n_tokens;
        q->encoded[s].pictures = q->views[s];
        q->samples[s] = &q->encoded[s];
    }
    q->data = (struct sl_loader_batch){
        .n_tokens = q->data.n_tokens,
        .tokens = q->tokens,
        .n_samples = OT_SAMPLES,
        .cu_seqlens = q->cu,
        .targets = q->targets,
        .loss_weights = q->weights,
        .n_patches = q->data.n_patches,
        .n_pictures = q->data.n_pictures,
        .grids = q->grids,
        .patches = q->patches,
        .samples = q->samples,
    };
    sl_batch_spec spec = {
        .tokens = q->tokens,
        .n_seqs = OT_SAMPLES,
        .cu_seqlens = q->cu,
        .targets = q->targets,
        .n_pictures = q->data.n_pictures,
        .grids = q->grids,
        .patches = q->patches,
    };
    assert_sl_ok(sl_batch_new(c, &spec, &q->batch, &err), &err);
    return q;
}

static inline void ot_sequence_free(struct ot_sequence *q)
{
    sl_batch_free(q->batch);
    free(q->patches);
    free(q);
}

/* A stage in the making. */
struct ot_stage {
    const sl_objective *objective;
    sl_config config;
    sl_ops *ops;
    sl_trainer *trainer;
    sl_comm *comm;
    json_t *options;
    void *state;
    int64_t step;
    bool sound; /* the data has sounds */
};

static inline void ot_stage_start(struct ot_stage *s, const sl_objective *o, const char *options, sl_dtype dt)
{
    sl_error err = {0};
    sl_trainer_options t;
    *s = (struct ot_stage){.objective = o, .config = mt_tiny_config()};
    s->options = options ? json_loads(options, 0, NULL) : NULL;
    assert_sl_ok(sl_cpu_ops_default(2, &s->ops, &err), &err);
    assert_sl_ok(sl_comm_new(&s->comm, &err), &err);
    if (o->configure) assert_sl_ok(o->configure(&s->config, s->options, &err), &err);
    sl_trainer_defaults(&t);
    t.dt = dt;
    t.modules = o->modules;
    t.trainable = o->trains;
    t.comm = s->comm;
    assert_sl_ok(sl_trainer_new(&s->config, s->ops, &t, 3, false, &s->trainer, &err), &err);
    sl_objective_env env = {.model = s->trainer->model, .comm = s->comm, .options = s->options, .seed = 5};
    assert_sl_ok(o->open(&env, &s->state, &err), &err);
}

static inline void ot_stage_free(struct ot_stage *s)
{
    s->objective->close(s->state);
    sl_trainer_free(s->trainer);
    sl_comm_free(&s->comm);
    sl_cpu_ops_free(s->ops);
    json_decref(s->options);
}

/* One step on one sequence; returns its loss. */
static inline double ot_stage_step(struct ot_stage *s, const struct ot_sequence *q, float lr)
{
    sl_error err = {0};
    sl_loss loss;
    sl_step found;
    sl_tally tally = {0};
    sl_micro_batch b = {&q->data, q->batch, (uint64_t)s->step, s->step};
    sl_ctx *ctx = sl_trainer_begin(s->trainer);
    assert_sl_ok(s->objective->loss(s->state, ctx, &b, &loss, &tally, &err), &err);
    sl_trainer_end(s->trainer, loss.sum, loss.weight);
    sl_trainer_reduce(s->trainer, &found);
    assert_true(isfinite(found.grad_norm) && found.weight > 0);
    sl_trainer_apply(s->trainer, lr);
    if (s->objective->updated) assert_sl_ok(s->objective->updated(s->state, s->step, &tally, &err), &err);
    s->step++;
    sl_tally_free(&tally);
    return found.loss;
}

/* Trains n steps on painted data. */
static inline void ot_stage_train(struct ot_stage *s, int n, float lr)
{
    for (int i = 0; i < n; i++) {
        struct ot_sequence *q = ot_sequence_new(&s->config, i, (uint64_t)(100 + i), s->sound);
        ot_stage_step(s, q, lr);
        ot_sequence_free(q);
    }
}

/* Checks on two sequences never trained on; *tally receives the means. */
static inline void ot_stage_check(struct ot_stage *s, sl_tally *tally)
{
    sl_error err = {0};
    for (int i = 0; i < 2; i++) {
        struct ot_sequence *q = ot_sequence_new(&s->config, i, (uint64_t)(7000 + i), s->sound);
        sl_micro_batch b = {&q->data, q->batch, (uint64_t)i, 0};
        sl_ctx *ctx = sl_trainer_begin_forward(s->trainer);
        assert_sl_ok(s->objective->held_out(s->state, ctx, &b, tally, &err), &err);
        ot_sequence_free(q);
    }
    sl_ctx *ctx = sl_trainer_begin_forward(s->trainer);
    if (s->objective->held_out_end) assert_sl_ok(s->objective->held_out_end(s->state, ctx, tally, &err), &err);
}

/* Returns the mean of a held-out measure now. */
static inline double ot_stage_measure(struct ot_stage *s, const char *name)
{
    sl_tally tally = {0};
    double mean = NAN;
    ot_stage_check(s, &tally);
    if (!sl_tally_mean(&tally, name, &mean)) fail_msg("no measure %s", name);
    sl_tally_free(&tally);
    return mean;
}

#endif
