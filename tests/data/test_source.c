/*
 * test_source.c: the order of a dataset: uniform, repeatable, resumable at every step; rare domains repeated; bad files
 * and rows left out.
 */
#include "data/source.h"
#include "data/order.h"

#include "data_test.h"

#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DRAWS = 4096 };

static struct sl_skipped *skipped;
static sl_error err;

static int set_up(void **state)
{
    (void)state;
    return sl_skipped_open(NULL, 100, &skipped, &err);
}

static int tear_down(void **state)
{
    (void)state;
    return sl_skipped_close(&skipped, &err);
}

/* Writes n rows to a JSONL file, whose texts are the numbers from first on. */
static const char *write_rows(const char *name, int first, int n)
{
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    for (int i = first; i < first + n; i++) sl_buf_addf(&text, "{\"text\":\"%d\"}\n", i);
    const char *path = write_text(name, sl_buf_str(&text));
    sl_buf_release(&text);
    return path;
}

/* Writes a tar of n captioned pictures behind gzip or zstd. */
static const char *write_shard(const char *name, int first, int n, bool zstd)
{
    static struct tar_maker maker;
    maker.n = 0;
    for (int i = first; i < first + n; i++) {
        char file[64], text[64];
        snprintf(file, sizeof file, "%05d.jpg", i);
        tar_text(&maker, file, "picture");
        snprintf(file, sizeof file, "%05d.json", i);
        snprintf(text, sizeof text, "{\"caption\":\"%d\",\"domain\":\"%s\"}", i, i % 10 == 3 ? "rare" : "common");
        tar_text(&maker, file, text);
    }
    tar_end(&maker);
    return write_compressed(name, maker.bytes, maker.n, zstd);
}

static struct sl_source *open_paths(const char *const *paths, int n, const struct sl_source_options *given)
{
    struct sl_source_options o;
    struct sl_source *s;
    sl_source_defaults(&o);
    if (given) o = *given;
    o.paths = paths;
    o.n_paths = n;
    o.skipped = skipped;
    assert_sl_ok(sl_source_open(&o, &s, &err), &err);
    return s;
}

static struct sl_source *open_path(const char *path, const struct sl_source_options *given)
{
    return open_paths(&path, 1, given);
}

/* Draws one sample; returns the number that its last message is, or -1 at the epoch's end. */
static int draw(struct sl_source *s)
{
    struct sl_sample sample;
    bool drawn;
    sl_sample_init(&sample, 1 << 20);
    assert_sl_ok(sl_source_next(s, &sample, &drawn, &err), &err);
    int number = -1;
    if (drawn) {
        const struct sl_sample_message *m = &sample.messages[sample.n_messages - 1];
        number = (int)strtol(m->parts[0].text, NULL, 10);
    }
    sl_sample_release(&sample);
    return number;
}

/* Draws an epoch into numbers; returns how many. */
static int draw_epoch(struct sl_source *s, int *numbers)
{
    int n = 0;
    while ((numbers[n] = draw(s)) >= 0) assert_true(++n < MAX_DRAWS);
    return n;
}

/* Asserts that the n numbers are 0..n_rows-1, number i occurring times(i) times. */
static void assert_counts(const int *numbers, int n, int n_rows, int (*times)(int))
{
    int counts[MAX_DRAWS] = {0};
    for (int i = 0; i < n; i++) counts[numbers[i]]++;
    for (int i = 0; i < n_rows; i++) assert_int_equal(counts[i], times(i));
}

static int once(int i)
{
    (void)i;
    return 1;
}

/* Pearson's chi-square of n counts that should be equal. */
static double chi_square(const uint32_t *counts, size_t n)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++) total += counts[i];
    double expected = total / (double)n;
    for (size_t i = 0; i < n; i++) sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

/* The well-known wrong way: every item changes places with any other. */
static void shuffle_wrongly(uint32_t *items, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = sl_order_mix(seed, i) % n;
        uint32_t x = items[i];
        items[i] = items[k];
        items[k] = x;
    }
}

static double chi_square_of_orders(void (*shuffle)(uint32_t *, size_t, uint64_t))
{
    uint32_t counts[3125] = {0}, seen[120];
    for (uint64_t seed = 0; seed < 24000; seed++) {
        uint32_t items[5] = {0, 1, 2, 3, 4}, code = 0;
        shuffle(items, 5, seed);
        for (int i = 0; i < 5; i++) code = code * 5 + items[i];
        counts[code]++;
    }
    size_t n = 0;
    for (int i = 0; i < 3125; i++)
        if (counts[i]) seen[n++] = counts[i];
    assert_int_equal(n, 120);
    return chi_square(seen, n);
}

