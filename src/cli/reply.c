/*
 * reply.c: answers on terminals, as JSON and as drawings.
 */
#include "cli/reply.h"

#include "base/json.h"
#include "media/draw.h"
#include "media/picture_write.h"
#include "text/answer_json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- on a terminal ---------------------------------------------------------------------------------------------- */

void sl_reply_printer_init(struct sl_reply_printer *p, FILE *to)
{
    *p = (struct sl_reply_printer){
        .to = to,
        .reasoning = isatty(fileno(to)),
        .terminal = isatty(STDERR_FILENO),
    };
}

static void show_progress(struct sl_reply_printer *p, const sl_event *e)
{
    if (!p->terminal || p->any || p->dim) return;
    if (e->kind == SL_EVENT_MEDIA)
        fprintf(stderr, "\r\033[Klooking at picture %d: %.0f %%", e->picture + 1, 100 * e->fraction);
    else
        fprintf(stderr, "\r\033[Kreading: %.0f %%", 100 * e->fraction);
    fflush(stderr);
    p->progress = true;
}

static void wipe_progress(struct sl_reply_printer *p)
{
    if (p->progress) fputs("\r\033[K", stderr);
    p->progress = false;
}

void sl_reply_print(void *printer, const sl_event *e)
{
    struct sl_reply_printer *p = printer;
    if (e->kind == SL_EVENT_MEDIA || e->kind == SL_EVENT_PREFILL) {
        show_progress(p, e);
        return;
    }
    wipe_progress(p);
    if (!e->n || (e->reasoning && !p->reasoning)) return;
    if (e->reasoning && !p->dim) fputs("\033[2m", p->to);
    if (!e->reasoning && p->dim) fputs("\033[0m\n\n", p->to);
    p->dim = e->reasoning;
    p->any |= !e->reasoning;
    fwrite(e->text, 1, e->n, p->to);
    p->ends_line = e->text[e->n - 1] == '\n';
    fflush(p->to);
}

void sl_reply_printer_end(struct sl_reply_printer *p)
{
    wipe_progress(p);
    if (p->dim) fputs("\033[0m", p->to);
    if (!p->ends_line) fputc('\n', p->to);
}

/* --- as JSON ---------------------------------------------------------------------------------------------------- */

