/*
 * adopt.c: which rows of the weight table stay in the file.
 */
#include "model/adopt.h"

#include "base/mem.h"
#include "model/parts.h"

#include <stdlib.h>

/* Whether the tensor is `rows` rows of the row, in blocks. What is not, the loader reads, or refuses and says why. */
static bool fits(const sl_weight_row *r, const struct sl_stored_tensor *t, int64_t rows)
{
    const int64_t dims[3] = {r->w.groups, rows, r->w.k}, *shape = dims + 3 - r->n_dims;
    if (t->dtype == SL_N_DTYPES || sl_dtype_block(t->dtype) == 1 || t->n_dims != r->n_dims) return false;
    for (int i = 0; i < r->n_dims; i++)
        if (t->shape[i] != shape[i]) return false;
    return true;
}

static void add_part(sl_block_matrix *m, const sl_weight_row *r, const struct sl_stored_tensor *t, int64_t rows)
{
    size_t stride = (size_t)rows * sl_dtype_row_bytes(t->dtype, r->w.k);
    m->parts[m->n_parts++] = (sl_block_part){t->dtype, rows, t->data, stride};
}

/* The row as one tensor of the file. */
static bool adopt_whole(const sl_origin *file, const sl_weight_row *r, sl_block_matrix *m)
{
    size_t at;
    const struct sl_stored_tensor *t = sl_origin_find(file, r->name, &at);
    if (!t || !fits(r, t, r->w.n)) return false;
    add_part(m, r, t, r->w.n);
    return true;
}

/* The row as q, k and v, or gate and up, that the file keeps apart: all of them, each in its own block type. */
static bool adopt_parts(const sl_origin *file, const sl_config *c, const sl_weight_row *r, sl_block_matrix *m)
{
    struct sl_row_way way;
    char name[192];
    for (int i = 0; sl_row_way(r, c, i, &way); i++) {
        if (way.by_expert) continue;
        for (m->n_parts = 0; m->n_parts < way.n;) {
            size_t at;
            int64_t rows = sl_row_part_rows(r, c, &way, m->n_parts);
            sl_row_part_name(r, &way, m->n_parts, 0, name, sizeof name);
            const struct sl_stored_tensor *t = sl_origin_find(file, name, &at);
            if (!t || !fits(r, t, rows)) break;
            add_part(m, r, t, rows);
        }
        if (m->n_parts == way.n) return true;
    }
    m->n_parts = 0;
    return false;
}

static bool may_stay(const sl_weight_row *r)
{
    return r->module == SL_MODULE_DECODER && (r->role == SL_ROLE_MATRIX || r->role == SL_ROLE_EMBEDDING);
}

sl_status sl_adopt(const char *path, const sl_config *c, sl_weights *w, sl_adopted *out, sl_error *err)
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
        sl_block_matrix *m = &out->matrices[i];
        if (!may_stay(r) || !(adopt_whole(file, r, m) || adopt_parts(file, c, r, m))) continue;
        r->w.blocks = m;
        for (int k = 0; k < m->n_parts; k++) out->bytes += m->parts[k].group_stride * (size_t)r->w.groups;
    }
    return SL_OK;
}

void sl_adopted_free(sl_adopted *a)
{
    sl_origin_close(&a->file);
    free(a->matrices);
    *a = (sl_adopted){0};
}
