/*
 * text_story.c: short stories about a world that is simulated: who is where, who has what, and what came of it.
 *
 * A story has an opening, events that each change the world, a problem with a way out, and an ending. The question is
 * answered from the world as it is at the end, never from the text.
 */
#include "synth/text_parts.h"
#include "synth/words.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WHO = 3, MAX_THINGS = 3 };

struct world {
    const struct sl_synth_request *r;
    struct sl_buf *b;
    const struct sl_name *who[MAX_WHO];
    const char *where[MAX_WHO]; /* a place's name */
    int n_who;
    const struct sl_noun *things[MAX_THINGS];
    int owner[MAX_THINGS]; /* who holds it, or -1: it lies at lies_at */
    const char *lies_at[MAX_THINGS];
    int n_things;
    int last; /* who was named last, for pronouns */
};

/* "in the", or what else stands before a place's name. */
static const char *before(const char *place)
{
    static const char *const on[] = {"farm", "beach", "bridge", "island"};
    for (int i = 0; i < 4; i++)
        if (strcmp(place, on[i]) == 0) return "on the";
    return strcmp(place, "river") == 0 ? "by the" : "in the";
}

static const char *name_of(struct world *w, int i)
{
    bool again = w->last == i && sl_synth_chance(w->r, 0.6);
    w->last = i;
    return again ? w->who[i]->he : w->who[i]->name;
}

/* The name at the beginning of a sentence. */
static void begin(struct world *w, int i)
{
    sl_word_capital(w->b, name_of(w, i));
}

static void set_up(struct world *w, int level)
{
    const struct sl_synth_request *r = w->r;
    w->n_who = 2 + (level > 1);
    w->n_things = 1 + (level > 0) + (level > 2);
    w->last = -1;
    for (int i = 0; i < w->n_who; i++) {
        bool again;
        do {
            w->who[i] = sl_word_name(r);
            again = false;
            for (int j = 0; j < i; j++) again = again || w->who[j] == w->who[i];
        } while (again);
        w->where[i] = sl_word_noun(r, SL_NOUN_PLACE)->one;
    }
    for (int i = 0; i < w->n_things; i++) {
        bool again;
        do {
            w->things[i] = sl_word_noun(r, SL_NOUN_THING);
            again = false;
            for (int j = 0; j < i; j++) again = again || w->things[j] == w->things[i];
        } while (again);
        w->owner[i] = sl_synth_int(r, 0, w->n_who - 1);
        w->lies_at[i] = NULL;
    }
}

static void opening(struct world *w)
{
    static const char *const forms[] = {"One sunny morning", "Once upon a time",    "On a cold winter day",
                                        "Last summer",       "One rainy afternoon", "Early in the morning",
                                        "A long time ago",   "On a quiet Sunday"};
    const char *when = forms[sl_synth_choose(w->r, 8)];
    sl_buf_addf(w->b, "%s, %s was %s %s. ", when, w->who[0]->name, before(w->where[0]), w->where[0]);
    for (int i = 1; i < w->n_who; i++) {
        if (strcmp(w->where[i], w->where[0]) == 0)
            sl_buf_addf(w->b, "%s was there too. ", w->who[i]->name);
        else
            sl_buf_addf(w->b, "%s was %s %s. ", w->who[i]->name, before(w->where[i]), w->where[i]);
    }
    for (int i = 0; i < w->n_things; i++) {
        const struct sl_adjective *a = sl_word_adjective(w->r, SL_NOUN_THING);
        sl_buf_addf(w->b, "%s had %s %s %s. ", w->who[w->owner[i]]->name, sl_word_article(a->word), a->word,
                    w->things[i]->one);
    }
    w->last = w->owner[w->n_things - 1];
}

static void event_go(struct world *w)
{
    static const char *const verbs[] = {"went",    "walked",         "ran",      "travelled",
                                        "hurried", "rode a bicycle", "strolled", "drove"};
    int i = sl_synth_int(w->r, 0, w->n_who - 1);
    const char *to;
    do to = sl_word_noun(w->r, SL_NOUN_PLACE)->one;
    while (strcmp(to, w->where[i]) == 0);
    w->where[i] = to;
    begin(w, i);
    sl_buf_addf(w->b, " %s to the %s. ", verbs[sl_synth_choose(w->r, 8)], to);
}

static void event_give(struct world *w)
{
    int t = sl_synth_int(w->r, 0, w->n_things - 1), from = w->owner[t];
    if (from < 0) return;
    int to = (from + sl_synth_int(w->r, 1, w->n_who - 1)) % w->n_who;
    if (strcmp(w->where[from], w->where[to]) != 0) {
        begin(w, from);
        sl_buf_addf(w->b, " looked for %s and found %s %s %s. ", w->who[to]->name, w->who[to]->him,
                    before(w->where[to]), w->where[to]);
        w->where[from] = w->where[to];
    }
    begin(w, from);
    sl_buf_addf(w->b, " gave the %s to %s. ", w->things[t]->one, w->who[to]->name);
    if (sl_synth_chance(w->r, 0.5)) sl_buf_addf(w->b, "\"Thank you!\" said %s. ", w->who[to]->name);
    w->owner[t] = to;
    w->last = to;
}

