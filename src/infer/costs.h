/*
 * costs.h: what a step costs by what is in it, learnt from the steps themselves: the tokens that streams wait for, and
 * each token of a prompt beside them.
 *
 * Steps without prompts tell the first. While prompts keep coming there are none, and the number of streams changes
 * meanwhile; then one step now and then is asked to leave prompts out. A step that took long is an accident of the
 * machine's, and counts as a quarter more than was expected, a prompt's token as twice: were steps of streams believed
 * to take longer than they do, prompts would get more, and the streams wait.
 */
#ifndef SL_INFER_COSTS_H
#define SL_INFER_COSTS_H

#include <stdbool.h>

/* Start with {0}: nothing is known. */
typedef struct sl_costs {
    double decode; /* seconds of a step with streams and without prompts, smoothed; 0: not known */
    double prompt; /* seconds of a prompt's token, smoothed; 0: not known */
    int streams;   /* of the step that told decode */
    int mixed;     /* steps with streams and prompts since then */
} sl_costs;

/* Tells what a step took: how many streams got a token in it, and how many tokens of prompts it had. */
void sl_costs_note(sl_costs *c, int streams, int prompt_tokens, double seconds);

/* Whether the next step, with so many streams, should leave prompts out to be measured. */
bool sl_costs_should_measure(const sl_costs *c, int streams);

/* How many prompt tokens `steps` times a decoding step pays for, at least `least`, at most `most`. */
int sl_costs_prompt_tokens(const sl_costs *c, double steps, int least, int most);

#endif
