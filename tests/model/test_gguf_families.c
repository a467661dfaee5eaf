/*
 * test_gguf_families.c: open families in the layouts of llama.cpp and Ollama: the same weights give the same logits to
 * the bit as from the family's own folder, at every processor level; and what such files lack is named.
 */
#include "model_test.h"

#include "model/convert.h"
#include "model/family.h"
#include "model/gguf_family.h"
#include "model/gguf_tokens.h"
#include "model/origin.h"
#include "model/safetensors.h"

static const struct {
    const char *folder;
    sl_gguf_layout layout;
} cases[] = {
    {"qwen3_vl", SL_GGUF_PAIR},       {"qwen3_vl", SL_GGUF_OLLAMA},   {"qwen3_vl_moe", SL_GGUF_PAIR},
    {"qwen3_vl_moe", SL_GGUF_OLLAMA}, {"qwen2_5_vl", SL_GGUF_PAIR},   {"qwen2_5_vl", SL_GGUF_SEEDLING},
    {"kimi_vl", SL_GGUF_SEEDLING},    {"qwen3_vl", SL_GGUF_SEEDLING},
};

enum { N_CASES = sizeof cases / sizeof *cases };

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

static const char *folder_of(const char *family)
{
    static char path[256];
    snprintf(path, sizeof path, "tests/model/golden/families/%s", family);
    return path;
}

/* Converts a family's folder; returns the file, in static memory. */
static const char *converted(const char *family, sl_gguf_layout layout, sl_dtype type)
{
    static char path[256];
    sl_error err = {0};
    sl_convert_options o = {.ops = ops, .type = type, .layout = layout};
    snprintf(path, sizeof path, "%s/%s-%d-%s.gguf", test_temp_dir(), family, layout, sl_dtype_name(type));
    assert_sl_ok(sl_convert(folder_of(family), path, &o, &err), &err);
    return path;
}

/* Logits of the family's golden prompt, with pictures, as owned bytes. */
static float *logits_of(const char *model, const char *family, int level, bool blocks, size_t *n)
{
    struct mt_rig r;
    sl_safetensors *file;
    sl_batch *b;
    sl_error err = {0};
    char golden[300];
    mt_rig_start(&r, level, SL_F32, 1);
    sl_weight_plan plan = {.ops = r.ops, .dt = SL_F32, .blocks = blocks ? model : NULL};
    assert_sl_ok(sl_model_open(model, &plan, &r.model, &err), &err);
    if (blocks) assert_true(r.model->adopted.bytes > 0);
    snprintf(golden, sizeof golden, "%s/golden.safetensors", folder_of(family));
    assert_sl_ok(sl_safetensors_open(golden, &file, &err), &err);
    const struct sl_stored_tensor *tokens = sl_safetensors_find(file, "tokens");
    const struct sl_stored_tensor *grids = sl_safetensors_find(file, "grids");
    int32_t cu[2] = {0, (int32_t)tokens->shape[0]};
    sl_batch_spec spec = {
        .tokens = (const void *)tokens->data,
        .n_seqs = 1,
        .cu_seqlens = cu,
        .n_pictures = (int)grids->shape[0],
        .grids = (const void *)grids->data,
        .patches = (const void *)sl_safetensors_find(file, "patches")->data,
    };
    assert_sl_ok(sl_batch_new(&r.model->config, &spec, &b, &err), &err);
    sl_ctx *ctx = &r.work.ctx;
    sl_tensor *t = sl_model_logits(ctx, r.model, sl_model_forward(ctx, r.model, b, NULL, NULL));
    assert_sl_ok(sl_ctx_status(ctx, &err), &err);
    *n = sl_tensor_bytes(t);
    float *copy = malloc(*n);
    assert_non_null(copy);
    memcpy(copy, t->data, *n);
    sl_batch_free(b);
    sl_safetensors_close(&file);
    mt_rig_free(&r);
    return copy;
}

static void test_the_same_weights_give_the_same_logits_to_the_bit(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        const char *gguf = converted(cases[i].folder, cases[i].layout, SL_F32);
        for (int level = 0; level < mt_levels(); level++) {
            size_t n, m;
            float *want = logits_of(folder_of(cases[i].folder), cases[i].folder, level, false, &n);
            float *got = logits_of(gguf, cases[i].folder, level, false, &m);
            assert_int_equal(n, m);
            assert_memory_equal(want, got, n);
            free(want);
            free(got);
        }
    }
}

