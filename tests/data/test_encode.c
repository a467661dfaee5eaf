/*
 * test_encode.c: which tokens a sample becomes, which of them are learnt, what is cut off and what is skipped.
 */
#include "data/encode.h"

#include "data/row.h"
#include "data/loader_test.h"

#include <math.h>

/* A sample in the making and what it becomes. */
struct fixture {
    struct sl_encode_options options;
    struct sl_tokenizer *tokenizer;
    struct sl_data_limits limits;
    struct sl_row row;
    struct sl_sample sample;
    struct sl_encoded out;
    struct sl_encode_failure why;
    sl_error err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->tokenizer = test_byte_tokenizer();
    sl_encode_defaults(&f->options);
    f->options.tokenizer = f->tokenizer;
    sl_data_limits_defaults(&f->limits);
    sl_sample_init(&f->sample, f->limits.max_sample_bytes);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    sl_encoded_free(&f->out);
    sl_row_release(&f->row);
    sl_sample_release(&f->sample);
    sl_tokenizer_free(&f->tokenizer);
    free(f);
    return 0;
}

static void begin(struct fixture *f)
{
    const struct sl_row_place place = {.folder = ".", .limits = &f->limits};
    sl_encoded_free(&f->out);
    sl_sample_release(&f->sample);
    sl_row_begin(&f->row, &place, &f->sample, &f->err);
}

static void say(struct fixture *f, sl_sample_role role, const char *text)
{
    sl_row_message(&f->row, role);
    sl_row_text(&f->row, text, strlen(text));
}

/* A picture file of that size in the last message; the name lives as long as four more. */
static struct sl_sample_media *show(struct fixture *f, int width, int height)
{
    char name[40];
    snprintf(name, sizeof name, "%dx%d.png", width, height);
    const char *path = test_temp_path(name);
    test_write_png(path, width, height, 1);
    struct sl_blob blob = {.path = path};
    return sl_row_blob(&f->row, SL_MEDIA_IMAGE, name, &blob);
}

static sl_status encode(struct fixture *f)
{
    assert_sl_ok(sl_row_finish(&f->row), &f->err);
    return sl_encode(&f->options, &f->sample, &f->out, &f->why, &f->err);
}

static void encode_well(struct fixture *f)
{
    assert_sl_ok(encode(f), &f->err);
}

static void expect_skip(struct fixture *f, sl_skip_reason reason)
{
    assert_int_not_equal(encode(f), SL_OK);
    assert_true(f->why.in_sample);
    assert_string_equal(sl_skip_reason_name(f->why.reason), sl_skip_reason_name(reason));
    assert_int_equal(f->out.n_tokens, 0);
    assert_null(f->out.tokens);
}

/* The text of all tokens, runs of image_patch written once with their number; static storage. */
static const char *text_of(struct fixture *f)
{
    static char text[8192];
    const int32_t patch = sl_tokenizer_id(f->tokenizer, "<|image_patch|>");
    struct sl_buf b = SL_BUF_INIT(sizeof text - 1);
    for (int64_t i = 0, run; i < f->out.n_tokens; i += run) {
        run = 1;
        if (f->out.tokens[i] == patch) {
            while (i + run < f->out.n_tokens && f->out.tokens[i + run] == patch) run++;
            sl_buf_addf(&b, "{%d}", (int)run);
        } else {
            assert_sl_ok(sl_tokenizer_decode(f->tokenizer, &f->out.tokens[i], 1, false, &b, &f->err), &f->err);
        }
    }
    snprintf(text, sizeof text, "%s", sl_buf_str(&b));
    sl_buf_release(&b);
    return text;
}

