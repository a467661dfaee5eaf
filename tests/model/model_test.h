/*
 * model_test.h: what tests of the assembled model share: a model with its ops table and work space, random batches.
 */
#ifndef SL_TESTS_MODEL_MODEL_TEST_H
#define SL_TESTS_MODEL_MODEL_TEST_H

#include "test.h"

#include "base/file.h"
#include "base/rng.h"
#include "model/model.h"
#include "tensor/cpu/cpu.h"

/* One model at one processor level. */
struct mt_rig {
    sl_ops *ops;
    sl_model *model;
    sl_workspace work;
    sl_tape tape;
};

/* Number of processor levels here. */
static inline int mt_levels(void)
{
    sl_cpu_features f;
    sl_cpu_detect(&f);
    return (int)f.best + 1;
}

/* The ops table and work space at a level, without a model. */
static inline void mt_rig_start(struct mt_rig *r, int level, sl_dtype dt, int threads)
{
    sl_cpu_features f;
    sl_error err = {0};
    *r = (struct mt_rig){0};
    sl_cpu_detect(&f);
    assert_sl_ok(sl_cpu_ops_new((sl_cpu_level)level, &f, threads, &r->ops, &err), &err);
    assert_sl_ok(sl_workspace_init(&r->work, r->ops, dt, (size_t)4 << 30, &err), &err);
}

/* A model of config with initial weights. */
static inline void mt_rig_new(struct mt_rig *r, const sl_config *c, int level, sl_dtype dt, unsigned trainable)
{
    sl_error err = {0};
    mt_rig_start(r, level, dt, 2);
    sl_weight_plan plan = {.ops = r->ops, .dt = dt, .trainable = trainable};
    assert_sl_ok(sl_model_new(c, &plan, false, &r->model, &err), &err);
    assert_sl_ok(sl_model_init(r->model, 1, &err), &err);
}

/* A model from a checkpoint folder. */
static inline void mt_rig_open(struct mt_rig *r, const char *dir, int level, sl_dtype dt, unsigned trainable)
{
    sl_error err = {0};
    mt_rig_start(r, level, dt, 2);
    sl_weight_plan plan = {.ops = r->ops, .dt = dt, .trainable = trainable};
    assert_sl_ok(sl_model_open(dir, &plan, &r->model, &err), &err);
}

static inline void mt_rig_free(struct mt_rig *r)
{
    sl_model_free(r->model);
    sl_workspace_free(&r->work);
    sl_cpu_ops_free(r->ops);
}

/* A configuration small enough for the reference kernels, with pictures, a dense and an expert layer. */
static inline sl_config mt_tiny_config(void)
{
    sl_config c;
    sl_error err = {0};
    assert_sl_ok(sl_config_named("nano", &c, &err), &err);
    c.vit.hidden = 64, c.vit.depth = 2, c.vit.n_heads = 2, c.vit.mlp_hidden = 96;
    c.adapter.hidden = 48;
    c.decoder.vocab = 160, c.decoder.hidden = 64, c.decoder.depth = 2, c.decoder.n_heads = 4;
    c.decoder.n_kv_heads = 2, c.decoder.head_dim = 16, c.decoder.mlp_hidden = 80, c.decoder.n_dense_layers = 1;
    c.decoder.n_experts = 4, c.decoder.top_k = 2, c.decoder.expert_hidden = 40, c.decoder.shared_hidden = 24;
    c.ids.image_start = 150, c.ids.image_patch = 151, c.ids.image_end = 152;
    c.ids.eos = 153, c.ids.pad = 154;
    assert_sl_ok(sl_config_check(&c, &err), &err);
    return c;
}

/* One sequence in the making: random text around pictures. */
struct mt_sequence {
    int32_t tokens[512];
    int n_tokens;
    sl_grid grids[4];
    int n_grids;
};

static inline void mt_sequence_text(struct mt_sequence *s, struct sl_rng *rng, int n)
{
    while (n--) s->tokens[s->n_tokens++] = (int32_t)sl_rng_below(rng, 140);
}

static inline void mt_sequence_picture(struct mt_sequence *s, const sl_config *c, int rows, int cols)
{
    s->grids[s->n_grids++] = (sl_grid){rows, cols};
    s->tokens[s->n_tokens++] = c->ids.image_start;
    for (int i = 0; i < rows * cols / 4; i++) s->tokens[s->n_tokens++] = c->ids.image_patch;
    s->tokens[s->n_tokens++] = c->ids.image_end;
}

#endif
