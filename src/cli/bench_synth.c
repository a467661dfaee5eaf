/*
 * bench_synth.c: how fast one core makes training data: each family's tasks and levels in turn, drawn, encoded and
 * written as rows, beside the rate that the project asks of it.
 *
 * Time is the processor's, so that a busy machine measures the same; that of the programs which a family lets work for
 * it (Chromium) is added.
 */
#include "cli/bench.h"

#include "base/clock.h"
#include "base/json.h"
#include "synth/recipe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LEAST_SAMPLES = 6, MOST_SAMPLES = 4000 };

static const double seconds = 2;

/* What is asked of each family, samples a second on one core. Where the project names no rate: that of documents. */
static const struct {
    const char *family;
    double floor;
    int side; /* of its pictures; 0: its own choice, or none */
} floors[] = {
    {"scenes", 150, 336},  {"grounding", 150, 336},   {"puzzles", 150, 336}, {"charts", 40, 336}, {"tables", 40, 336},
    {"diagrams", 40, 336}, {"ocr", 40, 336},          {"stem", 40, 336},     {"space", 40, 336},  {"screens", 15, 0},
    {"video", 3, 224},     {"instructions", 40, 336}, {"text", 40, 0},
};

static double now(const struct sl_synth_family *f, const void *state)
{
    struct timespec t;
    double helpers = f->helper_seconds ? f->helper_seconds(state) : 0;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) return sl_clock_seconds();
    return helpers + (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sl_status make_one(const struct sl_recipe *r, int64_t number, void *state, sl_error *err)
{
    struct sl_recipe_sample s;
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 28);
    json_t *row = NULL;
    const struct sl_recipe_place at = {.split = SL_SYNTH_TRAIN, .number = number};
    sl_status status = sl_recipe_make(r, &at, state, &s, err);
    if (!status) status = sl_synth_sample_json(&s.sample, &s.row, &row, err);
    if (!status) status = sl_json_dump(row, 0, &text, err);
    json_decref(row);
    sl_buf_release(&text);
    sl_synth_sample_release(&s.sample);
    return status;
}

static sl_status read_recipe(const char *family, int side, struct sl_recipe *r, sl_error *err)
{
    json_t *size = side ? json_pack("{s:i, s:i}", "width", side, "height", side) : json_object();
    json_t *tree = json_pack("{s:{s:o}}", "families", family, size);
    sl_status status = sl_recipe_read(tree, r, err);
    json_decref(tree);
    return status;
}

static sl_status measure(const struct sl_bench *b, const struct sl_synth_family *f, sl_error *err)
{
    double floor = 40;
    int side = 336;
    for (size_t i = 0; i < sizeof floors / sizeof *floors; i++)
        if (strcmp(floors[i].family, f->name) == 0) {
            floor = floors[i].floor;
            side = floors[i].side;
        }
    struct sl_recipe r;
    void *state = NULL;
    sl_status status = read_recipe(f->name, side, &r, err);
    if (status) return status;
    status = f->open ? f->open(&state, err) : SL_OK;
    if (status == SL_ERR_UNSUPPORTED) { /* not on this machine: no row */
        fprintf(stderr, "seedling bench: %s is left out: %s\n", f->name, err->message);
        sl_recipe_release(&r);
        return SL_OK;
    }
    if (!status) status = make_one(&r, 0, state, err); /* fonts and tables come with the first */
    double start = now(f, state), spent = 0;
    int n = 0;
    for (; !status && n < MOST_SAMPLES && (n < LEAST_SAMPLES || spent < seconds); spent = now(f, state) - start)
        status = make_one(&r, ++n, state, err);
    if (f->close && state) f->close(state);
    sl_recipe_release(&r);
    if (status) return status;
    struct sl_bench_row row = {
        .bench = "synth", .dtype = "u8", .threads = 1, .unit = "samples/s", .rate = n / spent, .limit = floor};
    if (side)
        snprintf(row.shape, sizeof row.shape, "%s %dx%d", f->name, side, side);
    else
        snprintf(row.shape, sizeof row.shape, "%s", f->name);
    sl_bench_emit(b, row);
    return SL_OK;
}

sl_status sl_bench_synth(const struct sl_bench *b, sl_error *err)
{
    sl_status status = SL_OK;
    for (int i = 0; i < sl_synth_n_families() && !status; i++) status = measure(b, sl_synth_family_at(i), err);
    return status;
}
