/*
 * solid.c: rays against boxes, ellipsoids and cones, into a z-buffer, and light on what they meet.
 */
#include "synth/solid.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 2, MAX_SIDE = 2048 };

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Of finite numbers; those of libm are calls. */
static inline double least_of(double a, double b)
{
    return a < b ? a : b;
}

static inline double most_of(double a, double b)
{
    return a > b ? a : b;
}

/* A ray in a solid's own coordinates, in which it fills [-1, 1]^3. */
struct local {
    double from[3], along[3];
};

/* A solid with what each ray to it needs. */
struct target {
    const struct sl_solid *s;
    double into[3][3]; /* rows: its axes over its halves */
    double camera[3];  /* the camera in its own coordinates */
};

static void aim(const struct sl_solid *s, struct target *t)
{
    t->s = s;
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 3; i++) t->into[k][i] = s->turn[i][k] / s->half[k];
        t->camera[k] = -dot(s->centre, t->into[k]);
    }
}

static void to_local(const struct target *t, const double from[3], const double along[3], struct local *out)
{
    for (int k = 0; k < 3; k++) {
        out->from[k] = t->camera[k] + dot(from, t->into[k]);
        out->along[k] = dot(along, t->into[k]);
    }
}

static double hit_box(const struct local *l, double least)
{
    double enter = -INFINITY, leave = INFINITY;
    for (int k = 0; k < 3; k++) {
        double a = (-1 - l->from[k]) / l->along[k], b = (1 - l->from[k]) / l->along[k];
        enter = most_of(enter, least_of(a, b));
        leave = least_of(leave, most_of(a, b));
    }
    return enter <= leave && enter > least ? enter : 0;
}

/* The smaller root of a t^2 + 2 b t + c above least for which `inside` holds of the y there, or 0. */
static double hit_side(const struct local *l, double a, double b, double c, bool capped, double least)
{
    double root = b * b - a * c;
    if (root < 0 || fabs(a) < 1e-12) return 0;
    root = sqrt(root);
    double one = (-b - root) / a, two = (-b + root) / a, near = least_of(one, two), far = most_of(one, two);
    for (int i = 0; i < 2; i++) {
        double t = i ? far : near;
        if (t > least && (!capped || fabs(l->from[1] + t * l->along[1]) <= 1)) return t;
    }
    return 0;
}

/* The radius is 1 at the bottom (y = 1) and taper at the top: r(y) = m + k y. */
static double hit_cone(const struct local *l, double taper, double least)
{
    const double *o = l->from, *d = l->along;
    double k = (1 - taper) / 2, m = (1 + taper) / 2, r = m + k * o[1], best = 0;
    double a = d[0] * d[0] + d[2] * d[2] - k * k * d[1] * d[1];
    double b = o[0] * d[0] + o[2] * d[2] - k * d[1] * r, c = o[0] * o[0] + o[2] * o[2] - r * r;
    best = hit_side(l, a, b, c, true, least);
    for (int end = -1; end <= 1; end += 2) {
        double t = (end - o[1]) / d[1], x = o[0] + t * d[0], z = o[2] + t * d[2], radius = end < 0 ? taper : 1;
        if (t > least && x * x + z * z <= radius * radius && (best == 0 || t < best)) best = t;
    }
    return best;
}

/* The first t > least at which the ray meets the solid, 0: none. */
static double hit(const struct target *target, const double from[3], const double along[3], double least)
{
    struct local ray, *l = &ray;
    const struct sl_solid *s = target->s;
    to_local(target, from, along, l);
    if (s->kind == SL_SOLID_BOX) return hit_box(l, least);
    if (s->kind == SL_SOLID_CONE) return hit_cone(l, s->taper, least);
    return hit_side(l, dot(l->along, l->along), dot(l->from, l->along), dot(l->from, l->from) - 1, false, least);
}

static void ray_of(const struct sl_view *v, double x, double y, double along[3])
{
    along[0] = (x - v->camera.cx) / v->camera.fx;
    along[1] = (y - v->camera.cy) / v->camera.fy;
    along[2] = 1;
}

static const double origin[3] = {0, 0, 0};

