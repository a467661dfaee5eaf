/*
 * sampler.c: penalties, truncation and the draw.
 */
#include "infer/sampler.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t SEEN = 1u << 31; /* in counts: the token is in the prompt */

/* A token that may be drawn, and its share. */
struct candidate {
    float logit, p;
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

sl_status sl_sampler_work_init(sl_sampler_work *w, const sl_ops *ops, int vocab, sl_error *err)
{
    *w = (sl_sampler_work){.ops = ops, .vocab = vocab};
    w->logits = sl_alloc_array((size_t)vocab, sizeof *w->logits);
    w->shares = sl_alloc_array((size_t)vocab, sizeof *w->shares);
    w->candidates = sl_alloc_array((size_t)vocab, sizeof(struct candidate));
    return w->logits && w->shares && w->candidates ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for sampling");
}

void sl_sampler_work_free(sl_sampler_work *w)
{
    free(w->logits);
    free(w->shares);
    free(w->candidates);
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
    static const float one = 1;
    float loss;
    *out = (sl_choice){.id = id};
    if (top < 0) return;
    /* The loss that training takes, so that both give the same number. */
    w->ops->cross_entropy(w->ops, SL_F32, 1, w->vocab, logits, &id, &one, &loss, NULL);
    out->logprob = -loss;
    if (top > SL_MAX_TOP_LOGPROBS) top = SL_MAX_TOP_LOGPROBS;
    for (int i = 0; i < w->vocab && top; i++) note_top(out, top, i, logits[i]);
    for (int i = 0; i < out->n_top; i++) {
        sl_token_logprob *t = &out->top[i];
        t->logprob =
            t->id == id ? out->logprob : t->logprob + out->logprob - logits[id]; /* exactly its own, unrounded */
    }
}

/* --- choosing --------------------------------------------------------------------------------------------------- */

/* Puts minus infinity where `set`, xor-ed with flip, has a bit. */
static void exclude(float *x, int n, const uint32_t *set, uint32_t flip)
{
    for (int from = 0; from < n; from += 32) {
        uint32_t bits = set[from / 32] ^ flip;
        for (int i = from; bits && i < n; i++, bits >>= 1)
            if (bits & 1) x[i] = -INFINITY;
    }
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
    if (allowed) exclude(x, w->vocab, allowed, ~0u);
    if (banned) exclude(x, w->vocab, banned, 0);
}

/* The first of the largest numbers, found sixteen at a time; -1 when all are minus infinity or no number. */
static int32_t best_of(const float *x, int n)
{
    float most[16], max = -INFINITY;
    for (int k = 0; k < 16; k++) most[k] = -INFINITY;
    int i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++) most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
    for (int k = 0; k < 16; k++) max = most[k] > max ? most[k] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    if (!(max > -INFINITY)) return -1;
    for (i = 0; x[i] != max;) i++;
    return i;
}

/* x *= factor; sixteen at a time, which compilers make vectors of. */
static void multiply(float *x, int n, float factor)
{
    int i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++) x[i + k] *= factor;
    for (; i < n; i++) x[i] *= factor;
}

static void cut_below(float *x, int n, float least)
{
    int i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++) x[i + k] = x[i + k] >= least ? x[i + k] : 0;
    for (; i < n; i++) x[i] = x[i] >= least ? x[i] : 0;
}

/*
 * Fills in every token's share at the temperature; those below min_p of the best one's share, and below e^-25 of it,
 * which no draw in f32 meets, get 0.
 */
static void find_shares(const sl_sampler *s, sl_sampler_work *w, int32_t best)
{
    static const float one = 1;
    float loss, scale = 1 / s->how.temperature, least = expf(-25);
    if (scale != 1) multiply(w->logits, w->vocab, scale);
    w->ops->cross_entropy(w->ops, SL_F32, 1, w->vocab, w->logits, &best, &one, &loss, w->shares);
    w->shares[best] += 1; /* the loss's gradient is the shares less the target's one */
    if (s->how.min_p > least) least = s->how.min_p;
    least *= w->shares[best];
    cut_below(w->shares, w->vocab, least);
}

