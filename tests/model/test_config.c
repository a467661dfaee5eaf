/*
 * test_config.c: named configurations, their sizes, config.json both ways, and what is refused.
 */
#include "model/config.h"

#include "base/buf.h"
#include "base/file.h"
#include "test.h"

#include <math.h>

static sl_config named(const char *name)
{
    sl_config c;
    sl_error err;
    assert_sl_ok(sl_config_named(name, &c, &err), &err);
    return c;
}

/* Parameters of a plain pre-norm ViT with biases and a final LayerNorm, no position table. */
static double vit_params(const sl_vit_config *v)
{
    double h = v->hidden, m = v->mlp_hidden;
    double block = 4 * (h * h + h) + 2 * h * m + m + h + 4 * h;
    return 3.0 * v->patch_size * v->patch_size * h + h + v->depth * block + 2 * h;
}

/* Decoder parameters but the embedding table: with n_experts of each layer counted. */
static double decoder_params(const sl_decoder_config *d, int n_experts)
{
    double h = d->hidden, q = (double)d->n_heads * d->head_dim, kv = (double)d->n_kv_heads * d->head_dim;
    double attention = h * q * 2 + h * kv * 2 + 2 * d->head_dim + 2 * h;
    double dense = 3 * h * d->mlp_hidden;
    double moe = 3 * h * ((double)n_experts * d->expert_hidden + d->shared_hidden) + h * d->n_experts;
    return d->depth * attention + d->n_dense_layers * dense + (d->depth - d->n_dense_layers) * moe + h + h * d->vocab;
}

static double adapter_params(const sl_config *c)
{
    double in = c->vit.hidden * (c->adapter.merge == SL_MERGE_CONCAT ? 4.0 : 1.0), h = c->adapter.hidden;
    return 2 * in + in * h + h + h * c->decoder.hidden + c->decoder.hidden;
}

static double total_params(const sl_config *c)
{
    double embedding = c->decoder.tie_embeddings ? 0 : (double)c->decoder.vocab * c->decoder.hidden;
    return vit_params(&c->vit) + adapter_params(c) + decoder_params(&c->decoder, c->decoder.n_experts) + embedding;
}

static void expect_near(const char *what, double x, double target, double tolerance)
{
    if (!(fabs(x / target - 1) <= tolerance)) fail_msg("%s: %.6g is not %.6g +-%g", what, x, target, tolerance);
}

static void test_named_sizes_are_the_published_ones(void **state)
{
    (void)state;
    sl_config c = named("seed1.5-vl");
    expect_near("Seed-ViT", vit_params(&c.vit), 532.0e6, 0.002);
    expect_near("seed1.5-vl active", decoder_params(&c.decoder, c.decoder.top_k), 20e9, 0.05);
    expect_near("seed1.5-vl total", total_params(&c), 200e9, 0.05);
    c = named("base");
    expect_near("base ViT", vit_params(&c.vit), 532.0e6, 0.002);
    expect_near("base active", decoder_params(&c.decoder, c.decoder.top_k), 1.1e9, 0.03);
    c = named("mini");
    expect_near("mini total", total_params(&c), 100e6, 0.1);
    c = named("nano");
    assert_true(total_params(&c) * 2 < 40e6);
}

