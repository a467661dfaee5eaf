/*
 * test_model.c: properties of the assembled model that need no reference: packing, recomputation, checkpoints, sizes.
 */
#include "model_test.h"

#include "model/count.h"
#include "model/safetensors.h"

#include <math.h>

enum { N_SEQUENCES = 4 };

/* Sequences with and without pictures, and the patches of all pictures in order. */
struct samples {
    struct mt_sequence s[N_SEQUENCES];
    float *patches;
    int64_t first_patch[N_SEQUENCES + 1];
    int64_t patch_numel;
};

static void make_samples(struct samples *m, const sl_config *c)
{
    struct sl_rng rng;
    sl_rng_init(&rng, 7, 0);
    memset(m, 0, sizeof *m);
    mt_sequence_text(&m->s[0], &rng, 21);
    mt_sequence_picture(&m->s[0], c, 4, 6);
    mt_sequence_text(&m->s[0], &rng, 5);
    mt_sequence_text(&m->s[1], &rng, 1);
    mt_sequence_picture(&m->s[2], c, 2, 2);
    mt_sequence_picture(&m->s[2], c, 10, 4);
    mt_sequence_text(&m->s[2], &rng, 30);
    mt_sequence_text(&m->s[3], &rng, 70);
    m->patch_numel = 3 * c->vit.patch_size * c->vit.patch_size;
    for (int i = 0; i < N_SEQUENCES; i++) {
        m->first_patch[i + 1] = m->first_patch[i];
        for (int g = 0; g < m->s[i].n_grids; g++)
            m->first_patch[i + 1] += (int64_t)m->s[i].grids[g].rows * m->s[i].grids[g].cols;
    }
    int64_t n = m->first_patch[N_SEQUENCES] * m->patch_numel;
    m->patches = malloc((size_t)n * sizeof *m->patches);
    for (int64_t i = 0; i < n; i++) m->patches[i] = sl_rng_float(&rng) * 4 - 2;
}

/* A batch of sequences first .. last; every second text token has a target. */
static sl_batch *batch_of(const struct samples *m, const sl_config *c, int first, int last)
{
    int32_t tokens[1024], targets[1024], cu[N_SEQUENCES + 1] = {0};
    sl_grid grids[8];
    int n = 0, n_grids = 0;
    for (int i = first; i <= last; i++) {
        memcpy(tokens + n, m->s[i].tokens, (size_t)m->s[i].n_tokens * sizeof *tokens);
        memcpy(grids + n_grids, m->s[i].grids, (size_t)m->s[i].n_grids * sizeof *grids);
        n += m->s[i].n_tokens;
        n_grids += m->s[i].n_grids;
        cu[i - first + 1] = n;
    }
    for (int i = 0; i < n; i++) targets[i] = tokens[i] < 140 && i % 2 ? (tokens[i] * 7 + 3) % 140 : -1;
    sl_batch_spec spec = {
        .tokens = tokens,
        .n_seqs = last - first + 1,
        .cu_seqlens = cu,
        .targets = targets,
        .n_pictures = n_grids,
        .grids = grids,
        .patches = m->patches + m->first_patch[first] * m->patch_numel,
    };
    sl_batch *b = NULL;
    sl_error err = {0};
    assert_sl_ok(sl_batch_new(c, &spec, &b, &err), &err);
    return b;
}

static const float *logits_of(struct mt_rig *r, const sl_batch *b)
{
    sl_workspace_reset(&r->work);
    sl_ctx *ctx = &r->work.ctx;
    sl_tensor *t = sl_model_logits(ctx, r->model, sl_model_forward(ctx, r->model, b, NULL, NULL));
    assert_non_null(t);
    return t->data;
}

static void check_packing(const sl_config *c, const struct samples *m, int level, sl_dtype dt)
{
    struct mt_rig r;
    mt_rig_new(&r, c, level, dt, 0);
    sl_batch *all = batch_of(m, c, 0, N_SEQUENCES - 1);
    size_t row = (size_t)c->decoder.vocab * sizeof(float), bytes = (size_t)all->n_tokens * row;
    float *packed = malloc(bytes);
    memcpy(packed, logits_of(&r, all), bytes);
    for (int i = 0; i < N_SEQUENCES; i++) {
        sl_batch *one = batch_of(m, c, i, i);
        const float *alone = logits_of(&r, one);
        const char *here = (const char *)packed + (size_t)all->cu_seqlens[i] * row;
        if (memcmp(alone, here, (size_t)one->n_tokens * row) != 0)
            fail_msg("sequence %d changes when packed (%s, %s)", i, r.ops->name, sl_dtype_name(dt));
        sl_batch_free(one);
    }
    free(packed);
    sl_batch_free(all);
    mt_rig_free(&r);
}