double sl_view_cast(const struct sl_view *v, double x, double y, int *object)
{
    double along[3], best = 0;
    struct target target;
    ray_of(v, x, y, along);
    *object = 0;
    for (int i = 0; i < v->n_solids; i++) {
        aim(&v->solids[i], &target);
        double t = hit(&target, origin, along, 0.05);
        if (t <= 0 || (best > 0 && t >= best)) continue;
        best = t;
        *object = v->solids[i].object;
    }
    return best;
}

/* --- light ------------------------------------------------------------------------------------------------------ */

static bool in_shadow(const struct sl_view *v, const struct target *targets, const double at[3])
{
    for (int i = 0; i < v->n_solids; i++) {
        const struct sl_solid *s = &v->solids[i];
        const double to[3] = {s->centre[0] - at[0], s->centre[1] - at[1], s->centre[2] - at[2]};
        double along = dot(to, v->sun), reach = dot(s->half, s->half);
        if (dot(to, to) - along * along > reach || along < -sqrt(reach)) continue; /* its sphere is not met */
        if (hit(&targets[i], at, v->sun, 1e-3) > 0) return true;
    }
    return false;
}

static void normal_of(const struct sl_solid *s, const double p[3], double n[3])
{
    double own[3] = {p[0] / s->half[0], p[1] / s->half[1], p[2] / s->half[2]};
    if (s->kind == SL_SOLID_BOX || (s->kind == SL_SOLID_CONE && fabs(p[1]) > 0.9999)) {
        int k = s->kind == SL_SOLID_CONE                               ? 1
                : fabs(p[0]) >= fabs(p[1]) && fabs(p[0]) >= fabs(p[2]) ? 0
                : fabs(p[1]) >= fabs(p[2])                             ? 1
                                                                       : 2;
        for (int i = 0; i < 3; i++) own[i] = i == k ? copysign(1, p[k]) : 0;
    } else if (s->kind == SL_SOLID_CONE) {
        own[1] = -(1 - s->taper) / 2 * hypot(p[0], p[2]) / s->half[1];
    }
    double length = sqrt(dot(own, own));
    for (int i = 0; i < 3; i++)
        n[i] = (s->turn[i][0] * own[0] + s->turn[i][1] * own[1] + s->turn[i][2] * own[2]) / length;
}

/* Mixes the surface's colours for a cell; fade is 1 near by and 0 where cells are smaller than pixels. */
static void colour_at(const struct sl_surface *s, int cell, double fade, double out[3])
{
    double odd = s->period > 0 ? (cell & 1) * fade + 0.5 * (1 - fade) : 0;
    for (int k = 0; k < 3; k++) out[k] = s->colour[k] + odd * (s->second[k] - s->colour[k]);
}

static void shade_solid(const struct sl_view *v, const struct target *targets, int index, const double along[3],
                        double t, double out[3])
{
    const struct sl_solid *s = targets[index].s;
    struct local l;
    double n[3], own[3], at[3];
    to_local(&targets[index], origin, along, &l);
    for (int k = 0; k < 3; k++) {
        own[k] = l.from[k] + t * l.along[k];
        at[k] = along[k] * t;
    }
    normal_of(s, own, n);
    for (int k = 0; k < 3; k++) at[k] += 2e-3 * n[k];
    int cell = s->surface.period > 0 ? (int)floor((own[1] + 1) * s->half[1] / s->surface.period) : 0;
    colour_at(&s->surface, cell, 1, out);
    double light = dot(n, v->sun), sky = 0.5 + 0.5 * dot(n, v->up);
    if (light < 0 || in_shadow(v, targets, at)) light = 0;
    double look = 0;
    for (int k = 0; k < 3; k++) look += n[k] * (v->sun[k] - along[k] / sqrt(dot(along, along)));
    double gloss = light > 0 ? 0.18 * pow(fmax(0, look / 2), 24) : 0;
    for (int k = 0; k < 3; k++) out[k] = fmin(1, out[k] * (0.28 + 0.22 * sky + 0.55 * light) + gloss);
}

