/*
 * test_instructions.c: answers in the wanted form pass; the same content in another form, and the form with other
 * content, do not.
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

/* Breaks a rule that the question states, in a copy of the answer; false when it states none of these. */
static bool break_rule(const char *question, const char *answer, struct sl_buf *out)
{
    static const struct {
        const char *wish, *more; /* what breaks it when it is added */
    } rules[] = {
        {"sentence", ". Another thing is here too. And more of them."},
        {"exactly", " yes"},
        {"No sentence", " This sentence is much longer than any of the others may be in this answer."},
        {"lower case", " X."},
        {"capital letters", " x."},
        {"commas", " red, blue."},
        {"\"there\"", " There."},
        {"That is all", " Really."},
        {"JSON", " done"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (!strstr(question, rules[i].wish)) continue;
        sl_buf_addf(out, "%s%s", answer, rules[i].more);
        return true;
    }
    return false;
}

static void every_rule_that_is_stated_is_checked(void **unused)
{
    (void)unused;
    void *state = NULL;
    sl_error err;
    int n_broken = 0;
    assert_sl_ok(sl_family_instructions.open(&state, &err), &err);
    for (int k = 0; k < 80; k++) {
        struct sl_rng rng;
        struct sl_synth_sample s;
        struct sl_buf question = SL_BUF_INIT(1 << 16), right = SL_BUF_INIT(1 << 16), wrong = SL_BUF_INIT(1 << 16);
        sl_rng_init(&rng, (uint64_t)k, 17);
        struct sl_synth_request r = {.rng = &rng, .task = 4, .level = k % 4, .width = 140, .height = 112};
        assert_string_equal(sl_family_instructions.tasks[r.task], "rules");
        sl_synth_sample_init(&s);
        assert_sl_ok(sl_family_instructions.make(state, &r, &s, &err), &err);
        sl_synth_message_text(&s, 0, false, &question);
        sl_synth_message_text(&s, 1, false, &right);
        if (!sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&right))))
            fail_msg("%s: not accepted: %s", sl_buf_str(&question), sl_buf_str(&right));
        if (break_rule(sl_buf_str(&question), sl_buf_str(&right), &wrong)) {
            n_broken++;
            if (sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&wrong))))
                fail_msg("%s: accepted: %s", sl_buf_str(&question), sl_buf_str(&wrong));
        }
        char *tail = strrchr(right.data, right.data[0] == '{' ? '[' : ' '); /* the last thing is another */
        for (char *c = tail; c && *c; c++)
            if (*c >= 'a' && *c <= 'z') *c = 'q';
        if (!strstr(question.data, "That is all") && !strstr(question.data, "capital"))
            assert_false(sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&right))));
        sl_buf_release(&question);
        sl_buf_release(&right);
        sl_buf_release(&wrong);
        sl_synth_sample_release(&s);
    }
    assert_true(n_broken == 80);
    sl_family_instructions.close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(form_and_content_both_count),
                                       cmocka_unit_test(every_rule_that_is_stated_is_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
