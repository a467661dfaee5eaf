/*
 * test_objectives.c: the stages of Seed-ViT's pretraining learn what they are for, measured on pictures never trained
 * on; each by a margin that a model which does not learn fails.
 */
#include "objective_test.h"

#include "model/pretrain.h"
#include "train/superclass.h"

static void masked_patches_are_predicted_from_visible_ones(void **state)
{
    (void)state;
    for (int dt = SL_F32; dt <= SL_BF16; dt++) {
        struct ot_stage s;
        ot_stage_start(&s, &sl_objective_vit_mim, "{\"momentum\": 0.9}", (sl_dtype)dt);
        double before = ot_stage_measure(&s, "cosine");
        ot_stage_train(&s, 10, 0);
        assert_true(fabs(ot_stage_measure(&s, "cosine") - before) < 0.02); /* nothing learned, nothing gained */
        ot_stage_train(&s, 40, 2e-3f);
        double after = ot_stage_measure(&s, "cosine");
        if (!(after > before + 0.3 && after > ot_stage_measure(&s, "cosine/picture_mean") + 0.3))
            fail_msg("%s: cosine %g after %g", sl_dtype_name((sl_dtype)dt), after, before);
        ot_stage_free(&s);
    }
}

static void a_checkpoint_can_be_the_teacher(void **state)
{
    (void)state;
    sl_error err = {0};
    struct mt_rig r;
    sl_config c = mt_tiny_config();
    char options[400];
    c.vit.hidden = 32, c.vit.mlp_hidden = 48; /* narrower than the student, and with pixels of another scale */
    for (int i = 0; i < 3; i++) c.vit.mean[i] = 0.5f, c.vit.std[i] = 0.5f;
    mt_rig_new(&r, &c, mt_levels() - 1, SL_F32, SL_TRAIN_ALL);
    assert_sl_ok(sl_model_save(r.model, test_temp_dir(), SL_F32, 0, &err), &err);
    mt_rig_free(&r);
    struct ot_stage s;
    snprintf(options, sizeof options, "{\"teacher\": \"%s\"}", test_temp_dir());
    ot_stage_start(&s, &sl_objective_vit_mim, options, SL_F32);
    assert_int_equal(s.config.pretrain.teacher_hidden, 32);
    double before = ot_stage_measure(&s, "cosine"), constant = ot_stage_measure(&s, "cosine/picture_mean");
    ot_stage_train(&s, 40, 2e-3f);
    double after = ot_stage_measure(&s, "cosine");
    assert_true(fabs(ot_stage_measure(&s, "cosine/picture_mean") - constant) < 1e-6); /* the teacher stays as it is */
    if (!(after > before + 0.3)) fail_msg("cosine %g after %g, a constant reaches %g", after, before, constant);
    ot_stage_free(&s);
}

static void pictures_find_their_captions(void **state)
{
    (void)state;
    for (int dt = SL_F32; dt <= SL_BF16; dt++) {
        struct ot_stage s;
        ot_stage_start(&s, &sl_objective_vit_contrastive, NULL, (sl_dtype)dt);
        double before = ot_stage_measure(&s, "accuracy"), chance = ot_stage_measure(&s, "accuracy/chance");
        assert_float_equal(chance, 1.0 / OT_CLASSES, 1e-9);
        ot_stage_train(&s, 36, 2e-3f);
        double after = ot_stage_measure(&s, "accuracy"), recall = ot_stage_measure(&s, "recall");
        if (!(before < 0.6 && after > 0.9 && recall > 0.9))
            fail_msg("%s: accuracy %g after %g, recall %g", sl_dtype_name((sl_dtype)dt), after, before, recall);
        ot_stage_free(&s);
    }
}

