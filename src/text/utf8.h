/*
 * utf8.h: where well-formed UTF-8 ends, for text that may be any bytes.
 */
#ifndef SL_TEXT_UTF8_H
#define SL_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the character at s (n bytes left): returns its length 1 to 4 and its code point in *cp, or 0 when n is 0 or
 * the bytes are not well-formed (The Unicode Standard, table 3-7: no overlong forms, surrogates or values past
 * U+10FFFF).
 */
size_t sl_utf8_decode(const char *s, size_t n, uint32_t *cp);

/* Returns the length in bytes of the longest well-formed prefix of s. */
size_t sl_utf8_valid_prefix(const char *s, size_t n);

/* True when s[0..n) is the beginning of a well-formed character that lacks its last bytes, so that more may come. */
bool sl_utf8_is_partial(const char *s, size_t n);

/* Returns the length of the longest prefix of s that has at most max bytes and cuts no well-formed character: for
 * messages, that show text from a file but must stay short. */
int sl_utf8_cut(const char *s, size_t n, int max);

/* True for the code points with the White_Space property (Unicode PropList.txt). */
bool sl_utf8_is_space(uint32_t cp);

#endif
