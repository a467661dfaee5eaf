/*
 * bench_ops.c: how fast the slots beside products are: those bound by memory against a streaming read, attention
 * against products.
 *
 * Bytes written count like bytes read. The arrays (40 to 84 MB each) are larger than any second-level cache, but a big
 * third-level cache may keep part of them from one repeat to the next; a fraction over 1 says that it did.
 */
#include "cli/bench.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/rng.h"
#include "tensor/cpu/limits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    ROWS = 16384,
    COLS = 1280,
    TOP_K = 8,
    HEADS = 16,
    KV_HEADS = 4,
    HEAD_DIM = 128,
    QKV = (HEADS + 2 * KV_HEADS) * HEAD_DIM,
    LARGE = ROWS * COLS * 4, /* bytes: the largest array of any case */
    SMALL = 1 << 18,         /* elements: statistics, parameters, indices */
    MAX_SEQS = 8,
};

/* What a case works on. Everything that is read starts in [0.5, 1), as bf16 and as f32; what is written as zeros. */
struct operands {
    const sl_ops *ops;
    int64_t rows, cols;
    void *in, *in2, *in3, *out; /* LARGE bytes each */
    float *stats, *stats2;      /* (SMALL) each */
    float *weight, *bias;       /* (SMALL) each */
    float *d_weight, *d_bias;   /* (SMALL) each */
    int32_t *index;             /* (SMALL): a permutation of 0 .. rows - 1 */
    sl_attention attention;
    sl_attention_grad attention_grad;
    int32_t cu_seqlens[MAX_SEQS + 1];
};

typedef void run_fn(const struct operands *p);

/* --- bound by memory ---------------------------------------------------------------------------------------- */

static void run_layernorm(const struct operands *p)
{
    p->ops->layernorm(p->ops, SL_BF16, p->rows, p->cols, p->in, p->weight, p->bias, 1e-6f, p->out, p->stats, p->stats2);
}

static void run_layernorm_bwd(const struct operands *p)
{
    p->ops->layernorm_bwd(p->ops, SL_BF16, p->rows, p->cols, p->in2, p->in, p->weight, p->stats, p->stats2, p->out,
                          false, p->d_weight, p->d_bias);
}

static void run_rmsnorm(const struct operands *p)
{
    p->ops->rmsnorm(p->ops, SL_BF16, p->rows, p->cols, p->in, p->weight, 1e-6f, p->out, p->stats);
}

static void run_rmsnorm_bwd(const struct operands *p)
{
    p->ops->rmsnorm_bwd(p->ops, SL_BF16, p->rows, p->cols, p->in2, p->in, p->weight, p->stats, p->out, false,
                        p->d_weight);
}

static sl_qkv qkv_of(const struct operands *p)
{
    return (sl_qkv){
        .dt = SL_BF16,
        .tokens = p->rows,
        .n_heads = HEADS,
        .n_kv_heads = KV_HEADS,
        .head_dim = HEAD_DIM,
        .q_norm = p->weight,
        .k_norm = p->bias,
        .eps = 1e-6f,
        .cos = p->in3,
        .sin = (const float *)p->in3 + p->rows * (HEAD_DIM / 2),
        .rstd = p->stats,
    };
}

static void run_qkv_prepare(const struct operands *p)
{
    sl_qkv q = qkv_of(p);
    p->ops->qkv_prepare(p->ops, &q, p->in, p->out);
}

static void run_qkv_prepare_bwd(const struct operands *p)
{
    sl_qkv q = qkv_of(p);
    p->ops->qkv_prepare_bwd(p->ops, &q, p->in, p->out, p->d_weight, p->d_bias);
}

static void run_swiglu(const struct operands *p)
{
    p->ops->swiglu(p->ops, SL_BF16, p->rows, p->cols, p->in, p->out);
}

static void run_swiglu_bwd(const struct operands *p)
{
    p->ops->swiglu_bwd(p->ops, SL_BF16, p->rows, p->cols, p->in2, p->in, p->out);
}

static void run_gelu(const struct operands *p)
{
    p->ops->act(p->ops, SL_BF16, SL_ACT_GELU, p->rows * p->cols, p->in, p->out);
}

static void run_gelu_bwd(const struct operands *p)
{
    p->ops->act_bwd(p->ops, SL_BF16, SL_ACT_GELU, p->rows * p->cols, p->in2, p->in, p->out, false);
}

/* rows are the choices of rows / TOP_K tokens. */
static void run_combine(const struct operands *p)
{
    p->ops->combine(p->ops, SL_BF16, p->rows / TOP_K, p->cols, TOP_K, p->in, p->stats, p->index, p->in2, p->out);
}

static void run_gather_rows(const struct operands *p)
{
    p->ops->gather_rows(p->ops, SL_BF16, p->rows, p->cols, p->index, p->in, p->out);
}

static void run_cross_entropy(const struct operands *p)
{
    p->ops->cross_entropy(p->ops, SL_BF16, p->rows, p->cols, p->in, p->index, p->stats, p->stats2, p->out);
}

