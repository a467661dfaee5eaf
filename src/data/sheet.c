/*
 * sheet.c: samples to HTML. What comes from data is escaped wherever it is written.
 */
#include "data/sheet.h"

#include "base/base64.h"
#include "base/camera.h"
#include "base/mem.h"
#include "data/encode_media.h"
#include "data/sheet_page.h"
#include "media/picture_write.h"
#include "text/answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 1000,            /* of a picture in the units of its shapes */
    MAX_INLINE = 512 << 10, /* larger files are shown smaller */
    PICTURE_PIXELS = 1 << 20,
    FRAME_PIXELS = 320 * 240,
    N_FRAMES = 8,
    MAX_FRAMES = 16, /* of a video of given pictures */
    MAX_FILE = 64 << 20,
    JPEG_QUALITY = 85,
    MAX_PROBLEMS = 8,
};

/* --- text ------------------------------------------------------------------------------------------------------- */

static void add_escaped(struct sl_buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (text[i]) {
        case '&':
            sl_buf_addstr(out, "&amp;");
            break;
        case '<':
            sl_buf_addstr(out, "&lt;");
            break;
        case '>':
            sl_buf_addstr(out, "&gt;");
            break;
        case '"':
            sl_buf_addstr(out, "&quot;");
            break;
        default:
            sl_buf_addch(out, text[i]);
        }
    }
}

static void add_escaped_string(struct sl_buf *out, const char *text)
{
    add_escaped(out, text, strlen(text));
}

void sl_sheet_begin(const char *title, const char *about, struct sl_buf *out)
{
    sl_buf_addstr(out, "<!doctype html>\n<html lang=en><meta charset=utf-8>"
                       "<meta name=viewport content=\"width=device-width\">\n<title>");
    add_escaped_string(out, title);
    sl_buf_addf(out, "</title>\n<style>\n%s</style>\n<header><h1>", sl_sheet_style);
    add_escaped_string(out, title);
    sl_buf_addstr(out, "</h1><p>");
    add_escaped_string(out, about);
    sl_buf_addf(out, "</p>%s</header>\n<main>\n", sl_sheet_controls);
}

void sl_sheet_end(struct sl_buf *out)
{
    sl_buf_addf(out, "</main>\n<script>\n%s</script>\n</html>\n", sl_sheet_script);
}

/* --- shapes ----------------------------------------------------------------------------------------------------- */

enum shape_kind { SHAPE_POINT, SHAPE_BOX, SHAPE_BOX3D, SHAPE_POLYGON };

/* A shape in a text; its place in the order of the text decides its colour, there and over the picture. */
struct shape {
    struct sl_byte_range range;
    enum shape_kind kind;
    size_t index; /* in its list of the answer */
};

/* A text of the sample and the shapes in it. */
struct speech {
    const struct sl_sample_part *part;
    bool asked; /* not said by the assistant */
    struct sl_answer answer;
    struct shape *shapes; /* (n_shapes), in the order of the text, owned */
    size_t n_shapes;
};

static int by_place(const void *a, const void *b)
{
    const struct shape *x = a, *y = b;
    return (x->range.begin > y->range.begin) - (x->range.begin < y->range.begin);
}

static sl_status speech_init(struct speech *s, const struct sl_sample_part *part, bool asked, sl_error *err)
{
    struct sl_answer *a = &s->answer;
    *s = (struct speech){.part = part, .asked = asked};
    sl_status status = sl_answer_parse(part->text, part->n_text, 0, a, err);
    if (status) return status;
    s->shapes = sl_alloc_array(a->n_points + a->n_boxes + a->n_boxes3d + a->n_polygons + 1, sizeof *s->shapes);
    if (!s->shapes) return sl_fail(err, SL_ERR_MEMORY, "no memory to draw a sample");
    for (size_t i = 0; i < a->n_points; i++)
        s->shapes[s->n_shapes++] = (struct shape){a->points[i].range, SHAPE_POINT, i};
    for (size_t i = 0; i < a->n_boxes; i++) s->shapes[s->n_shapes++] = (struct shape){a->boxes[i].range, SHAPE_BOX, i};
    for (size_t i = 0; i < a->n_boxes3d; i++)
        s->shapes[s->n_shapes++] = (struct shape){a->boxes3d[i].range, SHAPE_BOX3D, i};
    for (size_t i = 0; i < a->n_polygons; i++)
        s->shapes[s->n_shapes++] = (struct shape){a->polygons[i].range, SHAPE_POLYGON, i};
    qsort(s->shapes, s->n_shapes, sizeof *s->shapes, by_place);
    return SL_OK;
}

