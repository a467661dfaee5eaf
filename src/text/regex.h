/*
 * regex.h: regular expressions of tokenizer.json, written for Rust and Oniguruma, in PCRE2's dialect.
 */
#ifndef SL_TEXT_REGEX_H
#define SL_TEXT_REGEX_H

#include "base/buf.h"
#include "base/error.h"

/*
 * Appends to out the PCRE2 spelling of pattern (a C string): \s and \S become the White_Space property, because PCRE2
 * also counts U+180E; a class [A&&[^B]] becomes (?:(?![B])[A]). Other nested classes are an SL_ERR_UNSUPPORTED, since
 * PCRE2 would read their brackets as characters.
 */
sl_status sl_regex_to_pcre2(const char *pattern, struct sl_buf *out, sl_error *err);

#endif
