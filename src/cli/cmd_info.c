/*
 * cmd_info.c: `seedling info`: parameters, memory and FLOPs of a model or configuration, without allocating it.
 */
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/info_gguf.h"
#include "cli/model_arg.h"
#include "infer/kv_cache.h"
#include "model/adopt.h"
#include "model/count.h"
#include "model/family.h"
#include "model/gguf_pair.h"
#include "tensor/cpu/cpu.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct info_options {
    const char *type, *picture, *mmproj;
    int64_t threads, seqs, tokens, pictures;
    bool json, recompute;
};

/* Everything that is printed. */
struct info {
    sl_config config;
    const char *kernels; /* level of the processor that would run it */
    int threads;
    sl_param_count params;
    size_t weight_bytes, kv_token_bytes;
    int width, height;
    sl_grid grid;
    sl_forward_cost picture, token; /* one picture alone; one token with an empty cache */
    sl_train_memory train;
};

static const double MEGA = 1e6, GIGA = 1e9, MIB = 1 << 20;

/* "532.0 M" or "20.0 B". */
static const char *count_text(double n, char *out, size_t size)
{
    if (n >= GIGA)
        snprintf(out, size, "%.2f B", n / GIGA);
    else
        snprintf(out, size, "%.2f M", n / MEGA);
    return out;
}

static const char *bytes_text(double n, char *out, size_t size)
{
    if (n >= 1024 * MIB)
        snprintf(out, size, "%.2f GiB", n / (1024 * MIB));
    else if (n >= MIB)
        snprintf(out, size, "%.2f MiB", n / MIB);
    else
        snprintf(out, size, "%.2f KiB", n / 1024);
    return out;
}

static const char *flops_text(double n, char *out, size_t size)
{
    if (n >= 1e12)
        snprintf(out, size, "%.2f TFLOP", n / 1e12);
    else
        snprintf(out, size, "%.3f GFLOP", n / GIGA);
    return out;
}

static void print_parts(const struct info *i)
{
    char a[32], b[32];
    const sl_vit_config *v = &i->config.vit;
    const sl_adapter_config *ad = &i->config.adapter;
    const sl_decoder_config *d = &i->config.decoder;
    const struct sl_family *family = sl_family_of(i->config.family);
    printf("%s%s%s\n\n", i->config.name, family && *i->config.name ? ", " : "", family ? family->name : "");
    printf("parameters      %10s   active for each text token %s\n", count_text((double)i->params.total, a, sizeof a),
           count_text((double)i->params.decoder_active, b, sizeof b));
    printf("  %-13s %10s   %d blocks x %d, %d heads, MLP %d, patch %d\n", family ? "ViT" : "Seed-ViT",
           count_text((double)i->params.vit, a, sizeof a), v->depth, v->hidden, v->n_heads, v->mlp_hidden,
           v->patch_size);
    printf("  adapter       %10s   2x2 %s, %d wide\n", count_text((double)i->params.adapter, a, sizeof a),
           ad->merge == SL_MERGE_CONCAT ? "concatenation" : "average", ad->hidden);
    printf("  decoder       %10s   %d layers x %d, %d/%d heads of %d",
           count_text((double)i->params.decoder_total, a, sizeof a), d->depth, d->hidden, d->n_heads, d->n_kv_heads,
           d->head_dim);
    if (d->n_experts) printf(", top %d of %d experts of %d", d->top_k, d->n_experts, d->expert_hidden);
    if (d->shared_hidden) printf(" + shared %d", d->shared_hidden);
    if (d->n_dense_layers) printf(", first %d dense of %d", d->n_dense_layers, d->mlp_hidden);
    printf("\n  vocabulary    %10d   embedding %s, %s\n", d->vocab,
           count_text((double)i->params.embedding, a, sizeof a),
           d->tie_embeddings ? "tied" : "output projection apart");
    printf("  context       %10d   tokens\n\n", d->max_positions);
}