static void speech_release(struct speech *s)
{
    sl_answer_release(&s->answer);
    free(s->shapes);
}

static void draw_box3d(struct sl_buf *out, const char *class, const struct sl_box3d *box)
{
    const struct sl_camera camera = sl_camera_default(SIDE, SIDE);
    double segments[12][4];
    int n = sl_camera_box_edges(&camera, box, segments);
    for (int k = 0; k < n; k++)
        sl_buf_addf(out, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>", class, segments[k][0], segments[k][1],
                    segments[k][2], segments[k][3]);
}

static void draw_polygon(struct sl_buf *out, const char *class, const double *xy, size_t n_points)
{
    sl_buf_addf(out, "<polygon class=\"%s\" points=\"", class);
    for (size_t i = 0; i < n_points; i++) sl_buf_addf(out, "%.1f,%.1f ", xy[2 * i] + 0.5, xy[2 * i + 1] + 0.5);
    sl_buf_addstr(out, "\"/>");
}

/* Coordinate v is drawn in the middle of the thousandth that it names. */
static void draw_shape(struct sl_buf *out, const struct speech *s, size_t i)
{
    const struct sl_answer *a = &s->answer;
    const struct shape *shape = &s->shapes[i];
    char class[24];
    snprintf(class, sizeof class, "c%zu%s", i % SL_SHEET_COLOURS, s->asked ? " asked" : "");
    if (shape->kind == SHAPE_POINT) {
        const struct sl_answer_point *p = &a->points[shape->index];
        sl_buf_addf(out, "<path class=halo d=\"M%.1f %.1fh.01\"/>", p->x + 0.5, p->y + 0.5);
        sl_buf_addf(out, "<path class=\"dot %s\" d=\"M%.1f %.1fh.01\"/>", class, p->x + 0.5, p->y + 0.5);
    } else if (shape->kind == SHAPE_BOX) {
        const struct sl_answer_box *b = &a->boxes[shape->index];
        sl_buf_addf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", class,
                    b->x1 + 0.5, b->y1 + 0.5, b->x2 - b->x1, b->y2 - b->y1);
    } else if (shape->kind == SHAPE_BOX3D) {
        draw_box3d(out, class, &a->boxes3d[shape->index].box);
    } else {
        const struct sl_answer_polygon *p = &a->polygons[shape->index];
        draw_polygon(out, class, a->coordinates + p->first, p->n_points);
    }
}

/* The text, each shape marked with its colour, what could not be read listed below. */
static void add_speech(struct sl_buf *out, const struct speech *s)
{
    const char *text = s->part->text;
    size_t at = 0;
    sl_buf_addstr(out, "<p class=text>");
    for (size_t i = 0; i < s->n_shapes; i++) {
        struct sl_byte_range r = s->shapes[i].range;
        if (r.begin < at) continue; /* inside the one before */
        add_escaped(out, text + at, r.begin - at);
        sl_buf_addf(out, "<mark class=c%zu>", i % SL_SHEET_COLOURS);
        add_escaped(out, text + r.begin, r.end - r.begin);
        sl_buf_addstr(out, "</mark>");
        at = r.end;
    }
    add_escaped(out, text + at, s->part->n_text - at);
    sl_buf_addstr(out, "</p>\n");
    for (size_t i = 0; !s->asked && i < s->answer.n_problems && i < MAX_PROBLEMS; i++) {
        const struct sl_answer_problem *p = &s->answer.problems[i];
        sl_buf_addf(out, "<p class=\"text bad\">%s: ", sl_answer_problem_text(p->kind));
        size_t n = p->range.end - p->range.begin;
        add_escaped(out, text + p->range.begin, n < 80 ? n : 80);
        sl_buf_addstr(out, "</p>\n");
    }
}

/* --- pictures --------------------------------------------------------------------------------------------------- */

