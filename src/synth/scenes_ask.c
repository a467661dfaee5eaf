/*
 * scenes_ask.c: questions about a scene. The answer is chosen first and the scene composed around it, so that no
 * wording goes with one answer more than with another.
 */
#include "synth/scenes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TRIES = 40, MAX_OPTIONS = 4, MAX_TEXT = 400 };

/* Fills out with fmt, one of a list of phrasings with the same %s and %d. */
#define FILL(out, phrases, ...) snprintf(out, sizeof(out), sl_synth_phrase(t->r, phrases), __VA_ARGS__)

/* An object whose kind only it has, and which is seen well; -1: none. */
static int pick_unique(const struct sl_scene_task *t)
{
    int order[SL_SCENE_MAX_OBJECTS];
    sl_synth_shuffle(t->r, order, t->scene.n);
    for (int i = 0; i < t->scene.n; i++) {
        struct sl_scene_object like = SL_SCENE_ANY;
        like.kind = t->scene.objects[order[i]].kind;
        if (sl_scene_count(&t->scene, &like) == 1 && t->scene.objects[order[i]].visible > 0.7) return order[i];
    }
    return -1;
}

/* Composes scenes until one has an object of a kind of its own; *at is it. */
static sl_status compose_unique(struct sl_scene_task *t, int *at)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        struct sl_scene_options o = sl_scenes_options(t->r);
        sl_status status = sl_scene_task_compose(t, &o);
        if (status) return status;
        *at = pick_unique(t);
        if (*at >= 0) return SL_OK;
    }
    return sl_fail(t->err, SL_ERR_ARGUMENT, "no scene with an object that can be named");
}

/* Another one than `not` whose kind is its own too; -1: none. */
static int pick_other(const struct sl_scene_task *t, int not )
{
    for (int i = 0; i < MAX_TRIES; i++) {
        int at = pick_unique(t);
        if (at >= 0 && at != not ) return at;
    }
    return -1;
}

static int other_colour(const struct sl_scene_task *t, int not )
{
    int n, n_basic, c;
    sl_colours(&n, &n_basic);
    do c = sl_synth_int(t->r, 0, n_basic - 1);
    while (c == not );
    return c;
}

/* --- yes or no ------------------------------------------------------------------------------------------------ */

/* Whether there is such a thing. When not, its kind or its colour is there, so that a glance does not tell. */
static void ask_existence(struct sl_scene_task *t, bool yes, int at, char question[MAX_TEXT])
{
    static const char *const phrases[] = {"Is there %s in the picture?", "Does the picture show %s?",
                                          "Can you see %s here?", "Is %s part of this scene?", NULL};
    struct sl_scene_object like = SL_SCENE_ANY;
    const struct sl_scene_object *o = &t->scene.objects[at];
    char name[SL_MAX_SAID];
    int n_kinds;
    sl_scene_kinds(&n_kinds);
    like.kind = o->kind;
    like.colour = o->colour;
    for (int i = 0; !yes && i < 1000; i++) {
        bool other_kind = sl_synth_chance(t->r, 0.5);
        like.kind = other_kind ? sl_synth_int(t->r, 0, n_kinds - 1) : o->kind;
        like.colour = other_kind ? o->colour : other_colour(t, o->colour);
        if (!sl_scene_count(&t->scene, &like)) break;
    }
    snprintf(question, MAX_TEXT, sl_synth_phrase(t->r, phrases),
             sl_scene_say(&like, SL_SAY_COLOUR | SL_SAY_ARTICLE, name));
}

static void ask_attribute(struct sl_scene_task *t, bool yes, int at, char question[MAX_TEXT])
{
    static const char *const phrases[] = {"Is the %s %s?", "Is the %s coloured %s?", "The %s is %s. Is that so?",
                                          "Would you call the %s %s?", NULL};
    int n, n_basic;
    const struct sl_scene_object *o = &t->scene.objects[at];
    const struct sl_colour *c = sl_colours(&n, &n_basic);
    char name[SL_MAX_SAID];
    snprintf(question, MAX_TEXT, sl_synth_phrase(t->r, phrases), sl_scene_say(o, 0, name),
             c[yes ? o->colour : other_colour(t, o->colour)].name);
}