static void print_costs(const struct info *i, const struct info_options *o)
{
    char a[32], b[32];
    int features = i->grid.rows * i->grid.cols / 4;
    printf("inference in %s (kernels here: %s, %d threads)\n", o->type, i->kernels, i->threads);
    printf("  weights       %12s\n", bytes_text((double)i->weight_bytes, a, sizeof a));
    printf("  KV cache      %12s   a token; %s for the whole context\n",
           bytes_text((double)i->kv_token_bytes, a, sizeof a),
           bytes_text((double)i->kv_token_bytes * i->config.decoder.max_positions, b, sizeof b));
    printf("  text token    %12s\n", flops_text(i->token.decoder_flops + i->token.head_flops, a, sizeof a));
    printf("  picture       %12s   %d x %d: %d patches, %d tokens; work space %s\n\n",
           flops_text(i->picture.vision_flops, a, sizeof a), i->width, i->height, i->grid.rows * i->grid.cols, features,
           bytes_text((double)i->picture.work_bytes, b, sizeof b));
    printf("a training step in %s of %lld x %lld tokens with %lld picture%s each%s\n", o->type, (long long)o->seqs,
           (long long)o->tokens, (long long)o->pictures, o->pictures == 1 ? "" : "s",
           o->recompute ? ", blocks recomputed" : "");
    printf("  weights       %12s   f32 masters and gradients, packed copies\n",
           bytes_text((double)i->train.weights, a, sizeof a));
    printf("  AdamW         %12s\n", bytes_text((double)i->train.moments, a, sizeof a));
    printf("  activations   %12s\n", bytes_text((double)i->train.activations, a, sizeof a));
    double total = (double)(i->train.weights + i->train.moments + i->train.activations + i->train.scratch);
    printf("  all           %12s   %s forward and backward\n", bytes_text(total, a, sizeof a),
           flops_text(3 * i->train.forward_flops, b, sizeof b));
}

static int print_json(const struct info *i)
{
    const sl_param_count *p = &i->params;
    json_t *j = json_pack(
        "{s:s, s:s, s:i, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:{s:f, s:f}, s:{s:I, s:I, s:I, s:I, s:f}}",
        "name", i->config.name, "kernels", i->kernels, "threads", i->threads, "parameters", "total",
        (json_int_t)p->total, "vit", (json_int_t)p->vit, "adapter", (json_int_t)p->adapter, "decoder",
        (json_int_t)p->decoder_total, "active", (json_int_t)p->decoder_active, "embedding", (json_int_t)p->embedding,
        "memory", "weights", (json_int_t)i->weight_bytes, "kv_cache_per_token", (json_int_t)i->kv_token_bytes, "flops",
        "text_token", i->token.decoder_flops + i->token.head_flops, "picture", i->picture.vision_flops, "training_step",
        "weights", (json_int_t)i->train.weights, "optimizer", (json_int_t)i->train.moments, "activations",
        (json_int_t)i->train.activations, "scratch", (json_int_t)i->train.scratch, "flops", 3 * i->train.forward_flops);
    struct sl_buf text = SL_BUF_INIT(1 << 16);
    sl_error err = {0};
    sl_status s = sl_json_dump(j, 0, &text, &err);
    if (s == SL_OK) puts(sl_buf_str(&text));
    json_decref(j);
    sl_buf_release(&text);
    return s == SL_OK ? SL_EXIT_OK : sl_cli_failed("info", "%s", err.message);
}

/* The cost of one batch, planned and freed. */
static sl_status plan_batch(struct info *i, const sl_ops *ops, sl_dtype dt, int tokens, int pictures,
                            sl_forward_cost *out, sl_error *err)
{
    sl_batch *b = NULL;
    sl_status s = sl_batch_plan(&i->config, 1, tokens, pictures, i->grid, false, &b, err);
    if (s == SL_OK) s = sl_forward_plan(&i->config, ops, dt, b, out, err);
    sl_batch_free(b);
    return s;
}

static sl_status plan_training(struct info *i, const sl_ops *ops, const struct info_options *o, sl_error *err)
{
    sl_batch *b = NULL;
    sl_trainer_options t;
    sl_trainer_defaults(&t);
    t.dt = sl_cli_dtype(o->type);
    t.recompute = o->recompute;
    sl_status s = sl_batch_plan(&i->config, (int)o->seqs, (int)o->tokens, (int)o->pictures, i->grid, true, &b, err);
    if (s == SL_OK) s = sl_train_plan(&i->config, ops, &t, b, &i->train, err);
    sl_batch_free(b);
    return s;
}

static sl_status collect(struct info *i, const char *model, const sl_ops *ops, const struct info_options *o,
                         sl_error *err)
{
    sl_dtype dt = sl_cli_dtype(o->type);
    sl_weights w;
    sl_status s = sl_cli_model_config(model, &i->config, err);
    if (s == SL_OK) s = sl_count_params(&i->config, &i->params, err);
    if (s == SL_OK) s = sl_weights_build(&i->config, &w, err);
    if (s != SL_OK) return s;
    sl_adopted adopted = {0};
    if (dt == SL_BF16 && sl_gguf_is_model(model)) s = sl_adopt(model, &i->config, &w, &adopted, err);
    i->weight_bytes = adopted.bytes + sl_weights_bytes(&w, &(sl_weight_plan){.ops = ops, .dt = dt});
    sl_adopted_free(&adopted);
    sl_weights_free(&w);
    if (s != SL_OK) return s;
    i->kv_token_bytes = sl_kv_page_bytes(&i->config.decoder, dt) / SL_KV_PAGE_SIZE;
    /* The size at which this model sees it. */
    const struct sl_view_rule rule = sl_config_view(&i->config);
    int patch = i->config.vit.patch_size;
    s = sl_picture_fit(&rule.fit, i->width, i->height, &i->width, &i->height, err);
    i->grid = (sl_grid){i->height / patch, i->width / patch};
    if (s == SL_OK) s = plan_batch(i, ops, dt, 0, 1, &i->picture, err);
    if (s == SL_OK) s = plan_batch(i, ops, dt, 1, 0, &i->token, err);
    if (s == SL_OK) s = plan_training(i, ops, o, err);
    return s;
}

