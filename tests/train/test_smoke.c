/*
 * test_smoke.c: recipes/smoke/all.yaml, every stage from the last, on two processors: each moves its held-out measure
 * by a margin that training without effect would miss.
 */
#include "train_test.h"

static const char *run_of(const char *stage)
{
    static char path[4][2200];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/run/%s", test_temp_dir(), stage);
    return path[turn];
}

static void expect_less(const char *stage, const char *name, double limit)
{
    double x = test_metric(run_of(stage), "held_out", name);
    if (!(x < limit)) fail_msg("%s: %s is %g, expected less than %g", stage, name, x, limit);
}

static void expect_more(const char *stage, const char *name, double limit)
{
    double x = test_metric(run_of(stage), "held_out", name);
    if (!(x > limit)) fail_msg("%s: %s is %g, expected more than %g", stage, name, x, limit);
}

/* What the adapters are to answer instead of the colours' names. */
static const char *const other_words[] = {"one", "two", "three", "four"};

static const char *file_of(const char *stage, const char *name)
{
    static char path[2][2300];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", run_of(stage), name);
    return path[turn];
}

/* An adapter kept apart is opened with its base; in bf16 the logits are those of the merged model, to the bit. */
static void check_adapters(void)
{
    assert_true(sl_file_exists(file_of("sft-lora", "model/adapter_model.safetensors")));
    assert_false(sl_file_exists(file_of("sft-lora", "model/model.safetensors")));
    assert_true(sl_file_exists(file_of("sft-lora-merged", "model/model.safetensors")));
    assert_false(sl_file_exists(file_of("sft-lora-merged", "model/adapter_model.safetensors")));
    assert_true(sl_file_exists(file_of("sft-lora-merged", "adapter/adapter_model.safetensors")));
    static const char *const models[] = {"sft-lora", "sft-lora-merged", "sft"};
    struct sl_buf logits[3];
    for (int i = 0; i < 3; i++) {
        char model[2300], out[2300];
        snprintf(model, sizeof model, "%s/model", run_of(models[i]));
        snprintf(out, sizeof out, "%s/logits-%d", test_temp_dir(), i);
        const char *argv[] = {test_program(), "logits", model,   "--tokens", "72,105,33",
                              "--type",       "bf16",   "--out", out,        NULL};
        test_run(argv, 0);
        logits[i] = test_read(out);
    }
    assert_true(logits[0].len == logits[1].len && memcmp(logits[0].data, logits[1].data, logits[0].len) == 0);
    assert_true(memcmp(logits[0].data, logits[2].data, logits[0].len) != 0);
    for (int i = 0; i < 3; i++) sl_buf_release(&logits[i]);
}

