/*
 * puzzles.c: the family of puzzles: its tasks, its rules, and what it keeps between samples.
 */
#include "synth/families.h"
#include "synth/puzzle.h"

static const struct {
    const char *name;
    sl_status (*make)(struct sl_puzzle *p);
} puzzles[] = {
    {"maze", sl_puzzle_maze},
    {"maze-length", sl_puzzle_maze_length},
    {"maze-exit", sl_puzzle_maze_exit},
    {"slide", sl_puzzle_slide},
    {"slide-length", sl_puzzle_slide_length},
    {"tiles", sl_puzzle_tiles},
    {"tictactoe", sl_puzzle_tictactoe},
    {"2048", sl_puzzle_2048},
    {"sudoku", sl_puzzle_sudoku},
    {"matrix", sl_puzzle_matrix},
    {"spot", sl_puzzle_spot},
    {"jigsaw", sl_puzzle_jigsaw},
    {"paths", sl_puzzle_paths},
    {"bug", sl_puzzle_bug},
    {"program", sl_puzzle_program},
};

enum { N_PUZZLES = sizeof puzzles / sizeof puzzles[0] };

static const char *const tasks[N_PUZZLES] = {"maze",  "maze-length", "maze-exit", "slide",  "slide-length",
                                             "tiles", "tictactoe",   "2048",      "sudoku", "matrix",
                                             "spot",  "jigsaw",      "paths",     "bug",    "program"};

static const struct sl_checker rules[] = {
    {"maze", "moves through the walls of `maze` from `start` to `goal`", sl_puzzle_check_maze},
    {"slide", "moves of blocks on `board` that bring A to `goal`", sl_puzzle_check_slide},
    {"tiles", "the tiles of `board` to slide until they are in order", sl_puzzle_check_tiles},
    {"one-of", "names one of `options`, which is among `answer`", sl_puzzle_check_one_of},
    {"numbers", "the whole numbers of `answer` in order: the share that is right", sl_puzzle_check_numbers},
    {"sudoku", "sixteen digits that complete `board`", sl_puzzle_check_sudoku},
    {"bug", "the wrong line of `program`, and a line that makes it print `prints`", sl_puzzle_check_bug},
};

static sl_status make(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    struct sl_puzzle p = {.r = r, .out = out, .brush = state, .err = err};
    sl_status status = puzzles[r->task].make(&p);
    if (p.paint.surface) sl_paint_abandon(&p.paint);
    if (!status && out->status && err) *err = out->error;
    return status ? status : out->status;
}

static sl_status validate(void *state, const struct sl_synth_request *r, const struct sl_synth_sample *s, sl_error *err)
{
    (void)state;
    return puzzles[r->task].make == sl_puzzle_spot ? sl_puzzle_validate_spot(s, err) : SL_OK;
}

const struct sl_synth_family sl_family_puzzles = {
    .name = "puzzles",
    .title = "mazes, boards, patterns, differences, programs",
    .tasks = tasks,
    .n_tasks = N_PUZZLES,
    .n_levels = 4,
    .open = sl_scene_brush_open,
    .close = sl_scene_brush_close,
    .make = make,
    .validate = validate,
    .checkers = rules,
    .n_checkers = sizeof rules / sizeof rules[0],
};
