/*
 * reply.h: an answer for people and programs: streamed to a terminal, printed as JSON, drawn on its picture.
 */
#ifndef SL_CLI_REPLY_H
#define SL_CLI_REPLY_H

#include "infer/engine.h"

#include <stdio.h>

/* Writes an answer as it comes. Start with sl_reply_printer_init; its event function is sl_reply_print. */
struct sl_reply_printer {
    FILE *to;
    bool reasoning; /* shows it, dimmed */
    bool dim;       /* now */
    bool any;       /* wrote something of the answer */
    bool ends_line; /* what was written last is a newline */
    bool terminal;  /* stderr shows progress */
    bool progress;  /* a line of it stands there */
};

/* Prints to `to`; the reasoning only when that is a terminal. */
void sl_reply_printer_init(struct sl_reply_printer *p, FILE *to);
void sl_reply_print(void *printer, const sl_event *event);
/* Ends the line. */
void sl_reply_printer_end(struct sl_reply_printer *p);

/* The picture that coordinates of an answer belong to: path, or NULL when there is none. */
struct sl_reply_picture {
    const char *path;
    int width, height; /* as in the file, upright */
};

/* Prints the result as one line of JSON (docs/INFERENCE.md). */
sl_status sl_reply_json(const sl_result *r, const struct sl_reply_picture *on, FILE *to, sl_error *err);

/*
 * Draws the answer's points, boxes, polygons and boxes in space on the picture and writes it to out (PNG or JPEG by
 * its ending). *n is how many were drawn.
 */
sl_status sl_reply_draw(const sl_result *r, const struct sl_reply_picture *on, const char *out, int *n, sl_error *err);

#endif
