/*
 * say.h: questions from phrases, and answers together with their truths, for families of short answers.
 */
#ifndef SL_SYNTH_SAY_H
#define SL_SYNTH_SAY_H

#include "synth/vocab.h"

/* Asks in one of the phrases (NULL-terminated, with the slots' {keys}; slots NULL: none). */
void sl_say_question(const struct sl_synth_request *r, struct sl_synth_sample *s, const char *const *phrases,
                     const struct sl_vocab_slot *slots);

/* Answers with that text: checker "exact". */
void sl_say_text(struct sl_synth_sample *s, const char *answer);

/* Answers with that number of at most `decimals`: checker "number" with a relative tolerance. */
void sl_say_number(struct sl_synth_sample *s, double answer, int decimals, double tolerance);

/* Answers with that whole number: checker "count". */
void sl_say_count(struct sl_synth_sample *s, int n);

/* Answers Yes or No: checker "yes-no", chance 1/2. */
void sl_say_yes_no(struct sl_synth_sample *s, bool yes);

/* Sets how often a guess is right: one in n. */
void sl_say_chance(struct sl_synth_sample *s, int n);

/* How tables are written. */
typedef enum sl_say_format { SL_SAY_HTML, SL_SAY_MARKDOWN, SL_SAY_LATEX, SL_N_SAY_FORMATS } sl_say_format;

/* Answers with rows of strings (taken) as a table; the first row is its heading. Checker "table". */
void sl_say_table(struct sl_synth_sample *s, json_t *rows, sl_say_format format, bool keyed);

#endif
