/*
 * scene_kinds.c: the catalogue of objects, as outlines in a small path language, and the brush that keeps them parsed.
 *
 * A path is letters, each with its numbers: P x y x y ... a polygon; M x y moves, L x y draws a line, C x1 y1 x2 y2 x y
 * a curve, Z closes; O x y r is a disc and o x y r a hole; N n a regular polygon, S n q a star whose inner radius is q.
 */
#include "synth/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct sl_scene_kind kinds[] = {
    {"circle", "circles", "O 0 0 .95", NULL},
    {"square", "squares", "P -.8 -.8 .8 -.8 .8 .8 -.8 .8", NULL},
    {"triangle", "triangles", "P 0 -.95 .95 .75 -.95 .75", NULL},
    {"star", "stars", "S 5 .42", NULL},
    {"heart", "hearts",
     "M 0 .9 C -1.3 0 -.95 -.95 -.45 -.85 C -.1 -.8 0 -.45 0 -.4 C 0 -.45 .1 -.8 .45 -.85 C .95 -.95 1.3 0 0 .9 Z",
     NULL},
    {"hexagon", "hexagons", "N 6", NULL},
    {"diamond", "diamonds", "P 0 -1 .62 0 0 1 -.62 0", NULL},
    {"cross", "crosses",
     "P -.3 -.95 .3 -.95 .3 -.3 .95 -.3 .95 .3 .3 .3 .3 .95 -.3 .95 -.3 .3 -.95 .3 -.95 -.3 -.3 -.3", NULL},
    {"ring", "rings", "O 0 0 .95 o 0 0 .52", NULL},
    {"crescent", "crescents", "M .55 -.95 C -.75 -1 -1.15 .9 .55 .95 C -.1 .5 -.1 -.5 .55 -.95 Z", NULL},
    {"arrow", "arrows", "P -1 -.3 .1 -.3 .1 -.8 1 0 .1 .8 .1 .3 -1 .3", NULL},
    {"lightning bolt", "lightning bolts", "P .2 -1 -.6 .15 -.05 .15 -.25 1 .65 -.25 .1 -.25", NULL},
    {"drop", "drops", "M 0 -1 C .3 -.4 .7 0 .7 .35 C .7 .75 .4 1 0 1 C -.4 1 -.7 .75 -.7 .35 C -.7 0 -.3 -.4 0 -1 Z",
     NULL},
    {"house", "houses", "P -.75 .9 -.75 -.05 -1 -.05 0 -.95 1 -.05 .75 -.05 .75 .9", "P -.22 .9 -.22 .3 .22 .3 .22 .9"},
    {"tree", "trees", "P 0 -1 .55 -.35 .3 -.35 .78 .35 .18 .35 .18 1 -.18 1 -.18 .35 -.78 .35 -.3 -.35 -.55 -.35",
     "P -.18 .35 .18 .35 .18 1 -.18 1"},
    {"car", "cars", "P -1 .4 -1 -.05 -.6 -.12 -.35 -.55 .35 -.55 .62 -.12 1 0 1 .4 O -.55 .42 .25 O .55 .42 .25",
     "O -.55 .42 .24 O .55 .42 .24 P -.28 -.42 -.02 -.42 -.02 -.12 -.45 -.12 P .08 -.42 .28 -.42 .46 -.12 .08 -.12"},
    {"fish", "fish", "M -.95 0 C -.4 -.75 .3 -.65 .55 -.12 L 1 -.5 L 1 .5 L .55 .12 C .3 .65 -.4 .75 -.95 0 Z",
     "O -.55 -.12 .1"},
    {"flower", "flowers", "O 0 -.55 .42 O .52 -.17 .42 O .32 .45 .42 O -.32 .45 .42 O -.52 -.17 .42 O 0 0 .35",
     "O 0 0 .28"},
    {"mug", "mugs", "P -.8 -.75 .45 -.75 .45 .8 -.8 .8 O .5 0 .45 o .5 0 .24", "P -.7 -.72 .35 -.72 .35 -.55 -.7 -.55"},
    {"key", "keys",
     "O -.55 0 .42 o -.55 0 .2 P -.18 -.13 .95 -.13 .95 .42 .72 .42 .72 .13 .52 .13 .52 .36 .3 .36 .3 .13 -.18 .13",
     NULL},
    {"envelope", "envelopes", "P -.95 -.62 .95 -.62 .95 .62 -.95 .62",
     "P -.95 -.62 0 .2 .95 -.62 .75 -.62 0 .03 -.75 -.62"},
    {"umbrella", "umbrellas",
     "M -1 .1 C -1 -1.25 1 -1.25 1 .1 C .7 -.1 .45 -.1 .33 .1 C .15 -.1 -.15 -.1 -.33 .1 C -.45 -.1 -.7 -.1 -1 .1 Z "
     "P -.06 0 .06 0 .06 .95 -.06 .95",
     "P -.06 .05 .06 .05 .06 .95 -.06 .95"},
    {"boat", "boats", "P -1 .25 1 .25 .65 .85 -.65 .85 P -.05 .27 -.05 -1 .78 .12 .05 .12 .05 .27",
     "P -1 .25 1 .25 .9 .42 -.9 .42"},
    {"balloon", "balloons", "O 0 -.28 .7 P -.1 .38 .1 .38 .18 .58 -.18 .58 P -.04 .56 .04 .56 .04 1 -.04 1",
     "P -.04 .56 .04 .56 .04 1 -.04 1"},
    {"mushroom", "mushrooms", "M -1 .05 C -1 -1.2 1 -1.2 1 .05 Z P -.32 0 .32 0 .4 .9 -.4 .9",
     "O -.4 -.4 .15 O .3 -.48 .18 O .62 -.14 .1"},
    {"apple", "apples",
     "M 0 -.45 C .5 -.85 1.1 -.4 .85 .25 C .7 .8 .3 1 0 .85 C -.3 1 -.7 .8 -.85 .25 C -1.1 -.4 -.5 -.85 0 -.45 Z "
     "P -.06 -.4 .06 -.4 .18 -.95 .06 -.95",
     "P -.06 -.4 .06 -.4 .18 -.95 .06 -.95"},
    {"leaf", "leaves", "M -.85 .85 C -1 -.5 -.1 -1 .9 -.9 C 1 .2 .45 1 -.85 .85 Z",
     "P -.85 .85 .55 -.6 .6 -.54 -.78 .87"},
    {"cloud", "clouds", "O -.5 .12 .44 O .02 -.18 .52 O .52 .15 .42 P -.5 .1 .52 .1 .52 .57 -.5 .56", NULL},
    {"butterfly", "butterflies",
     "O -.5 -.38 .47 O .5 -.38 .47 O -.42 .45 .37 O .42 .45 .37 P -.1 -.7 .1 -.7 .1 .85 -.1 .85",
     "P -.1 -.7 .1 -.7 .1 .85 -.1 .85"},
    {"bottle", "bottles", "P -.18 -1 .18 -1 .18 -.5 .42 -.15 .42 1 -.42 1 -.42 -.15 -.18 -.5",
     "P -.42 .15 .42 .15 .42 .62 -.42 .62"},
    {"hourglass", "hourglasses", "P -.62 -.9 .62 -.9 .1 0 .62 .9 -.62 .9 -.1 0",
     "P -.62 -.9 .62 -.9 .56 -.78 -.56 -.78 P -.62 .9 .62 .9 .56 .78 -.56 .78"},
    {"flag", "flags", "P -.72 -1 -.54 -1 -.54 -.92 .9 -.5 -.54 -.05 -.54 1 -.72 1", "P -.72 -1 -.54 -1 -.54 1 -.72 1"},
    {"crown", "crowns", "P -.85 .7 -.95 -.5 -.45 .05 0 -.8 .45 .05 .95 -.5 .85 .7",
     "P -.87 .45 .87 .45 .85 .7 -.85 .7"},
};

