/*
 * scores.h: how many answers were right, by family, task and level, beside what the same model says without the picture
 * and what guessing is worth.
 */
#ifndef SL_EVAL_SCORES_H
#define SL_EVAL_SCORES_H

#include "base/error.h"
#include "data/sample.h"

#include <jansson.h>
#include <stdio.h>

/* Questions of one kind. */
struct sl_eval_group {
    char family[32], task[32]; /* "-" when the data names none */
    int level;                 /* -1 when the data names none */
    int64_t n, n_right;
    double score;          /* sum of scores in [0, 1] */
    int64_t n_blind;       /* asked without pictures too */
    int64_t n_blind_right; /* of them */
    int64_t n_chance;      /* questions for which guessing was tried */
    double chance;         /* sum over them of how likely a guess is right */
    char *last;            /* right answer of the last question: the next one's guess; owned */
};

/* Start with {0}; release with sl_eval_scores_release. */
struct sl_eval_scores {
    struct sl_eval_group *groups; /* (n), owned, by family, task and level */
    int n;
    size_t cap;
    int64_t n_skipped; /* samples that could not be asked */
};

/* One question's outcome. */
struct sl_eval_outcome {
    double score;
    bool right;
    bool blind, blind_right; /* whether it was asked without pictures, and how that went */
    double chance;           /* how likely a guess is right; NAN where none was tried. Set by sl_eval_scores_add */
};

/*
 * Counts an outcome, and sets its chance. The guess is how often the sample's truth says that one is right ("chance"),
 * else the right answer of the question of the same kind before it.
 */
sl_status sl_eval_scores_add(struct sl_eval_scores *s, const struct sl_sample *sample, struct sl_eval_outcome *outcome,
                             sl_error *err);

/* Sums the groups of a family into *out, of all when family is NULL; task "" and level -1. */
void sl_eval_scores_sum(const struct sl_eval_scores *s, const char *family, struct sl_eval_group *out);

/* Returns the half width of the 95 % interval of a share of n: Agresti and Coull's, in [0, 0.5]. */
double sl_eval_margin(int64_t n_right, int64_t n);

/* Prints a line for each group, family and all. */
void sl_eval_scores_print(const struct sl_eval_scores *s, FILE *out);

/* Returns all of it as an owned object, NULL without memory. */
json_t *sl_eval_scores_json(const struct sl_eval_scores *s);

/* Releases everything; s is empty again. */
void sl_eval_scores_release(struct sl_eval_scores *s);

#endif
