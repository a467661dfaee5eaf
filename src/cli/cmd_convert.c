/*
 * cmd_convert.c: `seedling convert`: a model between a folder with safetensors and a GGUF file, quantised if asked.
 */
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "model/convert.h"
#include "tensor/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    sl_dtype type;
} types[] = {
    {"f32", SL_F32},   {"f16", SL_F16},   {"bf16", SL_BF16}, {"q8_0", SL_Q8_0},
    {"q4_0", SL_Q4_0}, {"q4_k", SL_Q4_K}, {"q5_k", SL_Q5_K}, {"q6_k", SL_Q6_K},
};

static sl_dtype type_of(const char *name)
{
    sl_dtype type = SL_BF16;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) type = types[i].type;
    return type;
}

static sl_gguf_layout layout_of(const char *name)
{
    static const char *const names[] = {"seedling", "llama.cpp", "ollama"}; /* in the order of sl_gguf_layout */
    for (int i = 0; i < SL_CLI_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return (sl_gguf_layout)i;
    return SL_N_GGUF_LAYOUTS;
}

static void show_progress(void *arg, int done, int all)
{
    struct sl_progress *bar = arg;
    if (done == 0) sl_progress_begin(bar, "converting", "tensors", all);
    sl_progress_to(bar, done);
}

int sl_cmd_convert(int argc, char **argv)
{
    const char *type = "bf16", *layout = "auto", *mmproj = NULL;
    int64_t threads = 0;
    double part_gib = 0;
    const struct sl_cli_option options[] = {
        {.name = "type",
         .arg = "TYPE",
         .help = "of the matrices; all but f32 and bf16 need a GGUF file",
         .choices = "f32|f16|bf16|q8_0|q4_0|q4_k|q5_k|q6_k",
         .string = &type},
        {.name = "layout",
         .arg = "WHOSE",
         .help = "names of a GGUF file; auto: llama.cpp's for Qwen3-VL and Qwen2.5-VL, else seedling",
         .choices = "auto|seedling|llama.cpp|ollama",
         .string = &layout},
        {.name = "mmproj",
         .arg = "FILE",
         .help = "of llama.cpp's layout: where the vision tower goes; else mmproj-OUT",
         .string = &mmproj},
        {.name = "part-size",
         .arg = "GIB",
         .help = "cut a larger model into several files of at most this size",
         .number = &part_gib},
    };
    const struct sl_cli_spec spec = {
        .name = "convert",
        .args = "IN OUT",
        .about =
            "Converts a model. IN is a folder with safetensors or a GGUF file. OUT is a GGUF file when its name ends\n"
            "in .gguf, else a folder. Norms, biases and routers stay f32. With a quantised type the vision tower\n"
            "and the adapter become bf16, and rows that are no whole blocks what is published for them: q4_k becomes\n"
            "q5_0, q5_k q5_1, q6_k q8_0, and rows that 32 does not divide f16. Tokenizer and defaults travel along.\n"
            "llama.cpp's layout is two files: the language model and the vision tower. As IN such a pair is named\n"
            "MODEL.gguf+MMPROJ.gguf, or MODEL.gguf where mmproj-MODEL.gguf or one mmproj*.gguf is beside it.",
        .example = "seedling convert models/seedling-nano nano-q4.gguf --type q4_k\n"
                   "seedling convert nano-q4.gguf nano --type f32",
        .min_args = 2,
        .max_args = 2,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &threads,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (!(part_gib >= 0 && part_gib < 1e6)) return sl_cli_usage("convert", "--part-size %g: a size in GiB", part_gib);
    sl_error err = {0};
    sl_ops *ops = NULL;
    struct sl_progress bar = {0};
    sl_status s = sl_cpu_ops_default((int)threads, &ops, &err);
    sl_convert_options o = {.ops = ops,
                            .type = type_of(type),
                            .layout = layout_of(layout),
                            .mmproj = mmproj,
                            .max_part_bytes = (size_t)(part_gib * (double)((size_t)1 << 30)),
                            .progress = show_progress,
                            .progress_arg = &bar};
    if (s == SL_OK) s = sl_convert(args.items[0], args.items[1], &o, &err);
    sl_progress_end(&bar);
    sl_cpu_ops_free(ops);
    return s == SL_OK ? SL_EXIT_OK : sl_cli_failed("convert", "%s", err.message);
}