static void test_every_stage_learns(void **state)
{
    (void)state;
    char out[2200], folder[2200], tokenizer[2200];
    test_write_tokenizer();
    test_write_colours("colours", 200, false);
    test_write_colours("colours-held", 40, false);
    test_write_colours("captions", 200, true);
    test_write_colours("captions-held", 40, true);
    test_write_pictures("pictures", 200);
    test_write_pictures("pictures-held", 40);
    test_write_tuples("tuples", 120);
    test_write_tuples("tuples-held", 48);
    test_write_answers("words", 200, other_words);
    test_write_answers("words-held", 40, other_words);
    test_write_counting("counting", 0, 45);
    test_write_counting("counting-held", 45, 15);
    snprintf(out, sizeof out, "%s/run", test_temp_dir());
    snprintf(folder, sizeof folder, "data.folder=%s", test_temp_dir());
    snprintf(tokenizer, sizeof tokenizer, "tokenizer=%s/tokenizer.json", test_temp_dir());
    const char *argv[] = {test_program(), "train", "recipes/smoke/all.yaml",
                          "--out",        out,     "--set",
                          folder,         "--set", tokenizer,
                          "--threads",    "2",     NULL};
    test_run(argv, 0);
    static const char *const stages[] = {"text", "stage0", "stage1", "stage2", "sft", "sft-lora", "sft-lora-merged"};
    for (int i = 0; i < 7; i++)
        print_message("%s: loss %.3f, accuracy %.2f, blind %.2f\n", stages[i],
                      test_metric(run_of(stages[i]), "held_out", "loss"),
                      test_metric(run_of(stages[i]), "held_out", "accuracy"),
                      test_metric(run_of(stages[i]), "held_out", "blind"));
    print_message("vit-mim: cosine %.3f; vit-contrastive: accuracy %.2f\n",
                  test_metric(run_of("vit-mim"), "held_out", "cosine"),
                  test_metric(run_of("vit-contrastive"), "held_out", "accuracy"));
    static const char *const omni[] = {"loss", "accuracy", "sound/accuracy", "accuracy/matching"};
    for (int i = 0; i < 4; i++)
        print_message("vit-omni: %s %.2f\n", omni[i], test_metric(run_of("vit-omni"), "held_out", omni[i]));
    expect_more("vit-mim", "cosine", 0.5);
    expect_more("vit-mim", "cosine", test_metric(run_of("vit-mim"), "held_out", "cosine/picture_mean") + 0.3);
    /* Bytes at random are ln 288 = 5.66, and every loss begins there. */
    expect_less("text", "loss", 2.5);
    /* A decoder that only counts reads nothing yet: the adapter alone helps a little. */
    double first = test_metric_at(run_of("stage0"), "held_out", "loss", true);
    expect_less("stage0", "loss", 0.98 * first);
    expect_less("stage1", "loss", 0.5);
    expect_more("stage1", "accuracy", 0.75); /* four colours: chance is a quarter */
    expect_more("sft", "accuracy", 0.75);
    double seen = test_metric(run_of("sft"), "held_out", "accuracy");
    double blind = test_metric(run_of("sft"), "held_out", "blind");
    double chance = test_metric(run_of("sft"), "held_out", "chance");
    assert_true(seen > blind + 0.25 && seen > chance + 0.25);
    expect_more("vit-omni", "accuracy", 0.6);
    expect_more("vit-omni", "sound/accuracy", 0.6);
    expect_more("vit-omni", "accuracy/matching", 0.7); /* chance is a half */
    expect_less("vit-omni", "loss", 2);
    expect_more("sft-lora", "accuracy", 0.6); /* without the adapter: none, the words are others */
    expect_more("sft-lora-merged", "accuracy", 0.6);
    check_adapters();
    double zero_shot = test_metric(run_of("vit-contrastive"), "held_out", "accuracy");
    if (!(zero_shot > 0.6)) fail_msg("vit-contrastive: accuracy %g", zero_shot);
}

/* What the margin of vit-mim is worth: the same recipe at a rate of nothing. */
static void test_masked_patches_are_not_guessed_without_learning(void **state)
{
    (void)state;
    char out[2200], folder[2200], tokenizer[2200];
    snprintf(out, sizeof out, "%s/run/noop", test_temp_dir());
    snprintf(folder, sizeof folder, "data.folder=%s", test_temp_dir());
    snprintf(tokenizer, sizeof tokenizer, "tokenizer=%s/tokenizer.json", test_temp_dir());
    const char *argv[] = {test_program(),
                          "train",
                          "recipes/smoke/vit-mim.yaml",
                          "--out",
                          out,
                          "--set",
                          folder,
                          "--set",
                          tokenizer,
                          "--set",
                          "steps=4",
                          "--set",
                          "optimizer.min_lr=0",
                          "--set",
                          "optimizer.lr=0",
                          "--threads",
                          "2",
                          NULL};
    test_run(argv, 0);
    expect_less("noop", "cosine", 0.2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_stage_learns),
        cmocka_unit_test(test_masked_patches_are_not_guessed_without_learning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
