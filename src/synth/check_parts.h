/*
 * check_parts.h: what rules are made of: folding text, finding numbers, similarity, one-to-one matching.
 *
 * For check*.c and for families with rules of their own. A truth may come from anybody's file: what has another type
 * than expected counts as absent, and nothing here fails.
 */
#ifndef SL_SYNTH_CHECK_PARTS_H
#define SL_SYNTH_CHECK_PARTS_H

#include "synth/check.h"

/* Appends the answer without reasoning, shapes and their labels, to out; SL_BUF_INIT(SL_CHECK_MAX_TEXT) suits. */
void sl_check_plain(const struct sl_answer *a, struct sl_buf *out);

enum { SL_CHECK_MAX_TEXT = 1 << 22, SL_CHECK_MAX_ITEMS = 1024 };

/*
 * Appends n bytes of text as they are compared: runs of white space as one space, none at the ends, case folded unless
 * keep_case, without quotes, asterisks and a full stop around the whole.
 */
void sl_check_fold(const char *text, size_t n, bool keep_case, struct sl_buf *out);

/*
 * Returns whether text holds a number, and *value: the one inside \boxed{} or ** **, else the last: 1,234.5, -3e4,
 * 3/4, 12 %, or a word from zero to twenty.
 */
bool sl_check_number(const char *text, double *value);

/* Returns the number at index i of a JSON array, or NaN. */
double sl_check_at(const json_t *array, size_t i);

/* Returns the string or number of key in truth, or fallback. */
const char *sl_check_string(const json_t *truth, const char *key, const char *fallback);
double sl_check_real(const json_t *truth, const char *key, double fallback);

/* How well answer item a fits truth item t, in [0, 1]; 0: not at all. */
typedef double (*sl_check_fit)(const void *arg, size_t t, size_t a);

/*
 * Matches n_truth with n_answer items one to one and returns 2 x (sum of the fits) / (n_truth + n_answer), and 1 when
 * there are none of either: F1 when fits are 0 or 1. Pairs are taken from the best fit down; equal fits are then
 * rearranged so that as many as possible find a partner. Beyond SL_CHECK_MAX_ITEMS, items count as unmatched.
 */
double sl_check_match(sl_check_fit fit, const void *arg, size_t n_truth, size_t n_answer);

/* The rules about text, shapes and tables; each is a sl_checker's score. */
double sl_check_exact(const json_t *truth, const struct sl_answer *a);
double sl_check_yes_no(const json_t *truth, const struct sl_answer *a);
double sl_check_choice(const json_t *truth, const struct sl_answer *a);
double sl_check_value(const json_t *truth, const struct sl_answer *a);
double sl_check_count(const json_t *truth, const struct sl_answer *a);
double sl_check_text(const json_t *truth, const struct sl_answer *a);
double sl_check_mentions(const json_t *truth, const struct sl_answer *a);
double sl_check_regex(const json_t *truth, const struct sl_answer *a);
double sl_check_points(const json_t *truth, const struct sl_answer *a);
double sl_check_boxes(const json_t *truth, const struct sl_answer *a);
double sl_check_polygons(const json_t *truth, const struct sl_answer *a);
double sl_check_boxes3d(const json_t *truth, const struct sl_answer *a);
double sl_check_spans(const json_t *truth, const struct sl_answer *a);
double sl_check_action(const json_t *truth, const struct sl_answer *a);
double sl_check_table(const json_t *truth, const struct sl_answer *a);

#endif
