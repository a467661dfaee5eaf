/*
 * engine_arg.h: the engine behind commands that answer: which model, and the options that all of them offer.
 */
#ifndef SL_CLI_ENGINE_ARG_H
#define SL_CLI_ENGINE_ARG_H

#include "cli/cli.h"
#include "infer/engine.h"

/* Set by the options of SL_CLI_ENGINE_OPTIONS. Start with sl_cli_engine_defaults. */
struct sl_cli_engine {
    const char *model;  /* folder or GGUF file, or NULL: the one that ships */
    const char *mmproj; /* the second file of a pair, or NULL */
    const char *type;   /* "bf16", "f32", "int8" */
    const char *cache_dir;
    bool int8_cache;
    int64_t threads, context;
    double memory_gib;
};

/* bf16, everything else as the engine chooses. */
void sl_cli_engine_defaults(struct sl_cli_engine *a);

/* Rows of a table of options; E is a struct sl_cli_engine. */
#define SL_CLI_ENGINE_OPTIONS(E)                                                                                       \
    {.name = "type",                                                                                                   \
     .arg = "TYPE",                                                                                                    \
     .help = "type of weights (int8: of the decoder's matrices)",                                                      \
     .choices = "bf16|f32|int8",                                                                                       \
     .string = &(E).type},                                                                                             \
        {.name = "mmproj",                                                                                             \
         .arg = "FILE",                                                                                                \
         .help = "of a MODEL.gguf without a vision tower: the file that has it",                                       \
         .string = &(E).mmproj},                                                                                       \
        {.name = "int8-cache", .help = "keys and values in int8: half the memory", .flag = &(E).int8_cache},           \
        {.name = "memory",                                                                                             \
         .arg = "GIB",                                                                                                 \
         .help = "memory to use, weights included; 0: at most half of what is free",                                   \
         .max = 1 << 20,                                                                                               \
         .number = &(E).memory_gib},                                                                                   \
        {.name = "context",                                                                                            \
         .arg = "N",                                                                                                   \
         .help = "tokens of one conversation at most; 0: the model's",                                                 \
         .max = 1 << 24,                                                                                               \
         .integer = &(E).context},                                                                                     \
    {                                                                                                                  \
        .name = "cache-dir", .arg = "DIR", .help = "where picture features and read prompts are kept between runs",    \
        .string = &(E).cache_dir                                                                                       \
    }

/* Opens the engine. */
sl_status sl_cli_engine_open(const struct sl_cli_engine *a, sl_engine **out, sl_error *err);

/*
 * Sorts up to two arguments, [MODEL] TEXT: the last is the text, and one before it the model. Returns the text.
 */
const char *sl_cli_model_and_text(const struct sl_cli_args *args, const char **model);

#endif
