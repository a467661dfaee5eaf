/*
 * captions.c: reading captions back out of packed sequences.
 */
#include "train/captions.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The captions and all their arrays in one allocation. */
struct owned_captions {
    sl_captions captions;
    int32_t numbers[];
};

/* Writes the first answer of the tokens from first to last, cut, and eos; returns how many there are, 0 for none. */
static int32_t write_caption(const struct sl_loader_batch *d, int32_t first, int32_t last, int max_tokens, int32_t eos,
                             int32_t *out)
{
    int32_t n = 0;
    bool found = false;
    for (int32_t i = first; i < last && n < max_tokens - 1; i++) {
        if (d->targets[i] < 0) {
            if (found) break;
            continue;
        }
        found = true;
        if (d->targets[i] == eos) break;
        out[n++] = d->targets[i];
    }
    if (!found) return 0;
    out[n++] = eos;
    return n;
}

static int32_t label_of(const int32_t *cu, const int32_t *tokens, int n)
{
    size_t bytes = (size_t)(cu[n + 1] - cu[n]) * sizeof *tokens;
    for (int i = 0; i < n; i++)
        if (cu[i + 1] - cu[i] == cu[n + 1] - cu[n] && memcmp(tokens + cu[i], tokens + cu[n], bytes) == 0) return i;
    return n;
}

sl_status sl_captions_new(const struct sl_loader_batch *data, int max_tokens, int32_t eos, sl_captions **out,
                          sl_error *err)
{
    size_t n = (size_t)data->n_samples, numbers = 5 * n + 1 + (size_t)data->n_tokens + n;
    struct owned_captions *o = calloc(1, sizeof *o + numbers * sizeof(int32_t));
    if (!o) return sl_fail(err, SL_ERR_MEMORY, "out of memory for the captions of a sequence");
    int32_t *sample = o->numbers, *labels = sample + n, *patches = labels + n, *cu = patches + 2 * n;
    int32_t *tokens = cu + n + 1, patch = 0;
    int at = 0, picture = 0;
    for (int s = 0; s < data->n_samples; s++) {
        int32_t first = patch;
        for (int i = 0; i < data->samples[s]->n_pictures; i++)
            patch += (int32_t)sl_grid_patches(data->grids[picture++]);
        if (patch == first) continue;
        int32_t length =
            write_caption(data, data->cu_seqlens[s], data->cu_seqlens[s + 1], max_tokens, eos, tokens + cu[at]);
        if (!length) continue;
        cu[at + 1] = cu[at] + length;
        sample[at] = s;
        patches[2 * at] = first;
        patches[2 * at + 1] = patch;
        labels[at] = label_of(cu, tokens, at);
        at++;
    }
    o->captions = (sl_captions){at, sample, cu, tokens, labels, patches};
    *out = &o->captions;
    return SL_OK;
}

void sl_captions_free(sl_captions *c)
{
    free(c); /* the captions are the first member of their allocation */
}

sl_status sl_captions_batch(const sl_captions *c, const sl_config *config, sl_batch **out, sl_error *err)
{
    sl_batch_spec spec = {.tokens = c->tokens, .n_seqs = c->n, .cu_seqlens = c->cu};
    return sl_batch_new(config, &spec, out, err);
}
