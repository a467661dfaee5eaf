/*
 * grounding.c: the family "grounding": boxes and points for one thing, many and none, what a box holds, and counting.
 */
#include "synth/grounding.h"

#include "synth/families.h"
#include "text/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum task { BOX, POINT, BOXES, POINTS, REFER, DESCRIBE, COUNT, COUNT_POINTS, N_TASKS };

static const char *const tasks[N_TASKS] = {"box",   "point",    "boxes", "points",
                                           "refer", "describe", "count", "count-by-pointing"};

/* How often what is asked for is not there. */
static const double none_share = 0.125;

/* Objects a pixel of a picture whose size is asked for: so many that the smallest still have a dozen pixels a side. */
static const double crowd = 0.0036;

struct sl_scene_options sl_grounding_options(const struct sl_synth_request *r)
{
    static const int least[] = {3, 6, 14, 40}, most[] = {6, 14, 40, 200};
    int n = sl_synth_int(r, least[r->level], most[r->level]), room = (int)(crowd * r->width * r->height);
    if (room && n > room) n = room > least[r->level] ? room : least[r->level];
    return (struct sl_scene_options){.n = n,
                                     .textures = r->level >= 1,
                                     .similar = r->level >= 2,
                                     .overlap = r->level >= 2 && sl_synth_chance(r, 0.6),
                                     .tilt = r->level >= 1 ? 0.22 : 0};
}

/* --- descriptions --------------------------------------------------------------------------------------------- */

/* Draws a description: a kind, a colour or both, allowed in the split. */
static struct sl_scene_object draw_description(const struct sl_synth_request *r, bool both, bool similar)
{
    struct sl_scene_object like = SL_SCENE_ANY;
    int n_kinds, n_colours, n_basic, form = both ? 2 : sl_synth_int(r, 0, 2);
    sl_scene_kinds(&n_kinds);
    sl_colours(&n_colours, &n_basic);
    do {
        like.kind = sl_synth_int(r, 0, n_kinds - 1);
        like.colour = sl_synth_int(r, 0, (similar ? n_colours : n_basic) - 1);
    } while (!sl_scene_allows(r, like.kind, like.colour));
    if (form == 0) like.colour = -1;
    if (form == 1) like.kind = -1;
    return like;
}

/* True when a thing of colour `other` might be called by the name of colour `asked`. */
static bool is_shade_of(int asked, int other)
{
    static const char *const pairs[][2] = {{"blue", "navy"},      {"green", "olive"},    {"green", "teal"},
                                           {"cyan", "teal"},      {"purple", "magenta"}, {"purple", "lavender"},
                                           {"pink", "magenta"},   {"pink", "lavender"},  {"white", "beige"},
                                           {"brown", "dark red"}, {"cyan", "light blue"}};
    int n, n_basic;
    const struct sl_colour *c = sl_colours(&n, &n_basic);
    const char *a = c[asked].name, *b = c[other].name;
    size_t na = strlen(a), nb = strlen(b);
    if (nb > na && strcmp(b + nb - na, a) == 0) return true;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strcmp(pairs[i][0], a) == 0 && strcmp(pairs[i][1], b) == 0) return true;
    return false;
}

/* True when o is as *arg (a description), or of a colour that some call the same. */
static bool confuses(const void *arg, const struct sl_scene_object *o)
{
    const struct sl_scene_object *like = arg;
    if (like->kind >= 0 && o->kind != like->kind) return false;
    return like->colour < 0 || o->colour == like->colour || is_shade_of(like->colour, o->colour);
}

const char *sl_grounding_name(const struct sl_scene_object *like, bool plural, char out[SL_MAX_SAID])
{
    int n, n_basic;
    const char *colour = like->colour >= 0 ? sl_colours(&n, &n_basic)[like->colour].name : "";
    const char *kind = like->kind < 0 ? plural ? "objects" : "object"
                       : plural       ? sl_scene_kinds(&n)[like->kind].plural
                                      : sl_scene_kinds(&n)[like->kind].name;
    snprintf(out, SL_MAX_SAID, "%s%s%s", colour, *colour ? " " : "", kind);
    return out;
}

/* --- answers -------------------------------------------------------------------------------------------------- */

