/*
 * attention.h: what the attention kernels of all levels share: one description of a forward problem, whether its
 * keys are packed or paged, and how it is cut into tasks.
 *
 * Heads that share a key-value head are treated as more rows of the same product: row r of a sequence and key-value
 * head is token r / group, head kv_head * group + r % group, so that keys and values are packed (and, when decoding,
 * read from memory) once for the whole group. Rows never influence each other, and key blocks begin at absolute key
 * numbers, so a row has the same bits alone, packed with others, in one prefill or in chunks.
 */
#ifndef SL_TENSOR_CPU_ATTENTION_H
#define SL_TENSOR_CPU_ATTENTION_H

#include "tensor/ops.h"

/* A forward problem. Fields as in sl_attention and sl_attention_paged; k_pages decides which of the two it is. */
typedef struct sl_attend {
    sl_dtype dt;
    int n_heads, n_kv_heads, head_dim;
    const void *q;
    int64_t q_stride;
    void *out;
    float *lse; /* or NULL */
    const int32_t *cu_seqlens;
    int n_seqs;
    bool causal;
    float scale;

    const void *k, *v; /* packed keys */
    int64_t kv_stride;
    const int32_t *cu_keys; /* where those of each sequence are; cu_seqlens when there are as many as rows */

    void *const *k_pages, *const *v_pages; /* NULL when packed */
    const int32_t *const *page_table;
    int page_size;
    bool int8; /* pages hold int8 and scales */
    const int32_t *lengths;
} sl_attend;

/* Rows [first_row, last_row) of sequence seq under one key-value head. */
typedef struct sl_attend_task {
    int seq, kv_head;
    int64_t first_row, last_row;
} sl_attend_task;

/* Walks the tasks of a problem in order; every thread has its own and asks for growing task numbers. */
typedef struct sl_attend_cursor {
    const sl_attend *a;
    int64_t chunk; /* rows of a task */
    int64_t base;  /* number of the first task of sequence seq */
    int seq;
} sl_attend_cursor;

/* The problem that an sl_attention or an sl_attention_paged states; borrows everything it points to. */
sl_attend sl_attend_packed(const sl_attention *a);
sl_attend sl_attend_paged(const sl_attention_paged *a);

/* Starts before the first task; chunk (rows of a task) > 0. */
sl_attend_cursor sl_attend_cursor_init(const sl_attend *a, int64_t chunk);

/* Fills *t with task number i, which must not be below the last one asked for; false when there is none. */
bool sl_attend_cursor_at(sl_attend_cursor *c, int64_t i, sl_attend_task *t);

/*
 * Rows of a task: enough tasks to keep all threads busy, as long as possible otherwise (packing keys is repeated
 * for every task), a multiple of unit between unit and most.
 */
int64_t sl_attend_chunk(const sl_attend *a, int n_threads, int64_t unit, int64_t most);

/* Number of keys of sequence seq. */
int64_t sl_attend_keys(const sl_attend *a, int seq);

/* Number of keys that row r of sequence seq sees: the first ones. At least 1. */
int64_t sl_attend_visible(const sl_attend *a, int seq, int64_t row);

/* k[i], v[i] = the vectors of key first + i, 0 <= i < n, of sequence seq under kv_head. */
void sl_attend_key_rows(const sl_attend *a, int seq, int kv_head, int64_t first, int n, const void **k, const void **v);

/* k[i], v[i] = the scales of the same vectors, where pages hold int8. */
void sl_attend_key_scales(const sl_attend *a, int seq, int kv_head, int64_t first, int n, float *k, float *v);

/* Number of the (token, head) pair of a row of sequence seq: index into lse, and, times head_dim, into out. */
int64_t sl_attend_slot(const sl_attend *a, int seq, int kv_head, int64_t row);

/* The query vector of a row. */
const void *sl_attend_query(const sl_attend *a, int seq, int kv_head, int64_t row);

#endif
