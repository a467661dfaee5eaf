/*
 * cmd_plot.c: the curves of runs, in the terminal or as a picture.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "train/curves.h"

#include <stdio.h>
#include <stdlib.h>

/* Prints the scaling law of every curve: log value against log tokens. */
static void print_fits(const sl_curves *c)
{
    for (int i = 0; i < c->n; i++) {
        sl_power_law p;
        if (sl_curve_fit(&c->items[i], &p))
            printf("%s: log value = %.4f log tokens %+.4f (natural logarithms; R2 %.3f of %d points)\n",
                   c->items[i].name, p.slope, p.intercept, p.r2, p.n);
        else
            printf("%s: too few points for a fit\n", c->items[i].name);
    }
}

static void print_curves(const sl_curves *c)
{
    struct sl_buf text = SL_BUF_INIT(1 << 20);
    for (int i = 0; i < c->n; i++) sl_curve_print(&c->items[i], 66, 12, &text);
    fputs(sl_buf_str(&text), stdout);
    sl_buf_release(&text);
}

int sl_cmd_plot(int argc, char **argv)
{
    const char *metric = "loss", *kind = "train", *out = NULL;
    bool fit = false;
    const struct sl_cli_option options[] = {
        {.name = "metric",
         .short_name = 'm',
         .arg = "NAME",
         .help = "what to show, with what is under it (default: loss)",
         .string = &metric},
        {.name = "kind", .arg = "KIND", .help = "lines to show", .choices = "train|held_out", .string = &kind},
        {.name = "out", .short_name = 'o', .arg = "FILE", .help = "draw a PNG instead of text", .string = &out},
        {.name = "fit", .help = "fit log value against log tokens; the picture's axes are logarithmic", .flag = &fit},
    };
    const struct sl_cli_spec spec = {
        .name = "plot",
        .args = "RUN...",
        .about = "Shows curves from the metrics.jsonl of runs, also of one that is still training.",
        .example = "seedling plot runs/stage1 --metric loss --kind held_out --fit --out loss.png",
        .min_args = 1,
        .max_args = SL_MAX_CURVES,
        .options = options,
        .n_options = SL_CLI_COUNT(options),
    };
    struct sl_cli_args args;
    int rc = sl_cli_parse(&spec, argc, argv, &args);
    if (rc != SL_CLI_RUN) return rc;
    sl_error err = {0};
    sl_curves *c = calloc(1, sizeof *c);
    sl_status s = c ? SL_OK : sl_fail(&err, SL_ERR_MEMORY, "no memory for curves");
    for (int i = 0; i < args.n && !s; i++) s = sl_curves_read(c, args.items[i], kind, metric, &err);
    if (!s && out) s = sl_curves_draw(c, metric, fit, out, &err);
    if (!s && !out && !fit) print_curves(c);
    if (!s && fit) print_fits(c);
    if (c) sl_curves_release(c);
    free(c);
    return s ? sl_cli_failed("plot", "%s", err.message) : SL_EXIT_OK;
}
