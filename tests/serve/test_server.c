/* test_server.c: the API over a model that knows some answers: chat, pictures, streams, errors, keys, cancelling. */
#include "server_test.h"

#include <pthread.h>

static struct sl_media_pool *pool;

static void test_chat(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, pool, NULL);
    assert_int_equal(ask(&f, "POST", "/v1/chat/completions", NULL,
                         "{\"model\":\"toy\",\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_FRANCE
                         "\"}],\"thinking\":{\"type\":\"disabled\"}}"),
                     200);
    assert_string_equal(text_at(&f, "choices.0.message.content"), TOY_FRANCE_ANSWER);
    assert_string_equal(text_at(&f, "choices.0.finish_reason"), "stop");
    assert_string_equal(text_at(&f, "object"), "chat.completion");
    assert_true(number_at(&f, "usage.total_tokens") > number_at(&f, "usage.prompt_tokens"));
    /* The published default is to think first. */
    assert_int_equal(ask(&f, "POST", "/v1/chat/completions", NULL,
                         "{\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_SUM "\"}]}"),
                     200);
    assert_string_equal(text_at(&f, "choices.0.message.content"), "four");
    assert_string_equal(text_at(&f, "choices.0.message.reasoning_content"), TOY_SUM_THOUGHT);
    fixture_stop(&f);
}

/* A request about picture `which`. */
static void picture_request(struct sl_buf *out, int which, const char *question, const char *more)
{
    sl_buf_addstr(out,
                  "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
    add_picture_url(out, which);
    sl_buf_addf(out, "\"}},{\"type\":\"text\",\"text\":\"%s\"}]}],\"thinking\":{\"type\":\"disabled\"}%s}", question,
                more);
}

static void test_pictures(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_buf body = SL_BUF_INIT(1 << 20);
    fixture_start(&f, pool, NULL);
    picture_request(&body, 0, TOY_COLOUR, "");
    assert_int_equal(ask(&f, "POST", "/v1/chat/completions", NULL, body.data), 200);
    assert_string_equal(text_at(&f, "choices.0.message.content"), "red");
    assert_int_equal((int)number_at(&f, "seedling.pictures.0.width"), 56);
    assert_int_equal((int)number_at(&f, "seedling.pictures.0.tokens"), 4);
    sl_buf_clear(&body);
    picture_request(&body, 0, TOY_POINT, "");
    assert_int_equal(ask(&f, "POST", "/v1/chat/completions", NULL, body.data), 200);
    assert_int_equal((int)number_at(&f, "usage.prompt_tokens_details.pictures_cached"), 1);
    assert_true(json_is_true(value_at(f.json, "seedling.pictures.0.cached")));
    assert_float_equal(number_at(&f, "choices.0.seedling.points.0.x"), 500, 0);
    assert_float_equal(number_at(&f, "choices.0.seedling.points.0.px"), 28, 1e-9);
    assert_int_equal(ask(&f, "GET", "/metrics", NULL, ""), 200);
    assert_non_null(strstr(f.answer.data, "seedling_pictures_total 2\n"));
    assert_non_null(strstr(f.answer.data, "seedling_picture_hits_total 1\n"));
    assert_null(strstr(f.answer.data, "seedling_cache_picture_bytes 0\n"));
    sl_buf_release(&body);
    fixture_stop(&f);
}

/* Joins the deltas of a stream; returns the number of chunks. */
static int join_stream(struct fixture *f, const char *key, struct sl_buf *out)
{
    int n = 0;
    for (const char *at = client_body(&f->answer); (at = strstr(at, "data: ")); at++) {
        json_t *chunk = json_loads(at + 6, JSON_DISABLE_EOF_CHECK, NULL);
        json_t *delta = value_at(chunk, "choices.0.delta");
        const char *text = json_string_value(json_object_get(delta, key));
        if (text) sl_buf_addstr(out, text);
        n += text && *text;
        json_decref(chunk);
    }
    return n;
}

static void test_streams(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_buf text = SL_BUF_INIT(1 << 16), thought = SL_BUF_INIT(1 << 16);
    fixture_start(&f, pool, NULL);
    assert_int_equal(ask(&f, "POST", "/v1/chat/completions", NULL,
                         "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_SUM "\"}]}"),
                     200);
    assert_non_null(strstr(f.answer.data, "text/event-stream"));
    assert_non_null(strstr(f.answer.data, "data: [DONE]"));
    join_stream(&f, "content", &text);
    assert_true(join_stream(&f, "reasoning_content", &thought) > 3);
    assert_string_equal(sl_buf_str(&text), "four");
    assert_string_equal(sl_buf_str(&thought), TOY_SUM_THOUGHT);
    sl_buf_release(&text);
    sl_buf_release(&thought);
    fixture_stop(&f);
}

static void test_bad_requests_name_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *body, *param;
        int status;
    } cases[] = {
        {"", "", 400},
        {"{", "", 400},
        {"[]", "", 400},
        {"{}", "messages", 400},
        {"{\"messages\":\"x\"}", "messages", 400},
        {"{\"messages\":[]}", "messages", 400},
        {"{\"messages\":[1]}", "messages[0].role", 400},
        {"{\"messages\":[{\"role\":\"user\"}]}", "messages[0]", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "messages[0].content", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"sound\"}]}]}", "messages[0].content[0]", 400},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"data:\"}]}]}",
         "messages[0].content[0]", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"data:x\"}]}]}",
         "messages[0].content[0]", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
         "\"data:;base64,iVBORw0KGgoAAAA=\"}]}]}",
         "messages[0].content[0]", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"http://10.0.0.1/"
         "\"}]}]}",
         "messages[0].content[0]", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"model\":\"gpt\"}", "model", 404},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":\"hot\"}", "temperature", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"top_p\":2}", "top_p", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"n\":1.5}", "n", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stop\":[1]}", "stop", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"logit_bias\":{\"x\":1}}", "logit_bias", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"thinking\":{\"type\":\"auto\"}}", "thinking", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"response_format\":{\"type\":\"xml\"}}",
         "response_format", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"top_logprobs\":2}", "top_logprobs", 400},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tool_choice\":\"required\"}", "tool_choice", 400},
        {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"[\"}}]}]"
         "}",
         "messages[0].tool_calls[0]", 400},
    };
    struct fixture f;
    fixture_start(&f, pool, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = ask(&f, "POST", "/v1/chat/completions", NULL, cases[i].body);
        const char *param = json_string_value(value_at(f.json, "error.param"));
        if (status != cases[i].status || strcmp(param ? param : "", cases[i].param) != 0) {
            fail_msg("%s: %d %s", cases[i].body, status, client_body(&f.answer));
        }
        assert_true(json_is_string(value_at(f.json, "error.message")));
    }
    fixture_stop(&f);
}