/* SuperClass alone teaches the tower: the head names the tokens of captions it has not met with these pixels. */
static void pictures_name_the_tokens_of_their_captions(void **state)
{
    (void)state;
    struct ot_stage s;
    ot_stage_start(&s, &sl_objective_vit_contrastive, "{\"siglip\": 1e-6}", SL_F32);
    ot_stage_train(&s, 36, 2e-3f);
    struct ot_sequence *q = ot_sequence_new(&s.config, 0, 9000, false);
    const sl_model *m = s.trainer->model;
    sl_ctx *ctx = sl_trainer_begin_forward(s.trainer);
    sl_tensor *x = sl_pool_forward(ctx, m, sl_vit_forward(ctx, m, q->batch), q->batch->cu_patches, OT_SAMPLES);
    x = sl_fn_linear(ctx, x, m->weights.pretrain.superclass, &(sl_linear){.f32_result = true});
    const float *logits = x->data;
    for (int i = 0; i < OT_SAMPLES; i++) {
        int best = 0;
        for (int t = 1; t < s.config.decoder.vocab; t++)
            if (logits[i * s.config.decoder.vocab + t] > logits[i * s.config.decoder.vocab + best]) best = t;
        assert_int_equal(best, 20 + i % OT_CLASSES); /* the rarest token of the caption */
    }
    const float *counts = m->weights.pretrain.token_counts->value;
    assert_float_equal(*(float *)m->weights.pretrain.n_captions->value, 36 * OT_SAMPLES, 0);
    assert_float_equal(counts[7], 36 * OT_SAMPLES, 0);
    assert_float_equal(counts[20], 36 * OT_SAMPLES / OT_CLASSES, 0);
    assert_float_equal(counts[s.config.ids.eos], 0, 0);
    ot_sequence_free(q);
    ot_stage_free(&s);
}

/* Rare tokens weigh log(N / f); a token of every caption weighs nothing. */
static void shares_follow_the_inverse_document_frequency(void **state)
{
    (void)state;
    struct ot_stage s;
    sl_error err = {0};
    ot_stage_start(&s, &sl_objective_vit_contrastive, NULL, SL_F32);
    struct ot_sequence *q = ot_sequence_new(&s.config, 0, 1, false);
    sl_superclass counts;
    sl_captions *captions;
    assert_sl_ok(sl_superclass_init(&counts, s.config.decoder.vocab, &err), &err);
    assert_sl_ok(sl_captions_new(&q->data, 77, s.config.ids.eos, &captions, &err), &err);
    assert_int_equal(captions->n, OT_SAMPLES);
    assert_int_equal(captions->labels[OT_CLASSES], 0);
    sl_ctx *ctx = sl_trainer_begin(s.trainer);
    for (int pass = 0; pass < 2; pass++) {
        const sl_distributions *d = sl_superclass_targets(&counts, ctx, s.trainer->model, captions, -1);
        double rare = log(6), half = log(2);
        assert_int_equal(d->cu_labels[1], 3);
        for (int k = 0; k < 3; k++) {
            double want = d->labels[k] == 7 ? 0 : (d->labels[k] == 20 ? rare : half) / (rare + half);
            assert_float_equal(d->shares[k], want, 1e-6);
        }
    }
    sl_captions_free(captions);
    assert_sl_ok(sl_captions_new(&q->data, 3, s.config.ids.eos, &captions, &err), &err);
    assert_int_equal(captions->cu[1], 3); /* cut, but eos is there */
    assert_int_equal(captions->tokens[2], s.config.ids.eos);
    sl_captions_free(captions);
    sl_superclass_free(&counts);
    ot_sequence_free(q);
    ot_stage_free(&s);
}

static void what_is_seen_heard_and_said_meets(void **state)
{
    (void)state;
    for (int dt = SL_BF16; dt <= SL_BF16; dt++) {
        struct ot_stage s;
        ot_stage_start(&s, &sl_objective_vit_omni, NULL, (sl_dtype)dt);
        s.sound = true;
        double accuracy = ot_stage_measure(&s, "accuracy"), caption = ot_stage_measure(&s, "loss");
        ot_stage_train(&s, 50, 2e-3f);
        double after = ot_stage_measure(&s, "accuracy"), heard = ot_stage_measure(&s, "sound/accuracy");
        double match = ot_stage_measure(&s, "accuracy/matching"), written = ot_stage_measure(&s, "loss");
        const char *type = sl_dtype_name((sl_dtype)dt);
        if (!(accuracy < 0.6 && after > 0.9)) fail_msg("%s: accuracy %g after %g", type, after, accuracy);
        if (!(heard > 0.9)) fail_msg("%s: %g of the sounds find their caption", type, heard);
        if (!(match > 0.9)) fail_msg("%s: %g of the verdicts are right", type, match);
        if (!(caption > 4 && written < 0.5)) fail_msg("%s: captions at %g after %g", type, written, caption);
        ot_stage_free(&s);
    }
}

