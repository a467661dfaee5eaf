/*
 * engine_arg.c: opening the engine of a command.
 */
#include "cli/engine_arg.h"

#include "cli/model_arg.h"
#include "model/gguf_pair.h"
#include "model/origin.h"

#include <string.h>

void sl_cli_engine_defaults(struct sl_cli_engine *a)
{
    *a = (struct sl_cli_engine){.type = "bf16"};
}

sl_status sl_cli_engine_open(const struct sl_cli_engine *a, sl_engine **out, sl_error *err)
{
    sl_engine_options o;
    char dir[SL_CLI_PATH], path[2 * SL_CLI_PATH];
    sl_status s = sl_cli_model_dir(a->model, dir, err);
    if (s == SL_OK) s = sl_gguf_pair_name(dir, a->mmproj, path, sizeof path, err);
    if (s != SL_OK) return s;
    if (!sl_origin_exists(dir)) return sl_fail(err, SL_ERR_IO, "%s is neither a model's folder nor a GGUF file", dir);
    sl_engine_defaults(&o);
    o.n_threads = (int)a->threads;
    o.dt = strcmp(a->type, "f32") == 0 ? SL_F32 : SL_BF16;
    o.int8_weights = strcmp(a->type, "int8") == 0;
    o.int8_cache = a->int8_cache;
    o.memory = (size_t)(a->memory_gib * (double)((size_t)1 << 30));
    o.max_context = (int)a->context;
    o.cache_dir = a->cache_dir;
    return sl_engine_open(path, &o, out, err);
}

const char *sl_cli_model_and_text(const struct sl_cli_args *args, const char **model)
{
    *model = args->n > 1 ? args->items[0] : NULL;
    return args->items[args->n - 1];
}
