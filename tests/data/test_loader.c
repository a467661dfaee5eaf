/*
 * test_loader.c: that batches do not depend on threads, that a position brings back the very next one, that bad samples
 * are named, and that memory and shutting down behave.
 */
#include "data/loader.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/rng.h"
#include "data/loader_test.h"
#include "model/batch.h"

#include <unistd.h>

enum { N_PICTURES = 12, N_ROWS = 160, MAX_TOKENS = 700 };

static struct sl_tokenizer *tokenizer;
static char dataset[4096];

/* --- a dataset with everything in it ---------------------------------------------------------------------------- */

static void add_row(struct sl_buf *b, struct sl_rng *rng, int i)
{
    sl_buf_addf(b, "{\"id\":\"row%d\",\"messages\":[{\"role\":\"user\",\"content\":[", i);
    for (uint32_t n = sl_rng_below(rng, 3); n > 0; n--) {
        const char *name = "p%u.png";
        if (i % 40 == 7) name = "missing%u.png";
        if (i % 40 == 17) name = "broken%u.png";
        sl_buf_addstr(b, "{\"type\":\"image\",\"image\":\"");
        char file[40];
        snprintf(file, sizeof file, "%s", name);
        char *u = strstr(file, "%u");
        sl_buf_add(b, file, (size_t)(u - file));
        sl_buf_addf(b, "%u.png\"},", name[0] == 'p' ? sl_rng_below(rng, N_PICTURES) : 0);
    }
    sl_buf_addstr(b, "{\"type\":\"text\",\"text\":\"");
    for (uint32_t n = 1 + sl_rng_below(rng, 200); n > 0; n--) sl_buf_addch(b, (char)('a' + sl_rng_below(rng, 26)));
    sl_buf_addstr(b, "\"}]}");
    if (i % 40 != 27) sl_buf_addf(b, ",{\"role\":\"assistant\",\"content\":\"answer %d\"}", i);
    sl_buf_addstr(b, "]}\n");
}

static int make_dataset(void **state)
{
    (void)state;
    struct sl_buf rows = SL_BUF_INIT(1 << 22);
    struct sl_rng rng;
    char name[40];
    sl_rng_init(&rng, 5, 0);
    for (int i = 0; i < N_PICTURES; i++) {
        snprintf(name, sizeof name, "p%d.png", i);
        test_write_png(test_temp_path(name), 30 + (int)sl_rng_below(&rng, 250), 30 + (int)sl_rng_below(&rng, 250),
                       (unsigned)i);
    }
    test_write_file(test_temp_path("broken0.png"), "\x89PNG\r\n\x1a\n and no more", 20);
    for (int i = 0; i < N_ROWS; i++) add_row(&rows, &rng, i);
    assert_true(sl_buf_ok(&rows));
    snprintf(dataset, sizeof dataset, "%s", test_temp_path("rows.jsonl"));
    test_write_file(dataset, rows.data, rows.len);
    sl_buf_release(&rows);
    tokenizer = test_byte_tokenizer();
    return 0;
}

static int drop_dataset(void **state)
{
    (void)state;
    sl_tokenizer_free(&tokenizer);
    return 0;
}

/* --- a loader over it --------------------------------------------------------------------------------------------- */

struct run {
    struct sl_mixture *mixture;
    struct sl_loader *loader;
    struct sl_skipped *skipped;
    sl_error err;
};

static struct sl_loader_options options(void)
{
    struct sl_loader_options o;
    sl_loader_defaults(&o);
    o.encode.tokenizer = tokenizer;
    o.encode.max_tokens = MAX_TOKENS;
    o.encode.max_patches = 4 * MAX_TOKENS;
    o.look_ahead = 16;
    o.memory_bytes = 8 << 20;
    return o;
}

static void start(struct run *r, struct sl_loader_options o, double epochs, const json_t *position)
{
    struct sl_mixture_options m;
    *r = (struct run){0};
    assert_sl_ok(sl_skipped_open(NULL, 0, &r->skipped, &r->err), &r->err);
    sl_mixture_defaults(&m);
    m.seed = 11;
    m.epochs = epochs;
    m.check_media = false;
    m.skipped = r->skipped;
    o.skipped = r->skipped;
    assert_sl_ok(sl_mixture_open(dataset, &m, &r->mixture, &r->err), &r->err);
    assert_sl_ok(sl_loader_new(r->mixture, &o, position, &r->loader, &r->err), &r->err);
}

