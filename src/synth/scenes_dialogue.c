/*
 * scenes_dialogue.c: several questions about one scene: what it is like, where things are and how many.
 *
 * Some kinds are there several times, to be counted and found together; each other question is about a thing whose kind
 * is its own, and no thing is asked about twice, so that no answer follows from those before it. The truth is that of
 * the last answer.
 */
#include "synth/grounding.h"
#include "synth/scenes.h"

enum { MAX_TURNS = 8, N_GROUPS = 2, MAX_TRIES = 40 };

/* A kind that is there n times, perhaps not at all. */
struct group {
    struct sl_scene_object like;
    int n;
};

struct dialogue {
    struct sl_scene_task *t;
    struct group groups[N_GROUPS];
    int n_turns, groups_asked;
    int single[SL_SCENE_MAX_OBJECTS]; /* objects of a kind of their own, in the order in which they are asked about */
    int n_single, singles_asked;
};

/* True for what would join a group. */
static bool joins(const void *arg, const struct sl_scene_object *o)
{
    const struct group *groups = arg;
    for (int g = 0; g < N_GROUPS; g++)
        if (o->kind == groups[g].like.kind) return true;
    return false;
}

static void draw_groups(struct dialogue *d)
{
    int n_kinds, order[64], most = sl_grounding_most(d->t->r);
    sl_scene_kinds(&n_kinds);
    sl_synth_shuffle(d->t->r, order, n_kinds);
    for (int g = 0; g < N_GROUPS; g++) {
        d->groups[g] = (struct group){.like = SL_SCENE_ANY, .n = sl_synth_int(d->t->r, 0, most)};
        d->groups[g].like.kind = order[g];
    }
}

/* Lists the objects whose kind is their own and which are seen well, in the order of the dice. */
static void find_single(struct dialogue *d)
{
    const struct sl_scene *s = &d->t->scene;
    int order[SL_SCENE_MAX_OBJECTS];
    sl_synth_shuffle(d->t->r, order, s->n);
    d->n_single = 0;
    for (int i = 0; i < s->n; i++) {
        struct sl_scene_object like = SL_SCENE_ANY;
        like.kind = s->objects[order[i]].kind;
        if (!joins(d->groups, &like) && sl_scene_count(s, &like) == 1 && s->objects[order[i]].visible > 0.7)
            d->single[d->n_single++] = order[i];
    }
}

static sl_status compose(struct dialogue *d)
{
    struct sl_scene_task *t = d->t;
    struct sl_scene_object wanted[N_GROUPS * SL_GROUNDING_MAX_TARGETS];
    struct sl_scene_options o = sl_scenes_options(t->r);
    int n = 0, others = o.n;
    draw_groups(d);
    for (int g = 0; g < N_GROUPS; g++)
        for (int i = 0; i < d->groups[g].n; i++) wanted[n++] = d->groups[g].like;
    o.sizes = false; /* many things do not fit in three sizes that are told apart */
    o.overlap = t->r->level >= 2;
    o.n = n + others;
    o.wanted = wanted;
    o.n_wanted = n;
    o.refuses = joins;
    o.arg = d->groups;
    return sl_scene_task_compose(t, &o);
}

/* Asks how many there are of a group, or where. */
static sl_status ask_group(struct dialogue *d)
{
    const struct group *g = &d->groups[d->groups_asked++];
    bool point = sl_synth_chance(d->t->r, 0.5);
    if (g->n == 0 || sl_synth_chance(d->t->r, 0.6))
        return sl_grounding_ask_count(d->t, &g->like, sl_grounding_most(d->t->r), point);
    return sl_grounding_ask(d->t, &g->like, true, point);
}

/* Asks about the next thing of its own kind; *asked says whether the question that was drawn was possible. */
static sl_status ask_single(struct dialogue *d, bool *asked)
{
    int at = d->single[d->singles_asked++];
    struct sl_scene_object like = SL_SCENE_ANY;
    *asked = true;
    switch (sl_synth_int(d->t->r, 0, 3)) {
    case 0:
        *asked = sl_scenes_ask_yes_no(d->t, at);
        return SL_OK;
    case 1:
        *asked = sl_scenes_ask_open(d->t, at);
        return SL_OK;
    default:
        like.kind = d->t->scene.objects[at].kind;
        if (sl_synth_chance(d->t->r, 0.5)) like.colour = d->t->scene.objects[at].colour;
        return sl_grounding_ask(d->t, &like, false, sl_synth_chance(d->t->r, 0.5));
    }
}

/* One question and its answer, if there is anything left to ask about. */
static sl_status ask_next(struct dialogue *d)
{
    bool asked = false;
    sl_status status = SL_OK;
    while (!asked && !status) {
        int groups = N_GROUPS - d->groups_asked, singles = d->n_single - d->singles_asked;
        if (!groups && !singles) break;
        if (sl_synth_int(d->t->r, 0, singles + groups - 1) >= singles) return ask_group(d);
        status = ask_single(d, &asked);
    }
    return status;
}

/* The same; the truth becomes that of the new answer. */
static sl_status turn(struct dialogue *d)
{
    struct sl_synth_sample *s = d->t->out;
    json_t *before = s->truth;
    s->truth = NULL;
    sl_status status = ask_next(d);
    if (s->truth)
        json_decref(before);
    else
        s->truth = before;
    return status;
}

sl_status sl_scenes_dialogue(struct sl_scene_task *t)
{
    struct dialogue d = {.t = t, .n_turns = sl_synth_int(t->r, 3, MAX_TURNS)};
    sl_status status = SL_OK;
    for (int i = 0; i < MAX_TRIES && d.n_single < 2 && !status; i++) {
        status = compose(&d);
        if (!status) find_single(&d);
    }
    if (!status && d.n_single < 2) status = sl_fail(t->err, SL_ERR_ARGUMENT, "no scene with things that can be named");
    if (!status) status = sl_scene_task_show(t);
    for (int i = 0; i < d.n_turns && !status; i++) status = turn(&d);
    return status;
}
