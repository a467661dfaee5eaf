/*
 * cmd_embed.c: `seedling embed`: files and texts as vectors, one line of JSON each.
 */
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/engine_arg.h"
#include "cli/model_arg.h"
#include "infer/embed.h"
#include "model/origin.h"
#include "tensor/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

struct embed_options {
    const char *model;
    struct sl_cli_list texts;
    int64_t threads, frames;
    bool json;
};

static bool is_text_file(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".txt") == 0 || strcmp(dot, ".md") == 0);
}

static sl_status embed_text_file(sl_embedder *e, const char *path, float *vector, sl_error *err)
{
    struct sl_buf text = SL_BUF_INIT((size_t)1 << 24);
    sl_status s = sl_file_read(path, &text, err);
    if (s == SL_OK) s = sl_embed_text(e, sl_buf_str(&text), text.len, vector, err);
    sl_buf_release(&text);
    return s;
}

/* A picture, or else a video as one piece. */
static sl_status embed_media(sl_embedder *e, const char *path, int frames, float *vector, sl_error *err)
{
    struct sl_picture p = {0};
    struct sl_video *v = NULL;
    sl_status s = sl_picture_read(&p, path, SL_PICTURE_MAX_PIXELS, err);
    if (s == SL_OK) return sl_embed_pictures(e, &p, 1, vector, err);
    if (s != SL_ERR_UNSUPPORTED && s != SL_ERR_FORMAT) return s;
    sl_error other;
    if (sl_video_open(&v, path, NULL, &other) != SL_OK) return s; /* what the picture said */
    s = sl_embed_video(e, v, 0, sl_video_info(v)->seconds, frames, vector, err);
    sl_video_close(&v);
    return s;
}

static sl_status print_vector(const char *kind, const char *name, const float *vector, int n, sl_error *err)
{
    struct sl_buf line = SL_BUF_INIT((size_t)1 << 24);
    json_t *list = json_array(), *o = json_object();
    for (int i = 0; i < n; i++) json_array_append_new(list, sl_json_float(vector[i]));
    json_object_set_new(o, kind, json_string(name));
    json_object_set_new(o, "embedding", list);
    sl_status s = sl_json_dump(o, 0, &line, err);
    if (s == SL_OK) puts(sl_buf_str(&line));
    json_decref(o);
    sl_buf_release(&line);
    return s;
}

static sl_status embed_all(const struct embed_options *o, sl_embedder *e, char **files, int n_files, sl_error *err)
{
    int width = sl_embedder_width(e);
    float *vector = calloc((size_t)width, sizeof *vector);
    sl_status s = vector ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "out of memory");
    for (int i = 0; i < o->texts.n && s == SL_OK; i++) {
        s = sl_embed_text(e, o->texts.items[i], strlen(o->texts.items[i]), vector, err);
        if (s == SL_OK) s = print_vector("text", o->texts.items[i], vector, width, err);
    }
    for (int i = 0; i < n_files && s == SL_OK; i++) {
        s = is_text_file(files[i]) ? embed_text_file(e, files[i], vector, err)
                                   : embed_media(e, files[i], (int)o->frames, vector, err);
        if (s == SL_OK) s = print_vector("file", files[i], vector, width, err);
    }
    free(vector);
    return s;
}

static sl_status run(const struct embed_options *o, char **files, int n_files, sl_error *err)
{
    sl_ops *ops = NULL;
    sl_embedder *e = NULL;
    char dir[SL_CLI_PATH];
    sl_status s = sl_cli_model_dir(o->model, dir, err);
    if (s == SL_OK) s = sl_cpu_ops_default((int)o->threads, &ops, err);
    if (s == SL_OK) s = sl_embedder_open(dir, ops, SL_F32, &e, err);
    if (s == SL_OK) s = embed_all(o, e, files, n_files, err);
    sl_embedder_close(&e);
    sl_cpu_ops_free(ops);
    return s;
}

int sl_cmd_embed(int argc, char **argv)
{
    struct embed_options o = {.frames = 8};
    const struct sl_cli_option options[] = {
        {.name = "text",
         .short_name = 't',
         .arg = "TEXT",
         .help = "a text; may be given several times",
         .list = &o.texts},
        {.name = "frames", .arg = "N", .help = "frames of a video", .min = 1, .max = 64, .integer = &o.frames},
    };
    const struct sl_cli_spec spec = {
        .name = "embed",
        .args = "[MODEL] [FILE]...",
        .about =
            "Prints a vector of length 1 for each text, picture, video and text file (.txt, .md): one JSON object a\n"
            "line. What belongs together has a large product. MODEL is a folder with a contrastive part; a first\n"
            "argument that is a folder is the MODEL.",
        .example = "seedling embed MODEL cat.jpg -t 'a cat'",
        .max_args = 4096,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.threads,
        .json = &o.json,
    };
    struct sl_cli_args args;
    sl_error err = {0};
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    int first = args.n && sl_origin_exists(args.items[0]);
    if (first) o.model = args.items[0];
    if (args.n == first && !o.texts.n) return sl_cli_usage("embed", "give a FILE or --text");
    return run(&o, args.items + first, args.n - first, &err) == SL_OK ? SL_EXIT_OK
                                                                      : sl_cli_failed("embed", "%s", err.message);
}
