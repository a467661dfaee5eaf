/*
 * chromium_elements.c: what is on the page, read by a fixed script in a world of its own.
 */
#include "screen/chromium_parts.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * One row for each element: nine strings and numbers in the order of read_row. An element is clipped by each ancestor
 * that hides its overflow and by the screen; it is seen when the point in the middle of what is left belongs to it, to
 * something in it, or to an ancestor (a link of two lines has its middle between them).
 */
static const char script[] =
    "((selector, limit) => {"
    "const join = s => (s || '').replace(/\\s+/g, ' ').trim().slice(0, 4000), rows = [];"
    "for (const e of document.querySelectorAll(selector)) {"
    " if (rows.length >= limit) break;"
    " const b = e.getBoundingClientRect();"
    " if (b.width <= 0 || b.height <= 0 || b.right <= 0 || b.bottom <= 0 || b.left >= innerWidth || b.top >= "
    "innerHeight)"
    "  continue;"
    " const style = getComputedStyle(e);"
    " if (style.visibility !== 'visible' || +style.opacity === 0) continue;"
    " let l = Math.max(b.left, 0), t = Math.max(b.top, 0), r = Math.min(b.right, innerWidth),"
    "  d = Math.min(b.bottom, innerHeight), fixed = style.position === 'fixed';"
    " for (let p = e.parentElement; p && p !== document.body && !fixed; p = p.parentElement) {"
    "  const s = getComputedStyle(p);"
    "  if (s.overflowX !== 'visible' || s.overflowY !== 'visible') {"
    "   const c = p.getBoundingClientRect();"
    "   l = Math.max(l, c.left); t = Math.max(t, c.top); r = Math.min(r, c.right); d = Math.min(d, c.bottom); }"
    "  fixed = s.position === 'fixed'; }"
    " if (r <= l || d <= t) continue;"
    " const top = document.elementFromPoint((l + r) / 2, (t + d) / 2);"
    " const seen = !!top && (top === e || e.contains(top) || top.contains(e));"
    " const cut = style.overflowX !== 'visible' && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > "
    "e.clientHeight + 1);"
    " const whole = seen && !cut && r - l > b.width - 0.6 && d - t > b.height - 0.6;"
    " const range = document.createRange(); range.selectNodeContents(e);"
    " let i = range.getBoundingClientRect(); if (i.width <= 0 || i.height <= 0) i = b;"
    " const value = e.tagName === 'SELECT' ? (e.selectedOptions[0] || {}).text : typeof e.value === 'string' ? e.value "
    ": '';"
    " const a = n => e.getAttribute(n) || '';"
    " rows.push([a('data-k'), e.tagName.toLowerCase(), a('type'), a('role'), join(e.tagName === 'SELECT' ? value : "
    "e.innerText"
    "  === undefined ? e.textContent : e.innerText), join(value), join(a('aria-label') || a('placeholder') || a('alt') "
    "||"
    "  a('title')), b.left, b.top, b.right, b.bottom, i.left, i.top, i.right, i.bottom, +seen, +whole, +!!e.checked,"
    "  +!!e.disabled, +(document.activeElement === e)]); }"
    "return rows; })";

/* Makes a place to run scripts in that shares the page's elements and nothing else: b->world is its number. */
static sl_status make_world(struct sl_browser *b, sl_error *err)
{
    json_t *answer;
    json_decref(b->world);
    b->world = NULL;
    sl_status status =
        sl_browser_call(b, "Page.createIsolatedWorld",
                        json_pack("{s:s, s:s}", "frameId", b->frame, "worldName", "seedling"), &answer, err);
    if (status) return status;
    b->world = json_incref(json_object_get(answer, "executionContextId"));
    json_decref(answer);
    return b->world ? SL_OK : sl_fail(err, SL_ERR_FORMAT, "the browser made no place for scripts");
}

/* Runs an expression in that place, which ends with the document: then in a new one. *value, owned, may be NULL. */
static sl_status evaluate(struct sl_browser *b, const char *expression, json_t **value, sl_error *err)
{
    json_t *answer = NULL;
    sl_status status = SL_ERR_FORMAT;
    *value = NULL;
    for (int fresh = b->world == NULL; status == SL_ERR_FORMAT && fresh < 2; fresh++) {
        status = fresh ? make_world(b, err) : SL_OK;
        if (!status)
            status = sl_browser_call(
                b, "Runtime.evaluate",
                json_pack("{s:s, s:O, s:b}", "expression", expression, "contextId", b->world, "returnByValue", 1),
                &answer, err);
    }
    if (status) return status;
    *value = json_incref(json_object_get(json_object_get(answer, "result"), "value"));
    json_decref(answer);
    return SL_OK;
}

