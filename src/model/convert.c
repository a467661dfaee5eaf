/*
 * convert.c: streams the rows of a checkpoint into a writer of the other format. Both take tensors in the order of
 * their declaration, so rows that become f32 come first: that keeps a safetensors file aligned. Where a layout keeps a
 * row in several tensors, the row is read once for each of them.
 */
#include "model/convert.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/gguf_family.h"
#include "model/origin.h"
#include "model/parts.h"
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
    sl_safetensors_writer *folder; /* or */
    sl_gguf_writer *gguf[2];       /* the second is the tower's of a pair */
    struct sl_gguf_naming naming;  /* of GGUF files */
    int pass;
    int done;
    void *piece;     /* encoded numbers: PIECE floats' worth */
    float *gathered; /* one frame of the patch kernel */
};

enum { PIECE = 1 << 20, PASSES = 3 }; /* numbers encoded at a time, at least a row; passes over the model */

/* What is written of a row in a pass: some of its rows under a name. */
struct piece {
    char name[128];
    sl_dtype type;
    int64_t first, rows; /* of the row's rows; elements of a vector */
    int frame;           /* of the kernel for patches of two, or -1: both */
    int n_dims;
    int64_t shape[SL_MAX_DIMS];
};

static bool is_tower(const sl_weight_row *r)
{
    return r->module == SL_MODULE_VIT || r->module == SL_MODULE_ADAPTER;
}

static bool is_own(const struct conversion *c)
{
    return c->naming.layout == SL_GGUF_SEEDLING;
}

/* What a row is written as. */
static sl_dtype written_type(const struct conversion *c, const sl_weight_row *r)
{
    const sl_weights *w = &c->model->weights;
    if (!r->decay || r->role == SL_ROLE_ROUTER) return SL_F32;
    /* Other programs compute with these as they are. */
    if (!is_own(c) && (&r->w == w->patch_w || &r->w == w->table)) return SL_F32;
    if (sl_dtype_block(c->o->type) == 1) return c->o->type;
    return is_tower(r) ? SL_BF16 : sl_blocks_fit(c->o->type, r->w.k);
}

/* The tower's kernel: in a pair a tensor for each frame, in Ollama's files (3 D, frames, rows, columns). */
static bool shape_kernel(const struct conversion *c, struct piece *p)
{
    const sl_vit_config *v = &c->model->config.vit;
    p->n_dims = 4;
    p->shape[2] = p->shape[3] = v->patch_size;
    p->shape[0] = v->hidden, p->shape[1] = 3;
    if (c->naming.layout == SL_GGUF_OLLAMA) {
        p->shape[0] = 3 * (int64_t)v->hidden, p->shape[1] = sl_vit_frames(v);
        return c->pass == 0;
    }
    p->frame = c->pass;
    if (p->frame == 1) memcpy(p->name + strlen(p->name), ".1", 3);
    return c->pass < 2;
}

/* Whether the layout keeps the row in parts, and how. */
static bool is_split(const struct conversion *c, const sl_weight_row *r, struct sl_row_way *way)
{
    const sl_config *config = &c->model->config;
    if (is_own(c) || !sl_row_way(r, config, 0, way) || way->by_expert) return false;
    return r->module != SL_MODULE_VIT || c->naming.layout == SL_GGUF_OLLAMA || config->family != SL_FAMILY_QWEN3_VL;
}

/* Sets *p to what is written of r in this pass; false: nothing. */
static bool piece_of(const struct conversion *c, const sl_weight_row *r, struct piece *p)
{
    struct sl_row_way way;
    if (r->module > SL_MODULE_DECODER) return false;
    *p = (struct piece){.type = written_type(c, r), .rows = sl_row_rows(r), .frame = -1, .n_dims = r->n_dims};
    int64_t dims[3] = {r->w.groups, r->w.n, r->w.k};
    snprintf(p->name, sizeof p->name - 4, "%s", r->name);
    for (int i = 0; i < r->n_dims; i++) p->shape[i] = dims[3 - r->n_dims + i];
    if (is_own(c)) return (p->type == SL_F32) == (c->pass == 0) && c->pass < 2;
    if (&r->w == c->model->weights.patch_w) return shape_kernel(c, p);
    if (!is_split(c, r, &way)) return c->pass == 0;
    if (c->pass >= way.n) return false;
    for (int i = 0; i < c->pass; i++) p->first += sl_row_part_rows(r, &c->model->config, &way, i);
    p->rows = sl_row_part_rows(r, &c->model->config, &way, c->pass);
    p->shape[r->n_dims == 1 ? 0 : r->n_dims - 2] = p->rows;
    sl_row_part_name(r, &way, c->pass, 0, p->name, sizeof p->name);
    return true;
}

