/*
 * gemm.h: what the files of the matrix product share: the layout of packed operands, and the interface between the
 * framework (gemm_drive.c), which blocks and splits a product over threads, and the kernels of each level.
 *
 * All of k is counted in steps of 64 bytes: 16 floats, 32 bf16 or 64 int8. A packed (n, k) operand is cut into panels
 * of 32 columns (n and k are rounded up, missing entries are zero); a panel holds, for each step, two tiles of 1 KB,
 * each for 16 columns. A tile has 16 rows of 16 dwords; dword j of row r holds, of column j, float r of the step, or
 * the bf16 pair 2r, 2r + 1, or the int8 quadruple 4r .. 4r + 3. That is what AMX reads as its right operand; the
 * vector kernels read the same bytes, so all levels share one layout. Behind the panels of an SL_I8 operand stand one
 * f32 scale a column and then one i32 sum over k a column (for kernels whose left operand must be unsigned).
 */
#ifndef SL_TENSOR_CPU_GEMM_H
#define SL_TENSOR_CPU_GEMM_H

#include "tensor/ops.h"

enum { GEMM_PANEL = 32, GEMM_TILE_BYTES = 1024, GEMM_STEP_BYTES = 2 * GEMM_TILE_BYTES };

/* Rounds x up to a multiple of unit. */
static inline int64_t gemm_round_up(int64_t x, int64_t unit)
{
    return (x + unit - 1) / unit * unit;
}

/* How many consecutive k make a step. */
static inline int64_t gemm_step(sl_dtype type)
{
    return type == SL_F32 ? 16 : type == SL_BF16 ? 32 : 64;
}

/* The steps of k. */
static inline int64_t gemm_steps(sl_dtype type, int64_t k)
{
    return (k + gemm_step(type) - 1) / gemm_step(type);
}

/* Bytes of the panels of an (n, k) operand, without scales and sums. */
static inline size_t gemm_panels_size(int64_t n, int64_t k, sl_dtype type)
{
    return (size_t)(gemm_round_up(n, GEMM_PANEL) / GEMM_PANEL) * (size_t)gemm_steps(type, k) * GEMM_STEP_BYTES;
}

/* The scales behind the panels of an SL_I8 operand, and the sums behind those; one for each of the padded columns. */
static inline float *gemm_scales(const void *packed, int64_t n, int64_t k)
{
    return (float *)((char *)packed + gemm_panels_size(n, k, SL_I8));
}
static inline int32_t *gemm_sums(const void *packed, int64_t n, int64_t k)
{
    return (int32_t *)(gemm_scales(packed, n, k) + gemm_round_up(n, GEMM_PANEL));
}

/* Element index of (j, i) in a packed operand whose k is `depth` long; i counts along k. */
static inline size_t gemm_packed_index(sl_dtype type, int64_t depth, int64_t j, int64_t i)
{
    int64_t step = gemm_step(type), group = step / 16; /* elements in a dword */
    int64_t tile = (j / 32 * gemm_steps(type, depth) + i / step) * 2 + j % 32 / 16;
    return (size_t)(tile * 16 * step + i % step / group * step + j % 16 * group + i % group);
}

/* What values are multiplied with before they are rounded to int8, so that the largest magnitude becomes 127. */
static inline float gemm_i8_inverse(float most)
{
    return most > 1e-30f ? 127.0f / most : 0.0f;
}

/* What product type the operands give: b's when it is packed, else bf16 when both are, else f32. */
static inline sl_dtype gemm_compute_type(const sl_gemm *g)
{
    if (g->b_packed) return g->b_type;
    return g->a_type == SL_BF16 && g->b_type == SL_BF16 ? SL_BF16 : SL_F32;
}

/* An operand as the caller stores it. */
struct gemm_source {
    const void *data;
    int64_t ld; /* elements between stored rows */
    sl_dtype type;
    sl_layout layout;
};

/* A piece of an operand to pack: `rows` outer entries (of m or n) from `row`, and `depth` of k from `k`. */
struct gemm_piece {
    const struct gemm_source *source;
    int64_t row, rows, k, depth;
    const float *inverse; /* (rows) for int8: what each row is multiplied with; else NULL */
};

/* What becomes of the accumulators: see sl_gemm. Pointers are the group's. */
struct gemm_epilogue {
    const sl_gemm *g;
    void *c;
    bool accumulate;
    const float *row_scales, *column_scales; /* int8: accumulators are i32; row_scales of the panel's rows */
    bool stream; /* c is large and aligned to cache lines: write past the caches, whole lines at once */
};

/* Where a block of accumulators goes: rows x columns of c from (row, column). */
struct gemm_place {
    int64_t row, column;
    int rows, columns;
};

/* A finished block of accumulators on its way to c, `done` rows of it already there. */
struct gemm_tail {
    struct gemm_epilogue epilogue;
    const char *block; /* (rows, 32) f32 or i32 */
    struct gemm_place place;
    int done;
    void (*run)(const struct gemm_tail *t, int rows); /* rows done .. done + rows - 1 */
};

