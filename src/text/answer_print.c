/*
 * answer_print.c: the one canonical spelling of everything in the answer language.
 */
#include "text/answer_actions.h"
#include "text/answer_parts.h"

#include <math.h>

enum { NO_DECIMALS = 0, MARK_DECIMALS = 1, BOX3D_DECIMALS = 2 };

static sl_status refused(enum sl_answer_problem_kind why, sl_error *err)
{
    return sl_fail(err, SL_ERR_ARGUMENT, "%s", sl_answer_problem_text(why));
}

static sl_status printed(const struct sl_buf *out, sl_error *err)
{
    return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for an answer");
}

/* Prints open, the n numbers with spaces between, and close. */
static void add_numbers(const char *open, const double *v, size_t n, int min_decimals, const char *close,
                        struct sl_buf *out)
{
    sl_buf_addstr(out, open);
    for (size_t i = 0; i < n; i++) {
        if (i) sl_buf_addch(out, ' ');
        sl_answer_print_number(v[i], min_decimals, out);
    }
    sl_buf_addstr(out, close);
}

sl_status sl_answer_print_point(const struct sl_answer_point *p, struct sl_buf *out, sl_error *err)
{
    double v[2] = {p->x, p->y};
    enum sl_answer_problem_kind why;
    if (!sl_answer_check_coordinates(v, 2, &why)) return refused(why, err);
    add_numbers("<point>", v, 2, NO_DECIMALS, "</point>", out);
    return printed(out, err);
}

sl_status sl_answer_print_box(const struct sl_answer_box *b, struct sl_buf *out, sl_error *err)
{
    double v[4] = {b->x1, b->y1, b->x2, b->y2};
    enum sl_answer_problem_kind why;
    if (!sl_answer_check_box(b, &why)) return refused(why, err);
    add_numbers("<bbox>", v, 4, NO_DECIMALS, "</bbox>", out);
    return printed(out, err);
}

sl_status sl_answer_print_box3d(const struct sl_box3d *b, struct sl_buf *out, sl_error *err)
{
    double v[9] = {b->center[0], b->center[1], b->center[2], b->size[0],  b->size[1],
                   b->size[2],   b->angles[0], b->angles[1], b->angles[2]};
    enum sl_answer_problem_kind why;
    if (!sl_answer_check_box3d(b, &why)) return refused(why, err);
    add_numbers("<3dbbox>", v, 9, BOX3D_DECIMALS, "</3dbbox>", out);
    return printed(out, err);
}

sl_status sl_answer_print_polygon(const double *xy, size_t n_points, struct sl_buf *out, sl_error *err)
{
    enum sl_answer_problem_kind why;
    if (n_points < 3) return refused(SL_PROBLEM_COUNT, err);
    if (!sl_answer_check_coordinates(xy, 2 * n_points, &why)) return refused(why, err);
    add_numbers("<polygon>", xy, 2 * n_points, NO_DECIMALS, "</polygon>", out);
    return printed(out, err);
}

sl_status sl_answer_print_label(const char *text, size_t n, struct sl_buf *out, sl_error *err)
{
    if (memmem(text, n, "</text>", 7)) return sl_fail(err, SL_ERR_ARGUMENT, "a label contains </text>");
    sl_buf_addstr(out, "<text>");
    sl_buf_add(out, text, n);
    sl_buf_addstr(out, "</text>");
    return printed(out, err);
}

/* --- times ---------------------------------------------------------------------------------------------------- */

/* Prints m:ss or h:mm:ss with two digits in front and as much of a fraction as it has, to the microsecond. */
static void add_clock(double seconds, struct sl_buf *out)
{
    int64_t micros = llround(seconds * 1e6), whole = micros / 1000000;
    int fraction = (int)(micros % 1000000), digits = 6;
    if (whole >= 3600) sl_buf_addf(out, "%02d:", (int)(whole / 3600));
    sl_buf_addf(out, "%02d:%02d", (int)(whole / 60 % 60), (int)(whole % 60));
    if (fraction == 0) return;
    for (; fraction % 10 == 0; digits--) fraction /= 10;
    sl_buf_addf(out, ".%0*d", digits, fraction);
}

