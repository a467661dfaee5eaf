/*
 * bench_model.c: the whole model's speed: vision, prefill, decode and the training step.
 *
 * Compute is held against register-resident products, decoding against a streaming read, each measured before
 * every repetition, so that a machine that others slow down slows both. Prefill and decoding are measured twice, bare
 * and as the answering engine does them (pages, chunks, sampling, events), in turns: both should say the same.
 */
#include "cli/bench.h"
#include "cli/bench_rig.h"

#include "base/clock.h"
#include "infer/engine.h"
#include "model/count.h"
#include "tensor/cpu/limits.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>

/* A model of random weights in a zeroed rig, with a cache of so many pages (0: none). */
static sl_status rig_open(struct sl_bench_rig *r, const sl_config *c, const sl_weight_plan *plan, int pages,
                          sl_error *err)
{
    sl_status s = sl_model_new(c, plan, false, &r->model, err);
    if (s == SL_OK) s = sl_model_init(r->model, 1, err);
    return s == SL_OK ? sl_bench_rig_begin(r, plan->ops, pages, err) : s;
}

sl_status sl_bench_vision(const struct sl_bench *b, sl_error *err)
{
    sl_config c;
    struct sl_bench_rig r = {0};
    sl_batch *batch = NULL;
    float *patches = NULL;
    sl_weight_plan plan = {.ops = b->ops, .dt = SL_BF16, .modules = 1u << SL_MODULE_VIT};
    sl_status s = sl_config_named("seed1.5-vl", &c, err);
    if (s != SL_OK) return s;
    s = rig_open(&r, &c, &plan, 0, err);
    if (s == SL_OK) s = sl_batch_plan(&c, 1, 0, 1, (sl_grid){756 / 14, 1008 / 14}, false, &batch, err);
    if (s == SL_OK) s = sl_bench_patches(batch, &c, &patches, err);
    struct sl_bench_series series = {0};
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_REPEATS)) {
        double limit = sl_cpu_limit_flops(b->ops, SL_BF16), start = sl_clock_seconds();
        sl_workspace_reset(&r.work);
        sl_vit_forward(&r.work.ctx, r.model, batch);
        double seconds = sl_clock_seconds() - start;
        s = sl_ctx_status(&r.work.ctx, err);
        sl_bench_add(&series, r.work.ctx.flops / seconds / 1e9, limit / 1e9);
    }
    if (s == SL_OK)
        sl_bench_finish(
            b, &series,
            (struct sl_bench_row){.bench = "vision", .shape = "seed-vit 1008x756", .dtype = "bf16", .unit = "GFLOP/s"});
    sl_batch_free(batch);
    free(patches);
    sl_bench_rig_close(&r);
    return s;
}

/*
 * A dense decoder of 2B parameters: 28 x 2048, 16/8 heads of 128, MLP 6144, vocabulary 151,936, tied. The engine wants
 * eyes too; they are nano's, and not used.
 */
static sl_status dense_2b(sl_config *c, sl_error *err)
{
    sl_config nano;
    sl_status s = sl_config_named("base", c, err);
    if (s == SL_OK) s = sl_config_named("nano", &nano, err);
    if (s != SL_OK) return s;
    c->vit = nano.vit;
    c->adapter = nano.adapter;
    sl_decoder_config *d = &c->decoder;
    d->vocab = 151936, d->hidden = 2048, d->depth = 28, d->n_heads = 16, d->n_kv_heads = 8, d->head_dim = 128;
    d->mlp_hidden = 6144, d->n_dense_layers = 28, d->n_experts = 0, d->top_k = 0, d->expert_hidden = 0;
    d->shared_hidden = 0, d->select_bias = false, d->tie_embeddings = true;
    return SL_OK;
}

/* An engine for one request at a time over the rig's model. */
static sl_status engine_open(const struct sl_bench_rig *r, sl_engine **out, sl_error *err)
{
    sl_engine_options o;
    sl_engine_defaults(&o);
    o.max_context = 2048;
    o.max_sequences = 1;
    o.max_pixels = 4 * 784;
    return sl_engine_over(r->model, NULL, &o, out, err);
}

