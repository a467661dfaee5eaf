/*
 * text_scene.c: pictures in words: coloured shapes on a plane, where they are to each other, counted, pointed at and
 * boxed.
 *
 * Teaches a language model the vocabulary of pictures (colours, shapes, relations, <point>, <bbox>) before it sees any.
 */
#include "synth/text_parts.h"
#include "synth/words.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SHAPES = 8 };

struct shape {
    const char *kind, *colour, *size;
    int x, y, half; /* centre and half side, coordinates 0 to 999 */
};

struct picture {
    struct shape shapes[MAX_SHAPES];
    int n;
};

static const char *const kinds[] = {"circle", "square", "triangle", "star", "cube", "ball", "cone", "cylinder"};
static const char *const colours[] = {"red",   "blue",  "green", "yellow", "orange", "purple",
                                      "black", "white", "pink",  "brown",  "gray"};

static bool same_name(const struct shape *a, const struct shape *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->colour, b->colour) == 0;
}

/* Draws n shapes with names of their own, apart by more than 60 both ways. */
static void draw(const struct sl_synth_request *r, int n, struct picture *p)
{
    SL_CHECK(n >= 2 && n <= MAX_SHAPES);
    p->n = 0;
    while (p->n < n) {
        struct shape *s = &p->shapes[p->n];
        s->kind = kinds[sl_synth_int(r, 0, 7)];
        s->colour = colours[sl_synth_int(r, 0, 10)];
        s->half = sl_synth_int(r, 25, 90);
        s->size = s->half > 65 ? "large" : s->half < 45 ? "small" : "";
        s->x = sl_synth_int(r, s->half, 999 - s->half);
        s->y = sl_synth_int(r, s->half, 999 - s->half);
        bool fits = true;
        for (int i = 0; i < p->n; i++) {
            const struct shape *o = &p->shapes[i];
            int dx = o->x > s->x ? o->x - s->x : s->x - o->x, dy = o->y > s->y ? o->y - s->y : s->y - o->y;
            fits = fits && !same_name(o, s) && dx > 60 && dy > 60;
        }
        p->n += fits;
    }
}

static const char *place_of(const struct shape *s)
{
    static const char *const names[3][3] = {{"in the upper left", "at the top", "in the upper right"},
                                            {"on the left", "in the middle", "on the right"},
                                            {"in the lower left", "at the bottom", "in the lower right"}};
    return names[s->y < 333 ? 0 : s->y < 667 ? 1 : 2][s->x < 333 ? 0 : s->x < 667 ? 1 : 2];
}

/* "a large red circle" */
static void name_new(struct sl_buf *b, const struct shape *s)
{
    const char *first = s->size[0] ? s->size : s->colour;
    sl_buf_addf(b, "%s %s%s%s %s", sl_word_article(first), s->size, s->size[0] ? " " : "", s->colour, s->kind);
}

static void list(const struct sl_synth_request *r, const struct picture *p, struct sl_buf *b)
{
    static const char *const openings[] = {
        "The picture shows ",    "There are ", "We see ",         "In this picture there are ",
        "The drawing contains ", "I can see ", "This image has ", "Look: "};
    sl_buf_addstr(b, openings[sl_synth_choose(r, 8)]);
    struct sl_buf words = SL_BUF_INIT(64);
    sl_word_number(&words, p->n);
    sl_buf_addf(b, "%s shapes. ", sl_buf_str(&words));
    sl_buf_release(&words);
    for (int i = 0; i < p->n; i++) {
        struct sl_buf name = SL_BUF_INIT(128);
        name_new(&name, &p->shapes[i]);
        if (sl_synth_chance(r, 0.5)) {
            sl_word_capital(b, sl_buf_str(&name));
            sl_buf_addf(b, " is %s. ", place_of(&p->shapes[i]));
        } else {
            sl_word_capital(b, place_of(&p->shapes[i]));
            sl_buf_addf(b, " there is %s. ", sl_buf_str(&name));
        }
        sl_buf_release(&name);
    }
}

static void relations(const struct sl_synth_request *r, const struct picture *p, int n, struct sl_buf *b)
{
    SL_CHECK(p->n >= 2);
    for (int i = 0; i < n; i++) {
        int at = sl_synth_int(r, 0, p->n - 1), to = (at + sl_synth_int(r, 1, p->n - 1)) % p->n;
        const struct shape *a = &p->shapes[at], *c = &p->shapes[to];
        bool across = sl_synth_chance(r, 0.5);
        const char *is = across ? (a->x < c->x ? "left of" : "right of") : (a->y < c->y ? "above" : "below");
        const char *back = across ? (a->x < c->x ? "right of" : "left of") : (a->y < c->y ? "below" : "above");
        sl_buf_addf(b, "The %s %s is %s the %s %s", a->colour, a->kind, is, c->colour, c->kind);
        if (sl_synth_chance(r, 0.5))
            sl_buf_addf(b, ", so the %s %s is %s the %s %s", c->colour, c->kind, back, a->colour, a->kind);
        sl_buf_addstr(b, ". ");
    }
}