sl_status sl_answer_print_time(const struct sl_answer_time *t, struct sl_buf *out, sl_error *err)
{
    static const double max_clock = 3600 * 1000 - 1; /* three digits of hours */
    double max = t->form == SL_TIME_CLOCK ? max_clock : SL_ANSWER_MAX_NUMBER;
    int decimals = t->form == SL_TIME_MARK ? MARK_DECIMALS : NO_DECIMALS;
    double ends[2] = {t->start, t->end};
    int n = t->is_span ? 2 : 1;
    if (!(t->start >= 0)) return refused(SL_PROBLEM_TIME_NEGATIVE, err);
    if (t->is_span && !(t->end >= t->start)) return refused(SL_PROBLEM_TIME_ORDER, err);
    if (!(ends[n - 1] <= max)) return refused(SL_PROBLEM_NUMBER, err);
    if (t->form == SL_TIME_MARK) sl_buf_addch(out, '[');
    for (int i = 0; i < n; i++) {
        if (i) sl_buf_addstr(out, " - ");
        if (t->form == SL_TIME_CLOCK)
            add_clock(ends[i], out);
        else
            sl_answer_print_number(ends[i], decimals, out);
    }
    if (t->form == SL_TIME_MARK) sl_buf_addstr(out, " second]");
    if (t->form == SL_TIME_SECONDS) sl_buf_addstr(out, " seconds");
    return printed(out, err);
}

/* --- actions -------------------------------------------------------------------------------------------------- */

/* Prints name='text' with escapes. */
static void add_text(const char *name, const char *text, size_t n, struct sl_buf *out)
{
    sl_buf_addf(out, "%s='", name);
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '\'' || c == '"' || c == '\\') sl_buf_addch(out, '\\');
        if (c == '\n')
            sl_buf_addstr(out, "\\n");
        else
            sl_buf_addch(out, c);
    }
    sl_buf_addch(out, '\'');
}

static void add_point(const char *name, double x, double y, struct sl_buf *out)
{
    sl_buf_addf(out, "%s='", name);
    add_numbers("<point>", (double[2]){x, y}, 2, NO_DECIMALS, "</point>'", out);
}

/* Refuses what could not be read back. */
static sl_status check_action(const struct sl_answer_action *a, const char *text, size_t n, sl_error *err)
{
    const struct sl_action_form *form = sl_action_form_of(a->kind);
    double v[4] = {a->x, a->y, a->end_x, a->end_y};
    size_t n_numbers = form->needs & SL_ARGUMENT_END ? 4 : form->needs & SL_ARGUMENT_POINT ? 2 : 0;
    enum sl_answer_problem_kind why;
    char keys[SL_ACTION_KEYS_SIZE];
    if (!sl_answer_check_coordinates(v, n_numbers, &why)) return refused(why, err);
    if (a->kind == SL_ACTION_HOTKEY) {
        size_t n_keys = sl_action_keys(text, n, keys);
        if (n_keys == 0) return refused(SL_PROBLEM_ARGUMENT_KEYS, err);
        if (n_keys != n || memcmp(keys, text, n) != 0) return refused(SL_PROBLEM_ARGUMENT_KEY_SPELLING, err);
    }
    return SL_OK;
}

sl_status sl_answer_print_action(const struct sl_answer_action *a, const char *text, size_t n, struct sl_buf *out,
                                 sl_error *err)
{
    const struct sl_action_form *form = sl_action_form_of(a->kind);
    bool drags = form->needs & SL_ARGUMENT_END;
    sl_status status = check_action(a, text, n, err);
    if (status) return status;
    sl_buf_addf(out, "%s(", form->name);
    if (form->needs & SL_ARGUMENT_POINT) add_point(drags ? "start_point" : "point", a->x, a->y, out);
    if (drags) sl_buf_addstr(out, ", ");
    if (drags) add_point("end_point", a->end_x, a->end_y, out);
    if (form->needs & SL_ARGUMENT_DIRECTION) sl_buf_addf(out, ", direction='%s'", sl_direction_name(a->direction));
    if (form->text && (n > 0 || form->needs & SL_ARGUMENT_TEXT)) add_text(form->text, text, n, out);
    sl_buf_addch(out, ')');
    return printed(out, err);
}
