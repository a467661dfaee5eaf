/*
 * model_arg.h: the MODEL argument of commands: a checkpoint folder, a GGUF file, or the name of a configuration;
 * without one, the model that ships.
 */
#ifndef SL_CLI_MODEL_ARG_H
#define SL_CLI_MODEL_ARG_H

#include "model/model.h"

enum { SL_CLI_PATH = 4096 }; /* bytes of a path, its end included */

/*
 * Writes the path of the model that a command opens: what was given (may be NULL); else $SEEDLING_MODEL; else the first
 * models/seedling-nano with weights in this folder, above the program's own up to two folders (a source tree), or where
 * `make install` puts it (../share/seedling). Fails with a line that names where it looked.
 */
sl_status sl_cli_model_dir(const char *given, char out[SL_CLI_PATH], sl_error *err);

/* Reads the config of MODEL: DIR/config.json when such a folder exists, else the configuration of that name. */
sl_status sl_cli_model_config(const char *model, sl_config *out, sl_error *err);

/* Opens a checkpoint folder, or makes a named configuration with initial weights from seed. */
sl_status sl_cli_model_open(const char *model, const sl_weight_plan *plan, uint64_t seed, sl_model **out,
                            sl_error *err);

/* SL_F32 for "f32", SL_BF16 for "bf16". */
sl_dtype sl_cli_dtype(const char *name);

#endif