static bool wants(void *arg, const sl_weight_row *r)
{
    struct piece p;
    return piece_of(arg, r, &p);
}

/* The writer that takes a row. */
static sl_gguf_writer *writer_of(const struct conversion *c, const sl_weight_row *r)
{
    return c->gguf[c->naming.layout == SL_GGUF_PAIR && is_tower(r)];
}

/* Appends encoded bytes of a row to whichever writer there is. */
static void put(struct conversion *c, const sl_weight_row *r, const struct piece *p, const void *bytes, size_t n)
{
    char name[160];
    if (c->folder) {
        sl_safetensors_writer_add(c->folder, p->name, bytes, n);
        return;
    }
    sl_gguf_name(&c->naming, p->name, name, sizeof name);
    sl_gguf_writer_add(writer_of(c, r), name, bytes, n);
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

/* Encodes n numbers and appends them. */
static sl_status put_numbers(struct conversion *c, const sl_weight_row *r, const struct piece *p, const float *values,
                             int64_t n, sl_error *err)
{
    int64_t k = p->frame < 0 ? r->w.k : r->w.k / 2, step = PIECE / k * k;
    if (p->type == SL_F32) {
        put(c, r, p, values, (size_t)n * sizeof *values);
        return SL_OK;
    }
    if (step == 0) return sl_fail(err, SL_ERR_UNSUPPORTED, "tensor %s: rows of %lld", r->name, (long long)k);
    for (int64_t i = 0; i < n; i += step) {
        int64_t count = n - i < step ? n - i : step;
        encode(c->o->ops, p->type, values + i, count, k, c->piece);
        put(c, r, p, c->piece, sl_dtype_row_bytes(p->type, k) * (size_t)(count / k));
    }
    return SL_OK;
}

/* One frame of the patch kernel (D, colour, frame, rows, columns), owned by c. */
static const float *gather_frame(struct conversion *c, const sl_weight_row *r, int frame, const float *values)
{
    int64_t n = 3 * r->w.n, area = r->w.k / 6;
    if (!c->gathered) c->gathered = malloc((size_t)(n * area) * sizeof *c->gathered);
    for (int64_t i = 0; c->gathered && i < n; i++)
        memcpy(c->gathered + i * area, values + (2 * i + frame) * area, (size_t)area * sizeof *values);
    return c->gathered;
}

static sl_status take(void *arg, const sl_weight_row *r, const float *values, sl_error *err)
{
    struct conversion *c = arg;
    struct piece p;
    int64_t n = r->w.n * r->w.k, width = n / sl_row_rows(r);
    for (int64_t i = 0; i < n; i++)
        if (!(values[i] - values[i] == 0))
            return sl_fail(err, SL_ERR_FORMAT, "tensor %s: number %lld is not finite", r->name, (long long)i);
    if (c->o->progress) c->o->progress(c->o->progress_arg, c->done, c->model->weights.n_rows);
    c->done++;
    if (!piece_of(c, r, &p)) return SL_OK;
    if (p.frame < 0) return put_numbers(c, r, &p, values + p.first * width, p.rows * width, err);
    const float *one = gather_frame(c, r, p.frame, values);
    return one ? put_numbers(c, r, &p, one, n / 2, err) : sl_fail(err, SL_ERR_MEMORY, "no memory to convert");
}

/* Declares everything, in the order in which it will come. */
static sl_status declare(struct conversion *c, sl_error *err)
{
    for (c->pass = 0; c->pass < PASSES; c->pass++)
        for (int i = 0; i < c->model->weights.n_rows; i++) {
            const sl_weight_row *r = &c->model->weights.rows[i];
            struct piece p;
            char name[160];
            sl_status s = SL_OK;
            if (!piece_of(c, r, &p)) continue;
            sl_gguf_name(&c->naming, p.name, name, sizeof name);
            if (c->folder)
                s = sl_safetensors_writer_declare(c->folder, p.name, p.type, p.n_dims, p.shape, err);
            else
                sl_gguf_writer_declare(writer_of(c, r), name, p.type, p.n_dims, p.shape);
            if (s != SL_OK) return s;
        }
    return SL_OK;
}

/* The tokenizer and its text. A model without one is converted without one. */
static sl_status read_tokenizer(struct conversion *c, const char *in, sl_error *err)
{
    char *path = sl_path_join(in, "tokenizer.json");
    sl_status s = path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", in);
    bool whole = path && sl_file_exists(path), parts = sl_tokenizer_in_parts(in);
    if (s == SL_OK && sl_gguf_is_model(in))
        s = sl_gguf_tokenizer_text(in, &c->tokenizer_json, err);
    else if (s == SL_OK && whole)
        s = sl_file_read(path, &c->tokenizer_json, err);
    if (s == SL_OK && (c->tokenizer_json.len || parts)) s = sl_origin_tokenizer(in, &c->tokenizer, err);
    if (s == SL_OK && parts) s = sl_tokenizer_print(c->tokenizer, &c->tokenizer_json, err);
    free(path);
    return s;
}

/* Reads everything but the numbers. */
static sl_status read_model(struct conversion *c, const char *in, sl_error *err)
{
    sl_config config = {0};
    sl_weight_plan plan = {.ops = c->o->ops, .dt = SL_BF16};
    sl_status s = sl_config_load(in, &config, err);
    config.pretrain = (sl_pretrain_config){0}; /* of use to training only, and only a folder holds it */
    if (s == SL_OK) s = sl_model_new(&config, &plan, true, &c->model, err);
    if (s == SL_OK) s = sl_generation_config_load(in, &config, &c->generation, err);
    return s == SL_OK ? read_tokenizer(c, in, err) : s;
}

/* Chooses the layout of GGUF files. */
static sl_status choose_layout(struct conversion *c, sl_error *err)
{
    const sl_config *config = &c->model->config;
    c->naming = (struct sl_gguf_naming){.layout = c->o->layout, .deepstack = config->adapter.deepstack};
    sl_error ignored;
    if (c->o->layout == SL_N_GGUF_LAYOUTS)
        c->naming.layout =
            sl_gguf_family_check(config, SL_GGUF_PAIR, &ignored) == SL_OK ? SL_GGUF_PAIR : SL_GGUF_SEEDLING;
    c->naming.gated = config->vit.gated_mlp && !is_own(c);
    return is_own(c) ? SL_OK : sl_gguf_family_check(config, c->naming.layout, err);
}

/* The second file's name: what was asked for, or "mmproj-" before the first's; owned. */
static char *tower_path(const struct conversion *c, const char *out)
{
    char *path = NULL;
    const char *slash = strrchr(out, '/'), *base = slash ? slash + 1 : out;
    if (c->o->mmproj) return sl_strdup(c->o->mmproj);
    return asprintf(&path, "%.*smmproj-%s", (int)(base - out), out, base) < 0 ? NULL : path;
}

static sl_status begin_tower(struct conversion *c, const char *out, sl_error *err)
{
    char *path = tower_path(c, out);
    sl_status s =
        path ? sl_gguf_writer_begin(c->gguf[1], path, 0, err) : sl_fail(err, SL_ERR_MEMORY, "no memory to convert");
    free(path);
    return s;
}

static sl_status begin_gguf(struct conversion *c, const char *out, sl_error *err)
{
    struct sl_gguf_model m = {&c->model->config, &c->generation, c->tokenizer, sl_buf_str(&c->tokenizer_json)};
    sl_status s = choose_layout(c, err);
    bool pair = c->naming.layout == SL_GGUF_PAIR;
    for (int i = 0; i <= pair && s == SL_OK; i++) s = sl_gguf_writer_new(&c->gguf[i], err);
    if (s == SL_OK)
        s = is_own(c) ? sl_gguf_write_model(c->gguf[0], &m, err)
                      : sl_gguf_family_write(c->gguf[0], &m, c->naming.layout, err);
    if (s == SL_OK && pair) sl_gguf_family_write_tower(c->gguf[1], m.config);
    for (int i = 0; i <= pair && s == SL_OK; i++) sl_gguf_writer_u32(c->gguf[i], "general.quantization_version", 2);
    if (s == SL_OK) s = declare(c, err);
    if (s == SL_OK) s = sl_gguf_writer_begin(c->gguf[0], out, c->o->max_part_bytes, err);
    return s == SL_OK && pair ? begin_tower(c, out, err) : s;
}

static sl_status begin_folder(struct conversion *c, const char *out, sl_error *err)
{
    sl_status s = sl_dir_make(out, err);
    if (s == SL_OK) s = sl_safetensors_writer_new(&c->folder, err);
    if (s == SL_OK) s = declare(c, err);
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
    for (c.pass = 0; c.pass < PASSES && s == SL_OK; c.pass++) s = sl_model_stream(c.model, in, &sink, err);
    if (s == SL_OK && c.folder) s = end_folder(&c, out, err);
    for (int i = 1; i >= 0; i--) {
        if (s == SL_OK && c.gguf[i]) s = sl_gguf_writer_commit(&c.gguf[i], err);
        sl_gguf_writer_abort(&c.gguf[i]);
    }
    sl_safetensors_writer_abort(&c.folder);
    sl_tokenizer_free(&c.tokenizer);
    sl_buf_release(&c.tokenizer_json);
    sl_model_free(c.model);
    free(c.piece);
    free(c.gathered);
    return s;
}
