/*
 * base64.c: base64 text, four characters at a time where nothing is in the way.
 */
#include "base/base64.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Values of characters besides the 64: all have a bit over 63, so that one test finds any. */
enum { BAD = 0x80, SPACE = 0x81, PAD = 0x82, CHUNK = 3072 };

static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void fill_table(uint8_t values[256])
{
    memset(values, BAD, 256);
    for (int i = 0; i < 64; i++) values[(unsigned char)alphabet[i]] = (uint8_t)i;
    values['-'] = 62;
    values['_'] = 63;
    values['='] = PAD;
    values[' '] = values['\t'] = values['\r'] = values['\n'] = SPACE;
}

struct decoder {
    uint8_t values[256];
    uint32_t bits; /* the last n_chars characters */
    int n_chars;   /* of a group of four, 0 to 3 */
    int n_pad;     /* '=' seen */
    uint8_t chunk[CHUNK];
    size_t n; /* bytes in chunk */
};

/* Takes whole groups of four plain characters from text while the chunk has room; returns how many characters. */
static size_t decode_groups(struct decoder *d, const unsigned char *text, size_t n)
{
    const uint8_t *v = d->values;
    size_t i = 0;
    for (; n - i >= 4 && CHUNK - d->n >= 3; i += 4) {
        uint32_t a = v[text[i]], b = v[text[i + 1]], c = v[text[i + 2]], e = v[text[i + 3]];
        if ((a | b | c | e) > 63) break;
        uint32_t bits = a << 18 | b << 12 | c << 6 | e;
        d->chunk[d->n] = (uint8_t)(bits >> 16);
        d->chunk[d->n + 1] = (uint8_t)(bits >> 8);
        d->chunk[d->n + 2] = (uint8_t)bits;
        d->n += 3;
    }
    return i;
}

/* Takes one character; false when it has no place here. The chunk has room for three bytes. */
static bool decode_char(struct decoder *d, unsigned char c)
{
    uint8_t v = d->values[c];
    if (v == SPACE) return true;
    if (v == PAD) return ++d->n_pad <= 2 && d->n_chars + d->n_pad >= 3 && d->n_chars + d->n_pad <= 4;
    if (v == BAD || d->n_pad) return false;
    d->bits = d->bits << 6 | v;
    if (++d->n_chars == 4) {
        d->chunk[d->n++] = (uint8_t)(d->bits >> 16);
        d->chunk[d->n++] = (uint8_t)(d->bits >> 8);
        d->chunk[d->n++] = (uint8_t)d->bits;
        d->n_chars = 0;
        d->bits = 0;
    }
    return true;
}

/* Writes the bytes of an incomplete last group; false when there is no such group. */
static bool decode_rest(struct decoder *d)
{
    if (d->n_chars == 0) return d->n_pad == 0;
    if (d->n_chars == 1 || (d->n_pad && d->n_chars + d->n_pad != 4)) return false;
    int spare = d->n_chars == 2 ? 4 : 2; /* bits that stand for nothing */
    if (d->bits & ((1u << spare) - 1)) return false;
    uint32_t bits = d->bits >> spare;
    if (d->n_chars == 3) d->chunk[d->n++] = (uint8_t)(bits >> 8);
    d->chunk[d->n++] = (uint8_t)bits;
    return true;
}

sl_status sl_base64_decode(const char *text, size_t n, struct sl_buf *out, sl_error *err)
{
    struct decoder d = {.n = 0};
    fill_table(d.values);
    size_t before = out->len;
    const unsigned char *s = (const unsigned char *)text;
    bool good = true;
    size_t i = 0;
    while (i < n && good) {
        if (d.n_chars == 0 && d.n_pad == 0) i += decode_groups(&d, s + i, n - i);
        if (i < n && CHUNK - d.n >= 3) {
            good = decode_char(&d, s[i]);
            if (good) i++;
        }
        if (CHUNK - d.n < 3) {
            sl_buf_add(out, d.chunk, d.n);
            d.n = 0;
        }
    }
    good = good && decode_rest(&d);
    sl_buf_add(out, d.chunk, d.n);
    if (good && sl_buf_ok(out)) return SL_OK;
    if (out->data && out->len > before) {
        out->len = before;
        out->data[before] = '\0';
    }
    if (!good) return sl_fail(err, SL_ERR_FORMAT, "bad base64 text at character %zu", i);
    return sl_fail(err, SL_ERR_MEMORY, "base64 text of %zu characters is too long here", n);
}

void sl_base64_encode(const void *bytes, size_t n, struct sl_buf *out)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        if (have > 1) bits |= (uint32_t)p[i + 1] << 8;
        if (have > 2) bits |= p[i + 2];
        char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], '=', '='};
        if (have > 1) four[2] = alphabet[bits >> 6 & 63];
        if (have > 2) four[3] = alphabet[bits & 63];
        sl_buf_add(out, four, 4);
    }
}
