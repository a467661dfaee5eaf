/*
 * cmd_locate.c: `seedling locate`: when in a video something is seen.
 */
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/engine_arg.h"
#include "cli/model_arg.h"
#include "infer/segments.h"
#include "tensor/cpu/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SPANS = 64 };

struct locate_options {
    const char *model, *video, *text, *index;
    sl_segment_options how;
    double overlap;
    int64_t threads, frames, top;
    bool json;
};

static void tell(void *bar, int done, int n)
{
    struct sl_progress *p = bar;
    p->total = n;
    sl_progress_to(p, done);
}

/* The video's pieces: from the index when it is of this video, else made, and kept there. */
static sl_status get_segments(const struct locate_options *o, const char *dir, sl_embedder *e, sl_segments *out,
                              sl_error *err)
{
    struct sl_progress bar;
    uint64_t key = sl_segments_key(o->video, dir, sl_embedder_width(e), &o->how);
    if (o->index && sl_segments_load(o->index, key, out)) return SL_OK;
    sl_progress_begin(&bar, "looking", "pieces", 0);
    sl_status s = sl_segments_make(e, o->video, &o->how, tell, &bar, out, err);
    sl_progress_end(&bar);
    if (s == SL_OK && o->index) s = sl_segments_save(out, key, o->index, err);
    return s;
}

static void print_spans(const struct locate_options *o, const sl_span *spans, int n)
{
    if (o->json) printf("[");
    for (int i = 0; i < n; i++) {
        const sl_span *s = &spans[i];
        if (o->json)
            printf("%s{\"start\":%.2f,\"end\":%.2f,\"score\":%.4f}", i ? "," : "", s->start, s->end, (double)s->score);
        else
            printf("%7.1f - %.1f seconds  (%.3f)\n", s->start, s->end, (double)s->score);
    }
    if (o->json) printf("]\n");
}

static sl_status locate(const struct locate_options *o, sl_error *err)
{
    sl_ops *ops = NULL;
    sl_embedder *e = NULL;
    sl_segments segments = {0};
    sl_span spans[MAX_SPANS];
    float *vector = NULL;
    char dir[SL_CLI_PATH];
    sl_status s = sl_cli_model_dir(o->model, dir, err);
    if (s == SL_OK) s = sl_cpu_ops_default((int)o->threads, &ops, err);
    if (s == SL_OK) s = sl_embedder_open(dir, ops, SL_F32, &e, err);
    if (s == SL_OK && !(vector = calloc((size_t)sl_embedder_width(e), sizeof *vector)))
        s = sl_fail(err, SL_ERR_MEMORY, "out of memory");
    if (s == SL_OK) s = sl_embed_text(e, o->text, strlen(o->text), vector, err);
    if (s == SL_OK) s = get_segments(o, dir, e, &segments, err);
    if (s == SL_OK) print_spans(o, spans, sl_segments_search(&segments, vector, spans, (int)o->top));
    sl_segments_release(&segments);
    free(vector);
    sl_embedder_close(&e);
    sl_cpu_ops_free(ops);
    return s;
}

int sl_cmd_locate(int argc, char **argv)
{
    struct locate_options o = {.overlap = 0.5, .frames = 4, .top = 5};
    sl_segment_options_defaults(&o.how);
    const struct sl_cli_option options[] = {
        {.name = "seconds", .arg = "S", .help = "length of a piece", .min = 0.1, .max = 600, .number = &o.how.seconds},
        {.name = "overlap",
         .arg = "F",
         .help = "part of a piece that the next one shares",
         .max = 0.95,
         .number = &o.overlap},
        {.name = "frames",
         .arg = "N",
         .help = "frames looked at in a piece",
         .min = 1,
         .max = 64,
         .integer = &o.frames},
        {.name = "top", .arg = "N", .help = "spans at most", .min = 1, .max = MAX_SPANS, .integer = &o.top},
        {.name = "index",
         .arg = "FILE",
         .help = "where the pieces' vectors are kept, so that the next question is quick",
         .string = &o.index},
    };
    const struct sl_cli_spec spec = {
        .name = "locate",
        .args = "[MODEL] VIDEO TEXT",
        .about =
            "Finds when in a video something is seen: overlapping pieces become vectors, and those nearest to the\n"
            "text's vector are joined to spans. MODEL is a folder with a contrastive part.",
        .example = "seedling locate MODEL street.mp4 'a red car' --index street.index",
        .min_args = 2,
        .max_args = 3,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
        .threads = &o.threads,
        .json = &o.json,
    };
    struct sl_cli_args args;
    sl_error err = {0};
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    o.model = args.n == 3 ? args.items[0] : NULL;
    o.video = args.items[args.n - 2];
    o.text = args.items[args.n - 1];
    o.how.step = o.how.seconds * (1 - o.overlap);
    o.how.n_frames = (int)o.frames;
    return locate(&o, &err) == SL_OK ? SL_EXIT_OK : sl_cli_failed("locate", "%s", err.message);
}
