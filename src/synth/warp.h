/*
 * warp.h: surfaces in a picture: bent, then seen in perspective, with an exact way there and back; and what cameras,
 * printers and screens do to a picture afterwards.
 */
#ifndef SL_SYNTH_WARP_H
#define SL_SYNTH_WARP_H

#include "synth/synth.h"

/* Where a flat surface of width x height pixels lies in a picture. */
struct sl_warp {
    double width, height;
    double wave, wave_length, phase; /* a banner in the wind: y moves by wave sin(2 pi x / wave_length + phase) */
    double radius, bow;              /* a cylinder of that radius about the middle; bow: how far its middle hangs */
    double to[9], back[9];           /* the plane's homography and its inverse, by rows */
};

/* A flat one whose corners, clockwise from the upper left one, lie at `corners`. False when they span no area. */
bool sl_warp_init(struct sl_warp *w, double width, double height, const double corners[4][2]);

/* *out is where the surface's point (x, y) is seen. */
void sl_warp_point(const struct sl_warp *w, double x, double y, double out[2]);

/* Paints surface, of w's size, into the picture; every pixel whose middle lies on the surface gets its colour. */
void sl_warp_paint(const struct sl_warp *w, const struct sl_picture *surface, struct sl_picture *picture);

/* What becomes of a picture. Zeros change nothing. */
struct sl_degrade {
    double blur;                             /* standard deviation in pixels */
    double noise;                            /* of brightness, of 255 */
    double moire, moire_period, moire_angle; /* strength 0 .. 1, pixels, radians */
    double light, light_angle;               /* how much darker one side is, 0 .. 1 */
    double contrast;                         /* share of it that is lost */
};

/* Chooses by level what text of `size` pixels survives. */
struct sl_degrade sl_degrade_choose(const struct sl_synth_request *r, int level, double size);

/* Applies it. The only failure is SL_ERR_MEMORY. */
sl_status sl_degrade_apply(const struct sl_synth_request *r, const struct sl_degrade *d, struct sl_picture *p,
                           sl_error *err);

#endif
