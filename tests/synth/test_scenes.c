/*
 * test_scenes.c: what only the family of scenes promises: a dialogue's one picture, its several questions that differ
 * and the truth of the last one; a full caption's objects, named from left to right.
 */
#include "test.h"

#include "synth/check.h"
#include "synth/families.h"
#include "synth/sample.h"

#include <stdbool.h>
#include <stdio.h>

enum { MAX_TURNS = 8 };

static int task_named(const struct sl_synth_family *f, const char *name)
{
    for (int i = 0; i < f->n_tasks; i++)
        if (strcmp(f->tasks[i], name) == 0) return i;
    fail_msg("%s has no task %s", f->name, name);
    return -1;
}

/* Makes sample k of the task; of both splits and all levels. */
static void make_sample(void *state, int task, int k, struct sl_synth_sample *s)
{
    struct sl_rng rng;
    sl_error err = {0};
    sl_rng_init(&rng, (uint64_t)k, 29);
    struct sl_synth_request r = {
        .rng = &rng, .split = (sl_synth_split)(k % 2), .task = task, .level = k / 2 % 4, .width = 224, .height = 224};
    sl_synth_sample_init(s);
    assert_sl_ok(sl_family_scenes.make(state, &r, s, &err), &err);
    assert_sl_ok(s->status, &s->error);
}

/* Question and answer follow each other, the picture comes first, and no question is asked twice. */
static void check_turns(const struct sl_synth_sample *s)
{
    struct sl_buf said[2 * MAX_TURNS];
    assert_true(s->n_messages >= 4 && s->n_messages <= 2 * MAX_TURNS && s->n_messages % 2 == 0);
    assert_int_equal(s->n_media, 1);
    assert_int_equal(s->messages[0].parts[0].media, 0);
    for (int i = 0; i < s->n_messages; i++) {
        assert_int_equal(s->messages[i].role, i % 2 ? SL_SYNTH_ASSISTANT : SL_SYNTH_USER);
        said[i] = (struct sl_buf)SL_BUF_INIT(1 << 16);
        sl_synth_message_text(s, i, false, &said[i]);
        assert_true(said[i].len > 0);
        for (int k = 0; k < i && i % 2 == 0; k += 2)
            if (strcmp(sl_buf_str(&said[k]), sl_buf_str(&said[i])) == 0)
                fail_msg("asked twice: %s", sl_buf_str(&said[i]));
    }
    for (int i = 0; i < s->n_messages; i++) sl_buf_release(&said[i]);
}

static double score_of(const struct sl_synth_sample *s, int message)
{
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    double score = -1;
    sl_error err = {0};
    sl_synth_message_text(s, message, false, &text);
    assert_sl_ok(sl_check(s->truth, sl_buf_str(&text), text.len, 0, &score, &err), &err);
    sl_buf_release(&text);
    return score;
}

static void a_dialogue_asks_differently_and_ends_with_its_truth(void **unused)
{
    (void)unused;
    const struct sl_synth_family *f = &sl_family_scenes;
    int task = task_named(f, "dialogue"), longest = 0, others = 0, n = 60;
    void *state = NULL;
    sl_error err = {0};
    assert_sl_ok(f->open(&state, &err), &err);
    for (int k = 0; k < n; k++) {
        struct sl_synth_sample s;
        make_sample(state, task, k, &s);
        check_turns(&s);
        assert_true(sl_check_passes(s.truth, score_of(&s, s.n_messages - 1)));
        others += !sl_check_passes(s.truth, score_of(&s, 1));
        if (s.n_messages > longest) longest = s.n_messages;
        sl_synth_sample_release(&s);
    }
    f->close(state);
    assert_true(longest >= 12);
    assert_true(others > n / 2); /* the first answer is seldom the last one too */
}

/* The third of the picture, 0 to 2 from the left, that a sentence puts its object in. */
static int third_of(const char *sentence, size_t len)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)len, sentence);
    if (strstr(text, " left")) return 0;
    return strstr(text, " right") ? 2 : 1;
}

static void a_full_caption_goes_from_left_to_right(void **unused)
{
    (void)unused;
    const struct sl_synth_family *f = &sl_family_scenes;
    int task = task_named(f, "dense-caption"), n_objects = 0;
    void *state = NULL;
    sl_error err = {0};
    assert_sl_ok(f->open(&state, &err), &err);
    for (int k = 0; k < 40; k++) {
        struct sl_synth_sample s;
        struct sl_buf text = SL_BUF_INIT(1 << 16);
        make_sample(state, task, k, &s);
        sl_synth_message_text(&s, 1, false, &text);
        int last = 0;
        for (const char *p = strstr(sl_buf_str(&text), " There is "); p; p = strstr(p + 1, " There is ")) {
            int third = third_of(p, strcspn(p, "."));
            if (third < last) fail_msg("not from left to right: %s", sl_buf_str(&text));
            last = third;
            n_objects++;
        }
        sl_buf_release(&text);
        sl_synth_sample_release(&s);
    }
    f->close(state);
    assert_true(n_objects > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_dialogue_asks_differently_and_ends_with_its_truth),
                                       cmocka_unit_test(a_full_caption_goes_from_left_to_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
