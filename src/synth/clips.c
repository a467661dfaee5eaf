/*
 * clips.c: what happens in a clip, and how it is told.
 */
#include "synth/clips.h"

#include <math.h>
#include <string.h>

static const char *const shapes[SL_CLIP_SHAPES] = {"circle", "square", "triangle", "star", "hexagon", "heart"};

/* Colours that stand out from every background of clips_draw.c. */
static const char *const colours[] = {"red", "blue", "green", "orange", "purple", "black", "brown", "pink"};
enum { N_COLOURS = sizeof colours / sizeof *colours };

/* What one repetition takes, and how often it is repeated; other kinds take some time between two bounds. */
static const struct {
    double least, most;
    bool repeats;
} kinds[SL_N_EVENT_KINDS] = {
    [SL_EVENT_MOVE] = {1.0, 2.5, false},      [SL_EVENT_GROW] = {1.0, 2.0, false},
    [SL_EVENT_SHRINK] = {1.0, 2.0, false},    [SL_EVENT_COLOUR] = {0.6, 1.0, false},
    [SL_EVENT_SPIN] = {1.2, 1.6, true},       [SL_EVENT_JUMP] = {1.0, 1.4, true},
    [SL_EVENT_BLINK] = {1.2, 1.4, true},      [SL_EVENT_APPEAR] = {0.5, 1.0, false},
    [SL_EVENT_DISAPPEAR] = {0.5, 1.0, false},
};

static double tenths(double x)
{
    return round(x * 10) / 10;
}

bool sl_clip_visible(const struct sl_clip *c, int actor, double seconds)
{
    bool visible = true;
    for (int i = 0; i < c->n_events; i++)
        if (c->events[i].actor == actor && c->events[i].kind == SL_EVENT_APPEAR) visible = false;
    for (int i = 0; i < c->n_events; i++) {
        const struct sl_clip_event *e = &c->events[i];
        if (e->actor != actor || e->end > seconds) continue;
        if (e->kind == SL_EVENT_APPEAR) visible = true;
        if (e->kind == SL_EVENT_DISAPPEAR) visible = false;
    }
    return visible;
}

int sl_clip_colour(const struct sl_clip *c, int actor, double seconds)
{
    int colour = c->actors[actor].colour;
    for (int i = 0; i < c->n_events; i++)
        if (c->events[i].actor == actor && c->events[i].kind == SL_EVENT_COLOUR && c->events[i].end <= seconds)
            colour = c->events[i].colour;
    return colour;
}

/* Whether an actor did or does something of that kind among the events so far. */
static bool did(const struct sl_clip *c, int actor, sl_event_kind kind)
{
    for (int i = 0; i < c->n_events; i++)
        if (c->events[i].actor == actor && c->events[i].kind == kind) return true;
    return false;
}

static bool did_anything(const struct sl_clip *c, int actor)
{
    for (int i = 0; i < c->n_events; i++)
        if (c->events[i].actor == actor) return true;
    return false;
}

/* Whether the event may follow those so far. */
static bool may_follow(const struct sl_clip *c, int actor, sl_event_kind kind, bool last)
{
    int gone = 0;
    for (int i = 0; i < c->n_actors; i++) gone += did(c, i, SL_EVENT_DISAPPEAR);
    if (did(c, actor, kind) || did(c, actor, SL_EVENT_DISAPPEAR)) return false;
    /* Somebody must stay for what comes. */
    if (kind == SL_EVENT_DISAPPEAR) return last || gone + 1 < c->n_actors;
    if (kind == SL_EVENT_APPEAR) return !did_anything(c, actor);
    if (kind == SL_EVENT_SHRINK) return !did(c, actor, SL_EVENT_GROW);
    if (kind == SL_EVENT_GROW) return !did(c, actor, SL_EVENT_SHRINK);
    return true;
}

static void add_event(const struct sl_synth_request *r, struct sl_clip *c, bool repeats, bool last)
{
    struct sl_clip_event e = {0};
    do {
        e.actor = sl_synth_int(r, 0, c->n_actors - 1);
        e.kind = (sl_event_kind)sl_synth_int(r, 0, SL_N_EVENT_KINDS - 1);
    } while ((repeats && !kinds[e.kind].repeats) || !may_follow(c, e.actor, e.kind, last));
    e.count = kinds[e.kind].repeats ? sl_synth_int(r, 1, 5) : 1;
    e.end = tenths(sl_synth_real(r, kinds[e.kind].least, kinds[e.kind].most)) * e.count;
    e.forward = c->actors[e.actor].at < 0.5;
    e.colour = (c->actors[e.actor].colour + sl_synth_int(r, 1, N_COLOURS - 1)) % N_COLOURS;
    c->events[c->n_events++] = e;
}

