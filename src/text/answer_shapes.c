/*
 * answer_shapes.c: what begins with '<' in an answer: points, boxes, polygons and their labels.
 *
 * A shape ends at the next '<', whatever that is: a forgotten closing tag costs that shape at most.
 */
#include "text/answer_parts.h"

#include "base/mem.h"

#include <math.h>

enum tag {
    TAG_POINT,
    TAG_BBOX,
    TAG_3DBBOX,
    TAG_POLYGON,
    N_SHAPES,
    TAG_TEXT = N_SHAPES,
    TAG_TOOL_CALL,
    TAG_THINK,
    N_TAGS
};

static const struct {
    const char *open, *close;
} tags[N_TAGS] = {
    [TAG_POINT] = {"<point>", "</point>"},    [TAG_BBOX] = {"<bbox>", "</bbox>"},
    [TAG_3DBBOX] = {"<3dbbox>", "</3dbbox>"}, [TAG_POLYGON] = {"<polygon>", "</polygon>"},
    [TAG_TEXT] = {"<text>", "</text>"},       [TAG_TOOL_CALL] = {"<tool_call>", "</tool_call>"},
    [TAG_THINK] = {"<think>", "</think>"},
};

bool sl_answer_check_coordinates(const double *v, size_t n, enum sl_answer_problem_kind *why)
{
    *why = SL_PROBLEM_COORDINATE;
    for (size_t i = 0; i < n; i++)
        if (!(v[i] >= 0 && v[i] <= 999)) return false;
    return true;
}

bool sl_answer_check_box(const struct sl_answer_box *b, enum sl_answer_problem_kind *why)
{
    double v[4] = {b->x1, b->y1, b->x2, b->y2};
    if (!sl_answer_check_coordinates(v, 4, why)) return false;
    *why = SL_PROBLEM_BOX_ORDER;
    return b->x1 <= b->x2 && b->y1 <= b->y2;
}

bool sl_answer_check_box3d(const struct sl_box3d *b, enum sl_answer_problem_kind *why)
{
    for (int k = 0; k < 3; k++) {
        *why = SL_PROBLEM_NUMBER;
        if (!(fabs(b->center[k]) <= SL_ANSWER_MAX_NUMBER && fabs(b->size[k]) <= SL_ANSWER_MAX_NUMBER)) return false;
        *why = SL_PROBLEM_BOX3D_SIZE;
        if (!(b->size[k] >= 0)) return false;
        *why = SL_PROBLEM_BOX3D_ANGLE;
        if (!(b->angles[k] >= -1 && b->angles[k] <= 1)) return false;
    }
    return true;
}

/* A shape whose numbers stand in p->numbers. */
struct shape {
    struct sl_byte_range range, label;
};

static void add_point(struct sl_answer_parser *p, const struct shape *s)
{
    struct sl_answer *a = p->out;
    struct sl_answer_point *point = sl_answer_push(p, &a->points, &a->n_points, &a->cap_points, sizeof *point);
    if (point) *point = (struct sl_answer_point){p->numbers[0], p->numbers[1], s->range, s->label};
}

static void add_box(struct sl_answer_parser *p, const struct shape *s)
{
    struct sl_answer *a = p->out;
    const double *v = p->numbers;
    struct sl_answer_box box = {v[0], v[1], v[2], v[3], s->range, s->label}, *slot;
    enum sl_answer_problem_kind why;
    if (!sl_answer_check_box(&box, &why)) {
        sl_answer_report(p, why, s->range.begin, s->range.end);
        return;
    }
    slot = sl_answer_push(p, &a->boxes, &a->n_boxes, &a->cap_boxes, sizeof *slot);
    if (slot) *slot = box;
}

static void add_box3d(struct sl_answer_parser *p, const struct shape *s)
{
    struct sl_answer *a = p->out;
    struct sl_answer_box3d box = {.range = s->range, .label = s->label}, *slot;
    enum sl_answer_problem_kind why;
    memcpy(box.box.center, p->numbers, sizeof box.box.center);
    memcpy(box.box.size, p->numbers + 3, sizeof box.box.size);
    memcpy(box.box.angles, p->numbers + 6, sizeof box.box.angles);
    if (!sl_answer_check_box3d(&box.box, &why)) {
        sl_answer_report(p, why, s->range.begin, s->range.end);
        return;
    }
    slot = sl_answer_push(p, &a->boxes3d, &a->n_boxes3d, &a->cap_boxes3d, sizeof *slot);
    if (slot) *slot = box;
}

