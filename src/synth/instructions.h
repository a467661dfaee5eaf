/*
 * instructions.h: between the files of the family "instructions".
 */
#ifndef SL_SYNTH_INSTRUCTIONS_H
#define SL_SYNTH_INSTRUCTIONS_H

#include "synth/scene_words.h"

enum { SL_MAX_ITEMS = 12 };

/* What a list is made of, each once. */
struct sl_items {
    char text[SL_MAX_ITEMS][SL_MAX_SAID];
    int n;
};

/*
 * Asks for all items, which the picture shows, in sentences or JSON under rules that patterns check: how many sentences
 * or words, which words and signs must or must not occur, which letters, how it ends. One rule at level 0, up to three.
 */
void sl_ask_under_rules(const struct sl_synth_request *r, struct sl_synth_sample *out, const struct sl_items *items);

#endif