/* Prints the plan of a model; returns the exit status. */
static int print_plan(struct info *i, const char *model, const struct info_options *o)
{
    sl_error err = {0};
    sl_ops *ops = NULL;
    sl_status s = sl_cpu_ops_default((int)o->threads, &ops, &err);
    if (s == SL_OK) s = collect(i, model, ops, o, &err);
    i->kernels = ops ? ops->name : "";
    i->threads = ops ? ops->n_threads : 0;
    sl_cpu_ops_free(ops);
    if (s != SL_OK) return sl_cli_failed("info", "%s", err.message);
    if (o->json) return print_json(i);
    print_parts(i);
    print_costs(i, o);
    return SL_EXIT_OK;
}

/* Of a GGUF file what is in it, and before that the plan, if it is a model that runs here and its tower is there. */
static int print_file(struct info *i, const char *file, const struct info_options *o)
{
    char pair[2 * SL_CLI_PATH];
    sl_error err = {0};
    sl_config c;
    if (sl_gguf_pair_name(file, o->mmproj, pair, sizeof pair, &err) != SL_OK)
        return sl_cli_failed("info", "%s", err.message);
    sl_status s = sl_config_load(pair, &c, &err);
    if (s == SL_OK && !o->json) {
        int rc = print_plan(i, pair, o);
        if (rc != SL_EXIT_OK) return rc;
        putchar('\n');
    } else if (s != SL_OK && o->mmproj) {
        return sl_cli_failed("info", "%s", err.message);
    }
    return sl_cli_info_gguf(file, o->json);
}

int sl_cmd_info(int argc, char **argv)
{
    struct info_options o = {.type = "bf16", .picture = "1008x756", .seqs = 8, .tokens = 2048, .pictures = 1};
    const struct sl_cli_option options[] = {
        {.name = "type",
         .arg = "TYPE",
         .help = "type of weights and activations",
         .choices = "f32|bf16",
         .string = &o.type},
        {.name = "picture",
         .arg = "WxH",
         .help = "size of a picture after resizing: multiples of 28",
         .string = &o.picture},
        {.name = "seqs",
         .arg = "N",
         .help = "sequences in a training step",
         .min = 1,
         .max = 65536,
         .integer = &o.seqs},
        {.name = "tokens", .arg = "N", .help = "tokens in a sequence", .min = 1, .max = 1 << 20, .integer = &o.tokens},
        {.name = "pictures",
         .arg = "N",
         .help = "pictures in a sequence",
         .min = 0,
         .max = 1024,
         .integer = &o.pictures},
        {.name = "mmproj",
         .arg = "FILE",
         .help = "of a MODEL.gguf without a vision tower: the file that has it",
         .string = &o.mmproj},
        {.name = "recompute", .help = "recompute blocks in backward instead of keeping them", .flag = &o.recompute},
    };
    const struct sl_cli_spec spec = {
        .name = "info",
        .args = "[MODEL]",
        .about =
            "Prints the parameters of each part, the memory that inference and a training step take, and the FLOPs\n"
            "of a text token and of a picture. MODEL is a folder, by default the model that ships, or a\n"
            "configuration: nano, mini, base, seed1.5-vl.\n"
            "Nothing of the model's size is allocated: numbers come from a dry run of the model's own code.\n"
            "Of a GGUF file, whatever model is in it, the metadata and the tensors are printed too; with --json they "
            "alone.",
        .example = "seedling info seed1.5-vl\nseedling info mini --seqs 4 --pictures 2 --picture 448x448 --recompute",
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.threads,
        .json = &o.json,
    };
    struct sl_cli_args args;
    struct info i = {0};
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    char after;
    if (sscanf(o.picture, "%dx%d%c", &i.width, &i.height, &after) != 2 || i.width < 28 || i.height < 28 ||
        i.width % 28 || i.height % 28 || i.width > 28 * 1024 || i.height > 28 * 1024)
        return sl_cli_usage("info", "--picture %s: use WIDTHxHEIGHT, multiples of 28", o.picture);
    sl_error err = {0};
    char model[SL_CLI_PATH];
    if (sl_cli_model_dir(args.n ? args.items[0] : NULL, model, &err)) return sl_cli_failed("info", "%s", err.message);
    if (sl_file_exists(model)) return print_file(&i, model, &o);
    return print_plan(&i, model, &o);
}
