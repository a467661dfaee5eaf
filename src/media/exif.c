/*
 * exif.c: the one EXIF tag that changes what a picture shows.
 */
#include "media/codecs.h"

#include <stdbool.h>
#include <string.h>

struct tiff {
    const uint8_t *bytes;
    size_t n;
    bool big_endian;
};

/* Reads past the end give 0, which leads nowhere. */
static uint32_t read_u16(const struct tiff *t, size_t at)
{
    if (at > t->n || t->n - at < 2) return 0;
    const uint8_t *p = t->bytes + at;
    return t->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t read_u32(const struct tiff *t, size_t at)
{
    uint32_t first = read_u16(t, at), second = read_u16(t, at + 2);
    return t->big_endian ? first << 16 | second : second << 16 | first;
}

int sl_exif_orientation(const uint8_t *bytes, size_t n)
{
    enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };
    struct tiff t = {.bytes = bytes, .n = n};
    if (n < 8) return 1;
    if (memcmp(bytes, "MM\0*", 4) == 0)
        t.big_endian = true;
    else if (memcmp(bytes, "II*\0", 4) != 0)
        return 1;
    size_t directory = read_u32(&t, 4);
    uint32_t n_entries = read_u16(&t, directory);
    for (uint32_t i = 0; i < n_entries; i++) {
        size_t entry = directory + 2 + (size_t)i * ENTRY_SIZE;
        if (read_u16(&t, entry) != TAG_ORIENTATION) continue;
        uint32_t value = read_u16(&t, entry + 8);
        bool sane = read_u16(&t, entry + 2) == TYPE_SHORT && read_u32(&t, entry + 4) == 1 && value >= 1 && value <= 8;
        return sane ? (int)value : 1;
    }
    return 1;
}

int sl_exif_chunk_orientation(const uint8_t *bytes, size_t n)
{
    size_t skip = n > 6 && memcmp(bytes, "Exif\0", 6) == 0 ? 6 : 0;
    return sl_exif_orientation(bytes + skip, n - skip);
}
