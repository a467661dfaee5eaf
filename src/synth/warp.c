/*
 * warp.c: homographies over bends that have exact inverses, bilinear painting, and degradations of whole pictures.
 */
#include "synth/warp.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TAPS = 8 };

/* The inverse of a 3 x 3 matrix up to scale (its adjugate); false when it has none. */
static bool invert(const double m[9], double out[9])
{
    for (int i = 0; i < 9; i++) {
        int r = i % 3, c = i / 3; /* of the cofactor, transposed */
        int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
        out[i] = m[r1 * 3 + c1] * m[r2 * 3 + c2] - m[r1 * 3 + c2] * m[r2 * 3 + c1];
    }
    return fabs(m[0] * out[0] + m[1] * out[3] + m[2] * out[6]) > 1e-12;
}

/* The unit square to a quadrilateral (Heckbert 1989, section 2.2.3), with the surface's size in front. */
bool sl_warp_init(struct sl_warp *w, double width, double height, const double q[4][2])
{
    *w = (struct sl_warp){.width = width, .height = height};
    double dx1 = q[1][0] - q[2][0], dx2 = q[3][0] - q[2][0], sx = q[0][0] - q[1][0] + q[2][0] - q[3][0];
    double dy1 = q[1][1] - q[2][1], dy2 = q[3][1] - q[2][1], sy = q[0][1] - q[1][1] + q[2][1] - q[3][1];
    double d = dx1 * dy2 - dx2 * dy1;
    if (fabs(d) < 1e-6) return false;
    double g = (sx * dy2 - dx2 * sy) / d, h = (dx1 * sy - sx * dy1) / d;
    const double m[9] = {q[1][0] - q[0][0] + g * q[1][0],
                         q[3][0] - q[0][0] + h * q[3][0],
                         q[0][0],
                         q[1][1] - q[0][1] + g * q[1][1],
                         q[3][1] - q[0][1] + h * q[3][1],
                         q[0][1],
                         g,
                         h,
                         1};
    for (int i = 0; i < 9; i++) w->to[i] = m[i] / (i % 3 == 0 ? width : i % 3 == 1 ? height : 1);
    return invert(w->to, w->back);
}

static void project(const double m[9], double x, double y, double out[2])
{
    double z = m[6] * x + m[7] * y + m[8];
    out[0] = (m[0] * x + m[1] * y + m[2]) / z;
    out[1] = (m[3] * x + m[4] * y + m[5]) / z;
}

/* How far column x of the surface is moved down. */
static double lift(const struct sl_warp *w, double x)
{
    double y = w->wave != 0 ? w->wave * sin(2 * M_PI * x / w->wave_length + w->phase) : 0;
    if (w->radius > 0) y += w->bow * (cos((x - w->width / 2) / w->radius) - 1);
    return y;
}

void sl_warp_point(const struct sl_warp *w, double x, double y, double out[2])
{
    double bent = x, middle = w->width / 2;
    if (w->radius > 0) bent = middle + w->radius * sin((x - middle) / w->radius);
    project(w->to, bent, y + lift(w, x), out);
}

/* The way back; false where the cylinder does not reach. */
static bool unwarp(const struct sl_warp *w, double px, double py, double out[2])
{
    double flat[2], middle = w->width / 2;
    project(w->back, px, py, flat);
    out[0] = flat[0];
    if (w->radius > 0) {
        double s = (flat[0] - middle) / w->radius;
        if (fabs(s) >= 1) return false;
        out[0] = middle + w->radius * asin(s);
    }
    out[1] = flat[1] - lift(w, out[0]);
    return true;
}

