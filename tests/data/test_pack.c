/*
 * test_pack.c: how full sequences become, and what the packer promises about order, waiting and repetition.
 */
#include "data/pack.h"
#include "test.h"

#include "base/rng.h"

#include <math.h>

static const struct sl_pack_options plain = {
    .max_tokens = 100, .max_patches = 400, .look_ahead = 8, .look_ahead_bytes = SIZE_MAX};

static void add_item(struct sl_packer *p, const struct sl_pack_item *item)
{
    sl_error err = {0};
    assert_sl_ok(sl_packer_add(p, item, &err), &err);
}

static void add(struct sl_packer *p, uint64_t order, int64_t tokens, int64_t patches)
{
    add_item(p, &(struct sl_pack_item){.order = order, .tokens = tokens, .patches = patches, .bytes = 1});
}

static struct sl_packer packer(struct sl_pack_options o)
{
    struct sl_packer p;
    sl_error err = {0};
    assert_sl_ok(sl_packer_init(&p, &o, &err), &err);
    return p;
}

/* --- one sequence -------------------------------------------------------------------------------------------- */

static void the_oldest_goes_first_then_the_largest_that_fit(void **state)
{
    (void)state;
    struct sl_packer p = packer(plain);
    const struct sl_pack_item *items;
    int64_t lengths[] = {30, 20, 60, 80, 10, 10};
    for (uint64_t i = 0; i < 6; i++) add(&p, i, lengths[i], 0);
    /* 30, then 60 rather than 20, then 10; of the two tens the older. 80 does not fit. */
    assert_int_equal(sl_packer_take(&p, &items), 3);
    assert_int_equal(items[0].order, 0);
    assert_int_equal(items[1].order, 2);
    assert_int_equal(items[2].order, 4);
    assert_int_equal(sl_packer_take(&p, &items), 2); /* 20 + 80 */
    assert_int_equal(items[0].order, 1);
    assert_int_equal(items[1].order, 3);
    assert_int_equal(sl_packer_take(&p, &items), 1);
    assert_int_equal(sl_packer_take(&p, &items), 0);
    assert_int_equal(p.n_sequences, 3);
    assert_float_equal(sl_packer_fill(&p), 210.0 / 300.0, 1e-12);
    sl_packer_free(&p);
}

static void the_patch_budget_holds_beside_the_token_budget(void **state)
{
    (void)state;
    struct sl_packer p = packer(plain);
    const struct sl_pack_item *items;
    add(&p, 0, 50, 300);
    add(&p, 1, 50, 101); /* would fill the tokens, but not within 400 patches */
    add(&p, 2, 40, 100);
    assert_int_equal(sl_packer_take(&p, &items), 2);
    assert_int_equal(items[1].order, 2);
    assert_int_equal(sl_packer_take(&p, &items), 1);
    sl_packer_free(&p);
}

static void the_buffer_is_full_by_count_or_by_bytes(void **state)
{
    (void)state;
    struct sl_pack_options o = plain;
    struct sl_packer p = packer(o);
    const struct sl_pack_item *items;
    for (uint64_t i = 0; i < 8; i++) {
        assert_true(sl_packer_wants(&p));
        add(&p, i, 100, 0);
    }
    assert_false(sl_packer_wants(&p));
    assert_int_equal(sl_packer_take(&p, &items), 1);
    assert_true(sl_packer_wants(&p));
    sl_packer_free(&p);
    o.look_ahead_bytes = 3;
    p = packer(o);
    for (uint64_t i = 0; i < 3; i++) add(&p, i, 100, 0);
    assert_false(sl_packer_wants(&p));
    sl_packer_free(&p);
}

static void short_samples_are_looked_ahead_for_two_sequences(void **state)
{
    (void)state;
    struct sl_packer p = packer(plain);
    const struct sl_pack_item *items;
    for (uint64_t i = 0; i < 40; i++) {
        assert_true(sl_packer_wants(&p));
        add(&p, i, 5, 0);
    }
    assert_false(sl_packer_wants(&p));
    assert_int_equal(sl_packer_take(&p, &items), 20);
    sl_packer_free(&p);
}

