/*
 * paint.h: what generators draw with: a cairo surface that becomes a picture, and the machine's fonts by script.
 *
 * cairo and pango draw the same bytes for the same calls on one installation. A brush belongs to one thread.
 */
#ifndef SL_SYNTH_PAINT_H
#define SL_SYNTH_PAINT_H

#include "synth/synth.h"

#include <cairo.h>
#include <pango/pango.h>

/* A picture being painted. */
struct sl_paint {
    cairo_surface_t *surface; /* owned */
    cairo_t *cr;              /* owned; draw on it */
    int width, height;
};

/* Opens a white canvas of at most 16384 a side. */
sl_status sl_paint_open(struct sl_paint *p, int width, int height, sl_error *err);

/* Ends painting: what was drawn becomes *out (owned by the caller); p is empty again, also on an error. */
sl_status sl_paint_finish(struct sl_paint *p, struct sl_picture *out, sl_error *err);

/* Gives up; p is empty again. An empty one is fine. */
void sl_paint_abandon(struct sl_paint *p);

typedef enum sl_script {
    SL_SCRIPT_LATIN,
    SL_SCRIPT_GREEK,
    SL_SCRIPT_CYRILLIC,
    SL_SCRIPT_CHINESE,
    SL_N_SCRIPTS
} sl_script;

/*
 * Returns the name of a font family that has the script's letters, by the request's split (sl_synth_choose over the
 * families in alphabetical order); NULL when the machine has none. handwriting: only of that look. Borrowed from the
 * process's list, which the first call makes.
 */
const char *sl_paint_font(const struct sl_synth_request *r, sl_script script, bool handwriting);

/* A line or paragraph of text to paint. */
struct sl_paint_text {
    const char *text;        /* UTF-8 */
    const char *font;        /* family name; NULL: "DejaVu Sans" */
    double size;             /* pixels an em */
    bool bold, italic, mono; /* mono: a fixed-width family instead of font */
    double wrap;             /* pixels; 0: one line */
};

/* Returns an owned layout of it on p (g_object_unref); pango's extents are then exact. NULL without memory. */
PangoLayout *sl_paint_layout(const struct sl_paint *p, const struct sl_paint_text *t);

/* Paints the text with its upper left corner at (x, y) in the present colour; *ink (or NULL) is x1 y1 x2 y2 of its ink.
 */
void sl_paint_show(const struct sl_paint *p, const struct sl_paint_text *t, double x, double y, double ink[4]);

/* A colour by name, with what people call it. */
struct sl_colour {
    const char *name; /* "dark green" */
    double r, g, b;   /* 0 .. 1 */
};

/* The colours that answers may name: the first n_basic are told apart by anybody. Static storage. */
const struct sl_colour *sl_colours(int *n, int *n_basic);

#endif
