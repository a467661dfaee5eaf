/*
 * model_arg.h: the MODEL argument of commands: a checkpoint folder, or the name of a configuration.
 */
#ifndef SL_CLI_MODEL_ARG_H
#define SL_CLI_MODEL_ARG_H

#include "model/model.h"

/* Reads the config of MODEL: DIR/config.json when such a folder exists, else the configuration of that name. */
sl_status sl_cli_model_config(const char *model, sl_config *out, sl_error *err);

/* Opens a checkpoint folder, or makes a named configuration with initial weights from seed. */
sl_status sl_cli_model_open(const char *model, const sl_weight_plan *plan, uint64_t seed, sl_model **out,
                            sl_error *err);

/* SL_F32 for "f32", SL_BF16 for "bf16". */
sl_dtype sl_cli_dtype(const char *name);

#endif