/* The text of the targets, '|' where a run of them ends; static storage. Checks that each is the next token. */
static const char *targets_of(struct fixture *f)
{
    static char text[8192];
    struct sl_buf b = SL_BUF_INIT(sizeof text - 1);
    int64_t n = 0;
    for (int64_t i = 0; i < f->out.n_tokens; i++) {
        if (f->out.targets[i] < 0) continue;
        n++;
        assert_true(i + 1 < f->out.n_tokens);
        assert_int_equal(f->out.targets[i], f->out.tokens[i + 1]);
        assert_sl_ok(sl_tokenizer_decode(f->tokenizer, &f->out.targets[i], 1, false, &b, &f->err), &f->err);
        if (f->out.targets[i + 1] < 0) sl_buf_addch(&b, '|');
    }
    assert_int_equal(n, f->out.n_targets);
    snprintf(text, sizeof text, "%s", sl_buf_str(&b));
    sl_buf_release(&b);
    return text;
}

/* --- tokens and targets ------------------------------------------------------------------------------------------- */

static void only_what_the_assistant_says_is_learnt(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "Two?");
    say(f, SL_SAMPLE_ASSISTANT, "2");
    say(f, SL_SAMPLE_USER, "Three?");
    say(f, SL_SAMPLE_ASSISTANT, "3 <point>1 2</point>");
    encode_well(f);
    assert_string_equal(targets_of(f), "2<|im_end|>|3 <point>1 2</point><|im_end|>|");
    assert_non_null(strstr(text_of(f), "user\nTwo?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>"));
    assert_int_equal(f->out.targets[f->out.n_tokens - 1], -1);
    assert_float_equal(f->out.target_weight, 1, 0);
    assert_false(f->out.cut);
}

static void a_message_that_is_context_only_is_not_learnt(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "a");
    say(f, SL_SAMPLE_ASSISTANT, "b");
    f->row.messages[1].no_loss = true;
    say(f, SL_SAMPLE_USER, "c");
    say(f, SL_SAMPLE_ASSISTANT, "d");
    encode_well(f);
    assert_string_equal(targets_of(f), "d<|im_end|>|");
}

static void a_thought_switches_thinking_on(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "1 + 1?");
    say(f, SL_SAMPLE_ASSISTANT, "<think>One more than one.</think>2");
    encode_well(f);
    assert_non_null(strstr(text_of(f), "<think>\nOne more than one.\n</think>"));
    assert_string_equal(targets_of(f), "One more than one.\n</think>\n\n2<|im_end|>|");
}

static void a_thought_of_an_earlier_turn_does_not(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "1 + 1?");
    say(f, SL_SAMPLE_ASSISTANT, "<think>One more than one.</think>2");
    say(f, SL_SAMPLE_USER, "1 + 2?");
    say(f, SL_SAMPLE_ASSISTANT, "3");
    encode_well(f);
    assert_null(strstr(text_of(f), "<think>"));
    assert_string_equal(targets_of(f), "2<|im_end|>|3<|im_end|>|");
}

static void tool_calls_in_an_answer_become_calls(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "zoom");
    say(f, SL_SAMPLE_ASSISTANT, "Yes.\n<tool_call>{\"name\":\"zoom\",\"arguments\":{\"x\":1}}</tool_call>");
    encode_well(f);
    assert_non_null(strstr(targets_of(f), "<tool_call>\n{\"name\":\"zoom\",\"arguments\":{\"x\":1}}\n</tool_call>"));
    begin(f);
    say(f, SL_SAMPLE_USER, "zoom");
    say(f, SL_SAMPLE_ASSISTANT, "<tool_call>{oops}</tool_call>");
    expect_skip(f, SL_SKIP_BAD_ROW);
}

static void weights_share_a_sample_by_its_targets(void **state)
{
    struct fixture *f = *state;
    begin(f);
    f->options.loss_power = 0.5f;
    say(f, SL_SAMPLE_USER, "a");
    say(f, SL_SAMPLE_ASSISTANT, "xyz"); /* and im_end: four targets */
    encode_well(f);
    assert_float_equal(f->out.target_weight, 0.5f, 1e-6);
}

/* --- pictures -------------------------------------------------------------------------------------------------------
 */

