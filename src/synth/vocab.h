/*
 * vocab.h: what stands in made documents, charts and tables: words and sentences by script, names, dates, prices.
 *
 * Half of the text is words of a language, half is what no language model can guess (made-up words, codes, numbers), so
 * that reading it takes eyes. Lists are static; nothing is kept between calls.
 */
#ifndef SL_SYNTH_VOCAB_H
#define SL_SYNTH_VOCAB_H

#include "synth/paint.h"

/* Lists of English names of things. */
typedef enum sl_vocab_kind {
    SL_VOCAB_PERSON, /* first names */
    SL_VOCAB_SURNAME,
    SL_VOCAB_CITY,
    SL_VOCAB_COUNTRY,
    SL_VOCAB_COMPANY,
    SL_VOCAB_PRODUCT, /* what a shop sells */
    SL_VOCAB_FRUIT,
    SL_VOCAB_ANIMAL,
    SL_VOCAB_SPORT,
    SL_VOCAB_SUBJECT, /* taught at school */
    SL_VOCAB_DEPARTMENT,
    SL_VOCAB_STREET,
    SL_VOCAB_MONTH,     /* short names in the order of the year */
    SL_VOCAB_WEEKDAY,   /* short names from Monday */
    SL_VOCAB_STEP,      /* short activities, "Check the order" */
    SL_VOCAB_CONDITION, /* yes-no questions, "Is it paid?" */
    SL_VOCAB_FOLDER,    /* names of folders and files */
    SL_N_VOCAB_KINDS
} sl_vocab_kind;

/* Returns the i-th of a list. */
const char *sl_vocab_at(sl_vocab_kind kind, int i);

/* Fills out with n different words of a list in random order; n is at most its length. */
void sl_vocab_pick(const struct sl_synth_request *r, sl_vocab_kind kind, int n, const char **out);

/* Appends a word of the script: of the language, made up, or (all scripts) a number. */
void sl_vocab_word(const struct sl_synth_request *r, sl_script script, struct sl_buf *out);

/* Appends n words as a heading, the first letter large; Chinese ones without spaces. */
void sl_vocab_title(const struct sl_synth_request *r, sl_script script, int n, struct sl_buf *out);

/* Appends a sentence of about n words, with its punctuation and without a space behind it. */
void sl_vocab_sentence(const struct sl_synth_request *r, sl_script script, int n, struct sl_buf *out);

/* Appends n sentences of 4 to 14 words. */
void sl_vocab_paragraph(const struct sl_synth_request *r, sl_script script, int n, struct sl_buf *out);

/* Appends a code of letters and digits, "KX-4821". */
void sl_vocab_code(const struct sl_synth_request *r, struct sl_buf *out);

/* Appends a date of 1995 to 2030, written in one of several ways. */
void sl_vocab_date(const struct sl_synth_request *r, struct sl_buf *out);

/* Appends cents as "12.05". */
void sl_vocab_price(int cents, struct sl_buf *out);

/* Appends value without trailing zeros, with at most `decimals` (0 to 6) of them; never "-0". */
void sl_vocab_number(double value, int decimals, struct sl_buf *out);

/* A word to put into a template. */
struct sl_vocab_slot {
    const char *key; /* "name" stands for {name} */
    const char *value;
};

/*
 * Appends a template with every {key} replaced from slots, which end with a NULL key. A key without a slot is a bug.
 * The first letter of the result is written large when the template begins with a slot.
 */
void sl_vocab_fill(const char *template, const struct sl_vocab_slot *slots, struct sl_buf *out);

#endif
