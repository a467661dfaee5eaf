/*
 * ids.h: a growable array of token ids.
 *
 * Owned by whoever declares it: SL_TOKEN_IDS_INIT(ceiling), sl_token_ids_release. len never passes the ceiling.
 */
#ifndef SL_TEXT_IDS_H
#define SL_TEXT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_token_ids {
    int32_t *data; /* owned */
    size_t len, cap, ceiling;
};

#define SL_TOKEN_IDS_INIT(max)                                                                                         \
    {                                                                                                                  \
        .data = NULL, .ceiling = (max)                                                                                 \
    }

/* Makes room for n more ids; false, leaving everything alone, past the ceiling or without memory. */
bool sl_token_ids_reserve(struct sl_token_ids *ids, size_t n);
/* Appends one id; false as for reserve. */
bool sl_token_ids_add(struct sl_token_ids *ids, int32_t id);
/* Releases the memory; ids may be used again. */
void sl_token_ids_release(struct sl_token_ids *ids);

#endif