static void test_every_name_is_listed_and_valid(void **state)
{
    (void)state;
    sl_error err;
    int n = 0;
    for (const char *name; (name = sl_config_name_at(n)); n++) {
        sl_config c = named(name);
        assert_string_equal(c.name, name);
        assert_sl_ok(sl_config_check(&c, &err), &err);
        assert_int_equal(c.ids.image_patch, c.decoder.vocab - 28);
        assert_int_equal(c.ids.eos, c.decoder.vocab - 30);
    }
    assert_int_equal(n, 4);
    assert_null(sl_config_name_at(-1));
    sl_config c;
    assert_int_equal(sl_config_named("giant", &c, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "unknown configuration \"giant\" (known: nano, mini, base, seed1.5-vl)");
}

/* Fields one by one: padding between them is not part of a configuration. */
static void expect_equal(const sl_config *a, const sl_config *b)
{
    assert_string_equal(a->name, b->name);
    assert_memory_equal(&a->vit, &b->vit, sizeof a->vit);
    assert_memory_equal(&a->adapter, &b->adapter, sizeof a->adapter);
    assert_memory_equal(&a->ids, &b->ids, sizeof a->ids);
    assert_true(a->min_pixels == b->min_pixels && a->max_pixels == b->max_pixels && a->init_std == b->init_std);
    const sl_decoder_config *x = &a->decoder, *y = &b->decoder;
    assert_memory_equal(x, y, offsetof(sl_decoder_config, qk_norm));
    assert_true(x->qk_norm == y->qk_norm && x->mlp_hidden == y->mlp_hidden);
    assert_true(x->n_dense_layers == y->n_dense_layers && x->n_experts == y->n_experts && x->top_k == y->top_k);
    assert_true(x->expert_hidden == y->expert_hidden && x->shared_hidden == y->shared_hidden);
    assert_true(x->router_sigmoid == y->router_sigmoid && x->normalise_top_k == y->normalise_top_k);
    assert_true(x->router_scale == y->router_scale && x->select_bias == y->select_bias);
    assert_true(x->aux_loss_coef == y->aux_loss_coef && x->norm_eps == y->norm_eps);
    assert_true(x->rope_theta == y->rope_theta && x->max_positions == y->max_positions);
    assert_int_equal(x->tie_embeddings, y->tie_embeddings);
}

static void test_save_and_load_round_trip(void **state)
{
    (void)state;
    sl_error err;
    const char *dir = test_temp_dir();
    for (int i = 0; sl_config_name_at(i); i++) {
        sl_config c = named(sl_config_name_at(i)), back;
        assert_sl_ok(sl_config_save(&c, dir, &err), &err);
        assert_sl_ok(sl_config_load(dir, &back, &err), &err);
        expect_equal(&c, &back);
    }
    sl_config odd = named("mini"), back;
    odd.vit.act = SL_ACT_GELU_TANH;
    odd.adapter.merge = SL_MERGE_CONCAT;
    odd.vit.norm_eps = 1.2345678e-5f;
    odd.ids.bos = 3;
    odd.decoder.aux_loss_coef = 0.001f;
    odd.decoder.qk_norm = odd.decoder.select_bias = odd.decoder.normalise_top_k = false;
    odd.min_pixels = odd.max_pixels = 123457;
    snprintf(odd.name, sizeof odd.name, "a \"quoted\" name");
    assert_sl_ok(sl_config_save(&odd, dir, &err), &err);
    assert_sl_ok(sl_config_load(dir, &back, &err), &err);
    expect_equal(&odd, &back);
}

/* Returns nano's config.json with `from` replaced by `to`, in out. */
static void edited(struct sl_buf *out, const char *from, const char *to)
{
    static const char dir_name[] = "edit";
    sl_error err;
    const char *dir = test_temp_path(dir_name);
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    sl_config c = named("nano");
    assert_sl_ok(sl_config_save(&c, dir, &err), &err);
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    assert_sl_ok(sl_file_read(test_temp_path("edit/config.json"), &text, &err), &err);
    const char *at = strstr(sl_buf_str(&text), from);
    if (!at) fail_msg("config.json has no %s", from);
    sl_buf_clear(out);
    sl_buf_add(out, text.data, (size_t)(at - text.data));
    sl_buf_addstr(out, to);
    sl_buf_addstr(out, at + strlen(from));
    sl_buf_release(&text);
}

static void test_bad_documents_are_refused_by_key(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"\"patch_size\": 14", "\"patch_size\": 0", "vision_config.patch_size: 0 is outside 1 to 128"},
        {"\"patch_size\": 14,", "", "vision_config.patch_size: missing"},
        {"\"patch_size\": 14", "\"patch_size\": \"14\"", "expected an integer, found the string \"14\""},
        {"\"patch_size\": 14", "\"patch_size\": 99999999999", "vision_config.patch_size: 99999999999 is outside"},
        {"\"vision_config\"", "\"visoin_config\"", "vision_config: missing"},
        {"\"num_hidden_layers\": 8", "\"num_hidden_layers\": -1", "vision_config.num_hidden_layers: -1 is outside"},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 3", "3 does not divide hidden_size 256"},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 64", "gives heads of 4, not a multiple of 8"},
        {"\"rope_theta\": 10000.0", "\"rope_theta\": 1e300", "vision_config.rope_theta: 1e+300 does not fit a float"},
        {"\"rope_theta\": 10000.0", "\"rope_theta\": 0", "vision_config.rope_theta: 0 is outside 1 to 1e+12"},
        {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"", "\"relu\" is neither \"gelu\" nor \"gelu_tanh\""},
        {"\"image_std\": [", "\"image_std\": [1,", "vision_config.image_std: expected 3 numbers, found 4"},
        {"\"image_mean\": [", "\"image_mean\": [true, 0, 0], \"was\": [", "element 0 is not a number"},
        {"\"merge\": \"average\"", "\"merge\": 2", "adapter_config.merge: expected a string, found 2"},
        {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "3 does not divide num_attention_heads 4"},
        {"\"head_dim\": 64", "\"head_dim\": 60", "text_config.head_dim: 60 is not a multiple of 8"},
        {"\"head_dim\": 64", "\"head_dim\": 264", "text_config.head_dim: 264 is outside 1 to 256"},
        {"\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 5", "5 is outside 1 to num_experts 4"},
        {"\"num_experts\": 4", "\"num_experts\": 0", "0 of 6 layers are dense, but num_experts is 0"},
        {"\"num_experts\": 4", "\"num_experts\": 100000", "text_config.num_experts: 100000 is outside 0 to 1024"},
        {"\"moe_intermediate_size\": 512,", "", "text_config.moe_intermediate_size: 0 is not positive"},
        {"\"first_k_dense_replace\": 0", "\"first_k_dense_replace\": 7", "7 is over num_hidden_layers 6"},
        {"\"first_k_dense_replace\": 0", "\"first_k_dense_replace\": 1", "intermediate_size: 0 is not positive"},
        {"\"vocab_size\": 8192", "\"vocab_size\": 8000", "image_start_token_id: 8163 is outside the vocabulary"},
        {"\"image_patch_token_id\": 8164", "\"image_patch_token_id\": 8165", "8165 is the image_end_token_id too"},
        {"\"min_pixels\": 3136", "\"min_pixels\": 9000000", "min_pixels: 9000000 is over max_pixels 4014080"},
        {"\"seedling\"", "\"qwen3\"", "model_type: \"qwen3\" is another kind of model"},
        {"\"name\": \"nano\"", "\"name\": \"0123456789012345678901234567890123456789012345678901234567890123\"",
         "name: longer than 63 bytes"},
        {"{", "[", "bad JSON"},
    };
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        edited(&text, cases[i].from, cases[i].to);
        sl_config c;
        sl_error err = {0};
        if (sl_config_parse(sl_buf_str(&text), text.len, &c, &err) != SL_ERR_FORMAT)
            fail_msg("%s was accepted", cases[i].to);
        if (!strstr(err.message, cases[i].message))
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].message);
    }
    sl_buf_release(&text);
}

