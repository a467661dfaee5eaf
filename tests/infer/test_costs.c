/*
 * test_costs.c: what streams and prompts cost is told apart, also while prompts never stop.
 */
#include "test.h"

#include "infer/costs.h"

/* What the machine of these tests takes for a step. */
static double seconds_of(int streams, int prompt_tokens)
{
    return 0.4e-3 + 0.1e-3 * streams + 0.05e-3 * prompt_tokens;
}

/* Runs n steps as the scheduler does: prompts get one and a half decoding steps. Returns the last one's prompt tokens.
 */
static int run(sl_costs *c, int streams, int n)
{
    int last = 0;
    for (int i = 0; i < n; i++) {
        int tokens = sl_costs_should_measure(c, streams) ? 0 : sl_costs_prompt_tokens(c, 1.5, 16, 512);
        sl_costs_note(c, streams, tokens, seconds_of(streams, tokens));
        if (tokens) last = tokens;
    }
    return last;
}

static void prompts_get_what_streams_take_one_and_a_half_times(void **state)
{
    (void)state;
    sl_costs c = {0};
    assert_int_equal(sl_costs_prompt_tokens(&c, 1.5, 16, 512), 512); /* nobody knows yet */
    sl_costs_note(&c, 0, 512, seconds_of(0, 512));
    sl_costs_note(&c, 4, 0, seconds_of(4, 0));
    assert_in_range(run(&c, 4, 100), 20, 26); /* 24 tokens take one and a half times 0.8 ms */
    assert_int_equal(sl_costs_prompt_tokens(&c, 0.001, 16, 512), 16);
}

static void more_streams_are_noticed_while_prompts_never_stop(void **state)
{
    (void)state;
    sl_costs c = {0};
    sl_costs_note(&c, 0, 64, seconds_of(0, 64));
    sl_costs_note(&c, 1, 0, seconds_of(1, 0));
    run(&c, 1, 100);
    assert_in_range(run(&c, 32, 100), 90, 115); /* of 3.6 ms 1.5 times: 108 */
    assert_in_range(run(&c, 2, 200), 16, 20);
}

static void accidents_count_little(void **state)
{
    (void)state;
    sl_costs c = {0};
    sl_costs_note(&c, 0, 64, seconds_of(0, 64));
    sl_costs_note(&c, 8, 0, seconds_of(8, 0));
    int usual = run(&c, 8, 100);
    sl_costs_note(&c, 8, 0, 1);
    sl_costs_note(&c, 8, usual, 1);
    assert_in_range(sl_costs_prompt_tokens(&c, 1.5, 16, 512), usual / 2, usual * 3 / 2);
}

/* What the machine does beside makes two steps of ten take three times as long. */
static void a_busy_machine_lengthens_no_chunk(void **state)
{
    (void)state;
    sl_costs c = {0};
    sl_costs_note(&c, 0, 64, seconds_of(0, 64));
    sl_costs_note(&c, 8, 0, seconds_of(8, 0));
    int usual = run(&c, 8, 100), most = 0;
    for (int i = 0; i < 200; i++) {
        sl_costs_note(&c, 8, 0, seconds_of(8, 0) * (i % 10 == 0 || i % 10 == 1 ? 3 : 1));
        int n = sl_costs_prompt_tokens(&c, 1.5, 16, 512);
        if (n > most) most = n;
    }
    assert_in_range(most, usual, usual * 5 / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_get_what_streams_take_one_and_a_half_times),
        cmocka_unit_test(more_streams_are_noticed_while_prompts_never_stop),
        cmocka_unit_test(accidents_count_little),
        cmocka_unit_test(a_busy_machine_lengthens_no_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
