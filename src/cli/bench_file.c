/*
 * bench_file.c: the speed of a given model, as it is in its file: vision, prefill and decode in patches and tokens a
 * second, so that another program's speed on the same file can be set beside it (bench/llama_cpp.sh).
 *
 * The limits are in the same unit: what register-resident products would allow, of bytes where the matrices stay
 * quantised and else of bf16, and for decoding what a streaming read would.
 */
#include "cli/bench.h"

#include "base/clock.h"
#include "base/rng.h"
#include "infer/kv_cache.h"
#include "model/count.h"
#include "model/gguf_pair.h"
#include "tensor/cpu/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT = 512, PREFIX = 128, PAGES = 16, ROWS = 48, COLUMNS = 64 }; /* in patches of 16: 1024 x 768 pixels */

struct file_rig {
    const struct sl_bench *b;
    sl_model *model;
    sl_workspace work;
    sl_kv_cache *cache;
    sl_kv_sequence sequence;
};

static sl_status rig_open(struct file_rig *r, const struct sl_bench *b, sl_error *err)
{
    static const size_t WORK_CEILING = (size_t)1 << 40;
    sl_weight_plan plan = {.ops = b->ops, .dt = SL_BF16, .blocks = sl_gguf_is_model(b->model) ? b->model : NULL};
    *r = (struct file_rig){.b = b};
    sl_status s = sl_model_open(b->model, &plan, &r->model, err);
    if (s == SL_OK) s = sl_workspace_init(&r->work, b->ops, SL_BF16, WORK_CEILING, err);
    if (s == SL_OK) s = sl_kv_cache_new(&r->model->config.decoder, SL_BF16, PAGES, 1, &r->cache, err);
    return s;
}

static void rig_close(struct file_rig *r)
{
    if (r->cache) sl_kv_release(r->cache, &r->sequence);
    sl_kv_cache_free(r->cache);
    sl_workspace_free(&r->work);
    sl_model_free(r->model);
}

/* How the decoder's matrices are multiplied. */
static const char *type_of(const struct file_rig *r)
{
    const sl_weights *w = &r->model->weights;
    const sl_weight *m = w->layers[0].o;
    return m && m->blocks ? sl_dtype_name(m->blocks->parts[0].type) : "bf16";
}

static double compute_limit(const struct file_rig *r)
{
    return sl_cpu_limit_flops(r->b->ops, r->model->adopted.bytes ? SL_I8 : SL_BF16);
}

static void finish(const struct file_rig *r, struct sl_bench_series *series, const char *bench, const char *unit,
                   const char *what, const char *type)
{
    struct sl_bench_row row = {.bench = bench, .dtype = type, .unit = unit};
    snprintf(row.shape, sizeof row.shape, "%.40s, %s", r->model->config.name, what);
    sl_bench_finish(r->b, series, row);
}

static sl_status measure_vision(struct file_rig *r, sl_error *err)
{
    const sl_config *c = &r->model->config;
    struct sl_bench_series series = {0};
    struct sl_rng rng;
    sl_batch *batch = NULL;
    size_t n = (size_t)ROWS * COLUMNS * (size_t)sl_vit_patch_numel(&c->vit);
    float *patches = malloc(n * sizeof *patches);
    sl_status s = patches ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for patches");
    sl_rng_init(&rng, 1, 0);
    for (size_t i = 0; s == SL_OK && i < n; i++) patches[i] = sl_rng_float(&rng) * 2 - 1;
    if (s == SL_OK) s = sl_batch_plan(c, 1, 0, 1, (sl_grid){ROWS, COLUMNS}, false, &batch, err);
    if (s == SL_OK) batch->patches = patches;
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_REPEATS)) {
        double limit = sl_cpu_limit_flops(r->b->ops, SL_BF16), start = sl_clock_seconds();
        sl_workspace_reset(&r->work);
        sl_picture_features(&r->work.ctx, r->model, batch);
        double seconds = sl_clock_seconds() - start;
        s = sl_ctx_status(&r->work.ctx, err);
        sl_bench_add(&series, ROWS * COLUMNS / seconds, limit * ROWS * COLUMNS / r->work.ctx.flops);
    }
    if (s == SL_OK) finish(r, &series, "vision", "patch/s", "64 x 48 patches", "bf16");
    sl_batch_free(batch);
    free(patches);
    return s;
}

