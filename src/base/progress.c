/*
 * progress.c: drawing of progress bars.
 */
#include "base/progress.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const double show_after = 2.0, draw_every = 0.1;

enum { BAR_WIDTH = 24 };

void sl_progress_begin(struct sl_progress *p, const char *label, const char *unit, double total)
{
    double now = sl_clock_seconds();
    *p = (struct sl_progress){.label = label, .unit = unit, .total = total, .started = now, .drawn_at = now};
    p->to = stderr;
    p->shown = isatty(STDERR_FILENO) == 1;
}

/* Three significant digits, with k, M or G. */
static void format_amount(double v, char *out, size_t size)
{
    static const char *const suffix[] = {"", "k", "M", "G", "T"};
    int i = 0;
    for (; v >= 999.5 && i < 4; i++) v /= 1000;
    snprintf(out, size, v >= 99.5 || v == floor(v) ? "%.0f%s" : "%.3g%s", v, suffix[i]);
}

static void format_duration(double seconds, char *out, size_t size)
{
    if (!(seconds < 360000.0))
        snprintf(out, size, "long");
    else if (seconds >= 3600)
        snprintf(out, size, "%dh%02dm", (int)(seconds / 3600), (int)(seconds / 60) % 60);
    else
        snprintf(out, size, "%d:%02d", (int)(seconds / 60), (int)seconds % 60);
}

void sl_progress_text(const struct sl_progress *p, double elapsed, char *line, size_t size)
{
    char done[16], total[16], rate[16], left[16];
    if (size > 80) size = 80;
    double speed = elapsed > 0 ? p->done / elapsed : 0;
    format_amount(p->done, done, sizeof done);
    format_amount(speed, rate, sizeof rate);
    if (p->total <= 0) {
        format_duration(elapsed, left, sizeof left);
        snprintf(line, size, "%s %s %s, %s/s, %s", p->label, done, p->unit, rate, left);
        return;
    }
    double fraction = fmin(p->done / p->total, 1.0);
    char bar[BAR_WIDTH + 1];
    int filled = (int)(fraction * BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    memset(bar + filled, '.', (size_t)(BAR_WIDTH - filled));
    bar[BAR_WIDTH] = '\0';
    format_amount(p->total, total, sizeof total);
    format_duration(speed > 0 ? (p->total - p->done) / speed : INFINITY, left, sizeof left);
    int n = snprintf(line, size, "%s [%s] %s/%s %s, %s/s, %s left", p->label, bar, done, total, p->unit, rate, left);
    if (n < 0) line[0] = '\0'; /* a longer line is simply cut */
}

void sl_progress_to(struct sl_progress *p, double done)
{
    p->done = done;
    if (!p->shown) return;
    double now = sl_clock_seconds();
    if (now - p->started < show_after || now - p->drawn_at < draw_every) return;
    char line[80];
    sl_progress_text(p, now - p->started, line, sizeof line);
    fprintf(p->to, "\r%s\033[K", line);
    fflush(p->to);
    p->drawn_at = now;
    p->drawn = true;
}

void sl_progress_end(struct sl_progress *p)
{
    if (p->drawn) {
        fputs("\r\033[K", p->to);
        fflush(p->to);
    }
    p->drawn = false;
}
