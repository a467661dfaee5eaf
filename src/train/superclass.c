/*
 * superclass.c: running document frequencies of tokens, and the targets made of them.
 */
#include "train/superclass.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

sl_status sl_superclass_init(sl_superclass *s, int vocab, sl_error *err)
{
    *s = (sl_superclass){
        .vocab = vocab,
        .step_counts = sl_alloc_array((size_t)vocab + 1, sizeof *s->step_counts),
        .step = -1,
        .seen = sl_alloc_array((size_t)vocab, sizeof *s->seen),
    };
    if (s->step_counts && s->seen) return SL_OK;
    sl_superclass_free(s);
    return sl_fail(err, SL_ERR_MEMORY, "out of memory for counts of %d tokens", vocab);
}

void sl_superclass_free(sl_superclass *s)
{
    free(s->step_counts);
    free(s->seen);
    *s = (sl_superclass){0};
}

/* Writes the distinct tokens of every caption but its eos, and counts in seen how many captions have each. */
static void find_tokens(sl_superclass *s, const sl_captions *c, int32_t *cu, int32_t *labels)
{
    cu[0] = 0;
    for (int i = 0; i < c->n; i++) {
        int32_t at = cu[i];
        for (int32_t k = c->cu[i]; k < c->cu[i + 1] - 1; k++) {
            int32_t token = c->tokens[k], before = cu[i];
            while (before < at && labels[before] != token) before++;
            if (before == at) labels[at++] = token;
        }
        for (int32_t k = cu[i]; k < at; k++) s->seen[labels[k]]++;
        cu[i + 1] = at;
    }
}

/* A caption's shares, log(N / f) scaled to sum 1; one whose tokens all weigh nothing loses them. */
static void write_shares(const sl_superclass *s, const struct sl_pretrain_weights *p, const sl_captions *c,
                         const int32_t *cu, int32_t *kept_cu, int32_t *labels, float *shares)
{
    const float *counts = p->token_counts->value;
    double captions = (double)*(const float *)p->n_captions->value + c->n;
    int32_t kept = 0;
    for (int i = 0; i < c->n; i++) {
        double sum = 0;
        for (int32_t k = cu[i]; k < cu[i + 1]; k++)
            sum += log(captions / ((double)counts[labels[k]] + s->seen[labels[k]]));
        kept_cu[i] = kept;
        for (int32_t k = cu[i]; k < cu[i + 1] && sum > 0; k++) {
            shares[kept] = (float)(log(captions / ((double)counts[labels[k]] + s->seen[labels[k]])) / sum);
            labels[kept++] = labels[k];
        }
    }
    kept_cu[c->n] = kept;
}

static void count_step(sl_superclass *s, const sl_captions *c, int64_t step)
{
    if (step != s->step) memset(s->step_counts, 0, ((size_t)s->vocab + 1) * sizeof *s->step_counts);
    s->step = step;
    for (int32_t k = 0; k < c->cu[c->n]; k++) {
        int32_t token = c->tokens[k];
        s->step_counts[token] += s->seen[token];
        s->seen[token] = 0;
    }
    s->step_counts[s->vocab] += c->n;
}

sl_distributions *sl_superclass_targets(sl_superclass *s, sl_ctx *ctx, const sl_model *m, const sl_captions *captions,
                                        int64_t step)
{
    size_t n = (size_t)captions->n, tokens = (size_t)captions->cu[captions->n];
    sl_distributions *d = sl_ctx_alloc_meta(ctx, sizeof *d);
    int32_t *cu = sl_ctx_alloc_meta(ctx, (2 * (n + 1) + tokens) * sizeof *cu);
    float *shares = sl_ctx_alloc_meta(ctx, (tokens + n) * sizeof *shares);
    if (!d || !cu || !shares) return NULL;
    int32_t *kept_cu = cu + n + 1, *labels = kept_cu + n + 1;
    float *weights = shares + tokens;
    find_tokens(s, captions, cu, labels);
    write_shares(s, &m->weights.pretrain, captions, cu, kept_cu, labels, shares);
    for (size_t i = 0; i < n; i++) weights[i] = 1;
    if (step >= 0)
        count_step(s, captions, step);
    else
        for (size_t k = 0; k < tokens; k++) s->seen[captions->tokens[k]] = 0;
    *d = (sl_distributions){kept_cu, labels, shares, weights};
    return d;
}

void sl_superclass_update(sl_superclass *s, const sl_model *m, sl_comm *comm)
{
    float *counts = m->weights.pretrain.token_counts->value, *captions = m->weights.pretrain.n_captions->value;
    comm->sum(comm, s->step_counts, s->vocab + 1);
    for (int i = 0; i < s->vocab; i++) counts[i] += (float)s->step_counts[i];
    *captions += (float)s->step_counts[s->vocab];
    memset(s->step_counts, 0, ((size_t)s->vocab + 1) * sizeof *s->step_counts);
}
