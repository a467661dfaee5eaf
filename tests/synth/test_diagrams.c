/*
 * test_diagrams.c: diagrams are made for every task, and counts, paths and relations are worked out again here.
 */
#include "synth/diagrams.h"
#include "synth/families.h"

#include "family_test.h"

static void test_every_task_is_answered(void **state)
{
    (void)state;
    family_run(&sl_family_diagrams, 8, NULL);
}

static void test_a_size_asked_for_is_met(void **state)
{
    (void)state;
    for (int i = 0; i < 24; i++) {
        struct sl_synth_sample s;
        struct sl_synth_request r = {
            .task = i % sl_family_diagrams.n_tasks, .level = i % 3, .width = 336, .height = 336};
        family_make(&sl_family_diagrams, &r, 500 + (uint64_t)i, &s);
        assert_int_equal(s.media[0].width, 336);
        assert_int_equal(s.media[0].height, 336);
        sl_synth_sample_release(&s);
    }
}

static void test_same_seed_same_diagram(void **state)
{
    (void)state;
    family_repeats(&sl_family_diagrams);
}

/* The nodes that the question names, in its order of naming. */
static int named(const struct sl_diagram *d, const char *q, int out[2])
{
    int n = 0;
    for (const char *at = q; *at && n < 2; at++)
        for (int i = 0; i < d->n_nodes; i++) {
            size_t length = strlen(d->nodes[i].text);
            bool whole = strncmp(at, d->nodes[i].text, length) == 0 &&
                         (at == q || !strchr("abcdefghijklmnopqrstuvwxyz", at[-1])) &&
                         !(at[length] >= 'a' && at[length] <= 'z');
            if (whole && n < 2) out[n++] = i;
        }
    return n;
}

static int up(const struct sl_diagram *d, int v, int steps)
{
    while (steps-- > 0) v = d->nodes[v].parent;
    return v;
}

/* The answer to questions of which this test knows the words; false for others. */
static bool expect(const struct sl_diagram *d, const char *q, char *out, size_t size)
{
    int p[2] = {0, 0}, n = named(d, q, p), leaves = 0, deepest = 0, decisions = 0;
    for (int i = 0; i < d->n_nodes; i++) {
        bool inner = false;
        for (int k = 1; k < d->n_nodes; k++) inner = inner || d->nodes[k].parent == i;
        leaves += !inner;
        decisions += d->nodes[i].shape == SL_DIAGRAM_DECISION;
        if (d->nodes[i].depth > deepest) deepest = d->nodes[i].depth;
    }
    if (strstr(q, "leaves"))
        snprintf(out, size, "%d", leaves);
    else if (strstr(q, "diamonds") || strstr(q, "decisions"))
        snprintf(out, size, "%d", decisions);
    else if (strstr(q, "levels"))
        snprintf(out, size, "%d", deepest + 1);
    else if (strstr(q, "lowest common") && n == 2) {
        int a = p[0], b = p[1];
        while (d->nodes[a].depth > d->nodes[b].depth) a = up(d, a, 1);
        while (d->nodes[b].depth > d->nodes[a].depth) b = up(d, b, 1);
        while (a != b) a = up(d, a, 1), b = up(d, b, 1);
        snprintf(out, size, "%s", d->nodes[a].text);
    } else if (strstr(q, "somewhere below") && n == 2) {
        int steps = d->nodes[p[0]].depth - d->nodes[p[1]].depth;
        snprintf(out, size, "%s", steps > 0 && up(d, p[0], steps) == p[1] ? "Yes" : "No");
    } else
        return false;
    return true;
}

static void test_answers_follow_from_the_links(void **state)
{
    (void)state;
    int known = 0;
    for (int i = 0; i < 900; i++) {
        struct sl_rng rng;
        struct sl_diagram d;
        struct sl_synth_sample s;
        char want[64];
        sl_rng_init(&rng, (uint64_t)i, 6);
        struct sl_synth_request r = {
            .rng = &rng, .level = i % 3, .task = i % 2 ? SL_DIAGRAM_COUNT : SL_DIAGRAM_RELATION};
        sl_diagram_plan(&r, &d);
        assert_true(sl_diagram_invent(&r, &d));
        sl_synth_sample_init(&s);
        sl_diagram_ask(&r, &d, &s);
        struct sl_buf q = SL_BUF_INIT(1 << 12), a = SL_BUF_INIT(1 << 12);
        family_text(&s, SL_SYNTH_USER, &q);
        sl_synth_message_text(&s, 1, false, &a);
        if (expect(&d, sl_buf_str(&q), want, sizeof want)) {
            if (strcmp(want, sl_buf_str(&a)) != 0)
                fail_msg("%s: \"%s\", but it is \"%s\"", sl_buf_str(&q), sl_buf_str(&a), want);
            known++;
        }
        sl_buf_release(&q);
        sl_buf_release(&a);
        sl_synth_sample_release(&s);
    }
    assert_true(known > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_is_answered),
        cmocka_unit_test(test_a_size_asked_for_is_met),
        cmocka_unit_test(test_same_seed_same_diagram),
        cmocka_unit_test(test_answers_follow_from_the_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
