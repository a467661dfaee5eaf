/*
 * convert.c: streams the rows of a checkpoint into a writer of the other format. Both take tensors in the order of
 * their declaration, so rows that become f32 come first: that keeps a safetensors file aligned.
 */
#include "model/convert.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/gguf_config.h"
#include "model/gguf_names.h"
#include "model/origin.h"
#include "model/safetensors.h"
#include "tensor/blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t MAX_TOKENIZER = (size_t)256 << 20;

struct conversion {
    const sl_convert_options *o;
    sl_model *model; /* dry: configuration and weight table */
    sl_generation_config generation;
    struct sl_tokenizer *tokenizer; /* owned, or NULL: there is none */
    struct sl_buf tokenizer_json;
    sl_safetensors_writer *folder; /* one of the two */
    sl_gguf_writer *gguf;
    bool f32_pass;
    int done;
    void *piece; /* encoded numbers: PIECE floats' worth */
};

enum { PIECE = 1 << 20 }; /* numbers encoded at a time, at least a row */

/* What a row is written as. */
static sl_dtype written_type(const struct conversion *c, const sl_weight_row *r)
{
    if (!r->decay || r->role == SL_ROLE_ROUTER) return SL_F32;
    if (sl_dtype_block(c->o->type) == 1) return c->o->type;
    if (r->module == SL_MODULE_VIT || r->module == SL_MODULE_ADAPTER) return SL_BF16;
    return sl_blocks_fit(c->o->type, r->w.k);
}

static bool is_written(const struct conversion *c, const sl_weight_row *r)
{
    return r->module <= SL_MODULE_DECODER && (written_type(c, r) == SL_F32) == c->f32_pass;
}

static bool wants(void *arg, const sl_weight_row *r)
{
    return is_written(arg, r);
}

/* Appends encoded bytes of a row to whichever writer there is. */
static void put(struct conversion *c, const sl_weight_row *r, const void *bytes, size_t n)
{
    char name[128];
    if (c->folder) {
        sl_safetensors_writer_add(c->folder, r->name, bytes, n);
        return;
    }
    sl_gguf_name(r->name, name, sizeof name);
    sl_gguf_writer_add(c->gguf, name, bytes, n);
}

/* Encodes n numbers, whole rows of k, as type into dst. */
static void encode(const sl_ops *ops, sl_dtype type, const float *values, int64_t n, int64_t k, void *dst)
{
    if (type == SL_BF16) {
        ops->scale(ops, n, 1.0f, values, SL_F32, dst, SL_BF16);
        return;
    }
    size_t row = sl_dtype_row_bytes(type, k);
#pragma omp parallel for num_threads(ops->n_threads) schedule(static)
    for (int64_t i = 0; i < n / k; i++) {
        if (type != SL_F16) {
            sl_blocks_encode(type, values + i * k, k, (char *)dst + (size_t)i * row);
            continue;
        }
        uint16_t *halves = (uint16_t *)dst + i * k;
        for (int64_t j = 0; j < k; j++) halves[j] = sl_f16_from_f32(values[i * k + j]);
    }
}

static sl_status take(void *arg, const sl_weight_row *r, const float *values, sl_error *err)
{
    struct conversion *c = arg;
    sl_dtype type = written_type(c, r);
    int64_t n = r->w.n * r->w.k, step = PIECE / r->w.k * r->w.k;
    for (int64_t i = 0; i < n; i++)
        if (!(values[i] - values[i] == 0))
            return sl_fail(err, SL_ERR_FORMAT, "tensor %s: number %lld is not finite", r->name, (long long)i);
    if (c->o->progress) c->o->progress(c->o->progress_arg, c->done, c->model->weights.n_rows);
    c->done++;
    if (type == SL_F32) {
        put(c, r, values, (size_t)n * sizeof *values);
        return SL_OK;
    }
    if (step == 0) return sl_fail(err, SL_ERR_UNSUPPORTED, "tensor %s: rows of %lld", r->name, (long long)r->w.k);
    for (int64_t i = 0; i < n; i += step) {
        int64_t count = n - i < step ? n - i : step;
        encode(c->o->ops, type, values + i, count, r->w.k, c->piece);
        put(c, r, c->piece, sl_dtype_row_bytes(type, r->w.k) * (size_t)(count / r->w.k));
    }
    return SL_OK;
}

/* Declares the rows of one pass. */
static sl_status declare(struct conversion *c, bool f32_pass, sl_error *err)
{
    c->f32_pass = f32_pass;
    for (int i = 0; i < c->model->weights.n_rows; i++) {
        const sl_weight_row *r = &c->model->weights.rows[i];
        int64_t dims[3] = {r->w.groups, r->w.n, r->w.k}, *shape = dims + 3 - r->n_dims;
        char name[128];
        sl_status s = SL_OK;
        if (!is_written(c, r)) continue;
        sl_gguf_name(r->name, name, sizeof name);
        if (c->folder)
            s = sl_safetensors_writer_declare(c->folder, r->name, written_type(c, r), r->n_dims, shape, err);
        else
            sl_gguf_writer_declare(c->gguf, name, written_type(c, r), r->n_dims, shape);
        if (s != SL_OK) return s;
    }
    return SL_OK;
}

