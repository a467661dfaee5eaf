/*
 * test_sample.c: building samples, their rows, and what each split may choose.
 */
#include "synth/sample.h"

#include "test.h"

static void test_splits_share_no_variant(void **state)
{
    (void)state;
    for (int n = 1; n <= 13; n++) {
        bool seen[2][13] = {{false}};
        for (int split = 0; split < 2; split++) {
            struct sl_rng rng;
            sl_rng_init(&rng, 7, (uint64_t)n);
            struct sl_synth_request r = {.rng = &rng, .split = (sl_synth_split)split};
            for (int i = 0; i < 1000; i++) {
                int v = sl_synth_choose(&r, n);
                assert_in_range(v, 0, n - 1);
                seen[split][v] = true;
            }
        }
        for (int v = 0; v < n; v++) {
            bool held = n >= 4 && v % 4 == 3;
            assert_int_equal(seen[SL_SYNTH_HELD_OUT][v], n < 4 || held);
            assert_int_equal(seen[SL_SYNTH_TRAIN][v], !held);
        }
    }
}

static void test_a_row_has_all_that_was_added(void **state)
{
    (void)state;
    struct sl_synth_sample s;
    struct sl_picture p;
    sl_error err = {0};
    sl_synth_sample_init(&s);
    assert_sl_ok(sl_picture_new(&p, 20, 10, 1000, &err), &err);
    memset(p.rgb, 200, 600);
    sl_synth_system(&s, "Be brief.");
    sl_synth_picture(&s, &p, SL_SYNTH_PNG, 0);
    sl_synth_user(&s, "How many %s", "dots?");
    sl_synth_think(&s, "I see none");
    sl_synth_answer(&s, "%d", 0);
    sl_synth_answer(&s, ".");
    sl_synth_truth(&s, "checker", json_string("count"));
    sl_synth_truth(&s, "answer", json_integer(0));
    sl_picture_free(&p);
    assert_int_equal(s.status, SL_OK);
    assert_int_equal(s.n_messages, 3);
    assert_int_equal(s.media[0].width, 20);
    const char *expected[2] = {"0.", "<think>I see none</think>0."};
    for (int thinking = 0; thinking < 2; thinking++) {
        struct sl_synth_row row = {
            .key = "a1", .domain = "scenes", .task = "count", .level = 2, .thinking = thinking != 0};
        json_t *json = NULL;
        assert_sl_ok(sl_synth_sample_json(&s, &row, &json, &err), &err);
        json_t *messages = json_object_get(json, "messages");
        assert_int_equal(json_array_size(messages), 3);
        assert_string_equal(json_string_value(json_object_get(json_array_get(messages, 2), "content")),
                            expected[thinking]);
        json_t *parts = json_object_get(json_array_get(messages, 1), "content");
        assert_string_equal(json_string_value(json_object_get(json_array_get(parts, 0), "image")), "a1.png");
        assert_string_equal(json_string_value(json_object_get(json_array_get(parts, 1), "text")), "How many dots?");
        assert_string_equal(json_string_value(json_object_get(json_object_get(json, "truth"), "checker")), "count");
        json_decref(json);
    }
    sl_synth_sample_release(&s);
}

static void test_the_first_failure_sticks(void **state)
{
    (void)state;
    struct sl_synth_sample s;
    struct sl_picture p = {0};
    sl_error err = {0};
    sl_synth_sample_init(&s);
    assert_sl_ok(sl_picture_new(&p, 4, 4, 1000, &err), &err);
    memset(p.rgb, 0, 48);
    sl_synth_picture(&s, &p, SL_SYNTH_JPEG, 0);
    sl_synth_fail(&s, SL_ERR_FORMAT, "later");
    sl_synth_answer(&s, "nothing");
    sl_synth_truth(&s, "answer", json_integer(1));
    assert_int_equal(s.status, SL_ERR_ARGUMENT);
    assert_non_null(strstr(s.error.message, "quality"));
    assert_int_equal(s.n_messages, 1);
    assert_null(s.truth);
    sl_picture_free(&p);
    sl_synth_sample_release(&s);
}

static void test_long_texts_are_whole(void **state)
{
    (void)state;
    struct sl_synth_sample s;
    char *text = malloc(5001);
    memset(text, 'x', 5000);
    text[5000] = '\0';
    sl_synth_sample_init(&s);
    sl_synth_user(&s, "%s!", text);
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    sl_synth_message_text(&s, 0, false, &out);
    assert_int_equal(out.len, 5001);
    assert_int_equal(out.data[5000], '!');
    sl_buf_release(&out);
    sl_synth_sample_release(&s);
    free(text);
}

static void test_clips_are_taken_over_as_they_are(void **state)
{
    (void)state;
    struct sl_synth_sample s;
    struct sl_buf clip = SL_BUF_INIT(100);
    char name[64];
    sl_synth_sample_init(&s);
    sl_buf_addstr(&clip, "bytes");
    sl_synth_video(&s, &clip, "mp4", 64, 48);
    sl_synth_user(&s, "What happens?");
    assert_int_equal(clip.len, 0);
    assert_int_equal(s.n_media, 1);
    assert_true(s.media[0].video);
    assert_int_equal(s.media[0].bytes.len, 5);
    sl_synth_media_name(&s, "video-000001", 0, name, sizeof name);
    assert_string_equal(name, "video-000001.mp4");
    sl_buf_release(&clip);
    sl_synth_sample_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits_share_no_variant),          cmocka_unit_test(test_a_row_has_all_that_was_added),
        cmocka_unit_test(test_the_first_failure_sticks),         cmocka_unit_test(test_long_texts_are_whole),
        cmocka_unit_test(test_clips_are_taken_over_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