enum { N_KINDS = sizeof kinds / sizeof *kinds, TILE = 32, AREA_SIDE = 64 };

struct sl_scene_brush {
    cairo_path_t *outlines[N_KINDS], *details[N_KINDS]; /* owned; details may be NULL */
    cairo_pattern_t *marks[SL_N_TEXTURES][2];           /* owned; dark and light; NULL for plain */
    double areas[N_KINDS];                              /* of the square from -1 to 1 */
};

const struct sl_scene_kind *sl_scene_kinds(int *n)
{
    *n = N_KINDS;
    return kinds;
}

/* --- the path language ---------------------------------------------------------------------------------------- */

/* Reads up to most numbers at *at; returns how many. */
static int numbers(const char **at, double *out, int most)
{
    int n = 0;
    for (; n < most; n++) {
        char *end;
        out[n] = strtod(*at, &end);
        if (end == *at) break;
        *at = end;
    }
    return n;
}

static void polygon(cairo_t *cr, const double *xy, int n)
{
    for (int i = 0; i + 1 < n; i += 2) cairo_line_to(cr, xy[i], xy[i + 1]);
    cairo_close_path(cr);
}

/* n corners at radius .97, with q < 1 a point between each two at radius q times it; one stands on top. */
static void regular(cairo_t *cr, int n, double q)
{
    int steps = q < 1 ? 2 * n : n;
    for (int i = 0; i < steps; i++) {
        double r = 0.97 * (q < 1 && i % 2 ? q : 1), a = 2 * M_PI * i / steps - M_PI / 2;
        cairo_line_to(cr, r * cos(a), r * sin(a));
    }
    cairo_close_path(cr);
}

