/*
 * test_sampler.c: what is drawn, how often, and what never; against shares computed and sorted the plain way.
 */
#include "test.h"

#include "infer/sampler.h"
#include "tensor/cpu/cpu.h"

#include <math.h>

enum { VOCAB = 1000, DRAWS = 10000 };

struct rig {
    sl_ops *ops;
    sl_sampler_work work;
    float logits[VOCAB];
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    sl_error err;
    assert_non_null(r);
    assert_sl_ok(sl_cpu_ops_default(1, &r->ops, &err), &err);
    assert_sl_ok(sl_sampler_work_init(&r->work, r->ops, VOCAB, &err), &err);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    sl_sampler_work_free(&r->work);
    sl_cpu_ops_free(r->ops);
    free(r);
    return 0;
}

/* Logits of which few matter (spread 4) or all do (spread 0.1). */
static void fill(struct rig *r, float spread, uint64_t seed)
{
    struct sl_rng rng;
    sl_rng_init(&rng, seed, 0);
    for (int i = 0; i < VOCAB; i++) r->logits[i] = spread * sl_rng_normal(&rng);
}

/* Draws n times and counts. */
static void draw(struct rig *r, const sl_sampling *how, int n, int *counts)
{
    sl_sampler s;
    sl_error err;
    sl_choice c;
    memset(counts, 0, VOCAB * sizeof *counts);
    assert_sl_ok(sl_sampler_init(&s, how, VOCAB, NULL, 0, &err), &err);
    for (int i = 0; i < n; i++) {
        assert_true(sl_sampler_choose(&s, &r->work, r->logits, NULL, NULL, -1, &c));
        assert_in_range(c.id, 0, VOCAB - 1);
        counts[c.id]++;
    }
    sl_sampler_release(&s);
}

static const double *sorted_by;

static int by_share(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    if (sorted_by[x] != sorted_by[y]) return sorted_by[x] < sorted_by[y] ? 1 : -1;
    return x - y;
}

/* The shares that the header promises: softmax at the temperature, then top_k, top_p and min_p, scaled to one. */
static void plain_shares(const struct rig *r, const sl_sampling *how, double *p)
{
    double max = r->logits[0], total = 0, kept = 0;
    int order[VOCAB], n = 0;
    for (int i = 1; i < VOCAB; i++) max = fmax(max, r->logits[i]);
    for (int i = 0; i < VOCAB; i++) {
        p[i] = exp((r->logits[i] - max) / how->temperature);
        if (p[i] < how->min_p) p[i] = 0;
        order[i] = i;
    }
    sorted_by = p;
    qsort(order, VOCAB, sizeof *order, by_share);
    int k = how->top_k ? how->top_k : VOCAB;
    for (int i = 0; i < k; i++) total += p[order[i]];
    for (; n < k && kept < how->top_p * total; n++) kept += p[order[n]];
    for (int i = 0; i < VOCAB; i++)
        if (i >= n) p[order[i]] = 0;
    for (int i = 0; i < n; i++) p[order[i]] /= kept;
}

/* Pearson's statistic, in standard deviations from what it should be; tokens that are expected rarely are one cell. */
static double surprise(const double *p, const int *counts, int draws)
{
    double chi = 0, rare = 0;
    int cells = 0, rare_count = 0;
    for (int i = 0; i < VOCAB; i++) {
        double want = p[i] * draws;
        if (p[i] == 0) assert_int_equal(counts[i], 0);
        if (want < 10) {
            rare += want, rare_count += counts[i];
            continue;
        }
        chi += pow(counts[i] - want, 2) / want;
        cells++;
    }
    if (rare >= 10) chi += pow(rare_count - rare, 2) / rare, cells++;
    return cells > 1 ? (chi - (cells - 1)) / sqrt(2.0 * (cells - 1)) : 0;
}

static void tokens_come_as_often_as_their_shares_say(void **state)
{
    struct rig *r = *state;
    static const sl_sampling ways[] = {
        {.temperature = 1, .top_p = 1},
        {.temperature = 0.5f, .top_p = 1},
        {.temperature = 1.7f, .top_p = 1, .min_p = 0.1f},
        {.temperature = 1, .top_p = 0.9f},
        {.temperature = 0.8f, .top_p = 0.5f, .top_k = 20},
        {.temperature = 1, .top_p = 1, .top_k = 7},
        {.temperature = 1, .top_p = 0.3f, .min_p = 0.2f},
        {.temperature = 1, .top_p = 1, .top_k = 1},
    };
    static int counts[VOCAB];
    double p[VOCAB];
    for (size_t i = 0; i < 2 * sizeof ways / sizeof *ways; i++) {
        sl_sampling how = ways[i / 2];
        how.repetition_penalty = 1;
        how.seed = i;
        fill(r, i % 2 ? 4 : 0.1f, i);
        draw(r, &how, DRAWS, counts);
        plain_shares(r, &how, p);
        double s = surprise(p, counts, DRAWS);
        if (s > 5) fail_msg("case %zu is %.1f standard deviations off", i, s);
    }
}

/* Equal logits: ids decide who belongs to the likeliest. */
static void equals_are_kept_by_their_ids(void **state)
{
    struct rig *r = *state;
    static int counts[VOCAB];
    sl_sampling how = {.temperature = 1, .top_p = 1, .top_k = 30, .repetition_penalty = 1};
    for (int i = 0; i < VOCAB; i++) r->logits[i] = 1;
    draw(r, &how, 2000, counts);
    for (int i = 0; i < VOCAB; i++) assert_int_equal(counts[i] > 0, i < 30);
}

