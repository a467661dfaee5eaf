/*
 * ids.c: the growable array of token ids.
 */
#include "text/ids.h"

#include "base/mem.h"

#include <stdlib.h>

bool sl_token_ids_reserve(struct sl_token_ids *ids, size_t n)
{
    size_t need;
    if (!sl_size_add(ids->len, n, &need)) return false;
    return sl_grow_array((void **)&ids->data, &ids->cap, need, sizeof *ids->data, ids->ceiling);
}

bool sl_token_ids_add(struct sl_token_ids *ids, int32_t id)
{
    if (!sl_token_ids_reserve(ids, 1)) return false;
    ids->data[ids->len++] = id;
    return true;
}

void sl_token_ids_release(struct sl_token_ids *ids)
{
    free(ids->data);
    ids->data = NULL;
    ids->len = ids->cap = 0;
}
