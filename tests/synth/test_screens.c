/*
 * test_screens.c: every task of the family is answered by its own answer, boxes lie on what was drawn, and a sample is
 * the same whatever the browser showed before it. Skipped without Chromium.
 */
#include "synth/families.h"

#include "family_test.h"

#include "text/answer.h"

static int open_family(void **state)
{
    sl_error err;
    sl_status status = sl_family_screens.open(state, &err);
    if (status && status != SL_ERR_UNSUPPORTED) fail_msg("%s", err.message);
    if (status) print_message("no pages: %s\n", err.message);
    return 0;
}

static int close_family(void **state)
{
    sl_family_screens.close(*state);
    return 0;
}

static void make(void *family, struct sl_synth_request *r, uint64_t seed, struct sl_synth_sample *out)
{
    struct sl_rng rng;
    sl_error err = {0};
    sl_rng_init(&rng, seed, 3);
    r->rng = &rng;
    sl_synth_sample_init(out);
    assert_sl_ok(sl_family_screens.make(family, r, out, &err), &err);
    assert_sl_ok(out->status, &out->error);
    r->rng = NULL;
}

/* The contrast inside a box: the largest difference from the box's first pixel; a box on nothing has none. */
static int contrast(const struct sl_picture *p, const json_t *box)
{
    int at[4], most = 0;
    for (size_t i = 0; i < 4; i++)
        at[i] = (int)sl_coordinate_to_pixel((double)json_integer_value(json_array_get(box, i)),
                                            i % 2 ? p->height : p->width);
    const uint8_t *first = p->rgb + 3 * (at[1] * p->width + at[0]);
    for (int y = at[1]; y <= at[3] && y < p->height; y++)
        for (int x = at[0]; x <= at[2] && x < p->width; x++)
            for (int c = 0; c < 3; c++) {
                int d = abs(p->rgb[3 * (y * p->width + x) + c] - first[c]);
                if (d > most) most = d;
            }
    return most;
}

static void look(const struct sl_synth_sample *s)
{
    struct sl_buf answer = SL_BUF_INIT(1 << 20);
    sl_error err = {0};
    double score = 0;
    family_text(s, SL_SYNTH_ASSISTANT, &answer);
    assert_sl_ok(sl_check(s->truth, sl_buf_str(&answer), answer.len, 0, &score, &err), &err);
    if (score < 0.999) fail_msg("%s scores %g", sl_buf_str(&answer), score);
    const char *checker = json_string_value(json_object_get(s->truth, "checker"));
    if (strcmp(checker, "boxes") == 0 || strcmp(checker, "points") == 0) {
        struct sl_picture p;
        const struct sl_buf *bytes = &s->media[s->n_media - 1].bytes;
        const json_t *boxes = json_object_get(s->truth, "answer");
        assert_sl_ok(sl_picture_decode(&p, bytes->data, bytes->len, SL_PICTURE_MAX_PIXELS, &err), &err);
        for (size_t i = 0; i < json_array_size(boxes); i++) assert_true(contrast(&p, json_array_get(boxes, i)) > 40);
        sl_picture_free(&p);
    }
    sl_buf_release(&answer);
}

static void every_task_is_answered_and_follows_from_its_request(void **state)
{
    struct sl_synth_sample first[9];
    if (!*state) skip();
    assert_int_equal(sl_family_screens.n_tasks, 9);
    for (int task = 0; task < 9; task++) {
        struct sl_synth_request r = {.task = task, .level = task % 3, .split = task % SL_N_SYNTH_SPLITS};
        make(*state, &r, 40 + (uint64_t)task, &first[task]);
        look(&first[task]);
    }
    /* The other way round: other pages, sizes and pointers come before each. */
    for (int task = 8; task >= 0; task--) {
        struct sl_synth_request r = {.task = task, .level = task % 3, .split = task % SL_N_SYNTH_SPLITS};
        struct sl_synth_sample again;
        make(*state, &r, 40 + (uint64_t)task, &again);
        assert_int_equal(first[task].n_media, again.n_media);
        for (int i = 0; i < again.n_media; i++) {
            assert_int_equal(first[task].media[i].bytes.len, again.media[i].bytes.len);
            assert_memory_equal(first[task].media[i].bytes.data, again.media[i].bytes.data, again.media[i].bytes.len);
        }
        assert_true(json_equal(first[task].truth, again.truth));
        sl_synth_sample_release(&again);
        sl_synth_sample_release(&first[task]);
    }
}

