/*
 * test_mixture.c: exact proportions, one order, a position to go on from at every step, limits, and mixture files.
 */
#include "base/json.h"
#include "base/rng.h"
#include "data/mixture.h"

#include "data_test.h"

#include <math.h>

enum { MAX_DRAWS = 4096 };

static sl_error err;

/* Writes a JSONL file of n rows. */
static void write_rows(const char *name, int n)
{
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    for (int i = 0; i < n; i++) sl_buf_addf(&text, "{\"text\":\"%s %d\"}\n", name, i);
    write_text(name, sl_buf_str(&text));
    sl_buf_release(&text);
}

static int set_up(void **state)
{
    (void)state;
    write_rows("a.jsonl", 5);
    write_rows("b.jsonl", 8);
    write_rows("c.jsonl", 3);
    write_text("bad.jsonl", "no\njson\n");
    static struct tar_maker maker;
    for (int i = 0; i < 7; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.txt", i);
        tar_text(&maker, name, name);
    }
    tar_end(&maker);
    write_compressed("s.tar.gz", maker.bytes, maker.n, false);
    return 0;
}

static sl_status try_open(const char *json, const struct sl_mixture_options *given, struct sl_mixture **m)
{
    struct sl_mixture_options o;
    json_t *object;
    sl_mixture_defaults(&o);
    if (given) o = *given;
    assert_sl_ok(sl_json_parse(json, strlen(json), 8, &object, &err), &err);
    sl_status status = sl_mixture_open_json(object, test_temp_dir(), &o, m, &err);
    json_decref(object);
    return status;
}

static struct sl_mixture *open_json(const char *json)
{
    struct sl_mixture *m;
    assert_sl_ok(try_open(json, NULL, &m), &err);
    return m;
}

/* What was drawn: which sample of which source; source -1: nothing is left. */
struct drawn {
    int source;
    uint64_t epoch, id;
};

static struct drawn draw(struct sl_mixture *m)
{
    struct sl_sample sample;
    bool drawn;
    sl_sample_init(&sample, 1 << 20);
    assert_sl_ok(sl_mixture_next(m, &sample, &drawn, &err), &err);
    struct drawn d = {-1, 0, 0};
    if (drawn) d = (struct drawn){sample.source, sample.epoch, sample.id};
    sl_sample_release(&sample);
    return d;
}

static void assert_same(struct drawn a, struct drawn b)
{
    assert_int_equal(a.source, b.source);
    assert_int_equal(a.epoch, b.epoch);
    assert_true(a.id == b.id);
}

/* Asserts that after each of n_draws draws every source has had its share to within less than one sample. */
static void assert_proportions(const double *weights, int n, int n_draws)
{
    struct sl_buf json = SL_BUF_INIT(1 << 16);
    double total = 0;
    int counts[40] = {0};
    for (int i = 0; i < n; i++) {
        sl_buf_addf(&json, "%s{\"name\":\"%d\",\"path\":\"a.jsonl\",\"weight\":%.17g}", i ? "," : "{\"sources\":[", i,
                    weights[i]);
        total += weights[i];
    }
    sl_buf_addstr(&json, "]}");
    struct sl_mixture *m = open_json(json.data);
    for (int t = 1; t <= n_draws; t++) {
        counts[draw(m).source]++;
        for (int i = 0; i < n; i++) assert_true(fabs(counts[i] - weights[i] / total * t) < 1);
    }
    sl_mixture_close(&m);
    sl_buf_release(&json);
}

static void test_every_source_has_its_share_at_every_moment(void **state)
{
    (void)state;
    assert_proportions((double[]){1}, 1, 20);
    assert_proportions((double[]){1, 1}, 2, 200);
    assert_proportions((double[]){0.7, 0.2, 0.1}, 3, 500);
    assert_proportions((double[]){1000, 1}, 2, 2500);
    struct sl_rng r;
    sl_rng_init(&r, 3, 3);
    for (int k = 0; k < 12; k++) {
        double weights[40];
        int n = 2 + (int)sl_rng_below(&r, 39);
        for (int i = 0; i < n; i++) weights[i] = pow(10, 3 * (double)sl_rng_float(&r));
        assert_proportions(weights, n, 400);
    }
    /* One large source among many small ones, where drawing by the largest deficit alone errs most. */
    double weights[40] = {0};
    for (int i = 0; i < 40; i++) weights[i] = i ? 1 : 39;
    assert_proportions(weights, 40, 500);
}

