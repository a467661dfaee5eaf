/*
 * scene_draw.c: pictures of scenes: eight kinds of ground, eight looks of objects. Every fourth of either is for
 * held-out samples only.
 */
#include "synth/scene.h"

#include <math.h>
#include <string.h>

/* Bits of a look. */
enum { SHADOW = 1, OUTLINE = 2, GLOSS = 4, THICK = 8 };

static const unsigned looks[] = {0,     OUTLINE,        SHADOW,          SHADOW | OUTLINE,
                                 GLOSS, GLOSS | SHADOW, OUTLINE | THICK, GLOSS | OUTLINE};

static unsigned look_of(const struct sl_scene *s)
{
    return looks[(size_t)s->style % (sizeof looks / sizeof *looks)];
}

double sl_scene_outline(const struct sl_scene *s, double r)
{
    unsigned look = look_of(s);
    return look & OUTLINE ? fmax(2, r * (look & THICK ? 0.24 : 0.12)) : 0; /* the outer half is seen */
}

/* --- grounds -------------------------------------------------------------------------------------------------- */

/* A number from 0 to 1 for place i of the ground. */
static double grain(const struct sl_scene *s, uint32_t i)
{
    uint32_t x = s->grain ^ (i * 0x9e3779b9u);
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return (double)(x >> 8) * 0x1p-24;
}

static void set_mix(cairo_t *cr, const struct sl_scene *s, double t, double alpha)
{
    double c[3];
    for (int k = 0; k < 3; k++) c[k] = s->ground[k] + t * (s->ground2[k] - s->ground[k]);
    cairo_set_source_rgba(cr, c[0], c[1], c[2], alpha);
}

static void fill_gradient(const struct sl_scene *s, cairo_t *cr, double x, double y)
{
    cairo_pattern_t *p = cairo_pattern_create_linear(0, 0, x, y);
    cairo_pattern_add_color_stop_rgb(p, 0, s->ground[0], s->ground[1], s->ground[2]);
    cairo_pattern_add_color_stop_rgb(p, 1, s->ground2[0], s->ground2[1], s->ground2[2]);
    cairo_set_source(cr, p);
    cairo_paint(cr);
    cairo_pattern_destroy(p);
}

static void draw_lines(const struct sl_scene *s, cairo_t *cr, bool both)
{
    int step = 14 + (int)(26 * grain(s, 1)), first = (int)(step * grain(s, 2));
    set_mix(cr, s, 1, 1);
    cairo_set_line_width(cr, 1);
    for (int y = first; y < s->height; y += step) {
        cairo_move_to(cr, 0, y + 0.5);
        cairo_line_to(cr, s->width, y + 0.5);
    }
    for (int x = first; both && x < s->width; x += step) {
        cairo_move_to(cr, x + 0.5, 0);
        cairo_line_to(cr, x + 0.5, s->height);
    }
    cairo_stroke(cr);
}

static void draw_blobs(const struct sl_scene *s, cairo_t *cr)
{
    for (uint32_t i = 0; i < 9; i++) {
        double r = (0.1 + 0.25 * grain(s, 3 * i)) * s->width;
        set_mix(cr, s, 1, 0.5);
        cairo_arc(cr, grain(s, 3 * i + 1) * s->width, grain(s, 3 * i + 2) * s->height, r, 0, 2 * M_PI);
        cairo_fill(cr);
    }
}

static void draw_specks(const struct sl_scene *s, cairo_t *cr)
{
    set_mix(cr, s, 1, 1);
    for (uint32_t i = 0; i < 220; i++)
        cairo_rectangle(cr, floor(grain(s, 2 * i) * s->width), floor(grain(s, 2 * i + 1) * s->height), 2, 2);
    cairo_fill(cr);
}

static void draw_bands(const struct sl_scene *s, cairo_t *cr)
{
    double y = 0;
    for (uint32_t i = 0; y < s->height; i++) {
        double h = s->height * (0.05 + 0.09 * grain(s, i));
        set_mix(cr, s, grain(s, 100 + i), 1);
        cairo_rectangle(cr, 0, y, s->width, h + 1);
        cairo_fill(cr);
        y += h;
    }
}

static void draw_ground(const struct sl_scene *s, cairo_t *cr)
{
    cairo_set_source_rgb(cr, s->ground[0], s->ground[1], s->ground[2]);
    cairo_paint(cr);
    switch (s->background) {
    case 1:
        fill_gradient(s, cr, 0, s->height);
        break;
    case 2: /* a floor before a wall */
        set_mix(cr, s, 1, 1);
        cairo_rectangle(cr, 0, s->height * (0.45 + 0.25 * grain(s, 0)), s->width, s->height);
        cairo_fill(cr);
        break;
    case 3:
        draw_blobs(s, cr);
        break;
    case 4:
        draw_lines(s, cr, true);
        break;
    case 5:
        draw_specks(s, cr);
        break;
    case 6:
        draw_bands(s, cr);
        break;
    case 7:
        fill_gradient(s, cr, s->width, s->height);
        draw_lines(s, cr, false);
        break;
    default:
        break; /* one colour */
    }
}

/* --- objects -------------------------------------------------------------------------------------------------- */

/* Lighter (t > 0) or darker (t < 0). */
static void shade(const double c[3], double t, double out[3])
{
    for (int k = 0; k < 3; k++) out[k] = t > 0 ? c[k] + t * (1 - c[k]) : c[k] * (1 + t);
}