static void add_polygon(struct sl_answer_parser *p, const struct shape *s)
{
    struct sl_answer *a = p->out;
    if (!sl_grow_array((void **)&a->coordinates, &a->cap_coordinates, a->n_coordinates + p->n_numbers,
                       sizeof *a->coordinates, 2 * (size_t)SL_ANSWER_MAX_ITEMS)) {
        p->status = SL_ERR_MEMORY;
        return;
    }
    struct sl_answer_polygon *polygon =
        sl_answer_push(p, &a->polygons, &a->n_polygons, &a->cap_polygons, sizeof *polygon);
    if (!polygon) return;
    *polygon = (struct sl_answer_polygon){a->n_coordinates, p->n_numbers / 2, s->range, s->label};
    memcpy(a->coordinates + a->n_coordinates, p->numbers, p->n_numbers * sizeof *p->numbers);
    a->n_coordinates += p->n_numbers;
}

static bool count_fits(enum tag tag, size_t n)
{
    static const size_t want[N_SHAPES] = {[TAG_POINT] = 2, [TAG_BBOX] = 4, [TAG_3DBBOX] = 9};
    return tag == TAG_POLYGON ? n >= 6 && n % 2 == 0 : n == want[tag];
}

/* Reads the shape whose opening tag stands at `at` and whose numbers begin at body. */
static size_t read_shape(struct sl_answer_parser *p, enum tag tag, size_t at, size_t body)
{
    static void (*const add[N_SHAPES])(struct sl_answer_parser *, const struct shape *) = {
        [TAG_POINT] = add_point, [TAG_BBOX] = add_box, [TAG_3DBBOX] = add_box3d, [TAG_POLYGON] = add_polygon};
    const char *lt = memchr(p->s + body, '<', p->end - body);
    size_t stop = lt ? (size_t)(lt - p->s) : p->end;
    bool closed = sl_stands_at(p->s, stop, p->end, tags[tag].close);
    size_t after = closed ? stop + strlen(tags[tag].close) : stop;
    struct shape shape = {{at, after}, {0, 0}};
    while (sl_is_space(p->s[shape.range.end - 1])) shape.range.end--;
    struct sl_number_list list = sl_answer_numbers(p, p->s, body, stop);
    if (p->label_until == at && at > 0) shape.label = p->label;
    if (p->status) return p->end;
    if (!list.all_numbers || (!list.in_range && tag != TAG_3DBBOX && count_fits(tag, p->n_numbers))) {
        enum sl_answer_problem_kind kind = list.all_numbers ? SL_PROBLEM_COORDINATE : SL_PROBLEM_NUMBER;
        sl_answer_report(p, kind, list.culprit.begin, list.culprit.end);
        /* Words after an opening tag that nothing closes are the answer's own text again. */
        return closed || list.all_numbers ? after : body;
    }
    if (!closed) sl_answer_report(p, SL_PROBLEM_TAG_NOT_CLOSED, at, shape.range.end);
    if (count_fits(tag, p->n_numbers))
        add[tag](p, &shape);
    else
        sl_answer_report(p, SL_PROBLEM_COUNT, at, shape.range.end);
    return after;
}

/* Reads <text>...</text>: the label of a shape that follows it directly. */
static size_t read_label(struct sl_answer_parser *p, size_t at, size_t body)
{
    const char *close = p->no_text_close ? NULL : memmem(p->s + body, p->end - body, "</text>", 7);
    if (!close) {
        p->no_text_close = true;
        sl_answer_report(p, SL_PROBLEM_LABEL_NOT_CLOSED, at, body);
        return body;
    }
    p->label = (struct sl_byte_range){body, (size_t)(close - p->s)};
    size_t after = p->label.end + 7;
    p->label_until = after;
    while (p->label_until < p->end && sl_is_space(p->s[p->label_until])) p->label_until++;
    return p->label_until;
}

size_t sl_answer_read_tag(struct sl_answer_parser *p, size_t at)
{
    for (int i = 0; i < N_TAGS; i++) {
        enum tag tag = (enum tag)i;
        bool opens = sl_stands_at(p->s, at, p->end, tags[tag].open);
        if (!opens && !sl_stands_at(p->s, at, p->end, tags[tag].close)) continue;
        size_t after = at + strlen(opens ? tags[tag].open : tags[tag].close);
        if (tag == TAG_THINK) {
            sl_answer_report(p, SL_PROBLEM_THINK_STRAY, at, after);
            return after;
        }
        if (!opens) {
            sl_answer_report(p, SL_PROBLEM_TAG_NOT_OPENED, at, after);
            return after;
        }
        if (tag == TAG_TEXT) return read_label(p, at, after);
        if (tag == TAG_TOOL_CALL) return sl_answer_read_tool_call(p, at, after);
        return read_shape(p, tag, at, after);
    }
    return at + 1;
}
