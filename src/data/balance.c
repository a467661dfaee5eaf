/*
 * balance.c: counting domains and deciding which are rare.
 */
#include "data/balance.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES_BYTES = 1 << 30 };

void sl_balance_init(struct sl_balance *b)
{
    *b = (struct sl_balance){0};
    sl_bytes_map_init(&b->names, MAX_NAMES_BYTES);
}

sl_status sl_balance_add(struct sl_balance *b, const char *domain, uint32_t *id, sl_error *err)
{
    *id = UINT32_MAX;
    if (!domain) return SL_OK;
    uint32_t n = b->names.n;
    uint32_t i = sl_bytes_map_intern(&b->names, domain, strlen(domain));
    if (i == SL_BYTES_MAP_NONE ||
        !sl_grow_array((void **)&b->domains, &b->cap, (size_t)i + 1, sizeof *b->domains, UINT32_MAX))
        return sl_fail(err, SL_ERR_MEMORY, "no memory for %u domains", n);
    if (i == n) b->domains[i] = (struct sl_domain_count){.repeat = 1};
    b->domains[i].n++;
    *id = i;
    return SL_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct sl_domain_count *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Sorts the domains by name and notes where each went; the list has copies of the names, NUL-terminated. */
static sl_status sort(struct sl_balance *b, sl_error *err)
{
    size_t n = b->names.n;
    b->places = sl_alloc_array(n ? n : 1, sizeof *b->places);
    if (!b->places) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu domains", n);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *name = sl_bytes_map_at(&b->names, (uint32_t)i, &length);
        char *copy = malloc(length + 1);
        if (!copy) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu domains", n);
        memcpy(copy, name, length);
        copy[length] = '\0';
        b->domains[i].name = copy;
    }
    if (n) qsort(b->domains, n, sizeof *b->domains, by_name);
    for (size_t i = 0; i < n; i++)
        b->places[sl_bytes_map_find(&b->names, b->domains[i].name, strlen(b->domains[i].name))] = (uint32_t)i;
    return SL_OK;
}

sl_status sl_balance_decide(struct sl_balance *b, double below, int repeat, sl_error *err)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < b->names.n; i++) total += b->domains[i].n;
    double mean = b->names.n ? (double)total / b->names.n : 0;
    for (uint32_t i = 0; i < b->names.n; i++)
        b->domains[i].repeat = (double)b->domains[i].n < below * mean ? repeat : 1;
    return sort(b, err);
}

int sl_balance_repeat(const struct sl_balance *b, uint32_t id)
{
    return id == UINT32_MAX ? 1 : b->domains[b->places[id]].repeat;
}

uint32_t sl_balance_find(const struct sl_balance *b, const char *domain)
{
    return domain ? sl_bytes_map_find(&b->names, domain, strlen(domain)) : UINT32_MAX;
}

void sl_balance_release(struct sl_balance *b)
{
    for (uint32_t i = 0; i < b->names.n && b->domains; i++) free((char *)(uintptr_t)b->domains[i].name);
    sl_bytes_map_release(&b->names);
    free(b->domains);
    free(b->places);
    *b = (struct sl_balance){0};
}
