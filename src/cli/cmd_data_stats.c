/*
 * cmd_data_stats.c: `seedling data stats`: what is in a dataset, as the training loop would see it: everything is read,
 * decoded, resized and packed.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/data.h"
#include "cli/model_arg.h"
#include "data/loader.h"
#include "text/bpe_train.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct stats_options {
    const char *model, *tokenizer, *skipped, *too_long;
    int64_t limit, length, threads, seed;
    bool absolute_paths, json;
};

/* Bucket i counts values from 2^i to 2^(i+1) - 1; bucket 0 has 0 too. */
enum { N_BUCKETS = 32 };

struct histogram {
    int64_t counts[N_BUCKETS];
    int64_t n, sum, max;
};

struct stats {
    json_t *sources, *domains;     /* name: {"samples", "tokens", "targets", "pictures"}; owned */
    json_t *labels;                /* answers by domain and checker: sl_cli_labels_add; owned */
    struct histogram tokens;       /* of a sample */
    struct histogram answers;      /* tokens of a sample that are learnt */
    struct histogram pictures;     /* features of a picture */
    struct sl_loader_stats loader; /* of all paths */
    struct sl_skipped *skipped;
    struct sl_progress bar;
    double seconds;
};

static void add_to_histogram(struct histogram *h, int64_t value)
{
    int bucket = 0;
    while (bucket < N_BUCKETS - 1 && value >> (bucket + 1)) bucket++;
    h->counts[bucket]++;
    h->n++;
    h->sum += value;
    if (value > h->max) h->max = value;
}

/* --- counting ------------------------------------------------------------------------------------------------- */

static bool add_number(json_t *object, const char *key, int64_t value)
{
    json_int_t before = json_integer_value(json_object_get(object, key));
    return json_object_set_new(object, key, json_integer(before + (json_int_t)value)) == 0;
}

/* Adds a sample to the row of a table that has its name. */
static bool add_to_table(json_t *table, const char *name, const struct sl_encoded *e)
{
    json_t *row = json_object_get(table, name);
    if (!row) {
        row = json_object();
        if (json_object_set_new(table, name, row)) return false;
    }
    return add_number(row, "samples", 1) && add_number(row, "tokens", e->n_tokens) &&
           add_number(row, "targets", e->n_targets) && add_number(row, "pictures", e->n_pictures);
}

static sl_status add_sample(struct stats *s, const struct sl_encoded *e, sl_error *err)
{
    add_to_histogram(&s->tokens, e->n_tokens);
    add_to_histogram(&s->answers, e->n_targets);
    sl_cli_labels_add(s->labels, e->domain, e->truth);
    for (int i = 0; i < e->n_pictures; i++) add_to_histogram(&s->pictures, sl_grid_patches(e->pictures[i].grid) / 4);
    if (add_to_table(s->sources, e->source_name, e) && add_to_table(s->domains, e->domain ? e->domain : "-", e))
        return SL_OK;
    return sl_fail(err, SL_ERR_MEMORY, "no memory to count samples");
}

static void add_loader(struct sl_loader_stats *sum, const struct sl_loader_stats *l, int64_t length)
{
    sum->n_batches += l->n_batches;
    sum->n_samples += l->n_samples;
    sum->n_tokens += l->n_tokens;
    sum->n_targets += l->n_targets;
    sum->n_pictures += l->n_pictures;
    sum->n_patches += l->n_patches;
    sum->n_cut += l->n_cut;
    sum->fill = sum->n_batches ? (double)sum->n_tokens / ((double)sum->n_batches * (double)length) : 0;
}