#define MIXED                                                                                                          \
    "{\"seed\":5,\"sources\":["                                                                                        \
    "{\"name\":\"a\",\"path\":\"a.jsonl\",\"weight\":2,\"epochs\":3},"                                                 \
    "{\"name\":\"b\",\"path\":[\"b.jsonl\",\"bad.jsonl\"],\"weight\":1,\"epochs\":1.5},"                               \
    "{\"name\":\"s\",\"path\":\"s.tar.gz\",\"weight\":1,\"epochs\":2,\"block\":3}]}"

static void test_any_position_leads_to_the_very_next_sample(void **state)
{
    (void)state;
    struct drawn all[MAX_DRAWS];
    json_t *at[MAX_DRAWS];
    int n = 0;
    struct sl_mixture *m = open_json(MIXED), *other = open_json(MIXED);
    do {
        at[n] = sl_mixture_save(m);
        assert_non_null(at[n]);
        all[n] = draw(m);
    } while (all[n++].source >= 0);
    /* Three epochs of 5, one and a half of 8 good rows and 2 bad ones, two of 7. */
    assert_in_range(n - 1, 15 + 11 + 14, 15 + 13 + 14);
    for (int i = 0; i < n; i++) {
        /* Through text, as a file would keep it. */
        struct sl_buf text = SL_BUF_INIT(1 << 16);
        json_t *position;
        assert_sl_ok(sl_json_dump(at[i], 0, &text, &err), &err);
        assert_sl_ok(sl_json_parse(text.data, text.len, 8, &position, &err), &err);
        assert_sl_ok(sl_mixture_restore(other, position, &err), &err);
        for (int k = i; k < n; k++) assert_same(draw(other), all[k]);
        json_decref(position);
        json_decref(at[i]);
        sl_buf_release(&text);
    }
    sl_mixture_close(&m);
    sl_mixture_close(&other);
}

static void test_the_seed_alone_decides_the_order(void **state)
{
    (void)state;
    struct sl_mixture *a = open_json(MIXED), *b = open_json(MIXED), *c;
    struct sl_mixture_options o;
    sl_mixture_defaults(&o);
    o.seed = 1;
    assert_sl_ok(try_open(MIXED, &o, &c), &err);
    int n_other = 0;
    for (int i = 0; i < 30; i++) {
        struct drawn x = draw(a), y = draw(b), z = draw(c);
        assert_same(x, y);
        n_other += x.id != z.id;
    }
    assert_true(n_other > 10);
    sl_mixture_close(&a);
    sl_mixture_close(&b);
    sl_mixture_close(&c);
}

static void test_limits_of_epochs_end_sources_and_the_mixture(void **state)
{
    (void)state;
    struct sl_mixture *m = open_json("{\"epochs\":1,\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"epochs\":2.4},"
                                     "{\"name\":\"b\",\"path\":\"b.jsonl\"}]}");
    int counts[2] = {0};
    for (;;) {
        struct drawn d = draw(m);
        if (d.source < 0) break;
        counts[d.source]++;
    }
    assert_int_equal(counts[0], 12);
    assert_int_equal(counts[1], 8);
    assert_int_equal(draw(m).source, -1);
    sl_mixture_close(&m);
}

static void test_without_weights_every_row_is_as_likely(void **state)
{
    (void)state;
    struct sl_mixture *m = open_json("{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\"},"
                                     "{\"name\":\"b\",\"path\":\"b.jsonl\"},{\"name\":\"c\",\"path\":\"c.jsonl\"}]}");
    int counts[3] = {0};
    for (int i = 0; i < 160; i++) counts[draw(m).source]++;
    assert_int_equal(counts[0], 50);
    assert_int_equal(counts[1], 80);
    assert_int_equal(counts[2], 30);
    sl_mixture_close(&m);
}

static void test_a_source_without_a_good_row_does_not_hang(void **state)
{
    (void)state;
    struct sl_mixture *m = open_json("{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"weight\":1},"
                                     "{\"name\":\"bad\",\"path\":\"bad.jsonl\",\"weight\":1}]}");
    struct sl_sample sample;
    bool drawn;
    sl_status status = SL_OK;
    for (int i = 0; i < 5 && !status; i++) {
        sl_sample_init(&sample, 1 << 20);
        status = sl_mixture_next(m, &sample, &drawn, &err);
        sl_sample_release(&sample);
    }
    assert_int_equal(status, SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "bad"));
    sl_mixture_close(&m);
    m = open_json("{\"epochs\":1,\"sources\":[{\"name\":\"bad\",\"path\":\"bad.jsonl\"}]}");
    assert_int_equal(draw(m).source, -1);
    sl_mixture_close(&m);
}

