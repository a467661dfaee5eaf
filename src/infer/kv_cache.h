/*
 * kv_cache.h: the paged key-value cache: pages from one pool, lent to sequences as they grow.
 *
 * A page holds SL_KV_PAGE_SIZE tokens of every layer. Pages are counted references: sequences with the same beginning
 * share full ones, and a page that nobody refers to is free. Only the last page of a sequence is written, and only
 * while nobody else refers to it. One thread owns a cache; only sl_kv_commit may be called by others.
 */
#ifndef SL_INFER_KV_CACHE_H
#define SL_INFER_KV_CACHE_H

#include "model/model.h"

enum { SL_KV_PAGE_SIZE = 64 }; /* tokens: a whole key block of the attention kernels */

/* A sequence's share of the cache: zeroed before first use. */
typedef struct sl_kv_sequence {
    int32_t *pages; /* owned list; page numbers in token order, a reference to each */
    int n_pages;
    int length; /* tokens in the cache */
} sl_kv_sequence;

typedef struct sl_kv_cache sl_kv_cache;

/* Bytes that one page takes. dt: of the activations, or SL_I8 for values in int8 with a scale for each token's head. */
size_t sl_kv_page_bytes(const sl_decoder_config *c, sl_dtype dt);

/* Makes a cache of n_pages pages for up to max_seqs sequences in one call. Release with sl_kv_cache_free. */
sl_status sl_kv_cache_new(const sl_decoder_config *c, sl_dtype dt, int n_pages, int max_seqs, sl_kv_cache **out,
                          sl_error *err);
void sl_kv_cache_free(sl_kv_cache *k);

/* Pages that nobody refers to. */
int sl_kv_free_pages(const sl_kv_cache *k);

/* Takes a free page with one reference; -1 when there is none. */
int32_t sl_kv_page_take(sl_kv_cache *k);

/*
 * Sees to it that the memory of the next `bytes` of pages that were never used is there before they are taken. Any
 * thread may call it beside the owner, whose first touch of each large page would else wait for the system. Returns at
 * once when another thread is at it.
 */
void sl_kv_commit(sl_kv_cache *k, size_t bytes);

/* One reference more / less; at none the page is free. */
void sl_kv_page_share(sl_kv_cache *k, int32_t page);
void sl_kv_page_drop(sl_kv_cache *k, int32_t page);
/* The number of references. */
int sl_kv_page_refs(const sl_kv_cache *k, int32_t page);

/* Copies the first n tokens of page from to page to. */
void sl_kv_page_copy(sl_kv_cache *k, int32_t from, int32_t to, int n);

/* The parts of a page: keys and values of each layer. */
int sl_kv_page_parts(const sl_kv_cache *k);
/* A page's memory for saving and restoring, part by part, *bytes each. Borrowed. */
void *sl_kv_page_part(sl_kv_cache *k, int32_t page, int part, size_t *bytes);

/* Appends a page to s, taking one reference, that holds its next n tokens already. s must end at a page's border. */
sl_status sl_kv_append_page(sl_kv_sequence *s, int32_t page, int n, sl_error *err);

/* Makes room for n more tokens of s and counts them in; SL_ERR_MEMORY (nothing changed) when the pages run out. */
sl_status sl_kv_extend(sl_kv_cache *k, sl_kv_sequence *s, int n, sl_error *err);

/* Gives the sequence's references back; s is empty again. */
void sl_kv_release(sl_kv_cache *k, sl_kv_sequence *s);

/* Describes the cache to sl_decoder_forward for these sequences, in batch order. Valid until the next call. */
const sl_decoder_cache *sl_kv_bind(sl_kv_cache *k, sl_kv_sequence *const *seqs, int n_seqs);

#endif
