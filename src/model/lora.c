/*
 * lora.c: adapters from and to PEFT's two files, and the change that they make to a matrix.
 */
#include "model/lora.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config_name[] = "adapter_config.json", weights_name[] = "adapter_model.safetensors";
static const char prefix[] = "base_model.model."; /* PEFT's, before every name */

enum { MAX_CONFIG_BYTES = 1 << 20, MAX_RANK = 4096 };

/* Recipe names of targets, and the endings of module names that PEFT would find them by. */
static const struct {
    unsigned target;
    const char *name;
    const char *modules[4];
} targets[] = {
    {SL_LORA_VIT, "vit", {"attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"}},
    {SL_LORA_ADAPTER, "adapter", {"adapter.fc1", "adapter.fc2"}},
    {SL_LORA_ATTENTION, "decoder.attention", {"self_attn.qkv_proj", "self_attn.o_proj"}},
    {SL_LORA_MLP,
     "decoder.mlp",
     {"mlp.gate_up_proj", "mlp.down_proj", "shared_expert.gate_up_proj", "shared_expert.down_proj"}},
    {SL_LORA_EXPERTS, "decoder.experts", {"experts.gate_up_proj", "experts.down_proj"}},
};

enum { N_TARGETS = sizeof targets / sizeof *targets };

/* --- configuration ------------------------------------------------------------------------------------------------ */

static void read_names(struct sl_json_object *o, sl_lora_config *c)
{
    const json_t *list = NULL;
    sl_json_get_array(o, "targets", &list);
    c->targets = 0;
    for (size_t i = 0; i < json_array_size(list) && !o->status; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int t = 0;
        while (t < N_TARGETS && name && strcmp(name, targets[t].name) != 0) t++;
        if (!name || t == N_TARGETS)
            sl_json_fail(o, "targets", "%s is none of vit, adapter, decoder.attention, decoder.mlp, decoder.experts",
                         name ? name : "one");
        else
            c->targets |= targets[t].target;
    }
    if (!o->status && !c->targets) sl_json_fail(o, "targets", "names nothing to adapt");
}

sl_status sl_lora_parse(const json_t *options, sl_lora_config *out, sl_error *err)
{
    static const char *const names[] = {"rank", "alpha", "targets"};
    struct sl_json_object o;
    int64_t rank = 0;
    double alpha = 0;
    *out = (sl_lora_config){.targets = SL_LORA_ATTENTION | SL_LORA_MLP};
    sl_json_open(&o, options, err);
    sl_json_known_keys(&o, names, sizeof names / sizeof *names);
    sl_json_get_int(&o, "rank", 1, MAX_RANK, &rank);
    alpha = 2.0 * (double)rank;
    if (!o.status && sl_json_has(&o, "alpha")) sl_json_get_number(&o, "alpha", &alpha);
    if (!o.status && !(alpha > 0 && alpha < 1e6)) sl_json_fail(&o, "alpha", "%g is not positive", alpha);
    if (!o.status && sl_json_has(&o, "targets")) read_names(&o, out);
    out->rank = (int)rank;
    out->alpha = (float)alpha;
    return o.status;
}

static bool exists(const char *dir, const char *name)
{
    char *path = sl_path_join(dir, name);
    bool there = path && sl_file_exists(path);
    free(path);
    return there;
}

bool sl_lora_in_folder(const char *dir)
{
    return exists(dir, config_name);
}

/* Finds the targets that PEFT's list of module endings means. */
static void read_modules(struct sl_json_object *o, sl_lora_config *c)
{
    const json_t *list = NULL;
    sl_json_get_array(o, "target_modules", &list);
    for (size_t i = 0; i < json_array_size(list) && !o->status; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        unsigned found = 0;
        for (int t = 0; t < N_TARGETS && name; t++)
            for (int k = 0; k < 4 && targets[t].modules[k]; k++)
                if (strcmp(name, targets[t].modules[k]) == 0) found = targets[t].target;
        if (!found) sl_json_fail(o, "target_modules", "'%.60s' is no matrix of this kind of model", name ? name : "?");
        c->targets |= found;
    }
}

static void read_base(struct sl_json_object *o, const char *dir, sl_lora_config *c)
{
    const char *base = NULL;
    sl_json_get_string(o, "base_model_name_or_path", &base);
    if (!base) return;
    bool relative = base[0] != '/';
    int n = snprintf(c->base, sizeof c->base, "%s%s%s", relative ? dir : "", relative ? "/" : "", base);
    if (n < 0 || n >= (int)sizeof c->base) sl_json_fail(o, "base_model_name_or_path", "too long");
}

