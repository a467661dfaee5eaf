/*
 * special.h: the one table of Seedling's own added tokens.
 *
 * They are the last SL_N_SPECIAL ids of a trained vocabulary, in this order: entry i has id vocab_size - SL_N_SPECIAL
 * + i. Twelve of them are reserved, so that a later addition renames one and moves no id. Only the <|...|> ones are
 * "special" in the sense of tokenizer.json: decoding can leave them out. The tags are part of an answer and always
 * decode to their text.
 */
#ifndef SL_TEXT_SPECIAL_H
#define SL_TEXT_SPECIAL_H

#include <stdbool.h>
#include <stdint.h>

enum sl_special {
    SL_SPECIAL_ENDOFTEXT,   /* ends a document; padding */
    SL_SPECIAL_IM_START,    /* opens a chat message */
    SL_SPECIAL_IM_END,      /* closes a chat message; ends an answer */
    SL_SPECIAL_IMAGE_START, /* [SOI] of the report */
    SL_SPECIAL_IMAGE_PATCH, /* stands where a vision feature goes */
    SL_SPECIAL_IMAGE_END,   /* [EOI] of the report */
    SL_SPECIAL_THINK_OPEN,
    SL_SPECIAL_THINK_CLOSE,
    SL_SPECIAL_BBOX_OPEN,
    SL_SPECIAL_BBOX_CLOSE,
    SL_SPECIAL_POINT_OPEN,
    SL_SPECIAL_POINT_CLOSE,
    SL_SPECIAL_3DBBOX_OPEN,
    SL_SPECIAL_3DBBOX_CLOSE,
    SL_SPECIAL_POLYGON_OPEN,
    SL_SPECIAL_POLYGON_CLOSE,
    SL_SPECIAL_TEXT_OPEN,
    SL_SPECIAL_TEXT_CLOSE,
    SL_SPECIAL_TOOL_CALL_OPEN,
    SL_SPECIAL_TOOL_CALL_CLOSE,
    SL_SPECIAL_RESERVED_0,
    SL_N_SPECIAL = 32,
};

struct sl_special_token {
    const char *text;
    bool special; /* skipped by a decode that skips special tokens */
};

/* Returns entry i of the table, 0 <= i < SL_N_SPECIAL; static storage. */
const struct sl_special_token *sl_special_token_at(int i);

/* Returns the id of `which` in a vocabulary of vocab_size tokens trained by this program. */
static inline int32_t sl_special_id(enum sl_special which, int32_t vocab_size)
{
    return vocab_size - SL_N_SPECIAL + (int32_t)which;
}

#endif
