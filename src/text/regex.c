/*
 * regex.c: the few places where the two dialects read the same text differently.
 */
#include "text/regex.h"

#include <stdbool.h>
#include <string.h>

/* Copies an escape of two characters, \s and \S by their property; returns what follows it. */
static const char *copy_escape(const char *p, struct sl_buf *out)
{
    if (p[1] == 's')
        sl_buf_addstr(out, "\\p{White_Space}");
    else if (p[1] == 'S')
        sl_buf_addstr(out, "\\P{White_Space}");
    else
        sl_buf_add(out, p, p[1] ? 2 : 1);
    return p + (p[1] ? 2 : 1);
}

/*
 * Copies the members of a class up to its ']' or "&&"; returns where it stopped, or NULL at the pattern's end or a
 * nested bracket.
 */
static const char *copy_members(const char *p, struct sl_buf *out)
{
    while (*p && *p != ']' && !(p[0] == '&' && p[1] == '&')) {
        if (*p == '\\') {
            p = copy_escape(p, out);
            continue;
        }
        if (*p == '[') {
            const char *end = p[1] == ':' ? strstr(p + 2, ":]") : NULL;
            if (!end) return NULL;
            sl_buf_add(out, p, (size_t)(end + 2 - p));
            p = end + 2;
            continue;
        }
        sl_buf_addch(out, *p++);
    }
    return *p ? p : NULL;
}

/* Copies the '[', a '^' and a ']' that stands for itself because it comes first. */
static const char *copy_opening(const char *p, struct sl_buf *out)
{
    sl_buf_addch(out, *p++);
    if (*p == '^') sl_buf_addch(out, *p++);
    if (*p == ']') sl_buf_addch(out, *p++);
    return p;
}

/* Copies the class at p, subtraction included; returns what follows it, or NULL for what cannot be carried over. */
static const char *copy_class(const char *p, struct sl_buf *out)
{
    struct sl_buf kept = SL_BUF_INIT(out->ceiling), taken = SL_BUF_INIT(out->ceiling);
    bool negated = p[1] == '^';
    p = copy_members(copy_opening(p, &kept), &kept);
    sl_buf_addch(&kept, ']');
    if (p && *p == ']') {
        sl_buf_add(out, sl_buf_str(&kept), kept.len);
        p++;
    } else if (p && !negated && strncmp(p, "&&[^", 4) == 0) {
        sl_buf_addch(&taken, '[');
        p = copy_members(p + 4, &taken);
        sl_buf_addch(&taken, ']');
        if (p && p[0] == ']' && p[1] == ']') {
            sl_buf_addf(out, "(?:(?!%s)%s)", sl_buf_str(&taken), sl_buf_str(&kept));
            p += 2;
        } else {
            p = NULL;
        }
    } else {
        p = NULL;
    }
    sl_buf_release(&kept);
    sl_buf_release(&taken);
    return p;
}

sl_status sl_regex_to_pcre2(const char *pattern, struct sl_buf *out, sl_error *err)
{
    for (const char *p = pattern; *p;) {
        if (*p == '\\') {
            p = copy_escape(p, out);
        } else if (*p == '[') {
            const char *next = copy_class(p, out);
            if (!next)
                return sl_fail(err, SL_ERR_UNSUPPORTED,
                               "pattern '%.200s': the character class at byte %zu is not closed, or nested in a way "
                               "that PCRE2 has not",
                               pattern, (size_t)(p - pattern));
            p = next;
        } else {
            sl_buf_addch(out, *p++);
        }
    }
    return SL_OK;
}
