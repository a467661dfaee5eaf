/*
 * text_grammar.c: sentences that agree: tenses, negation, questions with answers, passives, comparatives, relative
 * clauses.
 *
 * A clause is drawn once, as numbers and table rows, and then said in the forms that a theme asks for.
 */
#include "synth/text_parts.h"
#include "synth/words.h"

#include <stdio.h>
#include <string.h>

enum tense { PRESENT, PAST, FUTURE, PROGRESSIVE, PERFECT, CAN, N_TENSES };

/* A noun phrase: its words and what they agree with. */
struct phrase {
    char text[160];
    bool plural, person;
    const struct sl_noun *noun;
};

struct clause {
    struct phrase subject, object;
    const struct sl_verb *verb;
    bool has_object;
    enum tense tense;
    const char *when; /* after the rest, or "" */
};

static void draw_phrase(const struct sl_synth_request *r, unsigned kinds, struct phrase *out)
{
    static const char *const determiners[] = {"the", "this", "my", "our", "his", "her"};
    const struct sl_noun *n = sl_word_noun(r, kinds);
    out->noun = n;
    out->plural = sl_synth_chance(r, 0.35);
    out->person = n->kind == SL_NOUN_PERSON;
    char adjective[40] = "";
    if (sl_synth_chance(r, 0.45)) snprintf(adjective, sizeof adjective, "%s ", sl_word_adjective(r, n->kind)->word);
    const char *first = adjective[0] ? adjective : n->one, *det;
    if (sl_synth_chance(r, 0.5))
        det = determiners[sl_synth_int(r, 0, 5)];
    else if (out->plural)
        det = sl_synth_chance(r, 0.5) ? "two" : "some";
    else
        det = sl_word_article(first);
    if (out->plural && strcmp(det, "this") == 0) det = "these";
    snprintf(out->text, sizeof out->text, "%s %s%s", det, adjective, out->plural ? n->many : n->one);
}

static void draw_clause(const struct sl_synth_request *r, enum tense tense, bool object, struct clause *out)
{
    static const char *const times[N_TENSES][4] = {
        {"every day", "often", "on Sundays", "in the morning"},
        {"yesterday", "last week", "this morning", "two days ago"},
        {"tomorrow", "next week", "soon", "in the evening"},
        {"now", "at the moment", "right now", "again"},
        {"already", "today", "many times", "before"},
        {"today", "very well", "without help", "at night"},
    };
    out->tense = tense;
    out->has_object = object;
    if (sl_synth_chance(r, 0.35)) {
        const struct sl_name *n = sl_word_name(r);
        snprintf(out->subject.text, sizeof out->subject.text, "%s", n->name);
        out->subject.plural = false;
        out->subject.person = true;
        out->subject.noun = NULL;
    } else {
        draw_phrase(r, SL_NOUN_PERSON | (object ? 0 : SL_NOUN_ANIMAL), &out->subject);
    }
    out->verb = sl_word_verb(r, object ? SL_NOUN_ANY : 0);
    if (object) do
            draw_phrase(r, out->verb->takes, &out->object);
        while (out->object.noun == out->subject.noun);
    out->when = sl_synth_chance(r, 0.5) ? times[tense][sl_synth_int(r, 0, 3)] : "";
}

/* Appends the verb group; negative puts the "not" in its place. */
static void verb_group(struct sl_buf *b, const struct clause *c, bool negative)
{
    const struct sl_verb *v = c->verb;
    bool plural = c->subject.plural;
    switch (c->tense) {
    case PRESENT:
        if (negative)
            sl_buf_addf(b, "%s not %s", plural ? "do" : "does", v->base);
        else
            sl_buf_addstr(b, plural ? v->base : v->third);
        break;
    case PAST:
        if (negative)
            sl_buf_addf(b, "did not %s", v->base);
        else
            sl_buf_addstr(b, v->past);
        break;
    case FUTURE:
        sl_buf_addf(b, "will %s%s", negative ? "not " : "", v->base);
        break;
    case PROGRESSIVE:
        sl_buf_addf(b, "%s %s%s", plural ? "are" : "is", negative ? "not " : "", v->ing);
        break;
    case PERFECT:
        sl_buf_addf(b, "%s %s%s", plural ? "have" : "has", negative ? "not " : "", v->participle);
        break;
    default:
        sl_buf_addf(b, "%s %s", negative ? "cannot" : "can", v->base);
        break;
    }
}