static void assert_restore_fails(const char *json, const json_t *position, const char *why)
{
    struct sl_mixture *m = open_json(json);
    struct drawn first = draw(m);
    json_t *before = sl_mixture_save(m);
    assert_int_equal(sl_mixture_restore(m, position, &err), SL_ERR_ARGUMENT);
    if (!strstr(err.message, why)) fail_msg("\"%s\" does not say \"%s\"", err.message, why);
    json_t *after = sl_mixture_save(m);
    assert_true(json_equal(before, after) && first.source >= 0);
    json_decref(before);
    json_decref(after);
    sl_mixture_close(&m);
}

static void test_positions_of_other_data_are_refused(void **state)
{
    (void)state;
#define ONE(name, path, more) "{\"sources\":[{\"name\":\"" name "\",\"path\":\"" path "\"}]" more "}"
    struct sl_mixture *m = open_json(ONE("a", "a.jsonl", ""));
    draw(m);
    json_t *position = sl_mixture_save(m);
    sl_mixture_close(&m);
    assert_restore_fails(ONE("a", "a.jsonl", ",\"seed\":1"), position, "seed");
    assert_restore_fails(ONE("x", "a.jsonl", ""), position, "source a");
    assert_restore_fails(ONE("a", "b.jsonl", ""), position, "5 rows");
    assert_restore_fails(MIXED, position, "seed");
    json_t *empty = json_object();
    assert_restore_fails(ONE("a", "a.jsonl", ""), empty, "version");
    json_decref(empty);
    json_decref(position);
}

static void test_other_weights_begin_new_proportions(void **state)
{
    (void)state;
#define TWO(x, y)                                                                                                      \
    "{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"weight\":" x "},{\"name\":\"b\",\"path\":\"b.jsonl\","       \
    "\"weight\":" y "}]}"
    struct sl_mixture *m = open_json(TWO("1", "1"));
    for (int i = 0; i < 100; i++) draw(m);
    json_t *position = sl_mixture_save(m);
    sl_mixture_close(&m);
    m = open_json(TWO("9", "1"));
    assert_sl_ok(sl_mixture_restore(m, position, &err), &err);
    int n = 0;
    for (int i = 0; i < 100; i++) n += draw(m).source == 0;
    assert_in_range(n, 89, 91);
    json_decref(position);
    sl_mixture_close(&m);
}

static const struct {
    const char *json, *why;
} bad_files[] = {
    {"[]", "object"},
    {"{}", "sources"},
    {"{\"sources\":[]}", "sources"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\"}],\"sauces\":1}", "sauces"},
    {"{\"sources\":[7]}", "sources[0]"},
    {"{\"sources\":[{\"path\":\"a.jsonl\"}]}", "name"},
    {"{\"sources\":[{\"name\":\"a\"}]}", "path"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":[]}]}", "path"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":[\"a.jsonl\",3]}]}", "path"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"absent.jsonl\"}]}", "absent.jsonl"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"wieght\":1}]}", "wieght"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"weight\":0}]}", "weight"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"weight\":\"much\"}]}", "weight"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"epochs\":-1}]}", "epochs"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"block\":0}]}", "block"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"rebalance\":3}]}", "rebalance"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"rebalance\":{\"repeat\":0}}]}", "repeat"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"rebalance\":{\"times\":2}}]}", "times"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\"},{\"name\":\"a\",\"path\":\"b.jsonl\"}]}", "called a"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\",\"weight\":1},{\"name\":\"b\",\"path\":\"b.jsonl\"}]}",
     "weight"},
    {"{\"sources\":[{\"name\":\"a\",\"path\":\"a.jsonl\"},{\"name\":\"s\",\"path\":\"s.tar.gz\"}]}", "weight"},
    {"{\"sources\":[{\"name\":\"s\",\"path\":\"s.tar.gz\",\"epochs\":0.5}]}", "epochs"},
};

