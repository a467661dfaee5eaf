/*
 * test_families.c: what holds for every family: samples are valid, agree with their checkers and with a second
 * rendering, and follow from their numbers. 30 samples of each (as many as fit into half a second), a thousand with
 * SEEDLING_TEST_LONG=1.
 */
#include "families_test.h"

#include "synth/check.h"

#include <time.h>

static void compare(const struct sl_recipe_sample *a, const struct sl_recipe_sample *b)
{
    sl_error err = {0};
    json_t *x = NULL, *y = NULL;
    assert_sl_ok(sl_synth_sample_json(&a->sample, &a->row, &x, &err), &err);
    assert_sl_ok(sl_synth_sample_json(&b->sample, &b->row, &y, &err), &err);
    if (!json_equal(x, y)) fail_msg("%s differs when it is made again", a->key);
    assert_int_equal(a->sample.n_media, b->sample.n_media);
    for (int i = 0; i < a->sample.n_media; i++) {
        const struct sl_buf *p = &a->sample.media[i].bytes, *q = &b->sample.media[i].bytes;
        if (p->len != q->len || memcmp(p->data, q->data, p->len) != 0)
            fail_msg("media %d of %s differs when it is made again", i, a->key);
    }
    json_decref(x);
    json_decref(y);
}

/* Makes, checks and sometimes makes again; returns how many there were. */
static int run_family(struct test_family *f, int n, double seconds)
{
    clock_t start = clock(); /* of the processor: the machine may be busy */
    int i = 0;
    for (; i < n && (i < 4 || (double)(clock() - start) < seconds * CLOCKS_PER_SEC); i++) {
        sl_error err = {0};
        struct sl_recipe_sample a, b;
        const struct sl_recipe_place at = {.split = i % 3 == 2 ? SL_SYNTH_HELD_OUT : SL_SYNTH_TRAIN, .number = i};
        assert_sl_ok(sl_recipe_make(&f->recipe, &at, f->state, &a, &err), &err);
        assert_sl_ok(sl_recipe_check(&f->recipe, &at, f->state, &a, &err), &err);
        if (i < 3) {
            assert_sl_ok(sl_recipe_make(&f->recipe, &at, f->state, &b, &err), &err);
            compare(&a, &b);
            sl_synth_sample_release(&b.sample);
        }
        sl_synth_sample_release(&a.sample);
    }
    return i;
}

static void test_samples_of_every_family_are_right(void **state)
{
    (void)state;
    bool thorough = getenv("SEEDLING_TEST_LONG") != NULL;
    for (int i = 0; i < sl_synth_n_families(); i++) {
        struct test_family f;
        if (!test_family_open(i, &f)) continue;
        int n = run_family(&f, thorough ? 1000 : 30, thorough ? 600 : 0.5);
        printf("# %s: %d samples\n", f.family->name, n);
        test_family_close(&f);
    }
}

static void test_tables_of_families_are_complete(void **state)
{
    (void)state;
    for (int i = 0; i < sl_synth_n_families(); i++) {
        const struct sl_synth_family *f = sl_synth_family_at(i);
        assert_ptr_equal(sl_synth_family_find(f->name), f);
        assert_in_range(f->n_tasks, 1, SL_RECIPE_MAX_TASKS);
        assert_in_range(f->n_levels, 1, SL_RECIPE_MAX_LEVELS);
        assert_true((f->open == NULL) == (f->close == NULL));
        for (int k = 0; k < f->n_tasks; k++) assert_true(strlen(f->tasks[k]) > 1);
        for (int k = 0; k < f->n_checkers; k++) assert_ptr_equal(sl_checker_find(f->checkers[k].name), &f->checkers[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_of_families_are_complete),
        cmocka_unit_test(test_samples_of_every_family_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
