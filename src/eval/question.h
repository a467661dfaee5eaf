/*
 * question.h: a sample of a dataset as a question: what is asked, with or without its pictures, and what is right.
 *
 * What is asked are the messages before the last one of the assistant; that one is the right answer. Any thread.
 */
#ifndef SL_EVAL_QUESTION_H
#define SL_EVAL_QUESTION_H

#include "data/encode.h"
#include "data/sample.h"
#include "infer/conversation.h"

/* A question in the making. Start with {0}; release with sl_eval_question_release. */
struct sl_eval_question {
    struct sl_conversation messages;
    bool thinking; /* the right answer begins with a thought */
    bool seen;     /* it has pictures */
};

/*
 * Makes the question of *sample (borrowed) into *out, its pictures and videos as media says; blind leaves them out. A
 * sample without a right answer, with sounds, or with media that cannot be read fails, naming it.
 */
sl_status sl_eval_question_make(const struct sl_sample *sample, const struct sl_encode_options *media, bool blind,
                                struct sl_eval_question *out, sl_error *err);

/* Releases everything; q is empty again. */
void sl_eval_question_release(struct sl_eval_question *q);

/* Appends the texts of the last user's message, and of the right answer without its thought; nothing when none. */
void sl_eval_asked_text(const struct sl_sample *sample, struct sl_buf *out);
void sl_eval_right_text(const struct sl_sample *sample, struct sl_buf *out);

/*
 * Returns what an answer is worth, in [0, 1], and *right: by the rule that the sample's truth names, passing its own
 * threshold, else by being the right answer's text.
 */
double sl_eval_score(const struct sl_sample *sample, const char *answer, bool *right);

#endif
