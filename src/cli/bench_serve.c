/*
 * bench_serve.c: `seedling bench serve`: the server with 1, 8 and 32 clients that stream, over loopback.
 *
 * The model is `nano` with random weights: what is measured is the engine and the server, not the answers. Each client
 * asks one question after the other, of 48 words that nobody asked before, so nothing comes from a cache; answers have
 * 32 to 95 tokens. Clients begin one after the other, and are measured for SECONDS once all are there, so that they are
 * as independent as clients are. Four kinds of rows: tokens a second of all clients together (limit: three times those
 * of one client); the 95th percentile of the time to the first token (limit: four times that of one client); the same
 * when all ask at the same moment, which is as much work at once (limit: as many times that of one as there are
 * clients); the longest silence of any stream in steps, a step being the median time between two tokens of a stream in
 * the same run (limit: 3). What the server does, it does again and again; what else the machine does, now and then: so
 * the longest silence is found in each of twelve quarters of a second, and their median is the row; the longest of all
 * stands below it. For times less is better, and a fraction up to 100 % is within the limit.
 *
 * Then one client streams long answers while another shows PICTURES pictures, one after the other: the silences of the
 * stream while a picture is on its way from the request to its answer, in steps of the stream alone.
 */
#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "media/picture_write.h"
#include "serve/server.h"
#include "text/bpe_train.h"
#include "text/special.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LEAST_TOKENS = 32,  /* of an answer */
    SPREAD_TOKENS = 64, /* and fewer than so many more */
    MOST_CLIENTS = 32,
    MOST_QUESTIONS = 1024, /* of a client that are measured */
    MOST_GAPS = 1 << 14,   /* between tokens of a client's answers */
    PARTS = 12,            /* of the time that is measured */
    BURSTS = 5,
    PICTURES = 5,       /* of each size, one after the other */
    LONG_TOKENS = 1024, /* of the answers beside them */
    WORDS = 48,
    TEXT_WORDS = 40000
};

static const double SECONDS = 3; /* that are measured */
static const double RAMP = 0.5;  /* between the first client's begin and the last one's */

/* --- a model without a folder ---------------------------------------------------------------------------------- */

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
    sl_status s = sl_media_pool_new(&po, &r->pool, err); /* first: its processes inherit what there is */
    if (s == SL_OK) s = sl_config_named("nano", &r->config, err);
    if (s == SL_OK) s = make_tokenizer(r->config.decoder.vocab, &r->tokenizer, err);
    if (s == SL_OK) set_ids(&r->config, (int)sl_tokenizer_vocab_size(r->tokenizer));
    if (s == SL_OK) s = sl_model_new(&r->config, &plan, false, &r->model, err);
    if (s == SL_OK) s = sl_model_init(r->model, 1, err);
    sl_engine_defaults(&eo);
    if (s == SL_OK) s = sl_engine_over(r->model, r->tokenizer, &eo, &r->engine, err);
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
    double asked, first, last; /* clock seconds */
    int tokens;
};

/* A thread that asks one question after the other, and what it saw between `from` and `until`. */
struct client {
    const struct rig *rig;
    int number, round;
    double begin, from, until;
    int length;              /* of its answers; 0: by chance */
    const atomic_bool *stop; /* once it is set, nothing more is asked or read; or NULL */
    struct stream now;
    int asked; /* questions in all */
    long tokens;
    double longest[PARTS];         /* silence within an answer, in each part of the time */
    double firsts[MOST_QUESTIONS]; /* seconds to the first token */
    double gaps[MOST_GAPS];        /* seconds between tokens */
    double ends[MOST_GAPS];        /* when they were over */
    int n_firsts, n_gaps;
    bool failed;
};

/* Notes a silence that ended now. */
static void note_gap(struct client *c, double now, double seconds)
{
    int part = (int)((now - c->from) / (c->until - c->from) * PARTS);
    if (seconds > c->longest[part]) c->longest[part] = seconds;
    if (c->n_gaps == MOST_GAPS) return;
    c->ends[c->n_gaps] = now;
    c->gaps[c->n_gaps++] = seconds;
}

static bool stopped(const struct client *c)
{
    return c->stop && atomic_load(c->stop);
}

/* Every token's chunk has one list of bytes. Tokens that come in one piece are one event of the stream. */
static size_t on_bytes(char *bytes, size_t size, size_t n, void *user)
{
    static const char mark[] = "\"bytes\":[";
    struct client *c = user;
    struct stream *s = &c->now;
    double now = sl_clock_seconds();
    const char *at = bytes, *end = bytes + size * n;
    int tokens = 0;
    for (; (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)); at += sizeof mark - 1) tokens++;
    if (stopped(c)) return 0;
    if (tokens == 0) return size * n;
    if (now >= c->from && now < c->until) c->tokens += tokens;
    if (s->tokens == 0)
        s->first = now;
    else if (s->last >= c->from && now < c->until)
        note_gap(c, now, now - s->last);
    s->tokens += tokens;
    s->last = now;
    return size * n;
}

