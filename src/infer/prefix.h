/*
 * prefix.h: which key-value pages hold which beginnings of sequences, so that no request computes one twice.
 *
 * A tree: a node is one page and the content of its tokens, below the node of the page before. Content is 64 bits a
 * token: the id, or for a picture's feature what picture and which feature, so a beginning is found by what it says.
 * Full pages are shared as they are; of a page that agrees in its first tokens only, these are copied. A page in the
 * tree that no sequence refers to is kept until its room is needed. One thread owns a tree.
 */
#ifndef SL_INFER_PREFIX_H
#define SL_INFER_PREFIX_H

#include "infer/kv_cache.h"

typedef struct sl_prefix sl_prefix;

enum { SL_PREFIX_ROOT = -1 };

/* Makes an empty tree over the pages of kv (n_pages in all), which is borrowed. Release with sl_prefix_free. */
sl_status sl_prefix_new(sl_kv_cache *kv, int n_pages, sl_prefix **out, sl_error *err);
void sl_prefix_free(sl_prefix *p);

/*
 * Extends s by the full pages known to follow node `at`, and sets *at to the last one's node. content (n) is that of
 * the whole sequence; at most `most` tokens are in s afterwards. Returns the number of tokens gained. No page is taken.
 */
int sl_prefix_adopt(sl_prefix *p, const uint64_t *content, int most, sl_kv_sequence *s, int32_t *at, sl_error *err);

/*
 * Looks for a page after node `at` that begins as the content after s->length does; returns how many tokens agree, 0
 * when none, and the page in *page. Copying them is the caller's.
 */
int sl_prefix_similar(sl_prefix *p, const uint64_t *content, int most, const sl_kv_sequence *s, int32_t at,
                      int32_t *page);

/*
 * Puts a page with n tokens of that content below node `parent`, with a reference of its own, and returns its node.
 * When the tree has such a page already, its node is returned and nothing is put. -1 when the tree is full.
 */
int32_t sl_prefix_publish(sl_prefix *p, int32_t parent, const uint64_t *content, int n, int32_t page);

/* Gives up the longest unused page, so that it is free; false when every page is in use. */
bool sl_prefix_evict(sl_prefix *p);

/* Pages that only the tree refers to. */
int sl_prefix_idle_pages(const sl_prefix *p);

/* Gives up all pages. */
void sl_prefix_forget(sl_prefix *p);

/* Writes the pages that were used last, at most max_bytes, to path, under a fingerprint of model and cache. */
sl_status sl_prefix_save(sl_prefix *p, const char *path, uint64_t fingerprint, size_t max_bytes, sl_error *err);

/*
 * Fills an empty tree from a file of sl_prefix_save, as far as pages are free; what is missing, damaged or of another
 * fingerprint is left out. Returns the number of pages.
 */
int sl_prefix_restore(sl_prefix *p, const char *path, uint64_t fingerprint);

#endif
