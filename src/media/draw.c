/*
 * draw.c: drawing through cairo.
 *
 * Cairo keeps coordinates in 24.8 fixed point, and what overflows there comes out anywhere. So lines and areas are cut
 * here, in doubles, to a frame a little larger than the picture before cairo sees them.
 */
#include "media/draw.h"

#include <cairo.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 200 };

struct sl_canvas {
    struct sl_picture *picture; /* borrowed */
    cairo_surface_t *surface;   /* owned */
    cairo_t *cairo;             /* owned */
    double line_width;
    double colour[3];
};

/* Neighbours in the list lie far apart in hue, since most pictures need only the first few. */
static const uint8_t colours[SL_N_COLOURS][3] = {
    {255, 59, 48}, {0, 200, 83},  {41, 121, 255}, {255, 196, 0},   {213, 0, 249},
    {0, 229, 255}, {255, 109, 0}, {174, 234, 0},  {255, 128, 171}, {121, 85, 72},
};

static sl_status cairo_failure(cairo_status_t status, sl_error *err)
{
    return sl_fail(err, SL_ERR_MEMORY, "cannot draw on a picture: %s", cairo_status_to_string(status));
}

/* Cairo's pixels are native 32-bit words, 0x00RRGGBB. */
static void pixels_in(const struct sl_picture *p, cairo_surface_t *surface)
{
    uint8_t *to = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    for (size_t y = 0; y < (size_t)p->height; y++)
        for (size_t x = 0; x < (size_t)p->width; x++) {
            const uint8_t *v = p->rgb + (y * (size_t)p->width + x) * 3;
            uint32_t word = (uint32_t)v[0] << 16 | (uint32_t)v[1] << 8 | v[2];
            memcpy(to + y * stride + 4 * x, &word, 4);
        }
    cairo_surface_mark_dirty(surface);
}

static void pixels_out(cairo_surface_t *surface, struct sl_picture *p)
{
    cairo_surface_flush(surface);
    const uint8_t *from = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    for (size_t y = 0; y < (size_t)p->height; y++)
        for (size_t x = 0; x < (size_t)p->width; x++) {
            uint8_t *v = p->rgb + (y * (size_t)p->width + x) * 3;
            uint32_t word;
            memcpy(&word, from + y * stride + 4 * x, 4);
            v[0] = (uint8_t)(word >> 16);
            v[1] = (uint8_t)(word >> 8);
            v[2] = (uint8_t)word;
        }
}

static void release(struct sl_canvas **c)
{
    if (!*c) return;
    cairo_destroy((*c)->cairo);
    cairo_surface_destroy((*c)->surface);
    free(*c);
    *c = NULL;
}

sl_status sl_canvas_open(struct sl_canvas **out, struct sl_picture *p, sl_error *err)
{
    *out = NULL;
    if (p->width > SL_CANVAS_MAX_SIDE || p->height > SL_CANVAS_MAX_SIDE)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "cannot draw on a picture of %dx%d pixels: sides are 1 to %d", p->width,
                       p->height, SL_CANVAS_MAX_SIDE);
    struct sl_canvas *c = calloc(1, sizeof *c);
    if (!c) return sl_fail(err, SL_ERR_MEMORY, "no memory to draw on a picture");
    c->picture = p;
    c->line_width = fmax(1.5, 0.004 * 0.5 * (p->width + p->height));
    c->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, p->width, p->height);
    c->cairo = cairo_create(c->surface);
    cairo_status_t status = cairo_status(c->cairo);
    if (status) {
        release(&c);
        return cairo_failure(status, err);
    }
    pixels_in(p, c->surface);
    cairo_set_line_cap(c->cairo, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(c->cairo, CAIRO_LINE_JOIN_ROUND);
    sl_canvas_colour(c, 0);
    *out = c;
    return SL_OK;
}

sl_status sl_canvas_close(struct sl_canvas **c, sl_error *err)
{
    cairo_status_t status = cairo_status((*c)->cairo);
    if (!status) pixels_out((*c)->surface, (*c)->picture);
    release(c);
    return status ? cairo_failure(status, err) : SL_OK;
}

void sl_canvas_colour(struct sl_canvas *c, int i)
{
    for (int k = 0; k < 3; k++) c->colour[k] = colours[(unsigned)i % SL_N_COLOURS][k] / 255.0;
}

double sl_canvas_line_width(const struct sl_canvas *c)
{
    return c->line_width;
}

static void use_colour(struct sl_canvas *c, double alpha)
{
    cairo_set_source_rgba(c->cairo, c->colour[0], c->colour[1], c->colour[2], alpha);
}

