/*
 * metrics.c: counters and histograms behind one lock: a few additions for each token, nothing else.
 */
#include "serve/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUTES = 64, N_BOUNDS = 14 };

/* Upper bounds of the histograms' buckets, in seconds. */
static const double bounds[N_BOUNDS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60};

static const struct {
    const char *name, *help;
} counters[SL_N_COUNTERS] =
    {
        [SL_COUNT_PROMPT_TOKENS] = {"seedling_prompt_tokens_total",
                                    "Tokens of prompts, pictures and cached ones included."},
        [SL_COUNT_CACHED_TOKENS] = {"seedling_cached_tokens_total", "Prompt tokens that were still in the cache."},
        [SL_COUNT_COMPLETION_TOKENS] = {"seedling_completion_tokens_total", "Tokens written."},
        [SL_COUNT_PICTURES] = {"seedling_pictures_total", "Pictures asked about."},
        [SL_COUNT_PICTURE_HITS] = {"seedling_picture_hits_total",
                                   "Pictures and frames whose features were still known."},
        [SL_COUNT_FRAMES] = {"seedling_frames_total", "Frames of videos asked about."},
        [SL_COUNT_CANCELLED] = {"seedling_cancelled_total", "Requests whose client went away."},
},
  timings[SL_N_TIMINGS] = {
      [SL_TIME_TO_FIRST_TOKEN] = {"seedling_time_to_first_token_seconds", "From a request to its first token."},
      [SL_TIME_BETWEEN_TOKENS] = {"seedling_time_between_tokens_seconds", "Between a stream's tokens."},
      [SL_TIME_OF_REQUEST] = {"seedling_request_seconds", "From a request's last byte to its answer's."},
      [SL_TIME_OF_MEDIA] = {"seedling_media_seconds", "Fetching and decoding a request's pictures and videos."},
};

struct histogram {
    int64_t count, buckets[N_BOUNDS];
    double sum;
};

struct sl_metrics {
    pthread_mutex_t lock;
    int64_t counters[SL_N_COUNTERS];
    struct histogram timings[SL_N_TIMINGS];
    struct {
        const char *route;
        int status;
        int64_t count;
    } requests[MAX_ROUTES];
    int n_requests;
};

struct sl_metrics *sl_metrics_new(void)
{
    struct sl_metrics *m = calloc(1, sizeof *m);
    if (m) pthread_mutex_init(&m->lock, NULL);
    return m;
}

void sl_metrics_free(struct sl_metrics *m)
{
    if (!m) return;
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void sl_metrics_request(struct sl_metrics *m, const char *route, int status)
{
    pthread_mutex_lock(&m->lock);
    int i = 0;
    while (i < m->n_requests && (m->requests[i].status != status || strcmp(m->requests[i].route, route) != 0)) i++;
    if (i == m->n_requests && i < MAX_ROUTES) {
        m->requests[i].route = route;
        m->requests[i].status = status;
        m->n_requests++;
    }
    if (i < MAX_ROUTES) m->requests[i].count++;
    pthread_mutex_unlock(&m->lock);
}

void sl_metrics_add(struct sl_metrics *m, enum sl_counter what, int64_t n)
{
    pthread_mutex_lock(&m->lock);
    m->counters[what] += n;
    pthread_mutex_unlock(&m->lock);
}

void sl_metrics_time(struct sl_metrics *m, enum sl_timing what, double seconds)
{
    pthread_mutex_lock(&m->lock);
    struct histogram *h = &m->timings[what];
    h->count++;
    h->sum += seconds;
    for (int i = N_BOUNDS - 1; i >= 0 && seconds <= bounds[i]; i--) h->buckets[i]++;
    pthread_mutex_unlock(&m->lock);
}

static void write_head(struct sl_buf *out, const char *name, const char *help, const char *type)
{
    sl_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_histogram(struct sl_buf *out, const char *name, const char *help, const struct histogram *h)
{
    write_head(out, name, help, "histogram");
    for (int i = 0; i < N_BOUNDS; i++) {
        sl_buf_addf(out, "%s_bucket{le=\"%g\"} %lld\n", name, bounds[i], (long long)h->buckets[i]);
    }
    sl_buf_addf(out, "%s_bucket{le=\"+Inf\"} %lld\n%s_sum %.6f\n%s_count %lld\n", name, (long long)h->count, name,
                h->sum, name, (long long)h->count);
}

void sl_metrics_write(struct sl_metrics *m, const struct sl_gauge *gauges, int n, struct sl_buf *out)
{
    pthread_mutex_lock(&m->lock);
    write_head(out, "seedling_requests_total", "Requests answered, by route and HTTP status.", "counter");
    for (int i = 0; i < m->n_requests; i++) {
        sl_buf_addf(out, "seedling_requests_total{route=\"%s\",status=\"%d\"} %lld\n", m->requests[i].route,
                    m->requests[i].status, (long long)m->requests[i].count);
    }
    for (int i = 0; i < SL_N_COUNTERS; i++) {
        write_head(out, counters[i].name, counters[i].help, "counter");
        sl_buf_addf(out, "%s %lld\n", counters[i].name, (long long)m->counters[i]);
    }
    for (int i = 0; i < SL_N_TIMINGS; i++) write_histogram(out, timings[i].name, timings[i].help, &m->timings[i]);
    pthread_mutex_unlock(&m->lock);
    for (int i = 0; i < n; i++) {
        write_head(out, gauges[i].name, gauges[i].help, "gauge");
        sl_buf_addf(out, "%s %.17g\n", gauges[i].name, gauges[i].value);
    }
}
