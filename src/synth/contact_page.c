/*
 * contact_page.c: samples as cells of a page: media become one picture, shapes are drawn on it, text is set below.
 */
#include "synth/contact_page.h"

#include "base/mem.h"
#include "media/contact.h"
#include "media/draw.h"
#include "media/resize.h"
#include "media/video.h"
#include "synth/paint.h"
#include "text/answer.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHOWN = 9, N_FRAMES = 9, MARGIN = 6, MAX_TEXT = 1 << 22 };

/* --- pictures ------------------------------------------------------------------------------------------------- */

static double scaled(double v, int side)
{
    return sl_coordinate_to_pixel_center(v, side);
}

/* Draws what an answer points at. */
static sl_status draw_shapes(const struct sl_answer *a, struct sl_picture *p, sl_error *err)
{
    struct sl_canvas *c = NULL;
    double(*xy)[2] = NULL;
    if (!a->n_points && !a->n_boxes && !a->n_polygons) return SL_OK;
    sl_status status = sl_canvas_open(&c, p, err);
    for (size_t i = 0; i < a->n_points && !status; i++)
        sl_canvas_point(c, scaled(a->points[i].x, p->width), scaled(a->points[i].y, p->height));
    for (size_t i = 0; i < a->n_boxes && !status; i++) {
        const struct sl_answer_box *b = &a->boxes[i];
        sl_canvas_box(c, scaled(b->x1, p->width), scaled(b->y1, p->height), scaled(b->x2, p->width),
                      scaled(b->y2, p->height));
    }
    for (size_t i = 0; i < a->n_polygons && !status; i++) {
        const struct sl_answer_polygon *g = &a->polygons[i];
        xy = sl_alloc_array(g->n_points, sizeof *xy);
        if (!xy) continue;
        for (size_t k = 0; k < g->n_points; k++) {
            xy[k][0] = scaled(a->coordinates[g->first + 2 * k], p->width);
            xy[k][1] = scaled(a->coordinates[g->first + 2 * k + 1], p->height);
        }
        sl_canvas_polygon(c, (const double(*)[2])xy, (int)g->n_points);
        free(xy);
    }
    if (!status) status = sl_canvas_close(&c, err);
    return status;
}

static void free_all(struct sl_contact *items, int n)
{
    for (int i = 0; i < n; i++) sl_picture_free(&items[i].picture);
}

/* Puts n pictures, which are freed, beside each other. */
static sl_status join(struct sl_contact *items, int n, struct sl_picture *out, sl_error *err)
{
    int columns = (int)ceil(sqrt(n)), cell = 16;
    for (int i = 0; i < n; i++) {
        const struct sl_picture *p = &items[i].picture;
        int side = p->width > p->height ? p->width : p->height;
        cell = side > cell ? side : cell;
    }
    sl_status status = sl_contact_sheet(items, n, columns, cell < 512 ? cell : 512, out, err);
    free_all(items, n);
    return status;
}

static sl_status open_frames(const struct sl_synth_media *m, struct sl_picture *out, sl_error *err)
{
    struct sl_contact items[N_FRAMES] = {{.caption = NULL}};
    struct sl_video *v = NULL;
    int n = 0;
    sl_status status = sl_video_open_memory(&v, m->bytes.data, m->bytes.len, "clip", NULL, err);
    int64_t count = status ? 0 : sl_video_info(v)->n_frames;
    for (; n < N_FRAMES && n < count && !status; n++)
        status = sl_video_frame(v, n * count / (count < N_FRAMES ? count : N_FRAMES), 0, 0, &items[n].picture, err);
    sl_video_close(&v);
    if (!status) return join(items, n, out, err);
    free_all(items, N_FRAMES);
    return status;
}

static sl_status open_media(const struct sl_synth_media *m, struct sl_picture *out, sl_error *err)
{
    if (m->video) return open_frames(m, out, err);
    return sl_picture_decode(out, (const unsigned char *)m->bytes.data, m->bytes.len, SL_PICTURE_MAX_PIXELS, err);
}

/* All that a sample shows, as one picture; empty when it has no media. */
static sl_status show_media(const struct sl_synth_sample *s, const struct sl_answer *a, struct sl_picture *out,
                            sl_error *err)
{
    struct sl_contact items[MAX_SHOWN] = {{.caption = NULL}};
    int first = s->n_media > MAX_SHOWN ? s->n_media - MAX_SHOWN : 0, n = 0;
    sl_status status = SL_OK;
    for (int i = first; i < s->n_media && !status; i++) {
        status = open_media(&s->media[i], &items[n].picture, err);
        if (!status && i == s->n_media - 1 && !s->media[i].video) status = draw_shapes(a, &items[n].picture, err);
        n++;
    }
    if (status || n == 0) {
        free_all(items, n);
        return status;
    }
    if (n > 1) return join(items, n, out, err);
    *out = items[0].picture;
    return SL_OK;
}

/* --- the page ------------------------------------------------------------------------------------------------- */

