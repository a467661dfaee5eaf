/*
 * bench.c: what all measurements share.
 */
#include "cli/bench.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sl_bench_median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

void sl_bench_emit(const struct sl_bench *b, struct sl_bench_row row)
{
    row.threads = b->ops->n_threads;
    row.fraction = row.limit > 0 ? row.rate / row.limit : 0;
    b->emit(b->arg, &row);
}
