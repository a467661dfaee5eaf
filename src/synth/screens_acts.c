/*
 * screens_acts.c: what actions do to a page: captions of changes, and traces of steps. Each action is done in the
 * browser, so that the next picture shows what really follows.
 */
#include "synth/screens_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One step: its action as the answer language has it, and what the truth says of it. */
struct step {
    struct sl_answer_action action;
    char text[80];
    char thought[256];
    struct sl_screen_box box, end; /* where points may lie */
};

static sl_status perform(struct sl_screen_scene *s, const struct step *t, sl_error *err)
{
    sl_status status = sl_scene_begin(s, err);
    if (!status) status = sl_screen_act(sl_browser_screen(s->browser), &t->action, t->text, strlen(t->text), NULL, err);
    s->live = false;
    return status ? status : sl_scene_look(s, err);
}

/* Places a click on the middle of an element. */
static void aim(struct sl_screen_scene *s, const struct sl_element *e, struct step *t)
{
    t->box = sl_screen_box_of(e->box, sl_browser_screen(s->browser));
    t->action = (struct sl_answer_action){.kind = SL_ACTION_CLICK};
    int x = (t->box.x1 + t->box.x2) / 2, y = (t->box.y1 + t->box.y2) / 2;
    t->action.x = x;
    t->action.y = y;
}

/* True for controls whose click shows on the page. */
static bool changes(const struct sl_control *c)
{
    switch (c->kind) {
    case SL_CONTROL_CHECKBOX:
    case SL_CONTROL_SWITCH:
    case SL_CONTROL_MENU:
        return true;
    case SL_CONTROL_TAB:
        return !c->on;
    default:
        return c->effect != SL_EFFECT_NONE;
    }
}

/* Appends what a click on the control changes, as a sentence, and the words that tell it. */
static void tell_change(const struct sl_control *c, struct sl_synth_sample *out)
{
    json_t *words = json_array(), *wrong = json_array();
    if (c->kind == SL_CONTROL_CHECKBOX || c->kind == SL_CONTROL_SWITCH) {
        sl_synth_answer(out, "The %s \"%s\" in %s was turned %s.", sl_control_kind_name(c->kind), c->name, c->where,
                        c->on ? "off" : "on");
        json_array_append_new(words, json_string(c->on ? "off" : "on"));
        json_array_append_new(wrong, json_string(c->on ? "turned on" : "turned off"));
        json_array_append_new(words, json_string(c->name));
    } else if (c->kind == SL_CONTROL_TAB) {
        sl_synth_answer(out, "The tab \"%s\" was selected, and the page now shows \"%s\".", c->name, c->shown);
        json_array_append_new(words, json_string(c->name));
        json_array_append_new(words, json_string(c->shown));
    } else if (c->kind == SL_CONTROL_MENU) {
        sl_synth_answer(out, "The menu \"%s\" was opened; it has the entries %s.", c->name, c->shown);
        json_array_append_new(words, json_string(c->name));
        json_array_append_new(words, json_string(c->shown));
    } else {
        sl_synth_answer(out, "The message \"%s\" appeared at the bottom", c->shown);
        json_array_append_new(words, json_string(c->shown));
        if (c->effect == SL_EFFECT_COUNT) sl_synth_answer(out, ", and the number beside the cart went from 0 to 1");
        if (c->effect == SL_EFFECT_REMOVE) sl_synth_answer(out, ", and %s disappeared", c->where);
        sl_synth_answer(out, ".");
        if (c->effect == SL_EFFECT_REMOVE) json_array_append_new(words, json_string("disappeared"));
    }
    sl_synth_truth(out, "checker", json_string("mentions"));
    sl_synth_truth(out, "answer", words);
    sl_synth_truth(out, "wrong", wrong);
}

sl_status sl_screens_change(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    static const char *const asks[] = {"These are pictures of a screen before and after one action. What changed?",
                                       "Compare the two screens: what did the action between them change?",
                                       "Describe what happened between the first screen and the second.",
                                       "The second picture was taken after a click. What is different?", NULL};
    const struct sl_synth_request *r = s->page->r;
    const char *ask = sl_synth_phrase(r, asks);
    int order[SL_PAGE_MAX_CONTROLS], i = -1;
    struct step t = {0};
    sl_synth_shuffle(r, order, s->page->n);
    for (int k = 0; k < s->page->n && i < 0; k++)
        if (changes(&s->page->controls[order[k]]) && sl_scene_whole(s, order[k])) i = order[k];
    if (i < 0) return sl_fail(err, SL_ERR_ARGUMENT, "nothing on the screen changes when it is clicked");
    const struct sl_control *c = &s->page->controls[i];
    aim(s, sl_scene_whole(s, i), &t);
    bool tell_where = sl_synth_chance(r, 0.5);
    sl_status status = sl_scene_picture(s, out, err);
    if (!status) status = perform(s, &t, err);
    if (!status) status = sl_scene_picture(s, out, err);
    if (status) return status;
    sl_synth_user(out, "%s", ask);
    if (tell_where) sl_synth_user(out, " The click was at <point>%g %g</point>.", t.action.x, t.action.y);
    sl_synth_think(out, "The click went to the %s in %s, which serves to %s.", sl_control_kind_name(c->kind), c->where,
                   c->does);
    tell_change(c, out);
    return SL_OK;
}