static void test_every_order_of_five_is_equally_likely(void **state)
{
    (void)state;
    /* 119 degrees of freedom: mean 119, standard deviation 15.4. */
    assert_true(chi_square_of_orders(sl_order_shuffle) < 119 + 5 * 15.4);
    assert_true(chi_square_of_orders(shuffle_wrongly) > 119 + 20 * 15.4);
}

static void test_every_row_comes_at_every_place_equally_often(void **state)
{
    (void)state;
    enum { N = 24, EPOCHS = 3000 };
    static uint32_t places[N * N], pairs[N * N];
    memset(places, 0, sizeof places);
    memset(pairs, 0, sizeof pairs);
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        uint32_t order[N];
        for (uint32_t i = 0; i < N; i++) order[i] = i;
        sl_order_shuffle(order, N, sl_order_mix(77, epoch));
        for (uint32_t i = 0; i < N; i++) places[i * N + order[i]]++;
        for (uint32_t i = 1; i < N; i++) pairs[order[i - 1] * N + order[i]]++;
    }
    /* (N-1)^2 = 529 degrees of freedom, standard deviation 32.5; of pairs N(N-1)-1 = 551 and 33. */
    assert_true(chi_square(places, (size_t)N * N) < 529 + 5 * 32.5);
    uint32_t off[N * (N - 1)];
    size_t n = 0;
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t k = 0; k < N; k++)
            if (i != k) off[n++] = pairs[i * N + k];
    assert_true(chi_square(off, n) < 551 + 5 * 33.0);
}

static void test_an_epoch_is_every_row_once_in_an_order_of_its_own(void **state)
{
    (void)state;
    struct sl_source *s = open_path(write_rows("a.jsonl", 0, 200), NULL);
    assert_int_equal(sl_source_rows(s), 200);
    int first[MAX_DRAWS], second[MAX_DRAWS], again[MAX_DRAWS];
    assert_int_equal(draw_epoch(s, first), 200);
    assert_int_equal(draw_epoch(s, second), 200);
    assert_counts(first, 200, 200, once);
    assert_counts(second, 200, 200, once);
    assert_memory_not_equal(first, second, 200 * sizeof *first);
    sl_source_close(&s);
    s = open_path(test_temp_path("a.jsonl"), NULL);
    draw_epoch(s, again);
    assert_memory_equal(first, again, 200 * sizeof *first);
    sl_source_close(&s);
    struct sl_source_options o;
    sl_source_defaults(&o);
    o.seed = 1;
    s = open_path(test_temp_path("a.jsonl"), &o);
    draw_epoch(s, again);
    assert_memory_not_equal(first, again, 200 * sizeof *first);
    sl_source_close(&s);
    o.shuffle = false;
    s = open_path(test_temp_path("a.jsonl"), &o);
    draw_epoch(s, again);
    for (int i = 0; i < 200; i++) assert_int_equal(again[i], i);
    sl_source_close(&s);
}

/* Draws `total` samples (epoch ends count as -1), then from every position along the way all the rest again. */
static void assert_resumes(const char *const *paths, int n_paths, const struct sl_source_options *o, int total)
{
    int all[MAX_DRAWS];
    struct sl_source_position at[MAX_DRAWS];
    struct sl_source *s = open_paths(paths, n_paths, o), *other = open_paths(paths, n_paths, o);
    for (int i = 0; i < total; i++) {
        at[i] = sl_source_tell(s);
        all[i] = draw(s);
    }
    for (int i = total - 1; i >= 0; i--) {
        assert_sl_ok(sl_source_seek(other, at[i], &err), &err);
        for (int k = i; k < total; k++) assert_int_equal(draw(other), all[k]);
    }
    sl_source_close(&s);
    sl_source_close(&other);
}

static void test_any_position_leads_to_the_very_next_sample(void **state)
{
    (void)state;
    write_rows("b.jsonl", 0, 17);
    write_rows("c.jsonl", 17, 9);
    const char *paths[] = {test_temp_path("b.jsonl"), test_temp_path("c.jsonl")};
    assert_resumes(paths, 2, NULL, 70);
}