/* Reads everything but the numbers. A model without a tokenizer is converted without one. */
static sl_status read_model(struct conversion *c, const char *in, sl_error *err)
{
    sl_config config = {0};
    sl_weight_plan plan = {.ops = c->o->ops, .dt = SL_BF16};
    char *path = sl_path_join(in, "tokenizer.json");
    sl_gguf *g = NULL;
    sl_status s = path ? sl_config_load(in, &config, err) : sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", in);
    config.pretrain = (sl_pretrain_config){0}; /* of use to training only, and only a folder holds it */
    if (s == SL_OK) s = sl_model_new(&config, &plan, true, &c->model, err);
    if (s == SL_OK) s = sl_generation_config_load(in, &config, &c->generation, err);
    if (s == SL_OK && sl_gguf_is_file(in)) {
        s = sl_gguf_open(in, &g, err);
        if (s == SL_OK && sl_gguf_tokenizer_json(g)) sl_buf_addstr(&c->tokenizer_json, sl_gguf_tokenizer_json(g));
        sl_gguf_close(&g);
    } else if (s == SL_OK && sl_file_exists(path)) {
        s = sl_file_read(path, &c->tokenizer_json, err);
    }
    if (s == SL_OK && c->tokenizer_json.len) s = sl_origin_tokenizer(in, &c->tokenizer, err);
    free(path);
    return s;
}

static sl_status begin_gguf(struct conversion *c, const char *out, sl_error *err)
{
    sl_status s = sl_gguf_writer_new(&c->gguf, err);
    struct sl_gguf_model m = {&c->model->config, &c->generation, c->tokenizer, sl_buf_str(&c->tokenizer_json)};
    if (s == SL_OK) s = sl_gguf_write_model(c->gguf, &m, err);
    if (s == SL_OK) sl_gguf_writer_u32(c->gguf, "general.quantization_version", 2);
    if (s == SL_OK) s = declare(c, true, err);
    if (s == SL_OK) s = declare(c, false, err);
    return s == SL_OK ? sl_gguf_writer_begin(c->gguf, out, c->o->max_part_bytes, err) : s;
}

static sl_status begin_folder(struct conversion *c, const char *out, sl_error *err)
{
    sl_status s = sl_dir_make(out, err);
    if (s == SL_OK) s = sl_safetensors_writer_new(&c->folder, err);
    if (s == SL_OK) s = declare(c, true, err);
    if (s == SL_OK) s = declare(c, false, err);
    return s == SL_OK ? sl_safetensors_writer_begin_folder(c->folder, out, c->o->max_part_bytes, err) : s;
}

/* Writes what stands beside the weights, then puts those in place. */
static sl_status end_folder(struct conversion *c, const char *out, sl_error *err)
{
    char *path = sl_path_join(out, "tokenizer.json");
    sl_status s = path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory to write %s", out);
    if (s == SL_OK) s = sl_config_save(&c->model->config, out, err);
    if (s == SL_OK) s = sl_generation_config_save(&c->generation, out, err);
    if (s == SL_OK && c->tokenizer_json.len)
        s = sl_file_write(path, c->tokenizer_json.data, c->tokenizer_json.len, err);
    free(path);
    return s == SL_OK ? sl_safetensors_writer_commit(&c->folder, err) : s;
}

static bool is_gguf_name(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".gguf") == 0;
}

static sl_status check(const char *in, const char *out, const sl_convert_options *o, sl_error *err)
{
    if (!sl_origin_exists(in)) return sl_fail(err, SL_ERR_IO, "%s is neither a model's folder nor a GGUF file", in);
    if (!is_gguf_name(out) && o->type != SL_F32 && o->type != SL_BF16)
        return sl_fail(err, SL_ERR_ARGUMENT, "%s: a folder holds F32 or BF16; %s needs a name that ends in .gguf", out,
                       sl_dtype_name(o->type));
    if (is_gguf_name(out) && sl_dir_exists(out)) return sl_fail(err, SL_ERR_IO, "%s is a folder", out);
    return SL_OK;
}

sl_status sl_convert(const char *in, const char *out, const sl_convert_options *o, sl_error *err)
{
    struct conversion c = {.o = o, .tokenizer_json.ceiling = MAX_TOKENIZER};
    sl_weight_sink sink = {.wants = wants, .take = take, .arg = &c};
    sl_status s = check(in, out, o, err);
    if (s != SL_OK) return s;
    c.piece = malloc(PIECE * sizeof(float));
    s = c.piece ? read_model(&c, in, err) : sl_fail(err, SL_ERR_MEMORY, "no memory to convert");
    if (s == SL_OK) s = is_gguf_name(out) ? begin_gguf(&c, out, err) : begin_folder(&c, out, err);
    for (int pass = 0; pass < 2 && s == SL_OK; pass++) {
        c.f32_pass = pass == 0;
        s = sl_model_stream(c.model, in, &sink, err);
    }
    if (s == SL_OK) s = c.folder ? end_folder(&c, out, err) : sl_gguf_writer_commit(&c.gguf, err);
    sl_safetensors_writer_abort(&c.folder);
    sl_gguf_writer_abort(&c.gguf);
    sl_tokenizer_free(&c.tokenizer);
    sl_buf_release(&c.tokenizer_json);
    sl_model_free(c.model);
    free(c.piece);
    return s;
}
