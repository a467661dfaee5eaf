/*
 * test_kv_cache.c: decoding through the paged cache says what the whole sequence at once says.
 */
#include "../model/model_test.h"

#include "infer/kv_cache.h"

#include <math.h>
#include <sys/mman.h>

enum { TOKENS = 150 };

/* Logits of all tokens of one sequence at once, owned. */
static float *whole(struct mt_rig *r, const int32_t *tokens, int n)
{
    int32_t cu[2] = {0, n};
    sl_batch_spec spec = {.tokens = tokens, .n_seqs = 1, .cu_seqlens = cu};
    sl_batch *b = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_batch_new(&r->model->config, &spec, &b, &err), &err);
    sl_workspace_reset(&r->work);
    sl_ctx *ctx = &r->work.ctx;
    sl_tensor *t = sl_model_logits(ctx, r->model, sl_model_forward(ctx, r->model, b, NULL, NULL));
    assert_non_null(t);
    float *copy = malloc(sl_tensor_bytes(t));
    memcpy(copy, t->data, sl_tensor_bytes(t));
    sl_batch_free(b);
    return copy;
}

/* Appends the next n[i] tokens of each sequence and returns their logits, in the work space. */
static const float *cached(struct mt_rig *r, sl_kv_cache *k, sl_kv_sequence *const *seqs, const int32_t *const *texts,
                           const int *n, int n_seqs)
{
    int32_t tokens[TOKENS * 2], cu[3] = {0}, first[2];
    sl_error err = {0};
    sl_batch *b = NULL;
    for (int i = 0; i < n_seqs; i++) {
        first[i] = seqs[i]->length;
        memcpy(tokens + cu[i], texts[i] + first[i], (size_t)n[i] * sizeof *tokens);
        cu[i + 1] = cu[i] + n[i];
        assert_sl_ok(sl_kv_extend(k, seqs[i], n[i], &err), &err);
    }
    sl_batch_spec spec = {.tokens = tokens, .n_seqs = n_seqs, .cu_seqlens = cu, .first_position = first};
    assert_sl_ok(sl_batch_new(&r->model->config, &spec, &b, &err), &err);
    sl_workspace_reset(&r->work);
    sl_ctx *ctx = &r->work.ctx;
    const sl_decoder_cache *view = sl_kv_bind(k, seqs, n_seqs);
    sl_tensor *t = sl_model_logits(ctx, r->model, sl_model_forward(ctx, r->model, b, view, NULL));
    assert_non_null(t);
    sl_batch_free(b);
    return t->data;
}

static void assert_near(const float *got, const float *want, size_t n, double tolerance)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += pow((double)got[i] - want[i], 2);
        size += pow(want[i], 2);
    }
    if (!(sqrt(error / size) <= tolerance)) fail_msg("relative error %g", sqrt(error / size));
}

static void check_level(const sl_config *c, int level, sl_dtype dt, sl_dtype cache, double tolerance)
{
    struct mt_rig r;
    struct sl_rng rng;
    sl_kv_cache *k = NULL;
    sl_error err = {0};
    sl_kv_sequence s[2] = {{0}}, *seqs[2] = {&s[0], &s[1]};
    int32_t text[2][TOKENS];
    size_t vocab = (size_t)c->decoder.vocab;
    sl_rng_init(&rng, 5, 0);
    for (int i = 0; i < 2 * TOKENS; i++) text[i / TOKENS][i % TOKENS] = (int32_t)sl_rng_below(&rng, 140);
    const int32_t *texts[2] = {text[0], text[1]};
    mt_rig_new(&r, c, level, dt, 0);
    assert_sl_ok(sl_kv_cache_new(&c->decoder, cache, 6, 2, &k, &err), &err);
    float *want[2] = {whole(&r, text[0], TOKENS), whole(&r, text[1], TOKENS)};
    /* Chunks across page borders, uneven, then single tokens, side by side. */
    static const int chunks[][2] = {{70, 1}, {3, 66}, {1, 1}, {60, 2}, {1, 64}, {1, 1}};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        int at[2] = {s[0].length, s[1].length};
        const float *got = cached(&r, k, seqs, texts, chunks[i], 2);
        assert_near(got, want[0] + (size_t)at[0] * vocab, (size_t)chunks[i][0] * vocab, tolerance);
        assert_near(got + (size_t)chunks[i][0] * vocab, want[1] + (size_t)at[1] * vocab, (size_t)chunks[i][1] * vocab,
                    tolerance);
    }
    for (int i = 0; i < 2; i++) {
        free(want[i]);
        sl_kv_release(k, seqs[i]);
    }
    sl_kv_cache_free(k);
    mt_rig_free(&r);
}

static void test_cached_decoding_agrees_with_the_whole_sequence(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    for (int level = 0; level < mt_levels(); level++) {
        check_level(&c, level, SL_F32, SL_F32, 1e-5);
        check_level(&c, level, SL_BF16, SL_BF16, 2e-2);
        check_level(&c, level, SL_F32, SL_I8, 2e-2);
        check_level(&c, level, SL_BF16, SL_I8, 4e-2);
    }
}

