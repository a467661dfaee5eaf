/*
 * scenes.c: the family "scenes": captions, picture-text documents and questions about composed scenes.
 */
#include "synth/families.h"
#include "synth/scenes.h"

#include <stdio.h>
#include <string.h>

enum task { CAPTION, DENSE, DOCUMENT, YES_NO, QUESTION, CHOICE, ABSENT, DIALOGUE, N_TASKS };

static const char *const tasks[N_TASKS] = {"caption",  "dense-caption", "document", "yes-no",
                                           "question", "choice",        "absent",   "dialogue"};

struct sl_scene_options sl_scenes_options(const struct sl_synth_request *r)
{
    static const int least[] = {2, 4, 7, 10}, most[] = {4, 7, 11, 18};
    return (struct sl_scene_options){.n = sl_synth_int(r, least[r->level], most[r->level]),
                                     .sizes = r->level == 1 || r->level == 2,
                                     .textures = r->level >= 1,
                                     .similar = r->level >= 2,
                                     .overlap = r->level >= 3,
                                     .tilt = r->level >= 1 ? 0.22 : 0};
}

static void all_from_left(const struct sl_scene *s, int order[SL_SCENE_MAX_OBJECTS])
{
    for (int i = 0; i < s->n; i++) order[i] = i;
    sl_scene_sort_from_left(s, order, s->n);
}

void sl_scenes_think_list(struct sl_scene_task *t)
{
    static const char *const openings[] = {"I look at what is there: ", "In the picture I find ", "There is ",
                                           "Going through the picture: ", NULL};
    char name[SL_MAX_SAID];
    const struct sl_scene *s = &t->scene;
    sl_synth_think(t->out, "%s", sl_synth_phrase(t->r, openings));
    int order[SL_SCENE_MAX_OBJECTS];
    all_from_left(s, order);
    for (int i = 0; i < s->n; i++) {
        const struct sl_scene_object *o = &s->objects[order[i]];
        sl_synth_think(t->out, "%s%s %s",
                       i == 0          ? ""
                       : i == s->n - 1 ? " and "
                                       : ", ",
                       sl_scene_say(o, SL_SAY_COLOUR | SL_SAY_TEXTURE | SL_SAY_ARTICLE, name), sl_scene_where(s, o));
    }
    sl_synth_think(t->out, ". ");
}

/* --- captions ------------------------------------------------------------------------------------------------- */

/* The truth of a caption: kinds and colours that it names, and kinds that it must not. */
static void caption_truth(struct sl_scene_task *t)
{
    int n_kinds, n_colours, n_basic, n_wrong = 0;
    const struct sl_scene_kind *kinds = sl_scene_kinds(&n_kinds);
    const struct sl_colour *colours = sl_colours(&n_colours, &n_basic);
    json_t *right = json_array(), *wrong = json_array();
    for (int k = 0; k < n_kinds; k++) {
        struct sl_scene_object like = SL_SCENE_ANY;
        like.kind = k;
        if (sl_scene_count(&t->scene, &like))
            json_array_append_new(right, json_pack("[s,s]", kinds[k].name, kinds[k].plural));
        else if (n_wrong++ < 12)
            json_array_append_new(wrong, json_pack("[s,s]", kinds[k].name, kinds[k].plural));
    }
    for (int c = 0; c < n_colours; c++) {
        struct sl_scene_object like = SL_SCENE_ANY;
        like.colour = c;
        if (sl_scene_count(&t->scene, &like)) json_array_append_new(right, json_string(colours[c].name));
    }
    sl_synth_truth(t->out, "checker", json_string("mentions"));
    sl_synth_truth(t->out, "answer", right);
    sl_synth_truth(t->out, "wrong", wrong);
    sl_synth_truth(t->out, "threshold", json_real(0.8));
}

/* "a red star, a blue mug and an ...", from left to right. */
static void say_list(struct sl_scene_task *t, unsigned flags)
{
    char name[SL_MAX_SAID];
    int order[SL_SCENE_MAX_OBJECTS];
    const struct sl_scene *s = &t->scene;
    all_from_left(s, order);
    for (int i = 0; i < s->n; i++)
        sl_synth_answer(t->out, "%s%s",
                        i == 0          ? ""
                        : i == s->n - 1 ? " and "
                                        : ", ",
                        sl_scene_say(&s->objects[order[i]], flags, name));
}

static const char *ground_name(const struct sl_scene *s)
{
    static const char *const names[] = {"an even background",    "a background that shades from top to bottom",
                                        "a floor before a wall", "a blotched background",
                                        "squared paper",         "a speckled background",
                                        "a background of bands", "ruled paper"};
    return names[s->background];
}

