/*
 * bench_serve.c: `seedling bench serve`: the server with 1, 8 and 32 clients that stream, over loopback.
 *
 * The model is `nano` with random weights: what is measured is the engine and the server, not the answers. Every client
 * asks a question of its own, so nothing comes from a cache. Three kinds of rows: tokens a second of all clients
 * together (limit: three times those of one client), the 95th percentile of the time to the first token (limit: four
 * times that of one client) and the longest silence of any stream in steps, that is, usual times between tokens
 * (limit: 3). For the last two, less is better, and a fraction up to 100 % is within the limit.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "serve/server.h"
#include "text/bpe_train.h"
#include "text/special.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 64, QUESTIONS = 3, MOST_CLIENTS = 32, WORDS = 48, TEXT_WORDS = 40000 };

/* --- a model without a folder
 * ------------------------------------------------------------------------------------------ */

/* Appends a word of a language that has no meaning. */
static void add_word(struct sl_buf *out, struct sl_rng *rng)
{
    static const char *const syllables[] = {"ba",  "ne",  "ti",  "lo",  "ru",  "kam",
                                            "sel", "vor", "pin", "dus", "gra", "che"};
    for (uint32_t n = 1 + sl_rng_below(rng, 3); n > 0; n--) sl_buf_addstr(out, syllables[sl_rng_below(rng, 12)]);
    sl_buf_addch(out, ' ');
}

static sl_status make_tokenizer(int vocab, struct sl_tokenizer **out, sl_error *err)
{
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    struct sl_buf text = SL_BUF_INIT(1 << 22);
    struct sl_rng rng;
    sl_rng_init(&rng, 1, 1);
    for (int i = 0; i < TEXT_WORDS; i++) add_word(&text, &rng);
    sl_bpe_train_defaults(&o);
    o.vocab_size = (size_t)vocab;
    sl_status s = sl_bpe_trainer_new(&o, &trainer, err);
    if (s == SL_OK) s = sl_bpe_trainer_add(trainer, text.data, text.len, err);
    if (s == SL_OK) s = sl_bpe_trainer_finish(trainer, out, err);
    sl_bpe_trainer_free(&trainer);
    sl_buf_release(&text);
    return s;
}

/* What is served. */
struct rig {
    sl_config config;
    sl_model *model;
    struct sl_tokenizer *tokenizer;
    sl_engine *engine;
    struct sl_media_pool *pool;
    sl_server *server;
    char url[96];
};

static void set_ids(sl_config *c, int vocab)
{
    c->decoder.vocab = vocab;
    c->ids.image_start = sl_special_id(SL_SPECIAL_IMAGE_START, vocab);
    c->ids.image_patch = sl_special_id(SL_SPECIAL_IMAGE_PATCH, vocab);
    c->ids.image_end = sl_special_id(SL_SPECIAL_IMAGE_END, vocab);
    c->ids.eos = sl_special_id(SL_SPECIAL_IM_END, vocab);
    c->ids.pad = sl_special_id(SL_SPECIAL_ENDOFTEXT, vocab);
}

static sl_status rig_open(const struct sl_bench *b, struct rig *r, sl_error *err)
{
    sl_engine_options eo;
    sl_server_options so;
    struct sl_media_pool_options po;
    sl_weight_plan plan = {.ops = b->ops, .dt = SL_BF16};
    sl_media_pool_defaults(&po);
    po.n_workers = 1;
    sl_status s = sl_config_named("nano", &r->config, err);
    if (s == SL_OK) s = make_tokenizer(r->config.decoder.vocab, &r->tokenizer, err);
    if (s == SL_OK) set_ids(&r->config, (int)sl_tokenizer_vocab_size(r->tokenizer));
    if (s == SL_OK) s = sl_model_new(&r->config, &plan, false, &r->model, err);
    if (s == SL_OK) s = sl_model_init(r->model, 1, err);
    sl_engine_defaults(&eo);
    if (s == SL_OK) s = sl_engine_over(r->model, r->tokenizer, &eo, &r->engine, err);
    if (s == SL_OK) s = sl_media_pool_new(&po, &r->pool, err);
    sl_server_defaults(&so);
    so.http.port = 0;
    so.pool = r->pool;
    if (s == SL_OK) s = sl_server_start(r->engine, &so, &r->server, err);
    if (s == SL_OK)
        snprintf(r->url, sizeof r->url, "http://127.0.0.1:%d/v1/chat/completions", sl_server_port(r->server));
    return s;
}

static void rig_close(struct rig *r)
{
    sl_server_stop(&r->server, 1);
    sl_engine_free(r->engine);
    sl_media_pool_free(&r->pool);
    sl_model_free(r->model);
    sl_tokenizer_free(&r->tokenizer);
}

/* --- clients
 * -------------------------------------------------------------------------------------------------------------- */

/* One stream, as its client sees it. */
struct stream {
    double asked, first, last, longest; /* seconds: times, and the longest silence after the first token */
    int tokens;
};

/* A thread that asks QUESTIONS questions one after the other. */
struct client {
    const struct rig *rig;
    int number, round;
    struct stream streams[QUESTIONS];
    double gaps[QUESTIONS * TOKENS];
    int n_gaps;
    struct stream *now;
    bool failed;
};