/* Gives the events their times: one after the other, with pauses. */
static void place_events(const struct sl_synth_request *r, struct sl_clip *c)
{
    /* Pauses by level; now and then a clip in which hardly anything happens for minutes. */
    static const double most[] = {1.2, 3, 9};
    double pause = r->level == 2 && sl_synth_chance(r, 0.1) ? 28 : most[r->level > 2 ? 2 : r->level], t = 0;
    for (int i = 0; i < c->n_events; i++) {
        struct sl_clip_event *e = &c->events[i];
        t += tenths(sl_synth_real(r, 0.5, pause));
        if (t + e->end > 176) t = 176 - e->end;
        e->start = tenths(t);
        e->end = t = tenths(t + e->end);
    }
    c->seconds = fmax(2, tenths(t + sl_synth_real(r, 0.5, pause)));
    if (c->seconds > 180) c->seconds = 180;
}

void sl_clip_compose(const struct sl_synth_request *r, int n_least, bool repeats, struct sl_clip *out)
{
    static const int sides[] = {224, 256, 288, 320}, rates[] = {8, 10, 6, 12};
    int shape[SL_CLIP_SHAPES], colour[N_COLOURS], n = sl_synth_int(r, 1, 2) + 2 * r->level;
    *out = (struct sl_clip){.width = r->width, .height = r->height};
    if (!out->width) out->width = sides[sl_synth_int(r, 0, 3)];
    if (!out->height) out->height = sides[sl_synth_int(r, 0, 3)];
    out->fps = rates[sl_synth_int(r, 0, 3)];
    out->upright = sl_synth_chance(r, 0.5);
    out->style = sl_synth_choose(r, 8);
    out->n_actors = sl_synth_int(r, 1 + (r->level > 0) + (n_least > 2), 2 + (r->level > 0) + (r->level > 1));
    if (out->n_actors > SL_CLIP_MAX_ACTORS) out->n_actors = SL_CLIP_MAX_ACTORS;
    sl_synth_shuffle(r, shape, SL_CLIP_SHAPES);
    sl_synth_shuffle(r, colour, N_COLOURS);
    for (int i = 0; i < out->n_actors; i++)
        out->actors[i] = (struct sl_clip_actor){shape[i], colour[i], sl_synth_chance(r, 0.5) ? 0.2 : 0.8};
    if (n < n_least) n = n_least;
    if (repeats) add_event(r, out, true, false);
    while (out->n_events < n) add_event(r, out, false, out->n_events + 1 == n);
    place_events(r, out);
}

void sl_clip_name(const struct sl_clip *c, int actor, double seconds, struct sl_buf *out)
{
    sl_buf_addf(out, "%s %s", colours[sl_clip_colour(c, actor, seconds)], shapes[c->actors[actor].shape]);
}

/* The verbs: third person, base form, what follows them, and another way to say it. */
static const struct {
    const char *third, *base, *rest, *also;
} verbs[SL_N_EVENT_KINDS] = {
    [SL_EVENT_MOVE] = {"moves", "move", "", "slides"},
    [SL_EVENT_GROW] = {"becomes", "become", " larger", "grows"},
    [SL_EVENT_SHRINK] = {"becomes", "become", " smaller", "shrinks"},
    [SL_EVENT_COLOUR] = {"turns", "turn", " ", "becomes"},
    [SL_EVENT_SPIN] = {"spins", "spin", " around itself", "rotates"},
    [SL_EVENT_JUMP] = {"jumps", "jump", "", "hops"},
    [SL_EVENT_BLINK] = {"blinks", "blink", "", "flashes"},
    [SL_EVENT_APPEAR] = {"appears", "appear", "", "shows up"},
    [SL_EVENT_DISAPPEAR] = {"disappears", "disappear", "", "vanishes"},
};

static const char *direction(const struct sl_clip *c, const struct sl_clip_event *e)
{
    if (c->upright) return e->forward ? "down" : "up";
    return e->forward ? "to the right" : "to the left";
}

void sl_clip_tell(const struct sl_clip *c, const struct sl_clip_event *e, bool base, struct sl_buf *out)
{
    sl_buf_addstr(out, "the ");
    sl_clip_name(c, e->actor, e->start, out);
    sl_buf_addf(out, " %s%s", base ? verbs[e->kind].base : verbs[e->kind].third, verbs[e->kind].rest);
    if (e->kind == SL_EVENT_MOVE) sl_buf_addf(out, " %s", direction(c, e));
    if (e->kind == SL_EVENT_COLOUR) sl_buf_addstr(out, colours[e->colour]);
}

json_t *sl_clip_words(const struct sl_clip *c, const struct sl_clip_event *e)
{
    struct sl_buf name = SL_BUF_INIT(256);
    sl_clip_name(c, e->actor, e->start, &name);
    json_t *words = json_pack("[s]", sl_buf_str(&name));
    sl_buf_release(&name);
    /* "larger" tells growing, whatever the verb. */
    const char *rest = verbs[e->kind].rest[0] ? verbs[e->kind].rest + 1 : "";
    const char *word = e->kind == SL_EVENT_GROW || e->kind == SL_EVENT_SHRINK ? rest : verbs[e->kind].third;
    json_array_append_new(words, json_pack("[s,s]", word, verbs[e->kind].also));
    if (e->kind == SL_EVENT_MOVE) json_array_append_new(words, json_string(direction(c, e)));
    if (e->kind == SL_EVENT_COLOUR) json_array_append_new(words, json_string(colours[e->colour]));
    return words;
}
