/*
 * costs.c: two smoothed averages.
 */
#include "infer/costs.h"

enum {
    TELLING = 16,     /* prompt tokens in a step at least that tell what one costs */
    MOST_MIXED = 32,  /* steps with prompts, after which one without is measured */
    LEAST_MIXED = 4,  /* the same, when the number of streams is another */
    ANOTHER_TIMES = 3 /* by a third */
};

static const double ACCIDENT = 1.25; /* of a decoding step: times what was expected */

/* Moves an average; what is more than `most` times it is an accident. */
static void smooth(double *average, double x, double gain, double most)
{
    if (*average <= 0) {
        *average = x;
        return;
    }
    if (x > most * *average) x = most * *average;
    *average += gain * (x - *average);
}

static bool another_number(const sl_costs *c, int streams)
{
    int change = streams > c->streams ? streams - c->streams : c->streams - streams;
    return change * ANOTHER_TIMES > c->streams;
}

static void note_decode(sl_costs *c, int streams, double seconds)
{
    bool another = another_number(c, streams);
    double times = c->streams ? (double)streams / c->streams : 1; /* at worst, each stream costs as much */
    smooth(&c->decode, seconds, another ? 1 : 0.2, times > ACCIDENT ? times : ACCIDENT);
    c->streams = streams;
    c->mixed = 0;
}

void sl_costs_note(sl_costs *c, int streams, int prompt_tokens, double seconds)
{
    if (streams && !prompt_tokens) note_decode(c, streams, seconds);
    if (streams && prompt_tokens) c->mixed++;
    if (prompt_tokens < TELLING || (streams && another_number(c, streams))) return;
    double rest = seconds - (streams ? c->decode : 0);
    if (rest > 0) smooth(&c->prompt, rest / prompt_tokens, 0.2, 2);
}

bool sl_costs_should_measure(const sl_costs *c, int streams)
{
    return streams && c->mixed >= (another_number(c, streams) ? LEAST_MIXED : MOST_MIXED);
}

int sl_costs_prompt_tokens(const sl_costs *c, double steps, int least, int most)
{
    if (c->prompt <= 0) return most;
    double n = steps * c->decode / c->prompt;
    return n < least ? least : n > most ? most : (int)n;
}
