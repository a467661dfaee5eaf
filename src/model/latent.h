/*
 * latent.h: attention whose keys and values are made from one small vector a token (MLA); between latent.c and
 * decoder.c.
 */
#ifndef SL_MODEL_LATENT_H
#define SL_MODEL_LATENT_H

#include "model/weights.h"
#include "tensor/fn.h"

/*
 * x (tokens, hidden), normed -> (tokens, n_heads * value_dim), by the layer's q, latent, turned, latent_norm and
 * expand (docs/MODEL.md, section 14). attend is as for grouped-query attention with as many key heads as heads.
 */
sl_tensor *sl_latent_attention(sl_ctx *ctx, sl_tensor *x, const sl_decoder_config *c, const struct sl_decoder_layer *w,
                               const sl_attend *attend);

#endif
