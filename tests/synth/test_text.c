/*
 * test_text.c: documents and talk: the same for the same request, different for others, right by their own checkers,
 * and correct where a second calculation can tell.
 */
#include "test.h"

#include "synth/check.h"
#include "synth/families.h"
#include "synth/sample.h"
#include "synth/text_parts.h"
#include "synth/words.h"

#include <stdbool.h>

static struct sl_synth_request request(struct sl_rng *rng, uint64_t seed, int task, int level, sl_synth_split split)
{
    sl_rng_init(rng, seed, 3);
    return (struct sl_synth_request){.rng = rng, .split = split, .task = task, .level = level};
}

static void make(void *state, uint64_t seed, int task, int level, sl_synth_split split, struct sl_synth_sample *s)
{
    struct sl_rng rng;
    sl_error err;
    struct sl_synth_request r = request(&rng, seed, task, level, split);
    sl_synth_sample_init(s);
    assert_sl_ok(sl_family_text.make(state, &r, s, &err), &err);
}

static char *text_of(const struct sl_synth_sample *s)
{
    struct sl_buf b = SL_BUF_INIT(1 << 20);
    for (int i = 0; i < s->n_messages; i++) sl_synth_message_text(s, i, true, &b);
    assert_true(sl_buf_ok(&b) && b.len > 0);
    return b.data;
}

static void every_task_gives_the_same_text_again_and_another_for_another_seed(void **unused)
{
    (void)unused;
    void *state = NULL;
    sl_error err;
    assert_sl_ok(sl_family_text.open(&state, &err), &err);
    for (int task = 0; task < sl_family_text.n_tasks; task++)
        for (int level = 0; level < sl_family_text.n_levels; level++) {
            struct sl_synth_sample a, b, c;
            make(state, 5, task, level, SL_SYNTH_TRAIN, &a);
            make(state, 5, task, level, SL_SYNTH_TRAIN, &b);
            make(state, 6, task, level, SL_SYNTH_TRAIN, &c);
            char *x = text_of(&a), *y = text_of(&b), *z = text_of(&c);
            assert_string_equal(x, y);
            assert_string_not_equal(x, z);
            free(x);
            free(y);
            free(z);
            sl_synth_sample_release(&a);
            sl_synth_sample_release(&b);
            sl_synth_sample_release(&c);
        }
    sl_family_text.close(state);
}

static void the_given_answers_pass_their_checkers(void **unused)
{
    (void)unused;
    void *state = NULL;
    sl_error err;
    int checked = 0;
    assert_sl_ok(sl_family_text.open(&state, &err), &err);
    for (int i = 0; i < 400; i++) {
        struct sl_synth_sample s;
        make(state, (uint64_t)i, i % sl_family_text.n_tasks, i % 4, (sl_synth_split)(i / 7 % 2), &s);
        if (json_object_get(s.truth, "checker")) {
            struct sl_buf b = SL_BUF_INIT(1 << 20);
            double score;
            sl_synth_message_text(&s, s.n_messages - 1, true, &b);
            assert_sl_ok(sl_check(s.truth, sl_buf_str(&b), b.len, 0, &score, &err), &err);
            if (!sl_check_passes(s.truth, score)) fail_msg("not accepted: %s", sl_buf_str(&b));
            sl_buf_release(&b);
            checked++;
        }
        sl_synth_sample_release(&s);
    }
    assert_true(checked >= 60);
    sl_family_text.close(state);
}

/* Evaluates "a OP b" at the beginning of a sentence. */
static void sums_are_right_and_the_halves_share_no_operands(void **unused)
{
    (void)unused;
    struct sl_rng rng;
    int seen = 0;
    for (int i = 0; i < 2000; i++) {
        struct sl_synth_request r = request(&rng, (uint64_t)i, 0, i % 4, (sl_synth_split)(i % 2));
        struct sl_text_item it;
        sl_text_sum(&r, r.level, &it);
        int a, b;
        char op[12];
        if (sscanf(it.sentence, "%d %11[^0-9 ] %d", &a, op, &b) != 3) continue;
        int want = op[0] == '+' || op[0] == 'p'   ? a + b
                   : op[0] == '-' || op[0] == 'm' ? a - b
                   : op[0] == 'x' || op[0] == 't' ? a * b
                   : op[0] == '/'                 ? a / b
                                                  : -1;
        assert_int_equal(want, strtol(it.answer, NULL, 10));
        seen++;
        if (op[0] != '+' && op[0] != 'p') continue;
        int digits = 0;
        for (int x = a; x; x /= 10) digits += x % 10;
        for (int x = b; x; x /= 10) digits += x % 10;
        assert_int_equal(digits % 5 == 0, r.split == SL_SYNTH_HELD_OUT);
    }
    assert_true(seen > 500);
}

static void numbers_are_spelled(void **unused)
{
    (void)unused;
    static const struct {
        int n;
        const char *words;
    } cases[] = {{0, "zero"},
                 {13, "thirteen"},
                 {42, "forty-two"},
                 {100, "one hundred"},
                 {305, "three hundred and five"},
                 {1000, "one thousand"},
                 {2019, "two thousand and nineteen"},
                 {71300, "seventy-one thousand, three hundred"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sl_buf b = SL_BUF_INIT(200);
        sl_word_number(&b, cases[i].n);
        assert_string_equal(sl_buf_str(&b), cases[i].words);
        sl_buf_release(&b);
    }
    struct sl_buf b = SL_BUF_INIT(200);
    sl_word_ordinal(&b, 3);
    sl_word_ordinal(&b, 11);
    sl_word_ordinal(&b, 22);
    assert_string_equal(sl_buf_str(&b), "third11th22nd");
    sl_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_gives_the_same_text_again_and_another_for_another_seed),
        cmocka_unit_test(the_given_answers_pass_their_checkers),
        cmocka_unit_test(sums_are_right_and_the_halves_share_no_operands),
        cmocka_unit_test(numbers_are_spelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
