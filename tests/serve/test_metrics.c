/* test_metrics.c: the text that Prometheus reads. */
#include "serve/metrics.h"

#include "test.h"

static void test_text(void **state)
{
    (void)state;
    struct sl_metrics *m = sl_metrics_new();
    struct sl_buf out = SL_BUF_INIT(1 << 16);
    const struct sl_gauge gauges[] = {{"seedling_running", "Now.", 3}};
    sl_metrics_request(m, "/v1/models", 200);
    sl_metrics_request(m, "/v1/models", 200);
    sl_metrics_request(m, "/v1/models", 401);
    sl_metrics_add(m, SL_COUNT_COMPLETION_TOKENS, 41);
    sl_metrics_add(m, SL_COUNT_COMPLETION_TOKENS, 1);
    sl_metrics_time(m, SL_TIME_TO_FIRST_TOKEN, 0.02);
    sl_metrics_time(m, SL_TIME_TO_FIRST_TOKEN, 100);
    sl_metrics_write(m, gauges, 1, &out);
    static const char *const lines[] = {
        "seedling_requests_total{route=\"/v1/models\",status=\"200\"} 2\n",
        "seedling_requests_total{route=\"/v1/models\",status=\"401\"} 1\n",
        "# TYPE seedling_completion_tokens_total counter\nseedling_completion_tokens_total 42\n",
        "seedling_time_to_first_token_seconds_bucket{le=\"0.01\"} 0\n",
        "seedling_time_to_first_token_seconds_bucket{le=\"0.025\"} 1\n",
        "seedling_time_to_first_token_seconds_bucket{le=\"60\"} 1\n",
        "seedling_time_to_first_token_seconds_bucket{le=\"+Inf\"} 2\n",
        "seedling_time_to_first_token_seconds_count 2\n",
        "# TYPE seedling_running gauge\nseedling_running 3\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_non_null(strstr(out.data, lines[i]));
    sl_buf_release(&out);
    sl_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
