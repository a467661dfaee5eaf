/*
 * test_eval.c: a model that learnt a few answers by heart is examined: what counts, what is recorded, what is refused.
 */
#include "test.h"
#include "toy.h"

#include "base/file.h"
#include "base/json.h"
#include "eval/question.h"
#include "eval/run.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static sl_engine *engine;

static int open_engine(void **state)
{
    (void)state;
    sl_engine_options o;
    sl_error err = {0};
    sl_engine_defaults(&o);
    o.n_threads = 1;
    o.dt = SL_F32;
    assert_sl_ok(sl_engine_open(toy_model_dir(), &o, &engine, &err), &err);
    return 0;
}

static int close_engine(void **state)
{
    (void)state;
    sl_engine_free(engine);
    return 0;
}

/* Row of a dataset; picture -1: none, -2: a file that is not there. */
static void add_row(struct sl_buf *out, int picture, const char *facts, const char *question, const char *answer)
{
    sl_buf_addf(out, "{%s\"messages\": [{\"role\": \"user\", \"content\": [", facts);
    if (picture != -1)
        sl_buf_addf(out, "{\"type\": \"image\", \"image\": \"%s\"}, ",
                    picture < 0 ? "missing.png" : toy_picture_path(picture));
    sl_buf_addf(out, "{\"type\": \"text\", \"text\": \"%s\"}]}", question);
    if (answer) sl_buf_addf(out, ", {\"role\": \"assistant\", \"content\": \"%s\"}", answer);
    sl_buf_addstr(out, "]}\n");
}

static const char *write_suite(const struct sl_buf *rows)
{
    const char *path = test_temp_path("suite.jsonl");
    test_write_file(path, rows->data, rows->len);
    return path;
}

static void options_for(const char *const *path, struct sl_eval_options *o)
{
    sl_eval_defaults(o);
    o->paths = path;
    o->n_paths = 1;
    o->absolute_paths = true;
    o->max_tokens = 40;
    o->parallel = 3;
}

/* Returns the group of a family and level, which must be there. */
static const struct sl_eval_group *group(const struct sl_eval_scores *s, const char *family, const char *task,
                                         int level)
{
    for (int i = 0; i < s->n; i++) {
        const struct sl_eval_group *g = &s->groups[i];
        if (strcmp(g->family, family) == 0 && strcmp(g->task, task) == 0 && g->level == level) return g;
    }
    fail_msg("no group %s %s %d", family, task, level);
    return NULL;
}

#define COLOUR "\"domain\": \"colours\", \"task\": \"name\", \"level\": 1, "

static void test_counts_right_answers_and_baselines(void **state)
{
    (void)state;
    struct sl_buf rows = SL_BUF_INIT(1 << 16);
    for (int i = 0; i < 8; i++) add_row(&rows, i % 2, COLOUR, TOY_COLOUR, i % 2 ? "blue" : "red");
    add_row(&rows, 0, "\"domain\": \"colours\", \"level\": 2, ", TOY_COLOUR, "green");
    add_row(
        &rows, -1,
        "\"domain\": \"facts\", \"truth\": {\"checker\": \"mentions\", \"answer\": [\"paris\"], \"chance\": 0.25}, ",
        TOY_FRANCE, "It is Paris.");
    const char *path = write_suite(&rows);
    struct sl_eval_options o;
    struct sl_eval_scores scores = {0};
    sl_error err = {0};
    options_for(&path, &o);
    assert_sl_ok(sl_eval_run(engine, &o, NULL, &scores, &err), &err);

    const struct sl_eval_group *g = group(&scores, "colours", "name", 1);
    assert_int_equal(g->n, 8);
    assert_int_equal(g->n_right, 8);
    assert_int_equal(g->n_blind, 8);
    assert_true(g->n_blind_right <= 4); /* one answer for two pictures */
    assert_int_equal(g->n_chance, 7);
    assert_true(g->chance > 0 && g->chance < 7);
    assert_int_equal(group(&scores, "colours", "-", 2)->n_right, 0);
    g = group(&scores, "facts", "-", -1);
    assert_int_equal(g->n_right, 1);
    assert_int_equal(g->n_blind, 0); /* there is no picture to take away */
    assert_true(fabs(g->chance - 0.25) < 1e-9);
    struct sl_eval_group all;
    sl_eval_scores_sum(&scores, NULL, &all);
    assert_int_equal(all.n, 10);
    assert_int_equal(all.n_right, 9);
    sl_eval_scores_release(&scores);
    sl_buf_release(&rows);
}