/* Central differences of the whole loss, all three parts of it, through both towers. */
static void gradients_of_the_omni_loss_match_central_differences(void **state)
{
    (void)state;
    struct ot_stage s;
    sl_error err = {0};
    sl_tally tally = {0};
    ot_stage_start(&s, &sl_objective_vit_omni, "{\"matching\": 0.5, \"captioning\": 2}", SL_F32);
    s.sound = true;
    ot_stage_train(&s, 8, 2e-3f);
    struct ot_sequence *q = ot_sequence_new(&s.config, 0, 77, true);
    sl_micro_batch b = {&q->data, q->batch, 0, 0};
    sl_loss loss;
    assert_sl_ok(s.objective->loss(s.state, sl_trainer_begin(s.trainer), &b, &loss, &tally, &err), &err);
    sl_weights *w = &s.trainer->model->weights;
    static const char *const names[] = {"blocks.0.attn.qkv.weight", "pool.query",   "pool.kv.weight",  "logit_scale",
                                        "omni.proj.weight",         "match.weight", "text.proj.weight"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        sl_weight_row *r = NULL;
        for (int i = 0; i < w->n_rows; i++)
            if (strstr(w->rows[i].name, names[k])) r = &w->rows[i];
        assert_non_null(r);
        int64_t at = 0;
        for (int64_t i = 1; i < sl_weight_row_numel(r); i++)
            if (fabsf(r->w.grad[i]) > fabsf(r->w.grad[at])) at = i;
        float *x = (float *)r->w.value + at, kept = *x;
        double grad = r->w.grad[at], sides[2];
        for (int side = 0; side < 2; side++) {
            *x = kept + (side ? 1e-3f : -1e-3f);
            sl_weight_repack(r, &s.trainer->model->plan);
            float *saved = malloc((size_t)sl_weight_row_numel(r) * sizeof *saved);
            memcpy(saved, r->w.grad, (size_t)sl_weight_row_numel(r) * sizeof *saved);
            assert_sl_ok(s.objective->loss(s.state, sl_trainer_begin(s.trainer), &b, &loss, &tally, &err), &err);
            memcpy(r->w.grad, saved, (size_t)sl_weight_row_numel(r) * sizeof *saved);
            free(saved);
            sides[side] = loss.sum;
        }
        *x = kept;
        sl_weight_repack(r, &s.trainer->model->plan);
        /* Other rows went on adding to their gradients; start them anew. */
        sl_trainer_skip(s.trainer);
        assert_sl_ok(s.objective->loss(s.state, sl_trainer_begin(s.trainer), &b, &loss, &tally, &err), &err);
        double want = (sides[1] - sides[0]) / 2e-3;
        if (!(fabs(want - grad) < 0.03 * fabs(want) + 1e-2)) fail_msg("%s: %g, not %g", r->name, grad, want);
    }
    sl_tally_free(&tally);
    ot_sequence_free(q);
    ot_stage_free(&s);
}

static void bad_options_are_named(void **state)
{
    (void)state;
    static const struct {
        const sl_objective *objective;
        const char *options, *message;
    } cases[] = {
        {&sl_objective_vit_mim, "{\"teachr\": \"x\"}", "teacher"},
        {&sl_objective_vit_mim, "{\"mask\": 1.5}", "mask"},
        {&sl_objective_vit_mim, "{\"teacher\": \"/nowhere\"}", "/nowhere"},
        {&sl_objective_vit_mim, "{\"teacher\": \"/nowhere\", \"layers\": 2}", "layers"},
        {&sl_objective_vit_mim, "{\"layers\": 100}", "layers"},
        {&sl_objective_vit_contrastive, "{\"siglip\": 0}", "siglip"},
        {&sl_objective_vit_omni, "{\"matching\": 0}", "matching"},
        {&sl_objective_vit_contrastive, "{\"superclas\": 1}", "superclass"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_config c = mt_tiny_config();
        sl_error err = {0};
        json_t *options = json_loads(cases[i].options, 0, NULL);
        assert_int_not_equal(cases[i].objective->configure(&c, options, &err), SL_OK);
        if (!strstr(err.message, cases[i].message)) fail_msg("'%s' does not name %s", err.message, cases[i].message);
        json_decref(options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_patches_are_predicted_from_visible_ones),
        cmocka_unit_test(a_checkpoint_can_be_the_teacher),
        cmocka_unit_test(pictures_find_their_captions),
        cmocka_unit_test(pictures_name_the_tokens_of_their_captions),
        cmocka_unit_test(shares_follow_the_inverse_document_frequency),
        cmocka_unit_test(what_is_seen_heard_and_said_meets),
        cmocka_unit_test(gradients_of_the_omni_loss_match_central_differences),
        cmocka_unit_test(bad_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