void sl_grounding_find(const struct sl_scene *s, const struct sl_scene_object *like, struct sl_targets *out)
{
    out->n = 0;
    for (int i = 0; i < s->n && out->n < SL_GROUNDING_MAX_TARGETS; i++) {
        if (!sl_scene_is_like(&s->objects[i], like)) continue;
        int k = out->n++;
        for (; k > 0 && s->objects[out->items[k - 1]].box[0] > s->objects[i].box[0]; k--)
            out->items[k] = out->items[k - 1];
        out->items[k] = i;
    }
}

static struct sl_answer_box coordinates_of(const struct sl_scene *s, const struct sl_scene_object *o)
{
    return (struct sl_answer_box){.x1 = sl_coordinate_from_pixel(o->box[0], s->width),
                                  .y1 = sl_coordinate_from_pixel(o->box[1], s->height),
                                  .x2 = sl_coordinate_from_pixel(o->box[2], s->width),
                                  .y2 = sl_coordinate_from_pixel(o->box[3], s->height)};
}

json_t *sl_grounding_boxes(const struct sl_scene *s, const struct sl_targets *targets)
{
    json_t *boxes = json_array();
    for (int i = 0; boxes && i < targets->n; i++) {
        struct sl_answer_box b = coordinates_of(s, &s->objects[targets->items[i]]);
        json_array_append_new(boxes, json_pack("[i,i,i,i]", (int)b.x1, (int)b.y1, (int)b.x2, (int)b.y2));
    }
    return boxes;
}

/* The pixel that is seen of object i nearest to the middle of its box. */
static void point_on(const struct sl_scene *s, const uint8_t *numbers, int i, double at[2])
{
    const int *b = s->objects[i].box;
    double cx = 0.5 * (b[0] + b[2]), cy = 0.5 * (b[1] + b[3]), best = INFINITY;
    for (int y = b[1]; y < b[3]; y++)
        for (int x = b[0]; x < b[2]; x++) {
            double dx = x + 0.5 - cx, dy = y + 0.5 - cy, d = dx * dx + dy * dy;
            if (d >= best || numbers[(size_t)y * (size_t)s->width + (size_t)x] != i + 1) continue;
            best = d;
            at[0] = x + 0.5;
            at[1] = y + 0.5;
        }
}

static sl_status answer_points(struct sl_scene_task *t, const struct sl_targets *targets, struct sl_buf *text)
{
    const struct sl_scene *s = &t->scene;
    uint8_t *numbers = malloc((size_t)s->width * (size_t)s->height);
    if (!numbers) return sl_fail(t->err, SL_ERR_MEMORY, "no memory for a scene");
    sl_status status = sl_scene_numbers(t->brush, s, numbers, t->err);
    for (int i = 0; i < targets->n && !status; i++) {
        double at[2] = {0, 0};
        point_on(s, numbers, targets->items[i], at);
        const struct sl_answer_point p = {.x = sl_coordinate_from_pixel(at[0], s->width),
                                          .y = sl_coordinate_from_pixel(at[1], s->height)};
        if (i) sl_buf_addch(text, ' ');
        status = sl_answer_print_point(&p, text, t->err);
    }
    free(numbers);
    return status;
}

sl_status sl_grounding_answer(struct sl_scene_task *t, const struct sl_targets *targets, bool point)
{
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    sl_status status = point ? answer_points(t, targets, &text) : SL_OK;
    for (int i = 0; i < targets->n && !point && !status; i++) {
        const struct sl_answer_box b = coordinates_of(&t->scene, &t->scene.objects[targets->items[i]]);
        if (i) sl_buf_addch(&text, ' ');
        status = sl_answer_print_box(&b, &text, t->err);
    }
    if (!status) sl_synth_answer(t->out, "%s", sl_buf_str(&text));
    sl_buf_release(&text);
    return status;
}

void sl_grounding_truth(struct sl_scene_task *t, const struct sl_targets *targets, bool point)
{
    sl_synth_truth(t->out, "checker", json_string(point ? "points" : "boxes"));
    sl_synth_truth(t->out, "answer", sl_grounding_boxes(&t->scene, targets));
    if (!point) sl_synth_truth(t->out, "threshold", json_real(0.5));
}