static void test_thoughts_are_asked_for_where_the_data_has_them(void **state)
{
    (void)state;
    struct sl_buf rows = SL_BUF_INIT(1 << 16);
    add_row(&rows, -1, "", TOY_SUM, "<think>" TOY_SUM_THOUGHT "</think>four");
    const char *path = write_suite(&rows), *dir = test_temp_path("thoughts");
    struct sl_eval_options o;
    struct sl_eval_scores scores = {0};
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    options_for(&path, &o);
    o.dir = dir;
    assert_sl_ok(sl_eval_run(engine, &o, NULL, &scores, &err), &err);
    assert_int_equal(scores.groups[0].n_right, 1);
    char *records = sl_path_join(dir, "records.jsonl");
    assert_sl_ok(sl_file_read(records, &text, &err), &err);
    assert_non_null(strstr(sl_buf_str(&text), "\"expected\":\"four\""));
    assert_non_null(strstr(sl_buf_str(&text), TOY_SUM_THOUGHT));
    sl_eval_scores_release(&scores);

    sl_buf_clear(&text);
    o.thinking = SL_EVAL_DIRECT;
    assert_sl_ok(sl_eval_run(engine, &o, NULL, &scores, &err), &err);
    assert_sl_ok(sl_file_read(records, &text, &err), &err);
    assert_null(strstr(sl_buf_str(&text), "\"reasoning\":"));
    sl_eval_scores_release(&scores);
    sl_buf_release(&text);
    sl_buf_release(&rows);
    free(records);
}

static void test_leaves_records_summary_and_page(void **state)
{
    (void)state;
    struct sl_buf rows = SL_BUF_INIT(1 << 16), text = SL_BUF_INIT(1 << 22);
    for (int i = 0; i < 6; i++) add_row(&rows, i % 2, COLOUR, TOY_COLOUR, i % 2 ? "blue" : "<b>green</b>");
    add_row(&rows, -2, COLOUR, TOY_COLOUR, "red");    /* its picture is missing: left out while reading */
    add_row(&rows, 0, COLOUR, "What is this?", NULL); /* nothing to compare with */
    const char *path = write_suite(&rows), *dir = test_temp_path("report");
    struct sl_eval_options o;
    struct sl_eval_scores scores = {0};
    sl_error err = {0};
    options_for(&path, &o);
    o.dir = dir;
    o.blind = false;
    o.shown = 2;
    assert_sl_ok(sl_eval_run(engine, &o, NULL, &scores, &err), &err);
    assert_int_equal(scores.n_skipped, 1);

    char *name = sl_path_join(dir, "records.jsonl");
    assert_sl_ok(sl_file_read(name, &text, &err), &err);
    free(name);
    int n = 0, n_right = 0;
    for (char *line = text.data; *line; n++) {
        json_t *record;
        size_t length = strcspn(line, "\n");
        assert_sl_ok(sl_json_parse(line, length, 8, &record, &err), &err);
        n_right += json_is_true(json_object_get(record, "right"));
        assert_null(json_object_get(record, "blind_answer"));
        assert_int_equal(json_integer_value(json_object_get(record, "level")), 1);
        assert_int_equal(json_object_get(record, "chance") != NULL, n > 0); /* the first has no answer before it */
        assert_true(json_integer_value(json_object_get(record, "image_tokens")) > 0);
        json_decref(record);
        line += length + (line[length] == '\n');
    }
    assert_int_equal(n, 6);
    assert_int_equal(n_right, 3);

    json_t *summary;
    name = sl_path_join(dir, "summary.json");
    assert_sl_ok(sl_json_load(name, 1 << 20, 8, &summary, &err), &err);
    free(name);
    json_t *all = json_object_get(summary, "all");
    assert_true(fabs(json_number_value(json_object_get(all, "right")) - 0.5) < 1e-9);
    assert_true(json_is_null(json_object_get(all, "blind")));
    json_decref(summary);

    sl_buf_clear(&text);
    name = sl_path_join(dir, "report.html");
    assert_sl_ok(sl_file_read(name, &text, &err), &err);
    free(name);
    int cards = 0;
    for (const char *p = text.data; (p = strstr(p, "<section class=said>")); p++) cards++;
    assert_int_equal(cards, 2);
    assert_null(strstr(text.data, "<b>green"));
    sl_eval_scores_release(&scores);
    sl_buf_release(&text);
    sl_buf_release(&rows);
}

static bool two_questions(void *user, int64_t n_done, int64_t n_all)
{
    assert_int_equal(n_all, 4);
    *(int64_t *)user = n_done;
    return n_done < 2;
}

