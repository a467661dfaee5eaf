/*
 * screens_ask.c: questions about one picture of a page: finding, describing, listing controls, and their state.
 *
 * A question must have one answer on the screen as it is: candidates are controls that are whole, and whose name, use
 * or place no other visible control shares.
 */
#include "synth/screens_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Returns a random control among those that fit, or -1. */
static int choose(const struct sl_screen_scene *s, bool (*fits)(const struct sl_screen_scene *s, int i))
{
    int order[SL_PAGE_MAX_CONTROLS];
    sl_synth_shuffle(s->page->r, order, s->page->n);
    for (int k = 0; k < s->page->n; k++)
        if (sl_scene_whole(s, order[k]) && fits(s, order[k])) return order[k];
    return -1;
}

static bool name_is_unique(const struct sl_screen_scene *s, int i)
{
    const struct sl_control *c = &s->page->controls[i];
    if (c->kind == SL_CONTROL_ICON) return false;
    for (int k = 0; k < s->page->n; k++)
        if (k != i && (s->at[k] >= 0 || s->covered[k]) && strcmp(s->page->controls[k].name, c->name) == 0) return false;
    return true;
}

static bool has_use(const struct sl_screen_scene *s, int i)
{
    return s->page->controls[i].does[0] != '\0';
}

static sl_status none_fits(sl_error *err)
{
    return sl_fail(err, SL_ERR_ARGUMENT, "no control on the screen fits the question");
}

/* What the three ways of finding have in common: the answer in one of three forms, asked for in words. */
static sl_status answer_place(struct sl_screen_scene *s, int i, const char *question, struct sl_synth_sample *out,
                              sl_error *err)
{
    static const char *const forms[] = {"Answer with a point as <point>x y</point>.",
                                        "Answer with its box as <bbox>x1 y1 x2 y2</bbox>.",
                                        "Answer with an action: Action: click(point='<point>x y</point>')"};
    const struct sl_synth_request *r = s->page->r;
    const struct sl_control *c = &s->page->controls[i];
    struct sl_screen_box b = sl_screen_box_of(s->elements.items[s->at[i]].box, sl_browser_screen(s->browser));
    int form = sl_synth_int(r, 0, 2), x = (b.x1 + b.x2) / 2, y = (b.y1 + b.y2) / 2;
    sl_status status = sl_scene_picture(s, out, err);
    if (status) return status;
    sl_synth_user(out, "%s %s", question, forms[form]);
    sl_synth_think(out,
                   "The page is %s. What is asked for is the %s%s%s%s in %s; it serves to %s. Its box is %d %d %d %d.",
                   s->page->title, sl_control_kind_name(c->kind), c->kind == SL_CONTROL_ICON ? "" : " \"",
                   c->kind == SL_CONTROL_ICON ? "" : c->name, c->kind == SL_CONTROL_ICON ? "" : "\"", c->where, c->does,
                   b.x1, b.y1, b.x2, b.y2);
    if (form == 1) {
        sl_synth_answer(out, "<bbox>%d %d %d %d</bbox>", b.x1, b.y1, b.x2, b.y2);
        sl_synth_truth(out, "checker", json_string("boxes"));
        sl_synth_truth(out, "answer", json_pack("[o]", sl_screen_box_json(b)));
        sl_synth_truth(out, "threshold", json_real(0.5));
    } else if (form == 0) {
        sl_synth_answer(out, "<point>%d %d</point>", x, y);
        sl_synth_truth(out, "checker", json_string("points"));
        sl_synth_truth(out, "answer", json_pack("[o]", sl_screen_box_json(b)));
    } else {
        sl_synth_answer(out, "Action: click(point='<point>%d %d</point>')", x, y);
        sl_synth_truth(out, "checker", json_string("action"));
        sl_synth_truth(out, "answer", json_pack("[{s:s, s:o}]", "action", "click", "box", sl_screen_box_json(b)));
    }
    return SL_OK;
}

sl_status sl_screens_find_text(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    static const char *const asks[][2] = {{"Where is the ", "?"},
                                          {"Find the ", "."},
                                          {"Locate the ", " on this screen."},
                                          {"Point out the ", "."},
                                          {"On this screen, find the ", "."}};
    char question[256];
    int i = choose(s, name_is_unique), k = sl_synth_choose(s->page->r, 5);
    if (i < 0) return none_fits(err);
    const struct sl_control *c = &s->page->controls[i];
    snprintf(question, sizeof question, "%s%s \"%s\"%s", asks[k][0], sl_control_kind_name(c->kind), c->name,
             asks[k][1]);
    return answer_place(s, i, question, out, err);
}

sl_status sl_screens_find_function(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    static const char *const before[] = {"Where do I have to click to ", "I want to ", "Which control is there to ",
                                         "Find what I need to ", "Show me where to "};
    static const char *const after[] = {"?", ". Where is the control for it?", "?", ".", "."};
    char question[256];
    int i = choose(s, has_use), k = sl_synth_choose(s->page->r, 5);
    if (i < 0) return none_fits(err);
    snprintf(question, sizeof question, "%s%s%s", before[k], s->page->controls[i].does, after[k]);
    return answer_place(s, i, question, out, err);
}

