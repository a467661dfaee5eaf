/*
 * test_grounding.c: crowds are made in pictures of any size that a recipe may ask for.
 */
#include "test.h"

#include "synth/families.h"
#include "synth/sample.h"

static void crowds_fit_small_pictures(void **unused)
{
    (void)unused;
    const struct sl_synth_family *f = &sl_family_grounding;
    void *state = NULL;
    sl_error err = {0};
    assert_sl_ok(f->open(&state, &err), &err);
    /* Seeds of crowds of 153 to 200 that had no room, and their neighbours. */
    static const int crowds[] = {809, 1137, 1353, 2024, 3176, 3368, 4193};
    for (size_t i = 0; i < sizeof crowds / sizeof *crowds * 9; i++) {
        int k = crowds[i / 9] + (int)(i % 9) - 4;
        struct sl_rng rng;
        struct sl_synth_sample s;
        int side = 112 + k / f->n_tasks % 28 * 4;
        sl_rng_init(&rng, (uint64_t)k, 31);
        struct sl_synth_request r = {.rng = &rng,
                                     .split = (sl_synth_split)(k % 2),
                                     .task = k % f->n_tasks,
                                     .level = 3,
                                     .width = side,
                                     .height = side + 8};
        sl_synth_sample_init(&s);
        assert_sl_ok(f->make(state, &r, &s, &err), &err);
        assert_sl_ok(s.status, &s.error);
        sl_synth_sample_release(&s);
    }
    f->close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(crowds_fit_small_pictures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