static void a_picture_stands_for_its_features(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "Look: ");
    show(f, 84, 56); /* 3 x 2 blocks */
    sl_row_text(&f->row, " And ", 5);
    show(f, 100, 170); /* to 112 x 168 */
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    encode_well(f);
    assert_non_null(strstr(text_of(f), "Look: <|image_start|>{6}<|image_end|> And <|image_start|>{24}<|image_end|>"));
    assert_string_equal(targets_of(f), "ok<|im_end|>|");
    assert_int_equal(f->out.n_pictures, 2);
    assert_int_equal(f->out.pictures[0].grid.rows, 4);
    assert_int_equal(f->out.pictures[0].grid.cols, 6);
    assert_int_equal(f->out.pictures[1].width, 100);
    assert_int_equal(f->out.pictures[1].picture.width, 112);
    assert_int_equal(f->out.n_patches, 4 * 30);
    assert_true(f->out.n_bytes >= 84 * 56 * 3 + 112 * 168 * 3 + 8 * (size_t)f->out.n_tokens);
}

static void a_picture_may_ask_for_another_size(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "x");
    show(f, 280, 280)->max_pixels = 140 * 140;
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    encode_well(f);
    assert_int_equal(f->out.pictures[0].picture.width, 140);
}

static void frames_stand_behind_their_times_in_one_size(void **state)
{
    struct fixture *f = *state;
    static const int sizes[][2] = {{112, 84}, {56, 56}, {200, 300}};
    char names[3][8];
    json_t *list = json_array();
    begin(f);
    f->row.place.folder = test_temp_dir();
    for (int i = 0; i < 3; i++) {
        snprintf(names[i], sizeof names[i], "f%d.png", i);
        test_write_png(test_temp_path(names[i]), sizes[i][0], sizes[i][1], (unsigned)i);
        json_array_append_new(list, json_string(names[i]));
    }
    say(f, SL_SAMPLE_USER, "Watch: ");
    struct sl_sample_media *m = sl_row_frames(&f->row, list);
    assert_non_null(m);
    m->fps = 2;
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    encode_well(f);
    assert_non_null(strstr(text_of(f), "Watch: [0.0 second]<|image_start|>{12}<|image_end|>"
                                       "[0.5 second]<|image_start|>{12}<|image_end|>"
                                       "[1.0 second]<|image_start|>{12}<|image_end|>"));
    assert_int_equal(f->out.n_pictures, 3);
    begin(f);
    f->row.place.folder = test_temp_dir();
    say(f, SL_SAMPLE_USER, "Watch: ");
    sl_row_frames(&f->row, list)->max_pixels = 84 * 84;
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    encode_well(f);
    assert_non_null(strstr(text_of(f), "Watch: [0.0 second]<|image_start|>{6}<|image_end|>[1.0 second]"));
    json_decref(list);
}

/* --- too long -------------------------------------------------------------------------------------------------------
 */