static void event_put_or_take(struct world *w)
{
    int t = sl_synth_int(w->r, 0, w->n_things - 1);
    if (w->owner[t] >= 0) {
        int i = w->owner[t];
        begin(w, i);
        sl_buf_addf(w->b, " %s the %s %s %s. ", sl_synth_chance(w->r, 0.5) ? "left" : "put down", w->things[t]->one,
                    before(w->where[i]), w->where[i]);
        w->lies_at[t] = w->where[i];
        w->owner[t] = -1;
        return;
    }
    int i = sl_synth_int(w->r, 0, w->n_who - 1);
    if (strcmp(w->where[i], w->lies_at[t]) != 0) {
        begin(w, i);
        sl_buf_addf(w->b, " came to the %s. ", w->lies_at[t]);
        w->where[i] = w->lies_at[t];
    }
    begin(w, i);
    sl_buf_addf(w->b, " saw the %s and picked it up. ", w->things[t]->one);
    w->owner[t] = i;
}

/* A small trouble, the help, and what everybody felt; nothing that the question asks about changes. */
static void episode(struct world *w)
{
    static const char *const troubles[][3] = {
        {"Suddenly it began to rain.", "opened an umbrella, and they stood under it together", "dry"},
        {"It became dark, and nobody could see the way.", "had a small lamp and walked in front", "safe"},
        {"A dog barked loudly behind them.", "spoke to the dog softly until it was quiet", "calm"},
        {"The path was closed because a tree had fallen.", "knew another path around the hill", "glad"},
        {"Everybody was very hungry.", "had brought bread and apples for all", "full and happy"},
        {"A small bird lay on the ground and could not fly.", "lifted the bird back into its nest", "proud"},
        {"The wind blew a hat into the water.", "pulled it out with a long stick", "relieved"},
        {"They heard a strange noise.", "looked behind the door, and it was only a cat", "brave"},
    };
    const char *const *t = troubles[sl_synth_choose(w->r, 8)];
    int helper = sl_synth_int(w->r, 0, w->n_who - 1), other = (helper + 1) % w->n_who;
    sl_buf_addf(w->b, "%s %s was worried. But %s %s. ", t[0], w->who[other]->name, w->who[helper]->name, t[1]);
    sl_buf_addf(w->b, "Then %s felt %s. ", w->who[other]->name, t[2]);
    w->last = other;
}

static void ending(struct world *w)
{
    static const char *const forms[] = {"In the evening everybody went to bed and dreamed.",
                                        "It was a good day.",
                                        "They never forgot that day.",
                                        "And that is the end of the story.",
                                        "They promised to meet again soon.",
                                        "Helping others makes everybody happy.",
                                        "The next day they told their friends about it.",
                                        "Sharing is better than keeping."};
    sl_buf_addf(w->b, "%s\n", forms[sl_synth_choose(w->r, 8)]);
}

/* A question about the world as it is now. Where people are is asked before the ending sends them to bed. */
static void ask(struct world *w, struct sl_text_item *item)
{
    int t = sl_synth_int(w->r, 0, w->n_things - 1), i = sl_synth_int(w->r, 0, w->n_who - 1);
    const char *thing = w->things[t]->one;
    item->steps[0] = 0;
    if (sl_synth_chance(w->r, 0.4)) {
        snprintf(item->question, sizeof item->question, "Which place was %s in last?", w->who[i]->name);
        snprintf(item->answer, sizeof item->answer, "%s", w->where[i]);
        snprintf(item->sentence, sizeof item->sentence, "%s was %s %s last.", w->who[i]->name, before(w->where[i]),
                 w->where[i]);
    } else if (w->owner[t] >= 0) {
        snprintf(item->question, sizeof item->question, "Who has the %s at the end?", thing);
        snprintf(item->answer, sizeof item->answer, "%s", w->who[w->owner[t]]->name);
        snprintf(item->sentence, sizeof item->sentence, "%s has the %s at the end.", w->who[w->owner[t]]->name, thing);
    } else {
        snprintf(item->question, sizeof item->question, "Where is the %s at the end?", thing);
        snprintf(item->answer, sizeof item->answer, "%s %s", before(w->lies_at[t]), w->lies_at[t]);
        snprintf(item->sentence, sizeof item->sentence, "The %s is %s %s at the end.", thing, before(w->lies_at[t]),
                 w->lies_at[t]);
    }
}

void sl_text_story(const struct sl_synth_request *r, int level, struct sl_buf *b, struct sl_text_item *item)
{
    struct world w = {.r = r, .b = b};
    set_up(&w, level);
    opening(&w);
    int events = 3 + 2 * level, trouble = sl_synth_int(r, 1, events - 1);
    for (int i = 0; i < events; i++) {
        switch (sl_synth_int(r, 0, 2)) {
        case 0:
            event_go(&w);
            break;
        case 1:
            event_give(&w);
            break;
        default:
            event_put_or_take(&w);
            break;
        }
        if (i == trouble && level > 0) {
            sl_buf_addstr(b, "\n\n");
            episode(&w);
        }
    }
    if (item) ask(&w, item);
    ending(&w);
}
