/*
 * test_convert.c: models keep their numbers, to the bit, through GGUF files and back; quantised ones keep what their
 * blocks hold; and what cannot be converted or opened is named.
 */
#include "model/convert.h"

#include "base/file.h"
#include "model/gguf_config.h"
#include "model/origin.h"
#include "tensor/blocks.h"
#include "tensor/cpu/cpu.h"
#include "test.h"
#include "toy.h"

#include <unistd.h>

static sl_ops *ops;

static int setup(void **state)
{
    (void)state;
    sl_error err;
    assert_sl_ok(sl_cpu_ops_default(1, &ops, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_cpu_ops_free(ops);
    return 0;
}

static void convert(const char *in, const char *out, sl_dtype type, size_t part)
{
    sl_error err;
    sl_convert_options o = {.ops = ops, .type = type, .max_part_bytes = part};
    assert_sl_ok(sl_convert(in, out, &o, &err), &err);
}

/* Logits of a few tokens as an owned array of *n bytes; blocks: quantised matrices stay in the file. */
static float *compute_logits(const char *path, sl_dtype dt, bool blocks, size_t *n)
{
    static const int32_t tokens[] = {5, 17, 3, 60, 21}, cu[] = {0, 5}, first = 0;
    sl_error err;
    sl_model *m;
    sl_batch *b;
    sl_workspace w;
    sl_weight_plan plan = {.ops = ops, .dt = dt, .blocks = blocks ? path : NULL};
    assert_sl_ok(sl_model_open(path, &plan, &m, &err), &err);
    assert_int_equal(m->adopted.bytes > 0, blocks);
    sl_batch_spec spec = {.tokens = tokens, .n_seqs = 1, .cu_seqlens = cu, .first_position = &first};
    assert_sl_ok(sl_batch_new(&m->config, &spec, &b, &err), &err);
    assert_sl_ok(sl_workspace_init(&w, ops, dt, (size_t)1 << 30, &err), &err);
    sl_tensor *t = sl_model_logits(&w.ctx, m, sl_decoder_forward(&w.ctx, m, b, NULL, NULL, NULL));
    assert_sl_ok(sl_ctx_status(&w.ctx, &err), &err);
    *n = sl_tensor_bytes(t);
    float *copy = malloc(*n);
    assert_non_null(copy);
    memcpy(copy, t->data, *n);
    sl_workspace_free(&w);
    sl_batch_free(b);
    sl_model_free(m);
    return copy;
}

static float *logits_of(const char *path, size_t *n)
{
    return compute_logits(path, SL_F32, false, n);
}

static void expect_same_logits(const char *a, const char *b)
{
    size_t n, m;
    float *x = logits_of(a, &n), *y = logits_of(b, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static void expect_same_file(const char *a_dir, const char *b_dir, const char *name)
{
    struct sl_buf a = SL_BUF_INIT(1 << 26), b = SL_BUF_INIT(1 << 26);
    sl_error err;
    char *a_path = sl_path_join(a_dir, name), *b_path = sl_path_join(b_dir, name);
    assert_sl_ok(sl_file_read(a_path, &a, &err), &err);
    assert_sl_ok(sl_file_read(b_path, &b, &err), &err);
    if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0) fail_msg("%s and %s differ", a_path, b_path);
    free(a_path);
    free(b_path);
    sl_buf_release(&a);
    sl_buf_release(&b);
}

static void test_a_model_survives_the_way_there_and_back(void **state)
{
    (void)state;
    char gguf[256], back[256];
    snprintf(gguf, sizeof gguf, "%s/toy.gguf", test_temp_dir());
    snprintf(back, sizeof back, "%s/back", test_temp_dir());
    convert(toy_model_dir(), gguf, SL_F32, 0);
    convert(gguf, back, SL_F32, 0);
    expect_same_file(toy_model_dir(), back, "config.json");
    expect_same_file(toy_model_dir(), back, "tokenizer.json");
    expect_same_file(toy_model_dir(), back, "generation_config.json");
    expect_same_file(toy_model_dir(), back, "model.safetensors");
    expect_same_logits(toy_model_dir(), gguf);
}

static void test_bf16_is_the_same_in_both_formats(void **state)
{
    (void)state;
    char gguf[256], folder[256];
    snprintf(gguf, sizeof gguf, "%s/bf16.gguf", test_temp_dir());
    snprintf(folder, sizeof folder, "%s/bf16", test_temp_dir());
    convert(toy_model_dir(), gguf, SL_BF16, 0);
    convert(toy_model_dir(), folder, SL_BF16, 0);
    expect_same_logits(folder, gguf);
}

static void test_quantised_files_mean_the_numbers_of_their_blocks(void **state)
{
    (void)state;
    static const sl_dtype types[] = {SL_F16, SL_Q8_0, SL_Q4_0, SL_Q4_K, SL_Q5_K, SL_Q6_K};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char gguf[256], folder[256];
        snprintf(gguf, sizeof gguf, "%s/%s.gguf", test_temp_dir(), sl_dtype_name(types[i]));
        snprintf(folder, sizeof folder, "%s/%s", test_temp_dir(), sl_dtype_name(types[i]));
        convert(toy_model_dir(), gguf, types[i], 0);
        convert(gguf, folder, SL_F32, 0);
        expect_same_logits(folder, gguf);
        sl_origin *o;
        sl_error err;
        size_t at;
        assert_sl_ok(sl_origin_open(gguf, &o, &err), &err);
        for (size_t k = 0; k < sl_origin_count(o); k++) {
            const struct sl_stored_tensor *t = sl_origin_at(o, k);
            bool vision = strncmp(t->name, "v.", 2) == 0 || strncmp(t->name, "mm.", 3) == 0;
            sl_dtype want = sl_blocks_fit(types[i], t->shape[t->n_dims - 1]);
            if (t->n_dims == 1 || strstr(t->name, "gate_inp"))
                want = SL_F32;
            else if (vision && types[i] != SL_F16)
                want = SL_BF16;
            if (t->dtype != want) fail_msg("%s: %s is %s", gguf, t->name, t->dtype_name);
        }
        assert_non_null(sl_origin_find(o, "model.language_model.layers.0.self_attn.qkv_proj.weight", &at));
        assert_string_equal(sl_origin_at(o, at)->name, "blk.0.attn_qkv.weight");
        sl_origin_close(&o);
    }
}

static void test_matrices_that_stay_in_the_file_give_nearly_the_same(void **state)
{
    (void)state;
    static const sl_dtype types[] = {SL_Q8_0, SL_Q4_K};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char gguf[256];
        size_t n, m;
        snprintf(gguf, sizeof gguf, "%s/stay-%s.gguf", test_temp_dir(), sl_dtype_name(types[i]));
        convert(toy_model_dir(), gguf, types[i], 0);
        float *want = logits_of(gguf, &n), *got = compute_logits(gguf, SL_F32, true, &m);
        assert_int_equal(n, m);
        double difference = 0, size = 0;
        for (size_t k = 0; k < n / sizeof *got; k++) {
            difference += ((double)got[k] - want[k]) * ((double)got[k] - want[k]);
            size += (double)want[k] * want[k];
        }
        /* Activations are rounded to eight bits, weights are the same. */
        if (!(difference < 4e-4 * size)) fail_msg("%s: %g of %g", sl_dtype_name(types[i]), difference, size);
        free(want);
        free(got);
    }
}

static void test_a_large_model_is_cut_into_parts(void **state)
{
    (void)state;
    char whole[256], gguf[256], first[256];
    sl_error err;
    snprintf(whole, sizeof whole, "%s/whole.gguf", test_temp_dir());
    snprintf(gguf, sizeof gguf, "%s/cut.gguf", test_temp_dir());
    convert(toy_model_dir(), whole, SL_F32, 0);
    convert(toy_model_dir(), gguf, SL_F32, 100000);
    assert_false(sl_file_exists(gguf));
    for (int n = 2; n < 1000; n++) {
        snprintf(first, sizeof first, "%s/cut-00001-of-%05d.gguf", test_temp_dir(), n);
        if (sl_file_exists(first)) break;
    }
    expect_same_logits(whole, first);
    sl_convert_options o = {.ops = ops, .type = SL_F32, .layout = SL_N_GGUF_LAYOUTS, .max_part_bytes = 100000};
    assert_int_equal(sl_convert(toy_model_dir(), gguf, &o, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "is there already: remove it first"));
    expect_same_logits(whole, first);
}

static void test_what_cannot_be_converted_is_named(void **state)
{
    (void)state;
    sl_error err;
    const char *out = test_temp_path("refused");
    sl_convert_options o = {.ops = ops, .type = SL_Q4_K};
    assert_int_not_equal(sl_convert(toy_model_dir(), out, &o, &err), SL_OK);
    assert_non_null(strstr(err.message, "a folder holds F32 or BF16; Q4_K needs a name that ends in .gguf"));
    assert_int_not_equal(sl_convert("/nowhere", out, &o, &err), SL_OK);
    assert_string_equal(err.message, "/nowhere is neither a model's folder nor a GGUF file");
    o.type = SL_F32;
    assert_int_not_equal(sl_convert("tests/fuzz/corpus/gguf/whole.gguf", out, &o, &err), SL_OK);
    assert_non_null(strstr(
        err.message,
        "architecture \"toy\" is not supported in GGUF files; supported is: seedling, qwen3vl, qwen3vlmoe, qwen2vl"));
    assert_false(sl_dir_exists(out));
}

static void test_a_missing_or_misshapen_tensor_is_named(void **state)
{
    (void)state;
    char path[256];
    sl_error err;
    sl_config c;
    sl_generation_config g;
    sl_model *m;
    sl_weight_plan plan = {.ops = ops, .dt = SL_F32};
    assert_sl_ok(sl_config_load(toy_model_dir(), &c, &err), &err);
    sl_generation_config_defaults(&c, &g);
    snprintf(path, sizeof path, "%s/few.gguf", test_temp_dir());
    for (int misshapen = 0; misshapen < 2; misshapen++) {
        sl_gguf_writer *w;
        struct sl_gguf_model model = {.config = &c, .generation = &g};
        int64_t shape[2] = {3, 7};
        float zeros[21] = {0};
        assert_sl_ok(sl_gguf_writer_new(&w, &err), &err);
        assert_sl_ok(sl_gguf_write_model(w, &model, &err), &err);
        if (misshapen) sl_gguf_writer_declare(w, "v.patch_embd.weight", SL_F32, 2, shape);
        assert_sl_ok(sl_gguf_writer_begin(w, path, 0, &err), &err);
        if (misshapen) sl_gguf_writer_add(w, "v.patch_embd.weight", zeros, sizeof zeros);
        assert_sl_ok(sl_gguf_writer_commit(&w, &err), &err);
        assert_int_not_equal(sl_model_open(path, &plan, &m, &err), SL_OK);
        const char *want = misshapen ? "tensor v.patch_embd.weight has shape (3, 7), expected"
                                     : "few.gguf: tensor v.patch_embd.weight is missing";
        if (!strstr(err.message, want)) fail_msg("\"%s\" does not say \"%s\"", err.message, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_model_survives_the_way_there_and_back),
        cmocka_unit_test(test_bf16_is_the_same_in_both_formats),
        cmocka_unit_test(test_quantised_files_mean_the_numbers_of_their_blocks),
        cmocka_unit_test(test_matrices_that_stay_in_the_file_give_nearly_the_same),
        cmocka_unit_test(test_a_large_model_is_cut_into_parts),
        cmocka_unit_test(test_what_cannot_be_converted_is_named),
        cmocka_unit_test(test_a_missing_or_misshapen_tensor_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