static void disc(cairo_t *cr, const double v[3], bool hole)
{
    cairo_new_sub_path(cr);
    if (hole)
        cairo_arc_negative(cr, v[0], v[1], v[2], 2 * M_PI, 0);
    else
        cairo_arc(cr, v[0], v[1], v[2], 0, 2 * M_PI);
    cairo_close_path(cr);
}

/* Polygons of the table turn either way; all must turn as arcs do, or overlaps become holes. */
static bool turns_back(const double *xy, int n)
{
    double area = 0;
    for (int i = 0; i + 1 < n; i += 2) {
        int k = (i + 2) % (n - n % 2);
        area += xy[i] * xy[k + 1] - xy[k] * xy[i + 1];
    }
    return area < 0;
}

static void add_polygon(cairo_t *cr, double *xy, int n)
{
    if (turns_back(xy, n))
        for (int i = 0, k = n - 2; i < k; i += 2, k -= 2) {
            double x = xy[i], y = xy[i + 1];
            xy[i] = xy[k], xy[i + 1] = xy[k + 1];
            xy[k] = x, xy[k + 1] = y;
        }
    cairo_new_sub_path(cr);
    polygon(cr, xy, n);
}

static void add_path(cairo_t *cr, const char *text)
{
    double v[64] = {0};
    for (const char *at = text; *at;) {
        char letter = *at++;
        int n = numbers(&at, v, 64);
        switch (letter) {
        case 'P':
            add_polygon(cr, v, n);
            break;
        case 'M':
            cairo_move_to(cr, v[0], v[1]);
            break;
        case 'L':
            cairo_line_to(cr, v[0], v[1]);
            break;
        case 'C':
            cairo_curve_to(cr, v[0], v[1], v[2], v[3], v[4], v[5]);
            break;
        case 'Z':
            cairo_close_path(cr);
            break;
        case 'O':
            disc(cr, v, false);
            break;
        case 'o':
            disc(cr, v, true);
            break;
        case 'N':
            regular(cr, (int)v[0], 1);
            break;
        case 'S':
            regular(cr, (int)v[0], v[1]);
            break;
        default:
            break; /* white space */
        }
    }
}

/* The share of a canvas of AREA_SIDE x AREA_SIDE pixels that a path from -1 to 1 fills on it. */
static double measure(const cairo_path_t *path)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, AREA_SIDE, AREA_SIDE);
    cairo_t *cr = cairo_create(surface);
    cairo_translate(cr, AREA_SIDE / 2.0, AREA_SIDE / 2.0);
    cairo_scale(cr, AREA_SIDE / 2.0, AREA_SIDE / 2.0);
    cairo_append_path(cr, path);
    cairo_fill(cr);
    cairo_surface_flush(surface);
    const unsigned char *at = cairo_image_surface_get_data(surface);
    double sum = 0;
    for (int y = 0; at && y < AREA_SIDE; y++)
        for (int x = 0; x < AREA_SIDE; x++) sum += at[y * cairo_image_surface_get_stride(surface) + x];
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return sum / (255.0 * AREA_SIDE * AREA_SIDE);
}