void sl_grounding_think_at(struct sl_scene_task *t, const struct sl_scene_object *o)
{
    sl_synth_think(t->out, "(%d, %d)", sl_coordinate_from_pixel(o->x, t->scene.width),
                   sl_coordinate_from_pixel(o->y, t->scene.height));
}

/* --- one ------------------------------------------------------------------------------------------------------ */

static const char *const box_phrases[] = {"Give the bounding box of the %s.",
                                          "Where is the %s? Answer with a bounding box.",
                                          "Mark the %s with a box.",
                                          "Find the %s and return its box as <bbox>x1 y1 x2 y2</bbox>.",
                                          "Locate the %s; reply with a <bbox>.",
                                          "Draw a box around the %s.",
                                          "Detect the %s and give its bounding box.",
                                          "Box the %s, please.",
                                          NULL};
static const char *const point_phrases[] = {"Point at the %s.",
                                            "Where is the %s? Answer with a point.",
                                            "Click on the %s.",
                                            "Give a point on the %s as <point>x y</point>.",
                                            "Show me the %s with a <point>.",
                                            "Mark the %s by a single point.",
                                            "Put a point on the %s.",
                                            "Indicate the %s by pointing.",
                                            NULL};
static const char *const boxes_phrases[] = {"Give the bounding boxes of all %s.",
                                            "Where are the %s? Answer with boxes.",
                                            "Mark every one of the %s with a box.",
                                            "Detect all %s; return each as <bbox>x1 y1 x2 y2</bbox>.",
                                            "Find the %s and box each of them.",
                                            "Draw a box around each of the %s.",
                                            "List the bounding boxes of the %s from left to right.",
                                            "Which places have %s? Give boxes.",
                                            NULL};
static const char *const points_phrases[] = {"Point at all %s.",
                                             "Where are the %s? Answer with one point each.",
                                             "Put a point on every one of the %s.",
                                             "Give a <point> for each of the %s.",
                                             "Show me the %s, one point each.",
                                             "Mark the %s by points.",
                                             "Point out the %s from left to right.",
                                             "Find all %s by pointing at them.",
                                             NULL};
static const char *const denials[] = {"There are no %s in the picture.", "The picture has no %s.", "I see no %s here.",
                                      "None: there are no %s.", NULL};

/* Says that there is nothing to show. */
static void deny(struct sl_scene_task *t, const char *plural)
{
    char text[256];
    snprintf(text, sizeof text, sl_synth_phrase(t->r, denials), plural);
    sl_synth_think(t->out, "None of what is there fits.");
    sl_synth_answer(t->out, "%s", text);
}

/* Asks by one of a list of phrasings that have one %s. */
static void ask(struct sl_scene_task *t, const char *const *phrases, const char *name)
{
    char text[256];
    snprintf(text, sizeof text, sl_synth_phrase(t->r, phrases), name);
    sl_synth_user(t->out, "%s", text);
}

/* Composes a scene with n things of a description and look-alikes of it, and shows it. */
static sl_status compose_with(struct sl_scene_task *t, struct sl_scene_object *like, int n)
{
    struct sl_scene_object wanted[SL_GROUNDING_MAX_TARGETS];
    struct sl_scene_options o = sl_grounding_options(t->r);
    for (int turn = 0; turn < 20; turn++) {
        *like = draw_description(t->r, t->r->task == BOX || t->r->task == POINT, o.similar);
        int n_wanted = 0, n_kinds;
        sl_scene_kinds(&n_kinds);
        while (n_wanted < n) wanted[n_wanted++] = *like;
        /* Look-alikes: the same kind or the same colour, where both are asked for. */
        for (int i = 0; like->kind >= 0 && like->colour >= 0 && i < o.n / 4 && n_wanted < SL_GROUNDING_MAX_TARGETS;
             i++) {
            struct sl_scene_object near = SL_SCENE_ANY;
            struct sl_scene_object other = draw_description(t->r, true, o.similar);
            near.kind = i % 2 ? like->kind : other.kind;
            near.colour = i % 2 ? other.colour : like->colour;
            if (confuses(like, &near) || !sl_scene_allows(t->r, near.kind, near.colour)) continue;
            wanted[n_wanted++] = near;
        }
        o.wanted = wanted;
        o.n_wanted = n_wanted;
        if (o.n < n_wanted + 1) o.n = n_wanted + 1;
        o.refuses = confuses;
        o.arg = like;
        sl_status status = sl_scene_task_compose(t, &o);
        if (status && turn == 19) return status;
        if (!status && sl_scene_count(&t->scene, like) == n) return sl_scene_task_show(t);
    }
    return sl_fail(t->err, SL_ERR_ARGUMENT, "no scene with %d such things", n);
}

