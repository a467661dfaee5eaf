/*
 * test_run.c: whole runs of the program: killed and resumed, stopped, shared among processes, and refused.
 */
#include "train_test.h"

static char dir[2048];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s", test_temp_dir());
    test_write_tokenizer();
    test_write_colours("train", 60, false);
    test_write_colours("held", 12, false);
    test_write_counting("text", 0, 40);
    return 0;
}

/* Writes a recipe of so many steps. */
static void write_recipe(const char *name, const char *stage, int steps, const char *more)
{
    struct sl_buf b = SL_BUF_INIT(1 << 16);
    sl_buf_addf(&b,
                "stage: %s\nmodel: recipes/smoke/model\ntokenizer: %s/tokenizer.json\nsteps: %d\n"
                "batch: {sequences: 4, tokens: 160}\noptimizer: {lr: 3.0e-3, warmup_steps: 2}\n"
                "data: {folder: %s, train: %s, held_out: held, look_ahead: 8}\n"
                "%s\nlog_every: 1\n%s\n",
                stage, dir, steps, dir, strcmp(stage, "text") == 0 ? "text" : "train",
                strstr(more, "eval:") ? "" : "eval: {every: 4, sequences: 4, answers: 2, answer_tokens: 8}", more);
    test_write_file(test_temp_path(name), b.data, b.len);
    sl_buf_release(&b);
}

/* An argument list: train RECIPE --out RUN and more. */
struct line {
    const char *argv[24];
    char recipe[2200], out[2200];
};

static const char *const *train_line(struct line *l, const char *recipe, const char *run, const char *more)
{
    snprintf(l->recipe, sizeof l->recipe, "%s/%s", dir, recipe);
    snprintf(l->out, sizeof l->out, "%s/%s", dir, run);
    const char *argv[] = {test_program(), "train", l->recipe, "--out", l->out, "--threads", "1", more, NULL};
    memcpy(l->argv, argv, sizeof argv);
    return l->argv;
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s/%s", dir, a, name);
    struct sl_buf x = test_read(path);
    snprintf(path, sizeof path, "%s/%s/%s", dir, b, name);
    struct sl_buf y = test_read(path);
    if (x.len != y.len || memcmp(x.data, y.data, x.len) != 0) fail_msg("%s differs between %s and %s", name, a, b);
    sl_buf_release(&x);
    sl_buf_release(&y);
}

static void assert_same_run(const char *a, const char *b)
{
    assert_same_file(a, b, "model/model.safetensors");
    assert_same_file(a, b, "checkpoints/last/model.safetensors");
    assert_same_file(a, b, "checkpoints/last/optimizer.safetensors");
    assert_same_file(a, b, "checkpoints/last/training.json");
}

static void wait_ms(unsigned ms)
{
    usleep(ms * 1000);
}

/* Kills by SIGKILL at random moments, so often as asked, then lets it finish. */
static void test_a_killed_run_ends_with_the_same_bytes(void **state)
{
    (void)state;
    int kills = getenv("SEEDLING_TEST_LONG") ? 20 : 3;
    struct line l;
    struct sl_rng rng;
    sl_rng_init(&rng, (uint64_t)getpid(), 0);
    write_recipe("r.yaml", "stage1", kills > 3 ? 60 : 16, "checkpoint: {every: 2, keep: 2}");
    test_run(train_line(&l, "r.yaml", "whole", NULL), 0);
    for (int i = 0; i < kills; i++) {
        pid_t pid = test_start(train_line(&l, "r.yaml", "killed", "--resume"), test_temp_path("stderr.txt"));
        wait_ms(50 + sl_rng_below(&rng, kills > 3 ? 1200 : 450));
        kill(pid, SIGKILL);
        test_wait(pid);
    }
    test_run(train_line(&l, "r.yaml", "killed", "--resume"), 0);
    assert_same_run("whole", "killed");
    /* Every step's line is there once. */
    char path[4096];
    snprintf(path, sizeof path, "%s/killed/metrics.jsonl", dir);
    struct sl_buf text = test_read(path);
    int n = 0;
    for (const char *p = sl_buf_str(&text); (p = strstr(p, "\"train\"")); p++) n++;
    assert_int_equal(n, kills > 3 ? 60 : 16);
    sl_buf_release(&text);
    test_run(train_line(&l, "r.yaml", "killed", "--resume"), 0); /* finished: nothing to do */
}