double sl_scene_area(const struct sl_scene_brush *b, int kind)
{
    return b->areas[kind];
}

static cairo_path_t *parse(cairo_t *cr, const char *text)
{
    cairo_new_path(cr);
    add_path(cr, text);
    return cairo_copy_path(cr);
}

/* --- the brush ------------------------------------------------------------------------------------------------ */

/* A tile of TILE x TILE pixels that repeats: half of it in black or white, half open. */
static cairo_pattern_t *make_marks(sl_texture texture, bool light)
{
    cairo_surface_t *tile = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, TILE, TILE);
    cairo_t *cr = cairo_create(tile);
    double h = TILE / 2.0;
    cairo_set_source_rgba(cr, light, light, light, light ? 0.62 : 0.45);
    if (texture == SL_TEXTURE_STRIPED) cairo_rectangle(cr, 0, 0, TILE, h);
    if (texture == SL_TEXTURE_DOTTED) cairo_arc(cr, h, h, 0.31 * TILE, 0, 2 * M_PI);
    if (texture == SL_TEXTURE_CHECKERED) {
        cairo_rectangle(cr, 0, 0, h, h);
        cairo_rectangle(cr, h, h, h, h);
    }
    cairo_fill(cr);
    cairo_destroy(cr);
    cairo_pattern_t *p = cairo_pattern_create_for_surface(tile);
    cairo_surface_destroy(tile);
    cairo_pattern_set_extend(p, CAIRO_EXTEND_REPEAT);
    cairo_pattern_set_filter(p, CAIRO_FILTER_BILINEAR);
    return p;
}

sl_status sl_scene_brush_open(void **out, sl_error *err)
{
    struct sl_scene_brush *b = calloc(1, sizeof *b);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cr = cairo_create(surface);
    bool ok = b != NULL;
    for (int i = 0; i < N_KINDS && ok; i++) {
        b->outlines[i] = parse(cr, kinds[i].outline);
        if (kinds[i].details) b->details[i] = parse(cr, kinds[i].details);
        ok = b->outlines[i]->status == CAIRO_STATUS_SUCCESS &&
             (!b->details[i] || b->details[i]->status == CAIRO_STATUS_SUCCESS);
        if (ok) b->areas[i] = measure(b->outlines[i]);
        ok = ok && b->areas[i] > 0;
    }
    for (int t = 1; t < SL_N_TEXTURES && ok; t++)
        for (int light = 0; light < 2; light++) {
            b->marks[t][light] = make_marks((sl_texture)t, light != 0);
            ok = ok && cairo_pattern_status(b->marks[t][light]) == CAIRO_STATUS_SUCCESS;
        }
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    *out = b;
    if (ok) return SL_OK;
    sl_scene_brush_close(b);
    *out = NULL;
    return sl_fail(err, SL_ERR_MEMORY, "no memory to draw scenes");
}

void sl_scene_brush_close(void *brush)
{
    struct sl_scene_brush *b = brush;
    if (!b) return;
    for (int i = 0; i < N_KINDS; i++) {
        if (b->outlines[i]) cairo_path_destroy(b->outlines[i]);
        if (b->details[i]) cairo_path_destroy(b->details[i]);
    }
    for (int t = 1; t < SL_N_TEXTURES; t++)
        for (int light = 0; light < 2; light++)
            if (b->marks[t][light]) cairo_pattern_destroy(b->marks[t][light]);
    free(b);
}

void sl_scene_path(const struct sl_scene_brush *b, cairo_t *cr, const struct sl_scene_object *o, bool details)
{
    const cairo_path_t *path = details ? b->details[o->kind] : b->outlines[o->kind];
    cairo_new_path(cr);
    if (!path) return;
    cairo_save(cr);
    cairo_translate(cr, o->x, o->y);
    cairo_rotate(cr, o->angle);
    cairo_scale(cr, o->r, o->r);
    cairo_append_path(cr, path);
    cairo_restore(cr);
}

cairo_pattern_t *sl_scene_marks(const struct sl_scene_brush *b, sl_texture texture, bool light)
{
    return b->marks[texture][light];
}
