/*
 * model_arg.c: what MODEL on a command line means.
 */
#include "cli/model_arg.h"

#include "base/file.h"
#include "model/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char SHIPPED[] = "models/seedling-nano";

/* Writes the folder of this program, "." when the system does not say. */
static void program_folder(char out[SL_CLI_PATH])
{
    ssize_t n = readlink("/proc/self/exe", out, SL_CLI_PATH - 1);
    if (n <= 0) n = snprintf(out, SL_CLI_PATH, "./x");
    out[n] = '\0';
    *strrchr(out, '/') = '\0';
}

/* Writes FROM UP models/seedling-nano; false when no whole model lies there. */
static bool look(const char *from, const char *up, char out[SL_CLI_PATH])
{
    static const char *const needed[] = {"config.json", "model.safetensors"};
    char path[SL_CLI_PATH + 32];
    if (snprintf(out, SL_CLI_PATH, "%s%s%s", from, up, SHIPPED) >= SL_CLI_PATH) return false;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", out, needed[i]);
        if (!sl_file_exists(path)) return false;
    }
    return true;
}

sl_status sl_cli_model_dir(const char *given, char out[SL_CLI_PATH], sl_error *err)
{
    static const char *const ups[] = {"/", "/../", "/../../", "/../share/seedling/"};
    const char *named = getenv("SEEDLING_MODEL");
    char folder[SL_CLI_PATH];
    if (!given && named && *named) {
        if (!sl_origin_exists(named))
            return sl_fail(err, SL_ERR_IO, "$SEEDLING_MODEL: %s is neither a model's folder nor a GGUF file", named);
        given = named;
    }
    if (given) {
        if (snprintf(out, SL_CLI_PATH, "%s", given) < SL_CLI_PATH) return SL_OK;
        return sl_fail(err, SL_ERR_ARGUMENT, "the model's path is longer than %d bytes", SL_CLI_PATH - 1);
    }
    if (look("", "", out)) return SL_OK;
    program_folder(folder);
    for (size_t i = 0; i < sizeof ups / sizeof *ups; i++)
        if (look(folder, ups[i], out)) return SL_OK;
    return sl_fail(
        err, SL_ERR_ARGUMENT,
        "no MODEL is given, and there is no %s here, beside %s/seedling or installed: name a model's folder, "
        "or set SEEDLING_MODEL to it",
        SHIPPED, folder);
}

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
