/*
 * text_parts.h: what the files of the text family share: items of knowledge as question, answer and sentence, and the
 * writers of documents. Each writer appends to a buffer; random choices come from the request.
 */
#ifndef SL_SYNTH_TEXT_PARTS_H
#define SL_SYNTH_TEXT_PARTS_H

#include "synth/synth.h"

/* One thing that is so, said in three ways. */
struct sl_text_item {
    char question[512];
    char answer[256];   /* as short as it goes: "Paris", "42" */
    char sentence[512]; /* the whole, with a full stop */
    char steps[1024];   /* how one gets there, or "" */
};

/* Fills *out with something that people know: colours, animals, countries, opposites, calendars, measures. */
void sl_text_fact(const struct sl_synth_request *r, struct sl_text_item *out);

/*
 * Fills *out with a calculation; level 0: sums within 20, 1: within 100 and small products, 2: within 1000 and
 * division, 3: word problems with two steps. Operands whose sum of digits is divisible by 5 are held out.
 */
void sl_text_sum(const struct sl_synth_request *r, int level, struct sl_text_item *out);

/* Fills *out with a question about a word: its letters, its plural, its past tense, alphabetical order. */
void sl_text_word(const struct sl_synth_request *r, struct sl_text_item *out);

/* Appends sentences of one grammatical theme (tenses, questions, passives, comparatives), n of them. */
void sl_text_grammar(const struct sl_synth_request *r, int n, struct sl_buf *b);

/*
 * Appends a short story whose world is simulated; *item (or NULL) becomes a question about it that the text answers.
 * level 0..3: its length.
 */
void sl_text_story(const struct sl_synth_request *r, int level, struct sl_buf *b, struct sl_text_item *item);

/*
 * Appends a description of coloured shapes and where they are, with numbers in the answer language where the task has
 * them; *item (or NULL) becomes a question about it. level: how many shapes.
 */
void sl_text_scene(const struct sl_synth_request *r, int level, struct sl_buf *b, struct sl_text_item *item);

/* Appends a counting exercise: numbers forwards, backwards, in steps, in words. */
void sl_text_counting(const struct sl_synth_request *r, int level, struct sl_buf *b);

/* --- files of the machine ------------------------------------------------------------------------------------- */

/* The text files found, in the order of their paths; those of equal content once. */
struct sl_text_files {
    char **paths; /* owned, and each of them */
    size_t n;
};

/* Lists README, copyright, NEWS and .txt files below /usr/share/doc and /usr/share/common-licenses; none is fine. */
sl_status sl_text_files_list(struct sl_text_files *f, sl_error *err);

/* Releases the list; *f is empty again. */
void sl_text_files_release(struct sl_text_files *f);

/*
 * Appends a piece of at most max bytes of one file, whole paragraphs that are mostly words. Every fourth file is for
 * held-out samples. False when none of some tries gave one.
 */
bool sl_text_files_piece(const struct sl_text_files *f, const struct sl_synth_request *r, size_t max, struct sl_buf *b);

#endif