static void test_packing_changes_no_bit(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct samples m;
    make_samples(&m, &c);
    for (int level = 0; level < mt_levels(); level++) {
        check_packing(&c, &m, level, SL_F32);
        check_packing(&c, &m, level, SL_BF16);
    }
    free(m.patches);
}

/*
 * Encodes the batch's pictures, a piece and the first `whole` blocks at once and the others in pieces; -1: nothing at
 * once.
 */
static sl_tensor *features_in_pieces(struct mt_rig *r, const sl_batch *b, int whole, int rows)
{
    sl_ctx *ctx = &r->work.ctx;
    sl_vit_pass pass;
    sl_workspace_reset(&r->work);
    if (rows == 0)
        sl_vit_begin(ctx, r->model, b, &pass);
    else
        sl_vit_begin_pieces(ctx, r->model, b, &pass);
    if (rows) sl_vit_continue_piece(ctx, r->model, &pass, rows);
    if (whole >= 0) sl_vit_continue(ctx, r->model, &pass, whole);
    while (!ctx->failed && pass.next < r->model->config.vit.depth) sl_vit_continue_piece(ctx, r->model, &pass, rows);
    return sl_vit_features(ctx, r->model, &pass);
}

static void check_pieces(const sl_config *c, const struct samples *m, int level, sl_dtype dt)
{
    struct mt_rig r;
    mt_rig_new(&r, c, level, dt, 0);
    sl_batch *b = batch_of(m, c, 0, N_SEQUENCES - 1);
    const sl_tensor *t = features_in_pieces(&r, b, c->vit.depth, 0);
    assert_non_null(t);
    size_t bytes = (size_t)sl_tensor_numel(t) * sl_dtype_size(t->dtype), peak = r.work.data.peak;
    void *whole = malloc(bytes);
    memcpy(whole, t->data, bytes);
    for (int first = -1; first < 2; first++)
        for (int rows = 1; rows < 200; rows = 3 * rows + 2) {
            t = features_in_pieces(&r, b, first, rows);
            if (!t || memcmp(t->data, whole, bytes) != 0)
                fail_msg("pieces of %d rows change the features (%s, %s)", rows, r.ops->name, sl_dtype_name(dt));
        }
    assert_int_equal(r.work.data.peak, peak); /* what the engine sets aside is enough */
    free(whole);
    sl_batch_free(b);
    mt_rig_free(&r);
}

static void test_blocks_in_pieces_change_no_bit(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct samples m;
    c.vit.mlp_hidden = 4 * c.vit.hidden;
    make_samples(&m, &c);
    for (int level = 0; level < mt_levels(); level++) {
        check_pieces(&c, &m, level, SL_F32);
        check_pieces(&c, &m, level, SL_BF16);
    }
    free(m.patches);
}

/* Runs forward and backward and returns a copy of all gradients, owned. */
static float *gradients(struct mt_rig *r, const sl_batch *b, sl_keep keep, size_t *n)
{
    sl_error err = {0};
    double loss;
    sl_workspace_reset(&r->work);
    r->work.ctx.tape = &r->tape;
    r->model->vit_keep = r->model->decoder_keep = keep;
    *n = 0;
    for (int i = 0; i < r->model->weights.n_rows; i++) {
        sl_weight_row *row = &r->model->weights.rows[i];
        size_t count = (size_t)sl_weight_row_numel(row);
        if (row->w.grad) memset(row->w.grad, 0, count * sizeof(float)), *n += count;
    }
    assert_sl_ok(sl_model_loss(&r->work.ctx, r->model, b, NULL, &loss, &err), &err);
    float *all = malloc(*n * sizeof *all), *at = all;
    for (int i = 0; i < r->model->weights.n_rows; i++) {
        sl_weight_row *row = &r->model->weights.rows[i];
        size_t count = (size_t)sl_weight_row_numel(row);
        if (row->w.grad) memcpy(at, row->w.grad, count * sizeof *at), at += count;
    }
    return all;
}