static void stop(struct run *r)
{
    sl_loader_free(&r->loader);
    assert_null(r->loader);
    sl_mixture_close(&r->mixture);
    assert_sl_ok(sl_skipped_close(&r->skipped, &r->err), &r->err);
}

static const struct sl_loader_batch *next(struct run *r)
{
    const struct sl_loader_batch *b = NULL;
    assert_sl_ok(sl_loader_next(r->loader, &b, &r->err), &r->err);
    return b;
}

/* n is a multiple of 4. */
static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
    const uint32_t *p = bytes;
    for (size_t i = 0; i < n / 4; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* Of everything that the model would see. */
static uint64_t hash_of(const struct sl_loader_batch *b)
{
    size_t n = (size_t)b->n_tokens;
    uint64_t h = hash(0xcbf29ce484222325u, b->tokens, 4 * n);
    h = hash(h, b->targets, 4 * n);
    h = hash(h, b->loss_weights, 4 * n);
    h = hash(h, b->cu_seqlens, 4 * ((size_t)b->n_samples + 1));
    h = hash(h, b->grids, sizeof *b->grids * (size_t)b->n_pictures);
    return hash(h, b->patches, (size_t)b->n_patches * 588 * 4);
}

enum { MAX_BATCHES = 256 };

/* Reads to the end; returns the number of batches and their hashes. */
static int read_all(struct run *r, uint64_t hashes[MAX_BATCHES])
{
    int n = 0;
    const struct sl_loader_batch *b;
    while ((b = next(r))) {
        assert_true(n < MAX_BATCHES);
        hashes[n++] = hash_of(b);
    }
    return n;
}

/* --- tests ----------------------------------------------------------------------------------------------------------
 */

static void every_sample_comes_once_and_as_the_model_wants_it(void **state)
{
    (void)state;
    struct run r;
    const struct sl_loader_batch *b;
    static bool seen[N_ROWS];
    int n = 0;
    sl_config config;
    start(&r, options(), 1, NULL);
    assert_sl_ok(sl_config_named("nano", &config, &r.err), &r.err);
    config.decoder.vocab = sl_tokenizer_vocab_size(tokenizer);
    config.ids.image_patch = sl_tokenizer_id(tokenizer, "<|image_patch|>");
    memset(seen, 0, sizeof seen);
    while ((b = next(&r))) {
        assert_true(b->n_tokens <= MAX_TOKENS && b->n_patches <= 4 * MAX_TOKENS);
        assert_int_equal(b->cu_seqlens[b->n_samples], b->n_tokens);
        for (int i = 0; i < b->n_samples; i++, n++) {
            int row = -1;
            assert_non_null(strstr(b->samples[i]->key, "row"));
            assert_int_equal(sscanf(strstr(b->samples[i]->key, "row"), "row%d", &row), 1);
            assert_false(seen[row]);
            seen[row] = true;
            assert_int_equal(b->cu_seqlens[i + 1] - b->cu_seqlens[i], b->samples[i]->n_tokens);
            assert_int_equal(b->targets[b->cu_seqlens[i + 1] - 1], -1);
            assert_null(b->samples[i]->n_pictures ? b->samples[i]->pictures[0].picture.rgb : NULL);
        }
        for (int64_t i = 0; i < b->n_tokens; i++) assert_true(b->loss_weights[i] == (b->targets[i] < 0 ? 0.0f : 1.0f));
        sl_batch_spec spec = {.tokens = b->tokens,
                              .n_seqs = b->n_samples,
                              .cu_seqlens = b->cu_seqlens,
                              .targets = b->targets,
                              .loss_weights = b->loss_weights,
                              .n_pictures = b->n_pictures,
                              .grids = b->grids,
                              .patches = b->patches};
        sl_batch *model_batch = NULL;
        assert_sl_ok(sl_batch_new(&config, &spec, &model_batch, &r.err), &r.err);
        assert_int_equal(model_batch->n_patches, b->n_patches);
        assert_int_equal(model_batch->positions[b->cu_seqlens[b->n_samples - 1]], 0);
        sl_batch_free(model_batch);
    }
    assert_null(next(&r)); /* the end stays the end */
    struct sl_loader_stats stats;
    sl_loader_stats(r.loader, &stats);
    assert_int_equal(stats.n_samples, n);
    assert_int_equal(stats.n_samples + stats.n_skipped, N_ROWS);
    assert_true(stats.n_skipped > 0);
    assert_true(stats.fill > 0.9);
    stop(&r);
}

static void bad_samples_are_left_out_and_counted_by_reason(void **state)
{
    (void)state;
    struct run r;
    uint64_t hashes[MAX_BATCHES];
    struct sl_loader_stats stats;
    start(&r, options(), 1, NULL);
    read_all(&r, hashes);
    sl_loader_stats(r.loader, &stats);
    assert_int_equal(stats.skipped[SL_SKIP_NO_TARGET], N_ROWS / 40);
    assert_true(stats.skipped[SL_SKIP_MISSING_MEDIA] > 0);
    assert_true(stats.skipped[SL_SKIP_BAD_MEDIA] > 0);
    assert_int_equal(stats.n_skipped, stats.skipped[SL_SKIP_NO_TARGET] + stats.skipped[SL_SKIP_MISSING_MEDIA] +
                                          stats.skipped[SL_SKIP_BAD_MEDIA]);
    assert_int_equal(sl_skipped_count(r.skipped, SL_SKIP_MISSING_MEDIA), stats.skipped[SL_SKIP_MISSING_MEDIA]);
    assert_int_equal(sl_skipped_total(r.skipped), stats.n_skipped);
    stop(&r);
}

static void batches_are_the_same_for_any_number_of_workers(void **state)
{
    (void)state;
    static const int workers[][2] = {{1, 1}, {2, 2}, {3, 1}, {7, 5}};
    uint64_t expected[MAX_BATCHES], hashes[MAX_BATCHES];
    int n = 0;
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        struct run r;
        struct sl_loader_options o = options();
        o.n_workers = workers[i][0];
        o.batches_ahead = workers[i][1];
        start(&r, o, 2, NULL);
        int found = read_all(&r, i ? hashes : expected);
        if (i == 0) n = found;
        assert_true(n > 15);
        assert_int_equal(found, n);
        if (i) assert_memory_equal(hashes, expected, (size_t)n * sizeof *hashes);
        stop(&r);
    }
}