/* Strokes the path in the colour above a dark rim, which keeps it visible on a ground like itself. */
static void stroke(struct sl_canvas *c)
{
    cairo_set_source_rgba(c->cairo, 0, 0, 0, 0.5);
    cairo_set_line_width(c->cairo, c->line_width * 1.7);
    cairo_stroke_preserve(c->cairo);
    use_colour(c, 1);
    cairo_set_line_width(c->cairo, c->line_width);
    cairo_stroke(c->cairo);
}

/* The frame that everything is cut to: axis 0 or 1, lower or upper side. */
static double frame_side(const struct sl_canvas *c, int axis, bool upper)
{
    double margin = 8 * c->line_width;
    return upper ? (axis ? c->picture->height : c->picture->width) + margin : -margin;
}

/* Cuts s = (x1, y1, x2, y2) to the frame; false when nothing is left (Liang and Barsky, 1984). */
static bool cut_segment(const struct sl_canvas *c, double s[4])
{
    double from = 0, to = 1, start[2] = {s[0], s[1]}, step[2] = {s[2] - s[0], s[3] - s[1]};
    for (int axis = 0; axis < 2; axis++) {
        double near = frame_side(c, axis, false) - start[axis], far = frame_side(c, axis, true) - start[axis];
        if (step[axis] == 0) {
            if (near > 0 || far < 0) return false;
            continue;
        }
        double a = near / step[axis], b = far / step[axis];
        from = fmax(from, fmin(a, b));
        to = fmin(to, fmax(a, b));
    }
    if (!(from <= to)) return false;
    for (int axis = 0; axis < 2; axis++) {
        s[axis] = start[axis] + from * step[axis];
        s[2 + axis] = start[axis] + to * step[axis];
    }
    return true;
}

/* Above this a difference of two coordinates is no longer exact to a pixel, or not finite. */
static bool usable(double v)
{
    return fabs(v) <= 1e15;
}

/* Adds a line to the path; one of no length is the dot of its round cap. */
static void add_segment(struct sl_canvas *c, const double from[2], const double to[2])
{
    double s[4] = {from[0], from[1], to[0], to[1]};
    if (!usable(s[0]) || !usable(s[1]) || !usable(s[2]) || !usable(s[3]) || !cut_segment(c, s)) return;
    cairo_move_to(c->cairo, s[0], s[1]);
    cairo_line_to(c->cairo, s[2], s[3]);
}

/* One step of Sutherland and Hodgman (1974): cuts n points (in) at one side of the frame; returns how many are left. */
static int cut_at_side(const struct sl_canvas *c, int side, const double (*in)[2], int n, double (*out)[2])
{
    int axis = side / 2, other = 1 - axis, left = 0;
    double at = frame_side(c, axis, side % 2), sign = side % 2 ? -1 : 1;
    for (int i = 0; i < n; i++) {
        const double *a = in[i], *b = in[(i + 1) % n];
        bool a_in = sign * (a[axis] - at) >= 0, b_in = sign * (b[axis] - at) >= 0;
        if (a_in) memcpy(out[left++], a, sizeof *out);
        if (a_in == b_in) continue;
        out[left][axis] = at;
        out[left++][other] = a[other] + (b[other] - a[other]) * (at - a[axis]) / (b[axis] - a[axis]);
    }
    return left;
}

/* Fills the polygon of n points lightly. An area is only a hint beside its outline: without memory it is left out. */
static void fill_polygon(struct sl_canvas *c, const double (*points)[2], int n)
{
    for (int i = 0; i < n; i++)
        if (!usable(points[i][0]) || !usable(points[i][1])) return;
    /* A side that cuts off k of n points adds at most 2 k and k is at most n / 2: a half more, four times. */
    size_t most = (size_t)n * 6;
    double(*work)[2] = malloc(sizeof *work * most * 2);
    if (!work) return;
    double(*from)[2] = work, (*to)[2] = work + most;
    memcpy(from, points, sizeof *points * (size_t)n);
    for (int side = 0; side < 4 && n; side++) {
        n = cut_at_side(c, side, (const double(*)[2])from, n, to);
        double(*swap)[2] = from;
        from = to;
        to = swap;
    }
    for (int i = 0; i < n; i++) cairo_line_to(c->cairo, from[i][0], from[i][1]);
    use_colour(c, 0.2);
    cairo_fill(c->cairo);
    free(work);
}

void sl_canvas_point(struct sl_canvas *c, double x, double y)
{
    double s[4] = {x, y, x, y};
    if (!usable(x) || !usable(y) || !cut_segment(c, s)) return;
    cairo_new_sub_path(c->cairo);
    cairo_arc(c->cairo, x, y, 3 * c->line_width, 0, 2 * M_PI);
    stroke(c);
    cairo_arc(c->cairo, x, y, c->line_width, 0, 2 * M_PI);
    use_colour(c, 1);
    cairo_fill(c->cairo);
}