static double middle(const struct sl_screen_scene *s, int i, int axis)
{
    const double *b = s->elements.items[s->at[i]].box;
    return (b[axis] + b[axis + 2]) / 2;
}

/* Writes the place of control i among those of its kind along an axis, "third"; false when two are level or many. */
static bool ordinal(const struct sl_screen_scene *s, int i, int axis, char *out, size_t size)
{
    static const char *const words[] = {"first", "second", "third", "fourth", "fifth", "sixth"};
    int before = 0, n = 0;
    for (int k = 0; k < s->page->n; k++) {
        if (s->page->controls[k].kind != s->page->controls[i].kind) continue;
        if (s->covered[k]) return false;
        if (s->at[k] < 0) continue;
        double distance = middle(s, k, axis) - middle(s, i, axis);
        if (k != i && fabs(distance) < 6) return false;
        before += distance < 0;
        n++;
    }
    if (n < 2 || before >= 6) return false;
    snprintf(out, size, "%s", words[before]);
    return true;
}

static bool has_place(const struct sl_screen_scene *s, int i)
{
    char word[16];
    return ordinal(s, i, 1, word, sizeof word) || ordinal(s, i, 0, word, sizeof word);
}

sl_status sl_screens_find_place(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    static const char *const asks[] = {"Find", "Locate", "Where is", "Mark"};
    char question[256], word[16];
    int i = choose(s, has_place);
    if (i < 0) return sl_screens_find_function(s, out, err);
    bool down = ordinal(s, i, 1, word, sizeof word);
    if (!down) ordinal(s, i, 0, word, sizeof word);
    int k = sl_synth_choose(s->page->r, 4);
    snprintf(question, sizeof question, "%s the %s %s on the screen, counted from the %s%s", asks[k], word,
             sl_control_kind_name(s->page->controls[i].kind), down ? "top" : "left", k == 2 ? "?" : ".");
    return answer_place(s, i, question, out, err);
}

sl_status sl_screens_describe(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    static const char *const asks[] = {"What is at",
                                       "Describe the element at",
                                       "Which control is in",
                                       "What kind of element is marked by, and what is it for:",
                                       "Explain the control at",
                                       NULL};
    int i = choose(s, has_use);
    if (i < 0) return none_fits(err);
    const struct sl_control *c = &s->page->controls[i];
    const char *ask = sl_synth_phrase(s->page->r, asks);
    struct sl_screen_box b = sl_screen_box_of(s->elements.items[s->at[i]].box, sl_browser_screen(s->browser));
    sl_status status = sl_scene_picture(s, out, err);
    if (status) return status;
    sl_synth_user(out, "%s <bbox>%d %d %d %d</bbox>? Name its type, %swhere it is and what it is used for.", ask, b.x1,
                  b.y1, b.x2, b.y2, c->kind == SL_CONTROL_ICON ? "" : "its text, ");
    json_t *words = json_pack("[o, s, s]", sl_control_kind_words(c->kind), c->where, c->does);
    if (c->kind == SL_CONTROL_ICON) {
        sl_synth_answer(out, "It is an icon button without text, in %s. It is used to %s.", c->where, c->does);
    } else {
        sl_synth_answer(out, "It is the %s \"%s\" in %s. It is used to %s.", sl_control_kind_name(c->kind), c->name,
                        c->where, c->does);
        json_array_append_new(words, json_string(c->name));
    }
    sl_synth_truth(out, "checker", json_string("mentions"));
    sl_synth_truth(out, "answer", words);
    return SL_OK;
}

/* Counts the controls of a kind on the screen; *cut is set when one of them is not whole. */
static int count_kind(const struct sl_screen_scene *s, sl_control_kind kind, bool *cut)
{
    int n = 0;
    *cut = false;
    for (int i = 0; i < s->page->n; i++) {
        if (s->page->controls[i].kind != kind) continue;
        if (s->covered[i]) *cut = true;
        if (s->at[i] < 0) continue;
        n++;
        if (!sl_scene_whole(s, i)) *cut = true;
    }
    return n;
}

