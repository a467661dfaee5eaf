/*
 * test_pace.c: each size of step gets the number of threads that is faster, also when that changes.
 */
#include "test.h"

#include "infer/pace.h"

/* Does n steps; one says how long a step takes with one thread, all with four, in ms. Returns how many were given four.
 */
static int run(sl_pace *p, int tokens, int n, double one, double all)
{
    int many = 0;
    for (int i = 0; i < n; i++) {
        int threads = sl_pace_threads(p, tokens);
        assert_true(threads == 1 || threads == 4);
        many += threads == 4;
        sl_pace_note(p, tokens, threads, (threads == 1 ? one : all) / 1000);
    }
    return many;
}

static void the_faster_way_is_taken_and_the_other_tried_ever_less(void **state)
{
    (void)state;
    sl_pace p;
    sl_pace_init(&p, 4);
    run(&p, 1, 20, 1, 2);
    assert_in_range(run(&p, 1, 1000, 1, 2), 3, 10);
    assert_in_range(run(&p, 1, 4000, 1, 2), 2, 6);
    run(&p, 512, 20, 3, 1);
    assert_in_range(run(&p, 512, 1000, 3, 1), 985, 998);
    assert_int_equal(run(&p, 4096, 100, 300, 100), 100); /* too long to try */
    assert_in_range(run(&p, 1, 1000, 1, 2), 0, 2);       /* classes know nothing of each other */
}

static void a_change_is_noticed(void **state)
{
    (void)state;
    sl_pace p;
    sl_pace_init(&p, 4);
    run(&p, 8, 200, 1, 2);
    int many = run(&p, 8, 5000, 3, 2); /* somebody else needs this core */
    assert_in_range(many, 4500, 5000);
}

static void one_slow_step_changes_nothing(void **state)
{
    (void)state;
    sl_pace p;
    sl_pace_init(&p, 4);
    run(&p, 8, 20, 1, 2);
    sl_pace_note(&p, 8, 1, 0.05);
    sl_pace_note(&p, 8, 1, 0.05);
    assert_int_equal(sl_pace_threads(&p, 8), 1);
}

static void one_thread_is_all_there_is(void **state)
{
    (void)state;
    sl_pace p;
    sl_pace_init(&p, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sl_pace_threads(&p, 1 << (i % 20)), 1);
        sl_pace_note(&p, 1 << (i % 20), 1, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_faster_way_is_taken_and_the_other_tried_ever_less),
        cmocka_unit_test(a_change_is_noticed),
        cmocka_unit_test(one_slow_step_changes_nothing),
        cmocka_unit_test(one_thread_is_all_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
