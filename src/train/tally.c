/*
 * tally.c: sums by name.
 */
#include "train/tally.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sl_tally_row *find(const sl_tally *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].name, name) == 0) return &t->rows[i];
    return NULL;
}

void sl_tally_add(sl_tally *t, const char *name, double sum, double weight)
{
    char cut[SL_TALLY_NAME];
    snprintf(cut, sizeof cut, "%s", name);
    sl_tally_row *r = find(t, cut);
    if (!r) {
        if (!sl_grow_array((void **)&t->rows, &t->cap, (size_t)t->n + 1, sizeof *t->rows, SL_TALLY_MAX)) return;
        r = &t->rows[t->n++];
        *r = (sl_tally_row){0};
        memcpy(r->name, cut, sizeof cut);
    }
    r->sum += sum;
    r->weight += weight;
}

void sl_tally_add_under(sl_tally *t, const char *prefix, const char *name, double sum, double weight)
{
    char path[SL_TALLY_NAME];
    int n = snprintf(path, sizeof path, "%s/%s", prefix, name);
    if (n > 0) sl_tally_add(t, path, sum, weight);
}

bool sl_tally_mean(const sl_tally *t, const char *name, double *mean)
{
    const sl_tally_row *r = find(t, name);
    if (!r || !(r->weight > 0)) return false;
    *mean = r->sum / r->weight;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const sl_tally_row *)a)->name, ((const sl_tally_row *)b)->name);
}

sl_status sl_tally_merge(sl_tally *t, sl_comm *comm, sl_error *err)
{
    size_t *ends = sl_alloc_array((size_t)comm->size, sizeof *ends);
    struct sl_buf all = SL_BUF_INIT((size_t)comm->size * SL_TALLY_MAX * sizeof(sl_tally_row));
    sl_status s = ends ? comm->all_gather_bytes(comm, t->rows, (size_t)t->n * sizeof *t->rows, &all, ends, err)
                       : sl_fail(err, SL_ERR_MEMORY, "no memory for metrics");
    if (!s) {
        sl_tally_clear(t);
        for (size_t at = 0; at + sizeof(sl_tally_row) <= all.len; at += sizeof(sl_tally_row)) {
            sl_tally_row r;
            memcpy(&r, all.data + at, sizeof r);
            sl_tally_add(t, r.name, r.sum, r.weight);
        }
        if (t->n) qsort(t->rows, (size_t)t->n, sizeof *t->rows, by_name);
    }
    sl_buf_release(&all);
    free(ends);
    return s;
}

void sl_tally_clear(sl_tally *t)
{
    t->n = 0;
}

void sl_tally_free(sl_tally *t)
{
    free(t->rows);
    *t = (sl_tally){0};
}
