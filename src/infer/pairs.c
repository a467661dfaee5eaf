/*
 * pairs.c: pairing frames, so that front ends need not know that a model sees two at a time.
 */
#include "infer/pairs.h"

#include "base/mem.h"

#include <stdlib.h>

static bool is_view(const struct sl_chat_part *p)
{
    return p->kind == SL_CHAT_PICTURE || p->kind == SL_CHAT_FRAME;
}

/* Copies the parts of one message, pairs made one; *picture counts those of the ask. Returns how many it wrote. */
static size_t pair_message(const struct sl_chat_message *m, int n_pictures, int *picture, struct sl_pairs *out,
                           struct sl_chat_part *parts)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        parts[n] = m->parts[i];
        int here = *picture;
        *picture += is_view(&m->parts[i]);
        bool pair = m->parts[i].kind == SL_CHAT_FRAME && i + 1 < m->n_parts && m->parts[i + 1].kind == SL_CHAT_FRAME &&
                    here + 1 < n_pictures;
        if (pair) {
            parts[n].seconds = (m->parts[i].seconds + m->parts[i + 1].seconds) / 2;
            out->second[here] = here + 1;
            out->taken[here + 1] = true;
            ++*picture;
            i++;
        }
        n++;
    }
    return n;
}

sl_status sl_pairs_make(const sl_ask *a, int frames, struct sl_pairs *out, sl_error *err)
{
    size_t pictures = (size_t)a->n_pictures + 1, n_parts = 1;
    *out = (struct sl_pairs){
        .messages = a->messages,
        .second = sl_alloc_array(pictures, sizeof *out->second),
        .taken = sl_alloc_array(pictures, sizeof *out->taken),
    };
    bool ok = out->second && out->taken;
    for (size_t i = 0; ok && i < pictures; i++) out->second[i] = -1;
    if (ok && (frames != 2 || !a->messages)) return SL_OK;
    for (size_t i = 0; i < a->n_messages; i++) n_parts += a->messages[i].n_parts;
    out->own_messages = sl_alloc_array(a->n_messages + 1, sizeof *out->own_messages);
    out->own_parts = sl_alloc_array(n_parts, sizeof *out->own_parts);
    if (!ok || !out->own_messages || !out->own_parts) {
        sl_pairs_release(out);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a request");
    }
    struct sl_chat_part *parts = out->own_parts;
    int picture = 0;
    for (size_t i = 0; i < a->n_messages; i++) {
        out->own_messages[i] = a->messages[i];
        out->own_messages[i].parts = parts;
        out->own_messages[i].n_parts = pair_message(&a->messages[i], a->n_pictures, &picture, out, parts);
        parts += out->own_messages[i].n_parts;
    }
    out->messages = out->own_messages;
    return SL_OK;
}

void sl_pairs_release(struct sl_pairs *p)
{
    free(p->second);
    free(p->taken);
    free(p->own_messages);
    free(p->own_parts);
    *p = (struct sl_pairs){0};
}
