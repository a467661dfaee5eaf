/*
 * test_puzzles.c: every puzzle's own answer passes its rule, nearly right and hostile answers do not, shortest
 * solutions are as short as a second search finds, and programs print what C computes.
 */
#include "test.h"

#include "synth/check.h"
#include "synth/families.h"
#include "synth/puzzle_run.h"
#include "synth/sample.h"

#include <math.h>
#include <stdbool.h>

static void *state_of(void)
{
    void *state = NULL;
    sl_error err;
    assert_sl_ok(sl_family_puzzles.open(&state, &err), &err);
    return state;
}

static int task_called(const char *name)
{
    for (int i = 0; i < sl_family_puzzles.n_tasks; i++)
        if (strcmp(sl_family_puzzles.tasks[i], name) == 0) return i;
    fail_msg("no task %s", name);
    return -1;
}

static void make(void *state, uint64_t seed, int task, int level, struct sl_synth_sample *s)
{
    struct sl_rng rng;
    sl_error err;
    sl_rng_init(&rng, seed, 11);
    struct sl_synth_request r = {
        .rng = &rng, .split = (sl_synth_split)(seed % 2), .task = task, .level = level, .width = 224, .height = 224};
    sl_synth_sample_init(s);
    assert_sl_ok(sl_family_puzzles.make(state, &r, s, &err), &err);
}

static double score_of(const json_t *truth, const char *answer)
{
    double score = -1;
    sl_error err;
    assert_sl_ok(sl_check(truth, answer, strlen(answer), 0, &score, &err), &err);
    return score;
}

static void the_given_answers_pass_and_others_do_not(void **unused)
{
    (void)unused;
    static const char *const hostile[] = {"",
                                          "I do not know",
                                          "all of them",
                                          "X O nobody",
                                          "up right down left",
                                          "99",
                                          "a1 b2 c3",
                                          "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 999",
                                          "<bbox>0 0 999 999</bbox>"};
    void *state = state_of();
    for (int task = 0; task < sl_family_puzzles.n_tasks; task++)
        for (int k = 0; k < 12; k++) {
            struct sl_synth_sample s;
            make(state, (uint64_t)k, task, k % 4, &s);
            struct sl_buf b = SL_BUF_INIT(1 << 20);
            assert_int_equal(s.messages[0].role, SL_SYNTH_USER);
            assert_int_equal(s.n_messages, 2);
            sl_synth_message_text(&s, 1, true, &b);
            if (!sl_check_passes(s.truth, score_of(s.truth, sl_buf_str(&b))))
                fail_msg("%s %d: not accepted: %s", sl_family_puzzles.tasks[task], k, sl_buf_str(&b));
            for (size_t h = 0; h < sizeof hostile / sizeof hostile[0]; h++)
                if (sl_check_passes(s.truth, score_of(s.truth, hostile[h])))
                    fail_msg("%s %d: accepted: %s", sl_family_puzzles.tasks[task], k, hostile[h]);
            sl_buf_release(&b);
            sl_synth_sample_release(&s);
        }
    sl_family_puzzles.close(state);
}

/* A second search: distances by relaxing all cells until nothing changes. */
static int maze_distance(const json_t *truth)
{
    const json_t *rows = json_object_get(truth, "maze");
    int n = (int)json_array_size(rows), d[256];
    int sx = (int)json_integer_value(json_array_get(json_object_get(truth, "start"), 0));
    int sy = (int)json_integer_value(json_array_get(json_object_get(truth, "start"), 1));
    int gx = (int)json_integer_value(json_array_get(json_object_get(truth, "goal"), 0));
    int gy = (int)json_integer_value(json_array_get(json_object_get(truth, "goal"), 1));
    for (int i = 0; i < n * n; i++) d[i] = 10000;
    d[sy * n + sx] = 0;
    static const int dx[] = {0, 1, 0, -1}, dy[] = {-1, 0, 1, 0};
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < n * n; i++) {
            char cell[2] = {json_string_value(json_array_get(rows, (size_t)(i / n)))[i % n], 0};
            long open = strtol(cell, NULL, 16);
            for (int w = 0; w < 4; w++) {
                int j = (i / n + dy[w]) * n + i % n + dx[w];
                if (!(open & 1 << w) || d[i] + 1 >= d[j]) continue;
                d[j] = d[i] + 1;
                again = true;
            }
        }
    }
    return d[gy * n + gx];
}

