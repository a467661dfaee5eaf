/*
 * base64.h: bytes from and to base64 text (RFC 4648, section 4).
 */
#ifndef SL_BASE_BASE64_H
#define SL_BASE_BASE64_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>

/*
 * Appends the bytes that n characters of base64 text stand for to out. White space is skipped anywhere and the closing
 * '=' may be missing, as in many files; the URL alphabet ('-', '_') is taken too. Anything else is SL_ERR_FORMAT, which
 * names the place, and leaves out as it was: other characters, text after '=', a lone last character, and last bits
 * that are not zero. SL_ERR_MEMORY past out's ceiling.
 */
sl_status sl_base64_decode(const char *text, size_t n, struct sl_buf *out, sl_error *err);

/* Appends n bytes as base64 text with padding, without line breaks, to out (which keeps a failure). */
void sl_base64_encode(const void *bytes, size_t n, struct sl_buf *out);

#endif
