/*
 * cmd_logits.c: `seedling logits`: what the model computes for a prompt, for comparing with other implementations.
 */
#include "base/file.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/model_arg.h"
#include "infer/prompt.h"
#include "model/gguf_pair.h"
#include "model/origin.h"
#include "model/safetensors.h"
#include "tensor/cpu/cpu.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct logits_options {
    const char *model, *mmproj, *prompt, *tokens, *out, *dump, *type;
    struct sl_cli_list pictures;
    int64_t threads, seed;
};

/* Where observed values go: one file each under dump; `vision` is kept for the main output. */
struct dumper {
    const char *dir;
    const sl_ops *ops;
    const sl_tensor *vision;
    float *vision_f32; /* owned */
    sl_status status;
    sl_error error;
};

/* Returns t's elements as f32, owned, or NULL without memory. */
static float *f32_copy(const sl_ops *ops, const sl_tensor *t)
{
    float *copy = malloc(sl_tensor_bytes(t) / sl_dtype_size(t->dtype) * sizeof *copy + 1);
    if (copy) ops->scale(ops, sl_tensor_numel(t), 1.0f, t->data, t->dtype, copy, SL_F32);
    return copy;
}

struct named_values {
    const char *name;
    sl_dtype dtype;
    int n_dims;
    int64_t shape[2];
    const void *data;
};

static sl_status write_values(const char *path, const struct named_values *v, int n, sl_error *err)
{
    sl_safetensors_writer *w = NULL;
    sl_status s = sl_safetensors_writer_new(&w, err);
    for (int i = 0; i < n && s == SL_OK; i++)
        s = sl_safetensors_writer_declare(w, v[i].name, v[i].dtype, v[i].n_dims, v[i].shape, err);
    if (s == SL_OK) s = sl_safetensors_writer_begin_file(w, path, err);
    if (s != SL_OK) {
        sl_safetensors_writer_abort(&w);
        return s;
    }
    for (int i = 0; i < n; i++) {
        size_t numel = (size_t)v[i].shape[0] * (size_t)(v[i].n_dims == 2 ? v[i].shape[1] : 1);
        sl_safetensors_writer_add(w, v[i].name, v[i].data, numel * sl_dtype_size(v[i].dtype));
    }
    return sl_safetensors_writer_commit(&w, err);
}

static void observe(void *arg, const char *name, const sl_tensor *t)
{
    struct dumper *d = arg;
    bool vision = strcmp(name, "adapter") == 0;
    if (d->status != SL_OK || (!d->dir && !vision)) return;
    float *values = f32_copy(d->ops, t);
    if (!values) {
        d->status = sl_fail(&d->error, SL_ERR_MEMORY, "out of memory for %s", name);
        return;
    }
    if (d->dir) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.safetensors", d->dir, name);
        struct named_values v = {name, SL_F32, 2, {sl_tensor_rows(t), sl_tensor_cols(t)}, values};
        d->status = write_values(path, &v, 1, &d->error);
    }
    if (vision) {
        d->vision = t;
        d->vision_f32 = values;
    } else {
        free(values);
    }
}

/* Reads "1,2,3". */
static sl_status parse_tokens(const char *text, struct sl_token_ids *out, sl_error *err)
{
    for (const char *p = text; *p;) {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || (*end && *end != ',') || v < 0 || v > INT32_MAX)
            return sl_fail(err, SL_ERR_ARGUMENT, "--tokens: '%.20s' is not a list of token ids like 1,2,3", p);
        if (!sl_token_ids_add(out, (int32_t)v)) return sl_fail(err, SL_ERR_MEMORY, "--tokens: too many tokens");
        p = *end ? end + 1 : end;
    }
    return SL_OK;
}

static sl_status read_tokens(const struct logits_options *o, struct sl_token_ids *out, sl_error *err)
{
    if (o->tokens) return parse_tokens(o->tokens, out, err);
    struct sl_tokenizer *t = NULL;
    sl_status s = sl_origin_tokenizer(o->model, &t, err);
    if (s == SL_OK) s = sl_tokenizer_encode(t, o->prompt, strlen(o->prompt), SL_ENCODE_EVERYTHING, out, err);
    sl_tokenizer_free(&t);
    return s;
}

static sl_status build_prompt(const struct logits_options *o, sl_prompt *p, sl_error *err)
{
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT((size_t)1 << 20);
    sl_status s = SL_OK;
    for (int i = 0; i < o->pictures.n && s == SL_OK; i++) s = sl_prompt_add_picture(p, o->pictures.items[i], err);
    if (s == SL_OK) s = read_tokens(o, &ids, err);
    if (s == SL_OK) s = sl_prompt_set_tokens(p, ids.data, ids.len, err);
    if (s == SL_OK && p->tokens.len == 0) s = sl_fail(err, SL_ERR_ARGUMENT, "the prompt is empty");
    sl_token_ids_release(&ids);
    return s;
}

