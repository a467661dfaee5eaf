/*
 * check.h: what an answer is worth: one score in [0, 1] for a truth and an answer, as metric and as reward.
 *
 * A truth is the JSON object that a generator wrote: "checker" names the rule, "answer" is what it compares with, other
 * keys are the rule's own. check.c lists the rules; docs/SYNTH.md describes each. Pure functions, any thread.
 */
#ifndef SL_SYNTH_CHECK_H
#define SL_SYNTH_CHECK_H

#include "base/error.h"
#include "text/answer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A rule. score(truth, answer) is in [0, 1]; the answer is parsed, its reasoning is not looked at. */
struct sl_checker {
    const char *name;
    const char *help; /* one line: what the answer must be, and which keys the truth has */
    double (*score)(const json_t *truth, const struct sl_answer *answer);
};

/*
 * Scores n bytes of answer against truth; flags are of SL_ANSWER_*. *score is in [0, 1]: 1 is right, what lies between
 * is the rule's own measure (IoU, F1, similarity). A truth without a known checker is SL_ERR_UNSUPPORTED.
 */
sl_status sl_check(const json_t *truth, const char *answer, size_t n, unsigned flags, double *score, sl_error *err);

/* Returns whether that score counts as a right answer under the truth's own threshold ("threshold", else 1). */
bool sl_check_passes(const json_t *truth, double score);

/* Returns the rule of that name, a family's own included, or NULL; static storage. */
const struct sl_checker *sl_checker_find(const char *name);

/* Returns general rule i, 0 <= i < *n, for lists of them; static storage. */
const struct sl_checker *sl_checkers(int *n);

#endif