sl_status sl_screens_list(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    static const char *const asks[] = {"List every %",
                                       "Find all elements of this kind: %",
                                       "Give the boxes of each %",
                                       "Mark every %",
                                       "Name each %",
                                       NULL};
    int order[SL_N_CONTROLS], kind = -1;
    bool cut;
    sl_synth_shuffle(s->page->r, order, SL_N_CONTROLS);
    for (int k = 0; k < SL_N_CONTROLS && kind < 0; k++) {
        int n = order[k] == SL_CONTROL_ICON ? 0 : count_kind(s, (sl_control_kind)order[k], &cut);
        if (n >= 1 && n <= 16 && !cut) kind = order[k];
    }
    if (kind < 0) return none_fits(err);
    const char *ask = sl_synth_phrase(s->page->r, asks);
    sl_status status = sl_scene_picture(s, out, err);
    if (status) return status;
    sl_synth_user(out, "%.*s%s on the screen, with the text of each, as <text>…</text><bbox>…</bbox>, one a line.",
                  (int)strcspn(ask, "%"), ask, sl_control_kind_name((sl_control_kind)kind));
    json_t *boxes = json_array(), *labels = json_array();
    for (int i = 0; i < s->page->n; i++) {
        const struct sl_control *c = &s->page->controls[i];
        if ((int)c->kind != kind || s->at[i] < 0) continue;
        struct sl_screen_box b = sl_screen_box_of(s->elements.items[s->at[i]].box, sl_browser_screen(s->browser));
        sl_synth_answer(out, "%s<text>%s</text><bbox>%d %d %d %d</bbox>", json_array_size(boxes) ? "\n" : "", c->name,
                        b.x1, b.y1, b.x2, b.y2);
        json_array_append_new(boxes, sl_screen_box_json(b));
        json_array_append_new(labels, json_string(c->name));
    }
    sl_synth_truth(out, "checker", json_string("boxes"));
    sl_synth_truth(out, "answer", boxes);
    sl_synth_truth(out, "labels", labels);
    sl_synth_truth(out, "threshold", json_real(0.5));
    return SL_OK;
}

static bool has_state(const struct sl_screen_scene *s, int i)
{
    const struct sl_control *c = &s->page->controls[i];
    bool boolean = c->kind == SL_CONTROL_CHECKBOX || c->kind == SL_CONTROL_SWITCH;
    bool filled = (c->kind == SL_CONTROL_FIELD && *c->shown) || c->kind == SL_CONTROL_SELECT;
    return (boolean || filled || (c->kind == SL_CONTROL_TAB && c->on)) && name_is_unique(s, i);
}

/* A page without anything that has a state is asked about how many controls of a kind there are. */
static sl_status ask_count(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    bool cut;
    sl_control_kind kind = sl_synth_chance(s->page->r, 0.5) ? SL_CONTROL_BUTTON : SL_CONTROL_ICON;
    int n = count_kind(s, kind, &cut);
    if (cut) n = count_kind(s, kind = kind == SL_CONTROL_BUTTON ? SL_CONTROL_ICON : SL_CONTROL_BUTTON, &cut);
    if (cut) return none_fits(err);
    sl_status status = sl_scene_picture(s, out, err);
    if (status) return status;
    sl_synth_user(out, "How many %s are on the screen? Answer with a number.",
                  kind == SL_CONTROL_ICON ? "icon buttons" : "buttons with text, links aside,");
    sl_synth_answer(out, "%d", n);
    sl_synth_truth(out, "checker", json_string("count"));
    sl_synth_truth(out, "answer", json_integer(n));
    sl_synth_truth(out, "chance", json_real(0.15));
    return SL_OK;
}

sl_status sl_screens_state(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err)
{
    static const char *const asks[] = {"Is \"%s\" turned on?", "Look at the screen: is \"%s\" on?",
                                       "Is \"%s\" switched on or ticked?", "Does the screen show \"%s\" as on?"};
    int i = choose(s, has_state), k = sl_synth_choose(s->page->r, 4);
    if (i < 0) return ask_count(s, out, err);
    const struct sl_control *c = &s->page->controls[i];
    sl_status status = sl_scene_picture(s, out, err);
    if (status) return status;
    if (c->kind == SL_CONTROL_CHECKBOX || c->kind == SL_CONTROL_SWITCH) {
        const char *at = strstr(asks[k], "%s");
        sl_synth_user(out, "%.*s%s%s Answer yes or no.", (int)(at - asks[k]), asks[k], c->name, at + 2);
        sl_synth_think(out, "The %s \"%s\" is in %s, and it is %s.", sl_control_kind_name(c->kind), c->name, c->where,
                       c->on ? "on" : "off");
        sl_synth_answer(out, "%s", c->on ? "Yes" : "No");
        sl_synth_truth(out, "checker", json_string("yes-no"));
        sl_synth_truth(out, "answer", json_string(c->on ? "yes" : "no"));
        sl_synth_truth(out, "chance", json_real(0.5));
        return SL_OK;
    }
    if (c->kind == SL_CONTROL_TAB)
        sl_synth_user(out, "Which tab is selected? Answer with its name.");
    else
        sl_synth_user(out,
                      c->kind == SL_CONTROL_FIELD ? "What stands in the field \"%s\"? Answer with its text."
                                                  : "What is chosen in the list \"%s\"? Answer with its text.",
                      c->name);
    sl_synth_answer(out, "%s", c->kind == SL_CONTROL_TAB ? c->name : c->shown);
    sl_synth_truth(out, "checker", json_string("exact"));
    sl_synth_truth(out, "answer", json_string(c->kind == SL_CONTROL_TAB ? c->name : c->shown));
    sl_synth_truth(out, "chance", json_real(c->kind == SL_CONTROL_SELECT ? 0.25 : 0.12));
    return SL_OK;
}
