/*
 * llama_cpp.c: this program and llama.cpp on one GGUF file, in one process and in turns: speed of prefill and decode,
 * and with "logits" how far their logits are apart. bench/llama_cpp.sh compiles and runs it.
 *
 * Rates are of processor time, which a busy machine leaves as it is; wall time stands beside them. Turns are short, so
 * that what disturbs one disturbs the other, and medians of them are compared.
 */
#include "base/clock.h"
#include "infer/kv_cache.h"
#include "model/gguf_pair.h"
#include "model/model.h"
#include "tensor/cpu/cpu.h"

#include <llama.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PREFIX = 64, TURNS = 5, DECODED = 32, PAGES = 128 };

struct ours {
    sl_ops *ops;
    sl_model *model;
    sl_workspace work;
    sl_kv_cache *cache;
    sl_kv_sequence sequence;
};

struct peer {
    struct llama_model *model;
    struct llama_context *context;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "llama_cpp: %s: %s\n", what, why);
    exit(1);
}

/* A prompt that every vocabulary has. */
static int32_t token_at(int i)
{
    return (int32_t)(i * 37 % 251);
}

static void ours_open(struct ours *o, const char *path, int threads, sl_dtype dt)
{
    sl_error err = {0};
    sl_status s = sl_cpu_ops_default(threads, &o->ops, &err);
    sl_weight_plan plan = {.ops = o->ops, .dt = dt, .blocks = dt == SL_BF16 ? path : NULL};
    if (s == SL_OK) s = sl_model_open(path, &plan, &o->model, &err);
    if (s == SL_OK) s = sl_workspace_init(&o->work, o->ops, dt, (size_t)1 << 40, &err);
    if (s == SL_OK) s = sl_kv_cache_new(&o->model->config.decoder, dt, PAGES, 1, &o->cache, &err);
    if (s != SL_OK) die(path, err.message);
}

/* Runs n tokens behind those that were; returns the logits of the last, or with all of each. */
static const float *ours_run(struct ours *o, int n, bool all)
{
    int32_t cu[2] = {0, n}, first = o->sequence.length, tokens[4096];
    sl_kv_sequence *seqs[1] = {&o->sequence};
    sl_batch *batch = NULL;
    sl_error err = {0};
    for (int i = 0; i < n; i++) tokens[i] = token_at(first + i);
    sl_batch_spec spec = {.tokens = tokens, .n_seqs = 1, .cu_seqlens = cu, .first_position = &first};
    sl_status s = sl_kv_extend(o->cache, &o->sequence, n, &err);
    if (s == SL_OK) s = sl_batch_new(&o->model->config, &spec, &batch, &err);
    if (s != SL_OK) die("seedling", err.message);
    sl_workspace_reset(&o->work);
    sl_ctx *ctx = &o->work.ctx;
    sl_tensor *x = sl_decoder_forward(ctx, o->model, batch, NULL, sl_kv_bind(o->cache, seqs, 1), NULL);
    int64_t hidden = o->model->config.decoder.hidden, from = all ? 0 : n - 1;
    char *rows = (char *)x->data + (size_t)(from * hidden) * sl_dtype_size(x->dtype);
    sl_tensor *logits = sl_model_logits(ctx, o->model, sl_tensor_wrap(ctx, x->dtype, n - from, hidden, rows));
    if (sl_ctx_status(ctx, &err) != SL_OK) die("seedling", err.message);
    sl_batch_free(batch);
    return logits->data;
}

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static void peer_open(struct peer *p, const char *path, int threads, bool exact)
{
    struct llama_model_params m = llama_model_default_params();
    struct llama_context_params c = llama_context_default_params();
    m.n_gpu_layers = 0;
    c.n_ctx = 2048;
    c.n_batch = c.n_ubatch = 512;
    c.n_threads = c.n_threads_batch = threads;
    if (exact) c.type_k = c.type_v = GGML_TYPE_F32, c.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    p->model = llama_model_load_from_file(path, m);
    p->context = p->model ? llama_init_from_model(p->model, c) : NULL;
    if (!p->context) die(path, "llama.cpp does not open it");
}