/* Runs n tokens through the cache; the last one's logits are computed too. */
static sl_status run_tokens(struct file_rig *r, int n, sl_error *err)
{
    int32_t cu[2] = {0, n}, first = r->sequence.length, *tokens = calloc((size_t)n, sizeof *tokens);
    const sl_config *c = &r->model->config;
    sl_kv_sequence *seqs[1] = {&r->sequence};
    sl_batch *batch = NULL;
    for (int i = 0; tokens && i < n; i++) tokens[i] = (first + i) * 37 % 256;
    sl_batch_spec spec = {.tokens = tokens, .n_seqs = 1, .cu_seqlens = cu, .first_position = &first};
    sl_status s = tokens ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory");
    if (s == SL_OK) s = sl_kv_extend(r->cache, &r->sequence, n, err);
    if (s == SL_OK) s = sl_batch_new(c, &spec, &batch, err);
    if (s == SL_OK) {
        sl_ctx *ctx = &r->work.ctx;
        sl_workspace_reset(&r->work);
        sl_tensor *x = sl_decoder_forward(ctx, r->model, batch, NULL, sl_kv_bind(r->cache, seqs, 1), NULL);
        if (x) {
            char *last = (char *)x->data + (size_t)(n - 1) * (size_t)c->decoder.hidden * sl_dtype_size(x->dtype);
            sl_model_logits(ctx, r->model, sl_tensor_wrap(ctx, x->dtype, 1, c->decoder.hidden, last));
        }
        s = sl_ctx_status(ctx, err);
    }
    sl_batch_free(batch);
    free(tokens);
    return s;
}

static sl_status measure_prefill(struct file_rig *r, sl_error *err)
{
    struct sl_bench_series series = {0};
    sl_status s = SL_OK;
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_REPEATS)) {
        double limit = compute_limit(r), start = sl_clock_seconds();
        sl_kv_release(r->cache, &r->sequence);
        s = run_tokens(r, PROMPT, err);
        double seconds = sl_clock_seconds() - start;
        sl_bench_add(&series, PROMPT / seconds, limit * PROMPT / r->work.ctx.flops);
    }
    if (s == SL_OK) finish(r, &series, "prefill", "token/s", "512 tokens", type_of(r));
    return s;
}

/* Bytes of weights that one token reads: of experts those that are used. */
static double token_weight_bytes(const sl_model *m)
{
    const sl_decoder_config *d = &m->config.decoder;
    double bytes = 0;
    for (int i = 0; i < m->weights.n_rows; i++) {
        const sl_weight_row *r = &m->weights.rows[i];
        double all = r->w.packed ? (double)r->w.packed_stride * (double)r->w.groups : 0;
        if (r->module != SL_MODULE_DECODER || (r->role == SL_ROLE_EMBEDDING && !r->output)) continue;
        for (int k = 0; r->w.blocks && k < r->w.blocks->n_parts; k++)
            all += (double)r->w.blocks->parts[k].group_stride * (double)r->w.groups;
        bytes += r->w.groups > 1 ? all * d->top_k / d->n_experts : all;
    }
    return bytes;
}

/* One token and one pass over 1 GiB in turns, so that both see the same machine. */
static sl_status measure_decode(struct file_rig *r, sl_error *err)
{
    static const size_t BYTES = (size_t)1 << 30;
    const sl_decoder_config *d = &r->model->config.decoder;
    struct sl_bench_series series = {0};
    struct sl_arena memory = {0};
    double page = (double)sl_kv_page_bytes(d, SL_BF16) / SL_KV_PAGE_SIZE;
    sl_status s = sl_arena_init(&memory, BYTES, err);
    if (s != SL_OK) return s;
    r->b->ops->zero(r->b->ops, BYTES, memory.base);
    sl_kv_release(r->cache, &r->sequence);
    s = run_tokens(r, PREFIX, err);
    while (s == SL_OK && sl_bench_more(&series, SL_BENCH_MOST)) {
        double limit = sl_cpu_read_rate(r->b->ops, memory.base, BYTES), start = sl_clock_seconds();
        s = run_tokens(r, 1, err);
        double seconds = sl_clock_seconds() - start;
        sl_bench_add(&series, 1 / seconds, limit / (token_weight_bytes(r->model) + page * r->sequence.length));
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
    rig_close(&r);
    return s;
}
