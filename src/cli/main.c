/*
 * main.c: the program: its table of subcommands, and --version.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "tensor/cpu/cpu.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_version(int argc, char **argv);

static const struct sl_cli_command commands[] = {
    {"ask", "answer a question about pictures or a video", sl_cmd_ask},
    {"bench", "speed on this machine, as rates and as fractions of measured limits", sl_cmd_bench},
    {"chat", "a conversation in the terminal, with pictures", sl_cmd_chat},
    {"convert", "a model between safetensors folders and GGUF files, quantised if asked", sl_cmd_convert},
    {"data", "look at training data and count it", sl_cmd_data},
    {"embed", "vectors of pictures, videos and texts", sl_cmd_embed},
    {"eval", "how many questions of a dataset a model answers right", sl_cmd_eval},
    {"info", "parameters, memory and FLOPs of a model or configuration", sl_cmd_info},
    {"locate", "when in a video something is seen", sl_cmd_locate},
    {"logits", "write what the model computes, to compare with other implementations", sl_cmd_logits},
    {"serve", "an OpenAI-compatible server and a web page", sl_cmd_serve},
    {"tokenizer", "train a tokenizer, encode and decode text", sl_cmd_tokenizer},
    {"plot", "loss and metric curves of runs", sl_cmd_plot},
    {"train", "train a stage, or all of them, by a recipe", sl_cmd_train},
    {"version", "version, the kernels chosen for this processor, and why", print_version},
};

static const struct sl_cli_menu menu = {
    .name = "seedling",
    .about = "The Seed1.5-VL vision-language model as one program.",
    .example = "seedling info seed1.5-vl",
    .commands = commands,
    .n_commands = SL_CLI_COUNT(commands),
};

/* Says which kernels run and, when they are not the fastest ones, why: the first thing to ask of a slow run. */
static int print_version(int argc, char **argv)
{
    struct sl_cli_args args;
    const struct sl_cli_spec spec = {
        .name = "version",
        .about =
            "Prints the version, the kernels chosen for this processor and the number of threads. The environment\n"
            "variable SEEDLING_CPU (ref, avx2, avx512, amx) forces the kernels.",
    };
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;

    sl_error err = {0};
    sl_ops *ops = NULL;
    if (sl_cpu_ops_default(0, &ops, &err) != SL_OK) return sl_cli_failed("version", "%s", err.message);
    printf("seedling %s (%s, %d thread%s)\n", sl_version(), ops->name, ops->n_threads, ops->n_threads == 1 ? "" : "s");
    if (strcmp(ops->name, sl_cpu_level_name(SL_CPU_AMX)) != 0) {
        sl_cpu_features features;
        sl_cpu_detect(&features);
        if (strcmp(ops->name, sl_cpu_level_name(SL_CPU_AVX512)) == 0 && features.avx512_bf16)
            printf("bf16 products by %s, which is faster here\n", features.bf16_dots ? "vdpbf16ps" : "f32 FMA");
        const char *forced = getenv("SEEDLING_CPU");
        if (features.reason[0])
            printf("amx is not used: %s\n", features.reason);
        else if (forced)
            printf("amx is not used: SEEDLING_CPU=%s\n", forced);
    }
    sl_cpu_ops_free(ops);
    return SL_EXIT_OK;
}

static int run(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "--version") != 0 && strcmp(argv[1], "-V") != 0))
        return sl_cli_dispatch(&menu, argc, argv);
    if (argc > 2) return sl_cli_usage(NULL, "--version takes no argument");
    return print_version(1, argv);
}

/*
 * Pictures come and go by the thousand. By default glibc gives memory of that size back to the system at once and gets
 * it again page by page, zeroed, which takes longer than resizing a picture: let it keep some.
 */
static void keep_freed_memory(void)
{
#ifdef M_TRIM_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

int main(int argc, char **argv)
{
    keep_freed_memory();
    int rc = run(argc, argv);
    /* A full disk or a closed pipe shows only when the buffer goes out; an answer that was not written is a failure. */
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    return written || rc ? rc : sl_cli_failed(NULL, "cannot write to standard output");
}
