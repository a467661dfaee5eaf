/*
 * grounding_refer.c: expressions that take attributes and relations to understand, and what a box holds.
 *
 * A scene gets several things of one kind and an anchor of another. A form of expression is tried on them; if it does
 * not mean exactly one of them, and that by a clear margin, another scene is composed.
 */
#include "synth/grounding.h"

#include "text/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TRIES = 60, MAX_SAME = 5, MAX_TEXT = 240 };

enum form { SIDE, EXTREME, SIZE, ORDINAL, NEAREST, TEXTURE, N_FORMS };

/* Candidates for an expression: n things of one kind, and the anchor. */
struct setting {
    struct sl_scene_task *t;
    struct sl_targets same; /* from left to right */
    int anchor;
    char kind[SL_MAX_SAID], anchor_name[SL_MAX_SAID];
};

static const struct sl_scene_object *object(const struct setting *g, int i)
{
    return &g->t->scene.objects[g->same.items[i]];
}

/* The place of the smallest of n values when it is smaller by a margin than the second; -1: it is not clear. */
static int clearly_least(const double *values, int n, double margin)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (values[i] < values[best]) best = i;
    for (int i = 0; i < n; i++)
        if (i != best && values[i] < values[best] + margin) return -1;
    return best;
}

/* Exactly one of them on a side of the anchor, the others plainly on the other side. */
static int by_side(const struct setting *g, char text[MAX_TEXT])
{
    static const char *const sides[] = {"to the left of", "to the right of", "above", "below"};
    static const char *const phrases[] = {"%s %s the %s", "%s that is %s the %s", "%s lying %s the %s",
                                          "%s seen %s the %s", NULL};
    const struct sl_scene *s = &g->t->scene;
    const struct sl_scene_object *a = &s->objects[g->anchor];
    int side = sl_synth_int(g->t->r, 0, 3), found = -1;
    for (int i = 0; i < g->same.n; i++) {
        const struct sl_scene_object *o = object(g, i);
        double d = side < 2 ? (a->x - o->x) / s->width : (a->y - o->y) / s->height;
        if (side % 2) d = -d;
        if (fabs(d) < 0.06) return -1;
        if (d < 0) continue;
        if (found >= 0) return -1;
        found = i;
    }
    snprintf(text, MAX_TEXT, sl_synth_phrase(g->t->r, phrases), g->kind, sides[side], g->anchor_name);
    return found;
}

static int by_extreme(const struct setting *g, char text[MAX_TEXT])
{
    static const char *const ways[][2] = {{"leftmost ", ""},
                                          {"rightmost ", ""},
                                          {"topmost ", ""},
                                          {"", " that is lowest"},
                                          {"", " furthest to the left"},
                                          {"", " furthest to the right"},
                                          {"highest ", ""},
                                          {"bottommost ", ""}};
    static const int sides[] = {0, 1, 2, 3, 0, 1, 2, 3};
    const struct sl_scene *s = &g->t->scene;
    double values[MAX_SAME] = {0};
    int way = sl_synth_int(g->t->r, 0, 7), side = sides[way];
    for (int i = 0; i < g->same.n; i++) {
        double v = side < 2 ? object(g, i)->x / s->width : object(g, i)->y / s->height;
        values[i] = side % 2 ? -v : v;
    }
    snprintf(text, MAX_TEXT, "%s%s%s", ways[way][0], g->kind, ways[way][1]);
    return clearly_least(values, g->same.n, 0.04);
}

static int by_size(const struct setting *g, char text[MAX_TEXT])
{
    double values[MAX_SAME] = {0};
    bool largest = sl_synth_chance(g->t->r, 0.5);
    for (int i = 0; i < g->same.n; i++) values[i] = log(object(g, i)->r) * (largest ? -1 : 1);
    snprintf(text, MAX_TEXT, "%s %s", largest ? "largest" : "smallest", g->kind);
    return clearly_least(values, g->same.n, 0.22);
}

static int by_ordinal(const struct setting *g, char text[MAX_TEXT])
{
    static const char *const names[] = {"first", "second", "third", "fourth", "fifth"};
    bool from_right = sl_synth_chance(g->t->r, 0.5);
    int n = g->same.n, k = sl_synth_int(g->t->r, 1, n > 2 ? n - 1 : 1);
    struct sl_targets sorted = g->same;
    const struct sl_scene_object *objects = g->t->scene.objects;
    sl_scene_sort_from_left(&g->t->scene, sorted.items, n);
    for (int i = 0; i + 1 < n; i++)
        if (objects[sorted.items[i + 1]].x - objects[sorted.items[i]].x < 0.04 * g->t->scene.width) return -1;
    snprintf(text, MAX_TEXT, "%s %s from the %s", names[k], g->kind, from_right ? "right" : "left");
    int wanted = sorted.items[from_right ? n - 1 - k : k];
    for (int i = 0; i < n; i++)
        if (g->same.items[i] == wanted) return i;
    return -1;
}