static void write_question(struct client *c, int tokens, struct sl_rng *rng, struct sl_buf *body)
{
    sl_buf_addf(body,
                "{\"stream\":true,\"temperature\":1,\"seed\":%d,\"max_tokens\":%d,\"logprobs\":true,"
                "\"thinking\":{\"type\":\"disabled\"},\"logit_bias\":{\"%d\":-100},"
                "\"messages\":[{\"role\":\"user\",\"content\":\"",
                c->number, tokens, c->rig->config.ids.eos);
    for (int i = 0; i < WORDS; i++) add_word(body, rng);
    sl_buf_addstr(body, "\"}]}");
}

/* Asks for so many tokens, or some number between the bounds when it is 0. */
static void ask(struct client *c, CURL *curl, int tokens)
{
    struct sl_buf body = SL_BUF_INIT(1 << 16);
    struct sl_rng rng;
    sl_rng_init(&rng, (uint64_t)c->round << 32 | (uint64_t)c->asked++, (uint64_t)c->number);
    if (tokens == 0) tokens = LEAST_TOKENS + (int)sl_rng_below(&rng, SPREAD_TOKENS);
    write_question(c, tokens, &rng, &body);
    curl_easy_setopt(curl, CURLOPT_URL, c->rig->url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
    c->now = (struct stream){.asked = sl_clock_seconds()};
    bool failed = curl_easy_perform(curl) != CURLE_OK || c->now.tokens != tokens;
    c->failed = failed && !stopped(c);
    const struct stream *s = &c->now;
    if (!failed && s->asked >= c->from && s->last < c->until && c->n_firsts < MOST_QUESTIONS)
        c->firsts[c->n_firsts++] = s->first - s->asked;
    sl_buf_release(&body);
}

static void wait_until(double then)
{
    double seconds = then - sl_clock_seconds();
    if (seconds <= 0) return;
    struct timespec t = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

static void *run_client(void *p)
{
    struct client *c = p;
    CURL *curl = curl_easy_init();
    pthread_setname_np(pthread_self(), "client");
    wait_until(c->begin);
    while (curl && !c->failed && !stopped(c) && sl_clock_seconds() < c->until) ask(c, curl, c->length);
    if (!curl) c->failed = true;
    curl_easy_cleanup(curl);
    return NULL;
}

/* One question, all clients' at the same moment. */
static void *run_once(void *p)
{
    struct client *c = p;
    CURL *curl = curl_easy_init();
    wait_until(c->begin);
    if (curl) ask(c, curl, LEAST_TOKENS / 4);
    if (!curl) c->failed = true;
    curl_easy_cleanup(curl);
    return NULL;
}

/* Runs n clients; they are the caller's to free. */
static sl_status run_clients(const struct rig *r, int n, int round, double seconds, void *(*run)(void *),
                             struct client **out, sl_error *err)
{
    struct client *clients = *out = sl_alloc_array((size_t)n, sizeof *clients);
    pthread_t threads[MOST_CLIENTS];
    if (!clients) return sl_fail(err, SL_ERR_MEMORY, "no memory for %d clients", n);
    double now = sl_clock_seconds() + 0.02, ramp = run == run_client ? RAMP : 0;
    int started = 0;
    for (; started < n; started++) {
        struct client *c = &clients[started];
        *c = (struct client){.rig = r, .number = started, .round = round};
        c->begin = now + ramp * started / n;
        c->from = now + ramp;
        c->until = c->from + seconds;
        if (pthread_create(&threads[started], NULL, run, c)) break;
    }
    bool failed = started < n;
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        failed = failed || clients[i].failed;
    }
    return failed ? sl_fail(err, SL_ERR_IO, "a client of the server got no answer") : SL_OK;
}

/* --- what they saw ------------------------------------------------------------------------------------------------ */

/* What n clients together saw. */
struct outcome {
    double tokens_per_second, first_p95, stall_steps, longest_stall_steps, burst_p95, visit_p95;
};

/* The value below which 95 of 100 are; reorders them. */
static double p95(double *values, int n)
{
    sl_bench_median(values, n); /* sorts */
    return values[(n * 95 + 99) / 100 - 1];
}

/* The silences of all clients, in the median time between two tokens. */
static sl_status measure_silence(const struct client *clients, int n, struct outcome *o, sl_error *err)
{
    double *gaps = sl_alloc_array((size_t)n * MOST_GAPS, sizeof *gaps), longest[PARTS] = {0};
    int n_gaps = 0;
    if (!gaps) return sl_fail(err, SL_ERR_MEMORY, "no memory for %d clients", n);
    for (int i = 0; i < n; i++) {
        memcpy(gaps + n_gaps, clients[i].gaps, (size_t)clients[i].n_gaps * sizeof *gaps);
        n_gaps += clients[i].n_gaps;
        for (int k = 0; k < PARTS; k++)
            if (clients[i].longest[k] > longest[k]) longest[k] = clients[i].longest[k];
    }
    double step = n_gaps ? sl_bench_median(gaps, n_gaps) : 1;
    o->stall_steps = sl_bench_median(longest, PARTS) / step; /* sorts */
    o->longest_stall_steps = longest[PARTS - 1] / step;
    free(gaps);
    return SL_OK;
}

static sl_status measure_steady(const struct rig *r, int n, int round, struct outcome *o, sl_error *err)
{
    struct client *clients;
    double *firsts = sl_alloc_array((size_t)n * MOST_QUESTIONS, sizeof *firsts);
    long tokens = 0;
    int asked = 0;
    sl_status s = run_clients(r, n, round, SECONDS, run_client, &clients, err);
    if (s == SL_OK && !firsts) s = sl_fail(err, SL_ERR_MEMORY, "no memory for %d clients", n);
    for (int i = 0; s == SL_OK && i < n; i++) {
        const struct client *c = &clients[i];
        tokens += c->tokens;
        memcpy(firsts + asked, c->firsts, (size_t)c->n_firsts * sizeof *firsts);
        asked += c->n_firsts;
    }
    if (s == SL_OK && asked == 0) s = sl_fail(err, SL_ERR_IO, "no answer was complete within %.0f seconds", SECONDS);
    if (s == SL_OK) {
        o->tokens_per_second = (double)tokens / SECONDS;
        o->first_p95 = p95(firsts, asked);
        s = measure_silence(clients, n, o, err);
    }
    free(firsts);
    free(clients);
    return s;
}

static sl_status measure_bursts(const struct rig *r, int n, int round, struct outcome *o, sl_error *err)
{
    double firsts[MOST_CLIENTS * BURSTS];
    int asked = 0;
    sl_status s = SL_OK;
    for (int i = 0; s == SL_OK && i < BURSTS; i++) {
        struct client *clients;
        s = run_clients(r, n, round + i, 60, run_once, &clients, err);
        for (int k = 0; s == SL_OK && k < n; k++)
            if (clients[k].n_firsts) firsts[asked++] = clients[k].firsts[0];
        free(clients);
    }
    if (s == SL_OK && asked) o->burst_p95 = p95(firsts, asked);
    return s;
}

/* --- pictures beside a stream ------------------------------------------------------------------------------------- */

/* When a picture was asked about, and when the answer was there. */
struct visit {
    double from, until;
};

/* A question about a picture that nobody sent before. */
static sl_status write_visit(int width, int height, int number, struct sl_buf *body, sl_error *err)
{
    struct sl_picture p = {0};
    struct sl_buf png = SL_BUF_INIT(1 << 26);
    sl_status s = sl_picture_new(&p, width, height, SL_PICTURE_MAX_PIXELS, err);
    for (int i = 0; s == SL_OK && i < 3 * width * height; i++) p.rgb[i] = (uint8_t)(i / 3 % width + i % 3 * number);
    if (s == SL_OK) s = sl_picture_encode_png(&p, &png, err);
    sl_buf_addstr(body, "{\"max_tokens\":1,\"thinking\":{\"type\":\"disabled\"},\"messages\":[{\"role\":\"user\","
                        "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
    if (s == SL_OK) sl_base64_encode(png.data, png.len, body);
    sl_buf_addstr(body, "\"}}]}]}");
    sl_buf_release(&png);
    sl_picture_free(&p);
    return s;
}

static size_t ignore_bytes(char *bytes, size_t size, size_t n, void *user)
{
    (void)bytes;
    (void)user;
    return size * n;
}

static sl_status show_picture(const struct rig *r, int width, int height, int number, struct visit *v, sl_error *err)
{
    struct sl_buf body = SL_BUF_INIT(1 << 26);
    CURL *curl = curl_easy_init();
    sl_status s = curl ? write_visit(width, height, number, &body, err) : sl_fail(err, SL_ERR_MEMORY, "out of memory");
    curl_easy_setopt(curl, CURLOPT_URL, r->url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_bytes);
    v->from = sl_clock_seconds();
    if (s == SL_OK && curl_easy_perform(curl) != CURLE_OK)
        s = sl_fail(err, SL_ERR_IO, "a question about a picture got no answer");
    v->until = sl_clock_seconds();
    curl_easy_cleanup(curl);
    sl_buf_release(&body);
    return s;
}

/* What a stream's client saw during visits; the first one, which brings memory in, does not count. */
static void measure_visits(const struct client *c, const struct visit *visits, struct outcome *o)
{
    double alone[MOST_GAPS], beside[MOST_GAPS]; /* a quarter of a megabyte */
    double longest[PICTURES] = {0};
    int n_alone = 0, n_beside = 0;
    for (int i = 0; i < c->n_gaps; i++) {
        int v = 0;
        while (v <= PICTURES && !(c->ends[i] >= visits[v].from && c->ends[i] - c->gaps[i] <= visits[v].until)) v++;
        if (v > PICTURES) alone[n_alone++] = c->gaps[i];
        if (v == 0 || v > PICTURES) continue;
        beside[n_beside++] = c->gaps[i];
        if (c->gaps[i] > longest[v - 1]) longest[v - 1] = c->gaps[i];
    }
    if (!n_alone || !n_beside) return;
    double step = sl_bench_median(alone, n_alone);
    o->visit_p95 = p95(beside, n_beside) / step;
    o->stall_steps = sl_bench_median(longest, PICTURES) / step; /* sorts */
    o->longest_stall_steps = longest[PICTURES - 1] / step;
}

static sl_status measure_pictures(const struct rig *r, int width, int height, struct outcome *o, sl_error *err)
{
    static const double PAUSE = 0.2, MOST = 60;
    atomic_bool stop = false;
    struct visit visits[1 + PICTURES] = {0};
    struct client *c = sl_alloc_array(1, sizeof *c);
    pthread_t thread;
    sl_status s = SL_OK;
    if (!c) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a client");
    *c = (struct client){.rig = r, .round = width, .length = LONG_TOKENS, .stop = &stop};
    c->from = sl_clock_seconds() + PAUSE;
    c->until = c->from + MOST;
    if (pthread_create(&thread, NULL, run_client, c)) s = sl_fail(err, SL_ERR_MEMORY, "cannot start a thread");
    bool started = s == SL_OK;
    for (int i = 0; s == SL_OK && i <= PICTURES; i++) {
        wait_until(sl_clock_seconds() + (i ? PAUSE : 2 * PAUSE));
        s = show_picture(r, width, height, i + 1, &visits[i], err);
    }
    atomic_store(&stop, true);
    if (started) pthread_join(thread, NULL);
    if (s == SL_OK && c->failed) s = sl_fail(err, SL_ERR_IO, "a stream beside pictures broke off");
    if (s == SL_OK) measure_visits(c, visits, o);
    free(c);
    return s;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void emit(const struct sl_bench *b, const char *what, int n, const char *unit, double rate, double limit)
{
    struct sl_bench_row row = {.bench = "serve", .dtype = "bf16", .rate = rate, .unit = unit, .limit = limit};
    snprintf(row.shape, sizeof row.shape, "nano, %d client%s: %s", n, n == 1 ? "" : "s", what);
    sl_bench_emit(b, row);
}

static void emit_visit(const struct sl_bench *b, const char *what, int width, int height, double steps)
{
    struct sl_bench_row row = {.bench = "serve", .dtype = "bf16", .rate = steps, .unit = "steps", .limit = 3};
    snprintf(row.shape, sizeof row.shape, "nano, a stream beside %dx%d: %s", width, height, what);
    sl_bench_emit(b, row);
}

static sl_status bench_pictures(const struct sl_bench *b, const struct rig *r, sl_error *err)
{
    static const int sizes[][2] = {{448, 448}, {1008, 756}};
    sl_status s = SL_OK;
    for (int i = 0; s == SL_OK && i < 2; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        struct outcome o = {0};
        s = measure_pictures(r, width, height, &o, err);
        if (s != SL_OK) return s;
        emit_visit(b, "silence, p95", width, height, o.visit_p95);
        emit_visit(b, "longest, median", width, height, o.stall_steps);
        emit_visit(b, "longest of all", width, height, o.longest_stall_steps);
    }
    return s;
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
        s = measure_steady(&r, n, 1000 * (i + 2), &o, err);
        if (s == SL_OK && i >= 0) s = measure_bursts(&r, n, 1000 * (i + 2) + 1, &o, err);
        if (i == 0) one = o;
        if (s != SL_OK || i < 0) continue;
        emit(b, "all tokens", n, "tokens/s", o.tokens_per_second, (n == 1 ? 1 : 3) * one.tokens_per_second);
        emit(b, "first token, p95", n, "ms", 1000 * o.first_p95, (n == 1 ? 1 : 4) * 1000 * one.first_p95);
        emit(b, "first token of all at once, p95", n, "ms", 1000 * o.burst_p95, n * 1000 * one.burst_p95);
        emit(b, "longest silence, median", n, "steps", o.stall_steps, 3);
        emit(b, "longest silence of all", n, "steps", o.longest_stall_steps, 3);
    }
    if (s == SL_OK) s = bench_pictures(b, &r, err);
    rig_close(&r);
    return s;
}
