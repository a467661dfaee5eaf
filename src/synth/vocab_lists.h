/*
 * vocab_lists.h: where vocab.c finds its lists.
 */
#ifndef SL_SYNTH_VOCAB_LISTS_H
#define SL_SYNTH_VOCAB_LISTS_H

#include "synth/vocab.h"

struct sl_vocab_list {
    const char *const *items; /* (n) */
    int n;
};

/* Returns the names of a kind; static storage. */
const struct sl_vocab_list *sl_vocab_named(sl_vocab_kind kind);

/* Returns common words of a script in small letters; static storage. */
const struct sl_vocab_list *sl_vocab_plain(sl_script script);

#endif