/* A picture as a surface of the size (w, h) that it is made to fit. */
static cairo_surface_t *to_surface(const struct sl_picture *p, int w, int h, sl_error *err)
{
    struct sl_picture fitted = {0};
    double scale = fmin(1, fmin((double)w / p->width, (double)h / p->height));
    int width = (int)fmax(1, p->width * scale), height = (int)fmax(1, p->height * scale);
    if (sl_picture_resize(p, width, height, SL_FILTER_BILINEAR, 1, &fitted, err)) return NULL;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    unsigned char *to = cairo_image_surface_get_data(surface);
    for (int y = 0; to && y < height; y++)
        for (int x = 0; x < width; x++) {
            const uint8_t *v = fitted.rgb + 3 * ((size_t)y * (size_t)width + (size_t)x);
            uint32_t word = (uint32_t)v[0] << 16 | (uint32_t)v[1] << 8 | v[2];
            memcpy(to + (size_t)y * (size_t)cairo_image_surface_get_stride(surface) + 4 * (size_t)x, &word, 4);
        }
    cairo_surface_mark_dirty(surface);
    sl_picture_free(&fitted);
    return surface;
}

/* Sets text into an area, cut off at its end. */
static void set_text(const struct sl_paint *p, const char *text, const int area[4])
{
    const struct sl_paint_text t = {.text = text, .size = 11, .wrap = area[2]};
    PangoLayout *layout = sl_paint_layout(p, &t);
    if (!layout) return;
    pango_layout_set_height(layout, area[3] * PANGO_SCALE);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    cairo_save(p->cr);
    cairo_rectangle(p->cr, area[0], area[1], area[2], area[3]);
    cairo_clip(p->cr);
    cairo_set_source_rgb(p->cr, 0, 0, 0);
    cairo_move_to(p->cr, area[0], area[1]);
    pango_cairo_show_layout(p->cr, layout);
    cairo_restore(p->cr);
    g_object_unref(layout);
}

/* "task, level: question" and the answer, both without line breaks and in their own halves of the place. */
static void set_words(const struct sl_paint *p, const struct sl_recipe_sample *s, const int area[4])
{
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
    int half = area[3] / 2;
    sl_buf_addf(&text, "[%s, level %d] ", s->row.task, s->row.level);
    for (int i = 0; i + 1 < s->sample.n_messages; i++) {
        if (s->sample.messages[i].role == SL_SYNTH_SYSTEM) continue;
        sl_synth_message_text(&s->sample, i, false, &text);
        sl_buf_addch(&text, ' ');
    }
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\n') text.data[i] = ' ';
    set_text(p, sl_buf_str(&text), (const int[4]){area[0], area[1], area[2], half});
    sl_buf_clear(&text);
    sl_buf_addstr(&text, "\xe2\x86\x92 ");
    sl_synth_message_text(&s->sample, s->sample.n_messages - 1, s->row.thinking, &text);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\n') text.data[i] = ' ';
    set_text(p, sl_buf_str(&text), (const int[4]){area[0], area[1] + half, area[2], area[3] - half});
    sl_buf_release(&text);
}

static sl_status draw_cell(const struct sl_paint *p, const struct sl_recipe_sample *s,
                           const struct sl_contact_page *page, int x, int y, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
    struct sl_answer a = {0};
    struct sl_picture shown = {0};
    sl_synth_message_text(&s->sample, s->sample.n_messages - 1, false, &text);
    sl_status status = sl_answer_parse(sl_buf_str(&text), text.len, 0, &a, err);
    if (!status) status = show_media(&s->sample, &a, &shown, err);
    int words = shown.rgb ? page->text : page->text + page->cell; /* without a picture all the place is for text */
    if (!status && shown.rgb) {
        cairo_surface_t *surface = to_surface(&shown, page->cell, page->cell, err);
        if (surface) {
            double left = x + (page->cell - cairo_image_surface_get_width(surface)) / 2.0;
            cairo_set_source_surface(p->cr, surface, floor(left), y);
            cairo_paint(p->cr);
            cairo_surface_destroy(surface);
        }
    }
    if (!status) set_words(p, s, (const int[4]){x, y + (shown.rgb ? page->cell + 2 : 0), page->cell, words - 2});
    sl_picture_free(&shown);
    sl_answer_release(&a);
    sl_buf_release(&text);
    return status;
}

sl_status sl_contact_page(const struct sl_recipe_sample *samples, int n, const struct sl_contact_page *page,
                          struct sl_picture *out, sl_error *err)
{
    struct sl_paint p;
    int columns = n < page->columns ? n : page->columns, rows = (n + columns - 1) / columns;
    int step_x = page->cell + MARGIN, step_y = page->cell + page->text + MARGIN;
    sl_status status = sl_paint_open(&p, columns * step_x + MARGIN, rows * step_y + MARGIN, err);
    if (status) return status;
    for (int i = 0; i < n && !status; i++)
        status = draw_cell(&p, &samples[i], page, MARGIN + i % columns * step_x, MARGIN + i / columns * step_y, err);
    if (!status) return sl_paint_finish(&p, out, err);
    sl_paint_abandon(&p);
    return status;
}
