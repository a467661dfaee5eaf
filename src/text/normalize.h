/*
 * normalize.h: Unicode normalisation of the text before it is split.
 */
#ifndef SL_TEXT_NORMALIZE_H
#define SL_TEXT_NORMALIZE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Normalisation forms of Unicode Standard Annex 15; the names in tokenizer.json are those after the underscore. */
typedef enum sl_normal_form {
    SL_FORM_NONE,
    SL_FORM_NFC,
    SL_FORM_NFD,
    SL_FORM_NFKC,
    SL_FORM_NFKD,
} sl_normal_form;

/* True when a cheap look shows that normalising text (valid UTF-8) would change nothing; false when it might. */
bool sl_is_normal(sl_normal_form form, const char *text, size_t n);

/*
 * Appends the normalised text (valid UTF-8, n bytes) to out. Works line by line, because no form composes or reorders
 * across a line feed, so that memory stays small and only lines in need of it pay.
 */
sl_status sl_normalize(sl_normal_form form, const char *text, size_t n, struct sl_buf *out, sl_error *err);

#endif