static void say_relation(struct sl_scene_task *t, const struct sl_scene_object *a, const struct sl_scene_object *b)
{
    char x[SL_MAX_SAID], y[SL_MAX_SAID];
    double dx = b->x - a->x, dy = b->y - a->y;
    bool level = dx * dx > dy * dy;
    const char *where = level ? dx > 0 ? "to the left of" : "to the right of" : dy > 0 ? "above" : "below";
    sl_synth_answer(t->out, " The %s is %s the %s.", sl_scene_say(a, SL_SAY_COLOUR, x), where,
                    sl_scene_say(b, SL_SAY_COLOUR, y));
}

/* How many there are, then each with its look and place, from left to right, then how neighbours lie. */
static void say_objects(struct sl_scene_task *t, bool sizes)
{
    const unsigned flags = SL_SAY_COLOUR | SL_SAY_TEXTURE | SL_SAY_ARTICLE | (sizes ? SL_SAY_SIZE : 0);
    char number[16], name[SL_MAX_SAID];
    int order[SL_SCENE_MAX_OBJECTS];
    const struct sl_scene *s = &t->scene;
    all_from_left(s, order);
    sl_synth_answer(t->out, "On %s there %s %s object%s.", ground_name(s), s->n == 1 ? "is" : "are",
                    sl_scene_number(s->n, number), s->n == 1 ? "" : "s");
    for (int i = 0; i < s->n; i++) {
        const struct sl_scene_object *o = &s->objects[order[i]];
        sl_synth_answer(t->out, " There is %s %s%s.", sl_scene_say(o, flags, name), sl_scene_where(s, o),
                        o->visible < 0.85 ? ", partly hidden" : "");
    }
    for (int i = 0; i + 1 < s->n && i < 3; i++) say_relation(t, &s->objects[order[i]], &s->objects[order[i + 1]]);
}

static sl_status make_caption(struct sl_scene_task *t, bool dense)
{
    static const char *const shortly[] = {"Describe the picture in one sentence.",
                                          "What does the picture show? Answer briefly.",
                                          "Write a short caption for this image.",
                                          "Give a one-line description of the picture.",
                                          "Caption this image.",
                                          "In a few words: what is shown?",
                                          "Summarise the image in one sentence.",
                                          "What can be seen here? One sentence is enough.",
                                          NULL};
    static const char *const fully[] = {"Describe the picture in detail.",
                                        "Give a full description of the image: every object, its look and its place.",
                                        "What does the picture show? Be thorough.",
                                        "List everything in this image and say where it is.",
                                        "Write a detailed caption.",
                                        "Tell me all that you see here, with places and colours.",
                                        "Describe this image so that somebody could draw it.",
                                        "Give a complete account of what is shown.",
                                        NULL};
    static const char *const begin_short[] = {"", "The picture shows ", "There is ", "This is a picture of ", NULL};
    struct sl_scene_options o = sl_scenes_options(t->r);
    if (!dense && o.n > 8) o.n = 8;
    sl_status status = sl_scene_task_compose(t, &o);
    if (!status) status = sl_scene_task_show(t);
    if (status) return status;
    sl_synth_user(t->out, "%s", sl_synth_phrase(t->r, dense ? fully : shortly));
    if (!dense) {
        const char *begin = sl_synth_phrase(t->r, begin_short);
        sl_synth_answer(t->out, "%s", begin);
        say_list(t, SL_SAY_COLOUR | SL_SAY_ARTICLE);
        sl_synth_answer(t->out, ".");
    } else {
        say_objects(t, o.sizes);
    }
    caption_truth(t);
    return SL_OK;
}

/* --- documents ------------------------------------------------------------------------------------------------ */

enum { MAX_PAGES = 5 };

static const char *ordinal(int i)
{
    static const char *const words[] = {"first", "second", "third", "fourth", "fifth"};
    return words[i];
}

/* Adds a page's picture, of one or two objects, the first of kind `kind`. */
static sl_status add_page(struct sl_scene_task *t, int kind, struct sl_scene_object *shown)
{
    struct sl_scene_object wanted = SL_SCENE_ANY;
    struct sl_scene_options o = {
        .n = 1, .least = 0.16, .most = 0.3, .textures = t->r->level >= 2, .wanted = &wanted, .n_wanted = 1};
    int side = t->r->width ? t->r->width / 2 : sl_synth_int(t->r, 140, 224);
    if (side < 112) side = 112;
    wanted.kind = kind;
    sl_status status = sl_scene_compose(t->brush, t->r, side, side, &o, &t->scene, t->err);
    if (!status) status = sl_scene_task_show(t);
    *shown = t->scene.objects[0];
    return status;
}