static void test_sigterm_saves_and_stops(void **state)
{
    (void)state;
    struct line l;
    write_recipe("t.yaml", "stage1", 100000, "");
    pid_t pid = test_start(train_line(&l, "t.yaml", "stopped", NULL), test_temp_path("stderr.txt"));
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/stopped/metrics.jsonl", dir);
    for (int i = 0; i < 600 && (stat(path, &st) != 0 || st.st_size == 0); i++) wait_ms(50);
    kill(pid, SIGTERM);
    assert_int_equal(test_wait(pid), 1);
    snprintf(path, sizeof path, "%s/stopped/checkpoints/last/training.json", dir);
    assert_true(sl_file_exists(path));
    struct sl_buf said = test_read(test_temp_path("stderr.txt"));
    assert_non_null(strstr(sl_buf_str(&said), "stopped by a signal; everything is saved"));
    sl_buf_release(&said);
}

/* Writes rows whose pictures take long to decode: large, and of one colour, so that the file is small. */
static void write_slow_pictures(const char *folder, int n)
{
    enum { SIDE = 3500 };
    struct sl_buf rows = SL_BUF_INIT(1 << 20);
    char name[64];
    sl_error err;
    uint8_t *pixels = calloc((size_t)SIDE * SIDE, 1);
    png_image image = {.version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_GRAY};
    assert_non_null(pixels);
    assert_sl_ok(sl_dir_make(test_temp_path(folder), &err), &err);
    snprintf(name, sizeof name, "%s/slow.png", folder);
    assert_true(png_image_write_to_file(&image, test_temp_path(name), 0, pixels, 0, NULL));
    free(pixels);
    for (int i = 0; i < n; i++)
        sl_buf_addf(&rows,
                    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"slow.png\"}]},"
                    "{\"role\":\"assistant\",\"content\":\"black\"}]}\n");
    snprintf(name, sizeof name, "%s/rows.jsonl", folder);
    test_write_file(test_temp_path(name), rows.data, rows.len);
    sl_buf_release(&rows);
}

/* A step needs dozens of pictures here: the signal comes while it waits for the first sequence or a later one. */
static void test_a_signal_ends_the_wait_for_data(void **state)
{
    (void)state;
    struct line l;
    char path[4096];
    write_slow_pictures("slow", 60);
    write_recipe("w.yaml", "stage1", 2, "");
    train_line(&l, "w.yaml", "waiting", "--set");
    l.argv[8] = "data.train=slow";
    l.argv[9] = NULL;
    pid_t pid = test_start(l.argv, test_temp_path("stderr.txt"));
    snprintf(path, sizeof path, "%s/waiting/recipe.json", dir);
    for (int i = 0; i < 1200 && !sl_file_exists(path); i++) wait_ms(25);
    kill(pid, SIGTERM);
    assert_int_equal(test_wait(pid), 1);
    struct sl_buf said = test_read(test_temp_path("stderr.txt"));
    assert_non_null(strstr(sl_buf_str(&said), "stopped by a signal; everything is saved"));
    sl_buf_release(&said);
    snprintf(path, sizeof path, "%s/waiting/checkpoints/step-0000000000/training.json", dir);
    assert_true(sl_file_exists(path));
    /* Going on reads what the step that was not finished had read: the data stands where it began. */
    said = test_read(path);
    assert_non_null(strstr(sl_buf_str(&said), "\"next\": 0"));
    sl_buf_release(&said);
}

static bool have_mpi(void)
{
    return access("/usr/bin/mpirun", X_OK) == 0;
}

/* Runs a recipe with n processes into a folder named by it. */
static void run_ranks(const char *recipe, const char *run, int n, const char *more)
{
    struct line l;
    char count[16];
    snprintf(count, sizeof count, "%d", n);
    train_line(&l, recipe, run, more);
    const char *argv[] = {"mpirun",  "-np",     count,       l.argv[0], l.argv[1], l.argv[2],
                          l.argv[3], l.argv[4], "--threads", "1",       more,      NULL};
    test_run(argv, 0);
}

