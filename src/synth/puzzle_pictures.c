/*
 * puzzle_pictures.c: puzzles made of composed scenes: what differs between two of them, and a picture cut into pieces.
 */
#include "synth/puzzle.h"
#include "synth/scene_words.h"
#include "synth/words.h"

#include "text/answer.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANGES = 6, SEEN = 24 }; /* SEEN: by how much a value of a pixel must differ to be a difference */

/* A place of `size` pixels for the request, or 336. */
static int side(int wanted)
{
    return wanted ? wanted : 336;
}

/* What was done to an object, and where it shows in the second picture. */
struct change {
    char text[200];
    int box[4]; /* pixels of the second picture */
};

enum kind { RECOLOUR, RESIZE, REMOVE, RESHAPE, N_KINDS };

static void box_of(const struct sl_scene_object *o, const struct sl_scene *s, int box[4])
{
    double r = o->r * 1.25;
    box[0] = (int)fmax(0, floor(o->x - r));
    box[1] = (int)fmax(0, floor(o->y - r));
    box[2] = (int)fmin(s->width, ceil(o->x + r));
    box[3] = (int)fmin(s->height, ceil(o->y + r));
}

/* Changes object i of s in one way; false when that way does not suit it. */
static bool alter(const struct sl_synth_request *r, struct sl_scene *s, int i, enum kind kind, struct change *c)
{
    struct sl_scene_object *o = &s->objects[i];
    char name[SL_MAX_SAID];
    int n_colours, n_basic, n_kinds;
    const struct sl_colour *colours = sl_colours(&n_colours, &n_basic);
    const struct sl_scene_kind *kinds = sl_scene_kinds(&n_kinds);
    sl_scene_say(o, SL_SAY_COLOUR, name);
    if (kind == RECOLOUR) {
        int to = sl_synth_int(r, 0, n_basic - 1);
        if (to == o->colour) return false;
        snprintf(c->text, sizeof c->text, "the %s is now %s", name, colours[to].name);
        o->colour = to;
    } else if (kind == RESIZE) {
        double by = sl_synth_chance(r, 0.5) ? 0.6 : 0.72 - 0.02 * r->level;
        snprintf(c->text, sizeof c->text, "the %s is smaller", name);
        box_of(o, s, c->box);
        o->r *= by;
        return true;
    } else if (kind == RESHAPE) {
        int to = sl_synth_int(r, 0, n_kinds - 1);
        if (to == o->kind) return false;
        snprintf(c->text, sizeof c->text, "the %s became %s %s", name, sl_word_article(kinds[to].name), kinds[to].name);
        o->kind = to;
    } else {
        snprintf(c->text, sizeof c->text, "the %s is missing", name);
    }
    box_of(o, s, c->box);
    return true;
}

/* True when no two objects' surroundings touch object i's, so that a change stays in its box. */
static bool is_alone(const struct sl_scene *s, int i)
{
    for (int k = 0; k < s->n; k++) {
        if (k == i) continue;
        double dx = s->objects[k].x - s->objects[i].x, dy = s->objects[k].y - s->objects[i].y;
        if (fmax(fabs(dx), fabs(dy)) < 1.3 * (s->objects[k].r + s->objects[i].r)) return false;
    }
    return true;
}

/* Alters n objects that stand alone; removed ones are taken out at the end. Returns how many were altered. */
static int alter_some(const struct sl_synth_request *r, struct sl_scene *s, int n, struct change *changes)
{
    int order[SL_SCENE_MAX_OBJECTS], done = 0;
    bool removed[SL_SCENE_MAX_OBJECTS] = {false};
    sl_synth_shuffle(r, order, s->n);
    for (int k = 0; k < s->n && done < n; k++) {
        enum kind kind = (enum kind)sl_synth_int(r, 0, N_KINDS - 1);
        if (!is_alone(s, order[k]) || !alter(r, s, order[k], kind, &changes[done])) continue;
        removed[order[k]] = kind == REMOVE;
        done++;
    }
    int kept = 0;
    for (int i = 0; i < s->n; i++)
        if (!removed[i]) s->objects[kept++] = s->objects[i];
    s->n = kept;
    return done;
}

/* From above to below, so that the order of the answer can be seen. */
static int by_place(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return x->box[1] != y->box[1] ? x->box[1] - y->box[1] : x->box[0] - y->box[0];
}

static bool differs(const struct sl_picture *a, const struct sl_picture *b, int x, int y, int by)
{
    const size_t at = 3 * ((size_t)y * (size_t)a->width + (size_t)x);
    for (size_t c = 0; c < 3; c++)
        if (abs(a->rgb[at + c] - b->rgb[at + c]) > by) return true;
    return false;
}

