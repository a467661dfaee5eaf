/*
 * board.h: a canvas that knows where its text is, for charts, tables, diagrams and figures.
 *
 * Text is placed by an anchor, and the ink of each is remembered: what leaves the picture or touches other text makes
 * the board crowded. Nothing is moved or cut to fit; whoever composes draws again with another layout. One thread.
 */
#ifndef SL_SYNTH_BOARD_H
#define SL_SYNTH_BOARD_H

#include "synth/paint.h"

enum { SL_BOARD_MAX_TEXTS = 768 };

struct sl_board {
    struct sl_paint paint;
    const char *font;   /* of all text; borrowed */
    double (*boxes)[4]; /* (n_boxes), owned: the ink of each text, x1 y1 x2 y2 in pixels */
    int n_boxes;
    bool crowded; /* a text was clipped, or met another, or there were too many */
};

/* A text and where it stands. */
struct sl_board_text {
    const char *text; /* one line of UTF-8; with wrap, several */
    double size;      /* pixels an em */
    bool bold, italic, mono;
    double wrap; /* pixels; 0: one line */
    double x, y;
    double ax, ay; /* which of its points stands on (x, y): 0, 0 the upper left one, 1, 1 the lower right one */
    double angle;  /* radians, clockwise about (x, y) */
    bool free;     /* may touch other text, as a word inside a larger one's box does */
};

/* Opens a board of that size filled with colour (3). Errors as of sl_paint_open. */
sl_status sl_board_open(struct sl_board *b, int width, int height, const double colour[3], const char *font,
                        sl_error *err);

/* Ends it: *out is owned by the caller. The board is empty again, also on an error. */
sl_status sl_board_finish(struct sl_board *b, struct sl_picture *out, sl_error *err);

/* Gives up. An empty board is fine. */
void sl_board_abandon(struct sl_board *b);

/* *w and *h become the size of the text's line box; angle and place are not looked at. */
void sl_board_measure(const struct sl_board *b, const struct sl_board_text *t, double *w, double *h);

/* Paints the text in the present colour; *ink (or NULL) is x1 y1 x2 y2 of its ink in pixels. */
void sl_board_show(struct sl_board *b, const struct sl_board_text *t, double ink[4]);

/* Makes the board crowded when the box meets a text, or leaves the picture; remembers it like a text. */
void sl_board_reserve(struct sl_board *b, const double box[4]);

/* Sets the colour of what follows. */
void sl_board_colour(struct sl_board *b, const double colour[3]);

/* A line from (x1, y1) to (x2, y2) of that width in the present colour; dash is the length of dashes, 0: none. */
void sl_board_line(struct sl_board *b, double x1, double y1, double x2, double y2, double width, double dash);

/* An arrow, its head `head` pixels long at (x2, y2). */
void sl_board_arrow(struct sl_board *b, double x1, double y1, double x2, double y2, double width, double head);

#endif
