/*
 * answer_json.c: one list for each kind of shape. jansson's functions take NULL and fail, so the check is at the end.
 */
#include "text/answer_json.h"

/* The picture whose pixels are given, and whether all went well so far. */
struct writer {
    const struct sl_answer *answer;
    int width, height;
    bool ok;
};

static void set(struct writer *w, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value)) w->ok = false;
}

/* Ends an object: its label, if it has one, and its place in the list. */
static void finish(struct writer *w, json_t *list, json_t *o, struct sl_byte_range label)
{
    if (label.end > label.begin) {
        set(w, o, "label", json_stringn_nocheck(w->answer->text + label.begin, label.end - label.begin));
    }
    if (json_array_append_new(list, o)) w->ok = false;
}

static json_t *pixel(double v, int size)
{
    return json_real(sl_coordinate_to_pixel(v, size));
}

static json_t *points(struct writer *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < w->answer->n_points; i++) {
        const struct sl_answer_point *p = &w->answer->points[i];
        json_t *o = json_pack("{s:f,s:f}", "x", p->x, "y", p->y);
        if (w->width) set(w, o, "px", pixel(p->x, w->width)), set(w, o, "py", pixel(p->y, w->height));
        finish(w, list, o, p->label);
    }
    return list;
}

static json_t *boxes(struct writer *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < w->answer->n_boxes; i++) {
        const struct sl_answer_box *b = &w->answer->boxes[i];
        json_t *o = json_pack("{s:f,s:f,s:f,s:f}", "x1", b->x1, "y1", b->y1, "x2", b->x2, "y2", b->y2);
        if (w->width) {
            set(w, o, "px1", pixel(b->x1, w->width)), set(w, o, "py1", pixel(b->y1, w->height));
            set(w, o, "px2", pixel(b->x2, w->width)), set(w, o, "py2", pixel(b->y2, w->height));
        }
        finish(w, list, o, b->label);
    }
    return list;
}

static json_t *polygons(struct writer *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < w->answer->n_polygons; i++) {
        const struct sl_answer_polygon *p = &w->answer->polygons[i];
        json_t *o = json_object(), *at = json_array(), *in_pixels = json_array();
        for (size_t k = 0; k < p->n_points; k++) {
            const double *xy = w->answer->coordinates + p->first + 2 * k;
            json_array_append_new(at, json_pack("[f,f]", xy[0], xy[1]));
            json_array_append_new(in_pixels, json_pack("[o,o]", pixel(xy[0], w->width), pixel(xy[1], w->height)));
        }
        set(w, o, "points", at);
        if (w->width)
            set(w, o, "pixels", in_pixels);
        else
            json_decref(in_pixels);
        finish(w, list, o, p->label);
    }
    return list;
}

static json_t *boxes3d(struct writer *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < w->answer->n_boxes3d; i++) {
        const struct sl_box3d *b = &w->answer->boxes3d[i].box;
        json_t *o =
            json_pack("{s:[f,f,f],s:[f,f,f],s:[f,f,f]}", "center", b->center[0], b->center[1], b->center[2], "size",
                      b->size[0], b->size[1], b->size[2], "angles", b->angles[0], b->angles[1], b->angles[2]);
        finish(w, list, o, w->answer->boxes3d[i].label);
    }
    return list;
}

static json_t *times(struct writer *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < w->answer->n_times; i++) {
        const struct sl_answer_time *t = &w->answer->times[i];
        finish(w, list, json_pack("{s:f,s:f}", "start", t->start, "end", t->end), (struct sl_byte_range){0});
    }
    return list;
}

bool sl_answer_json(const struct sl_answer *a, int width, int height, bool empty, json_t *object)
{
    struct writer w = {.answer = a, .width = width, .height = height, .ok = true};
    const struct {
        const char *key;
        json_t *(*make)(struct writer *w);
    } lists[] = {{"points", points}, {"boxes", boxes}, {"polygons", polygons}, {"boxes3d", boxes3d}, {"times", times}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        json_t *list = lists[i].make(&w);
        if (empty || json_array_size(list) > 0)
            set(&w, object, lists[i].key, list);
        else
            json_decref(list);
        w.ok = w.ok && list;
    }
    return w.ok;
}