static void a_position_brings_back_the_very_next_batch(void **state)
{
    (void)state;
    uint64_t expected[MAX_BATCHES], hashes[MAX_BATCHES];
    struct run whole;
    struct sl_loader_options o = options();
    json_t *positions[MAX_BATCHES];
    start(&whole, o, 2, NULL);
    int n = 0;
    for (;; n++) {
        positions[n] = sl_loader_save(whole.loader);
        assert_non_null(positions[n]);
        const struct sl_loader_batch *b = next(&whole);
        if (!b) break;
        expected[n] = hash_of(b);
    }
    stop(&whole);
    for (int at = 0; at <= n; at += 7) {
        struct run r;
        o.n_workers = 1 + at % 4;
        start(&r, o, 2, positions[at]);
        assert_int_equal(read_all(&r, hashes), n - at);
        assert_memory_equal(hashes, expected + at, (size_t)(n - at) * sizeof *hashes);
        stop(&r);
    }
    for (int at = 0; at <= n; at++) json_decref(positions[at]);
}

/* Saved by a run that itself began from a position, and sent through text. */
static void a_position_of_a_restored_run_is_as_good(void **state)
{
    (void)state;
    uint64_t expected[MAX_BATCHES];
    struct run r;
    json_t *position = NULL;
    start(&r, options(), 1, NULL);
    int n = read_all(&r, expected);
    stop(&r);
    for (int i = 0; i < n; i++) {
        start(&r, options(), 1, position);
        json_decref(position);
        const struct sl_loader_batch *b = next(&r);
        assert_non_null(b);
        assert_true(hash_of(b) == expected[i]);
        json_t *saved = sl_loader_save(r.loader);
        struct sl_buf text = SL_BUF_INIT(1 << 20);
        assert_sl_ok(sl_json_dump(saved, 0, &text, &r.err), &r.err);
        assert_sl_ok(sl_json_parse(text.data, text.len, 16, &position, &r.err), &r.err);
        sl_buf_release(&text);
        json_decref(saved);
        stop(&r);
    }
    start(&r, options(), 1, position);
    assert_null(next(&r));
    json_decref(position);
    stop(&r);
}

