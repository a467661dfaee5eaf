/*
 * camera.h: boxes in space and where a pinhole camera sees them.
 *
 * Pure arithmetic, for those who draw boxes, those who make them and those who score them. The camera frame is the
 * world frame: X right, Y down, Z forward, in metres. Rotations are right-handed in it.
 */
#ifndef SL_BASE_CAMERA_H
#define SL_BASE_CAMERA_H

#include <stdbool.h>

/* A pinhole camera without distortion: a point (X, Y, Z) is seen at pixel (fx X/Z + cx, fy Y/Z + cy). */
struct sl_camera {
    double fx, fy; /* focal lengths in pixels */
    double cx, cy; /* principal point in pixels */
};

/* A box in space. Turned by its angles about its own centre, then moved to it. */
struct sl_box3d {
    double center[3]; /* metres */
    double size[3];   /* metres, along the box's own x, y, z before it is turned */
    double angles[3]; /* pitch about X, yaw about Y, roll about Z, in this order; times 180 they are degrees */
};

/* Nearer than this, in metres, nothing is projected. */
#define SL_CAMERA_NEAR 1e-3

/*
 * Returns the camera to assume for a picture of width x height pixels when none is known: 60 degrees field of view
 * both ways, fx = width / (2 tan 30), fy = height / (2 tan 30), the principal point in the middle (the provider's 3D
 * example).
 */
struct sl_camera sl_camera_default(int width, int height);

/*
 * Computes the corners: corner i lies on the side of greater x when i & 1, of greater y when i & 2, of greater z when
 * i & 4, before turning. corner = Rz(roll) Ry(yaw) Rx(pitch) (+-size / 2) + center.
 */
void sl_box3d_corners(const struct sl_box3d *b, double corners[8][3]);

/* Projects point (3) to pixel (2); false, leaving pixel alone, when it is not at least SL_CAMERA_NEAR in front. */
bool sl_camera_project(const struct sl_camera *c, const double *point, double *pixel);

/*
 * Projects the edges of b to segments (x1, y1, x2, y2) in pixels, cut off where they pass behind the camera; returns
 * how many there are, at most 12. They may leave the picture.
 */
int sl_camera_box_edges(const struct sl_camera *c, const struct sl_box3d *b, double segments[12][4]);

#endif