/* Makes a sample of a task about the page and the view of documentation that number `page` stands for. */
static void make_shared(void *family, int task, uint64_t page, struct sl_synth_sample *out)
{
    struct sl_rng shared;
    sl_rng_init(&shared, page, 8);
    struct sl_synth_request r = {.task = task, .level = 1, .shared = &shared};
    make(family, &r, 90 + (uint64_t)task, out);
}

static void samples_that_share_a_page_are_the_same_made_alone(void **state)
{
    static const int some[] = {0, 8, 6, 7, 3};
    struct sl_synth_sample first[5], other, again;
    if (!*state) skip();
    for (int i = 0; i < 5; i++) make_shared(*state, some[i], 1, &first[i]);
    /* Pictures of one page before anything is done to it. */
    assert_int_equal(first[0].media[0].width, first[4].media[0].width);
    assert_int_equal(first[0].media[0].height, first[4].media[0].height);
    for (int i = 4; i >= 0; i--) {
        make_shared(*state, some[i] == 8 ? 8 : 0, 2, &other); /* what was shared is drawn anew */
        make_shared(*state, some[i], 1, &again);
        assert_int_equal(first[i].n_media, again.n_media);
        for (int k = 0; k < again.n_media; k++) {
            assert_int_equal(first[i].media[k].bytes.len, again.media[k].bytes.len);
            assert_memory_equal(first[i].media[k].bytes.data, again.media[k].bytes.data, again.media[k].bytes.len);
        }
        assert_true(json_equal(first[i].truth, again.truth));
        sl_synth_sample_release(&other);
        sl_synth_sample_release(&again);
        sl_synth_sample_release(&first[i]);
    }
}

static void the_validator_sees_boxes_that_are_off(void **state)
{
    if (!*state) skip();
    struct sl_rng rng;
    struct sl_synth_sample s;
    sl_error err = {0};
    struct sl_synth_request r = {.task = 4, .level = 1}; /* list */
    make(*state, &r, 300, &s);
    for (int i = 0; i < 2; i++) {
        sl_rng_init(&rng, 300, 3);
        r.rng = &rng;
        sl_status status = sl_family_screens.validate(*state, &r, &s, &err);
        if (i == 0) assert_sl_ok(status, &err);
        if (i == 1) assert_int_equal(status, SL_ERR_FORMAT);
        json_t *box = json_array_get(json_object_get(s.truth, "answer"), 0);
        json_array_set_new(box, 0, json_integer(json_integer_value(json_array_get(box, 0)) + 30));
    }
    sl_synth_sample_release(&s);
}

static void a_size_too_small_for_a_page_is_refused(void **state)
{
    struct sl_rng rng;
    struct sl_synth_sample s;
    sl_error err = {0};
    if (!*state) skip();
    sl_rng_init(&rng, 1, 3);
    struct sl_synth_request r = {.rng = &rng, .width = 100, .height = 100};
    sl_synth_sample_init(&s);
    assert_int_equal(sl_family_screens.make(*state, &r, &s, &err), SL_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "100 x 100"));
    sl_synth_sample_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_answered_and_follows_from_its_request),
        cmocka_unit_test(samples_that_share_a_page_are_the_same_made_alone),
        cmocka_unit_test(the_validator_sees_boxes_that_are_off),
        cmocka_unit_test(a_size_too_small_for_a_page_is_refused),
    };
    return cmocka_run_group_tests(tests, open_family, close_family);
}
