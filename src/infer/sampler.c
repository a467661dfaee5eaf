/*
 * sampler.c: penalties, truncation and the draw.
 */
#include "infer/sampler.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t SEEN = 1u << 31; /* in counts: the token is in the prompt */

struct pair {
    float logit;
    int32_t id;
};

void sl_sampling_defaults(sl_sampling *s)
{
    *s = (sl_sampling){.top_p = 1, .repetition_penalty = 1};
}

static sl_status check_range(const char *name, float x, float min, float max, sl_error *err)
{
    if (x >= min && x <= max) return SL_OK;
    return sl_fail(err, SL_ERR_ARGUMENT, "%s is %g; it goes from %g to %g", name, (double)x, (double)min, (double)max);
}

sl_status sl_sampling_check(const sl_sampling *s, int vocab, sl_error *err)
{
    const struct {
        const char *name;
        float value, min, max;
    } ranges[] = {
        {"temperature", s->temperature, 0, 100},
        {"top_p", s->top_p, 0, 1},
        {"min_p", s->min_p, 0, 1},
        {"repetition_penalty", s->repetition_penalty, 0.01f, 100},
        {"presence_penalty", s->presence_penalty, -100, 100},
        {"frequency_penalty", s->frequency_penalty, -100, 100},
        {"top_k", (float)s->top_k, 0, (float)(1 << 24)},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        sl_status st = check_range(ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max, err);
        if (st != SL_OK) return st;
    }
    for (int i = 0; i < s->n_biases; i++) {
        if (s->biases[i].id < 0 || s->biases[i].id >= vocab)
            return sl_fail(err, SL_ERR_ARGUMENT, "a bias for token %d; the vocabulary has %d", s->biases[i].id, vocab);
        if (!(fabsf(s->biases[i].bias) <= 1e6f))
            return sl_fail(err, SL_ERR_ARGUMENT, "the bias of token %d is %g", s->biases[i].id,
                           (double)s->biases[i].bias);
    }
    return SL_OK;
}

sl_status sl_sampler_work_init(sl_sampler_work *w, int vocab, sl_error *err)
{
    *w = (sl_sampler_work){.vocab = vocab};
    w->logits = sl_alloc_array((size_t)vocab, sizeof *w->logits);
    w->pairs = sl_alloc_array((size_t)vocab, sizeof(struct pair));
    return w->logits && w->pairs ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for sampling");
}

void sl_sampler_work_free(sl_sampler_work *w)
{
    free(w->logits);
    free(w->pairs);
    *w = (sl_sampler_work){0};
}

sl_status sl_sampler_init(sl_sampler *s, const sl_sampling *how, int vocab, const int32_t *prompt, size_t n,
                          sl_error *err)
{
    *s = (sl_sampler){.how = *how, .vocab = vocab};
    s->how.biases = NULL;
    sl_rng_init(&s->rng, how->seed, 0);
    bool counts = how->repetition_penalty != 1 || how->presence_penalty != 0 || how->frequency_penalty != 0;
    if (counts && !(s->counts = sl_alloc_array((size_t)vocab, sizeof *s->counts)))
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for penalties");
    for (size_t i = 0; counts && i < n; i++) s->counts[prompt[i]] |= SEEN;
    if (how->n_biases) {
        sl_logit_bias *copy = sl_alloc_array((size_t)how->n_biases, sizeof *copy);
        if (!copy) return sl_fail(err, SL_ERR_MEMORY, "out of memory for biases");
        memcpy(copy, how->biases, (size_t)how->n_biases * sizeof *copy);
        s->how.biases = copy;
    }
    return SL_OK;
}

void sl_sampler_release(sl_sampler *s)
{
    free(s->counts);
    free((void *)s->how.biases);
    *s = (sl_sampler){0};
}

void sl_sampler_accept(sl_sampler *s, int32_t id)
{
    if (s->counts) s->counts[id]++;
}

/* --- log-probabilities ------------------------------------------------------------------------------------------ */

static double log_sum_exp(const float *x, int n, float *max)
{
    double sum = 0;
    *max = x[0];
    for (int i = 1; i < n; i++)
        if (x[i] > *max) *max = x[i];
    for (int i = 0; i < n; i++) sum += (double)expf(x[i] - *max);
    return (double)*max + log(sum);
}

