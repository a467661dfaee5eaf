/*
 * diagrams.c: the family "diagrams": making flowcharts and trees, and asking about them.
 */
#include "synth/diagrams.h"

#include "synth/families.h"
#include "synth/say.h"

#include <stdio.h>
#include <string.h>

enum { ATTEMPTS = 100 };

static const char *const tasks[SL_N_DIAGRAM_TASKS] = {"structure", "follow", "relation", "count"};

/* --- inventing -------------------------------------------------------------------------------------------------- */

/*
 * A chain of steps and decisions. "No" leads to a step at the right, which joins the chain one row below or ends there;
 * the row below a decision is a step, so that nothing else stands where it joins.
 */
static void invent_flow(const struct sl_synth_request *r, struct sl_diagram *d)
{
    const char *steps[SL_DIAGRAM_MAX_NODES], *questions[SL_DIAGRAM_MAX_NODES];
    int n = sl_synth_int(r, 4 + r->level, 5 + 2 * r->level), side, used = 0, asked = 0;
    sl_vocab_pick(r, SL_VOCAB_STEP, 24, steps);
    sl_vocab_pick(r, SL_VOCAB_CONDITION, 8, questions);
    side = n;
    for (int i = 0; i < n; i++) {
        struct sl_diagram_node *v = &d->nodes[i];
        bool can = i > 0 && i < n - 2 && d->nodes[i - 1].shape != SL_DIAGRAM_DECISION;
        bool decide = can && (asked == 0 || sl_synth_chance(r, 0.6));
        *v = (struct sl_diagram_node){.next = i + 1 < n ? i + 1 : -1, .other = -1, .row = i};
        v->shape = decide ? SL_DIAGRAM_DECISION : i == 0 || i == n - 1 ? SL_DIAGRAM_END : SL_DIAGRAM_STEP;
        v->text = decide ? questions[asked++] : i == 0 ? "Start" : i == n - 1 ? "End" : steps[used++];
        if (!decide) continue;
        bool joins = sl_synth_chance(r, 0.6);
        v->other = side;
        d->nodes[side++] = (struct sl_diagram_node){
            .text = steps[used++], .next = joins ? i + 1 : -1, .other = -1, .column = 1, .row = i};
    }
    d->n_nodes = side;
}

/* A tree whose levels grow by random parents; columns come from the leaves. */
static void invent_tree(const struct sl_synth_request *r, struct sl_diagram *d)
{
    static const sl_vocab_kind kinds[] = {SL_VOCAB_PERSON, SL_VOCAB_FOLDER, SL_VOCAB_ANIMAL, SL_VOCAB_CITY};
    const char *names[SL_DIAGRAM_MAX_NODES];
    int n = sl_synth_int(r, 5 + 2 * r->level, 7 + 4 * r->level);
    int children[SL_DIAGRAM_MAX_NODES] = {0};
    sl_vocab_pick(r, kinds[sl_synth_int(r, 0, 3)], n, names);
    d->n_nodes = n;
    for (int i = 0; i < n; i++) {
        int parent = -1;
        while (i > 0 && (parent < 0 || children[parent] >= 3 || d->nodes[parent].depth >= 2 + (r->level > 0)))
            parent = i < 3 ? 0 : sl_synth_int(r, 0, i - 1);
        d->nodes[i] = (struct sl_diagram_node){.text = names[i], .parent = parent, .next = -1, .other = -1};
        if (parent >= 0) {
            children[parent]++;
            d->nodes[i].depth = d->nodes[parent].depth + 1;
        }
        d->nodes[i].row = d->nodes[i].depth;
    }
}

/* Gives the subtree of v its columns from *next on: leaves in order, parents over the middle of their children. */
static void place_tree(struct sl_diagram *d, int v, double *next, int depth)
{
    double first = -1, last = 0;
    for (int i = v + 1; i < d->n_nodes && depth < SL_DIAGRAM_MAX_NODES; i++) {
        if (d->nodes[i].parent != v) continue;
        place_tree(d, i, next, depth + 1);
        if (first < 0) first = d->nodes[i].column;
        last = d->nodes[i].column;
    }
    d->nodes[v].column = first < 0 ? (*next)++ : (first + last) / 2;
}

/* --- planning --------------------------------------------------------------------------------------------------- */

/* The numbers that diagrams of each level can have, least and most: who knows the level guesses one of them. */
static const struct {
    sl_diagram_count counted;
    bool tree;
    int range[3][2];
} counts[] = {
    {SL_DIAGRAM_BOXES, false, {{5, 6}, {6, 9}, {7, 12}}}, {SL_DIAGRAM_BOXES, true, {{5, 7}, {7, 11}, {9, 15}}},
    {SL_DIAGRAM_LEAVES, true, {{3, 5}, {4, 7}, {5, 9}}},  {SL_DIAGRAM_CHILDREN, true, {{0, 3}, {0, 3}, {0, 3}}},
    {SL_DIAGRAM_LEVELS, true, {{3, 3}, {3, 4}, {3, 4}}},  {SL_DIAGRAM_DECISIONS, false, {{1, 1}, {1, 2}, {1, 3}}},
};
enum { N_COUNTS = sizeof counts / sizeof *counts, INVENTIONS = 400 };