/* Whether one is on a side of another, far enough to be plain; false when these two are not. */
static bool ask_relation(struct sl_scene_task *t, bool yes, int at, char question[MAX_TEXT])
{
    static const char *const sides[] = {"to the left of", "to the right of", "above", "below"};
    static const char *const phrases[] = {"Is the %s %s the %s?", "Does the %s lie %s the %s?",
                                          "Is it true that the %s is %s the %s?", "Can the %s be found %s the %s?",
                                          NULL};
    int other = pick_other(t, at);
    if (other < 0) return false;
    const struct sl_scene_object *a = &t->scene.objects[at], *b = &t->scene.objects[other];
    double dx = (b->x - a->x) / t->scene.width, dy = (b->y - a->y) / t->scene.height;
    bool level = fabs(dx) > fabs(dy);
    if (fabs(level ? dx : dy) < 0.15) return false;
    int side = level ? dx > 0 ? 0 : 1 : dy > 0 ? 2 : 3;
    if (!yes) side ^= 1;
    char x[SL_MAX_SAID], y[SL_MAX_SAID];
    snprintf(question, MAX_TEXT, sl_synth_phrase(t->r, phrases), sl_scene_say(a, 0, x), sides[side],
             sl_scene_say(b, 0, y));
    return true;
}

/* Writes a yes-no question of a form about object at; false: the scene has none. */
static bool word_yes_no(struct sl_scene_task *t, int form, bool yes, int at, char question[MAX_TEXT])
{
    if (form == 0) ask_existence(t, yes, at, question);
    if (form == 1) ask_attribute(t, yes, at, question);
    return form != 2 || ask_relation(t, yes, at, question);
}

/* Asks and answers it. */
static void say_yes_no(struct sl_scene_task *t, const char *question, bool yes)
{
    static const char *const ends[] = {" Answer yes or no.", "", " Yes or no?", " Reply with yes or no.", NULL};
    sl_synth_user(t->out, "%s%s", question, sl_synth_phrase(t->r, ends));
    sl_scenes_think_list(t);
    sl_synth_think(t->out, "So the answer is %s.", yes ? "yes" : "no");
    sl_synth_answer(t->out, yes ? "Yes" : "No");
    sl_synth_truth(t->out, "checker", json_string("yes-no"));
    sl_synth_truth(t->out, "answer", json_string(yes ? "yes" : "no"));
    sl_synth_truth(t->out, "chance", json_real(0.5));
}

sl_status sl_scenes_yes_no(struct sl_scene_task *t)
{
    char question[MAX_TEXT];
    bool yes = sl_synth_chance(t->r, 0.5), found = false;
    int at, form = sl_synth_int(t->r, 0, 2);
    for (int i = 0; !found && i < MAX_TRIES; i++) {
        sl_status status = compose_unique(t, &at);
        if (status) return status;
        found = word_yes_no(t, form, yes, at, question);
    }
    sl_status status =
        found ? sl_scene_task_show(t) : sl_fail(t->err, SL_ERR_ARGUMENT, "no scene with two objects on clear sides");
    if (!status) say_yes_no(t, question, yes);
    return status;
}

bool sl_scenes_ask_yes_no(struct sl_scene_task *t, int at)
{
    char question[MAX_TEXT];
    bool yes = sl_synth_chance(t->r, 0.5);
    if (!word_yes_no(t, sl_synth_int(t->r, 0, 2), yes, at, question)) return false;
    say_yes_no(t, question, yes);
    return true;
}

/* --- open questions ------------------------------------------------------------------------------------------- */

/* A question with its answer and answers that others might give. */
struct question {
    char text[MAX_TEXT];
    char answer[SL_MAX_SAID];
    char others[MAX_OPTIONS - 1][SL_MAX_SAID];
    double chance; /* of guessing, without options */
};

/* True when answer i of the others repeats the right one or an earlier one. */
static bool is_repeated(const struct question *q, int i)
{
    if (strcmp(q->others[i], q->answer) == 0) return true;
    for (int k = 0; k < i; k++)
        if (strcmp(q->others[i], q->others[k]) == 0) return true;
    return false;
}

static void ask_colour(struct sl_scene_task *t, int at, struct question *q)
{
    static const char *const phrases[] = {"What colour is the %s?", "Which colour does the %s have?",
                                          "Name the colour of the %s.", "The %s: what is its colour?", NULL};
    int n, n_basic;
    char name[SL_MAX_SAID];
    const struct sl_colour *c = sl_colours(&n, &n_basic);
    const struct sl_scene_object *o = &t->scene.objects[at];
    FILL(q->text, phrases, sl_scene_say(o, 0, name));
    snprintf(q->answer, sizeof q->answer, "%s", c[o->colour].name);
    for (int i = 0; i < MAX_OPTIONS - 1; i++) do
            snprintf(q->others[i], sizeof q->others[i], "%s", c[sl_synth_int(t->r, 0, n_basic - 1)].name);
        while (is_repeated(q, i));
    q->chance = 1.0 / 8;
}