static void sample(const struct sl_picture *p, double x, double y, uint8_t out[3])
{
    x = fmin(fmax(x - 0.5, 0), p->width - 1.001);
    y = fmin(fmax(y - 0.5, 0), p->height - 1.001);
    int ix = (int)x, iy = (int)y, fx = (int)((x - ix) * 256), fy = (int)((y - iy) * 256);
    const uint8_t *a = p->rgb + ((size_t)iy * (size_t)p->width + (size_t)ix) * 3, *b = a + (size_t)p->width * 3;
    for (int k = 0; k < 3; k++) {
        int top = a[k] * (256 - fx) + a[k + 3] * fx, low = b[k] * (256 - fx) + b[k + 3] * fx;
        out[k] = (uint8_t)((top * (256 - fy) + low * fy + (1 << 15)) >> 16);
    }
}

/* The picture's part that the surface can touch: x1 y1 x2 y2, from points along its border. */
static void bounds(const struct sl_warp *w, const struct sl_picture *p, int out[4])
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int i = 0; i <= 64; i++)
        for (int side = 0; side < 2; side++) {
            double q[2];
            sl_warp_point(w, w->width * i / 64, side * w->height, q);
            for (int k = 0; k < 2; k++) {
                low[k] = fmin(low[k], q[k]);
                high[k] = fmax(high[k], q[k]);
            }
        }
    out[0] = (int)fmax(0, low[0] - 3);
    out[1] = (int)fmax(0, low[1] - 3);
    out[2] = (int)fmin(p->width, high[0] + 3);
    out[3] = (int)fmin(p->height, high[1] + 3);
}

void sl_warp_paint(const struct sl_warp *w, const struct sl_picture *surface, struct sl_picture *picture)
{
    int box[4];
    if (surface->width < 2 || surface->height < 2) return;
    bounds(w, picture, box);
    for (int y = box[1]; y < box[3]; y++)
        for (int x = box[0]; x < box[2]; x++) {
            double q[2];
            if (!unwarp(w, x + 0.5, y + 0.5, q) || q[0] < 0 || q[1] < 0 || q[0] >= w->width || q[1] >= w->height)
                continue;
            sample(surface, q[0], q[1], picture->rgb + ((size_t)y * (size_t)picture->width + (size_t)x) * 3);
        }
}

/* --- degradations ----------------------------------------------------------------------------------------------- */

struct sl_degrade sl_degrade_choose(const struct sl_synth_request *r, int level, double size)
{
    struct sl_degrade d = {0};
    if (level == 0 || sl_synth_chance(r, 0.25)) return d;
    if (sl_synth_chance(r, 0.5)) d.blur = fmin(size / 18, sl_synth_real(r, 0.3, level > 1 ? 1.6 : 0.9));
    if (sl_synth_chance(r, 0.5)) d.noise = sl_synth_real(r, 2, level > 1 ? 18 : 8);
    if (sl_synth_chance(r, level > 1 ? 0.35 : 0.15)) {
        d.moire = sl_synth_real(r, 0.04, level > 1 ? 0.2 : 0.1);
        d.moire_period = sl_synth_real(r, 3, 14);
        d.moire_angle = sl_synth_real(r, 0, M_PI);
    }
    if (sl_synth_chance(r, 0.4)) {
        d.light = sl_synth_real(r, 0.1, level > 1 ? 0.5 : 0.25);
        d.light_angle = sl_synth_real(r, 0, 2 * M_PI);
    }
    if (sl_synth_chance(r, 0.3)) d.contrast = sl_synth_real(r, 0.1, level > 1 ? 0.4 : 0.2);
    return d;
}

/*
 * One pass of a Gaussian of n taps to either side: along a row with step 3, along a column with step one row. Rows are
 * read from a copy; beyond the ends the nearest pixel is repeated.
 */