/* Draws from all shares: first a block of them, by the sums of blocks, then one of the block. */
static int32_t draw_any(sl_sampler *s, const sl_sampler_work *w, int32_t best)
{
    enum { BLOCK = 256 };
    double total = 0;
    int32_t last = best;
    for (int from = 0; from < w->vocab; from += BLOCK) {
        float sums[16] = {0};
        int i = from, end = from + BLOCK < w->vocab ? from + BLOCK : w->vocab;
        for (; i + 16 <= end; i += 16)
            for (int k = 0; k < 16; k++) sums[k] += w->shares[i + k];
        for (; i < end; i++) sums[0] += w->shares[i];
        float sum = 0;
        for (int k = 0; k < 16; k++) sum += sums[k];
        ((float *)w->candidates)[from / BLOCK] = sum;
        total += (double)sum;
    }
    double at = (double)sl_rng_float(&s->rng) * total;
    int block = 0, blocks = (w->vocab + BLOCK - 1) / BLOCK;
    for (; block + 1 < blocks && at >= (double)((float *)w->candidates)[block]; block++)
        at -= (double)((float *)w->candidates)[block];
    for (int i = block * BLOCK; i < w->vocab; i++) { /* rounding may lead into the next block */
        if (w->shares[i] <= 0) continue;
        last = i;
        at -= (double)w->shares[i];
        if (at < 0) break;
    }
    return last;
}

static bool before(struct candidate x, struct candidate y)
{
    return x.logit > y.logit || (x.logit == y.logit && x.id < y.id);
}

static void swap(struct candidate *x, struct candidate *y)
{
    struct candidate t = *x;
    *x = *y;
    *y = t;
}

static void sort_few(struct candidate *c, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && before(c[k], c[k - 1]); k--) swap(&c[k], &c[k - 1]);
}

/* Moves all that come before the middle one of three to the front, it behind them; returns its place, not the last. */
static int split(struct candidate *c, int n)
{
    if (before(c[n / 2], c[0])) swap(&c[n / 2], &c[0]);
    if (before(c[n - 1], c[0])) swap(&c[n - 1], &c[0]);
    if (before(c[n - 1], c[n / 2])) swap(&c[n - 1], &c[n / 2]);
    swap(&c[n / 2], &c[n - 1]);
    int at = 0;
    for (int i = 0; i < n - 1; i++)
        if (before(c[i], c[n - 1])) swap(&c[i], &c[at++]);
    swap(&c[at], &c[n - 1]);
    return at;
}

/*
 * Moves the likeliest candidates to the front, in no order: as few as together have `share` of what all have, and
 * `most` at most. Returns how many. A quicksort that goes on in the one half where the limit lies.
 */
static int keep_likeliest(struct candidate *c, int n, double share, int most)
{
    int from = 0, end = n;
    double kept = 0;
    while (end - from > 8) {
        int middle = from + split(c + from, end - from);
        double sum = kept;
        for (int i = from; i <= middle; i++) sum += (double)c[i].p;
        if (middle + 1 >= most || sum >= share)
            end = middle + 1;
        else
            kept = sum, from = middle + 1;
    }
    sort_few(c + from, end - from);
    for (; from < n && from < most && kept < share; from++) kept += (double)c[from].p;
    return from;
}

/* Draws from the top_k likeliest, and of them from the fewest that have top_p together. */
static int32_t draw_likeliest(sl_sampler *s, const sl_sampler_work *w)
{
    struct candidate *c = w->candidates;
    int n = 0, k = s->how.top_k ? s->how.top_k : w->vocab;
    double total = 0, kept = 0;
    for (int i = 0; i < w->vocab; i++)
        if (w->shares[i] > 0) c[n++] = (struct candidate){w->logits[i], w->shares[i], i};
    n = keep_likeliest(c, n, INFINITY, k);
    for (int i = 0; i < n; i++) total += (double)c[i].p;
    if (s->how.top_p < 1) n = keep_likeliest(c, n, (double)s->how.top_p * total, n);
    if (n == 0) n = 1; /* top_p 0: the likeliest */
    for (int i = 0; i < n; i++) kept += (double)c[i].p;
    double at = (double)sl_rng_float(&s->rng) * kept;
    for (int i = 0; i < n - 1; i++) {
        at -= (double)c[i].p;
        if (at < 0) return c[i].id;
    }
    return c[n - 1].id;
}

bool sl_sampler_choose(sl_sampler *s, sl_sampler_work *w, const float *logits, const uint32_t *allowed,
                       const uint32_t *banned, int top, sl_choice *out)
{
    adjust(s, w, logits, allowed, banned);
    int32_t id = best_of(w->logits, w->vocab);
    if (id < 0) return false;
    if (s->how.temperature > 0) {
        find_shares(s, w, id);
        id = s->how.top_k || s->how.top_p < 1 ? draw_likeliest(s, w) : draw_any(s, w, id);
    }
    sl_sampler_measure(w, logits, id, top, out);
    return true;
}
