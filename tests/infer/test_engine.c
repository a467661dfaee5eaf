/*
 * test_engine.c: answers of the engine: learnt ones come out, alone and beside others, once read or from the caches.
 */
#include "test.h"
#include "toy.h"

#include "base/clock.h"
#include "infer/engine.h"

#include <pthread.h>

static sl_engine *open_engine(const sl_engine_options *with)
{
    sl_engine_options o;
    sl_engine *e = NULL;
    sl_error err = {0};
    sl_engine_defaults(&o);
    o.dt = SL_F32;
    o.n_threads = 2;
    assert_sl_ok(sl_engine_open(toy_model_dir(), with ? with : &o, &e, &err), &err);
    return e;
}

/* One user message about a picture file, or none. */
struct talk {
    struct sl_chat_part parts[2];
    struct sl_chat_message message;
    sl_ask_picture picture;
    sl_ask ask;
};

static void talk_init(struct talk *t, const sl_engine *e, const char *question, const char *picture)
{
    *t = (struct talk){
        .parts = {{.kind = SL_CHAT_PICTURE}, {.kind = SL_CHAT_TEXT, .text = question, .n = strlen(question)}}};
    t->message = (struct sl_chat_message){.role = SL_CHAT_USER, .parts = picture ? t->parts : t->parts + 1};
    t->message.n_parts = picture ? 2 : 1;
    t->picture.path = picture;
    sl_ask_defaults(e, &t->ask);
    t->ask.messages = &t->message;
    t->ask.n_messages = 1;
    t->ask.pictures = &t->picture;
    t->ask.n_pictures = picture != NULL;
}

static sl_request *answer(sl_engine *e, struct talk *t)
{
    sl_request *r = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_engine_answer(e, &t->ask, &r, &err), &err);
    return r;
}

static void expect(sl_engine *e, const char *question, const char *picture, bool thinking, const char *want)
{
    struct talk t;
    talk_init(&t, e, question, picture);
    t.ask.thinking = thinking;
    sl_request *r = answer(e, &t);
    const sl_result *result = sl_request_result(r);
    assert_string_equal(result->answer, want);
    assert_int_equal(result->finish, SL_FINISH_STOP);
    if (thinking) assert_string_equal(result->reasoning, TOY_SUM_THOUGHT);
    sl_request_free(r);
}

static void test_learnt_answers_come_out(void **state)
{
    (void)state;
    sl_engine *e = open_engine(NULL);
    expect(e, TOY_FRANCE, NULL, false, TOY_FRANCE_ANSWER);
    expect(e, TOY_COLOUR, toy_picture_path(0), false, "red");
    expect(e, TOY_COLOUR, toy_picture_path(1), false, "blue");
    expect(e, TOY_POINT, toy_picture_path(1), false, "<point>500 500</point>");
    expect(e, TOY_SUM, NULL, true, "four");
    expect(e, TOY_SUM, NULL, false, "four");
    sl_engine_free(e);
}

static void test_a_second_question_about_a_picture_costs_no_vision_and_no_prefill(void **state)
{
    (void)state;
    sl_engine *e = open_engine(NULL);
    struct talk t;
    sl_engine_counters before, after;
    const char *path = toy_picture_path(0);
    expect(e, TOY_COLOUR, path, false, "red");
    sl_engine_count(e, &before);
    talk_init(&t, e, TOY_POINT, path);
    sl_request *r = answer(e, &t);
    const sl_result *result = sl_request_result(r);
    sl_engine_count(e, &after);
    assert_int_equal(after.pictures_encoded, before.pictures_encoded);
    assert_true(result->pictures[0].cached);
    assert_int_equal(result->usage.pictures_cached, 1);
    assert_true(result->timings.vision_ms == 0);
    /* All that both prompts begin with, to the token: system message, picture, and nothing of the question. */
    int shared = 0;
    while (result->prompt[shared] != sl_engine_model(e)->config.ids.image_end) shared++;
    assert_true(result->usage.cached_tokens > shared);
    sl_request_free(r);
    /* The same question again: everything but the last token. */
    r = answer(e, &t);
    assert_int_equal(sl_request_result(r)->usage.cached_tokens, sl_request_result(r)->usage.prompt_tokens - 1);
    sl_request_free(r);
    sl_engine_free(e);
}

/* A grammar begins after the thought, whatever the model would rather say. */
static void test_an_answer_keeps_to_its_schema_and_the_thought_is_free(void **state)
{
    (void)state;
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"sum\":{\"type\":\"integer\",\"maximum\":99},"
                                 "\"word\":{\"enum\":[\"four\",\"five\"]}},\"required\":[\"sum\",\"word\"]}";
    sl_engine *e = open_engine(NULL);
    sl_grammar *g = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_grammar_from_schema(schema, sizeof schema - 1, &g, &err), &err);
    for (int seed = 0; seed < 6; seed++) {
        struct talk t;
        talk_init(&t, e, TOY_SUM, NULL);
        t.ask.thinking = seed % 2;
        t.ask.grammar = g;
        t.ask.sampling.seed = (uint64_t)seed;
        t.ask.sampling.temperature = seed < 2 ? 0 : 3;
        sl_request *r = answer(e, &t);
        const sl_result *result = sl_request_result(r);
        assert_int_equal(result->finish, SL_FINISH_STOP);
        assert_true(sl_grammar_matches(g, result->answer, result->n_answer));
        if (seed == 1) assert_string_equal(result->reasoning, TOY_SUM_THOUGHT);
        sl_request_free(r);
    }
    sl_grammar_drop(g);
    sl_engine_free(e);
}

static void test_a_budget_closes_the_thought(void **state)
{
    (void)state;
    sl_engine *e = open_engine(NULL);
    struct talk t;
    talk_init(&t, e, TOY_SUM, NULL);
    t.ask.thinking = true;
    t.ask.thinking_budget = 5;
    sl_request *r = answer(e, &t);
    const sl_result *result = sl_request_result(r);
    assert_true(result->reasoning_closed);
    assert_true(result->n_reasoning > 0 && result->n_reasoning < strlen(TOY_SUM_THOUGHT));
    assert_memory_equal(result->reasoning, TOY_SUM_THOUGHT, result->n_reasoning);
    assert_true(result->n_answer > 0);
    assert_null(strstr(result->answer, "think>"));
    sl_request_free(r);
    /* 0 is off: the answer is that of no thinking. */
    t.ask.thinking_budget = 0;
    r = answer(e, &t);
    assert_int_equal(sl_request_result(r)->n_reasoning, 0);
    assert_string_equal(sl_request_result(r)->answer, "four");
    sl_request_free(r);
    sl_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learnt_answers_come_out),
        cmocka_unit_test(test_a_second_question_about_a_picture_costs_no_vision_and_no_prefill),
        cmocka_unit_test(test_an_answer_keeps_to_its_schema_and_the_thought_is_free),
        cmocka_unit_test(test_a_budget_closes_the_thought),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
