/*
 * test_instructions.c: answers in the wanted form pass; the same content in
 * another form, and the form with other content, do not.
 */
#include "test.h"

#include "synth/check.h"
#include "synth/families.h"
#include "synth/sample.h"

#include <stdbool.h>

static double score_of(const json_t *truth, const char *answer)
{
    double score = -1;
    sl_error err;
    assert_sl_ok(sl_check(truth, answer, strlen(answer), 0, &score, &err), &err);
    return score;
}

static void form_and_content_both_count(void **unused)
{
    (void)unused;
    void *state = NULL;
    sl_error err;
    assert_sl_ok(sl_family_instructions.open(&state, &err), &err);
    for (int k = 0; k < 48; k++) {
        struct sl_rng rng;
        struct sl_synth_sample s;
        struct sl_buf right = SL_BUF_INIT(1 << 16), other = SL_BUF_INIT(1 << 16);
        sl_rng_init(&rng, (uint64_t)k, 13);
        struct sl_synth_request r = {.rng = &rng,
                                     .split = (sl_synth_split)(k / 4 % 2),
                                     .task = k % 4,
                                     .level = k / 8 % 4,
                                     .width = 140,
                                     .height = 112};
        sl_synth_sample_init(&s);
        assert_sl_ok(sl_family_instructions.make(state, &r, &s, &err), &err);
        sl_synth_message_text(&s, s.n_messages - 1, true, &right);
        if (!sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&right))))
            fail_msg("not accepted: %s", sl_buf_str(&right));
        sl_synth_message_text(&s, s.n_messages - 1, false, &other);
        sl_buf_addstr(&other, "\nI hope this helps.");
        assert_false(sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&other))));
        sl_buf_clear(&other);
        sl_buf_addstr(&other, "Sure: ");
        sl_synth_message_text(&s, s.n_messages - 1, false, &other);
        assert_false(sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&other))));
        assert_false(sl_check_passes(s.truth, score_of(s.truth, "")));
        assert_false(sl_check_passes(s.truth, score_of(s.truth, "[\"nothing\", \"at all\"]")));
        assert_false(sl_check_passes(s.truth, score_of(s.truth, "1. one\n2. two\n3. three")));
        sl_buf_release(&right);
        sl_buf_release(&other);
        sl_synth_sample_release(&s);
    }
    sl_family_instructions.close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(form_and_content_both_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
