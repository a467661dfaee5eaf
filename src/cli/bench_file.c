/*
 * bench_file.c: the speed of a given model, as it is in its file: vision, prefill and decode in patches and tokens a
 * second, so that another program's speed on the same file can be set beside it (bench/llama_cpp.sh).
 *
 * The limits are in the same unit: what register-resident products would allow, of bytes where the matrices stay
 * quantised and else of bf16, and for decoding what a streaming read would.
 */
#include "cli/bench.h"
#include "cli/bench_rig.h"

#include "base/clock.h"
#include "model/count.h"
#include "model/gguf_pair.h"
#include "tensor/cpu/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT = 512, PREFIX = 128, PAGES = 16, ROWS = 48, COLUMNS = 64 }; /* in patches of 16: 1024 x 768 pixels */

struct file_rig {
    const struct sl_bench *b;
    struct sl_bench_rig rig;
};

static sl_status rig_open(struct file_rig *r, const struct sl_bench *b, sl_error *err)
{
    sl_weight_plan plan = {.ops = b->ops, .dt = SL_BF16, .blocks = sl_gguf_is_model(b->model) ? b->model : NULL};
    *r = (struct file_rig){.b = b};
    sl_status s = sl_model_open(b->model, &plan, &r->rig.model, err);
    return s == SL_OK ? sl_bench_rig_begin(&r->rig, b->ops, PAGES, err) : s;
}

/* How the decoder's matrices are multiplied. */
static const char *type_of(const struct file_rig *r)
{
    const sl_weights *w = &r->rig.model->weights;
    const sl_weight *m = w->layers[0].o;
    return m && m->blocks ? sl_dtype_name(m->blocks->parts[0].type) : "bf16";
}

static double compute_limit(const struct file_rig *r)
{
    return sl_cpu_limit_flops(r->b->ops, r->rig.model->adopted.bytes ? SL_I8 : SL_BF16);
}

static void finish(const struct file_rig *r, struct sl_bench_series *series, const char *bench, const char *unit,
                   const char *what, const char *type)
{
    struct sl_bench_row row = {.bench = bench, .dtype = type, .unit = unit};
    snprintf(row.shape, sizeof row.shape, "%.40s, %s", r->rig.model->config.name, what);
    sl_bench_finish(r->b, series, row);
}

static sl_status measure_vision(struct file_rig *r, sl_error *err)
{
    const sl_config *c = &r->rig.model->config;
    struct sl_bench_series series = {0};
    sl_batch *batch = NULL;
    float *patches = NULL;
    sl_status s = sl_batch_plan(c, 1, 0, 1, (sl_grid){ROWS, COLUMNS}, false, &batch, err);
    if (s == SL_OK) s = sl_bench_patches(batch, c, &patches, err);
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_REPEATS)) {
        double limit = sl_cpu_limit_flops(r->b->ops, SL_BF16), start = sl_clock_seconds();
        sl_workspace_reset(&r->rig.work);
        sl_picture_features(&r->rig.work.ctx, r->rig.model, batch);
        double seconds = sl_clock_seconds() - start;
        s = sl_ctx_status(&r->rig.work.ctx, err);
        sl_bench_add(&series, ROWS * COLUMNS / seconds, limit * ROWS * COLUMNS / r->rig.work.ctx.flops);
    }
    if (s == SL_OK) finish(r, &series, "vision", "patch/s", "64 x 48 patches", "bf16");
    sl_batch_free(batch);
    free(patches);
    return s;
}

static sl_status measure_prefill(struct file_rig *r, sl_error *err)
{
    struct sl_bench_series series = {0};
    sl_status s = SL_OK;
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_REPEATS)) {
        double limit = compute_limit(r), start = sl_clock_seconds();
        sl_bench_rig_rewind(&r->rig);
        s = sl_bench_run(&r->rig, PROMPT, err);
        double seconds = sl_clock_seconds() - start;
        sl_bench_add(&series, PROMPT / seconds, limit * PROMPT / r->rig.work.ctx.flops);
    }
    if (s == SL_OK) finish(r, &series, "prefill", "token/s", "512 tokens", type_of(r));
    return s;
}

/* One token and one pass over 1 GiB in turns, so that both see the same machine. */
static sl_status measure_decode(struct file_rig *r, sl_error *err)
{
    static const size_t BYTES = (size_t)1 << 30;
    struct sl_bench_series series = {0};
    struct sl_arena memory = {0};
    sl_status s = sl_arena_init(&memory, BYTES, err);
    if (s != SL_OK) return s;
    r->b->ops->zero(r->b->ops, BYTES, memory.base);
    sl_bench_rig_rewind(&r->rig);
    s = sl_bench_run(&r->rig, PREFIX, err);
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_MOST)) {
        double limit = sl_cpu_read_rate(r->b->ops, memory.base, BYTES), start = sl_clock_seconds();
        s = sl_bench_run(&r->rig, 1, err);
        double seconds = sl_clock_seconds() - start;
        sl_bench_add(&series, 1 / seconds, limit / sl_bench_token_bytes(&r->rig));
    }
    if (s == SL_OK) finish(r, &series, "decode", "token/s", "batch 1", type_of(r));
    sl_arena_free(&memory);
    return s;
}

sl_status sl_bench_file(const struct sl_bench *b, const char *what, sl_error *err)
{
    struct file_rig r;
    sl_status s = rig_open(&r, b, err);
    bool all = !what;
    if (s == SL_OK && (all || strcmp(what, "vision") == 0)) s = measure_vision(&r, err);
    if (s == SL_OK && (all || strcmp(what, "prefill") == 0)) s = measure_prefill(&r, err);
    if (s == SL_OK && (all || strcmp(what, "decode") == 0)) s = measure_decode(&r, err);
    sl_bench_rig_close(&r.rig);
    return s;
}