static void blur_pass(struct sl_picture *p, const uint8_t *from, const unsigned *taps, int n, bool columns)
{
    size_t row = (size_t)p->width * 3;
    for (int y = 0; y < p->height; y++)
        for (size_t i = 0; i < row; i++) {
            unsigned sum = 1 << 15;
            for (int k = -n; k <= n; k++) {
                int x = (int)(i / 3) + (columns ? 0 : k), line = y + (columns ? k : 0);
                x = x < 0 ? 0 : x >= p->width ? p->width - 1 : x;
                line = line < 0 ? 0 : line >= p->height ? p->height - 1 : line;
                sum += taps[abs(k)] * from[(size_t)line * row + (size_t)x * 3 + i % 3];
            }
            p->rgb[(size_t)y * row + i] = (uint8_t)(sum >> 16);
        }
}

static void blur(struct sl_picture *p, double sigma, uint8_t *copy)
{
    unsigned taps[MAX_TAPS + 1], rest = 1 << 16;
    int n = (int)fmin(MAX_TAPS, ceil(2.2 * sigma));
    double sum = 1;
    for (int k = 1; k <= n; k++) sum += 2 * exp(-k * k / (2 * sigma * sigma));
    for (int k = n; k > 0; k--) {
        taps[k] = (unsigned)(65536 * exp(-k * k / (2 * sigma * sigma)) / sum);
        rest -= 2 * taps[k];
    }
    taps[0] = rest;
    for (int columns = 0; columns < 2; columns++) {
        memcpy(copy, p->rgb, (size_t)p->width * (size_t)p->height * 3);
        blur_pass(p, copy, taps, n, columns);
    }
}

static uint8_t clip(double x)
{
    return x <= 0 ? 0 : x >= 255 ? 255 : (uint8_t)lrint(x);
}

/* Light, contrast, moire and noise in one pass: value x gain + offset. */
static void shade(const struct sl_synth_request *r, const struct sl_degrade *d, struct sl_picture *p)
{
    double c = cos(d->light_angle), s = sin(d->light_angle), reach = fabs(c) * p->width + fabs(s) * p->height;
    double mx = d->moire > 0 ? 2 * M_PI * cos(d->moire_angle) / d->moire_period : 0;
    double my = d->moire > 0 ? 2 * M_PI * sin(d->moire_angle) / d->moire_period : 0;
    for (int y = 0; y < p->height; y++) {
        uint8_t *q = p->rgb + (size_t)y * (size_t)p->width * 3;
        double a = cos(my * y), b = sin(my * y), ca = cos(mx), sa = sin(mx);
        for (int x = 0; x < p->width; x++, q += 3) {
            double gain = 1 - d->light * (0.5 + ((x - p->width / 2.0) * c + (y - p->height / 2.0) * s) / reach);
            double offset = 0;
            if (d->moire > 0) {
                gain *= 1 - d->moire * (0.5 + 0.5 * b);
                double next = a * ca - b * sa;
                b = a * sa + b * ca;
                a = next;
            }
            if (d->noise > 0) { /* four bytes' sum is nearly normal, its deviation 147.8 */
                uint32_t u = sl_rng_u32(r->rng);
                offset = ((int)(u & 255) + (int)(u >> 8 & 255) + (int)(u >> 16 & 255) + (int)(u >> 24) - 510) *
                         (d->noise / 147.8);
            }
            for (int k = 0; k < 3; k++) {
                double v = q[k] * (1 - d->contrast) + 128 * d->contrast;
                q[k] = clip(v * gain + offset);
            }
        }
    }
}

sl_status sl_degrade_apply(const struct sl_synth_request *r, const struct sl_degrade *d, struct sl_picture *p,
                           sl_error *err)
{
    uint8_t *tmp = d->blur > 0 ? sl_alloc_array((size_t)p->width * (size_t)p->height, 3) : NULL;
    if (d->blur > 0 && !tmp) return sl_fail(err, SL_ERR_MEMORY, "no memory to blur %dx%d pixels", p->width, p->height);
    if (tmp) blur(p, d->blur, tmp);
    free(tmp);
    if (d->noise > 0 || d->moire > 0 || d->light > 0 || d->contrast > 0) shade(r, d, p);
    return SL_OK;
}