static void mazes_are_solved_by_shortest_ways_and_walls_hold(void **unused)
{
    (void)unused;
    void *state = state_of();
    for (int k = 0; k < 40; k++) {
        struct sl_synth_sample s;
        make(state, (uint64_t)k, task_called("maze"), k % 4, &s);
        int n = (int)json_integer_value(json_object_get(s.truth, "shortest"));
        assert_int_equal(n, maze_distance(s.truth));
        const char *answer = json_string_value(json_object_get(s.truth, "answer"));
        char letters[256] = "", text[4096];
        int k2 = 0;
        for (const char *t = answer; t; t = strchr(t, ' ')) {
            while (*t == ' ') t++;
            letters[k2++] = (char)(*t - 32);
        }
        assert_int_equal(k2, n);
        assert_true(score_of(s.truth, letters) == 1); /* "RRDL" */
        snprintf(text, sizeof text, "The way is: %s.", answer);
        assert_true(score_of(s.truth, text) == 1);
        snprintf(text, sizeof text, "%s, up, down", answer);
        double beyond = score_of(s.truth, text); /* comes back, or hits a wall: never wrong to leave and return */
        assert_true(beyond == 0 || beyond == 1);
        letters[k2 - 1] = 0;
        assert_true(score_of(s.truth, letters) == 0); /* one short */
        sl_synth_sample_release(&s);
    }
    sl_family_puzzles.close(state);
}

/* Tries all sequences of fewer tiles than the shortest solution says: none may solve the board. */
static bool solvable_in(const json_t *truth, int *moves, int at, int depth)
{
    char text[64] = "";
    for (int i = 0; i < at; i++) {
        text[2 * i] = (char)('0' + moves[i]);
        text[2 * i + 1] = ' ';
    }
    if (at && score_of(truth, text) == 1) return true;
    for (int c = 1; c <= 8 && at < depth; c++) {
        if (at && moves[at - 1] == c) continue;
        moves[at] = c;
        if (solvable_in(truth, moves, at + 1, depth)) return true;
    }
    return false;
}

static void tiles_have_no_shorter_solution(void **unused)
{
    (void)unused;
    void *state = state_of();
    for (int k = 0; k < 10; k++) {
        struct sl_synth_sample s;
        make(state, (uint64_t)k, task_called("tiles"), k % 2, &s);
        int n = (int)json_integer_value(json_object_get(s.truth, "shortest")), moves[16];
        if (n <= 4) {
            assert_false(solvable_in(s.truth, moves, 0, n - 1));
            assert_true(solvable_in(s.truth, moves, 0, n));
        }
        sl_synth_sample_release(&s);
    }
    sl_family_puzzles.close(state);
}

static void blocks_do_not_pass_through_each_other(void **unused)
{
    (void)unused;
    json_t *truth = json_pack("{s:s,s:[s,s],s:[i,i]}", "checker", "slide", "board", "AB.", "CC.", "goal", 1, 0);
    assert_true(score_of(truth, "A right") == 0);
    assert_true(score_of(truth, "B right, A right") == 1);
    assert_true(score_of(truth, "Moves: B right, A right.") == 1);
    assert_true(score_of(truth, "B right 1, A right 1") == 1);
    assert_true(score_of(truth, "B right, A right, Q up") == 0);
    assert_true(score_of(truth, "A right, B right") == 0);
    assert_true(score_of(truth, "B right 2, A right") == 0);
    json_decref(truth);
}

static void a_sudoku_takes_any_layout_but_no_wrong_digit(void **unused)
{
    (void)unused;
    json_t *truth = json_pack("{s:s,s:[i,i,i,i,i,i,i,i,i,i,i,i,i,i,i,i]}", "checker", "sudoku", "board", 1, 2, 0, 0, 3,
                              0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0);
    assert_true(score_of(truth, "1234\n3412\n2143\n4321") == 1);
    assert_true(score_of(truth, "1 2 3 4, 3 4 1 2, 2 1 4 3, 4 3 2 1") == 1);
    assert_true(score_of(truth, "1234\n3412\n2143\n4312") == 0);
    assert_true(score_of(truth, "2143\n4321\n1234\n3412") == 0); /* right, but not of these givens */
    assert_true(score_of(truth, "1234\n3412\n2143\n432") == 0);
    json_decref(truth);
}

static long run(const char *const *lines)
{
    struct sl_program p = {.n = 0};
    long out = -12345;
    for (; lines[p.n]; p.n++) snprintf(p.lines[p.n], SL_PROGRAM_WIDTH, "%s", lines[p.n]);
    return sl_program_run(&p, &out) ? out : -12345;
}

