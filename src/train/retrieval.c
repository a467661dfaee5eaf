/*
 * retrieval.c: nearest captions and nearest pictures, by products of unit vectors.
 */
#include "train/retrieval.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t CEILING = (size_t)1 << 32;

void sl_retrieval_init(sl_retrieval *r, int width)
{
    *r = (sl_retrieval){.width = width, .pictures.ceiling = CEILING, .texts.ceiling = CEILING, .keys.ceiling = CEILING};
}

void sl_retrieval_free(sl_retrieval *r)
{
    sl_buf_release(&r->pictures);
    sl_buf_release(&r->texts);
    sl_buf_release(&r->keys);
}

static uint64_t hash_tokens(const int32_t *tokens, int32_t n)
{
    uint64_t h = 14695981039346656037ULL; /* FNV-1a */
    const unsigned char *bytes = (const unsigned char *)tokens;
    for (size_t i = 0; i < (size_t)n * sizeof *tokens; i++) h = (h ^ bytes[i]) * 1099511628211ULL;
    return h;
}

void sl_retrieval_add(sl_retrieval *r, const float *pictures, const float *texts, const sl_captions *captions)
{
    size_t bytes = (size_t)captions->n * (size_t)r->width * sizeof(float);
    sl_buf_add(&r->pictures, pictures, bytes);
    sl_buf_add(&r->texts, texts, bytes);
    for (int i = 0; i < captions->n; i++) {
        uint64_t key = hash_tokens(captions->tokens + captions->cu[i], captions->cu[i + 1] - captions->cu[i]);
        sl_buf_add(&r->keys, &key, sizeof key);
    }
}

/* All ranks' rows. */
struct gathered {
    sl_retrieval all;
    int64_t n, n_classes;
    const float *pictures, *texts;
    const uint64_t *keys;
    int32_t *class_of; /* (n) */
    float *class_text; /* (n_classes, width) */
    float *sims;       /* a block of rows by the larger of n and n_classes */
};

static sl_status gather(sl_retrieval *r, sl_comm *comm, struct gathered *g, sl_error *err)
{
    size_t *ends = sl_alloc_array((size_t)comm->size, sizeof *ends);
    sl_status s = ends ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory for a held-out check");
    struct sl_buf *mine[] = {&r->pictures, &r->texts, &r->keys};
    struct sl_buf *all[] = {&g->all.pictures, &g->all.texts, &g->all.keys};
    for (int i = 0; i < 3 && s == SL_OK; i++) {
        if (!sl_buf_ok(mine[i])) s = sl_fail(err, SL_ERR_MEMORY, "out of memory for a held-out check");
        s = sl_comm_agree(comm, s, err);
        if (s == SL_OK) s = comm->all_gather_bytes(comm, mine[i]->data, mine[i]->len, all[i], ends, err);
        sl_buf_clear(mine[i]);
    }
    free(ends);
    g->n = (int64_t)(g->all.keys.len / sizeof(uint64_t));
    g->pictures = (const float *)(const void *)g->all.pictures.data;
    g->texts = (const float *)(const void *)g->all.texts.data;
    g->keys = (const uint64_t *)(const void *)g->all.keys.data;
    return s;
}

/* Numbers the distinct captions in the order in which they came. */
static void find_classes(struct gathered *g, int width)
{
    int32_t *first = g->class_of; /* each row's class; the first row of class c is found by searching backward */
    for (int64_t i = 0; i < g->n; i++) {
        int64_t k = 0;
        while (k < i && g->keys[k] != g->keys[i]) k++;
        if (k < i) {
            first[i] = first[k];
            continue;
        }
        memcpy(g->class_text + g->n_classes * width, g->texts + i * width, (size_t)width * sizeof(float));
        first[i] = (int32_t)g->n_classes++;
    }
}

enum { BLOCK = 256 };

/* For every row of a (n, width) the nearest row of b (m, width): calls found with both. */
static void nearest(const sl_ops *ops, struct gathered *g, const float *a, int64_t n, const float *b, int64_t m,
                    int width, int32_t *found)
{
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t rows = n - from < BLOCK ? n - from : BLOCK;
        sl_gemm product = {
            .m = rows,
            .n = m,
            .k = width,
            .a = a + from * width,
            .lda = width,
            .b = b,
            .ldb = width,
            .c = g->sims,
            .ldc = m,
        };
        ops->gemm(ops, &product);
        for (int64_t i = 0; i < rows; i++) {
            int64_t best = 0;
            for (int64_t j = 1; j < m; j++)
                if (g->sims[i * m + j] > g->sims[i * m + best]) best = j;
            found[from + i] = (int32_t)best;
        }
    }
}

static void add_under(sl_tally *tally, const char *prefix, const char *name, double sum, double weight)
{
    char full[SL_TALLY_NAME];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    sl_tally_add(tally, full, sum, weight);
}

static sl_status measure(struct gathered *g, const sl_ops *ops, int width, const char *prefix, sl_tally *tally,
                         sl_error *err)
{
    size_t n = (size_t)g->n;
    int32_t *found = sl_alloc_array(n, sizeof *found);
    g->class_of = sl_alloc_array(n, sizeof *g->class_of);
    g->class_text = sl_alloc_array(n * (size_t)width, sizeof *g->class_text);
    g->sims = sl_alloc_array(n * BLOCK, sizeof *g->sims);
    if (!found || !g->class_of || !g->class_text || !g->sims) {
        free(found);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a held-out check of %zu pictures", n);
    }
    find_classes(g, width);
    int64_t right = 0, recalled = 0;
    nearest(ops, g, g->pictures, g->n, g->class_text, g->n_classes, width, found);
    for (size_t i = 0; i < n; i++) right += found[i] == g->class_of[i];
    nearest(ops, g, g->class_text, g->n_classes, g->pictures, g->n, width, found);
    for (int64_t c = 0; c < g->n_classes; c++) recalled += g->class_of[found[c]] == c;
    add_under(tally, prefix, "accuracy", (double)right, (double)n);
    add_under(tally, prefix, "accuracy/chance", (double)n / (double)g->n_classes, (double)n);
    add_under(tally, prefix, "recall", (double)recalled, (double)g->n_classes);
    free(found);
    return SL_OK;
}

sl_status sl_retrieval_measure(sl_retrieval *r, const sl_ops *ops, sl_comm *comm, const char *prefix, sl_tally *tally,
                               sl_error *err)
{
    struct gathered g = {0};
    sl_retrieval_init(&g.all, r->width);
    sl_status s = gather(r, comm, &g, err);
    if (s == SL_OK && g.n) s = measure(&g, ops, r->width, prefix, tally, err);
    free(g.class_of);
    free(g.class_text);
    free(g.sims);
    sl_retrieval_free(&g.all);
    return s;
}
