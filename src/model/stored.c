/*
 * stored.c: numbers of stored tensors as f32.
 */
#include "model/stored.h"

#include "base/error.h"
#include "tensor/blocks.h"

#include <string.h>

bool sl_stored_is_float(const struct sl_stored_tensor *t)
{
    return t->dtype == SL_F32 || t->dtype == SL_BF16 || t->dtype == SL_F16 ||
           (t->dtype != SL_N_DTYPES && sl_dtype_block(t->dtype) > 1);
}

void sl_stored_read_f32(const struct sl_stored_tensor *t, int64_t first, int64_t n, float *out)
{
    SL_CHECK(sl_stored_is_float(t) && first >= 0 && n >= 0);
    size_t from = sl_dtype_row_bytes(t->dtype, first), bytes = sl_dtype_row_bytes(t->dtype, n);
    SL_CHECK(from <= t->bytes && bytes <= t->bytes - from);
    const unsigned char *p = t->data + from;
    if (sl_dtype_block(t->dtype) > 1) {
        sl_blocks_decode(t->dtype, p, n, out);
        return;
    }
    if (t->dtype == SL_F32) {
        if (n) memcpy(out, p, bytes);
        return;
    }
    for (int64_t i = 0; i < n; i++, p += 2) {
        uint16_t bits;
        memcpy(&bits, p, sizeof bits);
        out[i] = t->dtype == SL_BF16 ? sl_bf16_to_f32(bits) : sl_f16_to_f32(bits);
    }
}