/* Tightens a box around the pixels in it that differ by more than `by`; false when none does. */
static bool tighten(const struct sl_picture *a, const struct sl_picture *b, int by, int box[4])
{
    int seen[4] = {INT_MAX, INT_MAX, -1, -1};
    for (int y = box[1]; y < box[3]; y++)
        for (int x = box[0]; x < box[2]; x++) {
            if (!differs(a, b, x, y, by)) continue;
            if (x < seen[0]) seen[0] = x;
            if (y < seen[1]) seen[1] = y;
            if (x >= seen[2]) seen[2] = x + 1;
            if (y >= seen[3]) seen[3] = y + 1;
        }
    memcpy(box, seen, sizeof seen);
    return seen[2] > 0;
}

/* Shows both scenes, and fits the boxes of the changes around the pixels that differ. */
static sl_status show_both(struct sl_puzzle *p, const struct sl_scene *first, const struct sl_scene *second,
                           struct change *changes, int n)
{
    struct sl_picture a = {0}, b = {0};
    sl_status status = sl_scene_draw(p->brush, first, -1, &a, p->err);
    if (!status) status = sl_scene_draw(p->brush, second, -1, &b, p->err);
    for (int i = 0; i < n && !status; i++)
        if (!tighten(&a, &b, SEEN, changes[i].box))
            status = sl_fail(p->err, SL_ERR_FORMAT, "%s, and nothing shows it", changes[i].text);
    if (!status) {
        sl_synth_picture(p->out, &a, SL_SYNTH_JPEG, 90);
        sl_synth_picture(p->out, &b, SL_SYNTH_JPEG, 90);
    }
    sl_picture_free(&a);
    sl_picture_free(&b);
    return status;
}

/* Box i of a truth in pixels of a picture, `by` larger on every side, inside the picture. */
static void box_in_pixels(const json_t *boxes, size_t i, const struct sl_picture *p, int by, int box[4])
{
    for (size_t k = 0; k < 4; k++) {
        const int side = k % 2 ? p->height : p->width;
        const double at = json_number_value(json_array_get(json_array_get(boxes, i), k));
        box[k] = (int)lround(sl_coordinate_to_pixel(at, side)) + (k < 2 ? -by : by);
        box[k] = box[k] < 0 ? 0 : box[k] > side ? side : box[k];
    }
}

/* Makes the pixels of a box in picture b those of a. */
static void explain(const struct sl_picture *a, struct sl_picture *b, const int box[4])
{
    for (int y = box[1]; y < box[3] && box[2] > box[0]; y++) {
        size_t at = 3 * ((size_t)y * (size_t)a->width + (size_t)box[0]);
        memcpy(b->rgb + at, a->rgb + at, 3 * (size_t)(box[2] - box[0]));
    }
}

enum { FAINT = 18, NEAR = 4, BLOCK = 16 }; /* by how much JPEG changes the rest of a block, and how far it reaches */

/* Box i must be where the pictures differ, the other boxes explained; scratch is a picture of the same size. */
static sl_status check_difference(const json_t *boxes, size_t i, const struct sl_picture p[2],
                                  struct sl_picture *scratch, sl_error *err)
{
    int box[4], seen[4], other[4];
    memcpy(scratch->rgb, p[1].rgb, 3 * (size_t)scratch->width * (size_t)scratch->height);
    for (size_t k = 0; k < json_array_size(boxes); k++) {
        box_in_pixels(boxes, k, scratch, NEAR, other);
        if (k != i) explain(&p[0], scratch, other);
    }
    box_in_pixels(boxes, i, scratch, 0, box);
    box_in_pixels(boxes, i, scratch, NEAR + BLOCK, seen);
    bool any = tighten(&p[0], scratch, FAINT, seen);
    for (int k = 0; k < 4; k++)
        if (!any || abs(seen[k] - box[k]) > NEAR + (box[2 + k % 2] - box[k % 2]) / 6)
            return sl_fail(err, SL_ERR_FORMAT, "difference %zu is seen at %d %d %d %d and its box is %d %d %d %d", i,
                           seen[0], seen[1], seen[2], seen[3], box[0], box[1], box[2], box[3]);
    return SL_OK;
}

/* What differs clearly must lie in the boxes of the truth; p[1] becomes p[0] in them and in the blocks around them. */
static sl_status check_rest(const json_t *boxes, struct sl_picture p[2], sl_error *err)
{
    enum { CLEAR = 8 };
    int box[4], rest[4] = {0, 0, p[0].width, p[0].height};
    for (size_t i = 0; i < json_array_size(boxes); i++) {
        box_in_pixels(boxes, i, &p[0], BLOCK, box);
        explain(&p[0], &p[1], box);
    }
    if (!tighten(&p[0], &p[1], CLEAR, rest)) return SL_OK;
    return sl_fail(err, SL_ERR_FORMAT, "a difference at %d %d is in no box", rest[0], rest[1]);
}