static void greedy_takes_the_first_of_the_best_that_is_allowed(void **state)
{
    struct rig *r = *state;
    uint32_t allowed[(VOCAB + 31) / 32] = {0}, banned[(VOCAB + 31) / 32] = {0};
    sl_sampling how;
    sl_sampler s;
    sl_error err;
    sl_choice c;
    sl_sampling_defaults(&how);
    assert_sl_ok(sl_sampler_init(&s, &how, VOCAB, NULL, 0, &err), &err);
    fill(r, 1, 3);
    r->logits[999] = r->logits[500] = r->logits[77] = 10;
    assert_true(sl_sampler_choose(&s, &r->work, r->logits, NULL, NULL, -1, &c));
    assert_int_equal(c.id, 77);
    banned[77 / 32] |= 1u << 77 % 32;
    assert_true(sl_sampler_choose(&s, &r->work, r->logits, NULL, banned, -1, &c));
    assert_int_equal(c.id, 500);
    allowed[999 / 32] |= 1u << 999 % 32;
    assert_true(sl_sampler_choose(&s, &r->work, r->logits, allowed, banned, -1, &c));
    assert_int_equal(c.id, 999);
    banned[999 / 32] |= 1u << 999 % 32;
    assert_false(sl_sampler_choose(&s, &r->work, r->logits, allowed, banned, -1, &c));
    sl_sampler_release(&s);
}

static void no_draw_meets_what_is_banned(void **state)
{
    struct rig *r = *state;
    uint32_t banned[(VOCAB + 31) / 32];
    sl_sampling how = {.temperature = 100, .top_p = 1, .repetition_penalty = 1};
    sl_sampler s;
    sl_error err;
    sl_choice c;
    fill(r, 4, 5);
    memset(banned, 0xff, sizeof banned);
    for (int i = 600; i < 603; i++) banned[i / 32] &= ~(1u << i % 32);
    assert_sl_ok(sl_sampler_init(&s, &how, VOCAB, NULL, 0, &err), &err);
    for (int i = 0; i < 3000; i++) {
        assert_true(sl_sampler_choose(&s, &r->work, r->logits, NULL, banned, -1, &c));
        assert_in_range(c.id, 600, 602);
    }
    sl_sampler_release(&s);
}

static void log_probabilities_are_the_models(void **state)
{
    struct rig *r = *state;
    sl_choice c;
    double sum = 0;
    fill(r, 2, 6);
    for (int i = 0; i < VOCAB; i++) sum += exp(r->logits[i]);
    sl_sampler_measure(&r->work, r->logits, 42, 20, &c);
    assert_float_equal(c.logprob, r->logits[42] - log(sum), 1e-5);
    assert_int_equal(c.n_top, 20);
    for (int k = 0; k < 20; k++) {
        int above = 0;
        for (int i = 0; i < VOCAB; i++) above += r->logits[i] > r->logits[c.top[k].id];
        assert_int_equal(above, k);
        assert_float_equal(c.top[k].logprob, r->logits[c.top[k].id] - log(sum), 1e-5);
    }
    sl_sampler_measure(&r->work, r->logits, 42, -1, &c);
    assert_int_equal(c.n_top, 0);
}

static void numbers_that_are_none_are_refused(void **state)
{
    struct rig *r = *state;
    sl_sampling how = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    sl_sampler s;
    sl_error err;
    sl_choice c;
    for (int i = 0; i < VOCAB; i++) r->logits[i] = NAN;
    assert_sl_ok(sl_sampler_init(&s, &how, VOCAB, NULL, 0, &err), &err);
    assert_false(sl_sampler_choose(&s, &r->work, r->logits, NULL, NULL, 0, &c));
    sl_sampler_release(&s);
}

static void penalties_and_biases_move_logits(void **state)
{
    struct rig *r = *state;
    const int32_t prompt[] = {3, 4};
    sl_logit_bias bias = {8, 2.5f};
    sl_sampling how = {.top_p = 1, .repetition_penalty = 2, .presence_penalty = 1, .biases = &bias, .n_biases = 1};
    sl_sampler s;
    sl_error err;
    sl_choice c;
    for (int i = 0; i < VOCAB; i++) r->logits[i] = -10;
    r->logits[3] = 4, r->logits[5] = 2.9f, r->logits[8] = 0;
    assert_sl_ok(sl_sampler_init(&s, &how, VOCAB, prompt, 2, &err), &err);
    assert_true(sl_sampler_choose(&s, &r->work, r->logits, NULL, NULL, -1, &c));
    assert_int_equal(c.id, 5); /* 3 was in the prompt: 4 / 2 */
    sl_sampler_accept(&s, 5);
    assert_true(sl_sampler_choose(&s, &r->work, r->logits, NULL, NULL, -1, &c));
    assert_int_equal(c.id, 8); /* 5 fell to 2.9 / 2 - 1 */
    sl_sampler_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_as_often_as_their_shares_say),
        cmocka_unit_test(equals_are_kept_by_their_ids),
        cmocka_unit_test(greedy_takes_the_first_of_the_best_that_is_allowed),
        cmocka_unit_test(no_draw_meets_what_is_banned),
        cmocka_unit_test(log_probabilities_are_the_models),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(penalties_and_biases_move_logits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
