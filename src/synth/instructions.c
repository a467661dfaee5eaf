/*
 * instructions.c: the family of answers in a wanted form: what a picture shows or what is known, as JSON, lists,
 * tables, in capitals, in order, under rules. A regular expression checks the form, words the content.
 */
#include "synth/families.h"
#include "synth/instructions.h"
#include "synth/text_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum task { LIST, SORTED, COUNTS, FACT, RULES, N_TASKS };
static const char *const tasks[N_TASKS] = {"list", "sorted", "counts", "fact", "rules"};

enum { N_FORMS = 8 };

/* A way to write a list: what the user asks for, and what stands around the items. */
struct form {
    const char *wish;
    const char *open, *before, *between, *after, *close;
    bool numbered, capitals;
};

static const struct form forms[N_FORMS] = {
    {"Answer as a JSON array of strings and nothing else.", "[", "\"", ", ", "\"", "]", false, false},
    {"Answer as a numbered list: 1. and so on, one item a line.", "", "", "\n", "", "", true, false},
    {"Answer as bullet points that begin with \"- \", one item a line.", "", "- ", "\n", "", "", false, false},
    {"Answer in one line in capital letters, items separated by commas.", "", "", ", ", "", "", false, true},
    {"Answer in one line, items separated by semicolons, without any other "
     "text.",
     "", "", "; ", "", "", false, false},
    {"Put each item into <item> and </item>, all in one line.", "", "<item>", "", "</item>", "", false, false},
    {"Answer as a Markdown table with the one column \"item\".", "| item |\n|---|\n", "| ", "\n", " |", "", false,
     false},
    {"Begin with \"Items:\" and separate the items by \" / \".", "Items: ", "", " / ", "", "", false, false},
};

static void write_item(struct sl_buf *b, const struct form *f, int i, const char *text)
{
    if (f->numbered) sl_buf_addf(b, "%d. ", i + 1);
    sl_buf_addstr(b, f->before);
    for (const char *c = text; *c; c++) sl_buf_addch(b, f->capitals ? (char)toupper((unsigned char)*c) : *c);
    sl_buf_addstr(b, f->after);
}

static void write_list(struct sl_buf *b, const struct form *f, const struct sl_items *items)
{
    sl_buf_addstr(b, f->open);
    for (int i = 0; i < items->n; i++) {
        if (i) sl_buf_addstr(b, f->between);
        write_item(b, f, i, items->text[i]);
    }
    sl_buf_addstr(b, f->close);
}

/* Appends text as a pattern that matches it alone; spaces stand for any white
 * space. */
static void quote(struct sl_buf *b, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == ' ' || *c == '\n') {
            sl_buf_addstr(b, *c == ' ' ? "[ ]*" : "\\s*\\n\\s*");
            continue;
        }
        if (!isalnum((unsigned char)*c)) sl_buf_addch(b, '\\');
        sl_buf_addch(b, *c);
    }
}

/* The pattern of a form with n items of words and digits, or with exactly these
 * items in this order. */
static void pattern_of(struct sl_buf *b, const struct form *f, const struct sl_items *items, bool in_order)
{
    /* "red: 3" or "dark red star": no other punctuation, so that nothing else can
     * stand before an item. */
    bool counts = strchr(items->text[0], ':') != NULL;
    const char *letters = f->capitals ? "[A-Z][A-Z -]*" : "[A-Za-z][A-Za-z -]*";
    sl_buf_addstr(b, "\\A\\s*");
    quote(b, f->open);
    for (int i = 0; i < items->n; i++) {
        struct sl_buf item = SL_BUF_INIT(512);
        if (i) quote(b, f->between);
        if (f->numbered) sl_buf_addf(b, "%d\\.[ ]*", i + 1);
        quote(b, f->before);
        write_item(&item, &(struct form){.before = "", .after = "", .capitals = f->capitals}, 0, items->text[i]);
        if (in_order)
            quote(b, sl_buf_str(&item));
        else
            sl_buf_addf(b, "%s%s", letters, counts ? ":[ ]*[0-9]+" : "");
        quote(b, f->after);
        sl_buf_release(&item);
    }
    quote(b, f->close);
    sl_buf_addstr(b, "\\s*\\z");
}