/* Looks at the files themselves, as they are decoded. */
sl_status sl_puzzle_validate_spot(const struct sl_synth_sample *s, sl_error *err)
{
    struct sl_picture p[3] = {{0}, {0}, {0}};
    const json_t *boxes = json_object_get(s->truth, "answer");
    sl_status status = s->n_media == 2 ? SL_OK : sl_fail(err, SL_ERR_FORMAT, "there are %d pictures", s->n_media);
    for (int i = 0; i < 3 && !status; i++) {
        const struct sl_buf *file = &s->media[i % 2].bytes; /* the third is scratch */
        status = sl_picture_decode(&p[i], file->data, file->len, SL_PICTURE_MAX_PIXELS, err);
    }
    for (size_t i = 0; i < json_array_size(boxes) && !status; i++) status = check_difference(boxes, i, p, &p[2], err);
    if (!status) status = check_rest(boxes, p, err);
    for (int i = 0; i < 3; i++) sl_picture_free(&p[i]);
    return status;
}

static void answer_changes(struct sl_puzzle *p, const struct sl_scene *s, const struct change *changes, int n)
{
    json_t *boxes = json_array(), *texts = json_array();
    struct sl_buf b = SL_BUF_INIT(1 << 14);
    for (int i = 0; i < n; i++) {
        const int *c = changes[i].box;
        struct sl_answer_box box = {.x1 = sl_coordinate_from_pixel(c[0], s->width),
                                    .y1 = sl_coordinate_from_pixel(c[1], s->height),
                                    .x2 = sl_coordinate_from_pixel(c[2], s->width),
                                    .y2 = sl_coordinate_from_pixel(c[3], s->height)};
        sl_buf_addf(&b, "%s%d. In the second picture %s. ", i ? "\n" : "", i + 1, changes[i].text);
        if (sl_answer_print_box(&box, &b, p->err)) sl_synth_fail(p->out, SL_ERR_ARGUMENT, "a difference without a box");
        json_array_append_new(boxes, json_pack("[f,f,f,f]", box.x1, box.y1, box.x2, box.y2));
        json_array_append_new(texts, json_string(changes[i].text));
    }
    sl_synth_answer(p->out, "%s", sl_buf_str(&b));
    sl_synth_truth(p->out, "checker", json_string("boxes"));
    sl_synth_truth(p->out, "answer", boxes);
    sl_synth_truth(p->out, "iou", json_real(0.5));
    sl_synth_truth(p->out, "changes", texts);
    sl_buf_release(&b);
}

sl_status sl_puzzle_spot(struct sl_puzzle *p)
{
    static const char *const forms[] = {
        "What is different in the second picture? Describe each difference and give its box in the second picture.",
        "Spot the differences: say what changed and where, each with its box in the second picture.",
        "Compare both pictures and list all differences with their boxes.",
        "Find every change from the first to the second picture. Text and bounding box for each.", NULL};
    static const int objects[] = {5, 8, 12, 16};
    int level = p->r->level > 3 ? 3 : p->r->level, n = sl_synth_int(p->r, 1, 1 + level), found = 0;
    struct sl_scene_options o = {.n = objects[level], .textures = level >= 2, .similar = level >= 3};
    struct sl_scene first, second;
    struct change changes[MAX_CHANGES];
    for (int attempt = 0; attempt < 50 && found < n; attempt++) {
        sl_status status = sl_scene_compose(p->brush, p->r, side(p->r->width), side(p->r->height), &o, &first, p->err);
        if (status) return status;
        second = first;
        found = alter_some(p->r, &second, n, changes);
    }
    if (!found)
        return sl_fail(p->err, SL_ERR_ARGUMENT, "no scene of %dx%d pixels has room for differences", side(p->r->width),
                       side(p->r->height));
    sl_status status = show_both(p, &first, &second, changes, found);
    if (status) return status;
    qsort(changes, (size_t)found, sizeof *changes, by_place);
    sl_synth_user(p->out, "%s", sl_synth_phrase(p->r, forms));
    sl_synth_think(p->out, "I compare the pictures object by object. ");
    for (int i = 0; i < found; i++) sl_synth_think(p->out, "Difference: %s. ", changes[i].text);
    sl_synth_think(p->out, "All the others are the same, so there %s %d difference%s.", found == 1 ? "is" : "are",
                   found, found == 1 ? "" : "s");
    answer_changes(p, &second, changes, found);
    return SL_OK;
}

/* --- jigsaw ----------------------------------------------------------------------------------------------------------
 */