static void test_unknown_keys_and_missing_options_are_fine(void **state)
{
    (void)state;
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    sl_config c, nano = named("nano");
    sl_error err;
    edited(&text, "\"patch_size\"", "\"new_thing\": {\"a\": [1]}, \"patch_size\"");
    assert_sl_ok(sl_config_parse(sl_buf_str(&text), text.len, &c, &err), &err);
    expect_equal(&c, &nano);
    edited(&text, "\"max_pixels\": 4014080,", "");
    assert_sl_ok(sl_config_parse(sl_buf_str(&text), text.len, &c, &err), &err);
    expect_equal(&c, &nano);
    sl_buf_release(&text);
}

static void test_check_refuses_numbers_that_are_none(void **state)
{
    (void)state;
    sl_error err;
    sl_config c = named("nano");
    c.decoder.norm_eps = NAN;
    assert_int_equal(sl_config_check(&c, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "text_config.rms_norm_eps"));
    c = named("nano");
    c.vit.std[2] = 0;
    assert_int_equal(sl_config_save(&c, test_temp_dir(), &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "vision_config.image_std"));
}

static void test_load_errors_name_the_file(void **state)
{
    (void)state;
    sl_config c;
    sl_error err;
    const char *dir = test_temp_path("broken");
    assert_int_equal(sl_config_load(dir, &c, &err), SL_ERR_IO);
    assert_non_null(strstr(err.message, "broken/config.json"));
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    test_write_file(test_temp_path("broken/config.json"), "{}", 2);
    assert_int_equal(sl_config_load(dir, &c, &err), SL_ERR_FORMAT);
    assert_non_null(strstr(err.message, "broken/config.json: model_type: missing"));
}

