/*
 * gif.c: GIF files through giflib: the first frame on its screen. What it leaves open or transparent is white.
 */
#include "media/codecs.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const struct sl_coded *file;
    size_t at;
};

static int read_bytes(GifFileType *gif, GifByteType *out, int n)
{
    struct reader *r = gif->UserData;
    size_t left = r->file->n - r->at, take = n < 0 ? 0 : (size_t)n;
    if (take > left) take = left;
    memcpy(out, r->file->bytes + r->at, take);
    r->at += take;
    return (int)take;
}

static sl_status broken(int code, sl_error *err)
{
    const char *text = GifErrorString(code);
    return sl_fail(err, SL_ERR_FORMAT, "broken GIF file: %s", text ? text : "the data is damaged");
}

/* Reads one extension; writes the transparent colour when it is the one that tells it. */
static int read_extension(GifFileType *gif, int *transparent)
{
    GifByteType *block;
    GraphicsControlBlock control;
    int code;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return GIF_ERROR;
    if (code == GRAPHICS_EXT_FUNC_CODE && block && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        *transparent = control.TransparentColor;
    while (block)
        if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return GIF_ERROR;
    return GIF_OK;
}

/* Moves on to the first frame and reads its header. */
static sl_status find_frame(GifFileType *gif, int *transparent, sl_error *err)
{
    for (;;) {
        GifRecordType type;
        if (DGifGetRecordType(gif, &type) == GIF_ERROR) return broken(gif->Error, err);
        if (type == TERMINATE_RECORD_TYPE) return sl_fail(err, SL_ERR_FORMAT, "broken GIF file: it has no picture");
        int done = type == IMAGE_DESC_RECORD_TYPE ? DGifGetImageDesc(gif) : GIF_OK;
        if (type == EXTENSION_RECORD_TYPE) done = read_extension(gif, transparent);
        if (done == GIF_ERROR) return broken(gif->Error, err);
        if (type == IMAGE_DESC_RECORD_TYPE) return SL_OK;
    }
}

/* Colours n indices; those equal to transparent leave the white that is there. */
static sl_status colour_row(const ColorMapObject *map, int transparent, const uint8_t *indices, size_t n, uint8_t *rgb,
                            sl_error *err)
{
    for (size_t x = 0; x < n; x++) {
        if (indices[x] == transparent) continue;
        if (indices[x] >= map->ColorCount)
            return sl_fail(err, SL_ERR_FORMAT, "broken GIF file: colour %d of %d", indices[x], map->ColorCount);
        const GifColorType *c = &map->Colors[indices[x]];
        rgb[3 * x] = c->Red;
        rgb[3 * x + 1] = c->Green;
        rgb[3 * x + 2] = c->Blue;
    }
    return SL_OK;
}

static sl_status read_rows(GifFileType *gif, const ColorMapObject *map, int transparent, struct sl_picture *p,
                           sl_error *err)
{
    /* Interlaced rows come in four passes (GIF89a, appendix E). */
    static const struct {
        int first, step;
    } passes[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}, {0, 1}};
    const GifImageDesc *frame = &gif->Image;
    uint8_t *indices = malloc((size_t)frame->Width);
    if (!indices) return sl_fail(err, SL_ERR_MEMORY, "no memory to decode a GIF file");
    sl_status status = SL_OK;
    for (int pass = frame->Interlace ? 0 : 4; !status && pass < (frame->Interlace ? 4 : 5); pass++)
        for (int y = passes[pass].first; !status && y < frame->Height; y += passes[pass].step) {
            size_t at = (size_t)(frame->Top + y) * (size_t)p->width + (size_t)frame->Left;
            if (DGifGetLine(gif, indices, frame->Width) == GIF_ERROR)
                status = broken(gif->Error, err);
            else
                status = colour_row(map, transparent, indices, (size_t)frame->Width, p->rgb + at * 3, err);
        }
    free(indices);
    return status;
}

static sl_status decode_first(GifFileType *gif, const struct sl_coded *file, struct sl_picture *p, sl_error *err)
{
    int transparent = NO_TRANSPARENT_COLOR;
    sl_status status = find_frame(gif, &transparent, err);
    if (status) return status;
    const GifImageDesc *frame = &gif->Image;
    const ColorMapObject *map = frame->ColorMap ? frame->ColorMap : gif->SColorMap;
    if (!map) return sl_fail(err, SL_ERR_FORMAT, "broken GIF file: it has no colours");
    if (frame->Left < 0 || frame->Top < 0 || frame->Width < 1 || frame->Height < 1)
        return sl_fail(err, SL_ERR_FORMAT, "broken GIF file: a frame of %dx%d pixels", frame->Width, frame->Height);
    /* Some writers give a screen that is too small, or none; the frame is what they meant to show. */
    int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
    status = sl_picture_new(p, right > gif->SWidth ? right : gif->SWidth, bottom > gif->SHeight ? bottom : gif->SHeight,
                            file->max_pixels, err);
    if (status) return status;
    memset(p->rgb, 255, (size_t)p->width * (size_t)p->height * 3);
    return read_rows(gif, map, transparent, p, err);
}

sl_status sl_gif_decode(const struct sl_coded *file, struct sl_picture *p, int *orientation, sl_error *err)
{
    struct reader r = {.file = file};
    int code = 0;
    *orientation = 1;
    GifFileType *gif = DGifOpen(&r, read_bytes, &code);
    if (!gif) return broken(code, err);
    sl_status status = decode_first(gif, file, p, err);
    DGifCloseFile(gif, &code);
    return status;
}
