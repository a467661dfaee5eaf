/*
 * convert.h: a model from one kind of checkpoint to the other: folders with safetensors, and GGUF files.
 */
#ifndef SL_MODEL_CONVERT_H
#define SL_MODEL_CONVERT_H

#include "model/gguf_names.h"
#include "model/model.h"

typedef struct sl_convert_options {
    const sl_ops *ops; /* for its threads */
    /*
     * Of matrices: SL_F32, SL_F16 (GGUF only), SL_BF16, or what sl_blocks_encode makes (GGUF only). Vectors, and the
     * routers, stay f32. With a block type the vision tower and the adapter become bf16, and rows that are no whole
     * blocks what sl_blocks_fit says.
     */
    sl_dtype type;
    /*
     * Of a GGUF file: whose names it has. SL_N_GGUF_LAYOUTS: llama.cpp's pair for a family that it knows, else this
     * program's own.
     */
    sl_gguf_layout layout;
    const char *mmproj;    /* the second file of a pair; NULL: "mmproj-" before the name of the first */
    size_t max_part_bytes; /* a larger checkpoint is cut into several files; 0: never */
    /* Called before each tensor with how many are done, or NULL. */
    void (*progress)(void *arg, int done, int all);
    void *progress_arg;
} sl_convert_options;

/*
 * Reads the model at `in`, a folder or a GGUF file, and writes it to `out`: a GGUF file, or pair, when the name ends in
 * ".gguf", else a folder, which is made. Numbers are streamed: memory holds one tensor. A failure leaves what was
 * there.
 */
sl_status sl_convert(const char *in, const char *out, const sl_convert_options *o, sl_error *err);

#endif