static void long_text_is_cut_at_its_end(void **state)
{
    struct fixture *f = *state;
    for (int pass = 0; pass < 2; pass++) {
        static int32_t whole[300];
        begin(f);
        say(f, SL_SAMPLE_USER, "count");
        say(f, SL_SAMPLE_ASSISTANT, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
        encode_well(f);
        if (pass == 0) {
            f->options.max_tokens = f->out.n_tokens - 10;
            memcpy(whole, f->out.tokens, (size_t)f->options.max_tokens * sizeof *whole);
            continue;
        }
        assert_true(f->out.cut);
        assert_int_equal(f->out.n_tokens, f->options.max_tokens);
        assert_memory_equal(f->out.tokens, whole, (size_t)f->out.n_tokens * sizeof *whole);
        assert_int_equal(f->out.targets[f->out.n_tokens - 1], -1);
        assert_true(f->out.targets[f->out.n_tokens - 2] >= 0);
    }
}

/* Two pictures, an answer after each. */
static void tell_of_two_pictures(struct fixture *f)
{
    begin(f);
    say(f, SL_SAMPLE_USER, "1:");
    show(f, 84, 84);
    say(f, SL_SAMPLE_ASSISTANT, "one");
    say(f, SL_SAMPLE_USER, "2:");
    show(f, 140, 140);
    say(f, SL_SAMPLE_ASSISTANT, "two");
}

static void no_picture_is_cut_in_two(void **state)
{
    struct fixture *f = *state;
    tell_of_two_pictures(f);
    encode_well(f);
    assert_int_equal(f->out.n_pictures, 2);
    const int64_t all = f->out.n_tokens;
    const int64_t behind = 18; /* <|im_end|> \n <|im_start|> assistant\n two <|im_end|> \n */
    for (int64_t max = all - behind - 1; max >= all - behind - 27; max--) { /* anywhere in the second picture */
        f->options.max_tokens = max;
        tell_of_two_pictures(f);
        encode_well(f);
        assert_true(f->out.cut);
        assert_int_equal(f->out.n_pictures, 1);
        assert_int_equal(f->out.n_patches, 36);
        assert_string_equal(targets_of(f), "one<|im_end|>|");
        const char *text = text_of(f);
        assert_string_equal(text + strlen(text) - 2, "2:");
    }
}

static void the_patch_budget_cuts_too(void **state)
{
    struct fixture *f = *state;
    f->options.max_patches = 36 + 99;
    tell_of_two_pictures(f);
    encode_well(f);
    assert_int_equal(f->out.n_pictures, 1);
    f->options.max_patches++;
    tell_of_two_pictures(f);
    encode_well(f);
    assert_int_equal(f->out.n_pictures, 2);
}

static void long_samples_are_dropped_when_asked(void **state)
{
    struct fixture *f = *state;
    f->options.max_patches = 36 + 99;
    f->options.too_long = SL_TOO_LONG_DROP;
    tell_of_two_pictures(f);
    expect_skip(f, SL_SKIP_TOO_LONG);
}

static void a_cut_that_leaves_nothing_to_learn_drops_the_sample(void **state)
{
    struct fixture *f = *state;
    f->options.max_patches = 35;
    tell_of_two_pictures(f);
    expect_skip(f, SL_SKIP_TOO_LONG);
    f->options.need_target = false;
    tell_of_two_pictures(f);
    encode_well(f);
    assert_int_equal(f->out.n_targets, 0);
}

static void pictures_behind_the_cut_are_not_read(void **state)
{
    struct fixture *f = *state;
    f->options.max_patches = 20;
    f->options.need_target = false;
    begin(f);
    say(f, SL_SAMPLE_USER, "1:");
    show(f, 84, 84);
    sl_row_blob(&f->row, SL_MEDIA_IMAGE, "none", &(struct sl_blob){.path = "/nonexistent.png"});
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    encode_well(f);
    assert_int_equal(f->out.n_pictures, 0);
}

/* --- what is skipped -------------------------------------------------------------------------------------------- */

static void show_file(struct fixture *f, const char *path)
{
    begin(f);
    say(f, SL_SAMPLE_USER, "x");
    sl_row_blob(&f->row, SL_MEDIA_IMAGE, "the picture", &(struct sl_blob){.path = path});
    say(f, SL_SAMPLE_ASSISTANT, "ok");
}

static void broken_pictures_are_skipped_with_their_reason(void **state)
{
    struct fixture *f = *state;
    const char *path = test_temp_path("bad.png");
    show_file(f, "/nonexistent.png");
    expect_skip(f, SL_SKIP_MISSING_MEDIA);
    assert_non_null(strstr(f->err.message, "the picture"));
    test_write_file(path, "no picture at all", 17);
    show_file(f, path);
    expect_skip(f, SL_SKIP_BAD_MEDIA);
    test_write_png(path, 4, 1000, 1); /* 250 times as high as wide */
    show_file(f, path);
    expect_skip(f, SL_SKIP_BAD_MEDIA);
    test_write_png(path, 100, 100, 1);
    f->options.max_source_pixels = 9999;
    show_file(f, path);
    expect_skip(f, SL_SKIP_OVERSIZE);
    f->options.max_media_bytes = 20;
    show_file(f, path);
    expect_skip(f, SL_SKIP_OVERSIZE);
    begin(f);
    say(f, SL_SAMPLE_USER, "x");
    struct sl_blob text = {.bytes = (const unsigned char *)"?!", .n = 2, .base64 = true};
    sl_row_blob(&f->row, SL_MEDIA_IMAGE, "inline", &text);
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    expect_skip(f, SL_SKIP_BAD_BASE64);
}

static void sounds_are_pictures_of_their_spectrogram(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "x");
    struct sl_blob tone = {.path = "tests/fuzz/corpus/sound/tone.flac"}; /* a quarter of a second: 25 columns of 28 */
    struct sl_sample_media *m = sl_row_blob(&f->row, SL_MEDIA_SOUND, "the tone", &tone);
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    assert_int_equal(m->kind, SL_MEDIA_SOUND);
    encode_well(f);
    assert_int_equal(f->out.n_pictures, 1);
    assert_true(f->out.pictures[0].sound);
    assert_int_equal(f->out.pictures[0].grid.rows, 8);
    assert_int_equal(f->out.pictures[0].grid.cols, 2);
    assert_non_null(strstr(text_of(f), "{4}"));
    begin(f);
    say(f, SL_SAMPLE_USER, "x");
    sl_row_blob(&f->row, SL_MEDIA_SOUND, "silent film", &(struct sl_blob){.path = "tests/fuzz/corpus/video/h264.mp4"});
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    expect_skip(f, SL_SKIP_BAD_MEDIA);
    assert_non_null(strstr(f->err.message, "silent film"));
}