static void test_ranks_share_one_training(void **state)
{
    static const char SHARED[] = "precision: f32\ncheckpoint: {every: 2, keep: 3}\neval: {every: 0, sequences: 4}";
    (void)state;
    if (!have_mpi()) skip();
    struct line l;
    write_recipe("m.yaml", "stage1", 4, SHARED);
    test_run(train_line(&l, "m.yaml", "one", NULL), 0);
    char one[4096], other[4096];
    snprintf(one, sizeof one, "%s/one", dir);
    for (int n = getenv("SEEDLING_TEST_LONG") ? 2 : 4; n <= 4; n *= 2) { /* two are asked to go on below */
        char run[16];
        snprintf(run, sizeof run, "ranks%d", n);
        run_ranks("m.yaml", run, n, NULL);
        snprintf(other, sizeof other, "%s/%s", dir, run);
        double a = test_metric(one, "train", "loss"), b = test_metric(other, "train", "loss");
        if (!(fabs(a - b) < 1e-4 * a)) fail_msg("%d ranks: loss %.9g, alone %.9g", n, b, a);
        a = test_metric(one, "held_out", "loss"), b = test_metric(other, "held_out", "loss");
        if (!(fabs(a - b) < 1e-3 * a)) fail_msg("%d ranks: held-out loss %.9g, alone %.9g", n, b, a);
    }
    /* What four ranks wrote, one and two go on with. */
    write_recipe("m.yaml", "stage1", 5, SHARED);
    snprintf(other, sizeof other, "rm -f %s/ranks4/checkpoints/last", dir);
    char last[4096];
    snprintf(last, sizeof last, "%s/ranks4/checkpoints/step-0000000004/training.json", dir);
    assert_int_equal(unlink(last), 0); /* as if it had been killed before it was done: step 2 is the last */
    run_ranks("m.yaml", "ranks4", 2, "--resume");
    test_run(train_line(&l, "m.yaml", "one-more", NULL), 0);
    snprintf(one, sizeof one, "%s/one-more", dir);
    snprintf(other, sizeof other, "%s/ranks4", dir);
    double a = test_metric(one, "train", "loss"), b = test_metric(other, "train", "loss");
    if (!(fabs(a - b) < 1e-3 * a)) fail_msg("resumed by 2 ranks: loss %.9g, alone %.9g", b, a);
}

static void test_a_rank_without_pictures_does_not_hang(void **state)
{
    (void)state;
    if (!have_mpi()) skip();
    /* One row in seven has a picture: most sequences of a lane have none. */
    struct sl_buf rows = SL_BUF_INIT(1 << 20);
    sl_error err;
    struct sl_rng rng;
    sl_rng_init(&rng, 1, 1);
    assert_sl_ok(sl_dir_make(test_temp_path("mixed"), &err), &err);
    test_write_colour(test_temp_path("mixed/0.png"), 1, &rng);
    for (int i = 0; i < 28; i++)
        sl_buf_addf(&rows,
                    "{\"messages\":[{\"role\":\"user\",\"content\":[%s{\"type\":\"text\",\"text\":\"q\"}]},"
                    "{\"role\":\"assistant\",\"content\":\"a %d\"}]}\n",
                    i == 3 ? "{\"type\":\"image\",\"image\":\"0.png\"}," : "", i);
    test_write_file(test_temp_path("mixed/rows.jsonl"), rows.data, rows.len);
    sl_buf_release(&rows);
    write_recipe("x.yaml", "stage0", 2, "eval: {every: 0, sequences: 4}");
    struct line l;
    train_line(&l, "x.yaml", "mixed-run", NULL);
    const char *argv[] = {"timeout", "120",     "mpirun",    "-np", "2",     l.argv[0],          l.argv[1], l.argv[2],
                          l.argv[3], l.argv[4], "--threads", "1",   "--set", "data.train=mixed", "--quiet", NULL};
    test_run(argv, 0);
}

static void test_diverging_runs_go_back_and_give_up_with_a_message(void **state)
{
    (void)state;
    struct line l;
    write_recipe("n.yaml", "stage1", 40,
                 "guard: {patience: 2, returns: 1}\ncheckpoint: {every: 5, keep: 2}\neval: {every: 0}");
    train_line(&l, "n.yaml", "diverged", "--set");
    l.argv[8] = "optimizer.lr=9";
    l.argv[9] = "--set";
    l.argv[10] = "guard.spike=0.000001";
    l.argv[11] = NULL;
    test_run(l.argv, 1);
    struct sl_buf said = test_read(test_temp_path("stderr.txt"));
    assert_non_null(strstr(sl_buf_str(&said), "skipped: gradient norm"));
    assert_non_null(strstr(sl_buf_str(&said), "2 bad steps in a row; went back to the checkpoint of step 20"));
    assert_non_null(strstr(sl_buf_str(&said), "the loss diverged, after going back 1 times already"));
    sl_buf_release(&said);
}

