/*
 * grammar_number.h: JSON numbers between bounds, written into the automaton digit by digit.
 */
#ifndef SL_INFER_GRAMMAR_NUMBER_H
#define SL_INFER_GRAMMAR_NUMBER_H

#include "infer/nfa.h"

#include <jansson.h>

/* Which numbers: bounds are inclusive whole numbers; INT64_MIN and INT64_MAX stand for none. */
struct sl_number_range {
    bool integer;
    int64_t low, high;
};

/* Reads minimum, maximum, exclusive* and multipleOf of a schema into *r; returns why it cannot be done, or NULL. */
const char *sl_number_range_read(const json_t *schema, struct sl_number_range *r);

/* Adds the numbers of r between two states: without bounds any JSON number, with bounds without exponents. */
void sl_number_write(sl_nfa *a, const struct sl_number_range *r, int32_t from, int32_t to);

#endif
