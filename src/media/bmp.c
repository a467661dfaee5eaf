/*
 * bmp.c: BMP files: 1, 4, 8, 16, 24 and 32 bits, run lengths (RLE4, RLE8) and bit fields, bottom-up and top-down.
 *
 * The format is a header and rows, so no library stands between. Layouts are those of Microsoft's BITMAPCOREHEADER
 * and BITMAPINFOHEADER (versions 1 to 5).
 */
#include "media/codecs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COPIED = 0, RLE8 = 1, RLE4 = 2, BIT_FIELDS = 3, ALPHA_BIT_FIELDS = 6 };
enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40 };

/* One channel of a 16- or 32-bit pixel: value = (pixel >> shift) & max. */
struct channel {
    unsigned shift;
    uint32_t max; /* 0: not there */
};

struct reader {
    const uint8_t *bytes;
    size_t n;
    size_t header; /* bytes of the second header */
    int64_t width, height;
    bool top_down;
    unsigned bits, method;
    size_t pixels;           /* where they start */
    uint8_t colours[256][3]; /* RGB */
    unsigned n_colours;
    struct channel channels[4]; /* red, green, blue, alpha */
};

static unsigned u16(const uint8_t *p)
{
    return (unsigned)(p[0] | p[1] << 8);
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static sl_status broken(sl_error *err, const char *what)
{
    return sl_fail(err, SL_ERR_FORMAT, "broken BMP file: %s", what);
}

static sl_status read_header(struct reader *r, sl_error *err)
{
    if (r->n < FILE_HEADER + CORE_HEADER) return broken(err, "the file ends too early");
    const uint8_t *h = r->bytes + FILE_HEADER;
    r->pixels = u32(r->bytes + 10);
    r->header = u32(h);
    if (r->header != CORE_HEADER && (r->header < INFO_HEADER || r->header > 124))
        return broken(err, "a header of unknown size");
    if (r->n - FILE_HEADER < r->header) return broken(err, "the file ends too early");
    bool core = r->header == CORE_HEADER;
    r->width = core ? (int32_t)u16(h + 4) : (int32_t)u32(h + 4);
    r->height = core ? (int32_t)u16(h + 6) : (int32_t)u32(h + 8);
    r->bits = u16(h + (core ? 10 : 14));
    r->method = core ? COPIED : u32(h + 16);
    r->n_colours = core ? 0 : u32(h + 32);
    r->top_down = r->height < 0;
    if (r->top_down) r->height = -r->height;
    return SL_OK;
}

/* Refuses pairs of method and depth that mean nothing, or that only printers write. */
static sl_status check_kind(const struct reader *r, sl_error *err)
{
    unsigned b = r->bits;
    bool known = r->method == COPIED && (b == 1 || b == 4 || b == 8 || b == 16 || b == 24 || b == 32);
    known |= (r->method == RLE8 && b == 8) || (r->method == RLE4 && b == 4);
    known |= (r->method == BIT_FIELDS || r->method == ALPHA_BIT_FIELDS) && (b == 16 || b == 32);
    if (!known) return sl_fail(err, SL_ERR_UNSUPPORTED, "a BMP file of %u bits and compression %u", r->bits, r->method);
    if (r->top_down && (r->method == RLE8 || r->method == RLE4)) return broken(err, "run lengths from the top");
    return SL_OK;
}

static bool set_channel(struct channel *c, uint32_t mask)
{
    *c = (struct channel){0};
    if (!mask) return true;
    while (!(mask >> c->shift & 1)) c->shift++;
    c->max = mask >> c->shift;
    return (c->max & (c->max + 1)) == 0; /* one run of ones */
}

/* Reads where the channels lie; n_extra becomes the bytes of masks that stand behind the header. */
static sl_status read_channels(struct reader *r, size_t *n_extra, sl_error *err)
{
    uint32_t masks[4] = {0xff0000, 0xff00, 0xff, 0};
    *n_extra = 0;
    if (r->bits == 16) memcpy(masks, (uint32_t[]){0x7c00, 0x3e0, 0x1f}, 3 * sizeof *masks);
    if (r->method == BIT_FIELDS || r->method == ALPHA_BIT_FIELDS) {
        size_t count = r->method == ALPHA_BIT_FIELDS || r->header >= 56 ? 4 : 3;
        if (r->header < INFO_HEADER + 4 * count) *n_extra = INFO_HEADER + 4 * count - r->header;
        if (r->n - FILE_HEADER < INFO_HEADER + 4 * count) return broken(err, "the file ends too early");
        for (size_t i = 0; i < count; i++) masks[i] = u32(r->bytes + FILE_HEADER + INFO_HEADER + 4 * i);
    }
    for (int i = 0; i < 4; i++)
        if (!set_channel(&r->channels[i], masks[i])) return broken(err, "a colour of scattered bits");
    return SL_OK;
}

static sl_status read_colours(struct reader *r, sl_error *err)
{
    size_t entry = r->header == CORE_HEADER ? 3 : 4, start = FILE_HEADER + r->header;
    unsigned most = 1u << r->bits;
    if (r->n_colours == 0 || r->n_colours > most) r->n_colours = most;
    if (r->n - start < r->n_colours * entry) return broken(err, "the file ends too early");
    for (unsigned i = 0; i < r->n_colours; i++)
        for (unsigned c = 0; c < 3; c++) r->colours[i][c] = r->bytes[start + i * entry + 2 - c];
    return SL_OK;
}

static unsigned scaled(const struct channel *c, uint32_t pixel)
{
    return c->max ? (unsigned)((uint64_t)(pixel >> c->shift & c->max) * 255 / c->max) : 0;
}

/* A row of 16 or 32 bits a pixel. */
static void channel_row(const struct reader *r, const uint8_t *in, uint8_t *out)
{
    for (size_t x = 0; x < (size_t)r->width; x++) {
        uint32_t pixel = r->bits == 16 ? u16(in + 2 * x) : u32(in + 4 * x);
        uint8_t rgba[4] = {0, 0, 0, 255};
        for (int c = 0; c < 4; c++)
            if (c < 3 || r->channels[c].max) rgba[c] = (uint8_t)scaled(&r->channels[c], pixel);
        sl_over_white(rgba, 1, out + 3 * x);
    }
}

static sl_status colour_row(const struct reader *r, const uint8_t *in, uint8_t *out, sl_error *err)
{
    unsigned bits = r->method == COPIED ? r->bits : 8; /* run lengths were spread to bytes */
    for (size_t x = 0; x < (size_t)r->width; x++) {
        size_t at = x * bits;
        unsigned index = in[at / 8] >> (8 - bits - at % 8) & ((1u << bits) - 1);
        if (index >= r->n_colours) return broken(err, "a colour that it does not have");
        memcpy(out + 3 * x, r->colours[index], 3);
    }
    return SL_OK;
}

static sl_status unpack_row(const struct reader *r, const uint8_t *in, uint8_t *out, sl_error *err)
{
    if (r->bits <= 8) return colour_row(r, in, out, err);
    if (r->bits != 24)
        channel_row(r, in, out);
    else
        for (size_t i = 0; i < (size_t)r->width * 3; i += 3) {
            out[i] = in[i + 2];
            out[i + 1] = in[i + 1];
            out[i + 2] = in[i];
        }
    return SL_OK;
}

/* A picture of one byte a pixel in the making, lowest row first; what lies outside is dropped. */
struct canvas {
    uint8_t *indices;
    int64_t width, height, x, y;
};

static void put(struct canvas *c, unsigned index)
{
    if (c->x < c->width && c->y < c->height) c->indices[c->y * c->width + c->x] = (uint8_t)index;
    c->x++;
}

/* Pixel i of bytes that hold one (RLE8) or two (RLE4), the upper half first. */
static unsigned packed(const struct reader *r, const uint8_t *bytes, unsigned i)
{
    if (r->method == RLE8) return bytes[i];
    return bytes[i / 2] >> (i % 2 ? 0 : 4) & 15;
}

/* Pairs of bytes: (count, colour), or 0 and: 0 end of row, 1 end of picture, 2 a jump, otherwise so many pixels. */
static sl_status expand_runs(const struct reader *r, struct canvas *c, sl_error *err)
{
    for (size_t at = r->pixels; at <= r->n && r->n - at >= 2;) {
        unsigned count = r->bytes[at], value = r->bytes[at + 1];
        const uint8_t *data = r->bytes + at + 1;
        at += 2;
        if (count) {
            for (unsigned i = 0; i < count; i++) put(c, packed(r, data, r->method == RLE8 ? 0 : i % 2));
        } else if (value == 0) {
            c->x = 0;
            c->y++;
        } else if (value == 1) {
            return SL_OK;
        } else if (value == 2) {
            if (r->n - at < 2) break;
            c->x += r->bytes[at];
            c->y += r->bytes[at + 1];
            at += 2;
        } else {
            size_t size = r->method == RLE8 ? value : (value + 1) / 2;
            if (r->n - at < size) break;
            for (unsigned i = 0; i < value; i++) put(c, packed(r, data + 1, i));
            at += size + size % 2;
        }
    }
    return broken(err, "the file ends too early");
}

static sl_status unpack_rows(const struct reader *r, const uint8_t *rows, size_t stride, struct sl_picture *p,
                             sl_error *err)
{
    sl_status status = SL_OK;
    for (int y = 0; !status && y < p->height; y++) {
        size_t to = (size_t)(r->top_down ? y : p->height - 1 - y);
        status = unpack_row(r, rows + (size_t)y * stride, p->rgb + to * (size_t)p->width * 3, err);
    }
    return status;
}

static sl_status unpack_runs(const struct reader *r, struct sl_picture *p, sl_error *err)
{
    struct canvas c = {.width = r->width, .height = r->height};
    c.indices = calloc((size_t)r->width, (size_t)r->height);
    if (!c.indices) return sl_fail(err, SL_ERR_MEMORY, "no memory to decode a BMP file");
    sl_status status = expand_runs(r, &c, err);
    if (!status) status = unpack_rows(r, c.indices, (size_t)r->width, p, err);
    free(c.indices);
    return status;
}

sl_status sl_bmp_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err)
{
    struct reader r = {.bytes = file->bytes, .n = file->n};
    size_t n_extra = 0;
    *orientation = 1;
    sl_status status = read_header(&r, err);
    if (!status) status = check_kind(&r, err);
    if (!status) status = r.bits <= 8 ? read_colours(&r, err) : read_channels(&r, &n_extra, err);
    if (status) return status;
    if (r.pixels < FILE_HEADER + r.header + n_extra) return broken(err, "the pixels lie in the header");
    bool runs = r.method == RLE8 || r.method == RLE4;
    status = sl_picture_new(p, r.width, r.height, file->max_pixels, err);
    if (status) return status;
    if (runs) return unpack_runs(&r, p, err);
    size_t stride = ((size_t)r.width * r.bits + 31) / 32 * 4;
    if (r.pixels > r.n || (r.n - r.pixels) / stride < (size_t)r.height) return broken(err, "the file ends too early");
    return unpack_rows(&r, r.bytes + r.pixels, stride, p, err);
}