static sl_status count_path(struct stats *s, const struct stats_options *o, struct sl_loader_options *l,
                            const char *path, sl_error *err)
{
    struct sl_mixture *m = NULL;
    struct sl_loader *loader = NULL;
    const struct sl_loader_batch *b = NULL;
    struct sl_loader_stats of_path = {0};
    sl_status status = sl_cli_data_open(path, o->seed, true, o->absolute_paths, s->skipped, &m, err);
    if (!status) status = sl_loader_new(m, l, NULL, &loader, err);
    while (!status && (o->limit == 0 || s->tokens.n < o->limit)) {
        status = sl_loader_next(loader, &b, err);
        if (status || !b) break;
        for (int i = 0; i < b->n_samples && !status; i++) status = add_sample(s, b->samples[i], err);
        sl_progress_to(&s->bar, (double)s->tokens.n);
    }
    if (loader) sl_loader_stats(loader, &of_path);
    add_loader(&s->loader, &of_path, o->length);
    sl_loader_free(&loader);
    sl_mixture_close(&m);
    return status;
}

/* --- the answer ----------------------------------------------------------------------------------------------- */

/* Learnt tokens of a sample, on average. */
static double mean_answer(const json_t *row)
{
    double n = (double)json_integer_value(json_object_get(row, "samples"));
    return n > 0 ? (double)json_integer_value(json_object_get(row, "targets")) / n : 0;
}

static void print_table(const char *title, const json_t *table)
{
    enum { MAX_ROWS = 40 };
    const char *name;
    json_t *row;
    int n = 0;
    printf("\n%-32s %10s %12s %12s %10s %10s\n", title, "samples", "tokens", "targets", "pictures", "answer");
    json_object_foreach((json_t *)(uintptr_t)table, name, row)
    {
        if (n++ == MAX_ROWS) {
            printf("... and %zu more\n", json_object_size(table) - MAX_ROWS);
            break;
        }
        printf("%-32.32s", name);
        static const char *const keys[] = {"samples", "tokens", "targets", "pictures"};
        for (int i = 0; i < 4; i++)
            printf(" %*lld", i == 1 || i == 2 ? 12 : 10, (long long)json_integer_value(json_object_get(row, keys[i])));
        printf(" %10.1f\n", mean_answer(row));
    }
}

static void print_histogram(const char *title, const struct histogram *h)
{
    enum { WIDTH = 40 };
    int64_t most = 1;
    if (!h->n) return;
    printf("\n%s: mean %.1f, most %lld\n", title, (double)h->sum / (double)h->n, (long long)h->max);
    for (int i = 0; i < N_BUCKETS; i++)
        if (h->counts[i] > most) most = h->counts[i];
    for (int i = 0; i < N_BUCKETS; i++) {
        if (!h->counts[i]) continue;
        printf("%10lld - %-10lld %10lld ", i ? 1LL << i : 0, (2LL << i) - 1, (long long)h->counts[i]);
        for (int64_t k = 0; k * most < h->counts[i] * WIDTH; k++) putchar('#');
        putchar('\n');
    }
}

static void print_stats(const struct stats *s, const struct stats_options *o)
{
    const struct sl_loader_stats *l = &s->loader;
    char skipped[512];
    sl_cli_data_skipped_text(s->skipped, skipped, sizeof skipped);
    printf("%lld samples%s\n", (long long)l->n_samples, skipped);
    printf("%lld tokens, %lld of them learnt; %lld pictures of %lld patches\n", (long long)l->n_tokens,
           (long long)l->n_targets, (long long)l->n_pictures, (long long)l->n_patches);
    printf("%lld sequences of %lld tokens, %.2f %% full; %lld samples cut\n", (long long)l->n_batches,
           (long long)o->length, 100 * l->fill, (long long)l->n_cut);
    printf("%.1f s: %.0f tokens/s, %.1f pictures/s\n", s->seconds, (double)l->n_tokens / s->seconds,
           (double)l->n_pictures / s->seconds);
    print_table("source", s->sources);
    if (json_object_size(s->domains) > 1 || !json_object_get(s->domains, "-")) print_table("domain", s->domains);
    sl_cli_labels_print(s->labels);
    print_histogram("tokens of a sample", &s->tokens);
    print_histogram("learnt tokens of a sample", &s->answers);
    print_histogram("tokens of a picture", &s->pictures);
}

