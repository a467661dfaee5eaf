/*
 * clips_draw.c: a clip's pictures, each from its time alone, and their encoding.
 */
#include "synth/clips.h"

#include "media/video_write.h"

#include <math.h>

/* By the index of an actor's colour. */
static const double palette[][3] = {{.85, .1, .1}, {.1, .25, .85},  {.05, .55, .15}, {.95, .5, 0},
                                    {.5, .1, .65}, {.05, .05, .05}, {.45, .25, .1},  {.98, .4, .65}};

static const double grounds[8][3] = {{1, 1, 1},       {.93, .95, .98}, {.98, .96, .86}, {.9, .96, .9},
                                     {.96, .92, .96}, {.86, .9, .93},  {.99, .93, .9},  {.92, .92, .88}};

/* Draws the background: plain, with lines, a grid, or dots, lighter than any actor. */
static void draw_ground(cairo_t *cr, const struct sl_clip *c)
{
    const double *g = grounds[c->style];
    double step = c->width / 9.0;
    cairo_set_source_rgb(cr, g[0], g[1], g[2]);
    cairo_paint(cr);
    cairo_set_source_rgba(cr, g[0] - .12, g[1] - .12, g[2] - .12, 1);
    cairo_set_line_width(cr, 1.5);
    for (double x = step / 2; x < c->width + c->height && c->style % 4; x += step) {
        cairo_move_to(cr, x, 0);
        cairo_line_to(cr, c->style % 4 == 3 ? x - c->height : x, c->height);
        if (c->style % 4 == 2) cairo_move_to(cr, 0, x), cairo_line_to(cr, c->width, x);
    }
    cairo_stroke(cr);
}

sl_status sl_clip_brush_open(struct sl_clip_brush *b, const struct sl_clip *c, sl_error *err)
{
    *b = (struct sl_clip_brush){.clip = c};
    b->ground = cairo_image_surface_create(CAIRO_FORMAT_RGB24, c->width, c->height);
    if (cairo_surface_status(b->ground) != CAIRO_STATUS_SUCCESS) {
        sl_clip_brush_close(b);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for a clip of %d x %d", c->width, c->height);
    }
    cairo_t *cr = cairo_create(b->ground);
    draw_ground(cr, c);
    cairo_destroy(cr);
    return SL_OK;
}

void sl_clip_brush_close(struct sl_clip_brush *b)
{
    if (b->ground) cairo_surface_destroy(b->ground);
    b->ground = NULL;
}

/* How an actor is at a time. */
struct pose {
    double at, lift; /* along the lane 0 .. 1, and off it, in radii */
    double scale, angle, alpha;
    double rgb[3];
};

/* Adds what an event has done to its actor when the share `done` of it is over. */
static void apply(const struct sl_clip_event *e, double done, struct pose *p)
{
    double smooth = done * done * (3 - 2 * done), part = done * e->count - floor(done * e->count);
    switch (e->kind) {
    case SL_EVENT_MOVE:
        p->at += (e->forward ? 0.6 : -0.6) * smooth;
        break;
    case SL_EVENT_GROW:
        p->scale *= 1 + 0.45 * smooth;
        break;
    case SL_EVENT_SHRINK:
        p->scale *= 1 - 0.45 * smooth;
        break;
    case SL_EVENT_COLOUR:
        for (int i = 0; i < 3; i++) p->rgb[i] += (palette[e->colour][i] - p->rgb[i]) * done;
        break;
    case SL_EVENT_SPIN:
        p->angle += 2 * M_PI * e->count * done;
        break;
    case SL_EVENT_JUMP:
        p->lift += done < 1 ? 4 * part * (1 - part) : 0;
        break;
    case SL_EVENT_BLINK:
        p->alpha *= done < 1 && part > 0.25 && part < 0.75 ? 0 : 1;
        break;
    case SL_EVENT_APPEAR:
        p->alpha *= done;
        break;
    case SL_EVENT_DISAPPEAR:
        p->alpha *= 1 - done;
        break;
    case SL_N_EVENT_KINDS:
        break;
    }
}

static struct pose pose_at(const struct sl_clip *c, int actor, double seconds)
{
    const struct sl_clip_actor *a = &c->actors[actor];
    const double *rgb = palette[a->colour];
    struct pose p = {.at = a->at, .scale = 1, .alpha = 1, .rgb = {rgb[0], rgb[1], rgb[2]}};
    for (int i = 0; i < c->n_events; i++) {
        const struct sl_clip_event *e = &c->events[i];
        if (e->actor != actor || (e->start > seconds && e->kind != SL_EVENT_APPEAR)) continue;
        apply(e, fmin(1, fmax(0, (seconds - e->start) / (e->end - e->start))), &p);
    }
    return p;
}