/* Ground and sky along a ray; the ground fades into the horizon. */
static void shade_rest(const struct sl_view *v, const struct target *targets, const double along[3], double y,
                       double out[3])
{
    double down = -dot(along, v->up), t = down > 1e-6 ? v->above / down : 0;
    if (t <= 0 || t > 300) {
        double h = fmin(1, fmax(0, y / (v->height * 0.6)));
        for (int k = 0; k < 3; k++) out[k] = v->sky[0][k] + h * (v->sky[1][k] - v->sky[0][k]);
        return;
    }
    const double at[3] = {along[0] * t, along[1] * t + 1e-3 * v->up[1], along[2] * t + 1e-3 * v->up[2]};
    double period = v->ground.period > 0 ? v->ground.period : 1, fade = fmin(1, fmax(0, 1.6 - t / (period * 22)));
    double forward = at[2] / fmax(0.2, -v->up[1]);
    colour_at(&v->ground, (int)floor(at[0] / period) + (int)floor(forward / period), fade, out);
    double light = in_shadow(v, targets, at) ? 0.45 : 0.45 + 0.5 * fmax(0, dot(v->up, v->sun)), haze = fmin(1, t / 120);
    for (int k = 0; k < 3; k++) out[k] = out[k] * light + haze * (v->sky[1][k] - out[k] * light);
}

/* --- the z-buffer ------------------------------------------------------------------------------------------------- */

struct buffers {
    int w, h;               /* samples */
    float *depth;           /* 0: none */
    uint8_t *solid;         /* index + 1 */
    struct target *targets; /* (n_solids) */
};

/* The rectangle of samples that a solid's box can cover; false when it reaches behind the camera. */
static bool rectangle(const struct sl_view *v, const struct sl_solid *s, int r[4])
{
    double x1 = INFINITY, y1 = INFINITY, x2 = -INFINITY, y2 = -INFINITY;
    for (int i = 0; i < 8; i++) {
        double p[3], pixel[2];
        for (int k = 0; k < 3; k++)
            p[k] = s->centre[k] + (i & 1 ? 1 : -1) * s->half[0] * s->turn[k][0] +
                   (i & 2 ? 1 : -1) * s->half[1] * s->turn[k][1] + (i & 4 ? 1 : -1) * s->half[2] * s->turn[k][2];
        if (!sl_camera_project(&v->camera, p, pixel)) return false;
        x1 = fmin(x1, pixel[0]), x2 = fmax(x2, pixel[0]);
        y1 = fmin(y1, pixel[1]), y2 = fmax(y2, pixel[1]);
    }
    r[0] = (int)fmax(0, floor(x1) * SAMPLES);
    r[1] = (int)fmax(0, floor(y1) * SAMPLES);
    r[2] = (int)fmin(v->width * SAMPLES, (ceil(x2) + 1) * SAMPLES);
    r[3] = (int)fmin(v->height * SAMPLES, (ceil(y2) + 1) * SAMPLES);
    return true;
}

static void enter_solid(const struct sl_view *v, int index, struct buffers *b)
{
    int r[4];
    if (!rectangle(v, &v->solids[index], r)) return;
    for (int y = r[1]; y < r[3]; y++)
        for (int x = r[0]; x < r[2]; x++) {
            double along[3];
            ray_of(v, (x + 0.5) / SAMPLES, (y + 0.5) / SAMPLES, along);
            double t = hit(&b->targets[index], origin, along, 0.05);
            size_t i = (size_t)y * (size_t)b->w + (size_t)x;
            if (t <= 0 || (b->depth[i] > 0 && t >= b->depth[i])) continue;
            b->depth[i] = (float)t;
            b->solid[i] = (uint8_t)(index + 1);
        }
}

/* Shades a pixel: once for all samples when they see the same body, else each. */
static void shade_pixel(const struct sl_view *v, const struct buffers *b, int x, int y, uint8_t rgb[3])
{
    double sum[3] = {0, 0, 0};
    size_t first = (size_t)y * SAMPLES * (size_t)b->w + (size_t)x * SAMPLES;
    bool same = b->solid[first] == b->solid[first + 1] && b->solid[first] == b->solid[first + (size_t)b->w] &&
                b->solid[first] == b->solid[first + (size_t)b->w + 1];
    int n = same ? 1 : SAMPLES * SAMPLES;
    for (int k = 0; k < n; k++) {
        size_t i = first + (size_t)(k / SAMPLES) * (size_t)b->w + (size_t)(k % SAMPLES);
        int row = k / SAMPLES;
        double along[3], c[3], sx = x + (k % SAMPLES + 0.5) / SAMPLES, sy = y + (row + 0.5) / SAMPLES;
        ray_of(v, sx, sy, along);
        if (b->solid[i])
            shade_solid(v, b->targets, b->solid[i] - 1, along, b->depth[i], c);
        else
            shade_rest(v, b->targets, along, sy, c);
        for (int j = 0; j < 3; j++) sum[j] += c[j] / n;
    }
    for (int j = 0; j < 3; j++) rgb[j] = (uint8_t)(255 * fmin(1, fmax(0, sum[j])) + 0.5);
}

