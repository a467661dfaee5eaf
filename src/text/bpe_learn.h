/*
 * bpe_learn.h: which merges a set of counted words asks for.
 */
#ifndef SL_TEXT_BPE_LEARN_H
#define SL_TEXT_BPE_LEARN_H

#include "base/error.h"
#include "text/bpe.h"
#include "text/bytes_map.h"

#include <stddef.h>
#include <stdint.h>

struct sl_bpe_learn {
    const struct sl_bytes_map *words; /* the distinct pieces of a text; borrowed */
    const uint64_t *counts;           /* how often word i occurs; borrowed */
    size_t n_tokens;                  /* stop at so many tokens, the 256 bytes included */
    uint64_t min_count;               /* stop when no pair occurs so often */
    size_t max_token_bytes;           /* longer tokens are not made */
    /* Told how many tokens there are by now, every few hundred; may be NULL. */
    void (*progress)(void *user, size_t n_tokens);
    void *user;
};

/*
 * Learns byte-pair merges (Sennrich et al. 2016): again and again the pair of neighbouring tokens with the highest
 * count becomes a token; of equal counts the pair with the lower left id, then the lower right id. So the result
 * depends on the counts alone, never on the words' order. Token ids are the bytes 0-255 and then 256, 257, ... in the
 * order of making. Fills tokens (initialised, empty: string i is token i's bytes) and *merges (owned, free), *n_merges.
 * Should two pairs make the same bytes, the second merge makes no new token.
 */
sl_status sl_bpe_learn(const struct sl_bpe_learn *job, struct sl_bytes_map *tokens, struct sl_bpe_merge **merges,
                       size_t *n_merges, sl_error *err);

#endif
