/*
 * test_video.c: clips show what their events say, in real files; every task is answered by its own answer.
 */
#include "synth/clips.h"
#include "synth/families.h"

#include "family_test.h"

static void every_task_is_answered(void **state)
{
    (void)state;
    family_run(&sl_family_video, 1, NULL);
}

static void the_same_seed_gives_the_same_files(void **state)
{
    (void)state;
    family_repeats(&sl_family_video);
}

/* One actor on the first lane, with one event from second 1 to 3. */
static struct sl_clip one_event(sl_event_kind kind)
{
    struct sl_clip c = {.width = 128, .height = 128, .fps = 10, .seconds = 4, .n_actors = 1, .n_events = 1};
    c.actors[0] = (struct sl_clip_actor){.shape = 1, .colour = 0, .at = 0.2};
    c.events[0] = (struct sl_clip_event){.kind = kind, .start = 1, .end = 3, .forward = true, .count = 2, .colour = 1};
    return c;
}

/* What of the picture at a time is neither ground nor spot: how many pixels, their middle, the blue among them. */
struct seen {
    int n, blue;
    double x, y;
};

static struct seen look(const struct sl_clip *c, double seconds)
{
    struct sl_clip_brush brush;
    struct sl_picture p;
    struct seen s = {0};
    sl_error err;
    assert_sl_ok(sl_clip_brush_open(&brush, c, &err), &err);
    assert_sl_ok(sl_clip_draw(&brush, seconds, &p, &err), &err);
    for (int i = 0; i < p.width * p.height; i++) {
        const uint8_t *at = p.rgb + 3 * i;
        if (at[0] > 170 && at[1] > 170 && at[2] > 170) continue;
        s.n++;
        s.blue += at[2] > at[0];
        s.x += i % p.width;
        s.y += i / p.width;
    }
    s.x /= s.n ? s.n : 1;
    s.y /= s.n ? s.n : 1;
    sl_picture_free(&p);
    sl_clip_brush_close(&brush);
    return s;
}

static void events_do_what_they_are_called(void **state)
{
    (void)state;
    struct sl_clip c = one_event(SL_EVENT_MOVE);
    assert_true(look(&c, 3).x > look(&c, 1).x + 60);
    assert_true(look(&c, 0).x == look(&c, 1).x && look(&c, 3.9).x == look(&c, 3).x);
    c.upright = true;
    assert_true(look(&c, 3).y > look(&c, 1).y + 60);
    c = one_event(SL_EVENT_GROW);
    assert_true(look(&c, 3).n > 1.8 * look(&c, 1).n);
    c = one_event(SL_EVENT_SHRINK);
    assert_true(look(&c, 3).n < 0.5 * look(&c, 1).n);
    c = one_event(SL_EVENT_COLOUR);
    assert_int_equal(look(&c, 0.9).blue, 0);
    assert_true(look(&c, 3).blue > 0.9 * look(&c, 3).n);
    c = one_event(SL_EVENT_APPEAR);
    assert_int_equal(look(&c, 0.5).n, 0);
    assert_true(look(&c, 3).n > 0);
    c = one_event(SL_EVENT_DISAPPEAR);
    assert_true(look(&c, 1).n > 0);
    assert_int_equal(look(&c, 3).n, 0);
}

/* How often a rises above and falls again: repetitions are really there. */
static void repetitions_can_be_counted(void **state)
{
    (void)state;
    for (int count = 1; count <= 5; count++) {
        struct sl_clip c = one_event(SL_EVENT_JUMP);
        int jumps = 0, blinks = 0;
        c.events[0].count = count;
        double rest = look(&c, 0).y;
        for (int i = 1; i < 80; i++) {
            bool up = look(&c, i / 20.0).y < rest - 2, was_up = look(&c, (i - 1) / 20.0).y < rest - 2;
            jumps += up && !was_up;
        }
        c.events[0].kind = SL_EVENT_BLINK;
        for (int i = 1; i < 80; i++) blinks += look(&c, i / 20.0).n == 0 && look(&c, (i - 1) / 20.0).n > 0;
        assert_int_equal(jumps, count);
        assert_int_equal(blinks, count);
    }
}

/* Composed clips keep their promises for all levels: time, order, no event twice. */
static void composed_events_follow_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct sl_rng rng;
        struct sl_clip c;
        struct sl_synth_request r = {.rng = &rng, .level = (int)(seed % 3)};
        sl_rng_init(&rng, seed, 9);
        sl_clip_compose(&r, 1 + (int)(seed % 3), seed % 5 == 0, &c);
        assert_true(c.seconds >= 2 && c.seconds <= 180);
        for (int i = 0; i < c.n_events; i++) {
            assert_true(c.events[i].end > c.events[i].start && c.events[i].end < c.seconds);
            if (i) assert_true(c.events[i].start > c.events[i - 1].end + 0.2);
            for (int k = 0; k < i; k++)
                assert_false(c.events[k].actor == c.events[i].actor && c.events[k].kind == c.events[i].kind);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_answered),
        cmocka_unit_test(the_same_seed_gives_the_same_files),
        cmocka_unit_test(events_do_what_they_are_called),
        cmocka_unit_test(repetitions_can_be_counted),
        cmocka_unit_test(composed_events_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
