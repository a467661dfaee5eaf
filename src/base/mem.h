/*
 * mem.h: heap allocation whose sizes are checked before they are multiplied.
 *
 * A size that comes from a file or a request goes through sl_size_mul or
 * sl_alloc_array; failure is a NULL that the caller turns into SL_ERR_MEMORY.
 */
#ifndef SL_BASE_MEM_H
#define SL_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* *out = a * b; returns false, leaving *out alone, when that overflows. */
bool sl_size_mul(size_t a, size_t b, size_t *out);

/* *out = a + b; returns false, leaving *out alone, when that overflows. */
bool sl_size_add(size_t a, size_t b, size_t *out);

/* Returns owned, zeroed memory for n elements of size bytes, or NULL. Release with free(). */
void *sl_alloc_array(size_t n, size_t size);

/*
 * Returns owned, uninitialised memory for bytes bytes that are written from front to back, again and again, such as a
 * batch's patches: in huge pages where the system has them, which spares most of the address translation; NULL without
 * memory. Release with free().
 */
void *sl_alloc_huge(size_t bytes);

/*
 * Grows *items to hold at least need elements of size bytes, doubling, never past ceiling elements. Returns
 * false (and leaves everything alone) when need is over the ceiling or memory is out. *cap is in elements.
 */
bool sl_grow_array(void **items, size_t *cap, size_t need, size_t size, size_t ceiling);

/* Returns an owned copy of the NUL-terminated string s, or NULL. Release with free(). */
char *sl_strdup(const char *s);

#endif