static void test_asks_only_the_kinds_that_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *only[2];
        int n;
    } cases[] = {
        {{"facts"}, 2},           {{"colours/name/1"}, 1}, {{"colours/name"}, 3}, {{"colours/name/2", "facts/-"}, 4},
        {{"colours/name/12"}, 0}, {{"colour"}, 0},         {{"facts/-/-1"}, 1}};
    struct sl_buf rows = SL_BUF_INIT(1 << 16);
    add_row(&rows, 0, COLOUR, TOY_COLOUR, "red");
    for (int i = 0; i < 2; i++)
        add_row(&rows, 0, "\"domain\": \"colours\", \"task\": \"name\", \"level\": 2, ", TOY_COLOUR, "red");
    add_row(&rows, -1, "\"domain\": \"facts\", ", TOY_FRANCE, "It is Paris.");
    add_row(&rows, -1, "\"domain\": \"facts\", \"task\": \"-\", \"level\": 0, ", TOY_FRANCE, "It is Paris.");
    const char *path = write_suite(&rows);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_eval_options o;
        struct sl_eval_scores scores = {0};
        struct sl_eval_group all;
        sl_error err = {0};
        options_for(&path, &o);
        o.only = cases[i].only;
        o.n_only = cases[i].only[1] ? 2 : 1;
        sl_status s = sl_eval_run(engine, &o, NULL, &scores, &err);
        assert_int_equal(s == SL_OK, cases[i].n > 0);
        sl_eval_scores_sum(&scores, NULL, &all);
        assert_int_equal(all.n, cases[i].n);
        sl_eval_scores_release(&scores);
    }
    sl_buf_release(&rows);
}

static void test_stops_at_a_limit_and_when_told(void **state)
{
    (void)state;
    struct sl_buf rows = SL_BUF_INIT(1 << 16);
    int64_t n_done = 0;
    for (int i = 0; i < 9; i++) add_row(&rows, -1, "", TOY_COUNT, TOY_COUNT_ANSWER);
    const char *path = write_suite(&rows);
    struct sl_eval_options o;
    struct sl_eval_scores scores = {0};
    sl_error err = {0};
    options_for(&path, &o);
    o.limit = 4;
    assert_sl_ok(sl_eval_run(engine, &o, NULL, &scores, &err), &err);
    assert_int_equal(scores.groups[0].n, 4);
    assert_int_equal(scores.groups[0].n_right, 4);
    sl_eval_scores_release(&scores);
    o.on_question = two_questions;
    o.user = &n_done;
    assert_sl_ok(sl_eval_run(engine, &o, NULL, &scores, &err), &err);
    assert_true(scores.groups[0].n >= 2 && scores.groups[0].n < 9);
    assert_true(n_done >= 2);
    sl_eval_scores_release(&scores);
    sl_buf_release(&rows);
}

static void test_refuses_what_it_cannot_ask_or_write(void **state)
{
    (void)state;
    struct sl_buf rows = SL_BUF_INIT(1 << 16);
    add_row(&rows, 0, "", "What is this?", NULL);
    const char *path = write_suite(&rows);
    struct sl_eval_options o;
    struct sl_eval_scores scores = {0};
    sl_error err = {0};
    options_for(&path, &o);
    assert_int_equal(sl_eval_run(engine, &o, NULL, &scores, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "no question in it could be asked"));
    sl_eval_scores_release(&scores);
    o.dir = path; /* a file where the folder should be */
    assert_int_not_equal(sl_eval_run(engine, &o, NULL, &scores, &err), SL_OK);
    sl_eval_scores_release(&scores);
    const char *missing = test_temp_path("nowhere");
    o.paths = &missing;
    assert_int_not_equal(sl_eval_run(engine, &o, NULL, &scores, &err), SL_OK);
    assert_non_null(strstr(err.message, "nowhere"));
    sl_eval_scores_release(&scores);
    sl_buf_release(&rows);
}

static void test_margin_is_that_of_agresti_and_coull(void **state)
{
    (void)state;
    /* 50 of 100: p~ = 0.5, n~ = 103.8416, half width 1.96 * sqrt(0.25 / 103.8416). */
    assert_true(fabs(sl_eval_margin(50, 100) - 0.0961705) < 1e-6);
    assert_true(sl_eval_margin(100, 100) > 0.01 && sl_eval_margin(100, 100) < 0.03);
    assert_true(fabs(sl_eval_margin(0, 0) - 0.5) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_right_answers_and_baselines),
        cmocka_unit_test(test_thoughts_are_asked_for_where_the_data_has_them),
        cmocka_unit_test(test_leaves_records_summary_and_page),
        cmocka_unit_test(test_asks_only_the_kinds_that_are_named),
        cmocka_unit_test(test_stops_at_a_limit_and_when_told),
        cmocka_unit_test(test_refuses_what_it_cannot_ask_or_write),
        cmocka_unit_test(test_margin_is_that_of_agresti_and_coull),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