sl_status sl_lora_config_load(const char *dir, sl_lora_config *out, sl_error *err)
{
    struct sl_json_object o;
    json_t *document = NULL;
    int64_t rank = 0;
    double alpha = 0;
    char *path = sl_path_join(dir, config_name);
    *out = (sl_lora_config){0};
    if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory to read an adapter");
    sl_status s = sl_json_load(path, MAX_CONFIG_BYTES, 16, &document, err);
    if (s == SL_OK) {
        sl_json_open(&o, document, err);
        sl_json_get_int(&o, "r", 1, MAX_RANK, &rank);
        sl_json_get_number(&o, "lora_alpha", &alpha);
        if (!o.status) read_modules(&o, out);
        if (!o.status) read_base(&o, dir, out);
        if (o.status) sl_fail_context(err, o.status, "%s", path);
        s = o.status;
    }
    out->rank = (int)rank;
    out->alpha = (float)alpha;
    json_decref(document);
    free(path);
    return s;
}

static json_t *config_json(const sl_lora_config *c)
{
    json_t *modules = json_array();
    for (int t = 0; t < N_TARGETS; t++)
        for (int k = 0; k < 4 && targets[t].modules[k] && (c->targets & targets[t].target); k++)
            json_array_append_new(modules, json_string(targets[t].modules[k]));
    return json_pack("{s:s, s:s, s:s, s:i, s:o, s:f, s:s, s:b, s:b, s:o}", "peft_type", "LORA", "task_type",
                     "CAUSAL_LM", "base_model_name_or_path", c->base, "r", c->rank, "lora_alpha",
                     sl_json_float(c->alpha), "lora_dropout", 0.0, "bias", "none", "fan_in_fan_out", 0,
                     "inference_mode", 1, "target_modules", modules);
}

