/*
 * charts.c: the family "charts": numbers, a look, a picture, a question; drawn again until all of it fits.
 */
#include "synth/chart.h"

#include "synth/families.h"

enum { ATTEMPTS = 200 };

static const char *const tasks[SL_N_CHART_TASKS] = {"table", "describe",  "value",    "compare",
                                                    "trend", "aggregate", "structure"};

/* One attempt: *done is false when the picture or the question did not come out. */
static sl_status try_chart(const struct sl_synth_request *r, struct sl_synth_sample *out, bool *done, sl_error *err)
{
    struct sl_chart c;
    struct sl_chart_look look;
    struct sl_picture picture;
    sl_chart_kind kind;
    *done = false;
    do {
        kind = (sl_chart_kind)sl_synth_int(r, 0, SL_N_CHARTS - 1);
    } while (!sl_chart_suits(kind, (sl_chart_task)r->task));
    sl_chart_invent(r, kind, &c);
    sl_chart_dress(r, &c, &look);
    sl_status status = sl_chart_draw(&c, &look, &picture, done, err);
    if (status || !*done) return status;
    bool png = sl_synth_chance(r, 0.3);
    sl_synth_picture(out, &picture, png ? SL_SYNTH_PNG : SL_SYNTH_JPEG, sl_synth_int(r, 82, 96));
    sl_picture_free(&picture);
    *done = sl_chart_ask(r, &c, (sl_chart_task)r->task, out);
    if (*done) return SL_OK;
    sl_synth_sample_release(out);
    sl_synth_sample_init(out);
    return SL_OK;
}

static sl_status make_chart(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    (void)state;
    bool done = false;
    sl_status status = SL_OK;
    for (int i = 0; i < ATTEMPTS && !done && !status; i++) status = try_chart(r, out, &done, err);
    if (status || done) return status;
    return sl_fail(err, SL_ERR_ARGUMENT, "no chart fits into %dx%d pixels", r->width, r->height);
}

const struct sl_synth_family sl_family_charts = {.name = "charts",
                                                 .title = "charts of nine kinds: as tables, in words, and questions",
                                                 .tasks = tasks,
                                                 .n_tasks = SL_N_CHART_TASKS,
                                                 .n_levels = 3,
                                                 .make = make_chart};
