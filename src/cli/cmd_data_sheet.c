/*
 * cmd_data_sheet.c: `seedling data sheet`: a family's samples on one picture, made on the spot.
 */
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/data.h"
#include "media/picture_write.h"
#include "synth/contact_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JPEG_QUALITY = 72 };

struct sheet_options {
    const char *out, *task;
    int64_t n, columns, cell, level, seed;
    bool held_out, think;
};

static sl_status write_sheet(const struct sl_picture *p, const char *path, sl_error *err)
{
    const char *dot = strrchr(path, '.');
    if (!dot || strcmp(dot, ".jpg") != 0) return sl_picture_write(p, path, err);
    struct sl_buf jpeg = SL_BUF_INIT((size_t)1 << 28);
    sl_status status = sl_picture_encode_jpeg(p, JPEG_QUALITY, &jpeg, err);
    if (!status) status = sl_file_write(path, jpeg.data, jpeg.len, err);
    sl_buf_release(&jpeg);
    return status;
}

static sl_status read_recipe(const char *family, const struct sheet_options *o, struct sl_recipe *r, sl_error *err)
{
    json_t *of_family = json_pack("{s:f}", "thinking", o->think ? 1.0 : 0.0);
    if (o->task) json_object_set_new(of_family, "tasks", json_pack("[s]", o->task));
    if (o->level >= 0) json_object_set_new(of_family, "levels", json_pack("[I]", (json_int_t)o->level));
    json_t *tree = json_pack("{s:I, s:{s:o}}", "seed", (json_int_t)o->seed, "families", family, of_family);
    sl_status status = tree ? sl_recipe_read(tree, r, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a recipe");
    json_decref(tree);
    return status;
}

/* Makes the samples; with every task in turn when there is no one asked for. */
static sl_status make_samples(const struct sl_recipe *r, const struct sheet_options *o, void *state,
                              struct sl_recipe_sample *samples, sl_error *err)
{
    const struct sl_recipe_family *f = &r->families[0];
    const int share = f->family->share ? f->family->share : 1; /* one of those that are about the same thing */
    sl_status status = SL_OK;
    for (int i = 0; i < (int)o->n && !status; i++) {
        struct sl_recipe one = *r; /* shares what it owns */
        const struct sl_recipe_place at = {.split = o->held_out ? SL_SYNTH_HELD_OUT : SL_SYNTH_TRAIN,
                                           .number = i * share};
        if (!o->task)
            for (int t = 0; t < f->family->n_tasks; t++) one.families[0].task_weights[t] = t == i % f->family->n_tasks;
        status = sl_recipe_make(&one, &at, state, &samples[i], err);
        samples[i].row.key = samples[i].key;
    }
    return status;
}

static sl_status make_sheet(const char *family, const struct sheet_options *o, sl_error *err)
{
    struct sl_recipe r = {0};
    struct sl_picture sheet = {0};
    void *state = NULL;
    struct sl_recipe_sample *samples = sl_alloc_array((size_t)o->n, sizeof *samples);
    sl_status status = samples ? read_recipe(family, o, &r, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a sheet");
    const struct sl_synth_family *f = status ? NULL : r.families[0].family;
    if (!status && f->open) status = f->open(&state, err);
    bool open = !status && f->open;
    if (!status) status = make_samples(&r, o, state, samples, err);
    const struct sl_contact_page page = {.columns = (int)o->columns, .cell = (int)o->cell, .text = (int)o->cell / 3};
    if (!status) status = sl_contact_page(samples, (int)o->n, &page, &sheet, err);
    if (!status) status = write_sheet(&sheet, o->out, err);
    for (int i = 0; samples && i < (int)o->n; i++) sl_synth_sample_release(&samples[i].sample);
    if (open) f->close(state);
    free(samples);
    sl_picture_free(&sheet);
    sl_recipe_release(&r);
    return status;
}

static int no_such_family(const char *command, const char *name)
{
    struct sl_buf names = SL_BUF_INIT(4096);
    for (int i = 0; i < sl_synth_n_families(); i++)
        sl_buf_addf(&names, "%s%s", i ? ", " : "", sl_synth_family_at(i)->name);
    int rc = sl_cli_usage(command, "no family '%s'; there are %s", name, sl_buf_str(&names));
    sl_buf_release(&names);
    return rc;
}

int sl_cmd_data_sheet(int argc, char **argv)
{
    struct sheet_options o = {.n = 16, .columns = 4, .cell = 240, .level = -1};
    const struct sl_cli_option options[] = {
        {.name = "out",
         .short_name = 'o',
         .arg = "FILE",
         .help = "where the sheet goes: .jpg or .png",
         .string = &o.out},
        {.name = "task", .arg = "TASK", .help = "only this task (default: all in turn)", .string = &o.task},
        {.name = "level",
         .arg = "N",
         .help = "only this level (default: any)",
         .min = 0,
         .max = 15,
         .integer = &o.level},
        {.name = "n", .arg = "N", .help = "samples (default: 16)", .min = 1, .max = 400, .integer = &o.n},
        {.name = "columns",
         .arg = "N",
         .help = "samples in a row (default: 4)",
         .min = 1,
         .max = 40,
         .integer = &o.columns},
        {.name = "cell",
         .arg = "PIXELS",
         .help = "width of a sample (default: 240)",
         .min = 64,
         .max = 2048,
         .integer = &o.cell},
        {.name = "seed", .arg = "N", .help = "which samples (default: 0)", .min = 0, .max = 9e18, .integer = &o.seed},
        {.name = "held-out", .help = "of the held-out split", .flag = &o.held_out},
        {.name = "think", .help = "with the reasoning before the answer", .flag = &o.think},
    };
    const struct sl_cli_spec spec = {
        .name = "data sheet",
        .args = "FAMILY",
        .about =
            "Makes some samples of a family of docs/SYNTH.md and draws them on one picture, with question and answer\n"
            "and the shapes of the answer: to see what the family looks like.",
        .example = "seedling data sheet grounding --out grounding.jpg\n"
                   "  seedling data sheet charts --task table --level 2 --held-out --cell 480 --out charts.png",
        .min_args = 1,
        .max_args = 1,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    if (!o.out) return sl_cli_usage(spec.name, "--out FILE says where the sheet goes");
    if (!sl_synth_family_find(args.items[0])) return no_such_family(spec.name, args.items[0]);
    sl_error err = {0};
    sl_status status = make_sheet(args.items[0], &o, &err);
    return status ? sl_cli_failed(spec.name, "%s", err.message) : SL_EXIT_OK;
}