static void test_a_stream_resumes_anywhere_too(void **state)
{
    (void)state;
    write_shard("s0.tar.gz", 0, 13, false);
    write_shard("s1.tar.zst", 13, 8, true);
    write_rows("s2.jsonl", 21, 5);
    const char *paths[] = {test_temp_path("s0.tar.gz"), test_temp_path("s1.tar.zst"), test_temp_path("s2.jsonl")};
    struct sl_source_options o;
    sl_source_defaults(&o);
    o.block_samples = 4;
    assert_resumes(paths, 3, &o, 70);
    o.rebalance_below = 0.5;
    o.rebalance_repeat = 3;
    assert_resumes(paths, 3, &o, 70);
    o.block_samples = 1000;
    o.block_bytes = 9000;
    assert_resumes(paths, 3, &o, 70);
}

static void test_a_stream_gives_every_sample_once_shuffled_in_blocks(void **state)
{
    (void)state;
    write_shard("s0.tar.gz", 0, 50, false);
    write_shard("s1.tar.zst", 50, 50, true);
    const char *paths[] = {test_temp_path("s0.tar.gz"), test_temp_path("s1.tar.zst")};
    struct sl_source_options o;
    sl_source_defaults(&o);
    o.block_samples = 10;
    struct sl_source *s = open_paths(paths, 2, &o);
    assert_int_equal(sl_source_rows(s), -1);
    int first[MAX_DRAWS], second[MAX_DRAWS], n_moved = 0;
    assert_int_equal(draw_epoch(s, first), 100);
    assert_int_equal(draw_epoch(s, second), 100);
    assert_counts(first, 100, 100, once);
    assert_memory_not_equal(first, second, 100 * sizeof *first);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(first[i] / 10, first[i / 10 * 10] / 10);
        n_moved += first[i] % 10 != i % 10;
    }
    assert_true(n_moved > 60);
    sl_source_close(&s);
}

