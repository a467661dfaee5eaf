/*
 * test_pipeline.c: what each stage of a pipeline starts from, and what overrides reach it.
 */
#include "test.h"

#include "train/pipeline.h"

#include <glob.h>

/* Writes a recipe of that stage. */
static void write_stage(const char *stage)
{
    char name[64], text[512];
    snprintf(name, sizeof name, "%s.yaml", stage);
    int n = snprintf(text, sizeof text,
                     "stage: %s\nmodel: nano\ntokenizer: t.json\nsteps: 2\nbatch: {tokens: 64}\n"
                     "optimizer: {lr: 1.0e-3}\ndata: {train: d}\n",
                     stage);
    test_write_file(test_temp_path(name), text, (size_t)n);
}

static int set_up(void **state)
{
    (void)state;
    static const char *const stages[] = {"vit-mim", "vit-contrastive", "text", "stage0", "stage1", "sft"};
    static const char all[] = "pipeline:\n"
                              "  - {recipe: vit-mim.yaml, init: {}}\n"
                              "  - {recipe: vit-contrastive.yaml}\n"
                              "  - {recipe: text.yaml, init: {}}\n"
                              "  - {recipe: stage0.yaml, init: {vit: vit-contrastive, decoder: text}}\n"
                              "  - {recipe: stage1.yaml}\n"
                              "  - {recipe: sft.yaml}\n";
    for (int i = 0; i < 6; i++) write_stage(stages[i]);
    test_write_file(test_temp_path("all.yaml"), all, sizeof all - 1);
    return 0;
}

static sl_status read_all(const char *set, sl_pipeline *p, sl_error *err)
{
    return sl_pipeline_read(test_temp_path("all.yaml"), "out", &set, set ? 1 : 0, p, err);
}

static const sl_stage *stage_of(const sl_pipeline *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->stages[i].name, name) == 0) return &p->stages[i];
    fail_msg("no stage %s", name);
    return NULL;
}

/* A folder that should be NULL is "". */
static void assert_from(const sl_pipeline *p, const char *stage, const char *model, const char *vit,
                        const char *decoder)
{
    const sl_train_recipe *r = &stage_of(p, stage)->recipe;
    assert_string_equal(r->init_model ? r->init_model : "", model);
    assert_string_equal(r->init_vit ? r->init_vit : "", vit);
    assert_string_equal(r->init_decoder ? r->init_decoder : "", decoder);
}

static void test_a_stage_starts_from_the_one_before_or_from_those_named(void **state)
{
    (void)state;
    sl_pipeline p;
    sl_error err = {0};
    assert_sl_ok(read_all(NULL, &p, &err), &err);
    assert_int_equal(p.n, 6);
    assert_from(&p, "vit-mim", "", "", "");
    assert_from(&p, "vit-contrastive", "out/vit-mim", "", "");
    assert_from(&p, "text", "", "", "");
    assert_from(&p, "stage0", "", "out/vit-contrastive", "out/text");
    assert_from(&p, "sft", "out/stage1", "", "");
    sl_pipeline_release(&p);
}

static void test_what_follows_a_skipped_stage_starts_where_it_would_have(void **state)
{
    (void)state;
    sl_pipeline p;
    sl_error err = {0};
    assert_sl_ok(read_all("skip=[stage0]", &p, &err), &err);
    assert_true(stage_of(&p, "stage0")->skipped);
    assert_from(&p, "stage1", "", "out/vit-contrastive", "out/text");
    assert_from(&p, "sft", "out/stage1", "", "");
    sl_pipeline_release(&p);
    assert_sl_ok(read_all("skip=[stage1, stage0, vit-contrastive]", &p, &err), &err);
    assert_from(&p, "sft", "", "out/vit-mim", "out/text");
    sl_pipeline_release(&p);
    assert_sl_ok(read_all("skip=[vit-mim]", &p, &err), &err);
    assert_from(&p, "vit-contrastive", "", "", "");
    sl_pipeline_release(&p);
}

static void test_the_vit_can_be_trained_with_the_adapter(void **state)
{
    (void)state;
    sl_pipeline p;
    sl_error err = {0};
    assert_sl_ok(read_all("stage0.trainable=[vit, adapter]", &p, &err), &err);
    assert_int_equal(stage_of(&p, "stage0")->recipe.trainer.trainable, 1u << SL_MODULE_VIT | 1u << SL_MODULE_ADAPTER);
    assert_int_equal(stage_of(&p, "stage1")->recipe.trainer.trainable, sl_objective_stage1.trains);
    sl_pipeline_release(&p);
}

static void test_bad_skips_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"skip=[stage9]", "skip: there is no stage 'stage9'"},
        {"skip=stage0", "skip: expected a list of stages"},
        {"skip=[vit-mim, vit-contrastive, text, stage0, stage1, sft]", "skip: no stage is left"},
        {"skips=[stage0]", "no such key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_pipeline p;
        sl_error err = {0};
        assert_int_not_equal(read_all(cases[i][0], &p, &err), SL_OK);
        if (!strstr(err.message, cases[i][1])) fail_msg("%s: %s", cases[i][0], err.message);
        sl_pipeline_release(&p);
    }
}

/* Every recipe for training is a stage or a pipeline of stages. */
static void test_the_recipes_that_ship_can_be_read(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("recipes/{.,smoke,nano,mini,seed1.5-vl}/*.yaml", GLOB_BRACE, NULL, &found), 0);
    assert_true(found.gl_pathc > 20);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        static const char *const from[] = {"init.model=runs/some"};
        sl_pipeline p;
        sl_error err = {0};
        int n = strstr(found.gl_pathv[i], "all.yaml") ? 0 : 1; /* a stage alone is told what it starts from */
        assert_sl_ok(sl_pipeline_read(found.gl_pathv[i], "out", from, n, &p, &err), &err);
        sl_pipeline_release(&p);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stage_starts_from_the_one_before_or_from_those_named),
        cmocka_unit_test(test_what_follows_a_skipped_stage_starts_where_it_would_have),
        cmocka_unit_test(test_the_vit_can_be_trained_with_the_adapter),
        cmocka_unit_test(test_bad_skips_are_refused),
        cmocka_unit_test(test_the_recipes_that_ship_can_be_read),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
