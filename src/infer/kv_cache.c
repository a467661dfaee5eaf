/*
 * kv_cache.c: a pool of pages with counted references, and a list of the free ones.
 */
#include "infer/kv_cache.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct sl_kv_cache {
    int depth, n_pages, max_seqs, n_free;
    size_t page_bytes;
    atomic_int n_used;             /* pages that were ever taken: the first ones */
    size_t committed;              /* bytes whose memory is there; under commits */
    pthread_mutex_t commits;       /* held by who is committing */
    size_t row_bytes, scale_bytes; /* of one token in a part of a page; scales stand behind the rows */
    int32_t *refs;                 /* (n_pages) */
    struct sl_arena memory;
    int32_t *free_pages;        /* (n_pages), the first n_free are free */
    void **pages;               /* (depth, 2, n_pages): k pages, then v pages of each layer; a page's parts adjoin */
    sl_attention_paged *layers; /* (depth) */
    sl_decoder_cache view;
    const int32_t **page_table; /* (max_seqs) */
    int32_t *lengths;           /* (max_seqs) */
};

static size_t scale_bytes(const sl_decoder_config *c, sl_dtype dt)
{
    return dt == SL_I8 ? (size_t)c->n_kv_heads * sizeof(float) : 0;
}

static size_t half_page_bytes(const sl_decoder_config *c, sl_dtype dt)
{
    size_t row = (size_t)c->n_kv_heads * (size_t)c->head_dim * sl_dtype_size(dt);
    return ((row + scale_bytes(c, dt)) * SL_KV_PAGE_SIZE + 63) / 64 * 64;
}

size_t sl_kv_page_bytes(const sl_decoder_config *c, sl_dtype dt)
{
    return 2 * (size_t)c->depth * half_page_bytes(c, dt);
}

static sl_status allocate(sl_kv_cache *k, const sl_decoder_config *c, sl_dtype dt, sl_error *err)
{
    size_t pages = (size_t)k->n_pages, depth = (size_t)k->depth, total;
    if (!sl_size_mul(pages, sl_kv_page_bytes(c, dt), &total))
        return sl_fail(err, SL_ERR_MEMORY, "a cache of %d pages is too large", k->n_pages);
    k->free_pages = sl_alloc_array(pages, sizeof *k->free_pages);
    k->refs = sl_alloc_array(pages, sizeof *k->refs);
    k->pages = sl_alloc_array(2 * depth * pages, sizeof *k->pages);
    k->layers = sl_alloc_array(depth, sizeof *k->layers);
    k->page_table = sl_alloc_array((size_t)k->max_seqs, sizeof *k->page_table);
    k->lengths = sl_alloc_array((size_t)k->max_seqs, sizeof *k->lengths);
    if (!k->free_pages || !k->refs || !k->pages || !k->layers || !k->page_table || !k->lengths)
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for the lists of a key-value cache");
    return sl_arena_init(&k->memory, total, err);
}

sl_status sl_kv_cache_new(const sl_decoder_config *c, sl_dtype dt, int n_pages, int max_seqs, sl_kv_cache **out,
                          sl_error *err)
{
    sl_kv_cache *k = sl_alloc_array(1, sizeof *k);
    if (!k) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a key-value cache");
    k->depth = c->depth;
    pthread_mutex_init(&k->commits, NULL);
    k->n_pages = k->n_free = n_pages;
    k->max_seqs = max_seqs;
    k->page_bytes = sl_kv_page_bytes(c, dt);
    k->row_bytes = (size_t)c->n_kv_heads * (size_t)c->head_dim * sl_dtype_size(dt);
    k->scale_bytes = scale_bytes(c, dt);
    sl_status s = allocate(k, c, dt, err);
    if (s != SL_OK) {
        sl_kv_cache_free(k);
        return s;
    }
    size_t half = half_page_bytes(c, dt);
    size_t parts = 2 * (size_t)k->depth;
    for (size_t part = 0; part < parts; part++)
        for (size_t i = 0; i < (size_t)n_pages; i++)
            k->pages[part * (size_t)n_pages + i] = k->memory.base + (i * parts + part) * half;
    for (int i = 0; i < n_pages; i++) k->free_pages[i] = n_pages - 1 - i;
    for (int l = 0; l < k->depth; l++)
        k->layers[l] = (sl_attention_paged){
            .k_pages = k->pages + (size_t)(2 * l) * (size_t)n_pages,
            .v_pages = k->pages + (size_t)(2 * l + 1) * (size_t)n_pages,
            .page_table = k->page_table,
            .page_size = SL_KV_PAGE_SIZE,
            .int8 = dt == SL_I8,
            .lengths = k->lengths,
        };
    k->view.layers = k->layers;
    *out = k;
    return SL_OK;
}

void sl_kv_cache_free(sl_kv_cache *k)
{
    if (!k) return;
    sl_arena_free(&k->memory);
    free(k->free_pages);
    free(k->refs);
    free(k->pages);
    free(k->layers);
    free(k->page_table);
    free(k->lengths);
    pthread_mutex_destroy(&k->commits);
    free(k);
}