static void test_positions_outside_are_refused(void **state)
{
    (void)state;
    struct sl_source *s = open_path(write_rows("d.jsonl", 0, 5), NULL);
    assert_int_equal(sl_source_seek(s, (struct sl_source_position){0, 0, 6}, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_source_seek(s, (struct sl_source_position){0, 1, 0}, &err), SL_ERR_ARGUMENT);
    assert_sl_ok(sl_source_seek(s, (struct sl_source_position){9, 0, 5}, &err), &err);
    assert_int_equal(draw(s), -1);
    assert_int_equal(sl_source_tell(s).epoch, 10);
    sl_source_close(&s);
    s = open_path(write_shard("d.tar.gz", 0, 5, false), NULL);
    assert_int_equal(sl_source_seek(s, (struct sl_source_position){0, 2, 0}, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_source_seek(s, (struct sl_source_position){0, 0, 6}, &err), SL_ERR_ARGUMENT);
    sl_source_close(&s);
}

/* Rows 0..149: 100 of domain a, 40 of b, 10 of c; the mean is 50, so c alone is below 25. */
static const char *domain_of(int i)
{
    return i < 100 ? "a" : i < 140 ? "b" : "c";
}

static int times_with_rare_doubled(int i)
{
    return i < 140 ? 1 : 2;
}

static void test_domains_below_half_the_mean_are_repeated(void **state)
{
    (void)state;
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    for (int i = 0; i < 150; i++) sl_buf_addf(&text, "{\"text\":\"%d\",\"domain\":\"%s\"}\n", i, domain_of(i));
    /* What has no domain, or cannot be read, changes no mean. */
    sl_buf_addstr(&text, "{\"text\":\"150\"}\n{\"text\":\"151\"}\nno json\n");
    struct sl_source_options o;
    sl_source_defaults(&o);
    o.rebalance_below = 0.5;
    struct sl_source *s = open_path(write_text("domains.jsonl", text.data), &o);
    assert_int_equal(sl_source_rows(s), 153);
    assert_int_equal(sl_source_epoch_rows(s), 163);
    int n, numbers[MAX_DRAWS];
    const struct sl_domain_count *d = sl_source_domains(s, &n);
    assert_int_equal(n, 3);
    static const int counts[] = {100, 40, 10}, repeats[] = {1, 1, 2};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(d[i].name[0], 'a' + i);
        assert_int_equal(d[i].n, counts[i]);
        assert_int_equal(d[i].repeat, repeats[i]);
    }
    assert_int_equal(sl_skipped_total(skipped), 0);
    n = draw_epoch(s, numbers);
    assert_int_equal(n, 162);
    int counted[MAX_DRAWS] = {0};
    for (int i = 0; i < n; i++) counted[numbers[i]]++;
    for (int i = 0; i < 150; i++) assert_int_equal(counted[i], times_with_rare_doubled(i));
    /* Merged back, not appended: copies stand among the others. */
    int last_rare = 0, first_rare = n;
    for (int i = 0; i < n; i++) {
        if (numbers[i] < 140 || numbers[i] > 149) continue;
        last_rare = i;
        if (first_rare == n) first_rare = i;
    }
    assert_true(first_rare < 40 && last_rare > 120);
    sl_source_close(&s);
    sl_buf_release(&text);
}

static void test_a_domain_at_exactly_half_the_mean_is_left_alone(void **state)
{
    (void)state;
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    static const int counts[] = {75, 50, 25};
    for (int d = 0; d < 3; d++)
        for (int i = 0; i < counts[d]; i++) sl_buf_addf(&text, "{\"text\":\"1\",\"domain\":\"%d\"}\n", d);
    struct sl_source_options o;
    sl_source_defaults(&o);
    o.rebalance_below = 0.5;
    struct sl_source *s = open_path(write_text("half.jsonl", text.data), &o);
    assert_int_equal(sl_source_epoch_rows(s), 150);
    sl_source_close(&s);
    o.rebalance_below = 0.51;
    o.rebalance_repeat = 4;
    s = open_path(test_temp_path("half.jsonl"), &o);
    assert_int_equal(sl_source_epoch_rows(s), 150 + 3 * 25);
    sl_source_close(&s);
    sl_buf_release(&text);
}

static int times_in_stream(int i)
{
    return i % 10 == 3 ? 2 : 1;
}

static void test_streams_are_rebalanced_alike(void **state)
{
    (void)state;
    struct sl_source_options o;
    sl_source_defaults(&o);
    o.rebalance_below = 0.5;
    o.block_samples = 7;
    struct sl_source *s = open_path(write_shard("r.tar.gz", 0, 40, false), &o);
    int numbers[MAX_DRAWS];
    assert_int_equal(draw_epoch(s, numbers), 44);
    assert_counts(numbers, 44, 40, times_in_stream);
    sl_source_close(&s);
}

static void test_bad_rows_are_left_out_and_named(void **state)
{
    (void)state;
    struct sl_source *s = open_path(
        write_text("bad.jsonl",
                   "{\"text\":\"0\"}\nno json\n{\"image\":\"absent.jpg\",\"caption\":\"x\"}\n{\"text\":\"1\"}\n"),
        NULL);
    int numbers[MAX_DRAWS];
    for (int epoch = 0; epoch < 2; epoch++) {
        assert_int_equal(draw_epoch(s, numbers), 2);
        assert_counts(numbers, 2, 2, once);
    }
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_BAD_JSON), 2);
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_MISSING_MEDIA), 2);
    sl_source_close(&s);
}

static void test_a_file_cut_while_it_is_read_costs_its_rows_only(void **state)
{
    (void)state;
    write_rows("cut1.jsonl", 0, 50);
    write_rows("cut2.jsonl", 50, 50);
    const char *paths[] = {test_temp_path("cut1.jsonl"), test_temp_path("cut2.jsonl")};
    struct sl_source *s = open_paths(paths, 2, NULL);
    assert_int_equal(truncate(paths[0], 40), 0);
    int numbers[MAX_DRAWS];
    int n = draw_epoch(s, numbers);
    assert_true(n >= 50 && n < 60);
    assert_int_equal(unlink(paths[1]), 0);
    assert_true(draw_epoch(s, numbers) < 10);
    assert_true(sl_skipped_count(skipped, SL_SKIP_BAD_FILE) > 80);
    sl_source_close(&s);
}