void sl_canvas_box(struct sl_canvas *c, double x1, double y1, double x2, double y2)
{
    const double corners[4][2] = {{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}};
    for (int i = 0; i < 4; i++) add_segment(c, corners[i], corners[(i + 1) % 4]);
    stroke(c);
}

void sl_canvas_polygon(struct sl_canvas *c, const double (*points)[2], int n)
{
    if (n < 1) return;
    if (n == 1) {
        sl_canvas_point(c, points[0][0], points[0][1]);
        return;
    }
    if (n > 2) fill_polygon(c, points, n);
    for (int i = 0; i < (n > 2 ? n : 1); i++) add_segment(c, points[i], points[(i + 1) % n]);
    stroke(c);
}

void sl_canvas_segments(struct sl_canvas *c, const double (*segments)[4], int n)
{
    for (int i = 0; i < n; i++) add_segment(c, segments[i], segments[i] + 2);
    stroke(c);
}

void sl_canvas_box3d(struct sl_canvas *c, const double corners[8][2])
{
    double front[4][2];
    static const int around[4] = {0, 1, 3, 2};
    for (int i = 0; i < 4; i++) memcpy(front[i], corners[around[i]], sizeof front[i]);
    fill_polygon(c, (const double(*)[2])front, 4);
    for (int i = 0; i < 8; i++)
        for (int bit = 1; bit < 8; bit *= 2)
            if (!(i & bit)) add_segment(c, corners[i], corners[i | bit]);
    stroke(c);
}

/* Returns the bytes of the UTF-8 character at s, 0 when it is none (Unicode 15, table 3-7). */
static size_t character_length(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (n == 1) return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f, beyond = s[0] == 0xf4 && s[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : n;
}

/* Cairo refuses everything after broken UTF-8: this keeps the whole characters of the first MAX_TEXT bytes. */
static void clean_text(const char *text, char out[MAX_TEXT + 1])
{
    const unsigned char *s = (const unsigned char *)text;
    size_t to = 0;
    while (*s) {
        size_t n = character_length(s), take = n ? n : 1;
        if (to + take > MAX_TEXT) break;
        if (n == 0)
            out[to] = '?';
        else if (*s < ' ' || *s == 127)
            out[to] = ' ';
        else
            memcpy(out + to, s, n);
        s += take;
        to += take;
    }
    out[to] = 0;
}

void sl_canvas_label(struct sl_canvas *c, double x, double y, const char *text)
{
    char clean[MAX_TEXT + 1];
    cairo_text_extents_t size;
    cairo_font_extents_t font;
    double width = c->picture->width, height = c->picture->height;
    clean_text(text, clean);
    if (!*clean || !usable(x) || !usable(y)) return;
    cairo_select_font_face(c->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(c->cairo, fmax(9, 6 * c->line_width));
    cairo_text_extents(c->cairo, clean, &size);
    cairo_font_extents(c->cairo, &font);
    double pad = c->line_width, wide = size.x_advance + 2 * pad, tall = font.ascent + font.descent + pad;
    double left = fmax(0, fmin(x, width - wide)), top = fmax(0, fmin(y, height) - tall);
    cairo_rectangle(c->cairo, left, top, wide, tall);
    use_colour(c, 0.85);
    cairo_fill(c->cairo);
    /* Black or white, whichever stands out from the ground's luma (ITU-R BT.601). */
    double ink = 0.299 * c->colour[0] + 0.587 * c->colour[1] + 0.114 * c->colour[2] > 0.5 ? 0 : 1;
    cairo_set_source_rgb(c->cairo, ink, ink, ink);
    cairo_move_to(c->cairo, left + pad, top + pad / 2 + font.ascent);
    cairo_show_text(c->cairo, clean);
    cairo_new_path(c->cairo);
}

void sl_canvas_caption(struct sl_canvas *c, const double area[4], double height, const char *text)
{
    char clean[MAX_TEXT + 1];
    cairo_font_extents_t font;
    clean_text(text, clean);
    for (int i = 0; i < 4; i++)
        if (!(fabs(area[i]) <= SL_CANVAS_MAX_SIDE)) return;
    if (!*clean || !(height >= 1 && height <= 1000) || area[2] <= area[0] || area[3] <= area[1]) return;
    cairo_save(c->cairo);
    cairo_rectangle(c->cairo, area[0], area[1], area[2] - area[0], area[3] - area[1]);
    cairo_clip(c->cairo);
    cairo_select_font_face(c->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c->cairo, height);
    cairo_font_extents(c->cairo, &font);
    cairo_set_source_rgb(c->cairo, 0, 0, 0);
    cairo_move_to(c->cairo, area[0], area[1] + font.ascent);
    cairo_show_text(c->cairo, clean);
    cairo_new_path(c->cairo);
    cairo_restore(c->cairo);
}