int sl_kv_free_pages(const sl_kv_cache *k)
{
    return k->n_free;
}

int32_t sl_kv_page_take(sl_kv_cache *k)
{
    if (!k->n_free) return -1;
    int32_t page = k->free_pages[--k->n_free];
    k->refs[page] = 1;
    if (page >= k->n_used) k->n_used = page + 1; /* those never used are at the list's front, the first one last */
    return page;
}

void sl_kv_commit(sl_kv_cache *k, size_t bytes)
{
    static const size_t AT_ONCE = (size_t)2 << 20;
    if (pthread_mutex_trylock(&k->commits)) return;
    for (;;) {
        size_t used = (size_t)atomic_load(&k->n_used) * k->page_bytes, all = (size_t)k->n_pages * k->page_bytes;
        size_t end = bytes < all - used ? used + bytes : all;
        if (k->committed < used) k->committed = used;
        if (k->committed >= end) break;
        size_t n = all - k->committed < AT_ONCE ? all - k->committed : AT_ONCE;
        sl_arena_commit(&k->memory, k->committed, n);
        k->committed += n;
    }
    pthread_mutex_unlock(&k->commits);
}

void sl_kv_page_share(sl_kv_cache *k, int32_t page)
{
    SL_CHECK(k->refs[page] > 0);
    k->refs[page]++;
}

void sl_kv_page_drop(sl_kv_cache *k, int32_t page)
{
    SL_CHECK(k->refs[page] > 0);
    if (--k->refs[page] == 0) k->free_pages[k->n_free++] = page;
}

int sl_kv_page_refs(const sl_kv_cache *k, int32_t page)
{
    return k->refs[page];
}

int sl_kv_page_parts(const sl_kv_cache *k)
{
    return 2 * k->depth;
}

void *sl_kv_page_part(sl_kv_cache *k, int32_t page, int part, size_t *bytes)
{
    *bytes = (k->row_bytes + k->scale_bytes) * SL_KV_PAGE_SIZE;
    return k->pages[(size_t)part * (size_t)k->n_pages + (size_t)page];
}

void sl_kv_page_copy(sl_kv_cache *k, int32_t from, int32_t to, int n)
{
    size_t bytes, rows = k->row_bytes * (size_t)n, scales = k->scale_bytes * (size_t)n;
    for (int i = 0; i < 2 * k->depth; i++) {
        const char *source = sl_kv_page_part(k, from, i, &bytes);
        char *target = sl_kv_page_part(k, to, i, &bytes);
        memcpy(target, source, rows);
        memcpy(target + k->row_bytes * SL_KV_PAGE_SIZE, source + k->row_bytes * SL_KV_PAGE_SIZE, scales);
    }
}

static sl_status reserve_list(sl_kv_sequence *s, int need, sl_error *err)
{
    int32_t *pages = realloc(s->pages, (size_t)need * sizeof *pages);
    if (!pages) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a list of %d pages", need);
    s->pages = pages;
    return SL_OK;
}

sl_status sl_kv_append_page(sl_kv_sequence *s, int32_t page, int n, sl_error *err)
{
    SL_CHECK(s->length == s->n_pages * SL_KV_PAGE_SIZE);
    sl_status st = reserve_list(s, s->n_pages + 1, err);
    if (st != SL_OK) return st;
    s->pages[s->n_pages++] = page;
    s->length += n;
    return SL_OK;
}

sl_status sl_kv_extend(sl_kv_cache *k, sl_kv_sequence *s, int n, sl_error *err)
{
    int need = (s->length + n + SL_KV_PAGE_SIZE - 1) / SL_KV_PAGE_SIZE, more = need - s->n_pages;
    if (more > k->n_free)
        return sl_fail(err, SL_ERR_MEMORY, "the key-value cache is full: %d more pages wanted, %d of %d free", more,
                       k->n_free, k->n_pages);
    if (more > 0) {
        sl_status st = reserve_list(s, need, err);
        if (st != SL_OK) return st;
        while (s->n_pages < need) s->pages[s->n_pages++] = sl_kv_page_take(k);
    }
    s->length += n;
    return SL_OK;
}

void sl_kv_release(sl_kv_cache *k, sl_kv_sequence *s)
{
    while (s->n_pages) sl_kv_page_drop(k, s->pages[--s->n_pages]);
    free(s->pages);
    *s = (sl_kv_sequence){0};
}

const sl_decoder_cache *sl_kv_bind(sl_kv_cache *k, sl_kv_sequence *const *seqs, int n_seqs)
{
    SL_CHECK(n_seqs <= k->max_seqs);
    for (int i = 0; i < n_seqs; i++) {
        k->page_table[i] = seqs[i]->pages;
        k->lengths[i] = seqs[i]->length;
    }
    return &k->view;
}
