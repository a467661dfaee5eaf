/*
 * adopt.c: which rows of the weight table stay in the file.
 */
#include "model/adopt.h"

#include "base/mem.h"

#include <stdlib.h>

/* Whether the tensor is the row, in blocks. What is not, the loader reads, or refuses and says why. */
static bool fits(const sl_weight_row *r, const struct sl_stored_tensor *t)
{
    const int64_t dims[3] = {r->w.groups, r->w.n, r->w.k}, *shape = dims + 3 - r->n_dims;
    if (t->dtype == SL_N_DTYPES || sl_dtype_block(t->dtype) == 1 || t->n_dims != r->n_dims) return false;
    for (int i = 0; i < r->n_dims; i++)
        if (t->shape[i] != shape[i]) return false;
    return true;
}

static bool may_stay(const sl_weight_row *r)
{
    return r->module == SL_MODULE_DECODER && (r->role == SL_ROLE_MATRIX || r->role == SL_ROLE_EMBEDDING);
}

sl_status sl_adopt(const char *path, sl_weights *w, sl_adopted *out, sl_error *err)
{
    sl_origin *file;
    *out = (sl_adopted){0};
    sl_status s = sl_origin_open(path, &file, err);
    if (s != SL_OK) return s;
    if (!sl_origin_is_gguf(file)) {
        sl_origin_close(&file);
        return SL_OK;
    }
    out->file = file;
    out->matrices = sl_alloc_array((size_t)w->n_rows, sizeof *out->matrices);
    if (!out->matrices) {
        sl_adopted_free(out);
        return sl_fail(err, SL_ERR_MEMORY, "no memory to open %s", path);
    }
    for (int i = 0; i < w->n_rows; i++) {
        sl_weight_row *r = &w->rows[i];
        size_t at;
        const struct sl_stored_tensor *t = may_stay(r) ? sl_origin_find(file, r->name, &at) : NULL;
        if (!t || !fits(r, t)) continue;
        size_t stride = (size_t)r->w.n * sl_dtype_row_bytes(t->dtype, r->w.k);
        out->matrices[i] = (sl_block_matrix){.n_parts = 1, .parts = {{t->dtype, r->w.n, t->data, stride}}};
        r->w.blocks = &out->matrices[i];
        out->bytes += t->bytes;
    }
    return SL_OK;
}

void sl_adopted_free(sl_adopted *a)
{
    sl_origin_close(&a->file);
    free(a->matrices);
    *a = (sl_adopted){0};
}