static int by_nearness(const struct setting *g, char text[MAX_TEXT])
{
    static const char *const phrases[] = {"%s nearest to the %s", "%s closest to the %s", "%s that is next to the %s",
                                          "%s at the smallest distance from the %s", NULL};
    const struct sl_scene_object *a = &g->t->scene.objects[g->anchor];
    double values[MAX_SAME] = {0};
    for (int i = 0; i < g->same.n; i++) values[i] = log(hypot(object(g, i)->x - a->x, object(g, i)->y - a->y));
    snprintf(text, MAX_TEXT, sl_synth_phrase(g->t->r, phrases), g->kind, g->anchor_name);
    return clearly_least(values, g->same.n, 0.25);
}

static int by_texture(const struct setting *g, char text[MAX_TEXT])
{
    int k = sl_synth_int(g->t->r, 0, g->same.n - 1);
    sl_texture texture = object(g, k)->texture;
    for (int i = 0; i < g->same.n; i++)
        if (i != k && object(g, i)->texture == texture) return -1;
    snprintf(text, MAX_TEXT, "%s %s", sl_texture_name(texture), g->kind);
    return k;
}

static int express(const struct setting *g, enum form form, char text[MAX_TEXT])
{
    switch (form) {
    case SIDE:
        return by_side(g, text);
    case EXTREME:
        return by_extreme(g, text);
    case SIZE:
        return by_size(g, text);
    case ORDINAL:
        return by_ordinal(g, text);
    case NEAREST:
        return by_nearness(g, text);
    default:
        return by_texture(g, text);
    }
}

/* Keeps others out of the scene: arg is the kinds of the candidates and of the anchor. */
static bool is_taken(const void *arg, const struct sl_scene_object *o)
{
    const int *kinds = arg;
    return o->kind == kinds[0] || o->kind == kinds[1];
}

/* Composes a scene with several things of one kind and an anchor. */
static sl_status compose_setting(struct setting *g, enum form form)
{
    struct sl_scene_task *t = g->t;
    struct sl_scene_options o = sl_grounding_options(t->r);
    struct sl_scene_object wanted[MAX_SAME + 1];
    int kinds[2], n_kinds, n_same = sl_synth_int(t->r, form == ORDINAL ? 3 : 2, t->r->level >= 2 ? MAX_SAME : 3);
    sl_scene_kinds(&n_kinds);
    kinds[0] = sl_synth_int(t->r, 0, n_kinds - 1);
    do kinds[1] = sl_synth_int(t->r, 0, n_kinds - 1);
    while (kinds[1] == kinds[0]);
    for (int i = 0; i <= n_same; i++) {
        wanted[i] = (struct sl_scene_object)SL_SCENE_ANY;
        wanted[i].kind = kinds[i == n_same];
    }
    if (form == TEXTURE) o.textures = true;
    if (form == SIZE) {
        o.sizes = true;
        o.overlap = false;
    }
    if (o.n < n_same + 1) o.n = n_same + 1;
    o.wanted = wanted;
    o.n_wanted = n_same + 1;
    o.refuses = is_taken;
    o.arg = kinds;
    sl_status status = sl_scene_task_compose(t, &o);
    if (status) return status;
    struct sl_targets anchor;
    struct sl_scene_object like = SL_SCENE_ANY;
    like.kind = kinds[1];
    sl_grounding_find(&t->scene, &like, &anchor);
    g->anchor = anchor.items[0];
    like.kind = kinds[0];
    sl_grounding_find(&t->scene, &like, &g->same);
    sl_grounding_name(&like, false, g->kind);
    sl_scene_say(&t->scene.objects[g->anchor], SL_SAY_COLOUR, g->anchor_name);
    return SL_OK;
}

