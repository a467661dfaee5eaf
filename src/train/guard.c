/*
 * guard.c: a running mean of gradient norms.
 */
#include "train/guard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

sl_verdict sl_guard_judge(sl_guard *g, double loss, double norm)
{
    sl_verdict v = SL_VERDICT_GOOD;
    if (!isfinite(loss) || !isfinite(norm))
        v = SL_VERDICT_NOT_FINITE;
    else if (g->spike > 0 && g->n_good >= SL_GUARD_SETTLE && norm > g->spike * g->mean)
        v = SL_VERDICT_SPIKE;
    if (v != SL_VERDICT_GOOD) {
        g->n_bad++;
        g->in_a_row++;
        return v;
    }
    g->in_a_row = 0;
    g->n_good++;
    double share = g->n_good < 50 ? 1.0 / (double)g->n_good : 0.02;
    g->mean += share * (norm - g->mean);
    return v;
}

json_t *sl_guard_save(const sl_guard *g)
{
    /* Hexadecimal keeps every bit of the mean, which decides about later steps. */
    char mean[64];
    snprintf(mean, sizeof mean, "%a", g->mean);
    return json_pack("{s:s, s:I, s:I, s:i}", "mean", mean, "good", (json_int_t)g->n_good, "bad", (json_int_t)g->n_bad,
                     "in_a_row", g->in_a_row);
}

void sl_guard_restore(sl_guard *g, const json_t *saved)
{
    const char *mean = json_string_value(json_object_get(saved, "mean"));
    if (!mean) return;
    g->mean = strtod(mean, NULL);
    g->n_good = json_integer_value(json_object_get(saved, "good"));
    g->n_bad = json_integer_value(json_object_get(saved, "bad"));
    g->in_a_row = (int)json_integer_value(json_object_get(saved, "in_a_row"));
}