/* By their first bytes; NULL for what a browser would not show. */
static const char *picture_type(const unsigned char *bytes, size_t n)
{
    static const struct {
        const char *magic, *type;
        size_t n, at;
    } types[] = {
        {"\xff\xd8\xff", "image/jpeg", 3, 0}, {"\x89PNG\r\n\x1a\n", "image/png", 8, 0},
        {"GIF8", "image/gif", 4, 0},          {"BM", "image/bmp", 2, 0},
        {"WEBP", "image/webp", 4, 8},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (n >= types[i].at + types[i].n && memcmp(bytes + types[i].at, types[i].magic, types[i].n) == 0)
            return types[i].type;
    return NULL;
}

static void add_trouble(struct sl_buf *out, const char *message)
{
    sl_buf_addstr(out, "<p class=\"text bad\">");
    add_escaped_string(out, message);
    sl_buf_addstr(out, "</p>\n");
}

/* A figure up to where its shapes go. */
static void open_figure(struct sl_buf *out, const char *name, const char *type, const struct sl_buf *file)
{
    sl_buf_addstr(out, "<figure><img loading=lazy alt=\"");
    add_escaped_string(out, name);
    sl_buf_addf(out, "\" src=\"data:%s;base64,", type);
    sl_base64_encode(file->data, file->len, out);
    sl_buf_addf(out, "\"><svg viewBox=\"0 0 %d %d\" preserveAspectRatio=none>", SIDE, SIDE);
}

static void close_figure(struct sl_buf *out)
{
    sl_buf_addstr(out, "</svg></figure>\n");
}

/* --- samples ---------------------------------------------------------------------------------------------------- */

/* Every text of the sample, and which picture each speaks of. */
struct card {
    const struct sl_sample *sample;
    struct sl_sample_part said; /* what a model answered, the last of the speeches */
    struct speech *speeches;    /* (n), owned */
    int *about;                 /* (n): index of a medium, -1: none; owned */
    int n;
};

static void card_free(struct card *c)
{
    for (int i = 0; i < c->n; i++) speech_release(&c->speeches[i]);
    free(c->speeches);
    free(c->about);
}

/* Texts speak of the last picture before them, those before any picture of the first; so does what was said (or NULL).
 */
static sl_status card_init(struct card *c, const struct sl_sample *sample, const char *said, sl_error *err)
{
    int n_parts = 0, last = sample->n_media ? 0 : -1;
    *c = (struct card){.sample = sample};
    for (int m = 0; m < sample->n_messages; m++) n_parts += sample->messages[m].n_parts;
    c->speeches = sl_alloc_array((size_t)n_parts + 2, sizeof *c->speeches);
    c->about = sl_alloc_array((size_t)n_parts + 2, sizeof *c->about);
    if (!c->speeches || !c->about) return sl_fail(err, SL_ERR_MEMORY, "no memory to show a sample");
    for (int m = 0; m < sample->n_messages; m++) {
        const struct sl_sample_message *message = &sample->messages[m];
        for (int i = 0; i < message->n_parts; i++) {
            if (message->parts[i].kind != SL_SAMPLE_TEXT) {
                last = message->parts[i].media;
                continue;
            }
            c->about[c->n] = last;
            bool asked = message->role != SL_SAMPLE_ASSISTANT;
            sl_status s = speech_init(&c->speeches[c->n++], &message->parts[i], asked, err);
            if (s) return s;
        }
    }
    if (!said) return SL_OK;
    c->about[c->n] = last;
    c->said = (struct sl_sample_part){.kind = SL_SAMPLE_TEXT, .text = said, .n_text = strlen(said), .media = -1};
    return speech_init(&c->speeches[c->n++], &c->said, true, err);
}

static void draw_shapes_about(struct sl_buf *out, const struct card *c, int index)
{
    for (int k = 0; k < c->n; k++)
        for (size_t i = 0; c->about[k] == index && i < c->speeches[k].n_shapes; i++)
            draw_shape(out, &c->speeches[k], i);
}

/* A picture whose file is small and of a kind that browsers show, as it is; false otherwise. */
static bool add_file(struct sl_buf *out, const struct card *c, int index)
{
    const struct sl_sample_media *m = &c->sample->media[index];
    struct sl_buf bytes = SL_BUF_INIT(MAX_INLINE);
    const char *type = NULL;
    if (m->kind == SL_MEDIA_IMAGE && sl_blob_load(&m->file, MAX_INLINE, &bytes, NULL) == SL_OK)
        type = picture_type((const unsigned char *)sl_buf_str(&bytes), bytes.len);
    if (type) {
        open_figure(out, m->name, type, &bytes);
        draw_shapes_about(out, c, index);
        close_figure(out);
    }
    sl_buf_release(&bytes);
    return type;
}

/* Any other picture, smaller, and some frames of a video. */
static void add_views(struct sl_buf *out, const struct card *c, int index)
{
    struct sl_sample_media m = c->sample->media[index];
    struct sl_encode_options o;
    struct sl_encode_failure why;
    struct sl_media_views views;
    struct sl_buf jpeg = SL_BUF_INIT(MAX_FILE);
    sl_error err = {0};
    sl_encode_defaults(&o);
    o.video.fps = 1e-6; /* so that the least number of frames is the number */
    o.video.min_frames = N_FRAMES;
    m.max_pixels = m.kind == SL_MEDIA_IMAGE ? PICTURE_PIXELS : FRAME_PIXELS;
    m.min_pixels = 0;
    if (!m.n_frames) m.fps = 0;
    sl_status s = sl_media_load(&o, &m, INT64_MAX / 2, &views, &why, &err);
    for (int i = 0; i < views.n && !s && (m.kind == SL_MEDIA_IMAGE || i < MAX_FRAMES); i++) {
        sl_buf_clear(&jpeg);
        s = sl_picture_encode_jpeg(&views.items[i].picture, JPEG_QUALITY, &jpeg, &err);
        if (s) break;
        if (views.seconds) sl_buf_addf(out, "<p class=text>%.1f s</p>", views.seconds[i]);
        open_figure(out, m.name, "image/jpeg", &jpeg);
        if (m.kind == SL_MEDIA_IMAGE) draw_shapes_about(out, c, index);
        close_figure(out);
    }
    if (s) add_trouble(out, err.message);
    sl_media_views_free(&views);
    sl_buf_release(&jpeg);
}

static void add_media(struct sl_buf *out, const struct card *c, int index)
{
    if (!add_file(out, c, index)) add_views(out, c, index);
}

static void add_heading(struct sl_buf *out, const struct sl_sample *s, const char *source)
{
    sl_buf_addstr(out, "<article data-source=\"");
    add_escaped_string(out, source);
    sl_buf_addstr(out, "\"><h2>");
    add_escaped_string(out, s->key ? s->key : "?");
    sl_buf_addstr(out, "<small>");
    add_escaped_string(out, source);
    if (s->domain) {
        sl_buf_addstr(out, " · ");
        add_escaped_string(out, s->domain);
    }
    if (s->level >= 0) sl_buf_addf(out, " · level %d", s->level);
    sl_buf_addstr(out, "</small></h2>\n");
}

sl_status sl_sheet_add(const struct sl_sample *sample, const char *source, const char *said, struct sl_buf *out,
                       sl_error *err)
{
    struct card card;
    sl_status s = card_init(&card, sample, said, err);
    int speech = 0;
    if (s) goto out;
    add_heading(out, sample, source);
    for (int m = 0; m < sample->n_messages; m++) {
        const struct sl_sample_message *message = &sample->messages[m];
        const char *role = sl_sample_role_name(message->role);
        sl_buf_addf(out, "<section class=%s><b>%s%s</b>\n", role, role, message->no_loss ? " · context only" : "");
        for (int i = 0; i < message->n_parts; i++) {
            if (message->parts[i].kind == SL_SAMPLE_TEXT)
                add_speech(out, &card.speeches[speech++]);
            else
                add_media(out, &card, message->parts[i].media);
        }
        sl_buf_addstr(out, "</section>\n");
    }
    if (said) {
        sl_buf_addstr(out, "<section class=said><b>answered</b>\n");
        add_speech(out, &card.speeches[speech]);
        sl_buf_addstr(out, "</section>\n");
    }
    if (sample->truth) {
        sl_buf_addstr(out, "<details><summary>ground truth for checkers</summary><pre>");
        add_escaped(out, sample->truth, sample->n_truth);
        sl_buf_addstr(out, "</pre></details>\n");
    }
    sl_buf_addstr(out, "</article>\n");
    if (!sl_buf_ok(out)) s = sl_fail(err, SL_ERR_MEMORY, "no memory for a sheet");
out:
    card_free(&card);
    return s;
}