static json_t *histogram_json(const struct histogram *h)
{
    json_t *buckets = json_array();
    for (int i = 0; i < N_BUCKETS; i++)
        if (h->counts[i])
            json_array_append_new(buckets, json_pack("{s:I, s:I, s:I}", "from", (json_int_t)(i ? 1LL << i : 0), "to",
                                                     (json_int_t)((2LL << i) - 1), "n", (json_int_t)h->counts[i]));
    return json_pack("{s:I, s:f, s:I, s:o}", "n", (json_int_t)h->n, "mean", h->n ? (double)h->sum / (double)h->n : 0.0,
                     "max", (json_int_t)h->max, "buckets", buckets);
}

static sl_status print_json(const struct stats *s, const struct stats_options *o, sl_error *err)
{
    const struct sl_loader_stats *l = &s->loader;
    json_t *j = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:f}, s:f, s:O, s:O, s:o, s:o, s:o, s:o}", "samples",
        (json_int_t)l->n_samples, "tokens", (json_int_t)l->n_tokens, "targets", (json_int_t)l->n_targets, "pictures",
        (json_int_t)l->n_pictures, "patches", (json_int_t)l->n_patches, "cut", (json_int_t)l->n_cut, "skipped",
        sl_skipped_counts(s->skipped), "packing", "length", (json_int_t)o->length, "sequences",
        (json_int_t)l->n_batches, "fill", l->fill, "seconds", s->seconds, "sources", s->sources, "domains", s->domains,
        "sample_tokens", histogram_json(&s->tokens), "picture_tokens", histogram_json(&s->pictures), "sample_targets",
        histogram_json(&s->answers), "labels", sl_cli_labels_json(s->labels));
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 30);
    sl_status status = sl_json_dump(j, 0, &text, err);
    if (!status) puts(sl_buf_str(&text));
    json_decref(j);
    sl_buf_release(&text);
    return status;
}

/* --- the command ---------------------------------------------------------------------------------------------- */

/* The tokenizer of --tokenizer or of the model's folder; without either every byte is a token. */
static sl_status open_tokenizer(const struct stats_options *o, struct sl_tokenizer **out, sl_error *err)
{
    if (o->tokenizer) return sl_tokenizer_load(o->tokenizer, out, err);
    if (o->model && sl_dir_exists(o->model)) return sl_tokenizer_load(o->model, out, err);
    struct sl_bpe_train_options bytes;
    struct sl_bpe_trainer *trainer = NULL;
    sl_bpe_train_defaults(&bytes);
    bytes.vocab_size = SL_BPE_MIN_VOCABULARY;
    fprintf(stderr, "seedling data stats: no --model or --tokenizer: counting every byte of text as a token\n");
    sl_status status = sl_bpe_trainer_new(&bytes, &trainer, err);
    if (!status) status = sl_bpe_trainer_finish(trainer, out, err);
    sl_bpe_trainer_free(&trainer);
    return status;
}

static sl_status set_loader(const struct stats_options *o, struct sl_tokenizer **tokenizer, struct sl_loader_options *l,
                            sl_error *err)
{
    sl_config config;
    sl_loader_defaults(l);
    if (o->model) {
        sl_status status = sl_cli_model_config(o->model, &config, err);
        if (status) return status;
        l->encode.view = sl_config_view(&config);
        l->encode.format = sl_config_chat_format(&config);
        l->encode.always_thinks = config.thinks;
    }
    l->encode.max_tokens = o->length;
    l->encode.max_patches = 4 * o->length;
    l->encode.too_long = strcmp(o->too_long, "drop") == 0 ? SL_TOO_LONG_DROP : SL_TOO_LONG_CUT;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    l->n_workers = o->threads ? (int)o->threads : n > 0 && n <= 64 ? (int)n : 1;
    sl_status status = open_tokenizer(o, tokenizer, err);
    l->encode.tokenizer = *tokenizer;
    return status;
}