static void test_recomputation_changes_no_gradient(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct samples m;
    make_samples(&m, &c);
    sl_batch *b = batch_of(&m, &c, 0, N_SEQUENCES - 1);
    for (int dt = SL_F32; dt <= SL_BF16; dt++) {
        struct mt_rig r;
        size_t n, again;
        mt_rig_new(&r, &c, mt_levels() - 1, (sl_dtype)dt, SL_TRAIN_ALL);
        float *kept = gradients(&r, b, SL_KEEP_ALL, &n);
        size_t kept_bytes = r.work.data.peak;
        sl_arena_reset_peak(&r.work.data);
        sl_workspace_reset(&r.work);
        sl_arena_reset_peak(&r.work.data);
        float *recomputed = gradients(&r, b, SL_KEEP_INPUT, &again);
        assert_int_equal(n, again);
        assert_memory_equal(kept, recomputed, n * sizeof *kept);
        assert_true(r.work.data.peak < kept_bytes);
        free(kept);
        free(recomputed);
        mt_rig_free(&r);
    }
    sl_batch_free(b);
    free(m.patches);
}

static void test_a_frozen_part_gets_no_gradient_and_costs_no_memory(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct samples m;
    make_samples(&m, &c);
    sl_batch *b = batch_of(&m, &c, 0, N_SEQUENCES - 1);
    struct mt_rig all, adapter;
    size_t n;
    mt_rig_new(&all, &c, mt_levels() - 1, SL_F32, SL_TRAIN_ALL);
    mt_rig_new(&adapter, &c, mt_levels() - 1, SL_F32, 1u << SL_MODULE_ADAPTER);
    free(gradients(&all, b, SL_KEEP_ALL, &n));
    free(gradients(&adapter, b, SL_KEEP_ALL, &n));
    assert_true(adapter.work.data.peak < all.work.data.peak);
    for (int i = 0; i < all.model->weights.n_rows; i++) {
        const sl_weight_row *want = &all.model->weights.rows[i], *got = &adapter.model->weights.rows[i];
        if (got->module != SL_MODULE_ADAPTER)
            assert_null(got->w.grad);
        else
            assert_memory_equal(got->w.grad, want->w.grad, (size_t)sl_weight_row_numel(got) * sizeof(float));
    }
    mt_rig_free(&all);
    mt_rig_free(&adapter);
    sl_batch_free(b);
    free(m.patches);
}

static void test_bf16_stays_near_f32(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct samples m;
    make_samples(&m, &c);
    sl_batch *b = batch_of(&m, &c, 0, N_SEQUENCES - 1);
    struct mt_rig exact, fast;
    mt_rig_new(&exact, &c, 0, SL_F32, 0);
    size_t n = (size_t)b->n_tokens * (size_t)c.decoder.vocab;
    const float *want = logits_of(&exact, b);
    for (int level = 0; level < mt_levels(); level++) {
        mt_rig_new(&fast, &c, level, SL_BF16, 0);
        const float *got = logits_of(&fast, b);
        double error = 0, size = 0;
        for (size_t i = 0; i < n; i++) {
            error += pow((double)got[i] - want[i], 2);
            size += pow(want[i], 2);
        }
        /* About ten roundings of 2^-9 in a row; a routing flip of one token would show as a few percent. */
        if (sqrt(error / size) > 0.05) fail_msg("%s: relative error %g", fast.ops->name, sqrt(error / size));
        mt_rig_free(&fast);
    }
    mt_rig_free(&exact);
    sl_batch_free(b);
    free(m.patches);
}

static void test_a_saved_model_loads_with_the_same_bits(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct mt_rig saved, loaded;
    sl_error err = {0};
    const char *dir = test_temp_path("saved");
    mt_rig_new(&saved, &c, 0, SL_F32, SL_TRAIN_ALL);
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    for (size_t shard = 0; shard <= 100000; shard += 100000) {
        assert_sl_ok(sl_model_save(saved.model, dir, SL_F32, shard, &err), &err);
        mt_rig_open(&loaded, dir, mt_levels() - 1, SL_F32, SL_TRAIN_ALL);
        for (int i = 0; i < saved.model->weights.n_rows; i++) {
            const sl_weight_row *a = &saved.model->weights.rows[i], *b = &loaded.model->weights.rows[i];
            assert_string_equal(a->name, b->name);
            assert_memory_equal(a->w.value, b->w.value, (size_t)sl_weight_row_numel(a) * sizeof(float));
        }
        mt_rig_free(&loaded);
    }
    mt_rig_free(&saved);
}