/* Every chunk with a token has one "logprobs" object that is not null. */
static size_t on_bytes(char *bytes, size_t size, size_t n, void *user)
{
    static const char mark[] = "\"bytes\":[";
    struct client *c = user;
    double now = sl_clock_seconds();
    const char *at = bytes, *end = bytes + size * n;
    while ((at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1))) {
        at += sizeof mark - 1;
        if (c->now->tokens++ == 0) {
            c->now->first = now;
        } else {
            if (now - c->now->last > c->now->longest) c->now->longest = now - c->now->last;
            if (c->n_gaps < QUESTIONS * TOKENS) c->gaps[c->n_gaps++] = now - c->now->last;
        }
        c->now->last = now;
    }
    return size * n;
}

static void ask(struct client *c, CURL *curl, int question)
{
    struct sl_buf body = SL_BUF_INIT(1 << 16);
    struct sl_rng rng;
    sl_rng_init(&rng, (uint64_t)c->round, (uint64_t)c->number * QUESTIONS + (uint64_t)question);
    sl_buf_addf(&body,
                "{\"stream\":true,\"temperature\":1,\"seed\":%d,\"max_tokens\":%d,\"logprobs\":true,"
                "\"thinking\":{\"type\":\"disabled\"},\"logit_bias\":{\"%d\":-100},"
                "\"messages\":[{\"role\":\"user\",\"content\":\"",
                c->number, TOKENS, c->rig->config.ids.eos);
    for (int i = 0; i < WORDS; i++) add_word(&body, &rng);
    sl_buf_addstr(&body, "\"}]}");
    curl_easy_setopt(curl, CURLOPT_URL, c->rig->url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
    c->now = &c->streams[question];
    c->now->asked = sl_clock_seconds();
    if (curl_easy_perform(curl) != CURLE_OK || c->now->tokens == 0) c->failed = true;
    sl_buf_release(&body);
}

static void *run_client(void *p)
{
    struct client *c = p;
    CURL *curl = curl_easy_init();
    pthread_setname_np(pthread_self(), "client");
    for (int q = 0; curl && q < QUESTIONS; q++) ask(c, curl, q);
    if (!curl) c->failed = true;
    curl_easy_cleanup(curl);
    return NULL;
}

/* What n clients together saw. */
struct outcome {
    double tokens_per_second, first_p95, stall_steps;
};

static void summarise(struct client *clients, int n, double seconds, struct outcome *o)
{
    double *firsts = sl_alloc_array((size_t)n * QUESTIONS, sizeof *firsts);
    double *gaps = sl_alloc_array((size_t)n * QUESTIONS * TOKENS, sizeof *gaps);
    double longest = 0;
    int tokens = 0, n_gaps = 0;
    for (int i = 0; firsts && gaps && i < n; i++) {
        for (int q = 0; q < QUESTIONS; q++) {
            const struct stream *s = &clients[i].streams[q];
            tokens += s->tokens;
            firsts[i * QUESTIONS + q] = s->first - s->asked;
            if (s->longest > longest) longest = s->longest;
        }
        memcpy(gaps + n_gaps, clients[i].gaps, (size_t)clients[i].n_gaps * sizeof *gaps);
        n_gaps += clients[i].n_gaps;
    }
    if (firsts && n_gaps > 0) {
        o->tokens_per_second = tokens / seconds;
        sl_bench_median(firsts, n * QUESTIONS); /* sorts */
        o->first_p95 = firsts[(n * QUESTIONS - 1) * 95 / 100];
        o->stall_steps = longest / sl_bench_median(gaps, n_gaps);
    }
    free(firsts);
    free(gaps);
}

static sl_status run_clients(const struct rig *r, int n, int round, struct outcome *o, sl_error *err)
{
    struct client *clients = sl_alloc_array((size_t)n, sizeof *clients);
    pthread_t threads[MOST_CLIENTS];
    if (!clients) return sl_fail(err, SL_ERR_MEMORY, "no memory for %d clients", n);
    double began = sl_clock_seconds();
    int started = 0;
    for (; started < n; started++) {
        clients[started].rig = r;
        clients[started].number = started;
        clients[started].round = round;
        if (pthread_create(&threads[started], NULL, run_client, &clients[started])) break;
    }
    bool failed = started < n;
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        failed = failed || clients[i].failed;
    }
    if (!failed) summarise(clients, n, sl_clock_seconds() - began, o);
    free(clients);
    return failed ? sl_fail(err, SL_ERR_IO, "a client of the server got no answer") : SL_OK;
}

static void emit(const struct sl_bench *b, const char *what, int n, const char *unit, double rate, double limit)
{
    struct sl_bench_row row = {.bench = "serve", .dtype = "bf16", .rate = rate, .unit = unit, .limit = limit};
    snprintf(row.shape, sizeof row.shape, "nano, %d client%s: %s", n, n == 1 ? "" : "s", what);
    sl_bench_emit(b, row);
}

sl_status sl_bench_serve(const struct sl_bench *b, sl_error *err)
{
    static const int counts[] = {1, 8, 32};
    struct rig r = {0};
    struct outcome one = {0};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sl_status s = rig_open(b, &r, err);
    for (int i = -1; s == SL_OK && i < 3; i++) { /* the first round warms up */
        int n = counts[i < 0 ? 0 : i];
        struct outcome o = {0};
        s = run_clients(&r, n, i, &o, err);
        if (i == 0) one = o;
        if (s != SL_OK || i < 0) continue;
        emit(b, "all tokens", n, "tokens/s", o.tokens_per_second, (n == 1 ? 1 : 3) * one.tokens_per_second);
        emit(b, "first token, p95", n, "ms", 1000 * o.first_p95, (n == 1 ? 1 : 4) * 1000 * one.first_p95);
        emit(b, "longest silence", n, "steps", o.stall_steps, 3);
    }
    rig_close(&r);
    return s;
}
