/*
 * engine_arg.c: opening the engine of a command.
 */
#include "cli/engine_arg.h"

#include "base/file.h"
#include "model/origin.h"

#include <string.h>

static const char SHIPPED[] = "models/seedling-nano";

void sl_cli_engine_defaults(struct sl_cli_engine *a)
{
    *a = (struct sl_cli_engine){.type = "bf16"};
}

const char *sl_cli_model_dir(const char *given, sl_error *err)
{
    if (given) return given;
    if (sl_dir_exists(SHIPPED)) return SHIPPED;
    sl_fail(err, SL_ERR_ARGUMENT, "no MODEL is given and %s is not in this folder: name a model's folder first",
            SHIPPED);
    return NULL;
}

sl_status sl_cli_engine_open(const struct sl_cli_engine *a, sl_engine **out, sl_error *err)
{
    sl_engine_options o;
    const char *dir = sl_cli_model_dir(a->model, err);
    if (!dir) return SL_ERR_ARGUMENT;
    if (!sl_origin_exists(dir)) return sl_fail(err, SL_ERR_IO, "%s is neither a model's folder nor a GGUF file", dir);
    sl_engine_defaults(&o);
    o.n_threads = (int)a->threads;
    o.dt = strcmp(a->type, "f32") == 0 ? SL_F32 : SL_BF16;
    o.int8_weights = strcmp(a->type, "int8") == 0;
    o.int8_cache = a->int8_cache;
    o.memory = (size_t)(a->memory_gib * (double)((size_t)1 << 30));
    o.max_context = (int)a->context;
    o.cache_dir = a->cache_dir;
    return sl_engine_open(dir, &o, out, err);
}

const char *sl_cli_model_and_text(const struct sl_cli_args *args, const char **model)
{
    *model = args->n > 1 ? args->items[0] : NULL;
    return args->items[args->n - 1];
}
