/*
 * pack.c: best fit with look-ahead, for two budgets at once.
 *
 * A sequence costs O(look_ahead) for every sample in it, some microseconds: a sorted structure would not be noticed.
 */
#include "data/pack.h"

#include "base/mem.h"

#include <stdlib.h>

sl_status sl_packer_init(struct sl_packer *p, const struct sl_pack_options *options, sl_error *err)
{
    *p = (struct sl_packer){.options = *options};
    if (options->max_tokens < 1 || options->max_patches < 1 || options->look_ahead_bytes < 1)
        return sl_fail(err, SL_ERR_ARGUMENT, "packing: sequences of %lld tokens and %lld patches are impossible",
                       (long long)options->max_tokens, (long long)options->max_patches);
    if (options->look_ahead < 1 || options->look_ahead > SL_PACK_MAX_LOOK_AHEAD)
        return sl_fail(err, SL_ERR_ARGUMENT, "packing: a look-ahead of %d samples is not between 1 and %d",
                       options->look_ahead, SL_PACK_MAX_LOOK_AHEAD);
    return SL_OK;
}

void sl_packer_free(struct sl_packer *p)
{
    free(p->waiting);
    free(p->sequence);
    *p = (struct sl_packer){0};
}

bool sl_packer_wants(const struct sl_packer *p)
{
    const struct sl_pack_options *o = &p->options;
    bool enough = p->n_waiting >= o->look_ahead && p->waiting_tokens / 2 >= o->max_tokens;
    return !enough && p->n_waiting < SL_PACK_MAX_LOOK_AHEAD && p->waiting_bytes < o->look_ahead_bytes;
}

static bool make_room(struct sl_packer *p)
{
    size_t need = (size_t)p->n_waiting + 1, cap = p->room;
    if (need <= p->room) return true;
    if (!sl_grow_array((void **)&p->waiting, &cap, need, sizeof *p->waiting, SL_PACK_MAX_LOOK_AHEAD)) return false;
    cap = p->room;
    if (!sl_grow_array((void **)&p->sequence, &cap, need, sizeof *p->sequence, SL_PACK_MAX_LOOK_AHEAD)) return false;
    p->room = cap;
    return true;
}

sl_status sl_packer_add(struct sl_packer *p, const struct sl_pack_item *item, sl_error *err)
{
    SL_CHECK(sl_packer_wants(p));
    SL_CHECK(item->order >= p->next_order);
    SL_CHECK(item->tokens >= 1 && item->tokens <= p->options.max_tokens);
    SL_CHECK(item->patches >= 0 && item->patches <= p->options.max_patches);
    if (!make_room(p)) return sl_fail(err, SL_ERR_MEMORY, "no memory to look ahead %d samples", p->n_waiting);
    p->waiting[p->n_waiting++] = *item;
    p->waiting_tokens += item->tokens;
    p->waiting_bytes += item->bytes;
    p->next_order = item->order + 1;
    return SL_OK;
}

/* What a sequence in the making still has room for, and which waiting samples are in it. */
struct choice {
    int64_t tokens, patches;
    int n;
};

/* Taken samples move to the sequence; their place in waiting is marked by tokens 0 until it is closed up. */
static void choose(struct sl_packer *p, struct choice *c, int i)
{
    struct sl_pack_item *item = &p->waiting[i];
    c->tokens -= item->tokens;
    c->patches -= item->patches;
    p->waiting_tokens -= item->tokens;
    p->waiting_bytes -= item->bytes;
    p->n_tokens += item->tokens;
    p->sequence[c->n++] = *item;
    item->tokens = 0;
}

/* The largest that fits, of equals the oldest; -1 when none does. */
static int best_fit(const struct sl_packer *p, const struct choice *c)
{
    int best = -1;
    for (int i = 0; i < p->n_waiting; i++) {
        const struct sl_pack_item *item = &p->waiting[i];
        if (item->tokens == 0 || item->tokens > c->tokens || item->patches > c->patches) continue;
        if (best < 0 || item->tokens > p->waiting[best].tokens) best = i;
    }
    return best;
}

static int by_order(const void *a, const void *b)
{
    const struct sl_pack_item *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

int sl_packer_take(struct sl_packer *p, const struct sl_pack_item **items)
{
    struct choice c = {.tokens = p->options.max_tokens, .patches = p->options.max_patches};
    *items = p->sequence;
    if (p->n_waiting == 0) return 0;
    for (int i = 0; i >= 0; i = best_fit(p, &c)) choose(p, &c, i);
    int kept = 0;
    for (int i = 0; i < p->n_waiting; i++)
        if (p->waiting[i].tokens) p->waiting[kept++] = p->waiting[i];
    p->n_waiting = kept;
    p->n_sequences++;
    qsort(p->sequence, (size_t)c.n, sizeof *p->sequence, by_order);
    return c.n;
}

double sl_packer_fill(const struct sl_packer *p)
{
    return p->n_sequences ? (double)p->n_tokens / ((double)p->n_sequences * (double)p->options.max_tokens) : 0;
}
