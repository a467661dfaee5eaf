/*
 * test_shipped.c: the model that ships answers twenty held-out questions whose answers are known, by their pictures.
 *
 * scripts/pick-questions.py chose them among those that it had right with the picture and wrong without, whatever the
 * kernels; other processors round otherwise, so that two may be missed. Weights that were noise would miss them all.
 */
#include "test.h"

#include "base/file.h"
#include "eval/run.h"

enum { N_QUESTIONS = 20, N_MISSED = 2 };

static const char MODEL[] = "models/seedling-nano", QUESTIONS[] = "tests/eval/shipped.tar";

/* Asks all questions, each without its picture too. */
static void ask(struct sl_eval_group *all)
{
    const char *path = QUESTIONS;
    struct sl_eval_options o;
    struct sl_eval_scores scores = {0};
    sl_engine_options eo;
    sl_engine *engine = NULL;
    sl_error err = {0};
    sl_engine_defaults(&eo);
    eo.n_threads = 2;
    assert_sl_ok(sl_engine_open(MODEL, &eo, &engine, &err), &err);
    sl_eval_defaults(&o);
    o.paths = &path;
    o.n_paths = 1;
    o.max_tokens = 96;
    assert_sl_ok(sl_eval_run(engine, &o, NULL, &scores, &err), &err);
    sl_eval_scores_sum(&scores, NULL, all);
    sl_eval_scores_release(&scores);
    sl_engine_free(engine);
}

static void test_answers_what_it_sees(void **state)
{
    (void)state;
    struct sl_eval_group all;
    if (!sl_file_exists("models/seedling-nano/model.safetensors")) {
        print_message("there are no weights in %s yet\n", MODEL);
        skip();
    }
    ask(&all);
    assert_int_equal(all.n, N_QUESTIONS);
    if (all.n_right < N_QUESTIONS - N_MISSED) fail_msg("%d of %d are right", (int)all.n_right, N_QUESTIONS);
    assert_int_equal(all.n_blind, N_QUESTIONS);
    if (all.n_blind_right > N_MISSED) fail_msg("%d are right without the picture", (int)all.n_blind_right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers_what_it_sees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
