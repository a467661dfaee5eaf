/*
 * test_engine_families.c: the engine on checkpoints of other families: what it generates with its caches, in pieces,
 * from a picture or a pair of frames, is what one pass over everything says, token for token.
 */
#include "test.h"

#include "infer/engine.h"
#include "infer/prompt.h"
#include "media/view.h"
#include "tensor/cpu/cpu.h"

enum { N_NEW = 6, MOST = 256 };

struct rig {
    sl_ops *ops;
    sl_model *model;
    sl_engine *engine;
    sl_workspace work;
};

static void open_rig(struct rig *r, const char *family)
{
    char path[128];
    sl_error err = {0};
    sl_engine_options o;
    snprintf(path, sizeof path, "tests/model/golden/families/%s", family);
    assert_sl_ok(sl_cpu_ops_default(1, &r->ops, &err), &err);
    sl_weight_plan plan = {.ops = r->ops, .dt = SL_F32};
    assert_sl_ok(sl_model_open(path, &plan, &r->model, &err), &err);
    sl_engine_defaults(&o);
    o.chunk = 8; /* the prompt comes in pieces, pictures in the middle */
    o.max_context = MOST;
    assert_sl_ok(sl_engine_over(r->model, NULL, &o, &r->engine, &err), &err);
    assert_sl_ok(sl_workspace_init(&r->work, r->ops, SL_F32, (size_t)1 << 30, &err), &err);
}

static void close_rig(struct rig *r)
{
    sl_engine_free(r->engine);
    sl_workspace_free(&r->work);
    sl_model_free(r->model);
    sl_cpu_ops_free(r->ops);
}

static void draw(struct sl_picture *p, int width, int height)
{
    sl_error err = {0};
    assert_sl_ok(sl_picture_new(p, width, height, SL_PICTURE_MAX_PIXELS, &err), &err);
    for (int i = 0; i < 3 * width * height; i++) p->rgb[i] = (uint8_t)(i * 37 % 251);
}

/* The token that a pass over all n tokens makes likeliest, ids of pictures aside. */
static int32_t next_token(struct rig *r, const int32_t *tokens, int n, const struct sl_picture *picture)
{
    const sl_config *c = &r->model->config;
    struct sl_view_rule rule = sl_config_view(c);
    struct sl_view view;
    struct sl_picture copy;
    sl_batch *batch;
    sl_error err = {0};
    draw(&copy, picture->width, picture->height);
    assert_sl_ok(sl_view_make(&rule, &copy, 1, &view, &err), &err);
    float *patches = calloc((size_t)(sl_grid_patches(view.grid) * sl_patch_numel(&rule.format)), sizeof *patches);
    assert_non_null(patches);
    assert_sl_ok(sl_picture_patches(&view.picture, &rule.format, 1, patches, &err), &err);
    int32_t cu[2] = {0, n};
    sl_batch_spec spec = {tokens, 1, cu, .n_pictures = 1, .grids = &view.grid, .patches = patches};
    assert_sl_ok(sl_batch_new(c, &spec, &batch, &err), &err);
    sl_workspace_reset(&r->work);
    sl_ctx *ctx = &r->work.ctx;
    sl_tensor *logits = sl_model_logits(ctx, r->model, sl_model_forward(ctx, r->model, batch, NULL, NULL));
    assert_sl_ok(sl_ctx_status(ctx, &err), &err);
    const float *row = (const float *)logits->data + (int64_t)(n - 1) * c->decoder.vocab;
    int32_t best = -1;
    for (int32_t i = 0; i < c->decoder.vocab; i++) {
        bool marks = i == c->ids.image_start || i == c->ids.image_end;
        bool banned = sl_is_patch(&c->ids, i) || (marks && i != c->ids.eos);
        if (!banned && (best < 0 || row[i] > row[best])) best = i;
    }
    sl_batch_free(batch);
    sl_view_free(&view);
    free(patches);
    return best;
}

static void check(const char *family)
{
    struct rig r = {0};
    struct sl_picture picture;
    sl_request *request;
    sl_error err = {0};
    sl_ask ask;
    open_rig(&r, family);
    draw(&picture, 53, 37);
    const int32_t prompt[] = {3, 17, r.model->config.ids.image_patch, 8, 77};
    sl_ask_picture asked = {.pixels = &picture};
    sl_ask_defaults(r.engine, &ask);
    ask.tokens = prompt;
    ask.n_tokens = 5;
    ask.pictures = &asked;
    ask.n_pictures = 1;
    ask.max_tokens = N_NEW;
    ask.ignore_eos = true;
    for (int twice = 0; twice < 2; twice++) { /* the second time from the caches */
        assert_sl_ok(sl_engine_answer(r.engine, &ask, &request, &err), &err);
        const sl_result *result = sl_request_result(request);
        int32_t all[MOST];
        int n = result->usage.prompt_tokens;
        assert_int_equal(result->usage.completion_tokens, N_NEW);
        assert_int_equal(result->usage.image_tokens, n - 4);
        memcpy(all, result->prompt, (size_t)n * sizeof *all);
        for (int i = 0; i < N_NEW; i++) {
            assert_int_equal(result->tokens[i], next_token(&r, all, n, &picture));
            all[n++] = result->tokens[i];
        }
        sl_request_free(request);
    }
    sl_picture_free(&picture);
    close_rig(&r);
}

static void test_qwen3_vl_generates_what_one_pass_says(void **state)
{
    (void)state;
    check("qwen3_vl");
    check("qwen3_vl_moe");
}

static void test_qwen2_5_vl_generates_what_one_pass_says(void **state)
{
    (void)state;
    check("qwen2_5_vl");
}

static void test_kimi_vl_generates_what_one_pass_says(void **state)
{
    (void)state;
    check("kimi_vl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qwen3_vl_generates_what_one_pass_says),
        cmocka_unit_test(test_qwen2_5_vl_generates_what_one_pass_says),
        cmocka_unit_test(test_kimi_vl_generates_what_one_pass_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