static void impossible_limits_are_refused(void **state)
{
    (void)state;
    struct sl_packer p;
    sl_error err = {0};
    struct sl_pack_options o = plain;
    o.max_tokens = 0;
    assert_int_equal(sl_packer_init(&p, &o, &err), SL_ERR_ARGUMENT);
    o = plain;
    o.max_patches = -1;
    assert_int_equal(sl_packer_init(&p, &o, &err), SL_ERR_ARGUMENT);
    o = plain;
    o.look_ahead = 0;
    assert_int_equal(sl_packer_init(&p, &o, &err), SL_ERR_ARGUMENT);
    o.look_ahead = SL_PACK_MAX_LOOK_AHEAD + 1;
    assert_int_equal(sl_packer_init(&p, &o, &err), SL_ERR_ARGUMENT);
}

/* --- a stream ------------------------------------------------------------------------------------------------ */

/*
 * A realistic mix: text of log-normal length (median 180 tokens, long tail), two thirds of the samples with one to
 * four pictures of 100 to 2,000 tokens. A function of its number, so that a stream can be read again from anywhere.
 */
static struct sl_pack_item sample(uint64_t order, int64_t max_tokens)
{
    struct sl_rng rng;
    sl_rng_init(&rng, 7, order);
    int64_t text = (int64_t)(180 * exp(1.1 * (double)sl_rng_normal(&rng))) + 8, features = 0;
    if (sl_rng_below(&rng, 3))
        for (uint32_t n = 1 + sl_rng_below(&rng, 8) / 5 * sl_rng_below(&rng, 4); n > 0; n--)
            features += 100 + (int64_t)sl_rng_below(&rng, 1901);
    int64_t tokens = text + features;
    if (tokens > max_tokens) tokens = max_tokens;
    return (struct sl_pack_item){
        .order = order, .tokens = tokens, .patches = 4 * features, .bytes = (size_t)(4 * text + 2352 * features)};
}

static void refill(struct sl_packer *p, uint64_t *next, uint64_t end)
{
    while (*next < end && sl_packer_wants(p)) {
        struct sl_pack_item item = sample((*next)++, p->options.max_tokens);
        if (item.patches <= p->options.max_patches) add_item(p, &item);
    }
}

static double fill_of_mix(struct sl_pack_options o)
{
    struct sl_packer p = packer(o);
    const struct sl_pack_item *items;
    uint64_t next = 0;
    int n;
    do {
        refill(&p, &next, 20000);
        n = sl_packer_take(&p, &items);
        int64_t tokens = 0, patches = 0;
        for (int i = 0; i < n; i++) tokens += items[i].tokens;
        for (int i = 0; i < n; i++) patches += items[i].patches;
        assert_true(tokens <= o.max_tokens && patches <= o.max_patches);
    } while (n);
    double fill = sl_packer_fill(&p);
    sl_packer_free(&p);
    return fill;
}

static void a_realistic_mix_fills_97_percent(void **state)
{
    (void)state;
    const int64_t lengths[] = {8192, 16384, 32768, 131072};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct sl_pack_options o = {
            .max_tokens = lengths[i], .max_patches = 4 * lengths[i], .look_ahead = 256, .look_ahead_bytes = SIZE_MAX};
        double fill = fill_of_mix(o);
        print_message("sequences of %lld tokens: %.2f %% full\n", (long long)lengths[i], 100 * fill);
        assert_true(fill >= 0.97);
    }
}

static void a_gigabyte_of_look_ahead_fills_97_percent_too(void **state)
{
    (void)state;
    struct sl_pack_options o = {
        .max_tokens = 32768, .max_patches = 4 * 32768, .look_ahead = 256, .look_ahead_bytes = (size_t)1 << 30};
    assert_true(fill_of_mix(o) >= 0.97);
}