/* Submits n tokens that nobody gave before; `number` makes them so. */
static sl_status engine_ask(sl_engine *e, int n, int number, int max_tokens, sl_request **out, sl_error *err)
{
    enum { MOST = 1024 };
    int32_t tokens[MOST];
    sl_ask ask;
    SL_CHECK(n <= MOST);
    sl_ask_defaults(e, &ask);
    for (int i = 0; i < n; i++) tokens[i] = 1000 + (i * 7 + number) % 5000;
    ask.tokens = tokens;
    ask.n_tokens = (size_t)n;
    ask.max_tokens = max_tokens;
    ask.ignore_eos = true;
    return sl_engine_submit(e, &ask, out, err);
}

/* One prompt from its submission to its first token. */
static sl_status engine_prefill(sl_engine *e, int n, int number, sl_error *err)
{
    sl_request *r = NULL;
    sl_status s = engine_ask(e, n, number, 1, &r, err);
    while (s == SL_OK && !sl_request_done(r)) s = sl_engine_step(e, NULL, err);
    sl_request_free(r);
    return s;
}

sl_status sl_bench_prefill(const struct sl_bench *b, sl_error *err)
{
    enum { TOKENS = 1024 };
    sl_config c;
    struct sl_bench_rig r = {0};
    sl_engine *e = NULL;
    sl_weight_plan plan = {.ops = b->ops, .dt = SL_BF16};
    struct sl_bench_row row = {
        .bench = "prefill", .shape = "dense 2B, 1024 tokens", .dtype = "bf16", .unit = "GFLOP/s"};
    sl_status s = dense_2b(&c, err);
    if (s != SL_OK) return s;
    s = rig_open(&r, &c, &plan, 0, err);
    if (s == SL_OK) s = engine_open(&r, &e, err);
    struct sl_bench_series bare = {0}, engine = {0};
    for (int i = 0; s == SL_OK && sl_bench_more(&bare, SL_BENCH_REPEATS); i++) {
        double limit = sl_cpu_limit_flops(b->ops, SL_BF16), start = sl_clock_seconds();
        s = sl_bench_run(&r, TOKENS, err);
        double middle = sl_clock_seconds();
        if (s == SL_OK) s = engine_prefill(e, TOKENS, i, err);
        double seconds = sl_clock_seconds() - middle, flops = r.work.ctx.flops;
        sl_bench_add(&bare, flops / (middle - start) / 1e9, limit / 1e9);
        sl_bench_add(&engine, flops / seconds / 1e9, limit / 1e9);
    }
    if (s == SL_OK) sl_bench_finish(b, &bare, row);
    snprintf(row.shape, sizeof row.shape, "dense 2B, 1024 tokens, by the engine");
    if (s == SL_OK) sl_bench_finish(b, &engine, row);
    sl_engine_free(e);
    sl_bench_rig_close(&r);
    return s;
}

/* --- decode ---------------------------------------------------------------------------------------------------- */

struct decoder_state {
    struct sl_bench_rig rig;
    sl_engine *engine;
    sl_request *request; /* that the engine answers */
};

/* Lets the engine read a prompt of n tokens and choose the first one after it. */
static sl_status engine_begin(struct decoder_state *d, int n, sl_error *err)
{
    sl_status s = engine_ask(d->engine, n, 0, 4 * SL_BENCH_MOST, &d->request, err);
    while (s == SL_OK && !sl_request_result(d->request)->usage.completion_tokens)
        s = sl_engine_step(d->engine, NULL, err);
    return s;
}

