/*
 * page.h: text on surfaces in a picture, for the family "ocr": every line is known by its text and by where its ink is.
 *
 * A page has surfaces (a sheet, or several signs), each with blocks of text laid out by pango; a block's lines are the
 * items that can be asked for. Painting a single line alone gives the pixels that its polygon must enclose, which is
 * how samples are validated. One thread owns a page.
 */
#ifndef SL_SYNTH_PAGE_H
#define SL_SYNTH_PAGE_H

#include "synth/paint.h"
#include "synth/warp.h"

enum { SL_PAGE_MAX_SURFACES = 8, SL_PAGE_MAX_BLOCKS = 160, SL_PAGE_MAX_LINES = 320, SL_PAGE_POLYGON = 16 };

struct sl_page_surface {
    struct sl_warp warp;
    int width, height;
    double ground[3], border; /* border: width of a frame in the colour of the ink; 0: none */
    double ink[3];
};

/* How a block's letters look. */
struct sl_page_type {
    const char *font;
    double size;
    bool bold, italic;
};

struct sl_page_block {
    PangoLayout *layout; /* owned */
    double x, y;
    int surface;
};

struct sl_page_line {
    int block, index; /* which line of the block */
    char *text;       /* owned */
    double ink[4];    /* on the surface */
    int n_corners;
    double polygon[SL_PAGE_POLYGON][2]; /* in the picture */
};

struct sl_page {
    struct sl_paint measure; /* what layouts are made on */
    int width, height;       /* of the picture */
    double ground[2][3];     /* behind the surfaces: a gradient between two colours */
    int pattern;             /* of what is behind: 0 plain, 1 bricks, 2 stripes, 3 discs */
    struct sl_page_surface surfaces[SL_PAGE_MAX_SURFACES];
    struct sl_page_block blocks[SL_PAGE_MAX_BLOCKS];
    struct sl_page_line lines[SL_PAGE_MAX_LINES];
    double rules[64][5]; /* straight lines on the first surface: x1 y1 x2 y2 width */
    int n_surfaces, n_blocks, n_lines, n_rules;
    double smallest; /* text size */
    bool full;       /* something did not fit; the page is no good */
};

/* Starts an empty page; release with sl_page_release. */
sl_status sl_page_init(struct sl_page *p, sl_error *err);
void sl_page_release(struct sl_page *p);

/* Adds a surface of that size and returns its index. Its warp is set later. */
int sl_page_add_surface(struct sl_page *p, int width, int height);

/*
 * Adds text at (x, y), wrapped at `wrap` pixels (0: one line), and returns the y below it. What leaves the surface
 * makes the page full.
 */
double sl_page_add_text(struct sl_page *p, int surface, const struct sl_page_type *t, const char *text, double x,
                        double y, double wrap);

/* The same for one line that ends at x. */
double sl_page_add_right(struct sl_page *p, int surface, const struct sl_page_type *t, const char *text, double x,
                         double y);

/* Returns the width of one line of text. */
double sl_page_width(const struct sl_page *p, const struct sl_page_type *t, const char *text);

/* Adds a straight line on the first surface. */
void sl_page_add_rule(struct sl_page *p, double x1, double y1, double x2, double y2, double width);

/* Computes all polygons from the surfaces' warps; a point outside the picture, or lines that overlap, make it full. */
void sl_page_place(struct sl_page *p);

/* Paints it into *out, owned by the caller: all (only = -1), or black line `only` alone on white. */
sl_status sl_page_paint(const struct sl_page *p, int only, struct sl_picture *out, sl_error *err);

#endif