static void run_adamw(const struct operands *p)
{
    const sl_adamw settings = {
        .lr = 1e-4f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.1f, .grad_scale = 1, .step = 10};
    p->ops->adamw(p->ops, p->rows * p->cols, p->in, p->in2, p->in3, p->out, &settings);
}

/*
 * What each slot cannot but move for an element of (rows, cols): every input read once, every output written once, in
 * numbers of bf16 and of f32. Statistics and parameters are left out: they are a hundredth.
 */
static const struct memory_case {
    const char *name;
    int64_t rows, cols;
    double bf16, f32;
    const char *dtype;
    run_fn *run;
} memory_cases[] = {
    {"layernorm", ROWS, COLS, 2, 0, "bf16", run_layernorm},
    {"layernorm_bwd", ROWS, COLS, 3, 0, "bf16", run_layernorm_bwd},
    {"rmsnorm", ROWS, COLS, 2, 0, "bf16", run_rmsnorm},
    {"rmsnorm_bwd", ROWS, COLS, 3, 0, "bf16", run_rmsnorm_bwd},
    /* The angles: a cosine and a sine for every two of a head. Backward leaves the gradient of v as it is. */
    {"qkv_prepare", ROWS / 2, QKV, 2, (double)HEAD_DIM / QKV, "bf16", run_qkv_prepare},
    {"qkv_prepare_bwd", ROWS / 2, QKV, 3.0 * (HEADS + KV_HEADS) / (HEADS + 2 * KV_HEADS), (double)HEAD_DIM / QKV,
     "bf16", run_qkv_prepare_bwd},
    {"swiglu", ROWS, COLS, 3, 0, "bf16", run_swiglu},
    {"swiglu_bwd", ROWS, COLS, 5, 0, "bf16", run_swiglu_bwd},
    {"act gelu", ROWS, COLS, 2, 0, "bf16", run_gelu},
    {"act_bwd gelu", ROWS, COLS, 3, 0, "bf16", run_gelu_bwd},
    {"combine, top 8", 2 * ROWS, 1024, 1 + 2.0 / TOP_K, 0, "bf16", run_combine},
    {"gather_rows", 2 * ROWS, 1024, 2, 0, "bf16", run_gather_rows},
    {"cross_entropy, gradient", ROWS / 64, 65536, 1, 1, "bf16", run_cross_entropy},
    /* Weight, gradient and both moments are read and written. */
    {"adamw", ROWS, COLS, 0, 8, "f32", run_adamw},
};

/* --- attention ------------------------------------------------------------------------------------------------ */

/* A picture in the ViT; a training batch of text. */
static const struct attention_case {
    int n_seqs, length;
    int n_heads, n_kv_heads, head_dim;
    bool causal;
} attention_cases[] = {
    {1, 3888, 20, 20, 64, false},
    {8, 2048, 8, 2, 64, true},
};

/* q, k and v lie side by side, as one projection leaves them; so do their gradients. */
static void attention_setup(struct operands *p, const struct attention_case *c)
{
    int64_t q_cols = (int64_t)c->n_heads * c->head_dim, kv_cols = (int64_t)c->n_kv_heads * c->head_dim;
    const sl_bf16 *qkv = p->in;
    sl_bf16 *d_qkv = p->out;
    for (int i = 0; i <= c->n_seqs; i++) p->cu_seqlens[i] = i * c->length;
    p->attention = (sl_attention){
        .dt = SL_BF16,
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .q = qkv,
        .k = qkv + q_cols,
        .v = qkv + q_cols + kv_cols,
        .q_stride = q_cols + 2 * kv_cols,
        .kv_stride = q_cols + 2 * kv_cols,
        .out = p->in2,
        .lse = p->stats,
        .cu_seqlens = p->cu_seqlens,
        .n_seqs = c->n_seqs,
        .causal = c->causal,
        .scale = 1 / sqrtf((float)c->head_dim),
    };
    p->attention_grad = (sl_attention_grad){
        .d_out = p->in3, .dq = d_qkv, .dk = d_qkv + q_cols, .dv = d_qkv + q_cols + kv_cols, .delta = p->stats2};
}

static void run_attention(const struct operands *p)
{
    p->ops->attention(p->ops, &p->attention);
}

static void run_attention_bwd(const struct operands *p)
{
    p->ops->attention_bwd(p->ops, &p->attention, &p->attention_grad);
}

/* Of one product over the pairs that attend: forward has two (scores, out), backward five (scores again, and four). */
static double product_flops(const struct attention_case *c)
{
    double pairs = c->causal ? 0.5 * c->length * (c->length + 1.0) : (double)c->length * c->length;
    return 2 * c->n_seqs * pairs * c->n_heads * c->head_dim;
}

/* Backward needs what forward kept. */
static const struct {
    const char *name;
    int n_products;
    run_fn *run;
} directions[] = {{"attention", 2, run_attention}, {"attention_bwd", 5, run_attention_bwd}};

/* --- measuring -------------------------------------------------------------------------------------------------- */