void sl_diagram_plan(const struct sl_synth_request *r, struct sl_diagram *d)
{
    *d = (struct sl_diagram){.tree = r->task == SL_DIAGRAM_RELATION || sl_synth_chance(r, 0.5)};
    if (r->task == SL_DIAGRAM_FOLLOW) d->tree = false;
    if (r->task != SL_DIAGRAM_COUNT) return;
    /* All diagrams of the lowest level have one decision, or three levels: these are no questions. */
    int i = sl_synth_int(r, 0, N_COUNTS - (r->level == 0 ? 3 : 1)), least = counts[i].range[r->level][0];
    int most = counts[i].range[r->level][1];
    d->tree = counts[i].tree;
    d->counted = counts[i].counted;
    d->want = sl_synth_int(r, least, most);
    d->chance = 1.0 / (most - least + 1);
}

static int count_children(const struct sl_diagram *d, int v)
{
    int n = 0;
    for (int i = 1; i < d->n_nodes; i++) n += d->nodes[i].parent == v;
    return n;
}

/* Whether node i is one of what is counted; of levels, `n` being counted already, their first nodes are. */
static bool is_counted(const struct sl_diagram *d, int i, int n)
{
    switch (d->counted) {
    case SL_DIAGRAM_DECISIONS:
        return d->nodes[i].shape == SL_DIAGRAM_DECISION;
    case SL_DIAGRAM_LEAVES:
        return count_children(d, i) == 0;
    case SL_DIAGRAM_LEVELS:
        return d->nodes[i].depth == n;
    case SL_DIAGRAM_CHILDREN:
        return i > 0 && d->nodes[i].parent == d->about;
    default:
        return true;
    }
}

static int count(const struct sl_diagram *d)
{
    int n = 0;
    for (int i = 0; i < d->n_nodes; i++) n += is_counted(d, i, n);
    return n;
}

