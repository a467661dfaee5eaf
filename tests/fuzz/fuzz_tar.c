/*
 * fuzz_tar.c: any bytes as a shard, plain or compressed: every group, and what each means as a sample.
 */
#include "data/tar.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* No name that a reader lets through leads anywhere. */
static void check_name(const char *name)
{
    if (!*name || *name == '/' || strncmp(name, "../", 3) == 0 || strstr(name, "/../")) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_data_limits limits;
    sl_data_limits_defaults(&limits);
    limits.max_shard_bytes = 64 << 20;
    limits.max_media_bytes = limits.max_row_bytes = 1 << 20;
    struct sl_tar_options o = {.limits = &limits, .source = "fuzz"};
    struct sl_tar *t;
    sl_error err = {0};
    if (sl_tar_open_memory(bytes, n, "fuzz.tar", &o, &t, &err)) abort();
    struct sl_row row = {0};
    for (bool more = true; more;) {
        struct sl_sample sample;
        struct sl_tar_group g;
        sl_sample_init(&sample, 4 << 20);
        if (sl_tar_next(t, &sample, &g, &more, &err)) abort();
        if (more) {
            for (int i = 0; i < g.n_members; i++) check_name(g.members[i].name);
            struct sl_row_place place = {
                .folder = "/data", .members = g.members, .n_members = g.n_members, .limits = &limits};
            err.message[0] = '\0';
            sl_row_begin(&row, &place, &sample, &err);
            sl_tar_row(&row);
            if (sl_row_finish(&row) ? !err.message[0] : sample.n_messages < 1) abort();
        }
        sl_sample_release(&sample);
    }
    sl_row_release(&row);
    sl_tar_close(&t);
    return 0;
}
