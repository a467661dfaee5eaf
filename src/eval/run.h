/*
 * run.h: a model answers the questions of a dataset; each answer is scored by its family's rule and recorded.
 *
 * The engine works on several questions at once; records come in the order in which the questions were drawn.
 */
#ifndef SL_EVAL_RUN_H
#define SL_EVAL_RUN_H

#include "eval/scores.h"
#include "infer/engine.h"

enum sl_eval_thinking {
    SL_EVAL_AS_DATA, /* where the right answer has a thought */
    SL_EVAL_THINK,
    SL_EVAL_DIRECT,
};

struct sl_eval_options {
    const char *const *paths; /* (n_paths): files and folders of a dataset (docs/DATA.md) */
    int n_paths;
    const char *const *only; /* (n_only): FAMILY, FAMILY/TASK or FAMILY/TASK/LEVEL; others are passed over */
    int n_only;              /* 0: all */
    uint64_t seed;           /* of the order in which questions are drawn */
    int64_t limit;           /* questions at most; 0: all */
    bool absolute_paths;
    bool blind; /* ask each question without its pictures too */
    enum sl_eval_thinking thinking;
    int max_tokens;  /* of an answer with its thought */
    int parallel;    /* questions in the engine at once, at least 1 */
    const char *dir; /* folder for records.jsonl, summary.json and report.html, made if need be; NULL: none */
    int shown;       /* wrong answers in the report */
    bool (*on_question)(void *user, int64_t n_done, int64_t n_all); /* or NULL; false: stop here */
    void *user;
};

/* Direct order, seed 0, all questions, blind too, thinking as the data has it, 512 tokens, 16 at once, 40 shown. */
void sl_eval_defaults(struct sl_eval_options *o);

/*
 * Asks and scores into *scores (empty), which the caller releases. Samples that cannot be asked are counted as skipped
 * and named in the log of the engine. Fails when nothing could be asked, when a file cannot be written, or when the
 * engine as a whole fails.
 */
sl_status sl_eval_run(sl_engine *e, const struct sl_eval_options *o, const struct sl_log *log,
                      struct sl_eval_scores *scores, sl_error *err);

#endif