static void test_the_configuration_survives(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        sl_config want, got;
        sl_error err = {0};
        struct sl_buf a = SL_BUF_INIT(1 << 16), b = SL_BUF_INIT(1 << 16);
        assert_sl_ok(sl_config_load(folder_of(cases[i].folder), &want, &err), &err);
        assert_sl_ok(sl_config_load(converted(cases[i].folder, cases[i].layout, SL_BF16), &got, &err), &err);
        json_t *x = sl_config_to_json(&want), *y = sl_config_to_json(&got);
        assert_sl_ok(sl_json_dump(x, 1, &a, &err), &err);
        assert_sl_ok(sl_json_dump(y, 1, &b, &err), &err);
        assert_string_equal(sl_buf_str(&a), sl_buf_str(&b));
        json_decref(x);
        json_decref(y);
        sl_buf_release(&a);
        sl_buf_release(&b);
    }
}

/* From one layout to the other and back; each step keeps every number. */
static void test_layouts_become_each_other(void **state)
{
    (void)state;
    char other[256], back[256];
    sl_error err = {0};
    struct sl_buf a = SL_BUF_INIT(1 << 22), b = SL_BUF_INIT(1 << 22);
    const char *pair = converted("qwen3_vl_moe", SL_GGUF_PAIR, SL_F32);
    sl_convert_options o = {.ops = ops, .type = SL_F32, .layout = SL_GGUF_OLLAMA};
    snprintf(other, sizeof other, "%s/other.gguf", test_temp_dir());
    snprintf(back, sizeof back, "%s/back.gguf", test_temp_dir());
    assert_sl_ok(sl_convert(pair, other, &o, &err), &err);
    o.layout = SL_GGUF_PAIR;
    assert_sl_ok(sl_convert(other, back, &o, &err), &err);
    assert_sl_ok(sl_file_read(pair, &a, &err), &err);
    assert_sl_ok(sl_file_read(back, &b, &err), &err);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    sl_buf_release(&a);
    sl_buf_release(&b);
}

/* q, k and v, gate and up, and stacks of experts are separate tensors there, and stay where they are. */
static void test_parts_stay_in_the_file_as_blocks(void **state)
{
    (void)state;
    const char *gguf = converted("qwen2_5_vl", SL_GGUF_PAIR, SL_Q8_0);
    size_t n, m;
    float *want = logits_of(gguf, "qwen2_5_vl", 1, false, &n), *got = logits_of(gguf, "qwen2_5_vl", 1, true, &m);
    double difference = 0, size = 0;
    assert_int_equal(n, m);
    for (size_t k = 0; k < n / sizeof *got; k++) {
        difference += ((double)got[k] - want[k]) * ((double)got[k] - want[k]);
        size += (double)want[k] * want[k];
    }
    if (!(difference < 4e-4 * size)) fail_msg("%g of %g", difference, size);
    free(want);
    free(got);
    sl_weight_plan plan = {.ops = ops, .dt = SL_BF16, .blocks = gguf};
    sl_model *model;
    sl_error err = {0};
    assert_sl_ok(sl_model_open(gguf, &plan, &model, &err), &err);
    assert_int_equal(model->weights.layers[0].qkv->blocks->n_parts, 3);
    sl_model_free(model);
}

/* Old files call the two maps of a block of the tower the other way round. */
static void test_old_towers_with_swapped_names_are_understood(void **state)
{
    (void)state;
    const struct sl_gguf_naming naming = {.layout = SL_GGUF_PAIR, .gated = true, .swapped = true};
    char name[128];
    sl_gguf_name(&naming, "model.visual.blocks.7.mlp.fc2.bias", name, sizeof name);
    assert_string_equal(name, "v.blk.7.ffn_up.bias");
    sl_gguf_name(&naming, "model.visual.blocks.7.mlp.up_proj.weight", name, sizeof name);
    assert_string_equal(name, "v.blk.7.ffn_down.weight");
    sl_gguf_name(&naming, "model.visual.blocks.7.mlp.gate_proj.weight", name, sizeof name);
    assert_string_equal(name, "v.blk.7.ffn_gate.weight");
    sl_gguf_name(&naming, "model.language_model.layers.7.mlp.up_proj.weight", name, sizeof name);
    assert_string_equal(name, "blk.7.ffn_up.weight");
}

/* --- tokenizers ------------------------------------------------------------------------------------------------- */

