/*
 * comm.h: the processes that train one model together, and what they do in step: the collectives.
 *
 * A communicator is a table of functions with two ways to fill it: one process alone (comm.c) and MPI (mpi.c). Sums are
 * made in the order of the ranks, so a result depends on the number of ranks and on nothing else: not on timing, not on
 * the MPI library. Every rank calls the same collectives in the same order; a rank that has nothing to give (no sample
 * left, no picture) gives zeros and still calls. A collective that fails ends all processes: nothing sensible is left
 * to do for those that wait.
 *
 * Blocks: an array of floats that all ranks have is cut into size consecutive blocks, block r from starts[r] to
 * starts[r + 1], the last ending at starts[size]. One thread owns a communicator.
 */
#ifndef SL_COMM_COMM_H
#define SL_COMM_COMM_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sl_comm sl_comm;

struct sl_comm {
    int rank, size;
    int local_size;      /* ranks on this machine, which share its processors */
    const char *backend; /* "single", "mpi" */
    void *state;         /* of the backend */

    /* data's block of this rank becomes the sum of that block over all ranks; the other blocks are left undefined. */
    void (*reduce_scatter)(sl_comm *c, float *data, const int64_t *starts);

    /* Every rank's own block is copied to all ranks. */
    void (*all_gather)(sl_comm *c, float *data, const int64_t *starts);

    /* Rank 0's all (its other blocks are overwritten) gets each rank's block from mine; all is not read elsewhere. */
    void (*gather)(sl_comm *c, const float *mine, float *all, const int64_t *starts);

    /* Every rank's values become the sums over all ranks. */
    void (*sum)(sl_comm *c, double *values, int n);

    /* Everyone's bytes become those of rank 0. */
    void (*broadcast)(sl_comm *c, void *bytes, size_t n);

    /* Appends every rank's n bytes to out, in the order of the ranks, on all ranks; ends[r] is where rank r's end. */
    sl_status (*all_gather_bytes)(sl_comm *c, const void *bytes, size_t n, struct sl_buf *out, size_t *ends,
                                  sl_error *err);

    void (*free)(sl_comm *c); /* releases the backend; all ranks call it */
};

/*
 * Makes the communicator of this process into *out: MPI's when the program was started by its launcher and was built
 * with it, else of one process. Started by a launcher without being able to join is an error: each process would train
 * a model of its own. Release with sl_comm_free.
 */
sl_status sl_comm_new(sl_comm **out, sl_error *err);

/* Leaves and sets *c to NULL; NULL is fine. */
void sl_comm_free(sl_comm **c);

/* Writes the starts of blocks of almost equal length, each a multiple of 64 but the last, into starts (size + 1). */
void sl_comm_split(int64_t n, int size, int64_t *starts);

/*
 * The status that all ranks share: SL_OK when every rank's is, else the first rank's failure with its message in err,
 * on all ranks. For errors that one rank may meet alone, such as a file that only it reads.
 */
sl_status sl_comm_agree(sl_comm *c, sl_status mine, sl_error *err);

/* Makes a communicator of MPI's world into *out; SL_ERR_UNSUPPORTED when built without MPI. Behind sl_comm_new. */
sl_status sl_comm_mpi_new(sl_comm **out, sl_error *err);

#endif