bool sl_diagram_invent(const struct sl_synth_request *r, struct sl_diagram *d)
{
    for (int attempt = 0; attempt < INVENTIONS; attempt++) {
        double next = 0;
        if (d->tree)
            invent_tree(r, d);
        else
            invent_flow(r, d);
        d->about = sl_synth_int(r, 0, d->n_nodes - 1);
        if (r->task == SL_DIAGRAM_COUNT && count(d) != d->want) continue;
        if (d->tree) place_tree(d, 0, &next, 0);
        return true;
    }
    return false;
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

static void ask_structure(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s)
{
    static const char *const flow[] = {
        "List the links as a Markdown table: Box, Next (or yes), No. Write - where nothing follows.",
        "Convert the flowchart to a Markdown table with the columns Box, Next (or yes), No; - for nothing.",
        "Write for each box what follows it: a Markdown table Box, Next (or yes), No, with - for nothing.",
        "Turn this flowchart into a Markdown table (Box, Next (or yes), No); use - where there is no link.", NULL};
    static const char *const tree[] = {
        "List every node with its parent as a Markdown table: Node, Parent. Write - for the root's parent.",
        "Convert the tree to a Markdown table with the columns Node and Parent; - for the root.",
        "Write the tree as a Markdown table Node, Parent, with - above the root.",
        "Which node hangs below which? Markdown table: Node, Parent (- for the root).", NULL};
    json_t *rows = json_array();
    json_array_append_new(rows, d->tree ? json_pack("[ss]", "Node", "Parent")
                                        : json_pack("[sss]", "Box", "Next (or yes)", "No"));
    for (int i = 0; i < d->n_nodes; i++) {
        const struct sl_diagram_node *v = &d->nodes[i];
        const char *next = v->next >= 0 ? d->nodes[v->next].text : "-",
                   *no = v->other >= 0 ? d->nodes[v->other].text : "-";
        json_array_append_new(rows, d->tree ? json_pack("[ss]", v->text, i ? d->nodes[v->parent].text : "-")
                                            : json_pack("[sss]", v->text, next, no));
    }
    sl_say_question(r, s, d->tree ? tree : flow, NULL);
    sl_say_table(s, rows, SL_SAY_MARKDOWN, true);
}

static void ask_next(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s)
{
    static const char *const plain[] = {"Which box follows \"{box}\"?", "What comes directly after \"{box}\"?",
                                        "Where does the arrow from \"{box}\" lead?", "Name the box after \"{box}\".",
                                        NULL};
    static const char *const decided[] = {"Which box follows \"{box}\" when the answer is {answer}?",
                                          "At \"{box}\" the answer is {answer}. What comes next?",
                                          "Where does the arrow marked {answer} of \"{box}\" lead?",
                                          "\"{box}\": {answer}. Name the next box.", NULL};
    /* That the last box follows could be guessed: every chart has one. */
    int i, yes, to;
    bool decision;
    do {
        i = sl_synth_int(r, 0, d->n_nodes - 1);
        yes = sl_synth_chance(r, 0.5);
        decision = d->nodes[i].shape == SL_DIAGRAM_DECISION;
        to = decision && !yes ? d->nodes[i].other : d->nodes[i].next;
    } while (to < 0 || d->nodes[to].shape == SL_DIAGRAM_END);
    const struct sl_diagram_node *v = &d->nodes[i];
    sl_say_question(r, s, decision ? decided : plain,
                    (struct sl_vocab_slot[]){{"box", v->text}, {"answer", yes ? "yes" : "no"}, {NULL, NULL}});
    sl_synth_think(s, "I find \"%s\". Its arrow%s leads to \"%s\".", v->text,
                   decision ? yes ? " marked yes" : " marked no" : "", d->nodes[to].text);
    sl_say_text(s, d->nodes[to].text);
}

/* Walks from the start with one answer to all questions. */
static void ask_walk(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s)
{
    static const char *const phrases[] = {
        "Every question is answered {answer}. List the boxes passed from start to end, separated by \" > \".",
        "Follow the chart with {answer} at each question; write the boxes in order, separated by \" > \".",
        "Which path results if all answers are {answer}? Give the boxes separated by \" > \".",
        "Answer {answer} everywhere: which boxes are visited? Separate them by \" > \".", NULL};
    bool yes = sl_synth_chance(r, 0.5);
    struct sl_buf path = SL_BUF_INIT(4096);
    int steps = 0;
    sl_say_question(r, s, phrases, (struct sl_vocab_slot[]){{"answer", yes ? "yes" : "no"}, {NULL, NULL}});
    for (int i = 0; i >= 0 && steps < SL_DIAGRAM_MAX_NODES; steps++) {
        const struct sl_diagram_node *v = &d->nodes[i];
        bool decision = v->shape == SL_DIAGRAM_DECISION;
        sl_buf_addf(&path, "%s%s", steps ? " > " : "", v->text);
        i = decision && !yes ? v->other : v->next;
        if (decision) sl_synth_think(s, "\"%s\" %s: go to \"%s\". ", v->text, yes ? "yes" : "no", d->nodes[i].text);
    }
    sl_synth_think(s, "That is a path of %d boxes.", steps);
    sl_say_text(s, sl_buf_str(&path));
    sl_buf_release(&path);
}

static bool is_below(const struct sl_diagram *d, int v, int above)
{
    while (v > 0 && v != above) v = d->nodes[v].parent;
    return v == above;
}

/* The reasoning that climbs from v to the root. */
static void think_climb(const struct sl_diagram *d, int v, struct sl_synth_sample *s)
{
    sl_synth_think(s, "Upwards from %s:", d->nodes[v].text);
    for (int i = v; i > 0; i = d->nodes[i].parent) sl_synth_think(s, " %s", d->nodes[d->nodes[i].parent].text);
    sl_synth_think(s, ". ");
}

static void ask_relation(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s)
{
    static const char *const parent[] = {"Which node is directly above {a}?", "What is the parent of {a}?",
                                         "Under which node does {a} hang?", "Name the parent node of {a}.", NULL};
    static const char *const below[] = {"Is {a} somewhere below {b}?", "Does {a} descend from {b}?",
                                        "Is {b} an ancestor of {a}?", "Does the way from {a} to the root pass {b}?",
                                        NULL};
    static const char *const common[] = {"What is the lowest common ancestor of {a} and {b}?",
                                         "At which node do the ways up from {a} and {b} first meet?",
                                         "Name the deepest node that has both {a} and {b} below it.",
                                         "Lowest node above both {a} and {b}?", NULL};
    int what = sl_synth_int(r, 0, 2), a, b, tries = 0;
    bool yes = what == 1 && sl_synth_chance(r, 0.5), fits;
    do {
        a = sl_synth_int(r, 1, d->n_nodes - 1);
        b = sl_synth_int(r, 1, d->n_nodes - 1);
        fits = a != b && (what != 1 || is_below(d, a, b) == yes);
        /* Neither is above the other, or the question would name its answer. */
        if (what == 2) fits = a != b && !is_below(d, a, b) && !is_below(d, b, a);
    } while (!fits && ++tries < 400);
    if (!fits) what = 0; /* this tree has no such pair */
    sl_say_question(r, s,
                    what == 0   ? parent
                    : what == 1 ? below
                                : common,
                    (struct sl_vocab_slot[]){{"a", d->nodes[a].text}, {"b", d->nodes[b].text}, {NULL, NULL}});
    think_climb(d, a, s);
    if (what == 0)
        sl_say_text(s, d->nodes[d->nodes[a].parent].text);
    else if (what == 1)
        sl_say_yes_no(s, yes);
    else {
        int v = a;
        while (!is_below(d, b, v)) v = d->nodes[v].parent;
        think_climb(d, b, s);
        sl_synth_think(s, "They meet at %s.", d->nodes[v].text);
        sl_say_text(s, d->nodes[v].text);
    }
}

static void ask_count(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s)
{
    static const char *const decisions[] = {"How many decisions does the flowchart have?", "Count the diamonds.",
                                            "At how many boxes must a question be answered?",
                                            "Number of decision boxes?", NULL};
    static const char *const nodes[] = {"How many boxes are in the diagram?", "Count all boxes of the diagram.",
                                        "Of how many boxes does the diagram consist?", "Number of boxes in all?", NULL};
    static const char *const leaves[] = {"How many leaves does the tree have?", "Count the nodes without children.",
                                         "How many nodes have nothing below them?", "Number of leaf nodes?", NULL};
    static const char *const depth[] = {"How many levels does the tree have?", "Count the levels, the root's included.",
                                        "On how many levels do the nodes stand?",
                                        "Number of levels from root to deepest leaf?", NULL};
    static const char *const children[] = {"How many children does {a} have?", "Count the nodes directly below {a}.",
                                           "How many nodes hang directly under {a}?", "Number of children of {a}?",
                                           NULL};
    static const char *const *const phrases[] = {nodes, decisions, leaves, depth, children}; /* as sl_diagram_count */
    struct sl_buf list = SL_BUF_INIT(4096);
    int n = 0;
    for (int i = 0; i < d->n_nodes; i++)
        if (is_counted(d, i, n)) sl_buf_addf(&list, "%s%s", n++ ? ", " : "", d->nodes[i].text);
    sl_say_question(r, s, phrases[d->counted], (struct sl_vocab_slot[]){{"a", d->nodes[d->about].text}, {NULL, NULL}});
    sl_synth_think(s, "%s%s: %d.", d->counted == SL_DIAGRAM_LEVELS ? "One of each level: " : "",
                   n ? sl_buf_str(&list) : "None", n);
    sl_buf_release(&list);
    sl_say_count(s, n);
    sl_synth_truth(s, "chance", json_real(d->chance));
}

void sl_diagram_ask(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s)
{
    switch (r->task) {
    case SL_DIAGRAM_STRUCTURE:
        ask_structure(r, d, s);
        break;
    case SL_DIAGRAM_FOLLOW:
        sl_synth_chance(r, 0.5) ? ask_next(r, d, s) : ask_walk(r, d, s);
        break;
    case SL_DIAGRAM_RELATION:
        ask_relation(r, d, s);
        break;
    default:
        ask_count(r, d, s);
        break;
    }
}

static sl_status make_diagram(void *state, const struct sl_synth_request *r, struct sl_synth_sample *out, sl_error *err)
{
    struct sl_diagram d;
    int level = r->level;
    (void)state;
    for (int i = 0; i < ATTEMPTS; i++) {
        struct sl_synth_request easier = *r; /* into a small picture only small diagrams go */
        struct sl_picture picture = {0};
        bool fits;
        if (r->width && i > ATTEMPTS / 4) easier.level = r->level * (ATTEMPTS - i) / ATTEMPTS;
        /* What does not fit is made again after the same plan, lest large numbers become rare. */
        if (i == 0 || easier.level != level) sl_diagram_plan(&easier, &d);
        level = easier.level;
        if (!sl_diagram_invent(&easier, &d)) continue;
        sl_status status = sl_diagram_draw(&easier, &d, &picture, &fits, err);
        if (status) return status;
        if (!fits) continue;
        bool png = sl_synth_chance(r, 0.3);
        sl_synth_picture(out, &picture, png ? SL_SYNTH_PNG : SL_SYNTH_JPEG, sl_synth_int(r, 80, 96));
        sl_picture_free(&picture);
        sl_diagram_ask(r, &d, out);
        return SL_OK;
    }
    return sl_fail(err, SL_ERR_ARGUMENT, "no diagram fits into %dx%d pixels", r->width, r->height);
}

const struct sl_synth_family sl_family_diagrams = {.name = "diagrams",
                                                   .title = "flowcharts and trees: structure, paths, relations, counts",
                                                   .tasks = tasks,
                                                   .n_tasks = SL_N_DIAGRAM_TASKS,
                                                   .n_levels = 3,
                                                   .make = make_diagram};
