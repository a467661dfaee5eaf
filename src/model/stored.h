/*
 * stored.h: a tensor as a checkpoint file holds it, whatever the file's format.
 */
#ifndef SL_MODEL_STORED_H
#define SL_MODEL_STORED_H

#include "tensor/tensor.h"

#include <stddef.h>
#include <stdint.h>

enum { SL_FILE_DIMS = 5 }; /* kernels of convolutions over time, rows and columns have as many */

/* One tensor of an open checkpoint. Everything is borrowed from it. */
struct sl_stored_tensor {
    const char *name;
    const char *file;            /* path of the file that holds it, for messages */
    const char *dtype_name;      /* as in the file */
    sl_dtype dtype;              /* SL_N_DTYPES for a known type that this program has no use for (F64, BOOL, ...) */
    int n_dims;                  /* 1..5; a scalar is read as shape (1) */
    int64_t shape[SL_FILE_DIMS]; /* slowest first; unused entries are 1; a dimension may be 0 */
    const unsigned char *data;   /* row-major, little-endian; the format may promise no alignment: use memcpy */
    size_t bytes;
};

/* True for a type that sl_stored_read_f32 takes: F32, BF16, F16 and the block types. */
bool sl_stored_is_float(const struct sl_stored_tensor *t);

/*
 * Copies elements first .. first + n - 1 of t, whatever their alignment, into out as f32, exactly. The caller has
 * checked the type and the range; of a block type, first and n are multiples of the block.
 */
void sl_stored_read_f32(const struct sl_stored_tensor *t, int64_t first, int64_t n, float *out);

#endif
