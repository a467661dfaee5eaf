/*
 * test_space.c: what is drawn lies where geometry says: depths of a ball and of a box's face, boxes in space around
 * their pixels, answers that pass their rules, and the same picture for the same request.
 */
#include "test.h"

#include "synth/check.h"
#include "synth/families.h"
#include "synth/sample.h"
#include "synth/solid.h"

#include <math.h>
#include <stdbool.h>

static struct sl_view view_of(const struct sl_solid *solids, int n)
{
    return (struct sl_view){.camera = {200, 200, 80, 60},
                            .width = 160,
                            .height = 120,
                            .up = {0, -1, 0},
                            .above = 1.5,
                            .sun = {0, -1, 0},
                            .ground = {.colour = {0.5, 0.5, 0.5}},
                            .solids = solids,
                            .n_solids = n};
}

static const struct sl_solid ball = {.kind = SL_SOLID_ELLIPSOID,
                                     .centre = {0, 0, 5},
                                     .half = {1, 1, 1},
                                     .turn = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
                                     .surface = {.colour = {1, 0, 0}, .second = {1, 0, 0}},
                                     .object = 1};

static void depths_are_those_of_geometry(void **unused)
{
    (void)unused;
    struct sl_solid solids[2] = {ball, ball};
    solids[1].kind = SL_SOLID_BOX;
    solids[1].centre[0] = 1.2;
    solids[1].centre[2] = 8;
    solids[1].object = 2;
    struct sl_view v = view_of(solids, 2);
    int object;
    assert_true(fabs(sl_view_cast(&v, 80, 60, &object) - 4) < 1e-9 && object == 1);
    double x = 80 + 200 * 1.5 / 7; /* a point of the box's front face */
    assert_true(fabs(sl_view_cast(&v, x, 60, &object) - 7) < 1e-9 && object == 2);
    assert_true(sl_view_cast(&v, 2, 2, &object) == 0 && object == 0);
    struct sl_solid cone = ball;
    cone.kind = SL_SOLID_CONE;
    cone.taper = 0;
    v.solids = &cone;
    v.n_solids = 1;
    assert_true(fabs(sl_view_cast(&v, 80, 60, &object) - 4.5) < 1e-9); /* half as wide at half the height */
}

static void the_map_and_the_picture_agree(void **unused)
{
    (void)unused;
    struct sl_solid solids[2] = {ball, ball};
    solids[1].centre[2] = 9;
    solids[1].centre[0] = 0.9;
    solids[1].object = 2;
    struct sl_view v = view_of(solids, 2);
    struct sl_picture p;
    struct sl_depth_map map;
    sl_error err;
    assert_sl_ok(sl_view_draw(&v, &p, &err), &err);
    assert_sl_ok(sl_view_measure(&v, &map, &err), &err);
    int red = 0;
    for (int i = 0; i < 160 * 120; i++) red += p.rgb[3 * i] > p.rgb[3 * i + 1] + 20;
    assert_true(abs(red - map.seen[1] - map.seen[2]) < 0.06 * red);
    double area = M_PI * 200 * 200 / 24.0; /* of the nearer ball: an ellipse of about tan^2 = 1 / 24 */
    assert_true(fabs(map.alone[1] - area) < 0.05 * area);
    assert_int_equal(map.seen[1], map.alone[1]);
    assert_true(map.seen[2] < map.alone[2]);
    sl_picture_free(&p);
    sl_depth_map_release(&map);
    v.width = 5000;
    assert_int_equal(sl_view_draw(&v, &p, &err), SL_ERR_ARGUMENT);
    assert_int_equal(sl_view_measure(&v, &map, &err), SL_ERR_ARGUMENT);
}

static struct sl_synth_request request_of(uint64_t seed, int task, int level, struct sl_rng *rng)
{
    sl_rng_init(rng, seed, 5);
    return (struct sl_synth_request){
        .rng = rng, .split = (sl_synth_split)(seed % 2), .task = task, .level = level, .width = 140, .height = 112};
}