static const float *peer_run(struct peer *p, int first, int n, bool all)
{
    struct llama_batch b = llama_batch_init(n, 0, 1);
    for (int i = 0; i < n; i++) {
        b.token[i] = token_at(first + i);
        b.pos[i] = first + i;
        b.n_seq_id[i] = 1;
        b.seq_id[i][0] = 0;
        b.logits[i] = all || i == n - 1;
    }
    b.n_tokens = n;
    if (llama_decode(p->context, b) != 0) die("llama.cpp", "llama_decode fails");
    llama_synchronize(p->context);
    llama_batch_free(b);
    return all ? llama_get_logits(p->context) : llama_get_logits_ith(p->context, n - 1);
}

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return x[n / 2];
}

/* Times of one turn of each program: [0] ours, [1] theirs; first processor, then wall. */
struct times {
    double cpu[2][TURNS], wall[2][TURNS];
};

static void report(const char *what, const char *name, int tokens, struct times *t)
{
    double cpu[2], wall[2];
    for (int i = 0; i < 2; i++) cpu[i] = median(t->cpu[i], TURNS), wall[i] = median(t->wall[i], TURNS);
    printf("%-7s %-28s seedling %8.2f  llama.cpp %8.2f tokens/processor-second, ratio %.2f  (wall: %.2f)\n", what, name,
           tokens / cpu[0], tokens / cpu[1], cpu[1] / cpu[0], wall[1] / wall[0]);
    fflush(stdout);
}

static void measure(struct ours *o, struct peer *p, const char *name, int prompt)
{
    struct times prefill, decode;
    for (int turn = -1; turn < TURNS; turn++) /* the first warms up */
        for (int i = 0; i < 2; i++) {
            double cpu[3], wall[3];
            sl_kv_release(o->cache, &o->sequence);
            llama_memory_clear(llama_get_memory(p->context), true);
            for (int part = 0; part < 3; part++) {
                cpu[part] = processor_seconds(), wall[part] = sl_clock_seconds();
                int first = part ? prompt : 0, n = part ? 1 : prompt;
                for (int k = 0; part < 2 && k < (part ? DECODED : 1); k++)
                    i == 0 ? ours_run(o, n, false) : peer_run(p, first + k, n, false);
            }
            if (turn < 0) continue;
            prefill.cpu[i][turn] = cpu[1] - cpu[0], prefill.wall[i][turn] = wall[1] - wall[0];
            decode.cpu[i][turn] = cpu[2] - cpu[1], decode.wall[i][turn] = wall[2] - wall[1];
        }
    report("prefill", name, prompt, &prefill);
    report("decode", name, DECODED, &decode);
}

/* The largest difference between the logits of all positions, relative to the largest of them. */
static void compare(struct ours *o, struct peer *p)
{
    size_t n = PREFIX * (size_t)o->model->config.decoder.vocab;
    const float *a = ours_run(o, PREFIX, true), *b = peer_run(p, 0, PREFIX, true);
    double worst = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
        if (fabs((double)b[i]) > largest) largest = fabs((double)b[i]);
    }
    printf("logits of %d tokens: largest difference %.2e of the largest logit\n", PREFIX, worst / largest);
}

int main(int argc, char **argv)
{
    if (argc != 4) die("usage", "llama_cpp MODEL.gguf THREADS PROMPT|logits");
    bool exact = strcmp(argv[3], "logits") == 0;
    int threads = atoi(argv[2]), prompt = exact ? 0 : atoi(argv[3]);
    struct ours o = {0};
    struct peer p = {0};
    if (!exact && (prompt < 1 || prompt > 1024)) die("usage", "a prompt of 1 to 1024 tokens");
    llama_log_set(quiet, NULL);
    ggml_backend_load_all_from_path(getenv("PEER_LIB"));
    llama_backend_init();
    const char *slash = strrchr(argv[1], '/');
    peer_open(&p, argv[1], threads, exact);
    ours_open(&o, argv[1], threads, exact ? SL_F32 : SL_BF16);
    if (exact)
        compare(&o, &p);
    else
        measure(&o, &p, slash ? slash + 1 : argv[1], prompt);
    return 0;
}
