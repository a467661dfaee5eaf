/*
 * words.h: the lexicon of generated English: nouns, verbs and adjectives with their forms, names, and number words.
 *
 * Static tables and pure functions; random choices come from the request. Content words are shared by both halves of
 * the data, so that a model can know them; what is held out are names, templates and seeds.
 */
#ifndef SL_SYNTH_WORDS_H
#define SL_SYNTH_WORDS_H

#include "synth/synth.h"

/* What a noun names; a verb says which of these it takes as its object. */
enum {
    SL_NOUN_PERSON = 1,
    SL_NOUN_ANIMAL = 2,
    SL_NOUN_FOOD = 4,
    SL_NOUN_THING = 8, /* what a hand can hold */
    SL_NOUN_PLACE = 16,
    SL_NOUN_VEHICLE = 32,
    SL_NOUN_PLANT = 64,
    SL_NOUN_FURNITURE = 128,
    SL_NOUN_ANY = 255,
};

struct sl_noun {
    const char *one, *many;
    unsigned kind;
};

struct sl_verb {
    const char *base, *third, *past, *participle, *ing;
    unsigned takes; /* kinds of its object; 0: it has none */
};

/* An adjective and what means the contrary. */
struct sl_adjective {
    const char *word, *comparative, *superlative, *opposite;
    unsigned fits; /* kinds of noun */
};

/* A given name and its pronouns. */
struct sl_name {
    const char *name, *he, *him, *his;
};

/* A random noun of one of the kinds; a verb that takes one of them (0: one without object); an adjective that fits. */
const struct sl_noun *sl_word_noun(const struct sl_synth_request *r, unsigned kinds);
const struct sl_verb *sl_word_verb(const struct sl_synth_request *r, unsigned takes);
const struct sl_adjective *sl_word_adjective(const struct sl_synth_request *r, unsigned fits);

/* A random name by the request's split. */
const struct sl_name *sl_word_name(const struct sl_synth_request *r);

/* Returns "a" or "an", as word begins. */
const char *sl_word_article(const char *word);

/* Appends the words for n, 0 <= n < 1000000: "forty-two". */
void sl_word_number(struct sl_buf *b, int n);

/* Appends "first", "second" ... "99th" with the ending that n asks for: words up to tenth, then digits. */
void sl_word_ordinal(struct sl_buf *b, int n);

/* Appends text with its first letter (ASCII) in upper case. */
void sl_word_capital(struct sl_buf *b, const char *text);

#endif