static void programs_print_what_python_prints(void **unused)
{
    (void)unused;
    static const char *const gcd[] = {"n = 84",    "m = 36",    "while m != 0:", "    t = n % m",
                                      "    n = m", "    m = t", "print(n)",      NULL};
    static const char *const nested[] = {"s = 0",
                                         "for i in range(4):",
                                         "    for j in range(i, 4):",
                                         "        if i * j > 2:",
                                         "            s += i + 2 * (j - 1)",
                                         "print(s)",
                                         NULL};
    static const char *const floored[] = {"a = 0 - 7", "print(a // 2 * 10 + a % 2)", NULL};
    static const char *const endless[] = {"n = 1", "while n > 0:", "    n += 1", "print(n)", NULL};
    static const char *const unknown[] = {"print(q)", NULL}, *const by_zero[] = {"print(3 // 0)", NULL};
    static const char *const deep[] = {"print((((((((((((((((((((1))))))))))))))))))))", NULL};
    assert_int_equal(run(gcd), 12);
    long s = 0;
    for (long i = 0; i < 4; i++)
        for (long j = i; j < 4; j++)
            if (i * j > 2) s += i + 2 * (j - 1);
    assert_int_equal(run(nested), s);
    assert_int_equal(run(floored), -4 * 10 + 1);
    assert_int_equal(run(endless), -12345);
    assert_int_equal(run(unknown), -12345);
    assert_int_equal(run(by_zero), -12345);
    assert_int_equal(run(deep), -12345);
}

static void any_correction_of_a_program_counts_and_a_cheat_does_not(void **unused)
{
    (void)unused;
    json_t *truth =
        json_pack("{s:s,s:i,s:[s,s,s,s,s],s:[[i,i],[i,i]]}", "checker", "bug", "answer", 3, "program", "n = 4",
                  "total = 0", "for i in range(1, n):", "    total += i", "print(total)", "tests", 4, 10, 7, 28);
    assert_true(score_of(truth, "Line 3: for i in range(1, n + 1):") == 1);
    assert_true(score_of(truth, "Line 3: for k in range(n + 1):") == 0.5); /* i is not set any more */
    assert_true(score_of(truth, "Line 3: `for i in range(n+1):`") == 1);
    assert_true(score_of(truth, "Line 5: print(10)") == 0);
    assert_true(score_of(truth, "line 3") == 0.5);
    assert_true(score_of(truth, "Line 3: for i in range(1, 5):") == 0.5);
    json_decref(truth);
}

/* Extent of the first box of a truth along the axis of its coordinate k. */
static double extent_of_box(const json_t *truth, size_t k)
{
    const json_t *box = json_array_get(json_object_get(truth, "answer"), 0);
    return json_number_value(json_array_get(box, 2 + k % 2)) - json_number_value(json_array_get(box, k % 2));
}

/* Moves a coordinate of the first box of a truth. */
static void move_box(json_t *truth, size_t k, double by)
{
    json_t *box = json_array_get(json_object_get(truth, "answer"), 0);
    json_array_set_new(box, k, json_real(json_number_value(json_array_get(box, k)) + by));
}

static void boxes_of_differences_lie_on_the_pixels_that_differ(void **unused)
{
    (void)unused;
    int task = task_called("spot");
    void *state = state_of();
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct sl_synth_sample s;
        struct sl_synth_request r = {.task = task};
        sl_error err;
        make(state, seed, task, (int)seed % 4, &s);
        assert_sl_ok(sl_family_puzzles.validate(state, &r, &s, &err), &err);
        size_t k = seed % 4;
        double half = extent_of_box(s.truth, k) / 2, by = k < 2 ? half : -half; /* one side into the difference */
        move_box(s.truth, k, by);
        assert_int_equal(sl_family_puzzles.validate(state, &r, &s, &err), SL_ERR_FORMAT);
        move_box(s.truth, k, -by);
        json_array_remove(json_object_get(s.truth, "answer"), 0);
        assert_int_equal(sl_family_puzzles.validate(state, &r, &s, &err), SL_ERR_FORMAT);
        assert_non_null(strstr(err.message, "in no box"));
        sl_synth_sample_release(&s);
    }
    sl_family_puzzles.close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_of_differences_lie_on_the_pixels_that_differ),
        cmocka_unit_test(the_given_answers_pass_and_others_do_not),
        cmocka_unit_test(mazes_are_solved_by_shortest_ways_and_walls_hold),
        cmocka_unit_test(tiles_have_no_shorter_solution),
        cmocka_unit_test(blocks_do_not_pass_through_each_other),
        cmocka_unit_test(a_sudoku_takes_any_layout_but_no_wrong_digit),
        cmocka_unit_test(programs_print_what_python_prints),
        cmocka_unit_test(any_correction_of_a_program_counts_and_a_cheat_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