static void test_a_token_decodes_to_the_same_bits_whatever_runs_beside_it(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct sl_rng rng;
    int32_t text[2][TOKENS];
    sl_rng_init(&rng, 6, 0);
    for (int i = 0; i < 2 * TOKENS; i++) text[i / TOKENS][i % TOKENS] = (int32_t)sl_rng_below(&rng, 140);
    const int32_t *texts[2] = {text[0], text[1]}, *second[1] = {text[1]};
    size_t row = (size_t)c.decoder.vocab * sizeof(float);
    for (int level = 0; level < mt_levels(); level++) {
        struct mt_rig r;
        sl_error err = {0};
        sl_kv_cache *k = NULL;
        sl_kv_sequence s[3] = {{0}}, *together[2] = {&s[0], &s[1]}, *alone[1] = {&s[2]};
        mt_rig_new(&r, &c, level, SL_BF16, 0);
        assert_sl_ok(sl_kv_cache_new(&c.decoder, SL_BF16, 8, 2, &k, &err), &err);
        int n[2] = {97, 40}, one[2] = {1, 1};
        cached(&r, k, together, texts, n, 2);
        float *expected = malloc(row);
        memcpy(expected, cached(&r, k, together, texts, one, 2) + c.decoder.vocab, row);
        cached(&r, k, alone, second, &n[1], 1);
        assert_memory_equal(cached(&r, k, alone, second, one, 1), expected, row);
        free(expected);
        for (int i = 0; i < 3; i++) sl_kv_release(k, &s[i]);
        sl_kv_cache_free(k);
        mt_rig_free(&r);
    }
}

static void test_shared_pages_return_when_nobody_refers_to_them(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    sl_kv_cache *k = NULL;
    sl_kv_sequence a = {0}, b = {0};
    sl_error err = {0};
    assert_sl_ok(sl_kv_cache_new(&c.decoder, SL_I8, 3, 2, &k, &err), &err);
    assert_sl_ok(sl_kv_extend(k, &a, SL_KV_PAGE_SIZE, &err), &err);
    sl_kv_page_share(k, a.pages[0]);
    assert_sl_ok(sl_kv_append_page(&b, a.pages[0], SL_KV_PAGE_SIZE, &err), &err);
    assert_int_equal(b.length, SL_KV_PAGE_SIZE);
    assert_int_equal(sl_kv_page_refs(k, b.pages[0]), 2);
    sl_kv_release(k, &a);
    assert_int_equal(sl_kv_free_pages(k), 2);
    sl_kv_release(k, &b);
    assert_int_equal(sl_kv_free_pages(k), 3);
    sl_kv_cache_free(k);
}

static void test_a_full_cache_refuses_and_released_pages_return(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    sl_kv_cache *k = NULL;
    sl_kv_sequence a = {0}, b = {0};
    sl_error err = {0};
    assert_sl_ok(sl_kv_cache_new(&c.decoder, SL_BF16, 3, 2, &k, &err), &err);
    assert_sl_ok(sl_kv_extend(k, &a, 2 * SL_KV_PAGE_SIZE, &err), &err);
    assert_int_equal(sl_kv_extend(k, &b, SL_KV_PAGE_SIZE + 1, &err), SL_ERR_MEMORY);
    assert_int_equal(b.length, 0);
    assert_string_equal(err.message, "the key-value cache is full: 2 more pages wanted, 1 of 3 free");
    sl_kv_release(k, &a);
    assert_sl_ok(sl_kv_extend(k, &b, 3 * SL_KV_PAGE_SIZE, &err), &err);
    sl_kv_release(k, &b);
    sl_kv_cache_free(k);
}

/* Whether the system has given the memory of a part of a page. */
static bool present(sl_kv_cache *k, int32_t page, int part)
{
    size_t bytes;
    unsigned char there;
    uintptr_t at = (uintptr_t)sl_kv_page_part(k, page, part, &bytes);
    assert_int_equal(mincore((void *)(at / 4096 * 4096), 1, &there), 0);
    return there & 1;
}

static void test_memory_is_there_before_pages_are_taken(void **state)
{
    (void)state;
    enum { PAGES = 4000 };
    sl_config c = mt_tiny_config();
    sl_kv_cache *k = NULL;
    sl_kv_sequence a = {0};
    sl_error err = {0};
    size_t page = sl_kv_page_bytes(&c.decoder, SL_F32), bytes;
    assert_sl_ok(sl_kv_cache_new(&c.decoder, SL_F32, PAGES, 1, &k, &err), &err);
    int last = sl_kv_page_parts(k) - 1, ahead = 10;
    assert_true(page * PAGES > (size_t)32 << 20);
    assert_false(present(k, 0, 0));
    sl_kv_commit(k, page * (size_t)ahead);
    if (!present(k, 0, 0)) skip(); /* a system that does not know how */
    assert_true(present(k, ahead - 1, last));
    assert_false(present(k, PAGES - 1, last));
    assert_sl_ok(sl_kv_extend(k, &a, PAGES / 2 * SL_KV_PAGE_SIZE, &err), &err);
    char *mine = sl_kv_page_part(k, a.pages[0], 0, &bytes);
    memset(mine, 7, bytes);
    sl_kv_commit(k, page * (size_t)ahead);
    assert_true(present(k, PAGES / 2 + ahead - 1, last));
    assert_int_equal(mine[bytes - 1], 7);
    sl_kv_commit(k, SIZE_MAX);
    assert_true(present(k, PAGES - 1, last));
    sl_kv_release(k, &a);
    sl_kv_cache_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cached_decoding_agrees_with_the_whole_sequence),
        cmocka_unit_test(test_a_token_decodes_to_the_same_bits_whatever_runs_beside_it),
        cmocka_unit_test(test_shared_pages_return_when_nobody_refers_to_them),
        cmocka_unit_test(test_a_full_cache_refuses_and_released_pages_return),
        cmocka_unit_test(test_memory_is_there_before_pages_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
