/*
 * test_engine.c: answers of the engine: learnt ones come out, alone and beside others, once read or from the caches.
 */
#include "test.h"
#include "toy.h"

#include "base/clock.h"
#include "infer/engine.h"
#include "tensor/cpu/cpu.h"

#include <pthread.h>

static sl_engine *open_engine(const sl_engine_options *with)
{
    sl_engine_options o;
    sl_engine *e = NULL;
    sl_error err = {0};
    sl_engine_defaults(&o);
    o.dt = SL_F32;
    if (with) o = *with;
    o.n_threads = 1;
    assert_sl_ok(sl_engine_open(toy_model_dir(), &o, &e, &err), &err);
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

static void test_warming_up_touches_everything_and_leaves_nothing_in_the_way(void **state)
{
    (void)state;
    sl_engine_counters c;
    sl_error err = {0};
    sl_engine *e = NULL;
    sl_engine_options o;
    sl_engine_defaults(&o);
    o.n_threads = 1;
    assert_sl_ok(sl_engine_open(toy_model_dir(), &o, &e, &err), &err);
    assert_sl_ok(sl_engine_warm_up(e, &err), &err);
    sl_engine_count(e, &c);
    assert_int_equal(c.pictures_encoded, 1);
    assert_int_equal(c.completion_tokens, 2);
    assert_int_equal(c.running, 0);
    expect(e, TOY_FRANCE, NULL, false, TOY_FRANCE_ANSWER);
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

/* Everything that differs between requests: lengths, pictures, thoughts, sampling. */
static void mixed_talk(struct talk *t, const sl_engine *e, int i)
{
    static const char *const questions[] = {TOY_COLOUR, TOY_FRANCE, TOY_SUM, TOY_COUNT, TOY_POINT};
    talk_init(t, e, questions[i % 5], i % 5 == 0 || i % 5 == 4 ? toy_picture_path(i % 2) : NULL);
    t->ask.thinking = i % 3 == 2;
    t->ask.max_tokens = 8 + i;
    t->ask.top_logprobs = 0;
    t->ask.ignore_eos = i % 4 == 1;
    if (i % 4 == 3) t->ask.sampling.temperature = 2, t->ask.sampling.seed = (uint64_t)i;
}

/* Ten requests one after the other and then at once, with another chunk, give the same tokens and log-probabilities. */
static void test_an_answer_is_the_same_to_the_bit_whatever_runs_beside_it(void **state)
{
    (void)state;
    enum { N = 10 };
    for (int dt = 0; dt < 3; dt++) {
        struct talk t[N];
        sl_request *alone[N], *together[N];
        sl_engine_options o;
        sl_error err = {0};
        sl_engine_defaults(&o);
        o.dt = dt ? SL_BF16 : SL_F32;
        o.int8_cache = dt == 2;
        sl_engine *one = open_engine(&o);
        o.chunk = 7;
        o.max_sequences = 6;
        sl_engine *many = open_engine(&o);
        for (int i = 0; i < N; i++) {
            mixed_talk(&t[i], one, i);
            alone[i] = answer(one, &t[i]);
            assert_sl_ok(sl_engine_submit(many, &t[i].ask, &together[i], &err), &err);
        }
        for (bool idle = false; !idle;) assert_sl_ok(sl_engine_step(many, &idle, &err), &err);
        for (int i = 0; i < N; i++) {
            const sl_result *a = sl_request_result(alone[i]), *b = sl_request_result(together[i]);
            assert_int_equal(a->usage.completion_tokens, b->usage.completion_tokens);
            size_t n = (size_t)a->usage.completion_tokens;
            assert_memory_equal(a->tokens, b->tokens, n * sizeof *a->tokens);
            assert_memory_equal(a->logprobs, b->logprobs, n * sizeof *a->logprobs);
            assert_string_equal(a->answer, b->answer);
            sl_request_free(alone[i]);
            sl_request_free(together[i]);
        }
        sl_engine_free(one);
        sl_engine_free(many);
    }
}

static void test_pages_and_features_outlive_a_restart(void **state)
{
    (void)state;
    sl_engine_options o;
    sl_engine_defaults(&o);
    o.cache_dir = test_temp_path("cache");
    for (int round = 0; round < 2; round++) {
        sl_engine *e = open_engine(&o);
        struct talk t;
        talk_init(&t, e, TOY_COLOUR, toy_picture_path(1));
        sl_request *r = answer(e, &t);
        const sl_result *result = sl_request_result(r);
        assert_string_equal(result->answer, "blue");
        assert_int_equal(result->pictures[0].cached, round == 1);
        assert_int_equal(result->pictures[0].as.width, 56);
        assert_int_equal(result->usage.cached_tokens, round == 1 ? result->usage.prompt_tokens - 1 : 0);
        sl_request_free(r);
        sl_engine_free(e);
    }
    /* Another way to compute is another cache. */
    o.int8_cache = true;
    sl_engine *e = open_engine(&o);
    struct talk t;
    talk_init(&t, e, TOY_COLOUR, toy_picture_path(1));
    sl_request *r = answer(e, &t);
    assert_int_equal(sl_request_result(r)->usage.cached_tokens, 0);
    sl_request_free(r);
    sl_engine_free(e);
}

static void test_equal_prompts_at_once_are_computed_once(void **state)
{
    (void)state;
    enum { N = 6 };
    sl_engine *e = open_engine(NULL);
    char text[1200];
    struct talk t[N];
    sl_request *r[N];
    sl_error err = {0};
    int computed = 0;
    memset(text, 'a', sizeof text - 1);
    for (int i = 0; i < 1199; i += 7) text[i] = (char)('b' + i % 23);
    text[1199] = '\0';
    for (int i = 0; i < N; i++) {
        talk_init(&t[i], e, text, NULL);
        t[i].ask.max_tokens = 4;
        t[i].ask.sampling.seed = (uint64_t)i;
        assert_sl_ok(sl_engine_submit(e, &t[i].ask, &r[i], &err), &err);
    }
    for (bool idle = false; !idle;) assert_sl_ok(sl_engine_step(e, &idle, &err), &err);
    for (int i = 0; i < N; i++) {
        const sl_usage *u = &sl_request_result(r[i])->usage;
        computed += u->prompt_tokens - u->cached_tokens;
        assert_true(u->prompt_tokens > 4 * 64);
        if (i == N - 1) assert_true(computed < u->prompt_tokens + N * 64);
        sl_request_free(r[i]);
    }
    sl_engine_free(e);
}

static void test_limits_say_busy_or_never(void **state)
{
    (void)state;
    sl_engine_options o;
    sl_error err = {0};
    sl_request *r[3] = {0};
    struct talk t;
    sl_engine_defaults(&o);
    o.max_queue = 2;
    o.max_context = 256;
    sl_engine *e = open_engine(&o);
    talk_init(&t, e, TOY_FRANCE, NULL);
    assert_sl_ok(sl_engine_submit(e, &t.ask, &r[0], &err), &err);
    assert_sl_ok(sl_engine_submit(e, &t.ask, &r[1], &err), &err);
    assert_int_equal(sl_engine_submit(e, &t.ask, &r[2], &err), SL_ERR_BUSY);
    sl_request_free(r[0]); /* a client that goes away while it waits */
    sl_request_cancel(r[1]);
    for (bool idle = false; !idle;) assert_sl_ok(sl_engine_step(e, &idle, &err), &err);
    assert_int_equal(sl_request_result(r[1])->finish, SL_FINISH_CANCELLED);
    sl_request_free(r[1]);
    char text[4000];
    memset(text, 'q', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    talk_init(&t, e, text, NULL);
    assert_int_equal(sl_engine_submit(e, &t.ask, &r[2], &err), SL_ERR_MEMORY);
    talk_init(&t, e, TOY_COLOUR, "/nowhere/at all.png");
    assert_int_equal(sl_engine_submit(e, &t.ask, &r[2], &err), SL_ERR_IO);
    talk_init(&t, e, TOY_COLOUR, NULL);
    t.ask.sampling.top_p = 2;
    assert_int_equal(sl_engine_submit(e, &t.ask, &r[2], &err), SL_ERR_ARGUMENT);
    sl_engine_counters c;
    sl_engine_count(e, &c);
    assert_int_equal(c.queued + c.running, 0);
    sl_engine_free(e);
    o.memory = 1 << 20;
    assert_int_equal(sl_engine_open(toy_model_dir(), &o, &e, &err), SL_ERR_MEMORY);
}

/* With few pages, requests wait for each other's, and all are answered. */
static void test_requests_wait_for_pages(void **state)
{
    (void)state;
    enum { N = 12 };
    struct talk t;
    sl_engine_options o;
    sl_engine_limits limits;
    sl_engine_counters c;
    sl_request *r[N];
    sl_error err = {0};
    sl_engine_defaults(&o);
    o.dt = SL_F32;
    o.picture_bytes = 2 << 20;
    sl_engine *e = open_engine(&o);
    sl_engine_get_limits(e, &limits);
    sl_engine_count(e, &c);
    o.memory = limits.weights + limits.work + o.picture_bytes + 9 * (limits.pages / (size_t)c.pages);
    sl_engine_free(e);
    e = open_engine(&o);
    sl_engine_count(e, &c);
    assert_int_equal(c.pages, 9);
    for (int i = 0; i < N; i++) {
        talk_init(&t, e, i % 2 ? TOY_FRANCE : TOY_COUNT, NULL);
        t.ask.max_tokens = 100 + 5 * i;
        assert_sl_ok(sl_engine_submit(e, &t.ask, &r[i], &err), &err);
    }
    for (bool idle = false; !idle;) assert_sl_ok(sl_engine_step(e, &idle, &err), &err);
    for (int i = 0; i < N; i++) {
        assert_string_equal(sl_request_result(r[i])->answer, i % 2 ? TOY_FRANCE_ANSWER : TOY_COUNT_ANSWER);
        sl_request_free(r[i]);
    }
    sl_engine_free(e);
}

struct heard {
    char text[256];
    int media, prefill, tokens, ends;
};

static void hear(void *user, const sl_event *event)
{
    struct heard *h = user;
    strncat(h->text, event->text, event->n < 200 ? event->n : 200);
    h->media += event->kind == SL_EVENT_MEDIA;
    h->prefill += event->kind == SL_EVENT_PREFILL;
    h->tokens += event->kind == SL_EVENT_TOKEN && event->choice;
    h->ends += event->kind == SL_EVENT_END;
}

static void test_events_add_up_to_the_answer_and_stop_strings_never_show(void **state)
{
    (void)state;
    sl_engine *e = open_engine(NULL);
    struct talk t;
    struct heard h = {0};
    const char *stop[2] = {"five six", "four f"};
    talk_init(&t, e, TOY_COUNT, NULL);
    t.ask.stop = stop;
    t.ask.n_stop = 2;
    t.ask.on_event = hear;
    t.ask.user = &h;
    sl_request *r = answer(e, &t);
    const sl_result *result = sl_request_result(r);
    assert_string_equal(result->answer, "one two three ");
    assert_string_equal(h.text, result->answer);
    assert_int_equal(h.tokens, result->usage.completion_tokens);
    assert_int_equal(h.ends, 1);
    assert_int_equal(result->finish, SL_FINISH_STOP);
    sl_request_free(r);
    memset(&h, 0, sizeof h);
    talk_init(&t, e, TOY_COLOUR, toy_picture_path(0));
    t.ask.on_event = hear;
    t.ask.user = &h;
    r = answer(e, &t);
    assert_string_equal(h.text, "red");
    assert_true(h.media >= 2 && h.prefill >= 1);
    sl_request_free(r);
    sl_engine_free(e);
}

/* The step in which a stream's first token comes is not one in which nobody waits. */
static void test_a_picture_leaves_a_stream_that_has_just_begun_alone(void **state)
{
    (void)state;
    sl_engine *e = open_engine(NULL);
    struct talk stream, picture;
    struct heard heard[2] = {0};
    sl_request *r[2];
    sl_error err = {0};
    talk_init(&stream, e, TOY_COUNT, NULL);
    talk_init(&picture, e, TOY_COLOUR, toy_picture_path(0));
    stream.ask.on_event = picture.ask.on_event = hear;
    stream.ask.user = &heard[0];
    picture.ask.user = &heard[1];
    assert_sl_ok(sl_engine_submit(e, &stream.ask, &r[0], &err), &err);
    assert_sl_ok(sl_engine_submit(e, &picture.ask, &r[1], &err), &err);
    while (!heard[0].tokens) assert_sl_ok(sl_engine_step(e, NULL, &err), &err);
    assert_int_equal(heard[1].media, 0); /* a piece of a block, and not all of them */
    while (!sl_request_done(r[1])) assert_sl_ok(sl_engine_step(e, NULL, &err), &err);
    assert_string_equal(sl_request_result(r[1])->answer, "red");
    for (int i = 0; i < 2; i++) sl_request_free(r[i]);
    sl_engine_free(e);
}

/* Media placeholders are never chosen, however much the sampling asks for them. */
static void test_placeholders_of_pictures_are_never_chosen(void **state)
{
    (void)state;
    sl_engine *e = open_engine(NULL);
    const sl_special_ids *ids = &sl_engine_model(e)->config.ids;
    const sl_logit_bias wish[3] = {{ids->image_start, 1e6f}, {ids->image_patch, 1e6f}, {ids->image_end, 1e6f}};
    struct talk t;
    talk_init(&t, e, TOY_FRANCE, NULL);
    t.ask.sampling.biases = wish;
    t.ask.sampling.n_biases = 3;
    sl_request *r = answer(e, &t);
    assert_string_equal(sl_request_result(r)->answer, TOY_FRANCE_ANSWER);
    sl_request_free(r);
    sl_engine_free(e);
}

static void *drive(void *engine)
{
    bool idle = false;
    for (int quiet = 0; quiet < 100; quiet = idle ? quiet + 1 : 0) {
        sl_engine_step(engine, &idle, NULL);
        if (idle) sl_engine_wait(engine, 0.005);
    }
    return NULL;
}

struct client {
    sl_engine *engine;
    int number, wrong;
};

static void *ask_some(void *arg)
{
    struct client *c = arg;
    for (int i = 0; i < 4; i++) {
        struct talk t;
        sl_request *r = NULL;
        talk_init(&t, c->engine, (c->number + i) % 2 ? TOY_FRANCE : TOY_COUNT, NULL);
        if (sl_engine_submit(c->engine, &t.ask, &r, NULL) != SL_OK) {
            c->wrong++;
            continue;
        }
        if (i == 2) { /* goes away */
            sl_request_free(r);
            continue;
        }
        sl_request_wait(r);
        c->wrong +=
            strcmp(sl_request_result(r)->answer, (c->number + i) % 2 ? TOY_FRANCE_ANSWER : TOY_COUNT_ANSWER) != 0;
        sl_request_free(r);
    }
    return NULL;
}

static void test_many_threads_ask_one_engine(void **state)
{
    (void)state;
    enum { N = 8 };
    sl_engine *e = open_engine(NULL);
    pthread_t driver, threads[N];
    struct client clients[N];
    assert_int_equal(pthread_create(&driver, NULL, drive, e), 0);
    for (int i = 0; i < N; i++) {
        clients[i] = (struct client){e, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_some, &clients[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].wrong, 0);
    }
    pthread_join(driver, NULL);
    sl_engine_free(e);
}

/* Over a model in memory: after its weights changed and the engine forgot, nothing of the old ones is left. */
static void test_an_engine_over_a_live_model_forgets(void **state)
{
    (void)state;
    sl_ops *ops = NULL;
    sl_model *model = NULL;
    struct sl_tokenizer *tokenizer = NULL;
    sl_engine *e = NULL;
    sl_engine_options o;
    sl_error err = {0};
    struct talk t;
    sl_engine_defaults(&o);
    assert_sl_ok(sl_cpu_ops_default(1, &ops, &err), &err);
    sl_weight_plan plan = {.ops = ops, .dt = SL_F32};
    assert_sl_ok(sl_model_open(toy_model_dir(), &plan, &model, &err), &err);
    assert_sl_ok(sl_tokenizer_load(toy_model_dir(), &tokenizer, &err), &err);
    assert_sl_ok(sl_engine_over(model, tokenizer, &o, &e, &err), &err);
    expect(e, TOY_COLOUR, toy_picture_path(0), false, "red");
    assert_sl_ok(sl_model_init(model, 5, &err), &err);
    sl_engine_forget(e);
    talk_init(&t, e, TOY_COLOUR, toy_picture_path(0));
    t.ask.max_tokens = 8;
    sl_request *r = answer(e, &t);
    assert_int_equal(sl_request_result(r)->usage.cached_tokens, 0);
    assert_false(sl_request_result(r)->pictures[0].cached);
    assert_string_not_equal(sl_request_result(r)->answer, "red");
    sl_request_free(r);
    sl_engine_free(e);
    sl_model_free(model);
    sl_tokenizer_free(&tokenizer);
    sl_cpu_ops_free(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learnt_answers_come_out),
        cmocka_unit_test(test_warming_up_touches_everything_and_leaves_nothing_in_the_way),
        cmocka_unit_test(test_a_picture_leaves_a_stream_that_has_just_begun_alone),
        cmocka_unit_test(test_a_second_question_about_a_picture_costs_no_vision_and_no_prefill),
        cmocka_unit_test(test_an_answer_keeps_to_its_schema_and_the_thought_is_free),
        cmocka_unit_test(test_a_budget_closes_the_thought),
        cmocka_unit_test(test_an_answer_is_the_same_to_the_bit_whatever_runs_beside_it),
        cmocka_unit_test(test_pages_and_features_outlive_a_restart),
        cmocka_unit_test(test_equal_prompts_at_once_are_computed_once),
        cmocka_unit_test(test_limits_say_busy_or_never),
        cmocka_unit_test(test_requests_wait_for_pages),
        cmocka_unit_test(test_events_add_up_to_the_answer_and_stop_strings_never_show),
        cmocka_unit_test(test_placeholders_of_pictures_are_never_chosen),
        cmocka_unit_test(test_an_engine_over_a_live_model_forgets),
        cmocka_unit_test(test_many_threads_ask_one_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