/* --- traces ------------------------------------------------------------------------------------------------------ */

enum { MAX_GOALS = 3, MAX_STEPS = 8 };

/* What is to be done, control by control. */
struct trace {
    int goals[MAX_GOALS];
    char text[MAX_GOALS][40]; /* what to type */
    int value[MAX_GOALS];     /* where to drag to */
    int n;
};

static bool can_do(const struct sl_control *c)
{
    if (c->kind == SL_CONTROL_SELECT || !c->does[0]) return false;
    if (c->kind == SL_CONTROL_FIELD) return c->shown[0] == '\0';
    return c->kind == SL_CONTROL_SLIDER || c->kind == SL_CONTROL_LINK || c->kind == SL_CONTROL_ICON || changes(c);
}

/* Chooses controls that do not get in each other's way; what must be last comes last. */
static void choose_goals(struct sl_screen_scene *s, struct trace *t)
{
    static const char *const typed[] = {"Amelia", "Bergen", "Hudson", "Pine Road 7", "Santos", "green.tea", "Kowalski"};
    const struct sl_synth_request *r = s->page->r;
    int order[SL_PAGE_MAX_CONTROLS], want = sl_synth_int(r, 1, 1 + (r->level > 1 ? 2 : r->level)), fields = 0;
    bool ended = false;
    sl_synth_shuffle(r, order, s->page->n);
    for (int k = 0; k < s->page->n && t->n < want; k++) {
        const struct sl_control *c = &s->page->controls[order[k]];
        bool last = c->last || c->effect == SL_EFFECT_REMOVE;
        if (!can_do(c) || (last && (t->n + 1 < want || ended)) || (c->kind == SL_CONTROL_FIELD && fields > 1)) continue;
        ended = last;
        fields += c->kind == SL_CONTROL_FIELD;
        snprintf(t->text[t->n], sizeof t->text[0], "%s", typed[(order[k] + fields) % 7]);
        t->value[t->n] = c->value < 50 ? sl_synth_int(r, c->value + 25, 95) : sl_synth_int(r, 5, c->value - 25);
        t->goals[t->n++] = order[k];
    }
}

/* Writes what one goal asks for. */
static void tell_goal(const struct sl_screen_scene *s, const struct trace *t, int g, char *out, size_t size)
{
    const struct sl_control *c = &s->page->controls[t->goals[g]];
    if (c->kind == SL_CONTROL_FIELD)
        snprintf(out, size, "enter \"%s\" in the field \"%s\"", t->text[g], c->name);
    else if (c->kind == SL_CONTROL_SLIDER)
        snprintf(out, size, "set \"%s\" to about %d %%", c->name, t->value[g]);
    else
        snprintf(out, size, "%s", c->does);
}

/* The next step towards goal g, part 0 or 1 of it; returns whether that was its last part. */
static bool next_step(struct sl_screen_scene *s, const struct trace *t, int g, int part, struct step *out)
{
    const struct sl_control *c = &s->page->controls[t->goals[g]];
    const struct sl_element *e = sl_scene_whole(s, t->goals[g]);
    const struct sl_screen *screen = sl_browser_screen(s->browser);
    *out = (struct step){0};
    if (c->kind == SL_CONTROL_FIELD && part == 1) {
        out->action.kind = SL_ACTION_TYPE;
        snprintf(out->text, sizeof out->text, "%s", t->text[g]);
        snprintf(out->thought, sizeof out->thought, "The field \"%s\" has the focus. I type the text.", c->name);
        return true;
    }
    if (!e) {
        out->action = (struct sl_answer_action){.kind = SL_ACTION_SCROLL, .x = 500, .y = 500};
        out->box = (struct sl_screen_box){0, 0, 999, 999};
        snprintf(out->thought, sizeof out->thought, "I have to %s, but that is not on the screen. I scroll down.",
                 c->does);
        return false;
    }
    aim(s, e, out);
    if (c->kind == SL_CONTROL_SLIDER) {
        /* The knob's middle goes from half a knob inside the left end to half a knob inside the right one. */
        double length = e->box[2] - e->box[0] - 16, y = (e->box[1] + e->box[3]) / 2;
        double from = e->box[0] + 8 + length * c->value / 100, to = e->box[0] + 8 + length * t->value[g] / 100;
        double slack = fmax(length * 0.04, 4);
        out->action.kind = SL_ACTION_DRAG;
        out->box = sl_screen_box_of((const double[4]){from - 8, e->box[1], from + 8, e->box[3]}, screen);
        out->end = sl_screen_box_of((const double[4]){to - slack, e->box[1] - 10, to + slack, e->box[3] + 10}, screen);
        out->action.x = sl_coordinate_from_pixel(from, screen->width);
        out->action.end_x = sl_coordinate_from_pixel(to, screen->width);
        out->action.y = out->action.end_y = sl_coordinate_from_pixel(y, screen->height);
        snprintf(out->thought, sizeof out->thought, "I drag the knob of \"%s\" to %d %% of its way.", c->name,
                 t->value[g]);
        return true;
    }
    snprintf(out->thought, sizeof out->thought, "To %s, I click the %s in %s.", c->does, sl_control_kind_name(c->kind),
             c->where);
    return c->kind != SL_CONTROL_FIELD;
}

