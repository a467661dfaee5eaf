/*
 * comm.c: choosing a backend, and the backend of one process alone, where every collective is the identity.
 */
#include "comm/comm.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void single_blocks(sl_comm *c, float *data, const int64_t *starts)
{
    (void)c, (void)data, (void)starts;
}

static void single_gather(sl_comm *c, const float *mine, float *all, const int64_t *starts)
{
    (void)c;
    memcpy(all + starts[0], mine, (size_t)(starts[1] - starts[0]) * sizeof *mine);
}

static void single_sum(sl_comm *c, double *values, int n)
{
    (void)c, (void)values, (void)n;
}

static void single_broadcast(sl_comm *c, void *bytes, size_t n)
{
    (void)c, (void)bytes, (void)n;
}

static sl_status single_bytes(sl_comm *c, const void *bytes, size_t n, struct sl_buf *out, size_t *ends, sl_error *err)
{
    (void)c;
    if (n) sl_buf_add(out, bytes, n);
    ends[0] = out->len;
    return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for %zu bytes", n);
}

static void single_free(sl_comm *c)
{
    free(c);
}

static sl_status single_new(sl_comm **out, sl_error *err)
{
    *out = sl_alloc_array(1, sizeof **out);
    if (!*out) return sl_fail(err, SL_ERR_MEMORY, "no memory for a communicator");
    **out = (sl_comm){
        .size = 1,
        .local_size = 1,
        .backend = "single",
        .reduce_scatter = single_blocks,
        .all_gather = single_blocks,
        .gather = single_gather,
        .sum = single_sum,
        .broadcast = single_broadcast,
        .all_gather_bytes = single_bytes,
        .free = single_free,
    };
    return SL_OK;
}

/* True when a launcher of MPI programs started this process: what MPICH (PMI), Open MPI and Slurm set. */
static bool launched(void)
{
    static const char *const names[] = {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i])) return true;
    return false;
}

sl_status sl_comm_new(sl_comm **out, sl_error *err)
{
    return launched() ? sl_comm_mpi_new(out, err) : single_new(out, err);
}

void sl_comm_free(sl_comm **c)
{
    if (*c) (*c)->free(*c);
    *c = NULL;
}

void sl_comm_split(int64_t n, int size, int64_t *starts)
{
    int64_t each = ((n + size - 1) / size + 63) / 64 * 64;
    for (int r = 0; r <= size; r++) starts[r] = each * r < n ? each * r : n;
}

sl_status sl_comm_agree(sl_comm *c, sl_status mine, sl_error *err)
{
    if (c->size == 1) return mine;
    struct {
        sl_status status;
        sl_error error;
    } said = {.status = mine}, heard;
    if (mine && err) said.error = *err;
    size_t *ends = sl_alloc_array((size_t)c->size, sizeof *ends);
    struct sl_buf all = SL_BUF_INIT((size_t)c->size * sizeof said);
    sl_error why = {0};
    SL_CHECK(ends);
    sl_status s = c->all_gather_bytes(c, &said, sizeof said, &all, ends, &why);
    for (int r = 0; r < c->size && !s; r++) {
        memcpy(&heard, all.data + (size_t)r * sizeof heard, sizeof heard);
        if (heard.status) s = sl_fail(err, heard.status, "%s", heard.error.message);
    }
    sl_buf_release(&all);
    free(ends);
    return s;
}