/* A document of pictures with a line each; the question asks for a page by its picture, or for the line that is wrong.
 */
static sl_status make_document(struct sl_scene_task *t)
{
    static const char *const lines[] = {"Picture %d shows %s.\n", "%d. Here you see %s.\n", "Page %d: %s.\n",
                                        "Figure %d. This is %s.\n", NULL};
    static const char *const which_picture[] = {"In which of the pictures is there %s?", "Which picture shows %s?",
                                                "Find the picture with %s.", "Where is %s: in which picture?", NULL};
    static const char *const which_line[] = {
        "The text is wrong about one of the pictures. Which one?", "One line does not fit its picture. Which?",
        "Which picture is described wrongly?", "For which picture is the text untrue?", NULL};
    struct sl_scene_object shown[MAX_PAGES];
    char name[SL_MAX_SAID];
    int n_kinds, order[64], n = 3 + (t->r->level > 0) + (t->r->level > 2), asked = sl_synth_int(t->r, 0, n - 1);
    bool find_wrong = sl_synth_chance(t->r, 0.5);
    sl_scene_kinds(&n_kinds);
    sl_synth_shuffle(t->r, order, n_kinds);
    const char *line = sl_synth_phrase(t->r, lines);
    for (int i = 0; i < n; i++) {
        sl_status status = add_page(t, order[i], &shown[i]);
        if (status) return status;
        struct sl_scene_object said = shown[i];
        if (find_wrong && i == asked) said.kind = order[n + i];
        sl_scene_say(&said, SL_SAY_COLOUR | SL_SAY_ARTICLE, name);
        /* Without text the picture itself must be looked at. */
        if (find_wrong) {
            char text[SL_MAX_SAID + 64];
            snprintf(text, sizeof text, line, i + 1, name);
            sl_synth_user(t->out, "%s", text);
        } else {
            sl_synth_user(t->out, "(%d)\n", i + 1);
        }
    }
    sl_scene_say(&shown[asked], SL_SAY_ARTICLE, name);
    char question[SL_MAX_SAID + 64];
    if (find_wrong)
        snprintf(question, sizeof question, "%s", sl_synth_phrase(t->r, which_line));
    else
        snprintf(question, sizeof question, sl_synth_phrase(t->r, which_picture), name);
    sl_synth_user(t->out, "%s Answer with its number.", question);
    for (int i = 0; i < n; i++)
        sl_synth_think(t->out, "Picture %d shows %s. ", i + 1,
                       sl_scene_say(&shown[i], SL_SAY_COLOUR | SL_SAY_ARTICLE, name));
    sl_synth_think(t->out, find_wrong ? "The text of the %s says something else." : "So it is the %s.", ordinal(asked));
    sl_synth_answer(t->out, "%d", asked + 1);
    sl_synth_truth(t->out, "checker", json_string("count"));
    sl_synth_truth(t->out, "answer", json_integer(asked + 1));
    sl_synth_truth(t->out, "chance", json_real(1.0 / n));
    return SL_OK;
}

/* --- the family ----------------------------------------------------------------------------------------------- */

static sl_status make_task(struct sl_scene_task *t)
{
    switch ((enum task)t->r->task) {
    case CAPTION:
        return make_caption(t, false);
    case DENSE:
        return make_caption(t, true);
    case DOCUMENT:
        return make_document(t);
    case YES_NO:
        return sl_scenes_yes_no(t);
    case QUESTION:
        return sl_scenes_question(t, false);
    case CHOICE:
        return sl_scenes_question(t, true);
    case ABSENT:
        return sl_scenes_absent(t);
    default:
        return sl_scenes_dialogue(t);
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
    if (!status && s->n_media && (!again.n_media || again.media[0].bytes.len != s->media[0].bytes.len))
        status = sl_fail(err, SL_ERR_FORMAT, "the same request made another picture");
    sl_synth_sample_release(&again);
    return status ? status : sl_scene_validate(state, &t.scene, 4, err);
}

const struct sl_synth_family sl_family_scenes = {
    .name = "scenes",
    .title = "composed scenes: captions, picture-text documents, questions, what is not there, dialogues",
    .tasks = tasks,
    .n_tasks = N_TASKS,
    .n_levels = 4,
    .open = sl_scene_brush_open,
    .close = sl_scene_brush_close,
    .make = make,
    .validate = validate,
};
