/*
 * byte_level.c: bytes to visible characters and back, computed rather than tabled.
 */
#include "text/byte_level.h"

#include "text/utf8.h"

#include <stdint.h>

/* Bytes 0-32 become U+0100.., 127-160 follow them at U+0121.., 173 is the last at U+0143. */
static unsigned spelled(unsigned char b)
{
    if (b <= 32) return 0x100u + b;
    if (b >= 127 && b <= 160) return 0x121u + (b - 127u);
    return b == 173 ? 0x143u : b;
}

static int unspelled(uint32_t cp)
{
    if (cp >= 0x100 && cp <= 0x120) return (int)(cp - 0x100);
    if (cp >= 0x121 && cp <= 0x142) return (int)(cp - 0x121) + 127;
    if (cp == 0x143) return 173;
    return cp < 0x100 && spelled((unsigned char)cp) == cp ? (int)cp : -1;
}

void sl_byte_level_spell(const char *bytes, size_t n, struct sl_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned cp = spelled((unsigned char)bytes[i]);
        if (cp < 0x80) {
            sl_buf_addch(out, (char)cp);
        } else {
            sl_buf_addch(out, (char)(0xC0 | (cp >> 6)));
            sl_buf_addch(out, (char)(0x80 | (cp & 0x3F)));
        }
    }
}

bool sl_byte_level_unspell(const char *spelling, size_t n, struct sl_buf *out)
{
    size_t before = out->len;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = sl_utf8_decode(spelling + i, n - i, &cp);
        int byte = len ? unspelled(cp) : -1;
        if (byte < 0) {
            out->len = before;
            return false;
        }
        sl_buf_addch(out, (char)byte);
        i += len;
    }
    return true;
}
