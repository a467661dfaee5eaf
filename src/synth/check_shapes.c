/*
 * check_shapes.c: rules about where things are: points, boxes, polygons, boxes in space, times, actions on a screen.
 */
#include "synth/check_parts.h"

#include <math.h>
#include <string.h>

enum { GRID = 64, GRID_3D = 20, MAX_CORNERS = 1024 };

/* What a fit looks at. */
struct pairing {
    const json_t *truth;  /* the whole */
    const json_t *answer; /* its "answer", an array */
    const json_t *labels; /* or NULL */
    const struct sl_answer *said;
    double least; /* IoU from which a pair counts as 1, or 0: the IoU itself counts */
};

static struct pairing pairing_of(const json_t *truth, const struct sl_answer *a)
{
    return (struct pairing){.truth = truth,
                            .answer = json_object_get(truth, "answer"),
                            .labels = json_object_get(truth, "labels"),
                            .said = a,
                            .least = sl_check_real(truth, "iou", 0)};
}

/* Whether the label said is that of truth item t; true when the truth has none. */
static bool label_fits(const struct pairing *p, size_t t, struct sl_byte_range said)
{
    const char *want = json_string_value(json_array_get(p->labels, t));
    if (!want) return true;
    struct sl_buf x = SL_BUF_INIT(SL_CHECK_MAX_TEXT), y = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    sl_check_fold(want, strlen(want), false, &x);
    sl_check_fold(p->said->text + said.begin, said.end - said.begin, false, &y);
    bool same = strcmp(sl_buf_str(&x), sl_buf_str(&y)) == 0;
    sl_buf_release(&x);
    sl_buf_release(&y);
    return same;
}

static double graded(const struct pairing *p, double iou)
{
    return p->least > 0 ? iou >= p->least : iou;
}

/* --- polygons ------------------------------------------------------------------------------------------------- */

/* Reads x1 y1 x2 y2 ... of a JSON array; a box becomes its four corners. Returns the number of corners, 0: no shape. */
static size_t read_shape(const json_t *shape, double xy[2 * MAX_CORNERS])
{
    size_t n = json_array_size(shape);
    if (n < 4 || n % 2 || n > 2 * MAX_CORNERS) return 0;
    for (size_t i = 0; i < n; i++) {
        xy[i] = sl_check_at(shape, i);
        if (!isfinite(xy[i])) return 0;
    }
    if (n > 4) return n / 2;
    double x1 = xy[0], y1 = xy[1], x2 = xy[2], y2 = xy[3];
    const double corners[8] = {x1, y1, x2, y1, x2, y2, x1, y2};
    memcpy(xy, corners, sizeof corners);
    return 4;
}

