/*
 * solid.h: a small renderer: solids on a ground, seen by a pinhole camera, lit by one sun.
 *
 * Everything is in camera coordinates (X right, Y down, Z forward, metres), so that what is drawn, measured and boxed
 * are the same numbers. Pure functions; the depth map belongs to the caller.
 */
#ifndef SL_SYNTH_SOLID_H
#define SL_SYNTH_SOLID_H

#include "base/camera.h"
#include "media/picture.h"

typedef enum sl_solid_kind {
    SL_SOLID_BOX,
    SL_SOLID_ELLIPSOID,
    SL_SOLID_CONE, /* along its y axis, `taper` times as wide at the top: 1 is a cylinder */
} sl_solid_kind;

/* Colours in [0, 1] that alternate in cells of `period` metres; period 0: the first alone. */
struct sl_surface {
    double colour[3], second[3], period;
};

/* The unit solid in [-1, 1]^3 scaled by half, turned by turn (columns are its axes), moved to centre. */
struct sl_solid {
    sl_solid_kind kind;
    double centre[3], half[3], turn[3][3], taper;
    struct sl_surface surface;
    int object; /* which thing it belongs to, 1..254 */
};

struct sl_view {
    struct sl_camera camera;
    int width, height;
    double up[3], above; /* away from the ground, unit length; of the camera over the ground in metres */
    double sun[3];       /* towards the sun, unit length */
    struct sl_surface ground;
    double sky[2][3];              /* at the top of the picture, and at the horizon */
    const struct sl_solid *solids; /* (n_solids) */
    int n_solids;
};

/* What is seen at each pixel's middle: its depth Z in metres (0: nothing but ground and sky), and whose it is. */
struct sl_depth_map {
    float *depth;    /* (height, width), owned */
    uint8_t *object; /* (height, width), owned; 0: none */
    int seen[256];   /* pixels in which each object is seen */
    int alone[256];  /* and would be, without the others */
};

/*
 * Draws the view into *out, owned by the caller: each solid's equation is solved along the rays of its rectangle into a
 * z-buffer, four rays a pixel; shadows by a ray towards the sun.
 */
sl_status sl_view_draw(const struct sl_view *v, struct sl_picture *out, sl_error *err);

/* Measures it into *map, owned by the caller: one ray through each pixel's middle. */
sl_status sl_view_measure(const struct sl_view *v, struct sl_depth_map *map, sl_error *err);

/* Releases a map; it is empty again. */
void sl_depth_map_release(struct sl_depth_map *map);

/* Returns the depth Z of the nearest solid along the ray through pixel position (x, y), 0: none; *object is whose. */
double sl_view_cast(const struct sl_view *v, double x, double y, int *object);

#endif