static void make(uint64_t seed, int task, int level, struct sl_synth_sample *s)
{
    struct sl_rng rng;
    sl_error err;
    struct sl_synth_request r = request_of(seed, task, level, &rng);
    sl_synth_sample_init(s);
    assert_sl_ok(sl_family_space.make(NULL, &r, s, &err), &err);
}

static double score_of(const json_t *truth, const char *answer)
{
    double score = -1;
    sl_error err;
    assert_sl_ok(sl_check(truth, answer, strlen(answer), 0, &score, &err), &err);
    return score;
}

static void answers_pass_and_hostile_ones_do_not(void **unused)
{
    (void)unused;
    for (int task = 0; task < sl_family_space.n_tasks; task++)
        for (int k = 0; k < 4; k++) {
            struct sl_synth_sample s, again;
            struct sl_buf b = SL_BUF_INIT(1 << 16);
            make((uint64_t)k, task, k % 4, &s);
            make((uint64_t)k, task, k % 4, &again);
            assert_int_equal(s.n_media, 1);
            assert_int_equal(s.media[0].bytes.len, again.media[0].bytes.len);
            assert_memory_equal(s.media[0].bytes.data, again.media[0].bytes.data, s.media[0].bytes.len);
            sl_synth_message_text(&s, s.n_messages - 1, true, &b);
            if (!sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&b))))
                fail_msg("not accepted: %s", sl_buf_str(&b));
            assert_false(sl_check_passes(s.truth, score_of(s.truth, "point1 point2")));
            assert_false(sl_check_passes(s.truth, score_of(s.truth, "900 meters")));
            assert_false(sl_check_passes(s.truth, score_of(s.truth, "<3dbbox>0 0 50 90 90 90 0 0 0</3dbbox>")));
            sl_buf_release(&b);
            sl_synth_sample_release(&s);
            sl_synth_sample_release(&again);
        }
}

static void neither_point_is_the_usual_answer(void **unused)
{
    (void)unused;
    int first = 0, n = 48;
    for (int k = 0; k < n; k++) {
        struct sl_synth_sample s;
        make((uint64_t)k, 0, k % 4, &s);
        first += strcmp(json_string_value(json_object_get(s.truth, "answer")), "point1") == 0;
        sl_synth_sample_release(&s);
    }
    assert_in_range(first, n / 4, n * 3 / 4);
}

/* Validates a sample of that seed and task after something in its truth was made wrong. */
static sl_status validate(uint64_t seed, int task, const struct sl_synth_sample *s, sl_error *err)
{
    struct sl_rng rng;
    struct sl_synth_request r = request_of(seed, task, 1, &rng);
    return sl_family_space.validate(NULL, &r, s, err);
}

static void the_validator_sees_boxes_and_depths_that_are_off(void **state)
{
    (void)state;
    for (uint64_t seed = 60; seed < 64; seed++) {
        struct sl_synth_sample s;
        sl_error err;
        make(seed, 3, 1, &s);
        assert_sl_ok(validate(seed, 3, &s, &err), &err);
        json_t *box = json_array_get(json_object_get(s.truth, "answer"), 0);
        json_array_set_new(box, 5, json_real(json_number_value(json_array_get(box, 5)) + 0.02));
        assert_int_equal(validate(seed, 3, &s, &err), SL_ERR_FORMAT);
        sl_synth_sample_release(&s);
        make(seed, 1, 1, &s);
        json_object_set_new(s.truth, "answer", json_real(1.1 * json_number_value(json_object_get(s.truth, "answer"))));
        assert_int_equal(validate(seed, 1, &s, &err), SL_ERR_FORMAT);
        assert_non_null(strstr(err.message, "rays"));
        sl_synth_sample_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths_are_those_of_geometry),
        cmocka_unit_test(the_map_and_the_picture_agree),
        cmocka_unit_test(answers_pass_and_hostile_ones_do_not),
        cmocka_unit_test(neither_point_is_the_usual_answer),
        cmocka_unit_test(the_validator_sees_boxes_and_depths_that_are_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