static void set_rgb(cairo_t *cr, const double c[3])
{
    cairo_set_source_rgb(cr, c[0], c[1], c[2]);
}

static void fill_gloss(cairo_t *cr, const struct sl_scene_object *o, const double c[3])
{
    double light[3], dark[3];
    shade(c, 0.4, light);
    shade(c, -0.22, dark);
    cairo_pattern_t *p = cairo_pattern_create_radial(o->x - 0.35 * o->r, o->y - 0.4 * o->r, 0, o->x, o->y, 1.25 * o->r);
    cairo_pattern_add_color_stop_rgb(p, 0, light[0], light[1], light[2]);
    cairo_pattern_add_color_stop_rgb(p, 0.45, c[0], c[1], c[2]);
    cairo_pattern_add_color_stop_rgb(p, 1, dark[0], dark[1], dark[2]);
    cairo_set_source(cr, p);
    cairo_fill_preserve(cr);
    cairo_pattern_destroy(p);
}

/* Marks that grow with the object, so that a dotted one has a handful of dots across at any size. */
static void fill_marks(const struct sl_scene_brush *b, cairo_t *cr, const struct sl_scene_object *o, bool light)
{
    cairo_pattern_t *marks = sl_scene_marks(b, o->texture, light);
    if (!marks) return;
    double step = fmax(5, o->r * (o->texture == SL_TEXTURE_DOTTED ? 0.44 : 0.5)), scale = 32 / step;
    cairo_matrix_t m;
    cairo_matrix_init(&m, scale, 0, 0, scale, -scale * o->x, -scale * o->y);
    if (o->texture == SL_TEXTURE_STRIPED) cairo_matrix_rotate(&m, -0.6);
    cairo_pattern_set_matrix(marks, &m);
    cairo_set_source(cr, marks);
    cairo_fill_preserve(cr);
}

static void draw_object(const struct sl_scene_brush *b, const struct sl_scene *s, const struct sl_scene_object *o,
                        cairo_t *cr)
{
    int n, n_basic;
    const struct sl_colour *colour = &sl_colours(&n, &n_basic)[o->colour];
    const double c[3] = {colour->r, colour->g, colour->b};
    double tone[3], luma = 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2];
    unsigned look = look_of(s);
    if (look & SHADOW) {
        struct sl_scene_object shadow = *o;
        shadow.x += 0.09 * o->r;
        shadow.y += 0.12 * o->r;
        sl_scene_path(b, cr, &shadow, false);
        cairo_set_source_rgba(cr, 0, 0, 0, 0.22);
        cairo_fill(cr);
    }
    sl_scene_path(b, cr, o, false);
    if (look & OUTLINE) { /* below the filling: the inner half would show where parts of a path overlap */
        shade(c, luma < 0.2 ? 0.45 : -0.6, tone);
        set_rgb(cr, tone);
        cairo_set_line_width(cr, sl_scene_outline(s, o->r));
        cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
        cairo_stroke_preserve(cr);
    }
    set_rgb(cr, c);
    if (look & GLOSS)
        fill_gloss(cr, o, c);
    else
        cairo_fill_preserve(cr);
    fill_marks(b, cr, o, luma < 0.45);
    sl_scene_path(b, cr, o, true);
    shade(c, luma < 0.2 ? 0.3 : -0.38, tone);
    set_rgb(cr, tone);
    cairo_fill(cr);
}

sl_status sl_scene_draw(struct sl_scene_brush *b, const struct sl_scene *s, int without, struct sl_picture *out,
                        sl_error *err)
{
    struct sl_paint p;
    sl_status status = sl_paint_open(&p, s->width, s->height, err);
    if (status) return status;
    draw_ground(s, p.cr);
    for (int i = 0; i < s->n; i++)
        if (i != without) draw_object(b, s, &s->objects[i], p.cr);
    return sl_paint_finish(&p, out, err);
}

sl_status sl_scene_numbers(struct sl_scene_brush *b, const struct sl_scene *s, uint8_t *numbers, sl_error *err)
{
    struct sl_paint p;
    sl_status status = sl_paint_open(&p, s->width, s->height, err);
    if (status) return status;
    cairo_set_antialias(p.cr, CAIRO_ANTIALIAS_NONE);
    cairo_set_source_rgb(p.cr, 0, 0, 0);
    cairo_paint(p.cr);
    cairo_set_line_join(p.cr, CAIRO_LINE_JOIN_ROUND);
    for (int i = 0; i < s->n; i++) {
        double width = sl_scene_outline(s, s->objects[i].r);
        sl_scene_path(b, p.cr, &s->objects[i], false);
        cairo_set_source_rgb(p.cr, 0, 0, (i + 1) / 255.0);
        if (width > 0) {
            cairo_fill_preserve(p.cr);
            cairo_set_line_width(p.cr, width);
            cairo_stroke(p.cr);
        } else {
            cairo_fill(p.cr);
        }
    }
    cairo_surface_flush(p.surface);
    const uint8_t *from = cairo_image_surface_get_data(p.surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(p.surface);
    for (size_t y = 0; y < (size_t)s->height; y++)
        for (size_t x = 0; x < (size_t)s->width; x++) {
            uint32_t word;
            memcpy(&word, from + y * stride + 4 * x, 4);
            numbers[y * (size_t)s->width + x] = (uint8_t)(word & 0xff);
        }
    sl_paint_abandon(&p);
    return SL_OK;
}