static void tail(struct sl_buf *b, const struct clause *c, const char *end)
{
    if (c->has_object) sl_buf_addf(b, " %s", c->object.text);
    if (c->when[0]) sl_buf_addf(b, " %s", c->when);
    sl_buf_addstr(b, end);
}

static void statement(struct sl_buf *b, const struct clause *c, bool negative)
{
    sl_word_capital(b, c->subject.text);
    sl_buf_addch(b, ' ');
    verb_group(b, c, negative);
    tail(b, c, ".");
}

/* Appends the auxiliary that opens a question and what is left of the verb behind the subject. */
static void question(struct sl_buf *b, const struct clause *c, const char *opening, bool with_object)
{
    const struct sl_verb *v = c->verb;
    bool plural = c->subject.plural;
    static const char *const one[N_TENSES] = {"does", "did", "will", "is", "has", "can"};
    static const char *const many[N_TENSES] = {"do", "did", "will", "are", "have", "can"};
    const char *auxiliary = plural ? many[c->tense] : one[c->tense];
    const char *rest = c->tense == PROGRESSIVE ? v->ing : c->tense == PERFECT ? v->participle : v->base;
    if (opening[0])
        sl_buf_addf(b, "%s %s", opening, auxiliary);
    else
        sl_word_capital(b, auxiliary);
    sl_buf_addf(b, " %s %s", c->subject.text, rest);
    if (with_object) sl_buf_addf(b, " %s", c->object.text);
    if (c->when[0]) sl_buf_addf(b, " %s", c->when);
    sl_buf_addch(b, '?');
}

static const char *pronoun(const struct phrase *p)
{
    return p->plural ? "they" : "it";
}

static void theme_tenses(const struct sl_synth_request *r, struct sl_buf *b)
{
    static const char *const names[N_TENSES] = {"Present", "Past", "Future", "Now", "Perfect", "Ability"};
    struct clause c;
    draw_clause(r, PRESENT, sl_synth_chance(r, 0.6), &c);
    c.when = "";
    int first = sl_synth_int(r, 0, N_TENSES - 1);
    for (int i = 0; i < 3; i++) {
        c.tense = (enum tense)((first + i) % N_TENSES);
        sl_buf_addf(b, "%s: ", names[c.tense]);
        statement(b, &c, false);
        sl_buf_addch(b, i < 2 ? ' ' : '\n');
    }
}

static void theme_negation(const struct sl_synth_request *r, struct sl_buf *b)
{
    struct clause c;
    draw_clause(r, (enum tense)sl_synth_int(r, 0, N_TENSES - 1), sl_synth_chance(r, 0.6), &c);
    bool negative = sl_synth_chance(r, 0.5);
    question(b, &c, "", c.has_object);
    sl_buf_addstr(b, negative ? " No. " : " Yes. ");
    statement(b, &c, negative);
    sl_buf_addch(b, '\n');
}

static void theme_questions(const struct sl_synth_request *r, struct sl_buf *b)
{
    struct clause c;
    draw_clause(r, (enum tense)sl_synth_int(r, 0, N_TENSES - 1), true, &c);
    statement(b, &c, false);
    sl_buf_addch(b, ' ');
    if (sl_synth_chance(r, 0.5)) {
        question(b, &c, c.object.person ? "Who" : "What", false);
        sl_buf_addch(b, ' ');
        sl_word_capital(b, c.object.text);
        sl_buf_addstr(b, ".\n");
    } else {
        bool plural = c.subject.plural;
        c.subject.plural = false; /* who asks does not know */
        sl_buf_addstr(b, c.subject.person ? "Who " : "What ");
        verb_group(b, &c, false);
        tail(b, &c, "? ");
        c.subject.plural = plural;
        sl_word_capital(b, c.subject.text);
        sl_buf_addstr(b, ".\n");
    }
}

static void theme_passive(const struct sl_synth_request *r, struct sl_buf *b)
{
    struct clause c;
    draw_clause(r, (enum tense)sl_synth_int(r, PRESENT, FUTURE), true, &c);
    c.when = "";
    statement(b, &c, false);
    sl_buf_addstr(b, " In other words: ");
    sl_word_capital(b, c.object.text);
    bool many = c.object.plural;
    const char *be = c.tense == PRESENT ? (many ? "are" : "is") : c.tense == PAST ? (many ? "were" : "was") : "will be";
    sl_buf_addf(b, " %s %s by %s.\n", be, c.verb->participle, c.subject.text);
}