/* Even-odd rule, with the border inside up to rounding. */
static bool is_inside(const double *xy, size_t n, double x, double y)
{
    bool inside = false;
    for (size_t i = 0, j = n - 1; i < n; j = i++) {
        double xi = xy[2 * i], yi = xy[2 * i + 1], xj = xy[2 * j], yj = xy[2 * j + 1];
        if ((yi > y) != (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
}

static void bounds_of(const double *xy, size_t n, double b[4])
{
    for (size_t i = 0; i < n; i++) {
        b[0] = fmin(b[0], xy[2 * i]), b[1] = fmin(b[1], xy[2 * i + 1]);
        b[2] = fmax(b[2], xy[2 * i]), b[3] = fmax(b[3], xy[2 * i + 1]);
    }
}

static double box_iou(const double a[4], const double b[4])
{
    double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double both = w > 0 && h > 0 ? w * h : 0;
    double either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
    return either > 0 ? both / either : 0;
}

/* IoU of two polygons, by a grid of GRID x GRID places over both. */
static double polygon_iou(const double *a, size_t na, const double *b, size_t nb)
{
    double box[2][4] = {{INFINITY, INFINITY, -INFINITY, -INFINITY}, {INFINITY, INFINITY, -INFINITY, -INFINITY}};
    bounds_of(a, na, box[0]);
    bounds_of(b, nb, box[1]);
    if (box_iou(box[0], box[1]) <= 0) return 0;
    bounds_of(a, na, box[1]); /* now around both */
    int both = 0, either = 0;
    for (int i = 0; i < GRID; i++)
        for (int k = 0; k < GRID; k++) {
            double x = box[1][0] + (box[1][2] - box[1][0]) * (i + 0.5) / GRID;
            double y = box[1][1] + (box[1][3] - box[1][1]) * (k + 0.5) / GRID;
            bool in_a = is_inside(a, na, x, y), in_b = is_inside(b, nb, x, y);
            both += in_a && in_b;
            either += in_a || in_b;
        }
    return either ? (double)both / either : 0;
}

static double polygon_fit(const void *arg, size_t t, size_t i)
{
    const struct pairing *p = arg;
    double xy[2 * MAX_CORNERS];
    const struct sl_answer_polygon *said = &p->said->polygons[i];
    size_t n = read_shape(json_array_get(p->answer, t), xy);
    if (!n || said->n_points > MAX_CORNERS || !label_fits(p, t, said->label)) return 0;
    return graded(p, polygon_iou(xy, n, p->said->coordinates + said->first, said->n_points));
}

double sl_check_polygons(const json_t *truth, const struct sl_answer *a)
{
    struct pairing p = pairing_of(truth, a);
    return sl_check_match(polygon_fit, &p, json_array_size(p.answer), a->n_polygons);
}

/* --- points and boxes ----------------------------------------------------------------------------------------- */

static double point_fit(const void *arg, size_t t, size_t i)
{
    const struct pairing *p = arg;
    double xy[2 * MAX_CORNERS];
    const json_t *shape = json_array_get(p->answer, t);
    size_t n = read_shape(shape, xy);
    const struct sl_answer_point *said = &p->said->points[i];
    if (!n || !label_fits(p, t, said->label)) return 0;
    if (json_array_size(shape) == 4) /* a box, with its border */
        return said->x >= xy[0] && said->x <= xy[4] && said->y >= xy[1] && said->y <= xy[5];
    return is_inside(xy, n, said->x, said->y);
}

double sl_check_points(const json_t *truth, const struct sl_answer *a)
{
    struct pairing p = pairing_of(truth, a);
    return sl_check_match(point_fit, &p, json_array_size(p.answer), a->n_points);
}

static double box_fit(const void *arg, size_t t, size_t i)
{
    const struct pairing *p = arg;
    const json_t *want = json_array_get(p->answer, t);
    const struct sl_answer_box *said = &p->said->boxes[i];
    if (json_array_size(want) != 4 || !label_fits(p, t, said->label)) return 0;
    const double x[4] = {sl_check_at(want, 0), sl_check_at(want, 1), sl_check_at(want, 2), sl_check_at(want, 3)};
    const double y[4] = {said->x1, said->y1, said->x2, said->y2};
    return graded(p, box_iou(x, y));
}

double sl_check_boxes(const json_t *truth, const struct sl_answer *a)
{
    struct pairing p = pairing_of(truth, a);
    return sl_check_match(box_fit, &p, json_array_size(p.answer), a->n_boxes);
}

/* --- boxes in space ------------------------------------------------------------------------------------------- */

/* The directions of a box's own axes, with its half sizes as their lengths; false when it has no volume. */
static bool axes_of(const struct sl_box3d *b, double axes[3][3])
{
    double corners[8][3];
    sl_box3d_corners(b, corners);
    for (int k = 0; k < 3; k++) {
        double length = 0;
        for (int c = 0; c < 3; c++) {
            axes[k][c] = (corners[1 << k][c] - corners[0][c]) / 2;
            length += axes[k][c] * axes[k][c];
        }
        if (!(length > 0) || !isfinite(length)) return false;
    }
    return true;
}

/* The share of a's volume that lies in b, by a grid in a. */
static double share_inside(const double a[3][3], const double at[3], const double b[3][3], const double centre[3])
{
    int inside = 0;
    for (int i = 0; i < GRID_3D * GRID_3D * GRID_3D; i++) {
        const int step[3] = {i % GRID_3D, i / GRID_3D % GRID_3D, i / (GRID_3D * GRID_3D)};
        double s[3] = {step[0], step[1], step[2]}, d[3];
        for (int c = 0; c < 3; c++) {
            d[c] = at[c] - centre[c];
            for (int k = 0; k < 3; k++) d[c] += a[k][c] * ((2 * s[k] + 1) / GRID_3D - 1);
        }
        bool in = true;
        for (int k = 0; k < 3; k++) {
            double along = 0, length = 0;
            for (int c = 0; c < 3; c++) along += d[c] * b[k][c], length += b[k][c] * b[k][c];
            in = in && fabs(along) <= length;
        }
        inside += in;
    }
    return (double)inside / (GRID_3D * GRID_3D * GRID_3D);
}

static double box3d_iou(const struct sl_box3d *x, const struct sl_box3d *y)
{
    double a[3][3], b[3][3];
    if (!axes_of(x, a) || !axes_of(y, b)) return 0;
    double vx = x->size[0] * x->size[1] * x->size[2], vy = y->size[0] * y->size[1] * y->size[2];
    double both = (vx * share_inside(a, x->center, b, y->center) + vy * share_inside(b, y->center, a, x->center)) / 2;
    double either = vx + vy - both;
    return either > 0 ? fmin(1, both / either) : 0;
}

static double box3d_fit(const void *arg, size_t t, size_t i)
{
    const struct pairing *p = arg;
    const json_t *want = json_array_get(p->answer, t);
    const struct sl_answer_box3d *said = &p->said->boxes3d[i];
    if (json_array_size(want) != 9 || !label_fits(p, t, said->label)) return 0;
    struct sl_box3d x;
    for (size_t k = 0; k < 3; k++) {
        x.center[k] = sl_check_at(want, k);
        x.size[k] = sl_check_at(want, 3 + k);
        x.angles[k] = sl_check_at(want, 6 + k);
    }
    return graded(p, box3d_iou(&x, &said->box));
}

double sl_check_boxes3d(const json_t *truth, const struct sl_answer *a)
{
    struct pairing p = pairing_of(truth, a);
    return sl_check_match(box3d_fit, &p, json_array_size(p.answer), a->n_boxes3d < 64 ? a->n_boxes3d : 64);
}

/* --- times ---------------------------------------------------------------------------------------------------- */

static double span_fit(const void *arg, size_t t, size_t i)
{
    const struct pairing *p = arg;
    const json_t *want = json_array_get(p->answer, t);
    const struct sl_answer_time *said = &p->said->times[i];
    double start = json_is_array(want) ? sl_check_at(want, 0) : json_number_value(want);
    double end = json_array_size(want) == 2 ? sl_check_at(want, 1) : start;
    if (end == start) { /* a moment */
        double allowed = sl_check_real(p->truth, "tolerance", 0.5);
        return said->start - allowed <= start && said->end + allowed >= start &&
               said->end - said->start <= 2 * allowed + 1e-9;
    }
    double both = fmin(end, said->end) - fmax(start, said->start);
    double either = fmax(end, said->end) - fmin(start, said->start);
    return both > 0 && either > 0 ? graded(p, both / either) : 0;
}

double sl_check_spans(const json_t *truth, const struct sl_answer *a)
{
    struct pairing p = pairing_of(truth, a);
    return sl_check_match(span_fit, &p, json_array_size(p.answer), a->n_times);
}

/* --- actions -------------------------------------------------------------------------------------------------- */

static bool in_target(const json_t *step, const char *key, double x, double y)
{
    const json_t *shape = json_object_get(step, key);
    double xy[2 * MAX_CORNERS];
    if (!shape) return true; /* anywhere */
    size_t n = read_shape(shape, xy);
    if (n && json_array_size(shape) == 4) return x >= xy[0] && x <= xy[4] && y >= xy[1] && y <= xy[5];
    return n && is_inside(xy, n, x, y);
}

static bool text_fits(const json_t *step, const struct sl_answer *a, const struct sl_answer_action *said)
{
    const char *want = json_string_value(json_object_get(step, "text"));
    if (!want) return true;
    struct sl_buf x = SL_BUF_INIT(SL_CHECK_MAX_TEXT), y = SL_BUF_INIT(SL_CHECK_MAX_TEXT);
    bool keep_case = said->kind == SL_ACTION_TYPE;
    sl_check_fold(want, strlen(want), keep_case, &x);
    sl_check_fold(sl_buf_str(&a->strings) + said->text.begin, said->text.end - said->text.begin, keep_case, &y);
    bool same = strcmp(sl_buf_str(&x), sl_buf_str(&y)) == 0;
    sl_buf_release(&x);
    sl_buf_release(&y);
    return same;
}

/* One step: an object {"action", "box", "end_box", "text", "direction"}, or an array of those that are as good. */
static bool step_fits(const json_t *step, const struct sl_answer *a, const struct sl_answer_action *said)
{
    if (json_is_array(step)) {
        for (size_t i = 0; i < json_array_size(step); i++)
            if (json_is_object(json_array_get(step, i)) && step_fits(json_array_get(step, i), a, said)) return true;
        return false;
    }
    const char *direction = sl_check_string(step, "direction", NULL);
    if (strcmp(sl_check_string(step, "action", ""), sl_action_name(said->kind)) != 0) return false;
    if (direction && strcmp(direction, sl_direction_name(said->direction)) != 0) return false;
    return in_target(step, "box", said->x, said->y) && in_target(step, "end_box", said->end_x, said->end_y) &&
           text_fits(step, a, said);
}

double sl_check_action(const json_t *truth, const struct sl_answer *a)
{
    const json_t *steps = json_object_get(truth, "answer");
    size_t n = json_is_array(steps) ? json_array_size(steps) : 1, right = 0;
    while (right < n && right < a->n_actions &&
           step_fits(json_is_array(steps) ? json_array_get(steps, right) : steps, a, &a->actions[right]))
        right++;
    size_t longer = n > a->n_actions ? n : a->n_actions;
    return longer ? (double)right / (double)longer : 0;
}
