/*
 * choose.c: random choices of a request, and which variants each split may take.
 */
#include "synth/synth.h"

int sl_synth_choose(const struct sl_synth_request *r, int n)
{
    if (n < 4) return (int)sl_rng_below(r->rng, (uint32_t)n);
    int n_held = n / 4;
    if (r->split == SL_SYNTH_HELD_OUT) return 4 * (int)sl_rng_below(r->rng, (uint32_t)n_held) + 3;
    int k = (int)sl_rng_below(r->rng, (uint32_t)(n - n_held));
    return k + k / 3; /* steps over every fourth */
}

const char *sl_synth_phrase(const struct sl_synth_request *r, const char *const *phrases)
{
    int n = 0;
    while (phrases[n]) n++;
    return phrases[sl_synth_choose(r, n)];
}

int sl_synth_int(const struct sl_synth_request *r, int low, int high)
{
    return low + (int)sl_rng_below(r->rng, (uint32_t)(high - low) + 1);
}

double sl_synth_real(const struct sl_synth_request *r, double low, double high)
{
    return low + (high - low) * (double)sl_rng_float(r->rng);
}

bool sl_synth_chance(const struct sl_synth_request *r, double p)
{
    return (double)sl_rng_float(r->rng) < p;
}

void sl_synth_shuffle(const struct sl_synth_request *r, int *order, int n)
{
    for (int i = 0; i < n; i++) order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        int k = (int)sl_rng_below(r->rng, (uint32_t)i + 1), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
}