static void test_wrong_mixture_files_name_the_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        struct sl_mixture *m;
        if (try_open(bad_files[i].json, NULL, &m) == SL_OK) fail_msg("taken: %s", bad_files[i].json);
        assert_null(m);
        if (!strstr(err.message, bad_files[i].why))
            fail_msg("\"%s\" does not say \"%s\"", err.message, bad_files[i].why);
    }
}

static void test_a_path_is_a_mixture_file_or_a_dataset(void **state)
{
    (void)state;
    struct sl_mixture_options o;
    struct sl_mixture *m;
    sl_mixture_defaults(&o);
    write_text("mix.json", "{\n \"sources\": [{\"name\": \"one\", \"path\": \"a.jsonl\", \"rebalance\": true}]\n}");
    assert_sl_ok(sl_mixture_open(test_temp_path("mix.json"), &o, &m, &err), &err);
    assert_int_equal(sl_mixture_sources(m), 1);
    assert_string_equal(sl_source_name(sl_mixture_source(m, 0)), "one");
    sl_mixture_close(&m);
    write_text("line.json", "{\"sources\":[{\"name\":\"two\",\"path\":\"a.jsonl\"}]}");
    assert_sl_ok(sl_mixture_open(test_temp_path("line.json"), &o, &m, &err), &err);
    assert_string_equal(sl_source_name(sl_mixture_source(m, 0)), "two");
    sl_mixture_close(&m);
    /* JSON lines under the name .json. */
    write_text("rows.json", "{\"text\":\"1\"}\n{\"text\":\"2\"}\n");
    assert_sl_ok(sl_mixture_open(test_temp_path("rows.json"), &o, &m, &err), &err);
    assert_string_equal(sl_source_name(sl_mixture_source(m, 0)), "rows.json");
    assert_int_equal(sl_source_rows(sl_mixture_source(m, 0)), 2);
    sl_mixture_close(&m);
    write_text("broken.json", "{\n \"sources\": [}");
    assert_int_equal(sl_mixture_open(test_temp_path("broken.json"), &o, &m, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "broken.json"));
    assert_int_equal(sl_mixture_open(test_temp_path("absent"), &o, &m, &err), SL_ERR_IO);
}

static void test_lanes_share_every_epoch_without_overlap(void **state)
{
    (void)state;
    static const char *const files[] = {"b.jsonl", "s.tar.gz"};
    static const int rows[] = {8, 7};
    for (int f = 0; f < 2; f++) {
        uint64_t ids[64];
        int n = 0;
        for (int lane = 0; lane < 3; lane++) {
            struct sl_mixture_options o;
            struct sl_mixture *m;
            char json[100];
            sl_mixture_defaults(&o);
            o.epochs = 2;
            o.lane = lane;
            o.n_lanes = 3;
            snprintf(json, sizeof json, "{\"sources\":[{\"name\":\"x\",\"path\":\"%s\"}]}", files[f]);
            assert_sl_ok(try_open(json, &o, &m), &err);
            for (struct drawn d = draw(m); d.source >= 0; d = draw(m)) ids[n++] = d.id + d.epoch;
            sl_mixture_close(&m);
        }
        assert_int_equal(n, 2 * rows[f]);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < i; k++) assert_true(ids[i] != ids[k]);
    }
    struct sl_mixture_options few;
    struct sl_mixture *m;
    sl_mixture_defaults(&few);
    few.n_lanes = 4;
    assert_int_equal(try_open("{\"sources\":[{\"name\":\"x\",\"path\":\"c.jsonl\"}]}", &few, &m), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "x: 3 rows are too few for 4 lanes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_source_has_its_share_at_every_moment),
        cmocka_unit_test(test_any_position_leads_to_the_very_next_sample),
        cmocka_unit_test(test_the_seed_alone_decides_the_order),
        cmocka_unit_test(test_limits_of_epochs_end_sources_and_the_mixture),
        cmocka_unit_test(test_without_weights_every_row_is_as_likely),
        cmocka_unit_test(test_a_source_without_a_good_row_does_not_hang),
        cmocka_unit_test(test_positions_of_other_data_are_refused),
        cmocka_unit_test(test_other_weights_begin_new_proportions),
        cmocka_unit_test(test_wrong_mixture_files_name_the_key),
        cmocka_unit_test(test_lanes_share_every_epoch_without_overlap),
        cmocka_unit_test(test_a_path_is_a_mixture_file_or_a_dataset),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
