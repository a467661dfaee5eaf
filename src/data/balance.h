/*
 * balance.h: the published rebalancing of long-tailed data: domains that occur less often than a share (half) of the
 * mean domain frequency have their samples repeated and merged back (Seed1.5-VL technical report, section 3.1).
 */
#ifndef SL_DATA_BALANCE_H
#define SL_DATA_BALANCE_H

#include "base/error.h"
#include "data/source.h"
#include "text/bytes_map.h"

#include <stdint.h>

/* Samples counted by domain. */
struct sl_balance {
    struct sl_bytes_map names;
    struct sl_domain_count *domains; /* (names.n), in the order of first meeting, until decided: then by name */
    size_t cap;
    uint32_t *places; /* domains[places[i]] is name i, once decided; owned */
};

/* Makes an empty count. */
void sl_balance_init(struct sl_balance *b);

/* Counts a sample; domain NULL belongs to none, and is never repeated. Its number in *id, UINT32_MAX for none. */
sl_status sl_balance_add(struct sl_balance *b, const char *domain, uint32_t *id, sl_error *err);

/* Decides: domains with fewer than below times the mean number of samples get `repeat`, the others 1. */
sl_status sl_balance_decide(struct sl_balance *b, double below, int repeat, sl_error *err);

/* Returns how often samples of domain number id occur in an epoch; 1 for UINT32_MAX. */
int sl_balance_repeat(const struct sl_balance *b, uint32_t id);

/* Returns the number of a domain met before, or UINT32_MAX. */
uint32_t sl_balance_find(const struct sl_balance *b, const char *domain);

/* Releases the memory. */
void sl_balance_release(struct sl_balance *b);

#endif