/* One pass over 1 GiB, one token bare and one by the engine in turns, so that all see the same machine. */
static sl_status measure_decode(const struct sl_bench *b, struct decoder_state *d, bool int8, sl_error *err)
{
    enum { PREFIX = 128 };
    static const size_t BYTES = (size_t)1 << 30;
    struct sl_bench_series bare = {0}, engine = {0};
    struct sl_arena memory = {0};
    struct sl_bench_row row = {
        .bench = "decode", .shape = "dense 2B, batch 1", .dtype = int8 ? "int8" : "bf16", .unit = "GB/s"};
    sl_status s = sl_arena_init(&memory, BYTES, err);
    if (s != SL_OK) return s;
    b->ops->zero(b->ops, BYTES, memory.base);
    s = sl_bench_run(&d->rig, PREFIX, err);
    if (s == SL_OK) s = engine_begin(d, PREFIX, err);
    while (s == SL_OK && sl_bench_more(&bare, SL_BENCH_MOST)) {
        double limit = sl_cpu_read_rate(b->ops, memory.base, BYTES), start = sl_clock_seconds();
        s = sl_bench_run(&d->rig, 1, err);
        double middle = sl_clock_seconds();
        if (s == SL_OK) s = sl_engine_step(d->engine, NULL, err);
        double seconds = sl_clock_seconds() - middle, bytes = sl_bench_token_bytes(&d->rig);
        sl_bench_add(&bare, bytes / (middle - start) / 1e9, limit / 1e9);
        sl_bench_add(&engine, bytes / seconds / 1e9, limit / 1e9);
    }
    if (s == SL_OK) sl_bench_finish(b, &bare, row);
    snprintf(row.shape, sizeof row.shape, "dense 2B, batch 1, by the engine");
    if (s == SL_OK) sl_bench_finish(b, &engine, row);
    sl_arena_free(&memory);
    return s;
}

sl_status sl_bench_decode(const struct sl_bench *b, sl_error *err)
{
    sl_config c;
    sl_status s = dense_2b(&c, err);
    for (int int8 = 0; int8 < 2 && s == SL_OK; int8++) {
        struct decoder_state d = {0};
        sl_weight_plan plan = {
            .ops = b->ops,
            .dt = SL_BF16,
            .int8 = int8,
        };
        s = rig_open(&d.rig, &c, &plan, 8, err);
        if (s == SL_OK) s = engine_open(&d.rig, &d.engine, err);
        if (s == SL_OK) s = measure_decode(b, &d, int8, err);
        sl_request_free(d.request);
        sl_engine_free(d.engine);
        sl_bench_rig_close(&d.rig);
    }
    return s;
}

/* --- train ------------------------------------------------------------------------------------------------------ */

sl_status sl_bench_train(const struct sl_bench *b, sl_error *err)
{
    enum { TOKENS = 2048, PICTURES = 2 };
    sl_dtype dt = b->f32 ? SL_F32 : SL_BF16;
    sl_config c;
    sl_trainer_options o;
    sl_trainer *t = NULL;
    sl_batch *batch = NULL;
    float *patches = NULL;
    struct sl_bench_series series = {0};
    sl_trainer_defaults(&o);
    o.dt = dt;
    sl_status s = sl_config_named("mini", &c, err);
    if (s == SL_OK) s = sl_trainer_new(&c, b->ops, &o, 1, false, &t, err);
    if (s == SL_OK) s = sl_batch_plan(&c, b->sequences, TOKENS, PICTURES, (sl_grid){32, 32}, true, &batch, err);
    if (s == SL_OK) s = sl_bench_patches(batch, &c, &patches, err);
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_REPEATS)) {
        double loss, flops = 0, limit = sl_cpu_limit_flops(b->ops, dt), start = sl_clock_seconds();
        s = sl_trainer_accumulate(t, batch, &loss, NULL, err);
        flops = t->flops + t->backward_flops;
        if (s == SL_OK) s = sl_trainer_update(t, 1e-4f, NULL, err);
        double seconds = sl_clock_seconds() - start;
        sl_bench_add(&series, flops / seconds / 1e9, limit / 1e9);
    }
    if (s == SL_OK) {
        struct sl_bench_row row = {.bench = "train", .dtype = b->f32 ? "f32" : "bf16", .unit = "GFLOP/s"};
        snprintf(row.shape, sizeof row.shape, "mini, %d x %d tokens, %d pictures each", b->sequences, TOKENS, PICTURES);
        sl_bench_finish(b, &series, row);
    }
    sl_batch_free(batch);
    free(patches);
    sl_trainer_free(t);
    return s;
}