static void test_initial_weights_do_not_depend_on_threads(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct mt_rig one, three;
    sl_error err = {0};
    sl_weight_plan plan = {.dt = SL_F32, .trainable = SL_TRAIN_ALL};
    mt_rig_start(&one, 0, SL_F32, 1);
    mt_rig_start(&three, 0, SL_F32, 3);
    plan.ops = one.ops;
    assert_sl_ok(sl_model_new(&c, &plan, false, &one.model, &err), &err);
    assert_sl_ok(sl_model_init(one.model, 5, &err), &err);
    plan.ops = three.ops;
    assert_sl_ok(sl_model_new(&c, &plan, false, &three.model, &err), &err);
    assert_sl_ok(sl_model_init(three.model, 5, &err), &err);
    double sum = 0, squares = 0, n = 0;
    for (int i = 0; i < one.model->weights.n_rows; i++) {
        const sl_weight_row *a = &one.model->weights.rows[i];
        assert_memory_equal(a->w.value, three.model->weights.rows[i].w.value,
                            (size_t)sl_weight_row_numel(a) * sizeof(float));
        if (strcmp(a->name, "model.language_model.embed_tokens.weight") != 0) continue;
        n = (double)sl_weight_row_numel(a);
        for (int64_t k = 0; k < (int64_t)n; k++) {
            sum += ((float *)a->w.value)[k];
            squares += pow(((float *)a->w.value)[k], 2);
        }
    }
    assert_true(fabs(sum / n) < 0.01);
    assert_true(fabs(sqrt(squares / n) / sqrt(2.0 / (5 * 64)) - 1) < 0.05);
    mt_rig_free(&one);
    mt_rig_free(&three);
}

/* --- checkpoints that do not fit ------------------------------------------------------------------------------- */

/* Copies the saved model's tensors but one, which gets another name or shape, and returns the load's message. */
static const char *load_altered(const char *dir, const char *tensor, const char *rename, int64_t rows)
{
    static sl_error err;
    sl_safetensors *in = NULL;
    sl_safetensors_writer *w = NULL;
    assert_sl_ok(sl_safetensors_open("tests/model/golden/softmax", &in, &err), &err);
    assert_sl_ok(sl_safetensors_writer_new(&w, &err), &err);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sl_safetensors_count(in); i++) {
            const struct sl_stored_tensor *t = sl_safetensors_at(in, i);
            bool altered = strcmp(t->name, tensor) == 0;
            int64_t shape[SL_FILE_DIMS];
            memcpy(shape, t->shape, sizeof shape);
            if (altered && rows) shape[0] = rows;
            if (altered && !rename) continue;
            size_t bytes = t->bytes / (size_t)t->shape[0] * (size_t)shape[0];
            if (pass == 0)
                assert_sl_ok(
                    sl_safetensors_writer_declare(w, altered ? rename : t->name, t->dtype, t->n_dims, shape, &err),
                    &err);
            else
                sl_safetensors_writer_add(w, altered ? rename : t->name, t->data, bytes);
        }
        if (pass == 0) assert_sl_ok(sl_safetensors_writer_begin_folder(w, dir, 0, &err), &err);
    }
    assert_sl_ok(sl_safetensors_writer_commit(&w, &err), &err);
    sl_safetensors_close(&in);

    struct mt_rig r;
    sl_config c;
    mt_rig_start(&r, 0, SL_F32, 1);
    assert_sl_ok(sl_config_load("tests/model/golden/softmax", &c, &err), &err);
    assert_sl_ok(sl_config_save(&c, dir, &err), &err);
    sl_weight_plan plan = {.ops = r.ops, .dt = SL_F32};
    assert_int_equal(sl_model_open(dir, &plan, &r.model, &err), SL_ERR_FORMAT);
    assert_null(r.model);
    mt_rig_free(&r);
    return err.message;
}

static void test_a_checkpoint_that_does_not_fit_is_refused_by_name(void **state)
{
    (void)state;
    sl_error err = {0};
    const char *dir = test_temp_path("altered"), *name = "model.language_model.layers.1.mlp.experts.down_proj";
    assert_sl_ok(sl_dir_make(dir, &err), &err);
    const char *message = load_altered(dir, name, NULL, 0);
    assert_non_null(strstr(message, "layers.1.mlp.experts.0.down_proj.weight is missing"));
    message = load_altered(dir, name, name, 2);
    assert_non_null(strstr(message, name));
    assert_non_null(strstr(message, "has shape (2, 32, 24), expected (4, 32, 24)"));
    message = load_altered(dir, "model.adapter.norm.weight", "model.adapter.norms.weight", 0);
    assert_non_null(strstr(message, "model.adapter.norm.weight is missing"));
    assert_non_null(strstr(message, dir));
}

