/*
 * parts.h: rows of the weight table that files keep in several tensors: q, k and v apart, gate and up apart, one tensor
 * for each expert.
 */
#ifndef SL_MODEL_PARTS_H
#define SL_MODEL_PARTS_H

#include "model/weights.h"

enum { SL_MAX_ROW_PARTS = 3 };

/* A way to keep a row: its parts stand one below the other. */
struct sl_row_way {
    const char *parts[SL_MAX_ROW_PARTS]; /* what stands behind the prefix; "%d" stands for an expert's number */
    int n;
    size_t prefix;  /* bytes of the row's own name that its parts share */
    bool by_expert; /* a tensor for each expert; else of a stack each part is a stack */
};

/* Sets *out to the i-th way that files keep row r of a model of c, i from 0; false when there are no more. */
bool sl_row_way(const sl_weight_row *r, const sl_config *c, int i, struct sl_row_way *out);

/* Writes the name of a part, of an expert where there is a tensor for each, to out. */
void sl_row_part_name(const sl_weight_row *r, const struct sl_row_way *way, int part, int expert, char *out, size_t n);

/* Rows of the part, of a vector elements; 0 when the row is not made of that many parts. */
int64_t sl_row_part_rows(const sl_weight_row *r, const sl_config *c, const struct sl_row_way *way, int part);

/* Rows that the parts add up to; the elements of a vector count as rows. */
static inline int64_t sl_row_rows(const sl_weight_row *r)
{
    return r->n_dims == 1 ? r->w.k : r->w.n;
}

#endif
