/*
 * scene.c: composing: which objects, where, and what of them is seen.
 *
 * Places are tried at random and kept where they do not collide; a scene in which something is covered too much is
 * thrown away as a whole and composed anew, so that what is left is unbiased. Objects shrink a little after every
 * failure, so that there always is an end.
 */
#include "synth/scene.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SCENES = 60, MAX_PLACES = 40, N_BACKGROUNDS = 8, N_LOOKS = 8, N_LAYOUTS = 4 };

static const double least_visible = 0.45;

const char *sl_texture_name(sl_texture texture)
{
    static const char *const names[] = {"plain", "striped", "dotted", "checkered"};
    return names[texture];
}

const char *sl_object_size_name(sl_object_size size)
{
    static const char *const names[] = {"small", "medium-sized", "large"};
    return names[size];
}

/* --- looks ---------------------------------------------------------------------------------------------------- */

static void choose_ground(const struct sl_synth_request *r, struct sl_scene *s)
{
    bool dark = sl_synth_chance(r, 0.2);
    double base = dark ? sl_synth_real(r, 0.13, 0.25) : sl_synth_real(r, 0.8, 0.97);
    for (int k = 0; k < 3; k++) {
        s->ground[k] = base + sl_synth_real(r, -0.06, dark ? 0.06 : 1 - base);
        s->ground2[k] = s->ground[k] + (dark ? 0.1 : -0.1) + sl_synth_real(r, -0.03, 0.03);
    }
    s->background = sl_synth_choose(r, N_BACKGROUNDS);
    s->style = sl_synth_choose(r, N_LOOKS);
    s->grain = sl_rng_u32(r->rng);
}

static double distance_of(const double a[3], const struct sl_colour *c)
{
    double r = a[0] - c->r, g = a[1] - c->g, b = a[2] - c->b;
    return sqrt(2 * r * r + 4 * g * g + 3 * b * b) / 3; /* the eye sees green best */
}

/* True when the colour stands out from the ground. */
static bool is_seen_on(const struct sl_scene *s, int colour)
{
    int n, n_basic;
    const struct sl_colour *c = &sl_colours(&n, &n_basic)[colour];
    return distance_of(s->ground, c) > 0.17 && distance_of(s->ground2, c) > 0.17;
}

bool sl_scene_allows(const struct sl_synth_request *r, int kind, int colour)
{
    return r->split == SL_SYNTH_HELD_OUT || (kind * 5 + colour * 3) % 8 != 3;
}

/* --- objects -------------------------------------------------------------------------------------------------- */

/* Fills in what is < 0. Returns false when no colour does. */
static bool choose_object(const struct sl_synth_request *r, const struct sl_scene_options *o, const struct sl_scene *s,
                          bool wanted, struct sl_scene_object *x)
{
    int n_kinds, n_colours, n_basic;
    const struct sl_scene_object like = *x;
    sl_scene_kinds(&n_kinds);
    sl_colours(&n_colours, &n_basic);
    for (int turn = 0; turn < 200; turn++) {
        *x = like;
        if (x->kind < 0) x->kind = sl_synth_int(r, 0, n_kinds - 1);
        if (x->colour < 0) x->colour = sl_synth_int(r, 0, (o->similar ? n_colours : n_basic) - 1);
        if ((int)x->texture < 0)
            x->texture = o->textures ? (sl_texture)sl_synth_int(r, 0, SL_N_TEXTURES - 1) : SL_TEXTURE_PLAIN;
        if ((int)x->size < 0)
            x->size = o->sizes ? (sl_object_size)sl_synth_int(r, 0, SL_N_OBJECT_SIZES - 1) : SL_SIZE_MEDIUM;
        if (!is_seen_on(s, x->colour)) continue;
        if (sl_scene_allows(r, x->kind, x->colour) && (wanted || !o->refuses || !o->refuses(o->arg, x))) return true;
    }
    return false;
}

/* Half sides of objects of a size: of three sizes that are told apart, or of one that varies. */
static double choose_radius(const struct sl_synth_request *r, const struct sl_scene_options *o, double scale,
                            sl_object_size size)
{
    static const double factors[] = {0.5, 0.85, 1.35};
    double least = o->least, most = o->most;
    if (most <= 0) {
        most = fmin(0.14, 0.36 / sqrt(o->n + 1));
        least = 0.7 * most;
    }
    double side = o->sizes ? most * factors[size] * sl_synth_real(r, 0.94, 1.06) : sl_synth_real(r, least, most);
    return side * scale;
}

/* --- places --------------------------------------------------------------------------------------------------- */

/* A place by the scene's layout: anywhere, in heaps, along a winding line, or near a grid. */
static void choose_place(const struct sl_synth_request *r, int layout, const struct sl_scene *s, double heaps[4][2],
                         int i, int n, double at[2])
{
    if (layout == 1 && sl_synth_chance(r, 0.8)) {
        const double *heap = heaps[sl_synth_int(r, 0, 3)];
        at[0] = heap[0] + 0.16 * (double)sl_rng_normal(r->rng);
        at[1] = heap[1] + 0.16 * (double)sl_rng_normal(r->rng);
    } else if (layout == 2 && sl_synth_chance(r, 0.8)) {
        double t = sl_synth_real(r, 0, 1);
        at[0] = t + sl_synth_real(r, -0.1, 0.1);
        at[1] = 0.5 + 0.38 * sin(2 * M_PI * (1.5 * t + heaps[0][0])) + sl_synth_real(r, -0.1, 0.1);
    } else if (layout == 3) {
        int columns = (int)ceil(sqrt(1.4 * n)), row = i / columns;
        at[0] = (i % columns + 0.5 + sl_synth_real(r, -0.45, 0.45)) / columns;
        at[1] = (row + 0.5 + sl_synth_real(r, -0.45, 0.45)) / ceil(n / (double)columns);
    } else {
        at[0] = sl_synth_real(r, 0, 1);
        at[1] = sl_synth_real(r, 0, 1);
    }
    at[0] *= s->width;
    at[1] *= s->height;
}