static sl_status compute(const struct logits_options *o, sl_model *m, const sl_prompt *p, sl_error *err)
{
    static const size_t WORK_CEILING = (size_t)1 << 40;
    struct dumper d = {.dir = o->dump, .ops = m->plan.ops};
    sl_batch *batch = NULL;
    sl_workspace work = {0};
    sl_status s = o->dump ? sl_dir_make(o->dump, err) : SL_OK;
    if (s == SL_OK) s = sl_prompt_batch(p, &batch, err);
    if (s == SL_OK) s = sl_workspace_init(&work, m->plan.ops, m->plan.dt, WORK_CEILING, err);
    if (s != SL_OK) goto out;
    work.ctx.observe = observe;
    work.ctx.observe_arg = &d;
    sl_tensor *logits = sl_model_logits(&work.ctx, m, sl_model_forward(&work.ctx, m, batch, NULL, NULL));
    s = sl_ctx_status(&work.ctx, err);
    if (s == SL_OK && d.status != SL_OK) *err = d.error, s = d.status;
    if (s != SL_OK) goto out;
    struct named_values v[3] = {
        {"logits", SL_F32, 2, {sl_tensor_rows(logits), sl_tensor_cols(logits)}, logits->data},
        {"tokens", SL_I32, 1, {batch->n_tokens, 1}, batch->tokens},
    };
    if (d.vision)
        v[2] = (struct named_values){"vision", SL_F32, 2, {d.vision->shape[0], d.vision->shape[1]}, d.vision_f32};
    s = write_values(o->out, v, d.vision ? 3 : 2, err);
    if (s == SL_OK)
        printf("%s: logits %lld x %lld, %lld picture features\n", o->out, (long long)logits->shape[0],
               (long long)logits->shape[1], (long long)(batch->n_patches / 4));
out:
    free(d.vision_f32);
    sl_workspace_free(&work);
    sl_batch_free(batch);
    return s;
}

static int run(const struct logits_options *o)
{
    sl_error err = {0};
    sl_ops *ops = NULL;
    sl_model *m = NULL;
    sl_prompt prompt = {0};
    sl_status s = sl_cpu_ops_default((int)o->threads, &ops, &err);
    sl_weight_plan plan = {.ops = ops, .dt = sl_cli_dtype(o->type)};
    if (plan.dt == SL_BF16 && sl_gguf_is_model(o->model)) plan.blocks = o->model;
    sl_config config;
    if (s == SL_OK) s = sl_cli_model_config(o->model, &config, &err);
    if (s == SL_OK) {
        sl_prompt_init(&prompt, &config, ops->n_threads);
        s = build_prompt(o, &prompt, &err);
    }
    if (s == SL_OK) s = sl_cli_model_open(o->model, &plan, (uint64_t)o->seed, &m, &err);
    if (s == SL_OK) s = compute(o, m, &prompt, &err);
    sl_prompt_release(&prompt);
    sl_model_free(m);
    sl_cpu_ops_free(ops);
    return s == SL_OK ? SL_EXIT_OK : sl_cli_failed("logits", "%s", err.message);
}

int sl_cmd_logits(int argc, char **argv)
{
    struct logits_options o = {.type = "f32"};
    const struct sl_cli_option options[] = {
        {.name = "image",
         .short_name = 'i',
         .arg = "PICTURE",
         .help = "a picture (PNG, JPEG, WebP, GIF, BMP); may be given several times",
         .list = &o.pictures},
        {.name = "mmproj",
         .arg = "FILE",
         .help = "of a MODEL.gguf without a vision tower: the file that has it",
         .string = &o.mmproj},
        {.name = "prompt",
         .arg = "TEXT",
         .help = "text, special tokens included; needs a model with a tokenizer",
         .string = &o.prompt},
        {.name = "tokens", .arg = "1,2,3", .help = "token ids instead of text", .string = &o.tokens},
        {.name = "out",
         .arg = "F.safetensors",
         .help = "where logits, vision features and token ids go",
         .string = &o.out},
        {.name = "dump", .arg = "DIR", .help = "also writes every block's output, one file each", .string = &o.dump},
        {.name = "type",
         .arg = "TYPE",
         .help = "type of weights and activations",
         .choices = "f32|bf16",
         .string = &o.type},
        {.name = "seed",
         .arg = "N",
         .help = "of the initial weights when MODEL is a configuration's name",
         .integer = &o.seed},
    };
    const struct sl_cli_spec spec = {
        .name = "logits",
        .args = "[MODEL]",
        .about =
            "Writes what the model computes for a prompt: every position's logits (`logits`: tokens x vocabulary,\n"
            "f32), the picture features after the adapter (`vision`) and the token ids (`tokens`). Each\n"
            "<|image_patch|> in the prompt stands for the next picture; without any, pictures come first.\n"
            "docs/MODEL.md, section 10, names what --dump writes. MODEL defaults to the model that ships.",
        .example = "seedling logits nano --tokens 1,2,3 --out logits.safetensors\n"
                   "seedling logits DIR -i cat.jpg --prompt 'What is this?' --out logits.safetensors --dump blocks",
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.threads,
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (!o.prompt == !o.tokens) return sl_cli_usage("logits", "give either --prompt or --tokens");
    if (!o.out) return sl_cli_usage("logits", "--out is missing");
    sl_error err = {0};
    char first[SL_CLI_PATH], model[2 * SL_CLI_PATH];
    if (sl_cli_model_dir(args.n ? args.items[0] : NULL, first, &err) ||
        sl_gguf_pair_name(first, o.mmproj, model, sizeof model, &err))
        return sl_cli_failed("logits", "%s", err.message);
    o.model = model;
    return run(&o);
}
