/*
 * mpi.c: the collectives over MPI 3.1, for programs that a launcher such as mpirun starts.
 *
 * Sums are made here, in the order of the ranks, rather than by MPI_Reduce, whose order is the library's choice: a run
 * would not repeat on another machine. Arrays go piece by piece, so that what is received needs little memory and
 * counts fit MPI's int. Built without MPI this file only says so.
 */
#include "comm/comm.h"

#ifdef SL_WITH_MPI

#include "base/mem.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 18 }; /* floats exchanged at once with each rank: 1 MiB */

struct mpi {
    float *received; /* (size, PIECE), owned */
    double *sums;    /* (size, n_sums), owned, grown as needed */
    size_t n_sums;
    bool initialised; /* by us, so that we end it */
};

static int64_t longest_block(const sl_comm *c, const int64_t *starts)
{
    int64_t most = 0;
    for (int r = 0; r < c->size; r++)
        if (starts[r + 1] - starts[r] > most) most = starts[r + 1] - starts[r];
    return most;
}

/* Returns how many floats of block r lie in the piece that begins `at` floats into every block. */
static int piece_of(const int64_t *starts, int r, int64_t at)
{
    int64_t left = starts[r + 1] - starts[r] - at;
    return left <= 0 ? 0 : left < PIECE ? (int)left : PIECE;
}

static void mpi_reduce_scatter(sl_comm *c, float *data, const int64_t *starts)
{
    struct mpi *m = c->state;
    int me = c->rank;
    for (int64_t at = 0, most = longest_block(c, starts); at < most; at += PIECE) {
        int mine = piece_of(starts, me, at);
        for (int d = 1; d < c->size; d++) {
            int to = (me + d) % c->size, from = (me - d + c->size) % c->size;
            MPI_Sendrecv(data + starts[to] + at, piece_of(starts, to, at), MPI_FLOAT, to, 0,
                         m->received + (size_t)from * PIECE, mine, MPI_FLOAT, from, 0, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE);
        }
        float *own = data + starts[me] + at;
        if (mine) memcpy(m->received + (size_t)me * PIECE, own, (size_t)mine * sizeof *own);
        for (int i = 0; i < mine; i++) {
            float x = m->received[i];
            for (int r = 1; r < c->size; r++) x += m->received[(size_t)r * PIECE + (size_t)i];
            own[i] = x;
        }
    }
}

static void mpi_all_gather(sl_comm *c, float *data, const int64_t *starts)
{
    for (int r = 0; r < c->size; r++)
        for (int64_t at = 0; at < starts[r + 1] - starts[r]; at += PIECE)
            MPI_Bcast(data + starts[r] + at, piece_of(starts, r, at), MPI_FLOAT, r, MPI_COMM_WORLD);
}

static void mpi_gather(sl_comm *c, const float *mine, float *all, const int64_t *starts)
{
    int me = c->rank;
    for (int r = 0; r < c->size; r++)
        for (int64_t at = 0; at < starts[r + 1] - starts[r]; at += PIECE) {
            int n = piece_of(starts, r, at);
            if (r == me && me == 0) memcpy(all + starts[0] + at, mine + at, (size_t)n * sizeof *mine);
            if (r == me && me != 0) MPI_Send(mine + at, n, MPI_FLOAT, 0, 1, MPI_COMM_WORLD);
            if (r != me && me == 0)
                MPI_Recv(all + starts[r] + at, n, MPI_FLOAT, r, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        }
}

static void mpi_sum(sl_comm *c, double *values, int n)
{
    struct mpi *m = c->state;
    size_t need = (size_t)c->size * (size_t)n;
    if (need > m->n_sums) {
        free(m->sums);
        m->sums = sl_alloc_array(need, sizeof *m->sums);
        m->n_sums = need;
        if (!m->sums) MPI_Abort(MPI_COMM_WORLD, 1);
    }
    MPI_Allgather(values, n, MPI_DOUBLE, m->sums, n, MPI_DOUBLE, MPI_COMM_WORLD);
    for (int i = 0; i < n; i++) {
        values[i] = m->sums[i];
        for (int r = 1; r < c->size; r++) values[i] += m->sums[(size_t)r * (size_t)n + (size_t)i];
    }
}

static void mpi_broadcast(sl_comm *c, void *bytes, size_t n)
{
    (void)c;
    for (size_t at = 0; at < n; at += (size_t)PIECE)
        MPI_Bcast((char *)bytes + at, (int)(n - at < (size_t)PIECE ? n - at : (size_t)PIECE), MPI_BYTE, 0,
                  MPI_COMM_WORLD);
}

static sl_status mpi_bytes(sl_comm *c, const void *bytes, size_t n, struct sl_buf *out, size_t *ends, sl_error *err)
{
    int *counts = sl_alloc_array(2 * (size_t)c->size, sizeof *counts), mine = (int)n;
    SL_CHECK(counts && n < (size_t)1 << 30);
    MPI_Allgather(&mine, 1, MPI_INT, counts, 1, MPI_INT, MPI_COMM_WORLD);
    int *at = counts + c->size;
    size_t total = 0;
    for (int r = 0; r < c->size; r++) {
        at[r] = (int)total;
        total += (size_t)counts[r];
        ends[r] = out->len + total;
    }
    char *all = malloc(total + 1);
    SL_CHECK(all && total < (size_t)1 << 31);
    MPI_Allgatherv(n ? bytes : all, mine, MPI_BYTE, all, counts, at, MPI_BYTE, MPI_COMM_WORLD);
    if (total) sl_buf_add(out, all, total);
    free(all);
    free(counts);
    return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for %zu bytes", total);
}

static void mpi_free(sl_comm *c)
{
    struct mpi *m = c->state;
    if (m->initialised) MPI_Finalize();
    free(m->received);
    free(m->sums);
    free(m);
    free(c);
}

/* Counts the ranks on this machine. */
static int count_local(void)
{
    MPI_Comm local;
    int n = 1;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
    MPI_Comm_size(local, &n);
    MPI_Comm_free(&local);
    return n;
}

sl_status sl_comm_mpi_new(sl_comm **out, sl_error *err)
{
    int provided, already = 0;
    MPI_Initialized(&already);
    if (!already && MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return sl_fail(err, SL_ERR_UNSUPPORTED, "MPI could not be started");
    sl_comm *c = sl_alloc_array(1, sizeof *c);
    struct mpi *m = sl_alloc_array(1, sizeof *m);
    SL_CHECK(c && m);
    *c = (sl_comm){
        .local_size = count_local(),
        .backend = "mpi",
        .state = m,
        .reduce_scatter = mpi_reduce_scatter,
        .all_gather = mpi_all_gather,
        .gather = mpi_gather,
        .sum = mpi_sum,
        .broadcast = mpi_broadcast,
        .all_gather_bytes = mpi_bytes,
        .free = mpi_free,
    };
    MPI_Comm_rank(MPI_COMM_WORLD, &c->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &c->size);
    m->initialised = !already;
    m->received = sl_alloc_array((size_t)c->size * PIECE, sizeof *m->received);
    SL_CHECK(m->received);
    *out = c;
    return SL_OK;
}

#else

sl_status sl_comm_mpi_new(sl_comm **out, sl_error *err)
{
    *out = NULL;
    return sl_fail(err, SL_ERR_UNSUPPORTED,
                   "started by an MPI launcher, but built without MPI (install libmpich-dev and build again)");
}

#endif
