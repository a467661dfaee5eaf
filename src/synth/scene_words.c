/*
 * scene_words.c: scenes in words, and what the families about them share.
 */
#include "synth/scene_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sl_scene_say(const struct sl_scene_object *o, unsigned flags, char out[SL_MAX_SAID])
{
    int n, n_basic;
    const struct sl_scene_kind *kind = &sl_scene_kinds(&n)[o->kind];
    const char *colour = flags & SL_SAY_COLOUR ? sl_colours(&n, &n_basic)[o->colour].name : "";
    const char *size = flags & SL_SAY_SIZE ? sl_object_size_name(o->size) : "";
    const char *texture = flags & SL_SAY_TEXTURE && o->texture != SL_TEXTURE_PLAIN ? sl_texture_name(o->texture) : "";
    const char *name = flags & SL_SAY_PLURAL ? kind->plural : kind->name;
    char words[SL_MAX_SAID];
    snprintf(words, sizeof words, "%s%s%s%s%s%s%s", size, *size ? " " : "", colour, *colour ? " " : "", texture,
             *texture ? " " : "", name);
    bool vowel = strchr("aeiou", words[0]) || strncmp(words, "hour", 4) == 0;
    const char *article = !(flags & SL_SAY_ARTICLE) || flags & SL_SAY_PLURAL ? "" : vowel ? "an " : "a ";
    snprintf(out, SL_MAX_SAID, "%s%.90s", article, words);
    return out;
}

const char *sl_scene_where(const struct sl_scene *s, const struct sl_scene_object *o)
{
    static const char *const places[3][3] = {{"at the upper left", "at the top", "at the upper right"},
                                             {"on the left", "in the middle", "on the right"},
                                             {"at the lower left", "at the bottom", "at the lower right"}};
    int column = (int)(3 * o->x / s->width), row = (int)(3 * o->y / s->height);
    return places[row < 0 ? 0 : row > 2 ? 2 : row][column < 0 ? 0 : column > 2 ? 2 : column];
}

void sl_scene_sort_from_left(const struct sl_scene *s, int items[], int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && s->objects[items[k]].x < s->objects[items[k - 1]].x; k--) {
            int t = items[k];
            items[k] = items[k - 1];
            items[k - 1] = t;
        }
}

const char *sl_scene_number(int n, char out[16])
{
    static const char *const words[] = {"zero",  "one",   "two",  "three", "four",   "five",  "six",
                                        "seven", "eight", "nine", "ten",   "eleven", "twelve"};
    if (n >= 0 && n <= 12) return words[n];
    snprintf(out, 16, "%d", n);
    return out;
}

static void choose_size(const struct sl_synth_request *r, int *width, int *height)
{
    *width = r->width ? r->width : sl_synth_int(r, 336, 560);
    *height = r->height ? r->height : sl_synth_int(r, 336, 560);
}

sl_status sl_scene_task_compose(struct sl_scene_task *t, const struct sl_scene_options *o)
{
    int width, height;
    choose_size(t->r, &width, &height);
    return sl_scene_compose(t->brush, t->r, width, height, o, &t->scene, t->err);
}

sl_status sl_scene_task_show(struct sl_scene_task *t)
{
    struct sl_picture p;
    sl_status status = sl_scene_draw(t->brush, &t->scene, -1, &p, t->err);
    if (status) return status;
    /* PNG costs more time and space, and flat colours are all it is better at. */
    bool png = sl_synth_chance(t->r, 0.1);
    sl_synth_picture(t->out, &p, png ? SL_SYNTH_PNG : SL_SYNTH_JPEG, sl_synth_int(t->r, 82, 95));
    sl_picture_free(&p);
    return SL_OK;
}

bool sl_scene_is_like(const struct sl_scene_object *o, const struct sl_scene_object *like)
{
    return (like->kind < 0 || o->kind == like->kind) && (like->colour < 0 || o->colour == like->colour) &&
           ((int)like->texture < 0 || o->texture == like->texture) && ((int)like->size < 0 || o->size == like->size);
}

int sl_scene_count(const struct sl_scene *s, const struct sl_scene_object *like)
{
    int n = 0;
    for (int i = 0; i < s->n; i++) n += sl_scene_is_like(&s->objects[i], like);
    return n;
}

/* --- validation ----------------------------------------------------------------------------------------------- */

/* The box of pixels that differ by more than antialiasing leaves at an edge that was cut off. */
static void difference_box(const struct sl_picture *a, const struct sl_picture *b, int box[4])
{
    box[0] = a->width, box[1] = a->height, box[2] = box[3] = 0;
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++) {
            size_t at = 3 * ((size_t)y * (size_t)a->width + (size_t)x);
            int d = 0;
            for (int k = 0; k < 3; k++) d += abs(a->rgb[at + (size_t)k] - b->rgb[at + (size_t)k]);
            if (d < 24) continue;
            if (x < box[0]) box[0] = x;
            if (y < box[1]) box[1] = y;
            if (x >= box[2]) box[2] = x + 1;
            if (y >= box[3]) box[3] = y + 1;
        }
}

static sl_status check_object(struct sl_scene_brush *b, const struct sl_scene *s, const struct sl_picture *whole, int i,
                              sl_error *err)
{
    const struct sl_scene_object *o = &s->objects[i];
    char name[SL_MAX_SAID];
    struct sl_picture without = {0};
    int box[4];
    sl_status status = sl_scene_draw(b, s, i, &without, err);
    if (status) return status;
    difference_box(whole, &without, box);
    sl_picture_free(&without);
    sl_scene_say(o, SL_SAY_COLOUR, name);
    /* Its shadow changes pixels too, it shows through the soft edges of what lies in front, and what it hides may have
     * its colour: so within a shadow, and nearly as far. */
    double shadow = 0.2 * o->r + 3, near = fmax(3, 0.3 * o->r);
    bool inside = box[0] >= o->box[0] - 4 && box[1] >= o->box[1] - 4 && box[2] <= o->box[2] + shadow &&
                  box[3] <= o->box[3] + shadow;
    bool reaches = box[0] <= o->box[0] + near && box[1] <= o->box[1] + near && box[2] >= o->box[2] - near &&
                   box[3] >= o->box[3] - near;
    if (inside && reaches) return SL_OK;
    return sl_fail(err, SL_ERR_FORMAT, "the box of the %s is %d %d %d %d, its pixels are in %d %d %d %d", name,
                   o->box[0], o->box[1], o->box[2], o->box[3], box[0], box[1], box[2], box[3]);
}

sl_status sl_scene_validate(struct sl_scene_brush *b, const struct sl_scene *s, int max_checks, sl_error *err)
{
    struct sl_picture whole = {0};
    sl_status status = sl_scene_draw(b, s, -1, &whole, err);
    for (int i = 0; i < s->n && i < max_checks && !status; i++) {
        const int *box = s->objects[i].box;
        if (box[0] < 0 || box[1] < 0 || box[2] > s->width || box[3] > s->height || box[0] >= box[2] || box[1] >= box[3])
            status = sl_fail(err, SL_ERR_FORMAT, "a box leaves the picture");
        /* What is partly hidden is seen by what is in front of it, not by what lies behind. */
        if (!status && s->objects[i].visible > 0.98) status = check_object(b, s, &whole, i, err);
    }
    sl_picture_free(&whole);
    return status;
}