/* Appends the step as an answer; it becomes the truth, that of the last one staying. */
static sl_status write_step(const struct step *t, struct sl_synth_sample *out, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(4096);
    sl_status status = sl_answer_print_action(&t->action, t->text, strlen(t->text), &text, err);
    if (!status) sl_synth_answer(out, "Thought: %s\nAction: %s", t->thought, sl_buf_str(&text));
    sl_buf_release(&text);
    json_t *truth = json_pack("{s:s}", "action", sl_action_name(t->action.kind));
    if (t->action.kind == SL_ACTION_TYPE) {
        json_object_set_new(truth, "text", json_string(t->text));
    } else if (t->action.kind != SL_ACTION_FINISHED) {
        json_object_set_new(truth, "box", sl_screen_box_json(t->box));
        if (t->action.kind == SL_ACTION_DRAG) json_object_set_new(truth, "end_box", sl_screen_box_json(t->end));
        if (t->action.kind == SL_ACTION_SCROLL) json_object_set_new(truth, "direction", json_string("down"));
    }
    sl_synth_truth(out, "checker", json_string("action"));
    sl_synth_truth(out, "answer", json_pack("[o]", truth));
    return status;
}

static void write_task(struct sl_screen_scene *s, const struct trace *t, struct sl_synth_sample *out)
{
    static const char *const asks[] = {
        "You act on a screen. Answer with what you think and one action.\nTask: ",
        "Work on the screen step by step; each answer is a Thought and an Action.\nTask: ",
        "Here is a screen. Say what to do next, as Thought: and Action:.\nTask: ",
        "You control this screen by actions such as click, type, scroll and drag.\nTask: ", NULL};
    char goal[256];
    sl_synth_user(out, "%s", sl_synth_phrase(s->page->r, asks));
    for (int g = 0; g < t->n; g++) {
        tell_goal(s, t, g, goal, sizeof goal);
        sl_synth_user(out, "%s%s", g ? ", then " : "", goal);
    }
    sl_synth_user(out, ".\n");
}

sl_status sl_screens_trace(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    const struct sl_synth_request *r = s->page->r;
    struct trace t = {0};
    choose_goals(s, &t);
    if (!t.n) return sl_fail(err, SL_ERR_ARGUMENT, "nothing can be done on the screen");
    int g = 0, part = 0, scrolls = 0;
    /* Some traces end before the task does: what is learned and checked is the step, not the end. */
    int most = sl_synth_int(r, 1, 2 + t.n), n = 0;
    bool finished = false;
    write_task(s, &t, out);
    for (sl_status status; n < most && !finished; n++) {
        struct step step = {
            .action.kind = SL_ACTION_FINISHED, .text = "Done.", .thought = "Everything that was asked for is done."};
        if ((status = sl_scene_picture(s, out, err)) != SL_OK) return status;
        finished = g == t.n;
        if (!finished) {
            bool done = next_step(s, &t, g, part, &step);
            if (step.action.kind == SL_ACTION_SCROLL && ++scrolls > 3)
                return sl_fail(err, SL_ERR_ARGUMENT, "a control is not reached by scrolling");
            part = done ? 0 : part + (step.action.kind != SL_ACTION_SCROLL);
            g += done;
        }
        if ((status = write_step(&step, out, err)) != SL_OK) return status;
        if (!finished && n + 1 < most && (status = perform(s, &step, err)) != SL_OK) return status;
    }
    return SL_OK;
}