/* Sets the truth: the form by a pattern, and each item by its words. */
static void set_truth(struct sl_synth_sample *s, const struct form *f, const struct sl_items *items, bool in_order)
{
    struct sl_buf pattern = SL_BUF_INIT(1 << 13);
    json_t *words = json_array();
    pattern_of(&pattern, f, items, in_order);
    for (int i = 0; i < items->n; i++) json_array_append_new(words, json_string(items->text[i]));
    json_t *form = json_pack("{s:s,s:[s]}", "checker", "regex", "answer", sl_buf_str(&pattern));
    json_t *content = json_pack("{s:s,s:o}", "checker", "mentions", "answer", words);
    sl_synth_truth(s, "checker", json_string("all"));
    sl_synth_truth(s, "answer", json_pack("[o,o]", form, content));
    sl_buf_release(&pattern);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The names of the scene's objects by colour and kind, each once. */
static void collect(const struct sl_scene *s, struct sl_items *items)
{
    items->n = 0;
    for (int i = 0; i < s->n && items->n < SL_MAX_ITEMS; i++) {
        bool again = false;
        sl_scene_say(&s->objects[i], SL_SAY_COLOUR, items->text[items->n]);
        for (int k = 0; k < items->n; k++) again = again || strcmp(items->text[k], items->text[items->n]) == 0;
        items->n += !again;
    }
}

/* "red: 3" for each colour. */
static void collect_counts(const struct sl_scene *s, struct sl_items *items)
{
    int n_colours, n_basic;
    const struct sl_colour *colours = sl_colours(&n_colours, &n_basic);
    items->n = 0;
    for (int c = 0; c < n_colours && items->n < SL_MAX_ITEMS; c++) {
        struct sl_scene_object like = SL_SCENE_ANY;
        like.colour = c;
        int k = sl_scene_count(s, &like);
        if (k) snprintf(items->text[items->n++], SL_MAX_SAID, "%s: %d", colours[c].name, k);
    }
}

static void ask_list(const struct sl_synth_request *r, struct sl_synth_sample *out, const struct sl_scene *scene)
{
    static const char *const all[] = {"Name all objects in the picture with their colour.",
                                      "Which objects are there? Give colour and kind of each.",
                                      "List what the picture shows, each thing with its colour.",
                                      "What can be seen? Colour and kind, all of them.", NULL};
    static const char *const counts[] = {"How many objects of each colour are there? Write colour: number.",
                                         "Count the objects by colour, as colour: number.",
                                         "For each colour, give the number of objects, like blue: 2.",
                                         "Which colours occur how often? Use the form colour: number.", NULL};
    struct sl_items items;
    const struct form *f = &forms[sl_synth_choose(r, N_FORMS)];
    bool in_order = r->task == SORTED;
    if (r->task == COUNTS)
        collect_counts(scene, &items);
    else
        collect(scene, &items);
    sl_synth_user(out, "%s %s%s", sl_synth_phrase(r, r->task == COUNTS ? counts : all),
                  in_order ? "Sort them alphabetically. " : "", f->wish);
    sl_synth_think(out, "There are %d items: ", items.n);
    for (int i = 0; i < items.n; i++) sl_synth_think(out, "%s%s", i ? ", " : "", items.text[i]);
    if (in_order) qsort(items.text, (size_t)items.n, sizeof items.text[0], by_text);
    if (in_order)
        sl_synth_think(out, ". In alphabetical order %s is the first.", items.text[0]);
    else
        sl_synth_think(out, ". Now the form: %s", f->wish);
    struct sl_buf b = SL_BUF_INIT(1 << 13);
    write_list(&b, f, &items);
    sl_synth_answer(out, "%s", sl_buf_str(&b));
    set_truth(out, f, &items, in_order);
    sl_buf_release(&b);
}

static void ask_rules(const struct sl_synth_request *r, struct sl_synth_sample *out, const struct sl_scene *scene)
{
    struct sl_items items;
    collect(scene, &items);
    sl_ask_under_rules(r, out, &items);
}

/* A fact in a wanted wrapping. */
static void ask_fact(const struct sl_synth_request *r, struct sl_synth_sample *out)
{
    static const struct {
        const char *wish, *before, *after;
    } wraps[N_FORMS] = {{"Answer as JSON: {\"answer\": \"...\"}.", "{\"answer\": \"", "\"}"},
                        {"Put the answer in double quotes, without other text.", "\"", "\""},
                        {"Begin with \"Answer:\".", "Answer: ", ""},
                        {"Put the answer in square brackets.", "[", "]"},
                        {"Give the answer in bold Markdown, between **.", "**", "**"},
                        {"End with the word DONE.", "", " DONE"},
                        {"Write the answer between <a> and </a>.", "<a>", "</a>"},
                        {"Finish with an exclamation mark.", "", "!"}};
    struct sl_text_item it;
    do sl_text_fact(r, &it);
    while (strlen(it.answer) > 24);
    int w = sl_synth_choose(r, N_FORMS);
    struct sl_buf pattern = SL_BUF_INIT(2048);
    sl_buf_addstr(&pattern, "(?i)\\A\\s*");
    quote(&pattern, wraps[w].before);
    quote(&pattern, it.answer);
    quote(&pattern, wraps[w].after);
    sl_buf_addstr(&pattern, "\\s*\\z");
    sl_synth_user(out, "%s %s Answer briefly.", it.question, wraps[w].wish);
    sl_synth_think(out, "%s", it.sentence);
    sl_synth_answer(out, "%s%s%s", wraps[w].before, it.answer, wraps[w].after);
    sl_synth_truth(out, "checker", json_string("regex"));
    sl_synth_truth(out, "answer", json_pack("[s]", sl_buf_str(&pattern)));
    sl_buf_release(&pattern);
}

static sl_status make(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    static const int least[] = {2, 3, 4, 6}, most[] = {3, 5, 7, 9};
    struct sl_scene_task t = {.brush = state, .r = r, .out = out, .err = err};
    if (r->task == FACT) {
        ask_fact(r, out);
    } else {
        int level = r->level > 3 ? 3 : r->level;
        struct sl_scene_options o = {.n = sl_synth_int(r, least[level], most[level])};
        sl_status status = sl_scene_task_compose(&t, &o);
        if (!status) status = sl_scene_task_show(&t);
        if (status) return status;
        if (r->task == RULES)
            ask_rules(r, out, &t.scene);
        else
            ask_list(r, out, &t.scene);
    }
    if (out->status && err) *err = out->error;
    return out->status;
}

const struct sl_synth_family sl_family_instructions = {
    .name = "instructions",
    .title = "answers in a wanted form",
    .tasks = tasks,
    .n_tasks = N_TASKS,
    .n_levels = 4,
    .open = sl_scene_brush_open,
    .close = sl_scene_brush_close,
    .make = make,
};