static sl_status run(const struct stats_options *o, const struct sl_cli_args *paths, sl_error *err)
{
    struct stats s = {.sources = json_object(), .domains = json_object(), .labels = json_object()};
    struct sl_tokenizer *tokenizer = NULL;
    struct sl_loader_options l;
    double start = sl_clock_seconds();
    sl_progress_begin(&s.bar, "reading", "samples", (double)o->limit);
    sl_status status = sl_skipped_open(o->skipped, UINT64_MAX, &s.skipped, err);
    if (!status) status = set_loader(o, &tokenizer, &l, err);
    l.skipped = s.skipped;
    for (int i = 0; i < paths->n && !status; i++) status = count_path(&s, o, &l, paths->items[i], err);
    sl_progress_end(&s.bar);
    s.seconds = sl_clock_seconds() - start;
    if (!status && s.tokens.n == 0) {
        char why[512];
        sl_cli_data_skipped_text(s.skipped, why, sizeof why);
        status = sl_fail(err, SL_ERR_FORMAT, "%s: no sample%s", paths->items[0], why);
    }
    if (!status && o->json)
        status = print_json(&s, o, err);
    else if (!status)
        print_stats(&s, o);
    json_decref(s.sources);
    json_decref(s.domains);
    json_decref(s.labels);
    sl_tokenizer_free(&tokenizer);
    if (s.skipped) {
        sl_status closed = sl_skipped_close(&s.skipped, status ? NULL : err);
        if (!status) status = closed;
    }
    return status;
}

int sl_cmd_data_stats(int argc, char **argv)
{
    struct stats_options o = {.length = 32768, .too_long = "cut"};
    const struct sl_cli_option options[] = {
        {.name = "model",
         .short_name = 'm',
         .arg = "MODEL",
         .help = "whose tokenizer and picture sizes to use: a folder or the name of a configuration",
         .string = &o.model},
        {.name = "tokenizer", .arg = "FILE", .help = "a tokenizer.json instead of the model's", .string = &o.tokenizer},
        {.name = "length",
         .arg = "N",
         .help = "tokens of a packed sequence (default: 32768)",
         .min = 16,
         .max = 1 << 24,
         .integer = &o.length},
        {.name = "too-long",
         .arg = "RULE",
         .help = "what becomes of longer samples (default: cut)",
         .choices = "cut|drop",
         .string = &o.too_long},
        {.name = "limit",
         .arg = "N",
         .help = "stop after about so many samples (default: all)",
         .max = 1e15,
         .integer = &o.limit},
        {.name = "seed", .arg = "N", .help = "the order that they are packed in (default: 0)", .integer = &o.seed},
        {.name = "skipped",
         .arg = "FILE",
         .help = "append what was skipped, and why, as JSON lines",
         .string = &o.skipped},
        {.name = "absolute-paths", .help = "let media lie outside the dataset's folder", .flag = &o.absolute_paths},
    };
    const struct sl_cli_spec spec = {
        .name = "data stats",
        .args = "DIR|FILE...",
        .about =
            "Reads, decodes and packs everything once, as training would, and counts: samples by source and domain,\n"
            "tokens, pictures, lengths and balance of answers, how full sequences are, and what had to be skipped and "
            "why.",
        .example = "seedling data stats shards/ --model runs/stage1 --length 8192\n"
                   "  seedling data stats train.jsonl --skipped skipped.jsonl --json",
        .min_args = 1,
        .max_args = INT_MAX,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.threads,
        .json = &o.json,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    sl_error err = {0};
    sl_status status = run(&o, &args, &err);
    return status ? sl_cli_failed(spec.name, "%s", err.message) : SL_EXIT_OK;
}