static void set(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

static json_t *usage_json(const sl_usage *u)
{
    json_t *o = json_object();
    set(o, "prompt_tokens", json_integer(u->prompt_tokens));
    set(o, "cached_tokens", json_integer(u->cached_tokens));
    set(o, "image_tokens", json_integer(u->image_tokens));
    set(o, "completion_tokens", json_integer(u->completion_tokens));
    set(o, "reasoning_tokens", json_integer(u->reasoning_tokens));
    return o;
}

static json_t *timings_json(const sl_timings *t)
{
    json_t *o = json_object();
    set(o, "vision_ms", json_real(t->vision_ms));
    set(o, "prefill_ms", json_real(t->prefill_ms));
    set(o, "decode_ms", json_real(t->decode_ms));
    set(o, "first_token_ms", json_real(t->first_token_ms));
    return o;
}

static json_t *pictures_json(const sl_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->usage.pictures; i++) {
        const sl_used_picture *p = &r->pictures[i];
        json_t *o = json_object();
        set(o, "width", json_integer(p->as.width));
        set(o, "height", json_integer(p->as.height));
        set(o, "used_width", json_integer(p->as.used_width));
        set(o, "used_height", json_integer(p->as.used_height));
        set(o, "grid", json_pack("[i,i]", p->as.grid.rows, p->as.grid.cols));
        set(o, "tokens", json_integer(p->tokens));
        set(o, "cached", json_boolean(p->cached));
        if (p->seconds > 0) set(o, "seconds", json_real(p->seconds));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *reply_json(const sl_result *r, const struct sl_answer *a, const struct sl_reply_picture *on)
{
    json_t *o = json_object();
    set(o, "answer", json_stringn(r->answer, r->n_answer));
    set(o, "reasoning", r->n_reasoning ? json_stringn(r->reasoning, r->n_reasoning) : json_null());
    set(o, "finish", json_string(sl_finish_name(r->finish)));
    sl_answer_json(a, on->width, on->height, true, o);
    set(o, "pictures", pictures_json(r));
    set(o, "usage", usage_json(&r->usage));
    set(o, "timings", timings_json(&r->timings));
    return o;
}

sl_status sl_reply_json(const sl_result *r, const struct sl_reply_picture *on, FILE *to, sl_error *err)
{
    struct sl_answer a = {0};
    struct sl_buf line = SL_BUF_INIT((size_t)1 << 30);
    sl_status s = sl_answer_parse(r->answer, r->n_answer, 0, &a, err);
    if (s == SL_OK) {
        json_t *o = reply_json(r, &a, on);
        s = sl_json_dump(o, 0, &line, err);
        json_decref(o);
    }
    if (s == SL_OK) fprintf(to, "%s\n", sl_buf_str(&line));
    sl_buf_release(&line);
    sl_answer_release(&a);
    return s;
}

/* --- drawn ------------------------------------------------------------------------------------------------------ */

/* Writes a shape's label, if it has one, at a pixel. */
static void draw_label(struct sl_canvas *c, const struct sl_answer *a, struct sl_byte_range r, double x, double y)
{
    char text[201];
    size_t n = r.end - r.begin < 200 ? r.end - r.begin : 200;
    if (!n) return;
    memcpy(text, a->text + r.begin, n);
    text[n] = '\0';
    sl_canvas_label(c, x, y, text);
}

static void draw_polygon(struct sl_canvas *c, const struct sl_answer *a, const struct sl_answer_polygon *p, int w,
                         int h)
{
    double(*xy)[2] = calloc(p->n_points, sizeof *xy);
    for (size_t i = 0; xy && i < p->n_points; i++) {
        xy[i][0] = sl_coordinate_to_pixel(a->coordinates[p->first + 2 * i], w);
        xy[i][1] = sl_coordinate_to_pixel(a->coordinates[p->first + 2 * i + 1], h);
    }
    if (xy) {
        sl_canvas_polygon(c, (const double(*)[2])xy, (int)p->n_points);
        draw_label(c, a, p->label, xy[0][0], xy[0][1]);
    }
    free(xy);
}

static int draw_shapes(struct sl_canvas *c, const struct sl_answer *a, int w, int h)
{
    int n = 0;
    for (size_t i = 0; i < a->n_boxes; i++) {
        const struct sl_answer_box *b = &a->boxes[i];
        double x1 = sl_coordinate_to_pixel(b->x1, w), y1 = sl_coordinate_to_pixel(b->y1, h);
        sl_canvas_colour(c, n++);
        sl_canvas_box(c, x1, y1, sl_coordinate_to_pixel(b->x2, w), sl_coordinate_to_pixel(b->y2, h));
        draw_label(c, a, b->label, x1, y1);
    }
    for (size_t i = 0; i < a->n_points; i++) {
        const struct sl_answer_point *p = &a->points[i];
        double x = sl_coordinate_to_pixel(p->x, w), y = sl_coordinate_to_pixel(p->y, h);
        sl_canvas_colour(c, n++);
        sl_canvas_point(c, x, y);
        draw_label(c, a, p->label, x, y - 6 * sl_canvas_line_width(c));
    }
    for (size_t i = 0; i < a->n_polygons; i++) {
        sl_canvas_colour(c, n++);
        draw_polygon(c, a, &a->polygons[i], w, h);
    }
    struct sl_camera camera = sl_camera_default(w, h);
    for (size_t i = 0; i < a->n_boxes3d; i++) {
        double segments[12][4];
        sl_canvas_colour(c, n++);
        sl_canvas_segments(c, (const double(*)[4])segments, sl_camera_box_edges(&camera, &a->boxes3d[i].box, segments));
    }
    return n;
}

sl_status sl_reply_draw(const sl_result *r, const struct sl_reply_picture *on, const char *out, int *n, sl_error *err)
{
    struct sl_answer a = {0};
    struct sl_picture p = {0};
    struct sl_canvas *c = NULL;
    *n = 0;
    if (!on->path) return sl_fail(err, SL_ERR_ARGUMENT, "there is no picture to draw on");
    sl_status s = sl_answer_parse(r->answer, r->n_answer, 0, &a, err);
    if (s == SL_OK) s = sl_picture_read(&p, on->path, SL_PICTURE_MAX_PIXELS, err);
    if (s == SL_OK) s = sl_canvas_open(&c, &p, err);
    if (s == SL_OK) {
        *n = draw_shapes(c, &a, p.width, p.height);
        s = sl_canvas_close(&c, err);
    }
    if (s == SL_OK) s = sl_picture_write(&p, out, err);
    sl_picture_free(&p);
    sl_answer_release(&a);
    return s;
}
