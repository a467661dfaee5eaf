/*
 * mem.c: checked sizes and heap allocation.
 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool sl_size_mul(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}

bool sl_size_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}

void *sl_alloc_array(size_t n, size_t size)
{
    size_t bytes;
    if (!sl_size_mul(n, size, &bytes)) return NULL;
    return calloc(bytes ? bytes : 1, 1);
}

void *sl_alloc_huge(size_t bytes)
{
    static const size_t HUGE_PAGE = (size_t)2 << 20;
    if (bytes > (size_t)1 << 40) return NULL; /* no machine has it, and rounding up cannot overflow */
    size_t rounded = ((bytes ? bytes : 1) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *p = aligned_alloc(HUGE_PAGE, rounded);
    if (p) (void)madvise(p, rounded, MADV_HUGEPAGE); /* without them it is only slower */
    return p;
}

bool sl_grow_array(void **items, size_t *cap, size_t need, size_t size, size_t ceiling)
{
    if (need <= *cap) return true;
    if (need > ceiling) return false;
    size_t want = *cap > ceiling / 2 ? ceiling : *cap * 2;
    if (want < need) want = need;
    if (want < 16 && ceiling >= 16) want = 16;
    size_t bytes;
    if (!sl_size_mul(want, size, &bytes)) return false;
    void *p = realloc(*items, bytes);
    if (!p) return false;
    *items = p;
    *cap = want;
    return true;
}

char *sl_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);
    if (copy) memcpy(copy, s, n);
    return copy;
}
