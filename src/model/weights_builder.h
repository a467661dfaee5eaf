/*
 * weights_builder.h: adding rows to a weight table; between weights.c and weights_pretrain.c only.
 */
#ifndef SL_MODEL_WEIGHTS_BUILDER_H
#define SL_MODEL_WEIGHTS_BUILDER_H

#include "model/weights.h"

/* What is common to the rows being added. */
struct sl_weight_builder {
    sl_weights *w; /* its rows have room */
    sl_module module;
    int layer;
    char prefix[96];
};

/* Says where the next rows belong; fmt is the start of their names, printf-style. */
void sl_build_at(struct sl_weight_builder *b, sl_module module, int layer, const char *fmt, ...) SL_PRINTF(4, 5);

/* Adds a row of (n, k), or of groups of it (groups 0: no such dimension); returns its weight, borrowed. */
sl_weight *sl_build_row(struct sl_weight_builder *b, const char *name, sl_role role, sl_init init, int64_t groups,
                        int64_t n, int64_t k);
/* Adds a vector (n). */
sl_weight *sl_build_vector(struct sl_weight_builder *b, const char *name, int64_t n, sl_init init);
/* Adds a matrix (n, k). */
sl_weight *sl_build_matrix(struct sl_weight_builder *b, const char *name, int64_t n, int64_t k, sl_init init);

/* Adds the rows of one block of a vision transformer. */
void sl_build_vit_block(struct sl_weight_builder *b, struct sl_vit_block *v, const sl_vit_config *c);

/* Adds the rows of layer number `layer` of a decoder. */
void sl_build_decoder_layer(struct sl_weight_builder *b, struct sl_decoder_layer *l, const sl_decoder_config *c,
                            int layer);

/* Adds what c.pretrain asks for; w->pretrain's own arrays are there. */
void sl_build_pretrain(struct sl_weight_builder *b, const sl_config *c);

/* Adds an adapter to each matrix that c.lora names, behind the rows there are; w->loras has room for one a row. */
void sl_build_lora(struct sl_weight_builder *b, const sl_config *c);

#endif
