/*
 * utf8.c: walking bytes that should be UTF-8. Character decoding itself is utf8proc's.
 */
#include "text/utf8.h"

#include <string.h>
#include <utf8proc.h>

size_t sl_utf8_decode(const char *s, size_t n, uint32_t *cp)
{
    if (n == 0) return 0;
    unsigned char first = (unsigned char)s[0];
    if (first < 0x80) {
        *cp = first;
        return 1;
    }
    utf8proc_int32_t c;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)s, n < 4 ? (utf8proc_ssize_t)n : 4, &c);
    if (len <= 0) return 0;
    *cp = (uint32_t)c;
    return (size_t)len;
}

size_t sl_utf8_valid_prefix(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        while (i + sizeof word <= n && (memcpy(&word, s + i, sizeof word), (word & 0x8080808080808080u) == 0))
            i += sizeof word;
        uint32_t cp;
        size_t len = sl_utf8_decode(s + i, n - i, &cp);
        if (len == 0) break;
        i += len;
    }
    return i;
}

bool sl_utf8_is_partial(const char *s, size_t n)
{
    if (n == 0 || n > 3) return false;
    unsigned char b0 = (unsigned char)s[0], b1 = n > 1 ? (unsigned char)s[1] : 0, b2 = n > 2 ? (unsigned char)s[2] : 0;
    size_t want = b0 >= 0xC2 && b0 <= 0xDF ? 2 : (b0 & 0xF0) == 0xE0 ? 3 : b0 >= 0xF0 && b0 <= 0xF4 ? 4 : 0;
    if (n >= want) return false;
    if (n > 1) {
        unsigned lo = b0 == 0xE0 ? 0xA0 : b0 == 0xF0 ? 0x90 : 0x80;
        unsigned hi = b0 == 0xED ? 0x9F : b0 == 0xF4 ? 0x8F : 0xBF;
        if (b1 < lo || b1 > hi) return false;
    }
    return n < 3 || (b2 & 0xC0) == 0x80;
}

int sl_utf8_cut(const char *s, size_t n, int max)
{
    if (n <= (size_t)max) return (int)n;
    int cut = max;
    while (cut > 0 && cut > max - 4 && ((unsigned char)s[cut] & 0xC0) == 0x80) cut--;
    return cut;
}

bool sl_utf8_is_space(uint32_t cp)
{
    return (cp >= 0x09 && cp <= 0x0D) || cp == 0x20 || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F ||
           cp == 0x3000;
}