static void test_generation_config_defaults_and_round_trip(void **state)
{
    (void)state;
    sl_error err;
    sl_config c = named("nano");
    sl_generation_config g, back;
    const char *dir = test_temp_path("generation");
    assert_sl_ok(sl_generation_config_load(dir, &c, &g, &err), &err);
    assert_true(g.temperature == 0 && g.top_p == 1 && g.top_k == 0 && g.repetition_penalty == 1);
    assert_int_equal(g.max_new_tokens, 2048);
    assert_true(g.n_eos == 1 && g.eos[0] == c.ids.eos);
    g = (sl_generation_config){.temperature = 0.7f,
                               .top_p = 0.95f,
                               .top_k = 40,
                               .max_new_tokens = 77,
                               .repetition_penalty = 1.05f,
                               .eos = {5, 6, 7},
                               .n_eos = 3};
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    assert_sl_ok(sl_generation_config_save(&g, dir, &err), &err);
    assert_sl_ok(sl_generation_config_load(dir, &c, &back, &err), &err);
    assert_true(back.temperature == g.temperature && back.top_p == g.top_p && back.top_k == 40);
    assert_true(back.max_new_tokens == 77 && back.repetition_penalty == g.repetition_penalty && back.n_eos == 3);
    assert_memory_equal(back.eos, g.eos, 3 * sizeof(int));
}

static void test_generation_config_reads_what_others_write(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message; /* NULL: accepted */
    } cases[] = {
        {"{\"do_sample\": false, \"temperature\": 0.6, \"eos_token_id\": 9}", NULL},
        {"{\"eos_token_id\": [1,2,3,4,5,6,7,8,9]}", "eos_token_id: 9 ids, at most 8"},
        {"{\"eos_token_id\": [1,9000]}", "eos_token_id: element 1 is not a token id below 8192"},
        {"{\"eos_token_id\": -1}", "eos_token_id: -1 is outside"},
        {"{\"temperature\": -1}", "temperature: -1 is outside"},
        {"{\"top_p\": 0}", "top_p: 0 is outside"},
        {"{\"max_new_tokens\": 0}", "max_new_tokens: 0 is outside"},
        {"[]", "expected a JSON object"},
    };
    sl_config c = named("nano");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_generation_config g;
        sl_error err = {0};
        sl_status status = sl_generation_config_parse(cases[i].json, strlen(cases[i].json), &c, &g, &err);
        if (!cases[i].message) {
            assert_sl_ok(status, &err);
            assert_true(g.temperature == 0 && g.n_eos == 1 && g.eos[0] == 9);
        } else {
            assert_int_equal(status, SL_ERR_FORMAT);
            if (!strstr(err.message, cases[i].message)) fail_msg("%s: %s", cases[i].json, err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named_sizes_are_the_published_ones),
        cmocka_unit_test(test_every_name_is_listed_and_valid),
        cmocka_unit_test(test_save_and_load_round_trip),
        cmocka_unit_test(test_bad_documents_are_refused_by_key),
        cmocka_unit_test(test_unknown_keys_and_missing_options_are_fine),
        cmocka_unit_test(test_check_refuses_numbers_that_are_none),
        cmocka_unit_test(test_load_errors_name_the_file),
        cmocka_unit_test(test_generation_config_defaults_and_round_trip),
        cmocka_unit_test(test_generation_config_reads_what_others_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
