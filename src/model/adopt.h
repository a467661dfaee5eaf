/*
 * adopt.h: matrices that a model reads where its GGUF file holds them, in their blocks, mapped and never unpacked.
 */
#ifndef SL_MODEL_ADOPT_H
#define SL_MODEL_ADOPT_H

#include "model/origin.h"
#include "model/weights.h"
#include "tensor/blocks.h"

/* What a model has adopted. */
typedef struct sl_adopted {
    sl_origin *file;           /* owned; NULL: nothing */
    sl_block_matrix *matrices; /* owned */
    size_t bytes;              /* of them in the file */
} sl_adopted;

/*
 * Opens the model file at path, and points the blocks of every row of w at its tensor, or the tensors of its parts, in
 * the file, if those have block types: matrices of the decoder and the token table. Comes before memory is given to the
 * rows. c is the model's configuration. A file in another format is left alone. Release with sl_adopted_free.
 */
sl_status sl_adopt(const char *path, const sl_config *c, sl_weights *w, sl_adopted *out, sl_error *err);
void sl_adopted_free(sl_adopted *a);

#endif