static void test_routes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, pool, NULL);
    assert_int_equal(ask(&f, "GET", "/health", NULL, ""), 200);
    assert_string_equal(text_at(&f, "status"), "ok");
    assert_int_equal(ask(&f, "GET", "/v1/models", NULL, ""), 200);
    assert_string_equal(text_at(&f, "data.0.id"), "toy");
    assert_true(number_at(&f, "data.0.limits.context_length") > 0);
    assert_int_equal(ask(&f, "GET", "/v1/models/toy", NULL, ""), 200);
    assert_int_equal(ask(&f, "GET", "/v1/models/../keys", NULL, ""), 404);
    assert_int_equal(ask(&f, "GET", "/v1/chat/completions", NULL, ""), 405);
    assert_int_equal(ask(&f, "GET", "/etc/passwd", NULL, ""), 404);
    assert_int_equal(ask(&f, "GET", "/../../etc/passwd", NULL, ""), 404);
    assert_int_equal(ask(&f, "GET", "/%2e%2e/%2e%2e/etc/passwd", NULL, ""), 404);
    assert_int_equal(ask(&f, "GET", "/", NULL, ""), 200);
    assert_non_null(strstr(f.answer.data, "Content-Security-Policy: default-src 'none'"));
    assert_non_null(strstr(f.answer.data, "<title>Seedling</title>"));
    assert_null(strstr(f.answer.data, "Access-Control"));
    assert_int_equal(ask(&f, "GET", "/app.js", NULL, ""), 200);
    assert_int_equal(ask(&f, "GET", "/metrics", NULL, ""), 200);
    assert_non_null(strstr(f.answer.data, "seedling_requests_total{route=\"/v1/models\",status=\"200\"} 1\n"));
    assert_non_null(strstr(f.answer.data, "seedling_requests_running 0\n"));
    fixture_stop(&f);
}