/* --- sizes ------------------------------------------------------------------------------------------------------- */

static void test_named_configurations_have_the_published_sizes(void **state)
{
    (void)state;
    sl_config c;
    sl_param_count p;
    sl_error err = {0};
    assert_sl_ok(sl_config_named("seed1.5-vl", &c, &err), &err);
    assert_sl_ok(sl_count_params(&c, &p, &err), &err);
    assert_true(fabs((double)p.vit / 532.0e6 - 1) < 0.002);
    assert_true(fabs((double)p.decoder_active / 20e9 - 1) < 0.05);
    assert_true(p.decoder_total > 180e9 && p.decoder_total < 220e9);
    assert_sl_ok(sl_config_named("base", &c, &err), &err);
    assert_sl_ok(sl_count_params(&c, &p, &err), &err);
    assert_true(fabs((double)p.decoder_active / 1.1e9 - 1) < 0.05);
    assert_sl_ok(sl_config_named("mini", &c, &err), &err);
    assert_sl_ok(sl_count_params(&c, &p, &err), &err);
    assert_true(p.total > 80e6 && p.total < 120e6);
    assert_sl_ok(sl_config_named("nano", &c, &err), &err);
    assert_sl_ok(sl_count_params(&c, &p, &err), &err);
    assert_true(2 * p.total < 40e6);
}

static void test_a_dry_run_counts_the_work_space_to_the_byte(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    struct samples m;
    make_samples(&m, &c);
    sl_batch *b = batch_of(&m, &c, 0, N_SEQUENCES - 1);
    struct mt_rig r;
    sl_forward_cost cost;
    sl_error err = {0};
    mt_rig_new(&r, &c, mt_levels() - 1, SL_BF16, 0);
    assert_sl_ok(sl_forward_plan(&c, r.ops, SL_BF16, b, &cost, &err), &err);
    sl_model_forward(&r.work.ctx, r.model, b, NULL, NULL);
    assert_int_equal(cost.work_bytes, r.work.data.peak);
    assert_true(r.work.ctx.flops == cost.vision_flops + cost.decoder_flops);
    mt_rig_free(&r);
    sl_batch_free(b);
    free(m.patches);
}

static void test_a_batch_with_wrong_tokens_or_grids_is_refused(void **state)
{
    (void)state;
    sl_config c = mt_tiny_config();
    sl_batch *b = NULL;
    sl_error err = {0};
    int32_t tokens[4] = {1, 2, 151, 160}, cu[2] = {0, 4};
    sl_grid grid = {2, 2};
    sl_batch_spec spec = {.tokens = tokens, .n_seqs = 1, .cu_seqlens = cu, .n_pictures = 1, .grids = &grid};
    assert_int_equal(sl_batch_new(&c, &spec, &b, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "token 3 is 160; the vocabulary has 160");
    tokens[3] = 151;
    assert_int_equal(sl_batch_new(&c, &spec, &b, &err), SL_ERR_ARGUMENT);
    assert_string_equal(err.message, "2 picture tokens for 1 picture features");
    grid.rows = 3;
    assert_int_equal(sl_batch_new(&c, &spec, &b, &err), SL_ERR_ARGUMENT);
    assert_null(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packing_changes_no_bit),
        cmocka_unit_test(test_blocks_in_pieces_change_no_bit),
        cmocka_unit_test(test_recomputation_changes_no_gradient),
        cmocka_unit_test(test_a_frozen_part_gets_no_gradient_and_costs_no_memory),
        cmocka_unit_test(test_bf16_stays_near_f32),
        cmocka_unit_test(test_a_saved_model_loads_with_the_same_bits),
        cmocka_unit_test(test_initial_weights_do_not_depend_on_threads),
        cmocka_unit_test(test_a_checkpoint_that_does_not_fit_is_refused_by_name),
        cmocka_unit_test(test_named_configurations_have_the_published_sizes),
        cmocka_unit_test(test_a_dry_run_counts_the_work_space_to_the_byte),
        cmocka_unit_test(test_a_batch_with_wrong_tokens_or_grids_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
