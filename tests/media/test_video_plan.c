/*
 * test_video_plan.c: sampling plans against an independent table (scripts/golden/video_plan.py), and what is refused.
 */
#include "media/video_plan.h"

#include "test.h"

#include <math.h>

/* One line of the table. */
struct row {
    long long n_frames;
    double fps, seconds, wanted;
    int width, height;
    long long n;
    int level, new_width, new_height, tokens;
    unsigned long long hash;
    long long indices[4];
    char times[4][16];
};

static int read_row(FILE *f, struct row *r)
{
    int n = fscanf(f, "%lld %lf %lf %lf %d %d %lld %d %d %d %d %llx", &r->n_frames, &r->fps, &r->seconds, &r->wanted,
                   &r->width, &r->height, &r->n, &r->level, &r->new_width, &r->new_height, &r->tokens, &r->hash);
    if (n != 12) return 0;
    n = fscanf(f, "%lld %lld %lld %lld %15s %15s %15s %15s", &r->indices[0], &r->indices[1], &r->indices[2],
               &r->indices[3], r->times[0], r->times[1], r->times[2], r->times[3]);
    return n == 8;
}

static unsigned long long add_to_hash(unsigned long long hash, const char *text)
{
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

static void check_row(const struct row *r)
{
    sl_error err;
    struct sl_video_plan plan;
    const struct sl_video_shape shape = {
        .n_frames = r->n_frames, .fps = r->fps, .seconds = r->seconds, .width = r->width, .height = r->height};
    struct sl_video_sampling sampling = sl_video_sampling_default();
    sampling.fps = r->wanted;
    assert_sl_ok(sl_video_plan_make(&shape, &sampling, &plan, &err), &err);
    assert_int_equal(plan.n_frames, r->n);
    assert_int_equal(plan.level, r->level);
    assert_int_equal(plan.width, r->new_width);
    assert_int_equal(plan.height, r->new_height);
    assert_int_equal(plan.tokens_a_frame, r->tokens);
    const int64_t shown[4] = {0, plan.n_frames / 3, 2 * plan.n_frames / 3, plan.n_frames - 1};
    for (int i = 0; i < 4; i++) {
        char text[SL_VIDEO_TIMESTAMP_BYTES], expected[SL_VIDEO_TIMESTAMP_BYTES];
        assert_int_equal(plan.indices[shown[i]], r->indices[i]);
        sl_video_timestamp(plan.seconds[shown[i]], text);
        snprintf(expected, sizeof expected, "[%s second]", r->times[i]);
        assert_string_equal(text, expected);
    }
    unsigned long long hash = 14695981039346656037u;
    for (int64_t i = 0; i < plan.n_frames; i++) {
        char text[SL_VIDEO_TIMESTAMP_BYTES], line[100];
        sl_video_timestamp(plan.seconds[i], text);
        snprintf(line, sizeof line, "%lld %s\n", (long long)plan.indices[i], text);
        hash = add_to_hash(hash, line);
    }
    assert_true(hash == r->hash);
    sl_video_plan_free(&plan);
}

static void plans_equal_the_independent_table(void **state)
{
    (void)state;
    FILE *f = fopen("tests/media/golden/video_plan.txt", "r");
    assert_non_null(f);
    struct row r;
    int n = 0;
    for (; read_row(f, &r); n++) check_row(&r);
    assert_true(feof(f));
    fclose(f);
    assert_int_equal(n, 583);
}

static void a_smaller_budget_lowers_the_level_and_then_the_number_of_frames(void **state)
{
    (void)state;
    static const struct {
        int64_t budget, n;
        int level;
    } cases[] = {{64000, 100, 640}, {63999, 100, 512}, {12800, 100, 128}, {12799, 99, 128}, {128, 1, 128}};
    const struct sl_video_shape shape = {.n_frames = 2500, .fps = 25, .seconds = 100, .width = 640, .height = 480};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_error err;
        struct sl_video_plan plan;
        struct sl_video_sampling sampling = sl_video_sampling_default();
        sampling.max_tokens = cases[i].budget;
        assert_sl_ok(sl_video_plan_make(&shape, &sampling, &plan, &err), &err);
        assert_int_equal(plan.level, cases[i].level);
        assert_int_equal(plan.n_frames, cases[i].n);
        assert_true(plan.n_frames * plan.tokens_a_frame <= cases[i].budget);
        sl_video_plan_free(&plan);
    }
}

static void timestamps_round_as_python_does(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "[0.0 second]"},         {0.25, "[0.2 second]"}, {0.35, "[0.3 second]"},
                 {0.75, "[0.8 second]"},      {1, "[1.0 second]"},    {2.675, "[2.7 second]"},
                 {36000, "[36000.0 second]"}, {-1, "[0.0 second]"},   {NAN, "[0.0 second]"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[SL_VIDEO_TIMESTAMP_BYTES];
        sl_video_timestamp(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
    char text[SL_VIDEO_TIMESTAMP_BYTES];
    sl_video_timestamp(INFINITY, text);
    assert_string_equal(text, "[1000000000000000.0 second]");
}

static void impossible_numbers_are_refused(void **state)
{
    (void)state;
    const struct sl_video_shape good = {.n_frames = 100, .fps = 25, .seconds = 4, .width = 64, .height = 64};
    struct sl_video_shape shapes[] = {good, good, good, good, good, good, good, good};
    shapes[0].n_frames = 0;
    shapes[1].fps = 0;
    shapes[2].fps = NAN;
    shapes[3].seconds = -1;
    shapes[4].seconds = INFINITY;
    shapes[5].width = 0;
    shapes[6].width = 64 * 201;
    shapes[7].n_frames = INT64_MAX;
    const struct sl_video_sampling normal = sl_video_sampling_default();
    struct sl_video_sampling samplings[] = {normal, normal, normal, normal};
    samplings[0].fps = 0;
    samplings[1].fps = NAN;
    samplings[2].min_frames = 0;
    samplings[3].max_tokens = 127;
    struct sl_video_plan plan;
    sl_error err;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        assert_int_equal(sl_video_plan_make(&shapes[i], &normal, &plan, &err), SL_ERR_ARGUMENT);
    for (size_t i = 0; i < sizeof samplings / sizeof *samplings; i++)
        assert_int_equal(sl_video_plan_make(&good, &samplings[i], &plan, &err), SL_ERR_ARGUMENT);
    assert_null(plan.indices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_equal_the_independent_table),
        cmocka_unit_test(a_smaller_budget_lowers_the_level_and_then_the_number_of_frames),
        cmocka_unit_test(timestamps_round_as_python_does),
        cmocka_unit_test(impossible_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