sl_status sl_browser_scroll_to(struct sl_browser *b, double down, sl_error *err)
{
    char text[64];
    json_t *value;
    snprintf(text, sizeof text, "scrollTo(0, %.3f)", down / b->viewport.scale);
    sl_status status = evaluate(b, text, &value, err);
    json_decref(value);
    return status;
}

/* Appends the call of the script; the selector as a JSON string is one of JavaScript too. */
static sl_status write_script(struct sl_buf *out, const char *selector, int limit, sl_error *err)
{
    json_t *text = json_string(selector);
    char *quoted = text ? json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    json_decref(text);
    if (!quoted) return sl_fail(err, SL_ERR_ARGUMENT, "a selector that is not UTF-8");
    sl_buf_addf(out, "%s(%s, %d)", script, quoted, limit);
    free(quoted);
    return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "a selector of more than 64 KiB");
}

/* Runs the script; *rows is its owned array. */
static sl_status run_script(struct sl_browser *b, const char *selector, int limit, json_t **rows, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    sl_status status = write_script(&text, selector, limit, err);
    if (!status) status = evaluate(b, text.data, rows, err);
    if (!status && !json_is_array(*rows)) {
        json_decref(*rows);
        status =
            sl_fail(err, SL_ERR_FORMAT, "cannot list the elements of '%.100s': not a selector, or no page", selector);
    }
    sl_buf_release(&text);
    return status;
}

enum { ROW_BOX = 7, ROW_INK = 11, ROW_FLAGS = 15, ROW_LENGTH = 20 };

static const char *string_at(const json_t *row, size_t i)
{
    const char *s = json_string_value(json_array_get(row, i));
    return s ? s : "";
}

static bool flag_at(const json_t *row, size_t i)
{
    return json_number_value(json_array_get(row, i)) != 0;
}

static void read_row(const json_t *row, double scale, struct sl_element *e)
{
    const char **strings[] = {&e->key, &e->tag, &e->type, &e->role, &e->text, &e->value, &e->label};
    bool *bits[] = {&e->seen, &e->whole, &e->checked, &e->disabled, &e->focused};
    for (size_t i = 0; i < ROW_BOX; i++) *strings[i] = string_at(row, i);
    for (size_t i = 0; i < 4; i++) {
        e->box[i] = scale * json_number_value(json_array_get(row, ROW_BOX + i));
        e->ink[i] = scale * json_number_value(json_array_get(row, ROW_INK + i));
    }
    for (size_t i = 0; i < ROW_LENGTH - ROW_FLAGS; i++) *bits[i] = flag_at(row, ROW_FLAGS + i);
}

sl_status sl_browser_elements(struct sl_browser *b, const char *selector, int limit, struct sl_elements *out,
                              sl_error *err)
{
    *out = (struct sl_elements){0};
    if (limit < 1 || limit > 10000) return sl_fail(err, SL_ERR_ARGUMENT, "cannot list %d elements", limit);
    sl_status status = run_script(b, selector, limit, &out->document, err);
    if (status) {
        out->document = NULL;
        return status;
    }
    size_t n = json_array_size(out->document);
    out->items = sl_alloc_array(n ? n : 1, sizeof *out->items);
    if (!out->items) {
        sl_elements_release(out);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu elements", n);
    }
    for (size_t i = 0; i < n; i++) read_row(json_array_get(out->document, i), b->viewport.scale, &out->items[i]);
    out->n = (int)n;
    return SL_OK;
}

void sl_elements_release(struct sl_elements *e)
{
    free(e->items);
    json_decref(e->document);
    *e = (struct sl_elements){0};
}

const struct sl_element *sl_elements_find(const struct sl_elements *e, const char *key)
{
    for (int i = 0; i < e->n; i++)
        if (strcmp(e->items[i].key, key) == 0) return &e->items[i];
    return NULL;
}
