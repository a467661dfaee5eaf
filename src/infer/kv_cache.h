/*
 * kv_cache.h: the paged key-value cache: pages from one pool, lent to sequences as they grow.
 *
 * A page holds page_size tokens of every layer. One thread owns a cache; pages are not shared between sequences.
 */
#ifndef SL_INFER_KV_CACHE_H
#define SL_INFER_KV_CACHE_H

#include "model/model.h"

enum { SL_KV_PAGE_SIZE = 64 }; /* tokens: a whole key block of the attention kernels */

/* A sequence's share of the cache: zeroed before first use. */
typedef struct sl_kv_sequence {
    int32_t *pages; /* owned; page numbers in token order */
    int n_pages;
    int length; /* tokens in the cache */
} sl_kv_sequence;

typedef struct sl_kv_cache sl_kv_cache;

/* Bytes that one page takes. */
size_t sl_kv_page_bytes(const sl_decoder_config *c, sl_dtype dt);

/* Makes a cache of n_pages pages for up to max_seqs sequences in one call. Release with sl_kv_cache_free. */
sl_status sl_kv_cache_new(const sl_decoder_config *c, sl_dtype dt, int n_pages, int max_seqs, sl_kv_cache **out,
                          sl_error *err);
void sl_kv_cache_free(sl_kv_cache *k);

/* Makes room for n more tokens of s and counts them in; SL_ERR_MEMORY (nothing changed) when the pages run out. */
sl_status sl_kv_extend(sl_kv_cache *k, sl_kv_sequence *s, int n, sl_error *err);

/* Gives the sequence's pages back; s is empty again. */
void sl_kv_release(sl_kv_cache *k, sl_kv_sequence *s);

/* Describes the cache to sl_decoder_forward for these sequences, in batch order. Valid until the next call. */
const sl_decoder_cache *sl_kv_bind(sl_kv_cache *k, sl_kv_sequence *const *seqs, int n_seqs);

#endif