/* Lists alone say as much as the tokenizer.json that they were written from. */
static void test_the_lists_of_tokens_are_a_tokenizer(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Hello, world!  It's 2026.\r\n\n\tcafe\xCC\x81",
        "\xE4\xBD\xA0\xE5\xA5\xBD x",
        "a\xF0\x9F\x98\x80 b",
        "for (int i = 0; i < 10; i++) {}",
        "\xFF\xFE broken",
        "<|im_start|>user\n<think>",
        "          spaces",
        "12345 \xD9\xA3\xD9\xA4",
    };
    static const char data[] = "tests/text/data/tokenizer.json";
    struct sl_tokenizer *want, *got;
    struct sl_buf text = SL_BUF_INIT(1 << 26), back = SL_BUF_INIT(1 << 26);
    sl_error err = {0};
    sl_gguf_writer *w;
    sl_gguf *g;
    sl_config c = mt_tiny_config();
    const char *path = test_temp_path("tokens.gguf");
    assert_sl_ok(sl_tokenizer_load(data, &want, &err), &err);
    assert_sl_ok(sl_file_read(data, &text, &err), &err);
    c.decoder.vocab = sl_tokenizer_vocab_size(want) + 10;
    assert_sl_ok(sl_gguf_writer_new(&w, &err), &err);
    assert_sl_ok(sl_gguf_tokens_write(w, want, sl_buf_str(&text), false, &c, &err), &err);
    assert_sl_ok(sl_gguf_writer_begin(w, path, 0, &err), &err);
    assert_sl_ok(sl_gguf_writer_commit(&w, &err), &err);
    assert_sl_ok(sl_gguf_open(path, &g, &err), &err);
    assert_sl_ok(sl_gguf_tokens_read(g, &back, &err), &err);
    assert_sl_ok(sl_tokenizer_parse(sl_buf_str(&back), back.len, &got, &err), &err);
    assert_int_equal(sl_tokenizer_vocab_size(got), sl_tokenizer_vocab_size(want));
    assert_int_equal(sl_tokenizer_n_merges(got), sl_tokenizer_n_merges(want));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sl_token_ids x = SL_TOKEN_IDS_INIT(1 << 16), y = SL_TOKEN_IDS_INIT(1 << 16);
        size_t n = strlen(texts[i]);
        assert_sl_ok(sl_tokenizer_encode(want, texts[i], n, SL_ENCODE_EVERYTHING, &x, &err), &err);
        assert_sl_ok(sl_tokenizer_encode(got, texts[i], n, SL_ENCODE_EVERYTHING, &y, &err), &err);
        assert_int_equal(x.len, y.len);
        assert_memory_equal(x.data, y.data, x.len * sizeof *x.data);
        sl_token_ids_release(&x);
        sl_token_ids_release(&y);
    }
    sl_gguf_close(&g);
    sl_tokenizer_free(&want);
    sl_tokenizer_free(&got);
    sl_buf_release(&text);
    sl_buf_release(&back);
}

/* --- bad input -------------------------------------------------------------------------------------------------- */

static void expect_refused(const char *path, const char *why)
{
    sl_config c;
    sl_error err = {0};
    assert_int_not_equal(sl_config_load(path, &c, &err), SL_OK);
    if (!strstr(err.message, why)) fail_msg("%s: \"%s\" does not say \"%s\"", path, err.message, why);
}

