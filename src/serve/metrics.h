/*
 * metrics.h: what the server counts, in the text format that Prometheus reads.
 */
#ifndef SL_SERVE_METRICS_H
#define SL_SERVE_METRICS_H

#include "base/buf.h"

#include <stdint.h>

/* Things that only grow. */
enum sl_counter {
    SL_COUNT_PROMPT_TOKENS,
    SL_COUNT_CACHED_TOKENS,
    SL_COUNT_COMPLETION_TOKENS,
    SL_COUNT_PICTURES,
    SL_COUNT_PICTURE_HITS,
    SL_COUNT_FRAMES,
    SL_COUNT_CANCELLED,
    SL_N_COUNTERS,
};

/* Times, in seconds. */
enum sl_timing {
    SL_TIME_TO_FIRST_TOKEN,
    SL_TIME_BETWEEN_TOKENS,
    SL_TIME_OF_REQUEST,
    SL_TIME_OF_MEDIA, /* fetching and decoding */
    SL_N_TIMINGS,
};

struct sl_metrics;

/* Makes an empty set; any thread may count in it. Returns NULL without memory. Release with sl_metrics_free. */
struct sl_metrics *sl_metrics_new(void);
void sl_metrics_free(struct sl_metrics *m);

/* Counts a request that was answered with this status; route is static text such as "/v1/models". */
void sl_metrics_request(struct sl_metrics *m, const char *route, int status);
void sl_metrics_add(struct sl_metrics *m, enum sl_counter what, int64_t n);
void sl_metrics_time(struct sl_metrics *m, enum sl_timing what, double seconds);

/* A value of the moment, given when the text is written. */
struct sl_gauge {
    const char *name, *help;
    double value;
};

/* Appends everything, and n gauges, to out. */
void sl_metrics_write(struct sl_metrics *m, const struct sl_gauge *gauges, int n, struct sl_buf *out);

#endif
