/*
 * contact.c: laying pictures out in cells.
 */
#include "media/contact.h"

#include "media/draw.h"
#include "media/resize.h"

#include <string.h>

struct layout {
    int columns, rows;
    int cell, gap, text; /* pixels: side of a cell, white between cells, height of a caption */
};

/* The corner of cell i. */
static int left_of(const struct layout *l, int i)
{
    return l->gap + i % l->columns * (l->cell + l->gap);
}

static int top_of(const struct layout *l, int i)
{
    return l->gap + i / l->columns * (l->cell + 2 * l->text + l->gap);
}

/* The side that one of length `side` gets when `longest` must fit a cell. */
static int fitted(const struct layout *l, int side, int longest)
{
    if (longest <= l->cell) return side;
    int64_t fit = ((int64_t)side * l->cell + longest / 2) / longest;
    return fit < 1 ? 1 : (int)fit;
}

static sl_status place(const struct layout *l, int i, const struct sl_picture *in, struct sl_picture *sheet,
                       sl_error *err)
{
    struct sl_picture small;
    int longest = in->width > in->height ? in->width : in->height;
    sl_status status = sl_picture_resize(in, fitted(l, in->width, longest), fitted(l, in->height, longest),
                                         SL_FILTER_BICUBIC, 1, &small, err);
    if (status) return status;
    int left = left_of(l, i) + (l->cell - small.width) / 2, top = top_of(l, i) + (l->cell - small.height) / 2;
    uint8_t *corner = sheet->rgb + ((size_t)top * (size_t)sheet->width + (size_t)left) * 3;
    for (size_t y = 0; y < (size_t)small.height; y++)
        memcpy(corner + y * (size_t)sheet->width * 3, small.rgb + y * (size_t)small.width * 3, (size_t)small.width * 3);
    sl_picture_free(&small);
    return SL_OK;
}

static sl_status write_captions(const struct layout *l, const struct sl_contact *items, int n, struct sl_picture *sheet,
                                sl_error *err)
{
    struct sl_canvas *canvas;
    sl_status status = sl_canvas_open(&canvas, sheet, err);
    if (status) return status;
    for (int i = 0; i < n; i++) {
        double left = left_of(l, i), top = top_of(l, i) + l->cell + l->text / 4.0;
        const double area[4] = {left, top, left + l->cell, top + 1.5 * l->text};
        if (items[i].caption) sl_canvas_caption(canvas, area, l->text, items[i].caption);
    }
    return sl_canvas_close(&canvas, err);
}

sl_status sl_contact_sheet(const struct sl_contact *items, int n, int columns, int cell, struct sl_picture *out,
                           sl_error *err)
{
    enum { MIN_CELL = 16, MAX_CELL = 4096 };
    *out = (struct sl_picture){0};
    if (n < 1 || columns < 1 || cell < MIN_CELL || cell > MAX_CELL)
        return sl_fail(err, SL_ERR_ARGUMENT, "a sheet of %d pictures in %d columns of %d pixels", n, columns, cell);
    for (int i = 0; i < n; i++)
        if (items[i].picture.width < 1 || items[i].picture.height < 1)
            return sl_fail(err, SL_ERR_ARGUMENT, "picture %d of a sheet is empty", i);
    struct layout l = {.columns = columns < n ? columns : n, .cell = cell, .gap = cell / 16};
    l.rows = 1 + (n - 1) / l.columns;
    l.text = cell / 16 < 10 ? 10 : cell / 16;
    int64_t width = l.gap + (int64_t)l.columns * (cell + l.gap);
    int64_t height = l.gap + (int64_t)l.rows * (cell + 2 * l.text + l.gap);
    if (width > SL_CANVAS_MAX_SIDE || height > SL_CANVAS_MAX_SIDE)
        return sl_fail(err, SL_ERR_MEMORY, "a sheet of %lldx%lld pixels: sides are at most %d", (long long)width,
                       (long long)height, SL_CANVAS_MAX_SIDE);
    sl_status status = sl_picture_new(out, width, height, SL_PICTURE_MAX_PIXELS, err);
    if (status) return status;
    memset(out->rgb, 255, (size_t)(width * height) * 3);
    for (int i = 0; i < n && !status; i++) status = place(&l, i, &items[i].picture, out, err);
    if (!status) status = write_captions(&l, items, n, out, err);
    if (status) sl_picture_free(out);
    return status;
}
