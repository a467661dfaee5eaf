/*
 * family_test.h: what the tests of one family share: making samples of every task, level and split.
 */
#ifndef SL_TESTS_FAMILY_TEST_H
#define SL_TESTS_FAMILY_TEST_H

#include "synth/check.h"
#include "synth/sample.h"

#include "test.h"

/* Looks at one sample. */
typedef void (*family_look)(const struct sl_synth_request *r, const struct sl_synth_sample *s, const char *question,
                            const char *answer);

static inline void family_text(const struct sl_synth_sample *s, sl_synth_role role, struct sl_buf *out)
{
    sl_synth_message_text(s, sl_synth_last_message(s, role), true, out);
    assert_true(sl_buf_ok(out));
}

/* Makes sample number seed; fails the test unless its own answer is right and its validator agrees. */
static inline void family_make(const struct sl_synth_family *f, struct sl_synth_request *r, uint64_t seed,
                               struct sl_synth_sample *out)
{
    struct sl_rng rng, again;
    sl_error err = {0};
    sl_rng_init(&rng, seed, 3);
    again = rng;
    r->rng = &rng;
    sl_synth_sample_init(out);
    assert_sl_ok(f->make(NULL, r, out, &err), &err);
    assert_sl_ok(out->status, &out->error);
    r->rng = &again;
    if (f->validate) assert_sl_ok(f->validate(NULL, r, out, &err), &err);
    r->rng = NULL;
}

/* Makes n samples of every task, level and split, and shows each to look. */
static inline void family_run(const struct sl_synth_family *f, int n, family_look look)
{
    uint64_t seed = 0;
    for (int task = 0; task < f->n_tasks; task++)
        for (int level = 0; level < f->n_levels; level++)
            for (int i = 0; i < n; i++) {
                struct sl_synth_request r = {.task = task, .level = level, .split = i % SL_N_SYNTH_SPLITS};
                struct sl_synth_sample s;
                struct sl_buf question = SL_BUF_INIT(1 << 20), answer = SL_BUF_INIT(1 << 20);
                double score = 0;
                sl_error err = {0};
                family_make(f, &r, ++seed, &s);
                family_text(&s, SL_SYNTH_USER, &question);
                family_text(&s, SL_SYNTH_ASSISTANT, &answer);
                assert_sl_ok(sl_check(s.truth, sl_buf_str(&answer), answer.len, 0, &score, &err), &err);
                if (score < 0.999)
                    fail_msg("%s: %s -> %s scores %g", f->tasks[task], sl_buf_str(&question), sl_buf_str(&answer),
                             score);
                if (look) look(&r, &s, sl_buf_str(&question), sl_buf_str(&answer));
                sl_buf_release(&question);
                sl_buf_release(&answer);
                sl_synth_sample_release(&s);
            }
}

/* The same seed gives the same pictures and words; another one does not. */
static inline void family_repeats(const struct sl_synth_family *f)
{
    for (int task = 0; task < f->n_tasks; task++) {
        struct sl_synth_request r = {.task = task, .level = f->n_levels - 1};
        struct sl_synth_sample s[3];
        for (int k = 0; k < 3; k++) family_make(f, &r, 77 + (uint64_t)task + (k == 2), &s[k]);
        const struct sl_buf *a = &s[0].media[0].bytes, *b = &s[1].media[0].bytes, *c = &s[2].media[0].bytes;
        assert_int_equal(a->len, b->len);
        assert_memory_equal(a->data, b->data, a->len);
        assert_false(a->len == c->len && memcmp(a->data, c->data, a->len) == 0);
        assert_true(json_equal(s[0].truth, s[1].truth));
        for (int k = 0; k < 3; k++) sl_synth_sample_release(&s[k]);
    }
}

#endif