static void places(const struct picture *p, struct sl_buf *b)
{
    sl_buf_addstr(b, "\nPoints: ");
    for (int i = 0; i < p->n; i++)
        sl_buf_addf(b, "%sthe %s %s <point>%d %d</point>", i ? ", " : "", p->shapes[i].colour, p->shapes[i].kind,
                    p->shapes[i].x, p->shapes[i].y);
    sl_buf_addstr(b, ".\nBoxes: ");
    for (int i = 0; i < p->n; i++) {
        const struct shape *s = &p->shapes[i];
        sl_buf_addf(b, "%sthe %s %s <bbox>%d %d %d %d</bbox>", i ? ", " : "", s->colour, s->kind, s->x - s->half,
                    s->y - s->half, s->x + s->half, s->y + s->half);
    }
    sl_buf_addstr(b, ".\n");
}

static void ask_relation(const struct sl_synth_request *r, const struct picture *p, struct sl_text_item *item)
{
    SL_CHECK(p->n >= 2);
    int at = sl_synth_int(r, 0, p->n - 1), to = (at + sl_synth_int(r, 1, p->n - 1)) % p->n;
    const struct shape *a = &p->shapes[at], *c = &p->shapes[to];
    bool across = sl_synth_chance(r, 0.5), first = sl_synth_chance(r, 0.5);
    bool is = across ? (a->x < c->x) == first : (a->y < c->y) == first;
    const char *word = across ? (first ? "left of" : "right of") : (first ? "above" : "below");
    snprintf(item->question, sizeof item->question,
             "The %s %s is at <point>%d %d</point> and the %s %s at <point>%d %d</point>. Is the %s %s %s the %s %s?",
             a->colour, a->kind, a->x, a->y, c->colour, c->kind, c->x, c->y, a->colour, a->kind, word, c->colour,
             c->kind);
    snprintf(item->answer, sizeof item->answer, "%s", is ? "yes" : "no");
    snprintf(item->sentence, sizeof item->sentence, "%s, the %s %s is %s%s the %s %s.", is ? "Yes" : "No", a->colour,
             a->kind, is ? "" : "not ", word, c->colour, c->kind);
    snprintf(item->steps, sizeof item->steps, "The %s coordinates are %d and %d. %d is %s than %d.", across ? "x" : "y",
             across ? a->x : a->y, across ? c->x : c->y, across ? a->x : a->y,
             (across ? a->x < c->x : a->y < c->y) ? "smaller" : "larger", across ? c->x : c->y);
}

static void ask_count(const struct sl_synth_request *r, const struct picture *p, struct sl_text_item *item)
{
    const struct shape *s = &p->shapes[sl_synth_int(r, 0, p->n - 1)];
    bool by_colour = sl_synth_chance(r, 0.5);
    int n = 0;
    struct sl_buf steps = SL_BUF_INIT(1000);
    for (int i = 0; i < p->n; i++) {
        if (strcmp(by_colour ? p->shapes[i].colour : p->shapes[i].kind, by_colour ? s->colour : s->kind) != 0) continue;
        n++;
        sl_buf_addf(&steps, "%d: the %s %s. ", n, p->shapes[i].colour, p->shapes[i].kind);
    }
    snprintf(item->question, sizeof item->question, "How many %s%s are there?", by_colour ? s->colour : s->kind,
             by_colour ? " shapes" : "s");
    snprintf(item->answer, sizeof item->answer, "%d", n);
    snprintf(item->sentence, sizeof item->sentence, "There %s %d %s%s%s.", n == 1 ? "is" : "are", n,
             by_colour ? s->colour : s->kind, by_colour ? " shape" : "", n == 1 ? "" : "s");
    snprintf(item->steps, sizeof item->steps, "%s", sl_buf_str(&steps));
    sl_buf_release(&steps);
}

void sl_text_scene(const struct sl_synth_request *r, int level, struct sl_buf *b, struct sl_text_item *item)
{
    struct picture p;
    draw(r, 2 + sl_synth_int(r, level, level + 2), &p);
    list(r, &p, b);
    relations(r, &p, 1 + level, b);
    if (sl_synth_chance(r, 0.5))
        places(&p, b);
    else
        sl_buf_addch(b, '\n');
    if (!item) return;
    if (sl_synth_chance(r, 0.5))
        ask_relation(r, &p, item);
    else
        ask_count(r, &p, item);
}
