/*
 * bench.h: measurements of `seedling bench`: each is a rate and the fraction of a limit measured in the same run.
 */
#ifndef SL_CLI_BENCH_H
#define SL_CLI_BENCH_H

#include "base/error.h"
#include "tensor/ops.h"

/* One result. */
struct sl_bench_row {
    const char *bench; /* "gemm", "vision", ... */
    char shape[80];
    const char *dtype;
    int threads;
    double rate;
    const char *unit; /* of rate and limit: "GFLOP/s", "GB/s" */
    double limit;
    double fraction; /* rate / limit */
};

/* What a measurement runs on and where its rows go. */
struct sl_bench {
    const sl_ops *ops;
    void (*emit)(void *arg, const struct sl_bench_row *row);
    void *arg;
    const char *model; /* of sl_bench_file: a folder, a GGUF file or a pair of them */
    int sequences;     /* of a training step */
    bool f32;          /* the training step in f32, instead of bf16 */
};

enum { SL_BENCH_REPEATS = 5, SL_BENCH_MOST = 32 };

/*
 * The repeats behind one row. Zeroed memory is a new one; its first repeat warms up and is not counted. Each repeat
 * measures the limit just before the rate, so that a machine that others slow down slows both; medians go to the row.
 */
struct sl_bench_series {
    double rates[SL_BENCH_MOST], limits[SL_BENCH_MOST];
    int n; /* counted repeats */
    bool warm;
    double start;
};

/* Whether to repeat again: until there are `repeats`, or three and half a minute has passed. */
bool sl_bench_more(struct sl_bench_series *s, int repeats);

/* Adds one repeat, in the unit of the row. */
void sl_bench_add(struct sl_bench_series *s, double rate, double limit);

/* Fills in the medians, threads and the fraction, and emits. */
void sl_bench_finish(const struct sl_bench *b, struct sl_bench_series *s, struct sl_bench_row row);

/* Returns the middle of n values (n >= 1), reordering them. */
double sl_bench_median(double *values, int n);

/* Fills in threads (unless they are set) and fraction, and emits. */
void sl_bench_emit(const struct sl_bench *b, struct sl_bench_row row);

/* Products of the model's shapes in bf16, f32 and int8, packing of the activations included. */
sl_status sl_bench_gemm(const struct sl_bench *b, sl_error *err);

/* The slots of the ops table that are bound by memory, and attention. */
sl_status sl_bench_ops(const struct sl_bench *b, sl_error *err);

/* Seed-ViT (532M) with random weights on one 1008 x 756 picture, bf16: the whole forward pass. */
sl_status sl_bench_vision(const struct sl_bench *b, sl_error *err);

/* 1,024 tokens through a dense decoder of 2B parameters, bf16. */
sl_status sl_bench_prefill(const struct sl_bench *b, sl_error *err);

/* The same decoder one token at a time, bf16 and int8 weights: bytes of weights and cache read, against memory. */
sl_status sl_bench_decode(const struct sl_bench *b, sl_error *err);

/* JPEG files of 1024 x 768 to normalised patches on every thread, and resizing alone, against decoding alone. */
sl_status sl_bench_loader(const struct sl_bench *b, sl_error *err);

/* Making training data: samples a second on one core of each family, against the rate asked of it (docs/SYNTH.md). */
sl_status sl_bench_synth(const struct sl_bench *b, sl_error *err);

/*
 * The server with 1, 8 and 32 clients: tokens a second, times to the first token, silences; each against what is asked
 * of it in proportion to one client. A quarter of a minute.
 */
sl_status sl_bench_serve(const struct sl_bench *b, sl_error *err);

/* Forward, backward and AdamW of `mini` on packed sequences of 2,048 tokens with pictures. */
sl_status sl_bench_train(const struct sl_bench *b, sl_error *err);

/* Vision, prefill and decode (what names one of them; NULL: all) of b->model, as it is in its file. */
sl_status sl_bench_file(const struct sl_bench *b, const char *what, sl_error *err);

#endif
