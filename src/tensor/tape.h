/*
 * tape.h: where operations run: the context, the optional tape, and gradients.
 *
 * Operations (fn.h) run at once. With a tape they also record a node that knows how to run backward; without one
 * nothing is kept, and a block's temporaries are released as soon as it ends. The same model code trains and infers.
 *
 * Errors are sticky: the only one that an operation can meet is a full arena; it is kept in the context, later
 * operations return NULL and do nothing, and whoever started the work asks sl_ctx_status once.
 *
 * A context without an ops table is a dry run: shapes, memory and FLOPs are accounted for exactly, and no data is
 * read or written, so a model of any size can be planned. One thread owns a context.
 */
#ifndef SL_TENSOR_TAPE_H
#define SL_TENSOR_TAPE_H

#include "base/arena.h"
#include "tensor/ops.h"

struct sl_ctx;

/* One recorded operation; the structs of fn*.c begin with it. */
typedef struct sl_node {
    struct sl_node *previous;
    void (*backward)(struct sl_ctx *ctx, struct sl_node *node);
} sl_node;

/* The operations recorded so far, newest first. */
typedef struct sl_tape {
    sl_node *last;
} sl_tape;

typedef struct sl_ctx {
    const sl_ops *ops;     /* NULL: a dry run */
    struct sl_arena *data; /* elements of tensors */
    struct sl_arena *meta; /* tensor structs and tape nodes */
    sl_tape *tape;         /* NULL: keep nothing */
    sl_dtype dt;           /* SL_F32 or SL_BF16: dtype of activations */
    double flops;          /* multiply-adds of products and attention so far, times two: forward */
    double backward_flops; /* the same of those gradients that something needs; a recomputed forward is none */
    bool failed;
    sl_error error;
    /* Called with every named intermediate value (docs/MODEL.md, section 10), or NULL. */
    void (*observe)(void *arg, const char *name, const sl_tensor *t);
    void *observe_arg;
} sl_ctx;

/* Calls a slot of the ops table with the table as its first argument; does nothing in a dry run. */
#define SL_RUN(ctx, slot, ...)                                                                                         \
    do {                                                                                                               \
        if ((ctx)->ops) (ctx)->ops->slot((ctx)->ops, __VA_ARGS__);                                                     \
    } while (0)

/* A position in both arenas. */
typedef struct sl_mark {
    size_t data, meta;
} sl_mark;

/* The present position. */
sl_mark sl_ctx_mark(const sl_ctx *ctx);
/* Releases all that was allocated since the mark. */
void sl_ctx_release_to(sl_ctx *ctx, sl_mark mark);

/* SL_OK, or the sticky error, copied to err. */
sl_status sl_ctx_status(const sl_ctx *ctx, sl_error *err);

/* Returns uninitialised memory for tensor data, or NULL with the sticky error set. Lives in ctx->data. */
void *sl_ctx_alloc(sl_ctx *ctx, size_t bytes);

/* Returns uninitialised memory for structs, or NULL with the sticky error set. Lives in ctx->meta. */
void *sl_ctx_alloc_meta(sl_ctx *ctx, size_t bytes);

/* Returns a new tensor (rows, cols) without gradient, or NULL with the sticky error set. Lives in the arenas. */
sl_tensor *sl_tensor_new(sl_ctx *ctx, sl_dtype dtype, int64_t rows, int64_t cols);

/* Returns a tensor that borrows data (rows, cols), or NULL with the sticky error set. */
sl_tensor *sl_tensor_wrap(sl_ctx *ctx, sl_dtype dtype, int64_t rows, int64_t cols, void *data);

/* Names an intermediate value for ctx->observe; printf-style. */
void sl_observe(sl_ctx *ctx, const sl_tensor *t, const char *fmt, ...) SL_PRINTF(3, 4);

/*
 * Records a node of size bytes (its struct starts with sl_node), zeroed behind the header. Returns NULL without a
 * tape, when needs_grad is false, or with the sticky error set: then there is nothing to fill in.
 */
void *sl_tape_push(sl_ctx *ctx, size_t size, bool needs_grad, void (*backward)(sl_ctx *, sl_node *));

/*
 * Returns the gradient of x to write to, making it if this is the first contribution; *accumulate tells whether to
 * add. NULL when x needs none. Call at most once for each contribution.
 */
sl_tensor *sl_grad_of(sl_ctx *ctx, sl_tensor *x, bool *accumulate);

/* Passes dy on as the gradient of x without copying, when x has none yet (dy is not needed any more); else adds it. */
void sl_grad_pass(sl_ctx *ctx, sl_tensor *x, sl_tensor *dy);

/* Runs the tape backward from where it stands and empties it. Gradients of its last results must have been set. */
void sl_tape_backward(sl_ctx *ctx);

/* A piece of a model: maps x to a tensor of the same shape; arg is the caller's. */
typedef sl_tensor *sl_block_fn(sl_ctx *ctx, void *arg, sl_tensor *x);

/*
 * A context with arenas of its own. ops NULL makes it a dry run: then data.peak tells what the work would take.
 */
typedef struct sl_workspace {
    struct sl_arena data, meta;
    sl_ctx ctx;
} sl_workspace;

/* Reserves data_ceiling bytes of address space for tensor data; memory is committed as it is used. */
sl_status sl_workspace_init(sl_workspace *w, const sl_ops *ops, sl_dtype dt, size_t data_ceiling, sl_error *err);
/* Releases everything allocated in the context and clears its error, tape and FLOP count. */
void sl_workspace_reset(sl_workspace *w);
void sl_workspace_free(sl_workspace *w);

/* What a block keeps for backward. */
typedef enum sl_keep {
    SL_KEEP_NOTHING, /* no backward: works in place on x and returns x */
    SL_KEEP_INPUT,   /* only x: the block runs again in backward */
    SL_KEEP_ALL,     /* everything that its operations record */
} sl_keep;

/*
 * Runs a block and releases what it need not keep. Without a tape it keeps nothing, whatever is asked. With
 * SL_KEEP_INPUT, arg must stay valid until backward.
 */
sl_tensor *sl_block(sl_ctx *ctx, sl_block_fn *fn, void *arg, sl_tensor *x, sl_keep keep);

#endif
