/*
 * camera.c: turning, moving and projecting boxes.
 */
#include "base/camera.h"

#include <math.h>
#include <stddef.h>

static const double pi = 3.14159265358979323846;

struct sl_camera sl_camera_default(int width, int height)
{
    double twice_tan30 = 2 / sqrt(3.0);
    return (struct sl_camera){width / twice_tan30, height / twice_tan30, width / 2.0, height / 2.0};
}

/* Turns the plane of axes a and b of v by `half_turns` half turns, from a towards b. */
static void turn(double v[3], int a, int b, double half_turns)
{
    double c = cos(pi * half_turns), s = sin(pi * half_turns);
    double va = v[a], vb = v[b];
    v[a] = c * va - s * vb;
    v[b] = s * va + c * vb;
}

void sl_box3d_corners(const struct sl_box3d *b, double corners[8][3])
{
    for (int i = 0; i < 8; i++) {
        double *v = corners[i];
        for (int k = 0; k < 3; k++) v[k] = (i >> k & 1 ? 0.5 : -0.5) * b->size[k];
        turn(v, 1, 2, b->angles[0]);
        turn(v, 2, 0, b->angles[1]);
        turn(v, 0, 1, b->angles[2]);
        for (int k = 0; k < 3; k++) v[k] += b->center[k];
    }
}

bool sl_camera_project(const struct sl_camera *c, const double *point, double *pixel)
{
    if (!(point[2] >= SL_CAMERA_NEAR)) return false;
    pixel[0] = c->fx * point[0] / point[2] + c->cx;
    pixel[1] = c->fy * point[1] / point[2] + c->cy;
    return true;
}

/* Projects the edge from one corner to another, cut at the near plane; false when all of it is behind. */
static bool project_edge(const struct sl_camera *c, const double *from, const double *to, double segment[4])
{
    const double *ends[2] = {from, to};
    if (!(fmax(from[2], to[2]) >= SL_CAMERA_NEAR)) return false;
    for (int e = 0; e < 2; e++) {
        const double *here = ends[e], *other = ends[1 - e];
        double cut[3] = {here[0], here[1], here[2]};
        if (here[2] < SL_CAMERA_NEAR) {
            double t = (SL_CAMERA_NEAR - here[2]) / (other[2] - here[2]);
            for (int k = 0; k < 2; k++) cut[k] = here[k] + t * (other[k] - here[k]);
            cut[2] = SL_CAMERA_NEAR;
        }
        if (!sl_camera_project(c, cut, segment + 2 * (ptrdiff_t)e)) return false;
    }
    return true;
}

int sl_camera_box_edges(const struct sl_camera *c, const struct sl_box3d *b, double segments[12][4])
{
    double corners[8][3];
    int n = 0;
    sl_box3d_corners(b, corners);
    for (int i = 0; i < 8; i++)
        for (int axis = 0; axis < 3; axis++)
            if (!(i >> axis & 1)) n += project_edge(c, corners[i], corners[i | 1 << axis], segments[n]);
    return n;
}