/* Keeps the list of the most likely tokens sorted by insertion; equal ones keep the order of their ids. */
static void note_top(sl_choice *c, int top, int32_t id, float logit)
{
    int at = c->n_top;
    if (at == top && !(logit > c->top[at - 1].logprob)) return;
    if (at < top) c->n_top++;
    if (at == top) at--;
    for (; at > 0 && c->top[at - 1].logprob < logit; at--) c->top[at] = c->top[at - 1];
    c->top[at] = (sl_token_logprob){id, logit};
}

void sl_sampler_measure(sl_sampler_work *w, const float *logits, int32_t id, int top, sl_choice *out)
{
    float max;
    *out = (sl_choice){.id = id};
    if (top < 0) return;
    double sum = log_sum_exp(logits, w->vocab, &max);
    out->logprob = (float)((double)logits[id] - sum);
    if (top > SL_MAX_TOP_LOGPROBS) top = SL_MAX_TOP_LOGPROBS;
    for (int i = 0; i < w->vocab && top; i++) note_top(out, top, i, logits[i]);
    for (int i = 0; i < out->n_top; i++) out->top[i].logprob = (float)((double)out->top[i].logprob - sum);
}

/* --- choosing --------------------------------------------------------------------------------------------------- */

static bool bit(const uint32_t *set, int i)
{
    return set[i / 32] >> (i % 32) & 1;
}

/* The logits with biases and penalties applied and everything that is not allowed at minus infinity. */
static void adjust(const sl_sampler *s, sl_sampler_work *w, const float *logits, const uint32_t *allowed,
                   const uint32_t *banned)
{
    const sl_sampling *h = &s->how;
    float *x = w->logits;
    memcpy(x, logits, (size_t)w->vocab * sizeof *x);
    for (int i = 0; i < h->n_biases; i++) x[h->biases[i].id] += h->biases[i].bias;
    for (int i = 0; s->counts && i < w->vocab; i++) {
        uint32_t times = s->counts[i] & ~SEEN;
        if (!s->counts[i]) continue;
        x[i] = x[i] > 0 ? x[i] / h->repetition_penalty : x[i] * h->repetition_penalty;
        if (times) x[i] -= h->presence_penalty + h->frequency_penalty * (float)times;
    }
    for (int i = 0; allowed && i < w->vocab; i++)
        if (!bit(allowed, i)) x[i] = -INFINITY;
    for (int i = 0; banned && i < w->vocab; i++)
        if (bit(banned, i)) x[i] = -INFINITY;
}

static int best_of(const float *x, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

static int by_logit(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Collects the candidates in falling order; probabilities under e^-25 of the largest can never be drawn in f32. */
static int candidates(const sl_sampler *s, sl_sampler_work *w, float max)
{
    struct pair *p = w->pairs;
    int n = 0;
    float least = 25;
    if (s->how.min_p > 0) least = fminf(least, -logf(s->how.min_p));
    float cut = max - least * s->how.temperature;
    for (int i = 0; i < w->vocab; i++)
        if (w->logits[i] >= cut) p[n++] = (struct pair){w->logits[i], i};
    qsort(p, (size_t)n, sizeof *p, by_logit);
    return s->how.top_k && s->how.top_k < n ? s->how.top_k : n;
}

/* Draws from the candidates after top_p: their softmax at the temperature, cut and scaled to one. */
static int32_t draw(sl_sampler *s, sl_sampler_work *w, int n)
{
    struct pair *p = w->pairs;
    double total = 0, kept = 0;
    float max = p[0].logit;
    for (int i = 0; i < n; i++) {
        p[i].logit = expf((p[i].logit - max) / s->how.temperature);
        total += (double)p[i].logit;
    }
    int last = 0;
    for (; last < n; last++) {
        kept += (double)p[last].logit;
        if (kept >= (double)s->how.top_p * total) break;
    }
    if (last == n) last = n - 1;
    double at = (double)sl_rng_float(&s->rng) * kept;
    for (int i = 0; i < last; i++) {
        at -= (double)p[i].logit;
        if (at < 0) return p[i].id;
    }
    return p[last].id;
}

bool sl_sampler_choose(sl_sampler *s, sl_sampler_work *w, const float *logits, const uint32_t *allowed,
                       const uint32_t *banned, int top, sl_choice *out)
{
    adjust(s, w, logits, allowed, banned);
    int32_t id = best_of(w->logits, w->vocab);
    if (!(w->logits[id] > -INFINITY)) return false;
    if (s->how.temperature > 0) id = draw(s, w, candidates(s, w, w->logits[id]));
    sl_sampler_measure(w, logits, id, top, out);
    return true;
}