/*
 * Fills the map from a ray through each pixel's middle: what is seen, and how many pixels each object would cover
 * without the others. last: zeros, one a pixel.
 */
static void measure(const struct sl_view *v, const struct target *targets, struct sl_depth_map *map, uint8_t *last)
{
    for (int i = 0; i < v->n_solids; i++) {
        const uint8_t object = (uint8_t)v->solids[i].object;
        int r[4];
        if (!rectangle(v, &v->solids[i], r)) continue;
        for (int y = r[1] / SAMPLES; y < r[3] / SAMPLES; y++)
            for (int x = r[0] / SAMPLES; x < r[2] / SAMPLES; x++) {
                double along[3];
                size_t k = (size_t)y * (size_t)v->width + (size_t)x;
                ray_of(v, x + 0.5, y + 0.5, along);
                float t = (float)hit(&targets[i], origin, along, 0.05);
                if (t <= 0) continue;
                if (last[k] != object) map->alone[object]++;
                last[k] = object;
                if (map->depth[k] > 0 && t >= map->depth[k]) continue;
                map->depth[k] = t;
                map->object[k] = object;
            }
    }
    for (size_t k = 0; k < (size_t)v->width * (size_t)v->height; k++)
        if (map->object[k]) map->seen[map->object[k]]++;
}

static sl_status check_size(const struct sl_view *v, sl_error *err)
{
    if (v->width >= 1 && v->height >= 1 && v->width <= MAX_SIDE && v->height <= MAX_SIDE && v->n_solids <= 254)
        return SL_OK;
    return sl_fail(err, SL_ERR_ARGUMENT, "cannot draw a view of %dx%d pixels and %d solids", v->width, v->height,
                   v->n_solids);
}

static struct target *aim_at_all(const struct sl_view *v)
{
    struct target *targets = sl_alloc_array((size_t)v->n_solids + 1, sizeof *targets);
    for (int i = 0; i < v->n_solids && targets; i++) aim(&v->solids[i], &targets[i]);
    return targets;
}

sl_status sl_view_draw(const struct sl_view *v, struct sl_picture *out, sl_error *err)
{
    sl_status status = check_size(v, err);
    if (status) return status;
    struct buffers b = {.w = v->width * SAMPLES, .h = v->height * SAMPLES, .targets = aim_at_all(v)};
    size_t samples = (size_t)b.w * (size_t)b.h;
    b.depth = sl_alloc_array(samples, sizeof *b.depth);
    b.solid = sl_alloc_array(samples, 1);
    status = b.depth && b.solid && b.targets ? sl_picture_new(out, v->width, v->height, SL_PICTURE_MAX_PIXELS, err)
                                             : sl_fail(err, SL_ERR_MEMORY, "no memory to draw a view");
    if (!status) {
        for (int i = 0; i < v->n_solids; i++) enter_solid(v, i, &b);
        for (int y = 0; y < v->height; y++)
            for (int x = 0; x < v->width; x++)
                shade_pixel(v, &b, x, y, out->rgb + 3 * ((size_t)y * (size_t)v->width + (size_t)x));
    }
    free(b.depth);
    free(b.solid);
    free(b.targets);
    return status;
}

sl_status sl_view_measure(const struct sl_view *v, struct sl_depth_map *map, sl_error *err)
{
    *map = (struct sl_depth_map){0};
    sl_status status = check_size(v, err);
    if (status) return status;
    size_t n = (size_t)v->width * (size_t)v->height;
    struct target *targets = aim_at_all(v);
    map->depth = sl_alloc_array(n, sizeof *map->depth);
    map->object = sl_alloc_array(n, 1);
    uint8_t *last = sl_alloc_array(n, 1);
    if (map->depth && map->object && targets && last) {
        measure(v, targets, map, last);
    } else {
        status = sl_fail(err, SL_ERR_MEMORY, "no memory to measure a view");
        sl_depth_map_release(map);
    }
    free(targets);
    free(last);
    return status;
}

void sl_depth_map_release(struct sl_depth_map *map)
{
    free(map->depth);
    free(map->object);
    *map = (struct sl_depth_map){0};
}
