/*
 * family_folder.c: what a family's checkpoint says beside its config.json: how pictures are prepared, and whether its
 * chat template makes the model reason first.
 */
#include "base/file.h"
#include "model/family.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 64 << 20, MAX_DEPTH = 64 };

/* Reads DIR/name as JSON into *out, owned; NULL when there is no such file. */
static sl_status load_json(const char *dir, const char *name, json_t **out, sl_error *err)
{
    char *path = sl_path_join(dir, name);
    *out = NULL;
    if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", dir);
    sl_status s = sl_file_exists(path) ? sl_json_load(path, MAX_BYTES, MAX_DEPTH, out, err) : SL_OK;
    free(path);
    return s;
}

static void read_three(struct sl_json_object *o, const char *key, float *out)
{
    const json_t *list = NULL;
    if (!sl_json_has(o, key)) return;
    sl_json_get_array(o, key, &list);
    for (size_t i = 0; list && i < 3; i++) {
        const json_t *x = json_array_get(list, i);
        if (json_array_size(list) != 3 || !json_is_number(x))
            sl_json_fail(o, key, "expected 3 numbers");
        else
            out[i] = (float)json_number_value(x);
    }
}

/* Bounds of the area in pixels: under their own names, or as sides that are none. */
static void read_bounds(struct sl_json_object *o, sl_config *c)
{
    static const double MOST = 1 << 30;
    struct sl_json_object size = *o;
    if (sl_json_has(o, "size")) sl_json_get_object(o, "size", &size);
    double least = sl_family_number(&size, "shortest_edge", (double)c->min_pixels);
    double most = sl_family_number(&size, "longest_edge", (double)c->max_pixels);
    if (size.status) o->status = size.status;
    least = sl_family_number(o, "min_pixels", least);
    most = sl_family_number(o, "max_pixels", most);
    if (!(least >= 1 && least <= most && most <= MOST))
        sl_json_fail(o, "size", "%g to %g pixels", least, most);
    else
        c->min_pixels = (int64_t)least, c->max_pixels = (int64_t)most;
}

static void read_pictures(struct sl_json_object *o, sl_config *c)
{
    read_three(o, "image_mean", c->vit.mean);
    read_three(o, "image_std", c->vit.std);
    if (sl_json_has(o, "resample")) c->bicubic = sl_family_int(o, "resample", NULL, 2, 3) == 3;
    if (c->family == SL_FAMILY_KIMI_VL) {
        int limit = sl_json_has(o, "in_token_limit") ? sl_family_int(o, "in_token_limit", NULL, 4, 1 << 20) : 4096;
        c->max_pixels = (int64_t)limit * c->vit.patch_size * c->vit.patch_size;
        if (sl_json_has(o, "pad_input") && !sl_family_flag(o, "pad_input", true))
            sl_json_fail(o, "pad_input", "only true is supported");
    } else {
        read_bounds(o, c);
    }
}

/* In files the newlines of a template are written out. */
bool sl_family_opens_thought(const char *template)
{
    return strstr(template, "assistant\\n<think>\\n") || strstr(template, "assistant\n<think>\n");
}

/* Looks at the template wherever it is: in a file of its own, or as a string in others. */
static sl_status read_template(const char *dir, sl_config *c, sl_error *err)
{
    static const char *const files[] = {"chat_template.json", "tokenizer_config.json"};
    struct sl_buf text = SL_BUF_INIT(MAX_BYTES);
    char *path = sl_path_join(dir, "chat_template.jinja");
    sl_status s = path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory to read %s", dir);
    if (s == SL_OK && sl_file_exists(path)) {
        s = sl_file_read(path, &text, err);
        if (s == SL_OK) c->thinks = sl_family_opens_thought(sl_buf_str(&text));
    } else {
        for (int i = 0; i < 2 && s == SL_OK && !c->thinks; i++) {
            json_t *document;
            s = load_json(dir, files[i], &document, err);
            const char *template = json_string_value(json_object_get(document, "chat_template"));
            if (template) c->thinks = sl_family_opens_thought(template);
            json_decref(document);
        }
    }
    sl_buf_release(&text);
    free(path);
    return s;
}

/* Files say no name: the folder's stands in. */
static void take_name(const char *dir, sl_config *c)
{
    size_t end = strlen(dir), begin;
    while (end > 1 && dir[end - 1] == '/') end--;
    for (begin = end; begin > 0 && dir[begin - 1] != '/';) begin--;
    snprintf(c->name, sizeof c->name, "%.*s", (int)(end - begin), dir + begin);
}

sl_status sl_family_read_folder(const char *dir, sl_config *c, sl_error *err)
{
    if (!*c->name) take_name(dir, c);
    json_t *document;
    struct sl_json_object top;
    sl_status s = load_json(dir, "preprocessor_config.json", &document, err);
    if (s == SL_OK && document) {
        sl_json_open(&top, document, err);
        if (!top.status) read_pictures(&top, c);
        if (top.status) s = sl_fail_context(err, top.status, "%s/preprocessor_config.json", dir);
    }
    json_decref(document);
    if (s == SL_OK) s = read_template(dir, c, err);
    return s;
}