static void every_sample_comes_once_and_none_waits_for_more_sequences_than_it_is_late(void **state)
{
    (void)state;
    enum { N = 5000, LOOK_AHEAD = 64 };
    static int64_t waited_for[N], taken_at[N], read_at[N];
    struct sl_packer p = packer((struct sl_pack_options){
        .max_tokens = 8192, .max_patches = 32768, .look_ahead = LOOK_AHEAD, .look_ahead_bytes = SIZE_MAX});
    const struct sl_pack_item *items;
    memset(taken_at, -1, sizeof taken_at);
    for (uint64_t next = 0;;) {
        uint64_t before = next;
        refill(&p, &next, N);
        for (uint64_t i = before; i < next; i++) read_at[i] = p.n_sequences;
        for (int i = 0; i < p.n_waiting; i++)
            if (p.waiting[i].order >= before) waited_for[p.waiting[i].order] = i;
        int n = sl_packer_take(&p, &items);
        if (n == 0) break;
        for (int i = 0; i < n; i++) {
            assert_true(i == 0 || items[i].order > items[i - 1].order);
            assert_int_equal(taken_at[items[i].order], -1);
            taken_at[items[i].order] = p.n_sequences - 1;
        }
    }
    for (int i = 0; i < N; i++) {
        if (sample((uint64_t)i, 8192).patches > 32768) continue;
        assert_true(taken_at[i] >= 0);
        assert_true(taken_at[i] - read_at[i] <= waited_for[i]);
    }
    sl_packer_free(&p);
}

/* Reads the stream again from the oldest waiting sample, leaving out what does not wait. */
static struct sl_packer restored(const struct sl_packer *from, uint64_t *next)
{
    struct sl_packer p = packer(from->options);
    *next = from->next_order;
    for (int i = 0; i < from->n_waiting; i++) {
        struct sl_pack_item item = sample(from->waiting[i].order, from->options.max_tokens);
        if (sl_packer_wants(&p))
            add_item(&p, &item);
        else
            fail_msg("the buffer is full before all that waited is in it again");
    }
    return p;
}

static void a_buffer_read_again_gives_the_same_sequences(void **state)
{
    (void)state;
    struct sl_packer a = packer((struct sl_pack_options){
        .max_tokens = 8192, .max_patches = 32768, .look_ahead = 128, .look_ahead_bytes = 100 << 20});
    uint64_t next_a = 0, next_b;
    for (int round = 0; round < 40; round++) {
        const struct sl_pack_item *of_a, *of_b;
        for (int i = 0; i < 7; i++) {
            refill(&a, &next_a, UINT64_MAX);
            assert_true(sl_packer_take(&a, &of_a) > 0);
        }
        struct sl_packer b = restored(&a, &next_b);
        for (int i = 0; i < 5; i++) {
            refill(&a, &next_a, UINT64_MAX);
            refill(&b, &next_b, UINT64_MAX);
            int n = sl_packer_take(&a, &of_a);
            assert_int_equal(sl_packer_take(&b, &of_b), n);
            for (int k = 0; k < n; k++) assert_int_equal(of_a[k].order, of_b[k].order);
        }
        sl_packer_free(&b);
    }
    sl_packer_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_goes_first_then_the_largest_that_fit),
        cmocka_unit_test(the_patch_budget_holds_beside_the_token_budget),
        cmocka_unit_test(the_buffer_is_full_by_count_or_by_bytes),
        cmocka_unit_test(short_samples_are_looked_ahead_for_two_sequences),
        cmocka_unit_test(impossible_limits_are_refused),
        cmocka_unit_test(a_realistic_mix_fills_97_percent),
        cmocka_unit_test(a_gigabyte_of_look_ahead_fills_97_percent_too),
        cmocka_unit_test(every_sample_comes_once_and_none_waits_for_more_sequences_than_it_is_late),
        cmocka_unit_test(a_buffer_read_again_gives_the_same_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
