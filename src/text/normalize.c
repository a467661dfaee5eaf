/*
 * normalize.c: normalisation by utf8proc, skipped where the bytes show that it changes nothing.
 */
#include "text/normalize.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/*
 * The lowest first byte of a character that the form might change: every character below U+0300 (0xCC 0x80) is
 * composed already, decomposition starts at U+00A0 (0xC2 0xA0).
 */
static unsigned char lowest_unstable(sl_normal_form form)
{
    return form == SL_FORM_NFC ? 0xCC : 0xC2;
}

/* Text of only these blocks is in NFC: no combining marks, no singleton decompositions, no conjoining jamo. */
static bool is_nfc_block(uint32_t cp)
{
    return cp < 0x300 || (cp >= 0x400 && cp < 0x483) || (cp >= 0x2002 && cp < 0x20D0) ||
           (cp >= 0x2190 && cp < 0x2329) || (cp >= 0x2500 && cp < 0x2ADC) || (cp >= 0x3000 && cp < 0x302A) ||
           (cp >= 0x3041 && cp < 0x3099) || (cp >= 0x309B && cp < 0x3100) || (cp >= 0x3400 && cp < 0xA000) ||
           (cp >= 0xAC00 && cp < 0xD7A4) || (cp >= 0xFF00 && cp < 0xFFF0) || (cp >= 0x1F000 && cp < 0x1FB00);
}

bool sl_is_normal(sl_normal_form form, const char *text, size_t n)
{
    if (form == SL_FORM_NONE) return true;
    unsigned char limit = lowest_unstable(form), most = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        most = c > most ? c : most;
    }
    if (most < limit) return true;
    if (form != SL_FORM_NFC) return false;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        utf8proc_int32_t cp;
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(n - i), &cp);
        if (len <= 0 || !is_nfc_block((uint32_t)cp)) return false;
        i += (size_t)len;
    }
    return true;
}

static utf8proc_option_t options_of(sl_normal_form form)
{
    switch (form) {
    case SL_FORM_NFC:
        return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    case SL_FORM_NFD:
        return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    case SL_FORM_NFKC:
        return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
    case SL_FORM_NFKD:
        return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    case SL_FORM_NONE:
        break;
    }
    SL_BUG("no such normalisation form: %d", (int)form);
}

sl_status sl_normalize(sl_normal_form form, const char *text, size_t n, struct sl_buf *out, sl_error *err)
{
    while (n > 0) {
        const char *newline = memchr(text, '\n', n);
        size_t line = newline ? (size_t)(newline - text) + 1 : n;
        if (sl_is_normal(form, text, line)) {
            sl_buf_add(out, text, line);
        } else {
            utf8proc_uint8_t *mapped = NULL;
            utf8proc_ssize_t len =
                utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)line, &mapped, options_of(form));
            if (len < 0)
                return sl_fail(err, len == UTF8PROC_ERROR_NOMEM ? SL_ERR_MEMORY : SL_ERR_FORMAT,
                               "cannot normalise the text: %s", utf8proc_errmsg(len));
            sl_buf_add(out, mapped, (size_t)len);
            free(mapped);
        }
        text += line;
        n -= line;
    }
    if (!sl_buf_ok(out)) return sl_fail(err, SL_ERR_MEMORY, "out of memory for normalised text");
    return SL_OK;
}