/* Reasoning that names what comes near before it says which it is. */
static void think_of(struct sl_scene_task *t, const struct sl_scene_object *like, const struct sl_targets *targets)
{
    char name[SL_MAX_SAID];
    int said = 0;
    sl_synth_think(t->out, "I look for %s. ", sl_grounding_name(like, true, name));
    for (int i = 0; i < t->scene.n && said < 4; i++) {
        const struct sl_scene_object *o = &t->scene.objects[i];
        if (sl_scene_is_like(o, like) || (o->kind != like->kind && o->colour != like->colour)) continue;
        sl_synth_think(t->out, "%s the %s at ", said++ ? "," : "Not meant are", sl_scene_say(o, SL_SAY_COLOUR, name));
        sl_grounding_think_at(t, o);
    }
    if (said) sl_synth_think(t->out, ". ");
    for (int i = 0; i < targets->n; i++) {
        sl_synth_think(t->out, "%s", i ? ", " : targets->n == 1 ? "It is at " : "They are at ");
        sl_grounding_think_at(t, &t->scene.objects[targets->items[i]]);
    }
    if (targets->n) sl_synth_think(t->out, ".");
}

sl_status sl_grounding_ask(struct sl_scene_task *t, const struct sl_scene_object *like, bool many, bool point)
{
    struct sl_targets targets;
    char name[SL_MAX_SAID], plural[SL_MAX_SAID];
    sl_status status = SL_OK;
    sl_grounding_find(&t->scene, like, &targets);
    sl_grounding_name(like, true, plural);
    if (many)
        ask(t, point ? points_phrases : boxes_phrases, plural);
    else
        ask(t, point ? point_phrases : box_phrases, sl_grounding_name(like, false, name));
    think_of(t, like, &targets);
    if (targets.n == 0)
        deny(t, plural);
    else
        status = sl_grounding_answer(t, &targets, point);
    sl_grounding_truth(t, &targets, point);
    if (many && point) sl_synth_truth(t->out, "threshold", json_real(0.9));
    sl_synth_truth(t->out, "chance", json_real(none_share));
    return status;
}

static sl_status make_one(struct sl_scene_task *t, bool point)
{
    struct sl_scene_object like;
    bool none = sl_synth_chance(t->r, none_share);
    sl_status status = compose_with(t, &like, none ? 0 : 1);
    return status ? status : sl_grounding_ask(t, &like, false, point);
}

/* --- many and counting ---------------------------------------------------------------------------------------- */

int sl_grounding_most(const struct sl_synth_request *r)
{
    static const int limits[] = {4, 8, 16, 30};
    return limits[r->level];
}

/* Returns how many there are to be, uniform from 0 to *most or, where none has its own share, from 1. */
static int draw_count(struct sl_scene_task *t, bool with_none, int *most)
{
    *most = sl_grounding_most(t->r);
    return sl_synth_int(t->r, with_none ? 0 : 1, *most);
}

static sl_status make_many(struct sl_scene_task *t, bool point)
{
    struct sl_scene_object like;
    int most, n = sl_synth_chance(t->r, none_share) ? 0 : draw_count(t, false, &most);
    sl_status status = compose_with(t, &like, n);
    return status ? status : sl_grounding_ask(t, &like, true, point);
}