static void think(const struct setting *g, enum form form, int meant)
{
    char name[SL_MAX_SAID];
    struct sl_scene_task *t = g->t;
    for (int i = 0; i < g->same.n; i++) {
        const struct sl_scene_object *o = object(g, i);
        sl_scene_say(o, SL_SAY_COLOUR | SL_SAY_TEXTURE | SL_SAY_ARTICLE, name);
        sl_synth_think(t->out, "%s%s at ", i ? ", " : "Candidates: ", name);
        sl_grounding_think_at(t, o);
    }
    sl_synth_think(t->out, ". ");
    if (form == SIDE || form == NEAREST) {
        sl_synth_think(t->out, "The %s is at ", g->anchor_name);
        sl_grounding_think_at(t, &t->scene.objects[g->anchor]);
        sl_synth_think(t->out, ". ");
    }
    sl_synth_think(t->out, "The one that fits is at ");
    sl_grounding_think_at(t, object(g, meant));
    sl_synth_think(t->out, ".");
}

sl_status sl_grounding_refer(struct sl_scene_task *t)
{
    static const char *const boxes[] = {"Give the bounding box of the %s.", "Find the %s; answer with a <bbox>.",
                                        "Which one is the %s? Box it.", "Put a box around the %s.", NULL};
    static const char *const points[] = {"Point at the %s.", "Find the %s; answer with a <point>.",
                                         "Which one is the %s? Point at it.", "Put a point on the %s.", NULL};
    struct setting g = {.t = t};
    char text[MAX_TEXT], question[MAX_TEXT + 64];
    enum form form = (enum form)sl_synth_int(t->r, 0, N_FORMS - 1);
    bool point = sl_synth_chance(t->r, 0.4);
    int meant = -1;
    for (int i = 0; i < MAX_TRIES && meant < 0; i++) {
        sl_status status = compose_setting(&g, form);
        if (status) return status;
        meant = express(&g, form, text);
        if (i == MAX_TRIES / 2) form = EXTREME; /* one that nearly every scene allows */
    }
    if (meant < 0) return sl_fail(t->err, SL_ERR_ARGUMENT, "no scene for an expression");
    sl_status status = sl_scene_task_show(t);
    if (status) return status;
    struct sl_targets target = {.n = 1, .items = {g.same.items[meant]}};
    snprintf(question, sizeof question, sl_synth_phrase(t->r, point ? points : boxes), text);
    sl_synth_user(t->out, "%s", question);
    think(&g, form, meant);
    status = sl_grounding_answer(t, &target, point);
    sl_grounding_truth(t, &target, point);
    return status;
}

/* --- what a box holds ----------------------------------------------------------------------------------------- */

sl_status sl_grounding_describe(struct sl_scene_task *t)
{
    static const char *const phrases[] = {"What is in %s? Name its colour, pattern (if any) and kind.",
                                          "Describe the object at %s: colour, pattern if any, kind.",
                                          "Name what the box %s holds, with colour and pattern.",
                                          "Which object lies in %s? Give colour, pattern and kind.", NULL};
    struct sl_scene_options o = sl_grounding_options(t->r);
    char name[SL_MAX_SAID], question[MAX_TEXT], other[SL_MAX_SAID];
    sl_status status = sl_scene_task_compose(t, &o);
    if (status) return status;
    int at = 0;
    for (int i = 0; i < MAX_TRIES; i++) {
        at = sl_synth_int(t->r, 0, t->scene.n - 1);
        if (t->scene.objects[at].visible > 0.8) break;
    }
    status = sl_scene_task_show(t);
    if (status) return status;
    const struct sl_targets target = {.n = 1, .items = {at}};
    const struct sl_scene_object *object = &t->scene.objects[at];
    json_t *box = sl_grounding_boxes(&t->scene, &target), *b = json_array_get(box, 0);
    char where[64];
    snprintf(where, sizeof where, "<bbox>%d %d %d %d</bbox>", (int)json_integer_value(json_array_get(b, 0)),
             (int)json_integer_value(json_array_get(b, 1)), (int)json_integer_value(json_array_get(b, 2)),
             (int)json_integer_value(json_array_get(b, 3)));
    json_decref(box);
    snprintf(question, sizeof question, sl_synth_phrase(t->r, phrases), where);
    sl_synth_user(t->out, "%s", question);
    sl_synth_think(t->out, "The middle of the box is near ");
    sl_grounding_think_at(t, object);
    sl_synth_think(t->out, ". ");
    sl_scene_say(object, SL_SAY_COLOUR | SL_SAY_TEXTURE, name);
    sl_synth_think(t->out, "There is %s.",
                   sl_scene_say(object, SL_SAY_COLOUR | SL_SAY_TEXTURE | SL_SAY_ARTICLE, other));
    sl_synth_answer(t->out, "%s", name);
    sl_synth_truth(t->out, "checker", json_string("exact"));
    sl_synth_truth(t->out, "answer", json_pack("[s,s]", name, other));
    return SL_OK;
}