static void test_keys(void **state)
{
    (void)state;
    struct fixture f;
    sl_server_options o;
    const char *path = test_temp_path("keys");
    test_write_file(path, "the-good-key\nthe-slow-key 1\n", strlen("the-good-key\nthe-slow-key 1\n"));
    sl_server_defaults(&o);
    o.keys = path;
    fixture_start(&f, pool, &o);
    const char *slow = "Authorization: Bearer the-slow-key\r\n";
    assert_int_equal(ask(&f, "GET", "/v1/models", NULL, ""), 401);
    assert_string_equal(text_at(&f, "error.code"), "invalid_api_key");
    assert_int_equal(ask(&f, "GET", "/v1/models", "Authorization: Bearer the-bad-key\r\n", ""), 401);
    assert_int_equal(ask(&f, "GET", "/v1/models", "Authorization: Bearer the-good-key\r\n", ""), 200);
    assert_int_equal(ask(&f, "GET", "/v1/models", "X-Api-Key: the-good-key\r\n", ""), 200);
    assert_int_equal(ask(&f, "GET", "/v1/models", slow, ""), 200);
    assert_int_equal(ask(&f, "GET", "/v1/models", slow, ""), 429);
    assert_non_null(strstr(f.answer.data, "Retry-After: "));
    assert_int_equal(ask(&f, "GET", "/health", NULL, ""), 200);
    assert_int_equal(ask(&f, "GET", "/", NULL, ""), 200);
    fixture_stop(&f);
}

static void test_other_origins_only_by_name(void **state)
{
    (void)state;
    struct fixture f;
    sl_server_options o;
    sl_server_defaults(&o);
    o.cors_origin = "https://page.example";
    fixture_start(&f, pool, &o);
    assert_int_equal(ask(&f, "OPTIONS", "/v1/chat/completions", "Origin: https://page.example\r\n", ""), 204);
    assert_non_null(strstr(f.answer.data, "Access-Control-Allow-Origin: https://page.example\r\n"));
    assert_int_equal(ask(&f, "GET", "/health", "Origin: https://other.example\r\n", ""), 200);
    assert_null(strstr(f.answer.data, "Allow-Origin: https://other"));
    fixture_stop(&f);
}

static void test_a_client_that_goes_away_frees_the_engine(void **state)
{
    (void)state;
    struct fixture f;
    sl_engine_counters c = {0};
    fixture_start(&f, pool, NULL);
    const char *body =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"go on\"}],\"max_tokens\":100000,\"stream\":true,"
        "\"logit_bias\":{}}";
    for (int i = 0; i < 2; i++) {
        int fd = client_connect(f.port);
        char head[200];
        int n = snprintf(head, sizeof head,
                         "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", strlen(body));
        client_send(fd, head, (size_t)n);
        client_send(fd, body, strlen(body));
        char byte;
        assert_true(recv(fd, &byte, 1, 0) == 1);
        close(fd);
    }
    for (int i = 0; i < 1000; i++) {
        sl_engine_count(f.engine, &c);
        if (c.running + c.queued == 0) break;
        poll(NULL, 0, 5);
    }
    assert_int_equal(c.running + c.queued, 0);
    assert_int_equal(ask(&f, "GET", "/health", NULL, ""), 200);
    fixture_stop(&f);
}

static void *ask_france(void *p)
{
    struct fixture *f = p;
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    const char *body =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"" TOY_FRANCE "\"}],\"thinking\":{\"type\":\"disabled\"}}";
    intptr_t good = 0;
    for (int i = 0; i < 3; i++) {
        client_request(f->port, "POST", "/v1/chat/completions", NULL, body, strlen(body), &out);
        good += client_status(&out) == 200 && strstr(client_body(&out), TOY_FRANCE_ANSWER);
    }
    sl_buf_release(&out);
    return (void *)good;
}

static void test_many_clients_get_their_own_answers(void **state)
{
    (void)state;
    struct fixture f;
    pthread_t threads[8];
    fixture_start(&f, pool, NULL);
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, ask_france, &f);
    for (int i = 0; i < 8; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_int_equal((intptr_t)good, 3);
    }
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_bad_requests_name_the_field),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_other_origins_only_by_name),
        cmocka_unit_test(test_a_client_that_goes_away_frees_the_engine),
        cmocka_unit_test(test_many_clients_get_their_own_answers),
    };
    struct sl_media_pool_options o;
    sl_error err;
    sl_media_pool_defaults(&o);
    if (sl_media_pool_new(&o, &pool, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_media_pool_free(&pool);
    return failed;
}