static void count_truth(struct sl_scene_task *t, const struct sl_targets *targets, bool point, int most)
{
    json_t *count = json_pack("{s:s, s:i}", "checker", "count", "answer", targets->n);
    sl_synth_truth(t->out, "chance", json_real(1.0 / (most + 1)));
    if (point) {
        json_t *points = json_pack("{s:s, s:o}", "checker", "points", "answer", sl_grounding_boxes(&t->scene, targets));
        sl_synth_truth(t->out, "checker", json_string("all"));
        sl_synth_truth(t->out, "answer", json_pack("[o,o]", count, points));
        sl_synth_truth(t->out, "threshold", json_real(0.9));
    } else {
        sl_synth_truth(t->out, "checker", json_string("count"));
        sl_synth_truth(t->out, "answer", json_integer(targets->n));
        json_decref(count);
    }
}

sl_status sl_grounding_ask_count(struct sl_scene_task *t, const struct sl_scene_object *like, int most, bool point)
{
    static const char *const direct[] = {"How many %s are there?", "Count the %s.", "What is the number of %s?",
                                         "Tell me how many %s you see.", NULL};
    static const char *const pointing[] = {"Point at each of the %s, then say how many there are.",
                                           "Count the %s by pointing at them first.",
                                           "How many %s are there? Put a point on each before you answer.",
                                           "Mark every one of the %s with a point, then count.", NULL};
    struct sl_targets targets;
    char name[SL_MAX_SAID];
    sl_status status = SL_OK;
    sl_grounding_find(&t->scene, like, &targets);
    int n = targets.n;
    ask(t, point ? pointing : direct, sl_grounding_name(like, true, name));
    sl_synth_think(t->out, "I go from left to right and point at each of the %s: ", name);
    for (int i = 0; i < n; i++) {
        sl_synth_think(t->out, "%s%d at ", i ? ", " : "", i + 1);
        sl_grounding_think_at(t, &t->scene.objects[targets.items[i]]);
    }
    sl_synth_think(t->out, n ? ". That makes %d." : "there is none, so %d.", n);
    if (point && n) status = sl_grounding_answer(t, &targets, true);
    if (point)
        sl_synth_answer(t->out, "%sThere %s %d.", n ? "\n" : "", n == 1 ? "is" : "are", n);
    else
        sl_synth_answer(t->out, "%d", n);
    count_truth(t, &targets, point, most);
    return status;
}

static sl_status make_count(struct sl_scene_task *t, bool point)
{
    struct sl_scene_object like;
    int most, n = draw_count(t, true, &most);
    sl_status status = compose_with(t, &like, n);
    return status ? status : sl_grounding_ask_count(t, &like, most, point);
}

/* --- the family ----------------------------------------------------------------------------------------------- */

static sl_status make_task(struct sl_scene_task *t)
{
    switch ((enum task)t->r->task) {
    case BOX:
        return make_one(t, false);
    case POINT:
        return make_one(t, true);
    case BOXES:
        return make_many(t, false);
    case POINTS:
        return make_many(t, true);
    case REFER:
        return sl_grounding_refer(t);
    case DESCRIBE:
        return sl_grounding_describe(t);
    case COUNT:
        return make_count(t, false);
    default:
        return make_count(t, true);
    }
}

static sl_status make(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    struct sl_scene_task t = {.brush = state, .r = r, .out = out, .err = err};
    return make_task(&t);
}

/* Composes the scene again, and compares its boxes with a second rendering. */
static sl_status validate(void *state, const struct sl_synth_request *r, const struct sl_synth_sample *s, sl_error *err)
{
    struct sl_synth_sample again;
    struct sl_scene_task t = {.brush = state, .r = r, .out = &again, .err = err};
    sl_synth_sample_init(&again);
    sl_status status = make_task(&t);
    if (!status && again.truth && !json_equal(again.truth, s->truth))
        status = sl_fail(err, SL_ERR_FORMAT, "the same request made another truth");
    sl_synth_sample_release(&again);
    return status ? status : sl_scene_validate(state, &t.scene, 6, err);
}

const struct sl_synth_family sl_family_grounding = {
    .name = "grounding",
    .title = "boxes and points for one, many and none, referring expressions, counting, up to 200 objects",
    .tasks = tasks,
    .n_tasks = N_TASKS,
    .n_levels = 4,
    .open = sl_scene_brush_open,
    .close = sl_scene_brush_close,
    .make = make,
    .validate = validate,
};