/* True when an object at (x, y) stays inside and apart from the first n; reach is how near they may come. */
static bool fits(const struct sl_scene *s, int n, const struct sl_scene_object *o, double reach)
{
    double edge = 1.12 * o->r + 1;
    if (o->x < edge || o->y < edge || o->x > s->width - edge || o->y > s->height - edge) return false;
    for (int i = 0; i < n; i++) {
        const struct sl_scene_object *p = &s->objects[i];
        double dx = o->x - p->x, dy = o->y - p->y, d = reach * (o->r + p->r);
        if (dx * dx + dy * dy < d * d) return false;
    }
    return true;
}

/* Places objects one after the other; what finds no place is left out, unless it is wanted. */
static bool place_all(const struct sl_synth_request *r, const struct sl_scene_options *o, struct sl_scene *s,
                      double shrink)
{
    int layout = sl_synth_choose(r, N_LAYOUTS);
    double heaps[4][2], mean = 0.5 * (s->width + s->height), reach = o->overlap ? 0.72 : 1.15;
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++) heaps[i][k] = sl_synth_real(r, 0.2, 0.8);
    s->n = 0;
    for (int i = 0; i < o->n && s->n < SL_SCENE_MAX_OBJECTS; i++) {
        bool wanted = i < o->n_wanted, placed = false;
        struct sl_scene_object x = {.kind = -1, .colour = -1, .texture = (sl_texture)-1, .size = (sl_object_size)-1};
        if (wanted) x = o->wanted[i];
        if (!choose_object(r, o, s, wanted, &x)) {
            if (wanted) return false;
            continue;
        }
        x.r = choose_radius(r, o, mean * shrink, x.size);
        x.angle = o->tilt > 0 ? sl_synth_real(r, -o->tilt, o->tilt) : 0;
        for (int k = 0; k < MAX_PLACES && !placed; k++) {
            double at[2];
            choose_place(r, k < MAX_PLACES / 2 ? layout : 0, s, heaps, i, o->n, at);
            x.x = at[0];
            x.y = at[1];
            placed = fits(s, s->n, &x, reach);
        }
        if (placed)
            s->objects[s->n++] = x;
        else if (wanted)
            return false;
    }
    return true;
}

/* --- what is seen --------------------------------------------------------------------------------------------- */

/* The wanted objects came first; in front lies whoever the dice say. */
static void shuffle_depth(const struct sl_synth_request *r, struct sl_scene *s)
{
    for (int i = s->n - 1; i > 0; i--) {
        int k = sl_synth_int(r, 0, i);
        struct sl_scene_object t = s->objects[i];
        s->objects[i] = s->objects[k];
        s->objects[k] = t;
    }
}

static void look_at(const uint8_t *numbers, struct sl_scene *s, int counts[SL_SCENE_MAX_OBJECTS])
{
    for (int i = 0; i < s->n; i++) {
        int *b = s->objects[i].box;
        b[0] = s->width, b[1] = s->height, b[2] = b[3] = 0;
        counts[i] = 0;
    }
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            int i = numbers[(size_t)y * (size_t)s->width + (size_t)x] - 1;
            if (i < 0) continue;
            int *b = s->objects[i].box;
            if (x < b[0]) b[0] = x;
            if (y < b[1]) b[1] = y;
            if (x >= b[2]) b[2] = x + 1;
            if (y >= b[3]) b[3] = y + 1;
            counts[i]++;
        }
}

/* Finds the boxes of what is seen; *clear says whether enough is seen of every object. */
static sl_status locate(struct sl_scene_brush *b, struct sl_scene *s, bool *clear, sl_error *err)
{
    uint8_t *numbers = malloc((size_t)s->width * (size_t)s->height);
    int counts[SL_SCENE_MAX_OBJECTS];
    if (!numbers) return sl_fail(err, SL_ERR_MEMORY, "no memory for a scene");
    sl_status status = sl_scene_numbers(b, s, numbers, err);
    *clear = true;
    if (!status) look_at(numbers, s, counts);
    for (int i = 0; i < s->n && !status; i++) {
        struct sl_scene_object *o = &s->objects[i];
        double side = 2 * o->r + sl_scene_outline(s, o->r);
        o->visible = fmin(1, counts[i] / (sl_scene_area(b, o->kind) * side * side));
        if (o->visible < least_visible) *clear = false;
    }
    free(numbers);
    return status;
}

sl_status sl_scene_compose(struct sl_scene_brush *b, const struct sl_synth_request *r, int width, int height,
                           const struct sl_scene_options *o, struct sl_scene *out, sl_error *err)
{
    double shrink = 1;
    for (int turn = 0; turn < MAX_SCENES; turn++, shrink *= 0.96) {
        bool clear = false;
        out->width = width;
        out->height = height;
        choose_ground(r, out);
        if (!place_all(r, o, out, shrink)) continue;
        shuffle_depth(r, out);
        sl_status status = locate(b, out, &clear, err);
        if (status) return status;
        if (clear) return SL_OK;
    }
    return sl_fail(err, SL_ERR_ARGUMENT, "no scene of %d objects fits %dx%d pixels", o->n, width, height);
}
