/*
 * model_arg.c: what MODEL on a command line means.
 */
#include "cli/model_arg.h"

#include "model/origin.h"

#include <stdio.h>
#include <string.h>

sl_status sl_cli_model_config(const char *model, sl_config *out, sl_error *err)
{
    if (sl_origin_exists(model)) return sl_config_load(model, out, err);
    sl_error ignored;
    if (sl_config_named(model, out, &ignored) == SL_OK) return SL_OK;
    char names[128] = "";
    for (int i = 0; sl_config_name_at(i); i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", sl_config_name_at(i));
    }
    return sl_fail(err, SL_ERR_ARGUMENT, "%s is neither a folder nor a configuration (%s)", model, names);
}

sl_status sl_cli_model_open(const char *model, const sl_weight_plan *plan, uint64_t seed, sl_model **out, sl_error *err)
{
    if (sl_origin_exists(model)) return sl_model_open(model, plan, out, err);
    sl_config config;
    sl_status s = sl_cli_model_config(model, &config, err);
    if (s == SL_OK) s = sl_model_new(&config, plan, false, out, err);
    if (s != SL_OK) return s;
    s = sl_model_init(*out, seed, err);
    if (s != SL_OK) sl_model_free(*out);
    return s;
}

sl_dtype sl_cli_dtype(const char *name)
{
    return strcmp(name, "f32") == 0 ? SL_F32 : SL_BF16;
}