static void theme_comparison(const struct sl_synth_request *r, struct sl_buf *b)
{
    const struct sl_adjective *a = sl_word_adjective(r, SL_NOUN_PERSON | SL_NOUN_ANIMAL);
    const struct sl_name *x = sl_word_name(r), *y = sl_word_name(r), *z = sl_word_name(r);
    if (x == y || y == z || x == z) return;
    sl_buf_addf(b, "%s is %s than %s, and %s is %s than %s. ", x->name, a->comparative, y->name, y->name,
                a->comparative, z->name);
    sl_buf_addf(b, "So %s is the %s of the three. ", x->name, a->superlative);
    sl_buf_addf(b, "Is %s %s than %s? No, %s is %s than %s. ", z->name, a->comparative, x->name, x->name,
                a->comparative, z->name);
    sl_buf_addf(b, "Nobody of them is %s than %s.\n", a->comparative, x->name);
}

static void theme_relative(const struct sl_synth_request *r, struct sl_buf *b)
{
    struct clause c;
    draw_clause(r, (enum tense)sl_synth_int(r, PRESENT, PAST), true, &c);
    c.when = "";
    const struct sl_adjective *a = sl_word_adjective(r, c.object.noun->kind);
    const char *be = c.object.plural ? (c.tense == PAST ? "were" : "are") : (c.tense == PAST ? "was" : "is");
    statement(b, &c, false);
    sl_buf_addch(b, ' ');
    char noun[64];
    snprintf(noun, sizeof noun, "the %s", c.object.plural ? c.object.noun->many : c.object.noun->one);
    sl_word_capital(b, noun);
    sl_buf_addf(b, " that %s ", c.subject.text);
    verb_group(b, &c, false);
    sl_buf_addf(b, " %s very %s. ", be, a->word);
    if (!c.object.person) {
        sl_word_capital(b, pronoun(&c.object));
        sl_buf_addf(b, " %s not %s at all.", be, a->opposite);
    }
    sl_buf_addch(b, '\n');
}

static void theme_number(const struct sl_synth_request *r, struct sl_buf *b)
{
    struct phrase p;
    int k = sl_synth_int(r, 2, 12);
    draw_phrase(r, SL_NOUN_THING | SL_NOUN_FOOD | SL_NOUN_ANIMAL, &p);
    const struct sl_noun *place = sl_word_noun(r, SL_NOUN_PLACE | SL_NOUN_FURNITURE);
    const char *where = place->kind == SL_NOUN_PLACE ? "in" : "near";
    struct sl_buf words = SL_BUF_INIT(64);
    sl_word_number(&words, k);
    sl_buf_addf(b, "There is one %s %s the %s. There are %s %s %s the %s. ", p.noun->one, where, place->one,
                sl_buf_str(&words), p.noun->many, where, place->one);
    sl_buf_addf(b, "How many %s are there? There are %d. One %s, many %s.\n", p.noun->many, k, p.noun->one,
                p.noun->many);
    sl_buf_release(&words);
}

static void theme_because(const struct sl_synth_request *r, struct sl_buf *b)
{
    static const char *const links[] = {"because", "although", "while", "when", "before", "after", "but", "and"};
    struct clause c, d;
    enum tense t = (enum tense)sl_synth_int(r, PRESENT, PAST);
    draw_clause(r, t, sl_synth_chance(r, 0.5), &c);
    draw_clause(r, t, sl_synth_chance(r, 0.5), &d);
    c.when = d.when = "";
    sl_word_capital(b, c.subject.text);
    sl_buf_addch(b, ' ');
    verb_group(b, &c, sl_synth_chance(r, 0.2));
    const char *link = links[sl_synth_int(r, 0, 7)];
    tail(b, &c, strcmp(link, "but") == 0 || strcmp(link, "and") == 0 ? ", " : " ");
    sl_buf_addf(b, "%s %s ", link, d.subject.text);
    verb_group(b, &d, sl_synth_chance(r, 0.2));
    tail(b, &d, ".\n");
}

void sl_text_grammar(const struct sl_synth_request *r, int n, struct sl_buf *b)
{
    static void (*const themes[])(const struct sl_synth_request *, struct sl_buf *) = {
        theme_tenses,     theme_negation, theme_questions, theme_passive,
        theme_comparison, theme_relative, theme_number,    theme_because,
    };
    int theme = sl_synth_int(r, 0, 7);
    for (int i = 0; i < n; i++) themes[sl_synth_chance(r, 0.6) ? theme : sl_synth_int(r, 0, 7)](r, b);
}
