/*
 * report.h: what an evaluation leaves in a folder: records.jsonl, summary.json and report.html.
 */
#ifndef SL_EVAL_REPORT_H
#define SL_EVAL_REPORT_H

#include "eval/scores.h"

/* Files in the making; {0} writes nothing. One thread owns it. */
struct sl_eval_report {
    char *dir;           /* owned; NULL: nothing is written */
    FILE *records;       /* owned */
    struct sl_buf wrong; /* cards of wrong answers */
    int n_wrong, shown;
};

/* One answer, as it is recorded. Borrows everything. */
struct sl_eval_record {
    const struct sl_sample *sample;
    const char *answer, *reasoning, *blind_answer; /* blind_answer: NULL when it was not asked */
    struct sl_eval_outcome outcome;
    int prompt_tokens, image_tokens, completion_tokens;
    double milliseconds; /* from asking to the end */
};

/* Makes the folder and starts records.jsonl; dir NULL: nothing will be written. Shows up to `shown` wrong answers. */
sl_status sl_eval_report_open(struct sl_eval_report *r, const char *dir, int shown, sl_error *err);

/* Writes a line of records.jsonl, and keeps a wrong answer for the page. */
sl_status sl_eval_report_add(struct sl_eval_report *r, const struct sl_eval_record *record, sl_error *err);

/* Writes summary.json and report.html. */
sl_status sl_eval_report_finish(struct sl_eval_report *r, const struct sl_eval_scores *scores, sl_error *err);

/* Releases everything; what is written stays. */
void sl_eval_report_release(struct sl_eval_report *r);

#endif
