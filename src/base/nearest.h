/*
 * nearest.h: what a misspelt name was probably meant to be, for the messages that refuse it.
 */
#ifndef SL_BASE_NEAREST_H
#define SL_BASE_NEAREST_H

#include <stddef.h>

/*
 * Returns the index of the name nearest to word (edit distance, swaps count once), or -1 when none is near enough to
 * be what was meant. A name is names[i * stride bytes]'s leading `const char *`: any table that starts with its name.
 */
int sl_nearest_name(const char *word, const void *names, int n, size_t stride);

#endif