static sl_status save_config(const sl_lora_config *c, const char *dir, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT(MAX_CONFIG_BYTES);
    char *path = sl_path_join(dir, config_name);
    json_t *document = config_json(c);
    sl_status s = path ? sl_json_dump(document, 2, &text, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (s == SL_OK) {
        sl_buf_addch(&text, '\n');
        s = sl_file_write(path, sl_buf_str(&text), text.len, err);
    }
    json_decref(document);
    free(path);
    sl_buf_release(&text);
    return s;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void write_name(const sl_weight_row *r, char *out, size_t n)
{
    snprintf(out, n, "%s%s", prefix, r->name);
}

/* Declares, then writes, every factor. */
static sl_status each_factor(const sl_model *m, sl_safetensors_writer *w, bool declare, sl_error *err)
{
    for (int i = 0; i < m->weights.n_rows; i++) {
        const sl_weight_row *r = &m->weights.rows[i];
        if (r->module != SL_MODULE_LORA) continue;
        char name[160];
        int64_t dims[3] = {r->w.groups, r->w.n, r->w.k};
        write_name(r, name, sizeof name);
        if (!declare) sl_safetensors_writer_add(w, name, r->w.value, (size_t)sl_weight_row_numel(r) * sizeof(float));
        sl_status s =
            declare ? sl_safetensors_writer_declare(w, name, SL_F32, r->n_dims, dims + 3 - r->n_dims, err) : SL_OK;
        if (s != SL_OK) return s;
    }
    return SL_OK;
}

sl_status sl_lora_save(const sl_model *m, const char *dir, sl_error *err)
{
    sl_safetensors_writer *w = NULL;
    char *path = sl_path_join(dir, weights_name);
    sl_status s = path ? sl_safetensors_writer_new(&w, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (s == SL_OK) s = each_factor(m, w, true, err);
    if (s == SL_OK) s = sl_safetensors_writer_begin_file(w, path, err);
    if (s == SL_OK) s = each_factor(m, w, false, err);
    if (s == SL_OK)
        s = sl_safetensors_writer_commit(&w, err);
    else
        sl_safetensors_writer_abort(&w);
    free(path);
    return s == SL_OK ? save_config(&m->config.lora, dir, err) : s;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct sl_lora_file {
    sl_safetensors *file;
    sl_lora_config config;
    bool *used; /* owned, (count of file) */
};

sl_status sl_lora_file_open(const char *dir, sl_lora_file **out, sl_error *err)
{
    sl_lora_file *f = sl_alloc_array(1, sizeof *f);
    char *path = sl_path_join(dir, weights_name);
    sl_status s = f && path ? sl_lora_config_load(dir, &f->config, err)
                            : sl_fail(err, SL_ERR_MEMORY, "no memory to read an adapter");
    if (s == SL_OK) s = sl_safetensors_open(path, &f->file, err);
    if (s == SL_OK && !(f->used = sl_alloc_array(sl_safetensors_count(f->file), sizeof *f->used)))
        s = sl_fail(err, SL_ERR_MEMORY, "no memory to read an adapter");
    free(path);
    if (s != SL_OK) sl_lora_file_close(&f);
    *out = f;
    return s;
}

void sl_lora_file_close(sl_lora_file **f)
{
    if (!*f) return;
    sl_safetensors_close(&(*f)->file);
    free((*f)->used);
    free(*f);
    *f = NULL;
}

/* Finds a tensor of shape (groups, n, k), without a leading 1; NULL when it is not there. */
static sl_status find(sl_lora_file *f, const char *name, const int64_t *shape, const struct sl_stored_tensor **out,
                      sl_error *err)
{
    const struct sl_stored_tensor *t = *out = sl_safetensors_find(f->file, name);
    if (!t) return SL_OK;
    f->used[t - sl_safetensors_at(f->file, 0)] = true;
    int skip = shape[0] > 1 ? 0 : 1;
    bool same = t->n_dims == 3 - skip && (t->dtype == SL_F32 || t->dtype == SL_BF16 || t->dtype == SL_F16);
    for (int i = 0; same && i < t->n_dims; i++) same = t->shape[i] == shape[i + skip];
    if (same) return SL_OK;
    return sl_fail(err, SL_ERR_FORMAT, "%s: tensor %s has not the shape that the model and a rank of %d give it",
                   t->file, name, f->config.rank);
}

sl_status sl_lora_file_read(sl_lora_file *f, const sl_weight_row *r, int64_t group, float *values, sl_error *err)
{
    char name[160];
    const int64_t shape[3] = {r->w.groups, r->w.n, r->w.k};
    const struct sl_stored_tensor *t;
    write_name(r, name, sizeof name);
    sl_status s = find(f, name, shape, &t, err);
    if (s == SL_OK && !t) s = sl_fail(err, SL_ERR_FORMAT, "the adapter lacks tensor %s", name);
    if (s == SL_OK) sl_stored_read_f32(t, group * r->w.n * r->w.k, r->w.n * r->w.k, values);
    return s;
}

/* values (n, k) += scale * B (n, rank) A (rank, k). */
static void add_product(const sl_weight_row *r, int64_t rank, const float *a, const float *b, const sl_ops *ops,
                        float *values)
{
    sl_gemm product = {
        .m = r->w.n,
        .n = r->w.k,
        .k = rank,
        .a = b,
        .lda = rank,
        .b = a,
        .ldb = r->w.k,
        .b_layout = SL_COLUMNS,
        .c = values,
        .ldc = r->w.k,
        .c_type = SL_F32,
        .accumulate = true,
    };
    ops->gemm(ops, &product);
}

sl_status sl_lora_file_add(sl_lora_file *f, const sl_weight_row *r, int64_t group, const sl_ops *ops, float *values,
                           sl_error *err)
{
    static const char ending[] = ".weight";
    char stem[sizeof r->name], name[160];
    int64_t rank = f->config.rank, n = r->w.n, k = r->w.k;
    const int64_t shapes[2][3] = {{r->w.groups, rank, k}, {r->w.groups, n, rank}};
    const struct sl_stored_tensor *factors[2];
    snprintf(stem, sizeof stem, "%s", r->name);
    size_t length = strlen(stem);
    if (length >= sizeof ending && strcmp(stem + length - (sizeof ending - 1), ending) == 0)
        stem[length - (sizeof ending - 1)] = '\0';
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s.lora_%c.weight", prefix, stem, "AB"[i]);
        sl_status s = find(f, name, shapes[i], &factors[i], err);
        if (s != SL_OK) return s;
    }
    if (!factors[0] && !factors[1]) return SL_OK;
    if (!factors[0] || !factors[1])
        return sl_fail(err, SL_ERR_FORMAT, "the adapter has one factor only of %s", r->name);
    float *a = malloc((size_t)(rank * k) * sizeof *a), *b = malloc((size_t)(n * rank) * sizeof *b);
    if (a && b) {
        sl_stored_read_f32(factors[0], group * rank * k, rank * k, a);
        sl_stored_read_f32(factors[1], group * n * rank, n * rank, b);
        ops->scale(ops, n * rank, f->config.alpha / (float)rank, b, SL_F32, b, SL_F32);
        add_product(r, rank, a, b, ops, values);
    }
    bool ok = a && b;
    free(a);
    free(b);
    return ok ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory to merge an adapter");
}

sl_status sl_lora_file_check_used(const sl_lora_file *f, sl_error *err)
{
    for (size_t i = 0; i < sl_safetensors_count(f->file); i++) {
        const struct sl_stored_tensor *t = sl_safetensors_at(f->file, i);
        if (!f->used[i])
            return sl_fail(err, SL_ERR_FORMAT, "%s: tensor %s is not part of this model", t->file, t->name);
    }
    return SL_OK;
}
