/*
 * grammar_parts.h: what the compilers of grammars share.
 */
#ifndef SL_INFER_GRAMMAR_PARTS_H
#define SL_INFER_GRAMMAR_PARTS_H

#include "base/error.h"
#include "infer/grammar.h"
#include "infer/nfa.h"

#include <jansson.h>

/* How a regular expression's characters are written into the automaton. */
typedef enum sl_regex_use {
    SL_REGEX_WHOLE,       /* all of the text, as UTF-8 */
    SL_REGEX_JSON_SEARCH, /* some of a JSON string's characters, as the string is written; ^ and $ are its ends */
} sl_regex_use;

/* Adds a regular expression between two states; errors name the place in it. */
sl_status sl_regex_compile(sl_nfa *a, const char *pattern, size_t n, sl_regex_use use, int32_t from, int32_t to,
                           sl_error *err);

/* Adds the JSON values that fit a schema between two states. Rules for references are added as they come. */
sl_status sl_schema_compile(sl_nfa *a, const json_t *schema, int32_t from, int32_t to, sl_error *err);

#endif