/* Fills n bytes, a multiple of 2, with bf16 in [0.5, 1): two of them side by side are also an f32 in [0.5, 1). */
static void fill(void *array, size_t n)
{
    enum { BLOCK = 1 << 20 };
    size_t done = n < BLOCK ? n : BLOCK;
    sl_bf16 *x = array;
    struct sl_rng rng;
    sl_rng_init(&rng, 1, 1);
    for (size_t i = 0; i < done / 2; i++) x[i] = (sl_bf16)(0x3f00 | (sl_rng_u32(&rng) >> 25));
    for (; done < n; done += BLOCK) memcpy((char *)array + done, array, n - done < BLOCK ? n - done : BLOCK);
}

/* Starts a case afresh: some work in place, and 7919 is prime to every number of rows. */
static void operands_reset(struct operands *p, int64_t rows, int64_t cols)
{
    void *const large[] = {p->in, p->in2, p->in3};
    float *const small[] = {p->stats, p->stats2, p->weight, p->bias};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) fill(large[i], LARGE);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) fill(small[i], SMALL * sizeof **small);
    memset(p->out, 0, LARGE);
    memset(p->d_weight, 0, SMALL * sizeof *p->d_weight);
    memset(p->d_bias, 0, SMALL * sizeof *p->d_bias);
    for (int64_t i = 0; i < rows; i++) p->index[i] = (int32_t)(i * 7919 % rows);
    p->rows = rows;
    p->cols = cols;
}

static sl_status operands_init(struct operands *p, const sl_ops *ops, struct sl_arena *a, sl_error *err)
{
    void **const large[] = {&p->in, &p->in2, &p->in3, &p->out};
    float **const small[] = {&p->stats, &p->stats2, &p->weight, &p->bias, &p->d_weight, &p->d_bias};
    *p = (struct operands){.ops = ops};
    sl_status s = sl_arena_init(a, (size_t)512 << 20, err);
    if (s != SL_OK) return s;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) *large[i] = sl_arena_alloc(a, LARGE);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) *small[i] = sl_arena_alloc(a, SMALL * sizeof **small[i]);
    p->index = sl_arena_alloc(a, SMALL * sizeof *p->index);
    SL_CHECK(p->index); /* the last of them: the ceiling has room for all */
    return SL_OK;
}

/*
 * Returns the seconds of one call: the median of repeats that last 20 ms or more, so that neither the clock nor the
 * start of threads shows. The first call is not counted.
 */
static double seconds_of(run_fn *run, const struct operands *p)
{
    double times[SL_BENCH_REPEATS];
    run(p);
    double start = sl_clock_seconds();
    run(p);
    int n_calls = 1 + (int)(0.02 / (sl_clock_seconds() - start + 1e-5));
    for (int i = 0; i < SL_BENCH_REPEATS; i++) {
        start = sl_clock_seconds();
        for (int k = 0; k < n_calls; k++) run(p);
        times[i] = (sl_clock_seconds() - start) / n_calls;
    }
    return sl_bench_median(times, SL_BENCH_REPEATS);
}

static void bench_memory(const struct sl_bench *b, struct operands *p)
{
    double limit = sl_cpu_limit_read(b->ops);
    for (size_t i = 0; i < sizeof memory_cases / sizeof *memory_cases; i++) {
        const struct memory_case *c = &memory_cases[i];
        struct sl_bench_row row = {.bench = "ops", .dtype = c->dtype, .unit = "GB/s", .limit = 1e-9 * limit};
        operands_reset(p, c->rows, c->cols);
        double bytes = (double)(c->rows * c->cols) * (c->bf16 * sizeof(sl_bf16) + c->f32 * sizeof(float));
        row.rate = 1e-9 * bytes / seconds_of(c->run, p);
        snprintf(row.shape, sizeof row.shape, "%s %lldx%lld", c->name, (long long)c->rows, (long long)c->cols);
        sl_bench_emit(b, row);
    }
}

static void bench_attention(const struct sl_bench *b, struct operands *p)
{
    double limit = sl_cpu_limit_flops(b->ops, SL_BF16);
    for (size_t i = 0; i < sizeof attention_cases / sizeof *attention_cases; i++) {
        const struct attention_case *c = &attention_cases[i];
        operands_reset(p, 0, 0);
        attention_setup(p, c);
        for (size_t d = 0; d < sizeof directions / sizeof *directions; d++) {
            struct sl_bench_row row = {.bench = "ops", .dtype = "bf16", .unit = "GFLOP/s", .limit = 1e-9 * limit};
            row.rate = 1e-9 * directions[d].n_products * product_flops(c) / seconds_of(directions[d].run, p);
            snprintf(row.shape, sizeof row.shape, "%s %dx%d %d/%dx%d%s", directions[d].name, c->n_seqs, c->length,
                     c->n_heads, c->n_kv_heads, c->head_dim, c->causal ? " causal" : "");
            sl_bench_emit(b, row);
        }
    }
}

sl_status sl_bench_ops(const struct sl_bench *b, sl_error *err)
{
    struct sl_arena arena = {0};
    struct operands p;
    sl_status s = operands_init(&p, b->ops, &arena, err);
    if (s == SL_OK) {
        bench_memory(b, &p);
        bench_attention(b, &p);
    }
    sl_arena_free(&arena);
    return s;
}
