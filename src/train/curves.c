/*
 * curves.c: reading curves, fitting power laws, and drawing both as text. curves_draw.c draws pictures.
 */
#include "train/curves.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 30, MAX_POINTS = 1 << 24 };

/* What one call reads. */
struct reading {
    sl_curves *curves;
    int first; /* curve of this run */
    const char *dir, *kind, *metric;
    double tokens; /* last said */
    struct sl_buf known;
};

static sl_curve *find_curve(struct reading *r, const char *name)
{
    char full[256];
    snprintf(full, sizeof full, "%.120s %.120s", r->dir, name);
    for (int i = r->first; i < r->curves->n; i++)
        if (strcmp(r->curves->items[i].name, full) == 0) return &r->curves->items[i];
    if (r->curves->n == SL_MAX_CURVES) return NULL;
    sl_curve *c = &r->curves->items[r->curves->n++];
    *c = (sl_curve){0};
    memcpy(c->name, full, sizeof full);
    return c;
}

static bool add_point(sl_curve *c, double step, double tokens, double value)
{
    size_t need = (size_t)c->n + 1;
    if (!sl_grow_array((void **)&c->step, &c->cap_step, need, sizeof *c->step, MAX_POINTS) ||
        !sl_grow_array((void **)&c->tokens, &c->cap_tokens, need, sizeof *c->tokens, MAX_POINTS) ||
        !sl_grow_array((void **)&c->value, &c->cap_value, need, sizeof *c->value, MAX_POINTS))
        return false;
    c->step[c->n] = step;
    c->tokens[c->n] = tokens;
    c->value[c->n++] = value;
    return true;
}

/* True for the metric itself and for what is under it. */
static bool is_wanted(const char *name, const char *metric)
{
    size_t n = strlen(metric);
    return strncmp(name, metric, n) == 0 && (name[n] == '\0' || name[n] == '/');
}

static sl_status read_line(struct reading *r, const json_t *line, sl_error *err)
{
    const json_t *tokens = json_object_get(line, "tokens");
    const char *kind = json_string_value(json_object_get(line, "kind")), *name;
    json_t *value;
    if (json_is_number(tokens)) r->tokens = json_number_value(tokens);
    if (!kind || strcmp(kind, r->kind) != 0) return SL_OK;
    double step = json_number_value(json_object_get(line, "step"));
    json_object_foreach((json_t *)(uintptr_t)line, name, value)
    {
        if (!json_is_number(value)) continue;
        if (!strstr(sl_buf_str(&r->known), name)) sl_buf_addf(&r->known, " %s", name);
        sl_curve *c = is_wanted(name, r->metric) ? find_curve(r, name) : NULL;
        if (c && !add_point(c, step, r->tokens, json_number_value(value)))
            return sl_fail(err, SL_ERR_MEMORY, "no memory for curves");
    }
    return SL_OK;
}

static sl_status read_lines(struct reading *r, const struct sl_buf *text, const char *path, sl_error *err)
{
    sl_status s = SL_OK;
    const char *at = sl_buf_str(text), *end = at + text->len;
    for (int number = 1; at < end && !s; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        json_t *line = NULL;
        if (!newline) break; /* still being written */
        s = sl_json_parse(at, (size_t)(newline - at), 8, &line, err);
        if (s) sl_fail_context(err, s, "%s:%d", path, number);
        if (!s) s = read_line(r, line, err);
        json_decref(line);
        at = newline + 1;
    }
    return s;
}

sl_status sl_curves_read(sl_curves *c, const char *dir, const char *kind, const char *metric, sl_error *err)
{
    struct reading r = {.curves = c, .first = c->n, .dir = dir, .kind = kind, .metric = metric};
    struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
    r.known = (struct sl_buf)SL_BUF_INIT(200);
    char *path = sl_path_join(dir, "metrics.jsonl");
    sl_status s = path ? sl_file_read(path, &text, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (!s) s = read_lines(&r, &text, path, err);
    if (!s && c->n == r.first)
        s = sl_fail(err, SL_ERR_ARGUMENT, "%s: no '%s' among its %s lines; there is%s", path, metric, kind,
                    r.known.len ? sl_buf_str(&r.known) : " nothing");
    free(path);
    sl_buf_release(&text);
    sl_buf_release(&r.known);
    return s;
}

void sl_curves_release(sl_curves *c)
{
    for (int i = 0; i < c->n; i++) {
        free(c->items[i].step);
        free(c->items[i].tokens);
        free(c->items[i].value);
    }
    c->n = 0;
}

int sl_curve_fit(const sl_curve *c, sl_power_law *out)
{
    double sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        if (!(c->tokens[i] > 0) || !(c->value[i] > 0)) continue;
        double x = log(c->tokens[i]), y = log(c->value[i]);
        sx += x, sy += y, sxx += x * x, sxy += x * y, syy += y * y;
        n++;
    }
    double dx = n * sxx - sx * sx, dy = n * syy - sy * sy, dxy = n * sxy - sx * sy;
    if (n < 3 || !(dx > 0)) return 0;
    *out = (sl_power_law){.slope = dxy / dx, .n = n, .r2 = dy > 0 ? dxy * dxy / (dx * dy) : 1};
    out->intercept = (sy - out->slope * sx) / n;
    return 1;
}

/* Means of the values that fall into each column; NAN for none. */
static void fill_columns(const sl_curve *c, double *sums, int columns)
{
    double first = c->step[0], span = c->step[c->n - 1] - first;
    for (int x = 0; x < columns; x++) {
        double sum = 0;
        int n = 0;
        for (int i = 0; i < c->n; i++) {
            int at = span > 0 ? (int)((c->step[i] - first) / span * (columns - 1) + 0.5) : 0;
            if (at == x) sum += c->value[i], n++;
        }
        sums[x] = n ? sum / n : NAN;
    }
}

void sl_curve_print(const sl_curve *c, int columns, int rows, struct sl_buf *out)
{
    enum { MAX_COLUMNS = 400 };
    double values[MAX_COLUMNS], low = INFINITY, high = -INFINITY;
    if (c->n == 0) return;
    if (columns > MAX_COLUMNS) columns = MAX_COLUMNS;
    fill_columns(c, values, columns);
    for (int x = 0; x < columns; x++) {
        low = fmin(low, values[x]);
        high = fmax(high, values[x]);
    }
    sl_buf_addf(out, "%s: %.4g at step %.0f, last %.4g at step %.0f\n", c->name, c->value[0], c->step[0],
                c->value[c->n - 1], c->step[c->n - 1]);
    for (int y = rows - 1; y >= 0; y--) {
        sl_buf_addf(out, "%10.4g |", low + (high - low) * y / (rows > 1 ? rows - 1 : 1));
        for (int x = 0; x < columns; x++) {
            int at = isnan(values[x]) ? -1
                     : high > low     ? (int)((values[x] - low) / (high - low) * (rows - 1) + 0.5)
                                      : 0;
            sl_buf_addch(out, at == y ? '*' : ' ');
        }
        sl_buf_addch(out, '\n');
    }
}