static void ask_texture(struct sl_scene_task *t, int at, struct question *q)
{
    static const char *const phrases[] = {"Is the %s plain, striped, dotted or checkered?",
                                          "What pattern does the %s have: plain, striped, dotted or checkered?",
                                          "Plain, striped, dotted or checkered: what is the %s?",
                                          "Which of plain, striped, dotted, checkered fits the %s?", NULL};
    char name[SL_MAX_SAID];
    const struct sl_scene_object *o = &t->scene.objects[at];
    FILL(q->text, phrases, sl_scene_say(o, 0, name));
    snprintf(q->answer, sizeof q->answer, "%s", sl_texture_name(o->texture));
    for (int i = 0, k = 0; i < SL_N_TEXTURES; i++)
        if (i != (int)o->texture) snprintf(q->others[k++], sizeof q->others[0], "%s", sl_texture_name((sl_texture)i));
    q->chance = 1.0 / SL_N_TEXTURES;
}

/* The kind of what is nearest to another in the scene; false when it is not plain which. */
static bool ask_nearest(struct sl_scene_task *t, int at, struct question *q)
{
    static const char *const phrases[] = {"What is nearest to the %s?", "Which object is closest to the %s?",
                                          "What lies next to the %s, nearer than all others?",
                                          "Name the thing that is closest to the %s.", NULL};
    const struct sl_scene *s = &t->scene;
    double first = INFINITY, second = INFINITY;
    int nearest = -1, n_kinds;
    for (int i = 0; i < s->n; i++) {
        double d = hypot(s->objects[i].x - s->objects[at].x, s->objects[i].y - s->objects[at].y);
        if (i == at) continue;
        if (d < first)
            second = first, first = d, nearest = i;
        else if (d < second)
            second = d;
    }
    if (nearest < 0 || second < 1.25 * first) return false;
    const struct sl_scene_kind *kinds = sl_scene_kinds(&n_kinds);
    char name[SL_MAX_SAID];
    FILL(q->text, phrases, sl_scene_say(&s->objects[at], 0, name));
    snprintf(q->answer, sizeof q->answer, "%s", kinds[s->objects[nearest].kind].name);
    for (int i = 0; i < MAX_OPTIONS - 1; i++) do
            snprintf(q->others[i], sizeof q->others[i], "%s", kinds[sl_synth_int(t->r, 0, n_kinds - 1)].name);
        while (is_repeated(q, i));
    q->chance = 1.0 / n_kinds;
    return true;
}

/* The kind of the only thing of a colour. */
static bool ask_kind(struct sl_scene_task *t, int at, struct question *q)
{
    static const char *const phrases[] = {"What is the %s object?", "Which thing is %s?", "What is coloured %s here?",
                                          "Name the %s thing.", NULL};
    int n, n_basic, n_kinds;
    struct sl_scene_object like = SL_SCENE_ANY;
    like.colour = t->scene.objects[at].colour;
    if (sl_scene_count(&t->scene, &like) != 1) return false;
    const struct sl_scene_kind *kinds = sl_scene_kinds(&n_kinds);
    FILL(q->text, phrases, sl_colours(&n, &n_basic)[like.colour].name);
    snprintf(q->answer, sizeof q->answer, "%s", kinds[t->scene.objects[at].kind].name);
    for (int i = 0; i < MAX_OPTIONS - 1; i++) do
            snprintf(q->others[i], sizeof q->others[i], "%s", kinds[sl_synth_int(t->r, 0, n_kinds - 1)].name);
        while (is_repeated(q, i));
    q->chance = 1.0 / n_kinds;
    return true;
}

static bool ask(struct sl_scene_task *t, int form, int at, struct question *q)
{
    switch (form) {
    case 0:
        ask_colour(t, at, q);
        return true;
    case 1:
        return ask_nearest(t, at, q);
    case 2:
        return ask_kind(t, at, q);
    default:
        ask_texture(t, at, q);
        return true;
    }
}