static void test_a_full_disk_costs_a_checkpoint_not_the_run(void **state)
{
    (void)state;
    struct line l;
    write_recipe("f.yaml", "stage1", 4, "checkpoint: {every: 2, keep: 2}");
    train_line(&l, "f.yaml", "full", NULL);
    char command[8192];
    snprintf(command, sizeof command, "trap '' XFSZ; ulimit -f 64; exec %s train %s --out %s --threads 1",
             test_program(), l.recipe, l.out);
    const char *argv[] = {"sh", "-c", command, NULL};
    test_run(argv, 1);
    struct sl_buf said = test_read(test_temp_path("stderr.txt"));
    assert_non_null(strstr(sl_buf_str(&said), "the checkpoint of step 2 could not be written"));
    assert_non_null(strstr(sl_buf_str(&said), "step 4"));
    sl_buf_release(&said);
    char path[4096];
    snprintf(path, sizeof path, "%s/full/checkpoints/step-0000000002", dir);
    assert_false(sl_dir_exists(path));
    snprintf(path, sizeof path, "%s/full/checkpoints/part-2", dir);
    assert_false(sl_dir_exists(path));
}

static void test_what_cannot_be_trained_is_refused_with_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"optimiser.lr=1", "b.yaml: optimiser: no such key; did you mean 'optimizer'?"},
        {"optimizer.warmup_step=1", "optimizer.warmup_step: no such key; did you mean 'warmup_steps'?"},
        {"stage=stage3", "b.yaml: stage: there is no 'stage3'; did you mean 'stage0'?"},
        {"data.train=nowhere", "data.train: cannot open"},
        {"data.lanes=3", "data.lanes: 3 do not divide the 4 sequences of a step"},
        {"model=huge", "huge"},
        {"trainable=[vit, decodr]", "trainable: expected names of modules"},
        {"epochs=1", "steps: give one of steps, total_tokens and epochs"},
        {"init.model=/nonexistent", "/nonexistent"},
        {"optimizer.min_lr=1", "optimizer.min_lr: more than lr"},
        {"steps", "'steps' is not KEY=VALUE"},
        {"batch.tokens=24", "samples in a row cannot be used"}, /* found while training: only this one begins a run */
    };
    struct line l;
    write_recipe("b.yaml", "stage1", 4, "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        train_line(&l, "b.yaml", "refused", "--set");
        l.argv[8] = cases[i].set;
        l.argv[9] = NULL;
        assert_false(sl_file_exists(test_temp_path("refused/metrics.jsonl")));
        test_run(l.argv, 1);
        struct sl_buf said = test_read(test_temp_path("stderr.txt"));
        const char *text = sl_buf_str(&said), *newline = strchr(text, '\n');
        if (!strstr(text, cases[i].message) || !newline || newline[1]) fail_msg("%s: %s", cases[i].set, text);
        sl_buf_release(&said);
    }
}

static void test_a_folder_takes_one_run(void **state)
{
    (void)state;
    struct line l;
    write_recipe("o.yaml", "text", 2, "");
    const char *const *argv = train_line(&l, "o.yaml", "once", "--set");
    l.argv[8] = "data.held_out=text";
    l.argv[9] = NULL;
    test_run(argv, 0);
    test_run(argv, 1);
    struct sl_buf said = test_read(test_temp_path("stderr.txt"));
    assert_non_null(strstr(sl_buf_str(&said), "holds a run already: --resume goes on with it"));
    sl_buf_release(&said);
}

static void test_another_shape_is_refused_by_its_tensor(void **state)
{
    (void)state;
    struct line l;
    write_recipe("s.yaml", "text", 2, "");
    train_line(&l, "s.yaml", "shape", "--set");
    l.argv[8] = "data.held_out=text";
    l.argv[9] = NULL;
    test_run(l.argv, 0);
    train_line(&l, "s.yaml", "shape2", "--set");
    char init[2300];
    snprintf(init, sizeof init, "init.decoder=%s/shape", dir);
    l.argv[8] = init;
    l.argv[9] = "--set";
    l.argv[10] = "model=nano";
    l.argv[11] = "--set";
    l.argv[12] = "data.held_out=text";
    l.argv[13] = NULL;
    test_run(l.argv, 1);
    struct sl_buf said = test_read(test_temp_path("stderr.txt"));
    if (!strstr(sl_buf_str(&said), "has shape (")) fail_msg("%s", sl_buf_str(&said));
    sl_buf_release(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_run_ends_with_the_same_bytes),
        cmocka_unit_test(test_sigterm_saves_and_stops),
        cmocka_unit_test(test_a_signal_ends_the_wait_for_data),
        cmocka_unit_test(test_ranks_share_one_training),
        cmocka_unit_test(test_a_rank_without_pictures_does_not_hang),
        cmocka_unit_test(test_diverging_runs_go_back_and_give_up_with_a_message),
        cmocka_unit_test(test_a_full_disk_costs_a_checkpoint_not_the_run),
        cmocka_unit_test(test_what_cannot_be_trained_is_refused_with_one_line),
        cmocka_unit_test(test_a_folder_takes_one_run),
        cmocka_unit_test(test_another_shape_is_refused_by_its_tensor),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