static void test_folders_globs_ranges_and_lists_name_files(void **state)
{
    (void)state;
    char folder[256], text[512];
    snprintf(folder, sizeof folder, "%s", test_temp_path("folder"));
    assert_int_equal(mkdir(folder, 0777), 0);
    static const char *const names[] = {"x-00.jsonl", "x-01.json",     "x-02.tsv",  "x-03.tar",
                                        "notes.json", "skipped.jsonl", "readme.txt"};
    static struct tar_maker maker;
    maker.n = 0;
    tar_text(&maker, "k.txt", "3");
    tar_end(&maker);
    static const char *const texts[] = {
        "{\"text\":\"0\"}\n", "[{\"text\":\"1\"}]", "question\n2\n", "", "{\"a\":1}", "{}", ""};
    for (int i = 0; i < 7; i++) {
        snprintf(text, sizeof text, "%s/%s", folder, names[i]);
        test_write_file(text, i == 3 ? (const void *)maker.bytes : texts[i], i == 3 ? maker.n : strlen(texts[i]));
    }
    struct sl_source *s = open_path(folder, NULL);
    int numbers[MAX_DRAWS];
    assert_int_equal(draw_epoch(s, numbers), 4);
    assert_counts(numbers, 4, 4, once);
    sl_source_close(&s);
    snprintf(text, sizeof text, "%s/x-*", folder);
    s = open_path(text, NULL);
    assert_int_equal(sl_source_rows(s), 4);
    sl_source_close(&s);
    snprintf(text, sizeof text, "%s/x-{00..07}.jsonl", folder);
    s = open_path(text, NULL);
    assert_int_equal(sl_source_rows(s), 1);
    assert_int_equal(sl_skipped_count(skipped, SL_SKIP_BAD_FILE), 7);
    sl_source_close(&s);
}

static void assert_open_fails(const char *path, const char *why)
{
    struct sl_source_options o;
    struct sl_source *s;
    sl_source_defaults(&o);
    o.paths = &path;
    o.n_paths = 1;
    assert_int_not_equal(sl_source_open(&o, &s, &err), SL_OK);
    assert_null(s);
    if (!strstr(err.message, why)) fail_msg("\"%s\" does not say \"%s\"", err.message, why);
}

static void test_nothing_to_read_is_an_error_that_says_why(void **state)
{
    (void)state;
    assert_open_fails(test_temp_path("absent.jsonl"), "absent.jsonl");
    assert_open_fails(test_temp_path("absent-*.jsonl"), "no file matches");
    assert_open_fails(test_temp_path("absent-{0..3}.jsonl"), "absent-0.jsonl");
    assert_open_fails(test_temp_path("absent-{5..3}.jsonl"), "range");
    assert_open_fails(write_text("none.jsonl", "\n"), "no rows");
    assert_open_fails(write_text("none.tsv", "a\tb\n"), "header");
}

static void test_rows_can_be_read_in_any_order(void **state)
{
    (void)state;
    struct sl_source *s = open_path(write_rows("any.jsonl", 0, 10), NULL);
    struct sl_sample sample;
    sl_sample_init(&sample, 1 << 20);
    assert_sl_ok(sl_source_read(s, 7, &sample, &err), &err);
    assert_string_equal(sample.messages[0].parts[0].text, "7");
    assert_string_equal(sample.key, "any.jsonl:8");
    assert_int_equal(sample.row, 7);
    sl_sample_release(&sample);
    assert_int_equal(sl_source_read(s, 10, &sample, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_source_read(s, -1, &sample, &err), SL_ERR_ARGUMENT);
    sl_sample_release(&sample);
    sl_source_close(&s);
}

int main(void)
{
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_LOG(test_every_order_of_five_is_equally_likely),
        WITH_LOG(test_every_row_comes_at_every_place_equally_often),
        WITH_LOG(test_an_epoch_is_every_row_once_in_an_order_of_its_own),
        WITH_LOG(test_any_position_leads_to_the_very_next_sample),
        WITH_LOG(test_a_stream_resumes_anywhere_too),
        WITH_LOG(test_a_stream_gives_every_sample_once_shuffled_in_blocks),
        WITH_LOG(test_positions_outside_are_refused),
        WITH_LOG(test_domains_below_half_the_mean_are_repeated),
        WITH_LOG(test_a_domain_at_exactly_half_the_mean_is_left_alone),
        WITH_LOG(test_streams_are_rebalanced_alike),
        WITH_LOG(test_bad_rows_are_left_out_and_named),
        WITH_LOG(test_a_file_cut_while_it_is_read_costs_its_rows_only),
        WITH_LOG(test_folders_globs_ranges_and_lists_name_files),
        WITH_LOG(test_nothing_to_read_is_an_error_that_says_why),
        WITH_LOG(test_rows_can_be_read_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