/* Appends a regular polygon, or with two radii a star, around the origin. */
static void polygon(cairo_t *cr, int n, double inner)
{
    for (int i = 0; i < n; i++) {
        double angle = 2 * M_PI * i / n - M_PI / 2, r = i % 2 ? inner : 1;
        cairo_line_to(cr, r * cos(angle), r * sin(angle));
    }
    cairo_close_path(cr);
}

/* The outline of a shape of radius 1. */
static void outline(cairo_t *cr, int shape)
{
    switch (shape) {
    case 0:
        cairo_arc(cr, 0, 0, .9, 0, 2 * M_PI);
        break;
    case 1:
        cairo_rectangle(cr, -.78, -.78, 1.56, 1.56);
        break;
    case 2:
        polygon(cr, 3, 1);
        break;
    case 3:
        polygon(cr, 10, .45);
        break;
    case 4:
        polygon(cr, 6, 1);
        break;
    default:
        cairo_move_to(cr, 0, .9);
        cairo_curve_to(cr, -1.5, -.1, -.8, -1.3, 0, -.45);
        cairo_curve_to(cr, .8, -1.3, 1.5, -.1, 0, .9);
        cairo_close_path(cr);
    }
}

static void draw_actor(cairo_t *cr, const struct sl_clip *c, int i, double seconds)
{
    struct pose p = pose_at(c, i, seconds);
    if (p.alpha <= 0) return;
    double along = c->upright ? c->height : c->width, across = c->upright ? c->width : c->height;
    double lane = across / c->n_actors, radius = fmin(lane * 0.26, along * 0.1);
    double at = p.at * along, off = lane * (i + 0.58);
    cairo_save(cr);
    cairo_translate(cr, c->upright ? off : at, (c->upright ? at : off) - p.lift * radius);
    cairo_scale(cr, radius * p.scale, radius * p.scale);
    cairo_rotate(cr, p.angle);
    outline(cr, c->actors[i].shape);
    cairo_set_source_rgba(cr, p.rgb[0], p.rgb[1], p.rgb[2], p.alpha);
    cairo_fill(cr);
    /* A spot off the middle, without which nobody sees a circle spin. */
    cairo_arc(cr, 0, -.5, .16, 0, 2 * M_PI);
    cairo_set_source_rgba(cr, 1, 1, 1, p.alpha);
    cairo_fill(cr);
    cairo_restore(cr);
}

sl_status sl_clip_draw(const struct sl_clip_brush *b, double seconds, struct sl_picture *out, sl_error *err)
{
    struct sl_paint paint;
    sl_status status = sl_paint_open(&paint, b->clip->width, b->clip->height, err);
    if (status) return status;
    cairo_set_source_surface(paint.cr, b->ground, 0, 0);
    cairo_paint(paint.cr);
    for (int i = 0; i < b->clip->n_actors; i++) draw_actor(paint.cr, b->clip, i, seconds);
    return sl_paint_finish(&paint, out, err);
}

sl_status sl_clip_encode(const struct sl_clip *c, bool webm, struct sl_buf *out, sl_error *err)
{
    struct sl_video_writer_options o = sl_video_writer_options_default();
    struct sl_video_writer *w = NULL;
    struct sl_clip_brush brush;
    sl_status status = sl_clip_brush_open(&brush, c, err);
    if (status) return status;
    o.width = c->width;
    o.height = c->height;
    o.codec = webm ? SL_VIDEO_VP9 : SL_VIDEO_H264;
    o.fps_num = c->fps;
    o.fps_den = 1;
    o.fast = true;
    /* A frame must not need more than a few seconds of those before it, or seeking is slow. */
    o.key_interval = 4 * c->fps;
    status = sl_video_writer_new(&w, &o, err);
    for (int i = 0; i < (int)(c->seconds * c->fps + 0.5) && !status; i++) {
        struct sl_picture p;
        status = sl_clip_draw(&brush, (double)i / c->fps, &p, err);
        if (status) break;
        status = sl_video_writer_add(w, &p, err);
        sl_picture_free(&p);
    }
    if (status)
        sl_video_writer_free(&w);
    else
        status = sl_video_writer_finish(&w, out, err);
    sl_clip_brush_close(&brush);
    return status;
}