/* Brings up to `rows` more rows to c. */
static inline void gemm_tail_advance(struct gemm_tail *t, int rows)
{
    int left = t->place.rows - t->done, n = rows < left ? rows : left;
    if (n <= 0) return;
    t->run(t, n);
    t->done += n;
}

/*
 * One call of a micro-kernel: a piece of k of one panel of b meets a column of panels of a. The accumulators of row
 * panel i are block (c_index + i) & c_mask of c: blocks of (kernel's rows, 32) f32 or i32.
 */
struct gemm_micro {
    const char *a, *b;
    size_t a_panel_bytes;
    char *c;
    int64_t c_index, c_mask;
    int64_t panels, rows; /* of a; the last panel may have fewer rows than the kernel's */
    int64_t steps;
    int64_t chunk;           /* stream only: after so many steps a goes on a_panel_bytes further */
    bool first, last;        /* accumulators start at zero; accumulators are complete */
    const int32_t *sums;     /* of the panel's columns; int8 only */
    const float *row_scales; /* (rows); int8 only */
    struct gemm_place place; /* of panel 0's accumulators; its rows do not count */
    struct gemm_tail *tail;  /* where complete blocks go; the kernel may work it off while it multiplies */
    /* What will be read soon, to be prefetched: so many cache lines in each step, running on from panel to panel. */
    const char *next_a, *next_b;
    int next_a_lines, next_b_lines;
};

/* The accumulators of row panel i. */
static inline char *gemm_block(const struct gemm_micro *m, int64_t i, int kernel_rows)
{
    return m->c + (size_t)((m->c_index + i) & m->c_mask) * (size_t)kernel_rows * GEMM_PANEL * sizeof(float);
}

/* The rows of row panel i. */
static inline int gemm_panel_rows(const struct gemm_micro *m, int64_t i, int kernel_rows)
{
    int64_t left = m->rows - i * kernel_rows;
    return (int)(left < kernel_rows ? left : kernel_rows);
}

/* Hands the complete accumulators of row panel i to the tail, which finishes what it had before. */
static inline void gemm_complete(const struct gemm_micro *m, int64_t i, int kernel_rows)
{
    struct gemm_tail *t = m->tail;
    gemm_tail_advance(t, t->place.rows);
    t->block = gemm_block(m, i, kernel_rows);
    t->epilogue.row_scales = m->row_scales ? m->row_scales + i * kernel_rows : NULL;
    t->place = m->place;
    t->place.row += i * kernel_rows;
    t->place.rows = gemm_panel_rows(m, i, kernel_rows);
    t->done = 0;
}

/* How a level multiplies one type. */
struct gemm_kernel {
    sl_dtype type;                      /* of the packed right operand */
    int rows;                           /* of a panel of a: the most that micro takes */
    int chunk_steps;                    /* the most steps of one micro call */
    size_t a_fixed_bytes, a_step_bytes; /* bytes of a packed panel of a: fixed plus so many for each step */
    void (*begin)(void), (*end)(void);  /* what a thread does before and after, or NULL */
    /* Packs panels of a, panel_bytes apart, for one chunk. k past depth is zero, rows past the last may be anything. */
    void (*pack_a)(const struct gemm_piece *p, void *dst, size_t panel_bytes);
    /* Packs panels of b, panel_bytes apart, gemm_steps(depth) steps each, zero padded. */
    void (*pack_b)(const struct gemm_piece *p, void *dst, size_t panel_bytes);
    void (*micro)(const struct gemm_micro *m);
    /*
     * The same for one panel of a and all of k at once, when b is read once and from memory, as in decoding; or NULL.
     * It prefetches b by itself, and gives the bits that micro gives chunk by chunk.
     */
    void (*stream)(const struct gemm_micro *m);
};

/* The kernels of one level; they are borrowed for ever. */
struct gemm_level {
    const struct gemm_kernel *f32, *bf16, *i8;
    void (*epilogue)(const struct gemm_tail *t, int rows); /* gemm_tail.run */
    /* out[i] = the largest magnitude of row i of the piece. */
    void (*absmax)(const struct gemm_piece *p, float *out);
};

/* Runs any product with the kernels of a level (gemm_drive.c). */
void sl_gemm_run(const sl_ops *o, const sl_gemm *g, const struct gemm_level *level);

/* The arguments of sl_ops.gemm_pack. */
struct gemm_pack_request {
    int64_t n, k;
    struct gemm_source source;
    void *dst;
    sl_dtype type;
};
/* Packs a whole operand for sl_gemm.b_packed with the kernels of a level; the contract is sl_ops.gemm_pack. */
void sl_gemm_pack_run(const sl_ops *o, const struct gemm_pack_request *r, const struct gemm_level *level);

/* The slots of the reference level. */
size_t sl_gemm_packed_size(const sl_ops *o, int64_t n, int64_t k, sl_dtype type);
void sl_gemm_pack_ref(const sl_ops *o, int64_t n, int64_t k, const void *b, int64_t ld, sl_dtype src_type,
                      sl_layout layout, void *dst, sl_dtype type);

#endif