/* Copies piece `from` of a k by k cut to place `to`, with a border around it. */
static void copy_piece(const struct sl_picture *in, struct sl_picture *out, int k, int from, int to)
{
    int w = in->width / k, h = in->height / k;
    for (int y = 2; y < h - 2; y++) {
        const uint8_t *src =
            in->rgb + 3 * ((size_t)(from / k * h + y) * (size_t)in->width + (size_t)(from % k * w + 2));
        uint8_t *dst = out->rgb + 3 * ((size_t)(to / k * h + y) * (size_t)out->width + (size_t)(to % k * w + 2));
        memcpy(dst, src, 3 * (size_t)(w - 4));
    }
}

/* Numbers the places on the picture, and adds it to the question. */
static sl_status show_pieces(struct sl_puzzle *p, const struct sl_picture *pieces, int k)
{
    sl_status status = sl_paint_open(&p->paint, pieces->width, pieces->height, p->err);
    if (status) return status;
    uint8_t *data = cairo_image_surface_get_data(p->paint.surface);
    int stride = cairo_image_surface_get_stride(p->paint.surface);
    for (int y = 0; y < pieces->height; y++)
        for (int x = 0; x < pieces->width; x++) {
            const uint8_t *v = pieces->rgb + 3 * ((size_t)y * (size_t)pieces->width + (size_t)x);
            uint32_t word = (uint32_t)v[0] << 16 | (uint32_t)v[1] << 8 | v[2];
            memcpy(data + (size_t)y * (size_t)stride + 4 * (size_t)x, &word, 4);
        }
    cairo_surface_mark_dirty(p->paint.surface);
    double w = (double)pieces->width / k, h = (double)pieces->height / k, size = fmax(12, w * 0.16);
    for (int i = 0; i < k * k; i++) {
        int row = i / k;
        double x = i % k * w + size * 0.75, y = row * h + size * 0.75;
        cairo_set_source_rgb(p->paint.cr, 1, 1, 1);
        sl_puzzle_tile(p, x - size * 0.6, y - size * 0.6, size * 1.2, size * 1.2, size * 0.3);
        cairo_set_source_rgb(p->paint.cr, 0.8, 0, 0);
        sl_puzzle_label(p, (const char[2]){(char)('1' + i), 0}, size, x, y);
    }
    return sl_puzzle_show(p);
}

sl_status sl_puzzle_jigsaw(struct sl_puzzle *p)
{
    int k = p->r->level < 2 ? 2 : 3, order[9], n = k * k;
    bool moved = false;
    struct sl_scene_options o = {
        .n = 6 + 3 * k, .least = 0.12, .most = 0.3, .textures = p->r->level % 2, .overlap = true};
    struct sl_scene scene;
    struct sl_picture whole = {0}, cut = {0};
    sl_status status = sl_scene_compose(p->brush, p->r, side(p->r->width), side(p->r->height), &o, &scene, p->err);
    if (!status) status = sl_scene_draw(p->brush, &scene, -1, &whole, p->err);
    if (!status)
        status = sl_picture_new(&cut, whole.width / k * k, whole.height / k * k, SL_PICTURE_MAX_PIXELS, p->err);
    if (status) goto out;
    memset(cut.rgb, 40, (size_t)cut.width * (size_t)cut.height * 3);
    while (!moved) {
        sl_synth_shuffle(p->r, order, n);
        for (int i = 0; i < n; i++) moved = moved || order[i] != i;
    }
    /* Place i of the cut picture shows piece order[i] of the whole. */
    for (int i = 0; i < n; i++) copy_piece(&whole, &cut, k, order[i], i);
    status = show_pieces(p, &cut, k);
    if (status) goto out;
    if (sl_synth_chance(p->r, 0.5))
        sl_synth_user(p->out,
                      "The picture was cut into %d pieces and shuffled. Which piece belongs in each place, row by row "
                      "from the upper left? Give the numbers.",
                      n);
    else
        sl_synth_user(p->out,
                      "Put the %d numbered pieces into order: list them as they stand in the whole picture, from the "
                      "upper left, row by row.",
                      n);
    json_t *answer = json_array();
    for (int place = 0; place < n; place++)
        for (int i = 0; i < n; i++)
            if (order[i] == place) {
                sl_synth_think(p->out, "Piece %d belongs in row %d, column %d. ", i + 1, place / k + 1, place % k + 1);
                sl_synth_answer(p->out, "%s%d", place ? " " : "", i + 1);
                json_array_append_new(answer, json_integer(i + 1));
            }
    sl_synth_truth(p->out, "checker", json_string("numbers"));
    sl_synth_truth(p->out, "answer", answer);
out:
    sl_picture_free(&whole);
    sl_picture_free(&cut);
    return status;
}
