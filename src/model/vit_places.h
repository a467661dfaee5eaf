/*
 * vit_places.h: where patches stand: tables of positions brought to a grid, and windows; between the files of the ViT.
 */
#ifndef SL_MODEL_VIT_PLACES_H
#define SL_MODEL_VIT_PLACES_H

#include "model/batch.h"
#include "tensor/fn.h"

/* Patches in the order in which windows follow each other. Lives in the context's arenas. */
struct sl_windows {
    int32_t *order;     /* (n_patches): place among b's patches of the i-th in the new order */
    int32_t *restore;   /* (n_patches): the reverse */
    int32_t *positions; /* (n_patches, 2): b's, in the new order */
    int32_t *cu;        /* (n + 1): where windows start */
    int n;
};

/*
 * Cuts each picture's cells of 2x2 patches into windows of side x side cells from the upper left corner on; those at
 * the right and lower edges may be smaller. Cells stay whole and in raster order within their window. NULL once the
 * context has failed.
 */
struct sl_windows *sl_windows_make(sl_ctx *ctx, const sl_batch *b, int side);

/*
 * What of a table of side x side positions each patch of b takes, so that the table is stretched over each picture's
 * grid (docs/MODEL.md, section 14). False once the context has failed.
 */
bool sl_table_taps(sl_ctx *ctx, const sl_batch *b, int side, sl_table_filter filter, sl_taps *out);

#endif