static void offer_options(struct sl_scene_task *t, const struct question *q)
{
    static const char *const ends[] = {"Answer with the letter.", "Choose one letter.", "Which letter is right?",
                                       "Reply with a single letter.", NULL};
    int order[MAX_OPTIONS], right = 0;
    json_t *options = json_array();
    sl_synth_shuffle(t->r, order, MAX_OPTIONS);
    sl_synth_user(t->out, "%s\n", q->text);
    for (int i = 0; i < MAX_OPTIONS; i++) {
        const char *text = order[i] == 0 ? q->answer : q->others[order[i] - 1];
        if (order[i] == 0) right = i;
        sl_synth_user(t->out, "%c. %s\n", 'A' + i, text);
        json_array_append_new(options, json_string(text));
    }
    sl_synth_user(t->out, "%s", sl_synth_phrase(t->r, ends));
    sl_scenes_think_list(t);
    sl_synth_think(t->out, "It is %s, which is option %c.", q->answer, 'A' + right);
    sl_synth_answer(t->out, "%c", 'A' + right);
    sl_synth_truth(t->out, "checker", json_string("choice"));
    sl_synth_truth(t->out, "answer", json_sprintf("%c", 'A' + right));
    sl_synth_truth(t->out, "options", options);
    sl_synth_truth(t->out, "chance", json_real(1.0 / MAX_OPTIONS));
}

/* Asks and answers it without options. */
static void say_open(struct sl_scene_task *t, const struct question *q)
{
    static const char *const ends[] = {"", " Answer with a word or two.", " Answer briefly.",
                                       " A short answer, please.", NULL};
    sl_synth_user(t->out, "%s%s", q->text, sl_synth_phrase(t->r, ends));
    sl_scenes_think_list(t);
    sl_synth_think(t->out, "The answer is: %s.", q->answer);
    sl_synth_answer(t->out, "%s", q->answer);
    sl_synth_truth(t->out, "checker", json_string("exact"));
    sl_synth_truth(t->out, "answer", json_string(q->answer));
    sl_synth_truth(t->out, "chance", json_real(q->chance));
}

/* Returns a form of question that scenes of the request's level can be asked. */
static int draw_form(const struct sl_synth_request *r)
{
    return sl_synth_int(r, 0, r->level >= 1 ? 3 : 2);
}

sl_status sl_scenes_question(struct sl_scene_task *t, bool choice)
{
    struct question q = {.text = ""};
    int form = draw_form(t->r), at;
    bool found = false;
    for (int i = 0; i < MAX_TRIES && !found; i++) {
        sl_status status = compose_unique(t, &at);
        if (status) return status;
        found = ask(t, form, at, &q);
    }
    sl_status status = found ? sl_scene_task_show(t) : sl_fail(t->err, SL_ERR_ARGUMENT, "no scene to ask about");
    if (status) return status;
    if (choice)
        offer_options(t, &q);
    else
        say_open(t, &q);
    return SL_OK;
}

bool sl_scenes_ask_open(struct sl_scene_task *t, int at)
{
    struct question q = {.text = ""};
    if (!ask(t, draw_form(t->r), at, &q)) return false;
    say_open(t, &q);
    return true;
}

/* --- what is not there ---------------------------------------------------------------------------------------- */

sl_status sl_scenes_absent(struct sl_scene_task *t)
{
    static const char *const phrases[] = {"What colour is the %s? If there is none, say \"not in the picture\".",
                                          "Name the colour of the %s, or answer \"not in the picture\".",
                                          "Which colour does the %s have? Say \"not in the picture\" where that is so.",
                                          "The %s: what is its colour? It may be \"not in the picture\".", NULL};
    static const char *const denials[] = {"Not in the picture.", "Not in the picture", NULL};
    int at, n, n_basic, n_kinds;
    sl_status status = compose_unique(t, &at);
    if (!status) status = sl_scene_task_show(t);
    if (status) return status;
    struct sl_scene_object like = SL_SCENE_ANY;
    bool there = sl_synth_chance(t->r, 0.5);
    sl_scene_kinds(&n_kinds);
    like.kind = t->scene.objects[at].kind;
    while (!there && sl_scene_count(&t->scene, &like)) like.kind = sl_synth_int(t->r, 0, n_kinds - 1);
    char name[SL_MAX_SAID], question[MAX_TEXT];
    sl_scene_say(&like, 0, name);
    FILL(question, phrases, name);
    const char *answer =
        there ? sl_colours(&n, &n_basic)[t->scene.objects[at].colour].name : sl_synth_phrase(t->r, denials);
    sl_synth_user(t->out, "%s", question);
    sl_scenes_think_list(t);
    sl_synth_think(t->out, there ? "The %s is there." : "There is no %s among them.", name);
    sl_synth_answer(t->out, "%s", answer);
    sl_synth_truth(t->out, "checker", json_string("exact"));
    sl_synth_truth(t->out, "answer", json_string(there ? answer : "not in the picture"));
    sl_synth_truth(t->out, "chance", json_real(0.5));
    return SL_OK;
}