static void broken_videos_are_skipped_with_their_reason(void **state)
{
    struct fixture *f = *state;
    const char *path = test_temp_path("bad.mp4");
    test_write_file(path, "no video at all", 15);
    begin(f);
    say(f, SL_SAMPLE_USER, "x");
    sl_row_blob(&f->row, SL_MEDIA_VIDEO, "the video", &(struct sl_blob){.path = path});
    say(f, SL_SAMPLE_ASSISTANT, "ok");
    expect_skip(f, SL_SKIP_BAD_MEDIA);
}

static void a_sample_with_nothing_to_learn_is_skipped(void **state)
{
    struct fixture *f = *state;
    begin(f);
    say(f, SL_SAMPLE_USER, "anyone?");
    expect_skip(f, SL_SKIP_NO_TARGET);
    begin(f);
    say(f, SL_SAMPLE_USER, "x");
    say(f, SL_SAMPLE_SYSTEM, "late");
    expect_skip(f, SL_SKIP_BAD_ROW);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_what_the_assistant_says_is_learnt),
        TEST(a_message_that_is_context_only_is_not_learnt),
        TEST(a_thought_switches_thinking_on),
        TEST(a_thought_of_an_earlier_turn_does_not),
        TEST(tool_calls_in_an_answer_become_calls),
        TEST(weights_share_a_sample_by_its_targets),
        TEST(a_picture_stands_for_its_features),
        TEST(a_picture_may_ask_for_another_size),
        TEST(frames_stand_behind_their_times_in_one_size),
        TEST(long_text_is_cut_at_its_end),
        TEST(no_picture_is_cut_in_two),
        TEST(the_patch_budget_cuts_too),
        TEST(long_samples_are_dropped_when_asked),
        TEST(a_cut_that_leaves_nothing_to_learn_drops_the_sample),
        TEST(pictures_behind_the_cut_are_not_read),
        TEST(broken_pictures_are_skipped_with_their_reason),
        TEST(sounds_are_pictures_of_their_spectrogram),
        TEST(broken_videos_are_skipped_with_their_reason),
        TEST(a_sample_with_nothing_to_learn_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
