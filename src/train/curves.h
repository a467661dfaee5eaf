/*
 * curves.h: the curves of runs, read from their metrics.jsonl, and what they look like.
 */
#ifndef SL_TRAIN_CURVES_H
#define SL_TRAIN_CURVES_H

#include "base/buf.h"
#include "base/error.h"

enum { SL_MAX_CURVES = 64 };

/* One metric of one run. */
typedef struct sl_curve {
    char name[256];
    double *step, *tokens, *value; /* (n), owned; tokens are 0 before the first line that says them */
    int n;
    size_t cap_step, cap_tokens, cap_value;
} sl_curve;

typedef struct sl_curves {
    sl_curve items[SL_MAX_CURVES];
    int n;
} sl_curves;

/*
 * Adds the metric of the run in the folder dir, and those under it ("loss" also "loss/ocr"): lines of that kind. A run
 * without any is an error that lists what there is. Release with sl_curves_release.
 */
sl_status sl_curves_read(sl_curves *c, const char *dir, const char *kind, const char *metric, sl_error *err);
void sl_curves_release(sl_curves *c);

/* A line log value = slope * log tokens + intercept (natural logarithms) through a curve, by least squares. */
typedef struct sl_power_law {
    double slope, intercept, r2;
    int n;
} sl_power_law;

/* Fits it to the points with tokens and value over 0; false with fewer than three. */
int sl_curve_fit(const sl_curve *c, sl_power_law *out);

/* Draws the curves over steps into a PNG file; logarithmic: both axes are, over tokens. */
sl_status sl_curves_draw(const sl_curves *c, const char *title, int logarithmic, const char *path, sl_error *err);

/* Appends one curve as text for a terminal: rows lines of columns characters, with its range. */
void sl_curve_print(const sl_curve *c, int columns, int rows, struct sl_buf *out);

#endif
