/*
 * fuzz_answer.c: any bytes as an answer. Ranges lie in the text, and every item, printed, parses to itself.
 *
 * The first byte chooses whether the prompt opened the reasoning.
 */
#include "text/answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void require(bool ok)
{
    if (!ok) abort();
}

static void require_inside(struct sl_byte_range r, size_t n)
{
    require(r.begin <= r.end && r.end <= n);
}

/* Parses what was printed; no problem may be found. */
static void parse_back(struct sl_answer *a, struct sl_buf *printed)
{
    require(sl_buf_ok(printed) && sl_answer_parse(sl_buf_str(printed), printed->len, 0, a, NULL) == SL_OK);
    require(a->n_problems == 0);
}

static void check_shapes(const struct sl_answer *a, struct sl_answer *back, struct sl_buf *b)
{
    for (size_t i = 0; i < a->n_points; i++, sl_buf_clear(b)) {
        require_inside(a->points[i].range, a->n);
        require(sl_answer_print_point(&a->points[i], b, NULL) == SL_OK);
        parse_back(back, b);
        require(back->n_points == 1 && back->points[0].x == a->points[i].x && back->points[0].y == a->points[i].y);
    }
    for (size_t i = 0; i < a->n_boxes; i++, sl_buf_clear(b)) {
        const struct sl_answer_box *x = &a->boxes[i], *y;
        require_inside(x->range, a->n);
        require(sl_answer_print_box(x, b, NULL) == SL_OK);
        parse_back(back, b);
        y = back->boxes;
        require(back->n_boxes == 1 && x->x1 == y->x1 && x->y1 == y->y1 && x->x2 == y->x2 && x->y2 == y->y2);
    }
    for (size_t i = 0; i < a->n_boxes3d; i++, sl_buf_clear(b)) {
        require_inside(a->boxes3d[i].range, a->n);
        require(sl_answer_print_box3d(&a->boxes3d[i].box, b, NULL) == SL_OK);
        parse_back(back, b);
        const double *x = a->boxes3d[i].box.center, *y = back->boxes3d[0].box.center;
        for (int k = 0; k < 3; k++) require(x[k] == y[k]);
    }
    for (size_t i = 0; i < a->n_polygons; i++, sl_buf_clear(b)) {
        const struct sl_answer_polygon *x = &a->polygons[i];
        const double *xy = a->coordinates + x->first;
        require_inside(x->range, a->n);
        require(sl_answer_print_polygon(xy, x->n_points, b, NULL) == SL_OK);
        parse_back(back, b);
        require(back->n_polygons == 1 && back->n_coordinates == 2 * x->n_points);
        for (size_t k = 0; k < back->n_coordinates; k++) require(back->coordinates[k] == xy[k]);
    }
}

static void check_times(const struct sl_answer *a, struct sl_answer *back, struct sl_buf *b)
{
    for (size_t i = 0; i < a->n_times; i++, sl_buf_clear(b)) {
        const struct sl_answer_time *x = &a->times[i];
        require_inside(x->range, a->n);
        require(sl_answer_print_time(x, b, NULL) == SL_OK);
        parse_back(back, b);
        require(back->n_times == 1 && back->times[0].start == x->start && back->times[0].end == x->end);
        require(back->times[0].form == x->form && back->times[0].is_span == x->is_span);
    }
}

static void check_actions(const struct sl_answer *a, struct sl_answer *back, struct sl_buf *b)
{
    for (size_t i = 0; i < a->n_actions; i++, sl_buf_clear(b)) {
        const struct sl_answer_action *x = &a->actions[i], *y;
        require_inside(x->range, a->n);
        require_inside(x->text, a->strings.len);
        const char *text = sl_buf_str(&a->strings) + x->text.begin;
        size_t n = x->text.end - x->text.begin;
        /* A text may hold </think>, which is the reasoning's end unless that has been. */
        sl_buf_addstr(b, "<think></think>Action: ");
        require(sl_answer_print_action(x, text, n, b, NULL) == SL_OK);
        parse_back(back, b);
        y = back->actions;
        require(back->n_actions == 1 && y->kind == x->kind && y->text.end - y->text.begin == n);
        require(n == 0 || memcmp(back->strings.data + y->text.begin, text, n) == 0);
        require(y->x == x->x && y->y == x->y && y->end_x == x->end_x && y->end_y == x->end_y);
        require(y->direction == x->direction);
    }
    for (size_t i = 0; i < a->n_tool_calls; i++) {
        require_inside(a->tool_calls[i].name, a->strings.len);
        require_inside(a->tool_calls[i].arguments, a->strings.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    enum { SOME = 64 }; /* items printed of a long list */
    struct sl_answer a = {0}, back = {0};
    struct sl_buf b = SL_BUF_INIT(1 << 24);
    if (n == 0) return 0;
    unsigned flags = bytes[0] & 1 ? SL_ANSWER_THINK_OPEN : 0;
    const char *text = (const char *)bytes + 1;
    if (sl_answer_parse(text, n - 1, flags, &a, NULL) == SL_OK) {
        require_inside(a.reasoning, a.n);
        require_inside(a.answer, a.n);
        require_inside(a.thought, a.n);
        require(!a.has_reasoning || a.reasoning.end <= a.answer.begin);
        for (size_t i = 0; i < a.n_problems; i++) {
            require_inside(a.problems[i].range, a.n);
            require(sl_answer_problem_text(a.problems[i].kind) != NULL);
        }
        size_t *counts[] = {&a.n_points, &a.n_boxes, &a.n_boxes3d, &a.n_polygons, &a.n_times, &a.n_actions};
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            if (*counts[i] > SOME) *counts[i] = SOME;
        check_shapes(&a, &back, &b);
        check_times(&a, &back, &b);
        check_actions(&a, &back, &b);
    }
    sl_buf_release(&b);
    sl_answer_release(&back);
    sl_answer_release(&a);
    return 0;
}