static void a_position_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"mixture\":{},\"order\":0,\"next\":5,\"waiting\":[]}",
        "{\"mixture\":1,\"order\":0,\"next\":5,\"waiting\":[]}",
        "{\"mixture\":{},\"order\":9,\"next\":5,\"waiting\":[]}",
        "{\"mixture\":{},\"order\":0,\"next\":5,\"waiting\":[3,3]}",
        "{\"mixture\":{},\"order\":2,\"next\":5,\"waiting\":[1]}",
        "{\"mixture\":{},\"order\":2,\"next\":5,\"waiting\":[5]}",
        "{\"mixture\":{},\"order\":2,\"next\":5,\"waiting\":[\"x\"]}",
        "{\"mixture\":{},\"order\":2,\"next\":5,\"waiting\":{}}",
    };
    struct run r;
    struct sl_loader_options o = options();
    start(&r, o, 1, NULL);
    sl_loader_free(&r.loader);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *position = NULL;
        assert_sl_ok(sl_json_parse(bad[i], strlen(bad[i]), 8, &position, &r.err), &r.err);
        assert_int_not_equal(sl_loader_new(r.mixture, &o, position, &r.loader, &r.err), SL_OK);
        assert_null(r.loader);
        json_decref(position);
    }
    stop(&r);
}

static void impossible_options_are_refused(void **state)
{
    (void)state;
    struct run r;
    struct sl_loader_options good = options(), o;
    start(&r, good, 1, NULL);
    sl_loader_free(&r.loader);
#define REFUSE(field, value)                                                                                           \
    o = good;                                                                                                          \
    o.field = value;                                                                                                   \
    assert_int_equal(sl_loader_new(r.mixture, &o, NULL, &r.loader, &r.err), SL_ERR_ARGUMENT)
    REFUSE(n_workers, 0);
    REFUSE(n_workers, 100000);
    REFUSE(batches_ahead, 0);
    REFUSE(look_ahead, 0);
    REFUSE(memory_bytes, 0);
    REFUSE(encode.max_tokens, 0);
    REFUSE(encode.max_tokens, INT64_MAX);
    REFUSE(encode.max_patches, 0);
#undef REFUSE
    stop(&r);
}

static void a_tiny_memory_still_gives_every_sample(void **state)
{
    (void)state;
    struct run r;
    struct sl_loader_options o = options();
    struct sl_loader_stats stats;
    uint64_t hashes[MAX_BATCHES];
    o.memory_bytes = 2;
    o.n_workers = 3;
    start(&r, o, 1, NULL);
    read_all(&r, hashes);
    sl_loader_stats(r.loader, &stats);
    assert_int_equal(stats.n_samples + stats.n_skipped, N_ROWS);
    stop(&r);
}

/* Without an end to the data, workers must stop by themselves until batches are taken. */
static void workers_wait_when_nobody_takes_batches(void **state)
{
    (void)state;
    struct run r;
    start(&r, options(), 0, NULL);
    assert_non_null(next(&r));
    uint64_t before, after = sl_skipped_total(r.skipped);
    do {
        before = after;
        usleep(50000);
        after = sl_skipped_total(r.skipped);
    } while (before != after); /* skips would go on for ever if drawing did */
    stop(&r);
}

static void a_loader_can_be_left_at_any_moment(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        struct run r;
        struct sl_loader_options o = options();
        o.n_workers = 1 + i % 5;
        start(&r, o, 0, NULL);
        for (int k = 0; k < i / 2; k++) assert_non_null(next(&r));
        stop(&r);
    }
    struct sl_loader *none = NULL;
    sl_loader_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_comes_once_and_as_the_model_wants_it),
        cmocka_unit_test(bad_samples_are_left_out_and_counted_by_reason),
        cmocka_unit_test(batches_are_the_same_for_any_number_of_workers),
        cmocka_unit_test(a_position_brings_back_the_very_next_batch),
        cmocka_unit_test(a_position_of_a_restored_run_is_as_good),
        cmocka_unit_test(a_position_that_makes_no_sense_is_refused),
        cmocka_unit_test(impossible_options_are_refused),
        cmocka_unit_test(a_tiny_memory_still_gives_every_sample),
        cmocka_unit_test(workers_wait_when_nobody_takes_batches),
        cmocka_unit_test(a_loader_can_be_left_at_any_moment),
    };
    return cmocka_run_group_tests(tests, make_dataset, drop_dataset);
}