static void test_files_that_do_not_belong_together_are_named(void **state)
{
    (void)state;
    char qwen3[256], merged[256], tower[256], path[600], alone[300];
    struct sl_buf bytes = SL_BUF_INIT(1 << 22);
    sl_error err = {0};
    snprintf(qwen3, sizeof qwen3, "%s", converted("qwen3_vl", SL_GGUF_PAIR, SL_F16));
    snprintf(merged, sizeof merged, "%s", converted("qwen3_vl", SL_GGUF_OLLAMA, SL_F16));
    converted("qwen2_5_vl", SL_GGUF_PAIR, SL_F16);
    snprintf(tower, sizeof tower, "%s/mmproj-qwen2_5_vl-%d-F16.gguf", test_temp_dir(), SL_GGUF_PAIR);
    snprintf(path, sizeof path, "%s+%s", qwen3, tower);
    expect_refused(path, "projector \"qwen2.5vl_merger\" is not supported for architecture \"qwen3vl\"");
    snprintf(path, sizeof path, "%s+%s", merged, tower);
    expect_refused(path, "it holds its vision tower itself: there is no use for");
    snprintf(path, sizeof path, "%s+%s", qwen3, merged);
    expect_refused(path, "no vision tower: its general.architecture is not \"clip\"");
    snprintf(path, sizeof path, "%s+/nowhere.gguf", qwen3);
    expect_refused(path, "/nowhere.gguf");
    expect_refused(tower, "this is a vision tower alone");
    /* A file with no tower beside it. */
    snprintf(alone, sizeof alone, "%s/alone", test_temp_dir());
    assert_sl_ok(sl_dir_make(alone, &err), &err);
    snprintf(alone, sizeof alone, "%s/alone/model.gguf", test_temp_dir());
    assert_sl_ok(sl_file_read(qwen3, &bytes, &err), &err);
    assert_sl_ok(sl_file_write(alone, bytes.data, bytes.len, &err), &err);
    expect_refused(alone, "model.gguf has no vision tower: give the file that has it (mmproj-....gguf) with --mmproj");
    sl_buf_release(&bytes);
    sl_convert_options o = {.ops = ops, .type = SL_F16, .layout = SL_GGUF_OLLAMA};
    assert_int_not_equal(sl_convert(folder_of("qwen2_5_vl"), alone, &o, &err), SL_OK);
    assert_non_null(strstr(err.message, "the layout does not fit this model: Ollama's is written for Qwen3-VL only"));
}

static void test_broken_metadata_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *file, *why;
    } broken[] = {
        {"no-windows", "key \"clip.vision.n_wa_pattern\" is missing or not positive"},
        {"dense-windows", "key \"clip.vision.n_wa_pattern\" is missing or not positive"},
        {"no-embedding", "tensor token_embd.weight is missing or no matrix"},
        {"no-blocks", "key \"qwen3vl.block_count\" is missing or no integer"},
        {"deep", "depth"},
        {"scaled", "positions scaled by \"yarn\" are not supported"},
        {"four-means", "key \"clip.vision.image_mean\": expected 3 numbers"},
        {"hot", "temperature"},
        {"eos", "eos"},
        {"no-image", "no token <|image_pad|>"},
        {"pre", "\"tekken\" is not read; qwen2, deepseek-r1-qwen and gpt-2 are"},
        {"unigram", "only \"gpt2\" (byte-level BPE) is read"},
        {"types", "264 tokens, but 1 types of tokens"},
        {"type-6", "token 0 has type 6, which is not read"},
        {"twice", "token 1 is there twice"},
        {"latin", "token 0 is no UTF-8"},
        {"no-merges", "no list of at most"},
        {"merge", "merge 0 'a c': 'ac' is not in the vocabulary"},
        {"merge-numbers", "no list of at most"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char path[128];
        struct sl_gguf_pair p = {.naming.layout = SL_GGUF_PAIR};
        struct sl_tokenizer *t = NULL;
        struct sl_buf text = SL_BUF_INIT(1 << 20);
        sl_error err = {0};
        sl_config c;
        sl_generation_config generation;
        snprintf(path, sizeof path, "tests/fuzz/corpus/gguf_model/%s.gguf", broken[i].file);
        assert_sl_ok(sl_gguf_open(path, &p.model, &err), &err);
        p.vision = p.model;
        sl_status s = sl_gguf_tokens_read(p.model, &text, &err);
        if (s == SL_OK) s = sl_tokenizer_parse(sl_buf_str(&text), text.len, &t, &err);
        if (s == SL_OK) s = sl_gguf_family_config(&p, &c, &err);
        if (s == SL_OK) s = sl_gguf_family_generation(p.model, &c, &generation, &err);
        if (s == SL_OK) fail_msg("%s is accepted", path);
        if (!strstr(err.message, broken[i].why))
            fail_msg("%s: \"%s\" does not say \"%s\"", path, err.message, broken[i].why);
        sl_gguf_close(&p.model);
        sl_tokenizer_free(&t);
        sl_buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_weights_give_the_same_logits_to_the_bit),
        cmocka_unit_test(test_the_configuration_survives),
        cmocka_unit_test(test_layouts_become_each_other),
        cmocka_unit_test(test_parts_stay_in_the_file_as_blocks),
        cmocka_unit_test(test_old_towers_with_swapped_names_are_understood),
        cmocka_unit_test(test_the_lists_of_tokens_are_a_tokenizer),
        cmocka_unit_test(test_files_that_do_not_belong_together_are_named),
        cmocka_unit_test(test_broken_metadata_are_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
