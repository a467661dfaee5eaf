/*
 * bench.c: what all measurements share.
 */
#include "cli/bench.h"

#include "base/clock.h"

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

bool sl_bench_more(struct sl_bench_series *s, int repeats)
{
    enum { ENOUGH = 3, ENOUGH_SECONDS = 30 };
    if (s->start == 0) s->start = sl_clock_seconds();
    return s->n < repeats && !(s->n >= ENOUGH && sl_clock_seconds() - s->start > ENOUGH_SECONDS);
}

void sl_bench_add(struct sl_bench_series *s, double rate, double limit)
{
    if (s->warm) {
        s->rates[s->n] = rate;
        s->limits[s->n] = limit;
        s->n++;
    }
    s->warm = true;
}

void sl_bench_finish(const struct sl_bench *b, struct sl_bench_series *s, struct sl_bench_row row)
{
    row.rate = sl_bench_median(s->rates, s->n);
    row.limit = sl_bench_median(s->limits, s->n);
    sl_bench_emit(b, row);
}

void sl_bench_emit(const struct sl_bench *b, struct sl_bench_row row)
{
    if (!row.threads) row.threads = b->ops->n_threads;
    row.fraction = row.limit > 0 ? row.rate / row.limit : 0;
    b->emit(b->arg, &row);
}
