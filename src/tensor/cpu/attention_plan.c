/*
 * attention_plan.c: describing attention problems and cutting them into tasks, for the kernels of every level.
 */
#include "tensor/cpu/attention.h"

sl_attend sl_attend_packed(const sl_attention *a)
{
    return (sl_attend){
        .dt = a->dt,
        .n_heads = a->n_heads,
        .n_kv_heads = a->n_kv_heads,
        .head_dim = a->head_dim,
        .q = a->q,
        .q_stride = a->q_stride,
        .out = a->out,
        .lse = a->lse,
        .cu_seqlens = a->cu_seqlens,
        .n_seqs = a->n_seqs,
        .causal = a->causal,
        .scale = a->scale,
        .k = a->k,
        .v = a->v,
        .kv_stride = a->kv_stride,
        .cu_keys = a->cu_keys ? a->cu_keys : a->cu_seqlens,
    };
}

sl_attend sl_attend_paged(const sl_attention_paged *a)
{
    return (sl_attend){
        .dt = a->dt,
        .n_heads = a->n_heads,
        .n_kv_heads = a->n_kv_heads,
        .head_dim = a->head_dim,
        .q = a->q,
        .q_stride = a->q_stride,
        .out = a->out,
        .cu_seqlens = a->cu_seqlens,
        .n_seqs = a->n_seqs,
        .causal = true,
        .scale = a->scale,
        .k_pages = a->k_pages,
        .v_pages = a->v_pages,
        .page_table = a->page_table,
        .page_size = a->page_size,
        .int8 = a->int8,
        .lengths = a->lengths,
    };
}

static int64_t sequence_rows(const sl_attend *a, int seq)
{
    int group = a->n_heads / a->n_kv_heads;
    return (int64_t)(a->cu_seqlens[seq + 1] - a->cu_seqlens[seq]) * group;
}

sl_attend_cursor sl_attend_cursor_init(const sl_attend *a, int64_t chunk)
{
    return (sl_attend_cursor){.a = a, .chunk = chunk};
}

bool sl_attend_cursor_at(sl_attend_cursor *c, int64_t i, sl_attend_task *t)
{
    for (; c->seq < c->a->n_seqs; c->seq++) {
        int64_t rows = sequence_rows(c->a, c->seq);
        int64_t chunks = (rows + c->chunk - 1) / c->chunk, tasks = chunks * c->a->n_kv_heads;
        if (i < c->base + tasks) {
            /* Last chunk first: under a causal mask the last rows have the most work, and long tasks at the end
             * leave threads idle. */
            int64_t within = i - c->base, first = (chunks - 1 - within / c->a->n_kv_heads) * c->chunk;
            *t = (sl_attend_task){.seq = c->seq,
                                  .kv_head = (int)(within % c->a->n_kv_heads),
                                  .first_row = first,
                                  .last_row = first + c->chunk < rows ? first + c->chunk : rows};
            return true;
        }
        c->base += tasks;
    }
    return false;
}

int64_t sl_attend_chunk(const sl_attend *a, int n_threads, int64_t unit, int64_t most)
{
    int64_t rows = (int64_t)a->cu_seqlens[a->n_seqs] * a->n_heads;
    int64_t shares = a->n_seqs == 1 && !a->causal ? n_threads : 4 * (int64_t)n_threads; /* equal work in all rows */
    int64_t chunk = rows / shares / unit * unit;
    return chunk < unit ? unit : chunk > most ? most : chunk;
}

int64_t sl_attend_keys(const sl_attend *a, int seq)
{
    return a->k_pages ? a->lengths[seq] : a->cu_keys[seq + 1] - a->cu_keys[seq];
}

int64_t sl_attend_visible(const sl_attend *a, int seq, int64_t row)
{
    int64_t keys = sl_attend_keys(a, seq);
    if (!a->causal) return keys;
    int64_t tokens = a->cu_seqlens[seq + 1] - a->cu_seqlens[seq];
    return keys - tokens + (int32_t)row / (a->n_heads / a->n_kv_heads) + 1; /* a division of 32 bits is cheap */
}

void sl_attend_key_rows(const sl_attend *a, int seq, int kv_head, int64_t first, int n, const void **k, const void **v)
{
    int64_t size = a->int8 ? 1 : a->dt == SL_F32 ? 4 : 2, head = (int64_t)kv_head * a->head_dim * size;
    if (!a->k_pages) {
        int64_t stride = a->kv_stride * size, offset = (a->cu_keys[seq] + first) * stride + head;
        for (int i = 0; i < n; i++) {
            k[i] = (const char *)a->k + offset + i * stride;
            v[i] = (const char *)a->v + offset + i * stride;
        }
        return;
    }
    int64_t stride = (int64_t)a->n_kv_heads * a->head_dim * size;
    int64_t page = first / a->page_size, row = first % a->page_size;
    for (int i = 0; i < n; page++, row = 0) {
        int32_t number = a->page_table[seq][page];
        const char *k_at = (const char *)a->k_pages[number] + row * stride + head;
        const char *v_at = (const char *)a->v_pages[number] + row * stride + head;
        int64_t end = i + a->page_size - row;
        for (; i < n && i < end; i++, k_at += stride, v_at += stride) k[i] = k_at, v[i] = v_at;
    }
}

void sl_attend_key_scales(const sl_attend *a, int seq, int kv_head, int64_t first, int n, float *k, float *v)
{
    int64_t values = (int64_t)a->page_size * a->n_kv_heads * a->head_dim, page = first / a->page_size;
    int64_t row = first % a->page_size;
    for (int i = 0; i < n; i++) {
        int32_t number = a->page_table[seq][page];
        const float *k_scales = (const float *)((const char *)a->k_pages[number] + values);
        const float *v_scales = (const float *)((const char *)a->v_pages[number] + values);
        k[i] = k_scales[row * a->n_kv_heads + kv_head];
        v[i] = v_scales[row * a->n_kv_heads + kv_head];
        if (++row == a->page_size) row = 0, page++;
    }
}

int64_t sl_attend_slot(const sl_attend *a, int seq, int kv_head, int64_t row)
{
    int group = a->n_heads / a->n_kv_heads;
    int32_t r = (int32_t)row;
    return (int64_t)(a->cu_seqlens[seq] + r / group) * a->n_heads + kv_head * group + r % group;
}

const void *sl_attend_query(const sl_attend *a, int seq, int kv_head, int64_t row)
{
    int group = a->n_heads / a->n_kv_heads;
    int32_t r = (int32_t)row;
    int64_t size = a->dt == SL_F32 ? 4 : 2, head = kv_head * group + r % group;
    return (const char *)a->q + ((a->cu_seqlens[seq] + r / group) * a->q_stride + head * a->head_dim) * size;
}
