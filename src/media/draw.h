/*
 * draw.h: points, boxes, polygons, boxes in space and labels onto a picture.
 *
 * A canvas is a picture opened for drawing. Coordinates are pixels, x to the right and y down, (0, 0) the upper left
 * corner of the picture; any number is safe, what lies outside is cut off, and what is not finite is left out. Line
 * width and text size follow the size of the picture. One thread at a time uses a canvas.
 */
#ifndef SL_MEDIA_DRAW_H
#define SL_MEDIA_DRAW_H

#include "media/picture.h"

enum {
    SL_CANVAS_MAX_SIDE = 32767, /* the library's limit */
    SL_N_COLOURS = 10,          /* sl_canvas_colour repeats after these */
};

struct sl_canvas;

/*
 * Opens p, which is borrowed until sl_canvas_close and unchanged until then; returns an owned canvas in *c. Sides above
 * SL_CANVAS_MAX_SIDE are SL_ERR_UNSUPPORTED; without memory SL_ERR_MEMORY, *c is then NULL.
 */
sl_status sl_canvas_open(struct sl_canvas **c, struct sl_picture *p, sl_error *err);

/* Writes what was drawn into the picture, releases *c and sets it to NULL. On an error the picture is unchanged. */
sl_status sl_canvas_close(struct sl_canvas **c, sl_error *err);

/* Chooses the colour of what follows: the i-th of SL_N_COLOURS that are told apart easily, i >= 0; the start is 0. */
void sl_canvas_colour(struct sl_canvas *c, int i);

/* Returns the width of lines in pixels: 0.4 % of the mean side, at least 1.5. */
double sl_canvas_line_width(const struct sl_canvas *c);

/* A dot in a ring, of 6 line widths across, at (x, y). */
void sl_canvas_point(struct sl_canvas *c, double x, double y);

/* The outline of the box between two opposite corners (x1, y1) and (x2, y2), in any order. */
void sl_canvas_box(struct sl_canvas *c, double x1, double y1, double x2, double y2);

/* The closed outline of n points (n, 2), lightly filled; with one it is a point, with two a line. */
void sl_canvas_polygon(struct sl_canvas *c, const double (*points)[2], int n);

/* n lines (x1, y1, x2, y2), as sl_camera_box_edges makes them. */
void sl_canvas_segments(struct sl_canvas *c, const double (*segments)[4], int n);

/*
 * The edges of a box in space whose corners, in the order of sl_box3d_corners, are seen at these pixels; the face of
 * smaller z is lightly filled. A corner behind the camera is NaN: its edges are left out.
 */
void sl_canvas_box3d(struct sl_canvas *c, const double corners[8][2]);

/*
 * Text (UTF-8, one line, cut at 200 bytes; broken bytes become '?') on a ground of the colour, standing on (x, y) and
 * moved into the picture where it would leave it.
 */
void sl_canvas_label(struct sl_canvas *c, double x, double y, const char *text);

/* Black text of that height in pixels inside the area (x1, y1, x2, y2), cut off at its right; from its left edge. */
void sl_canvas_caption(struct sl_canvas *c, const double area[4], double height, const char *text);

#endif
