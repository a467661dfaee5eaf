/*
 * vit.c: Seed-ViT and the adapter (docs/MODEL.md, sections 2 and 3).
 */
#include "model/model.h"
#include "model/vit_places.h"

#include <math.h>
#include <string.h>

/* What one block reads besides its input; lives in the context's arenas, for backward. */
struct vit_block_args {
    const sl_vit_config *config;
    const struct sl_vit_block *weights;
    sl_attend attend;
};

/* RMSNorm has no bias. */
static sl_tensor *norm(sl_ctx *ctx, sl_tensor *x, const sl_weight *w, const sl_weight *b, float eps)
{
    return b ? sl_fn_layernorm(ctx, x, w, b, eps) : sl_fn_rmsnorm(ctx, x, w, eps);
}

/* The rest of a block: what attention found is added to x, then the MLP. */
static sl_tensor *after_attention(sl_ctx *ctx, const struct vit_block_args *a, sl_tensor *attended, sl_tensor *x)
{
    const struct sl_vit_block *w = a->weights;
    bool gated = a->config->gated_mlp;
    x = sl_fn_linear(ctx, attended, w->proj_w, &(sl_linear){.bias = w->proj_b, .residual = x});
    sl_tensor *h = norm(ctx, x, w->norm2_w, w->norm2_b, a->config->norm_eps);
    h = sl_fn_linear(ctx, h, w->fc1_w, &(sl_linear){.bias = w->fc1_b, .act = gated ? SL_ACT_NONE : a->config->act});
    if (gated) h = sl_fn_swiglu(ctx, h);
    return sl_fn_linear(ctx, h, w->fc2_w, &(sl_linear){.bias = w->fc2_b, .residual = x});
}

static sl_tensor *vit_block(sl_ctx *ctx, void *arg, sl_tensor *x)
{
    const struct vit_block_args *a = arg;
    const struct sl_vit_block *w = a->weights;
    sl_tensor *h = norm(ctx, x, w->norm1_w, w->norm1_b, a->config->norm_eps);
    h = sl_fn_linear(ctx, h, w->qkv_w, &(sl_linear){.bias = w->qkv_b});
    h = sl_fn_attention(ctx, h, &a->attend);
    return after_attention(ctx, a, h, x);
}

static int64_t min_rows(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Angles that follow column and row by turns. */
static void alternating_angles(sl_ctx *ctx, const sl_vit_config *c, int64_t n, const int32_t *positions, float *cos,
                               float *sin)
{
    int n_freqs = c->hidden / c->n_heads / 2;
    uint8_t *axis = sl_ctx_alloc_meta(ctx, (size_t)n_freqs);
    double *freqs = sl_ctx_alloc_meta(ctx, (size_t)n_freqs * sizeof *freqs);
    if (!axis || !freqs) return;
    for (int i = 0; i < n_freqs; i++) {
        axis[i] = i % 2 == 0;
        int pair = i / 2, pairs = n_freqs / 2;
        freqs[i] = pow((double)c->rope_theta, -(double)pair / pairs);
    }
    sl_rope r = {.tokens = n, .n_axes = 2, .n_freqs = n_freqs, .positions = positions, .axis = axis, .freqs = freqs};
    SL_RUN(ctx, rope_mixed, &r, cos, sin);
}

/* The attention of every block: patches attend within their picture, turned by their place in its grid. */
static sl_attend vit_attend(sl_ctx *ctx, const sl_vit_config *c, const sl_batch *b, const int32_t *positions)
{
    int head_dim = c->hidden / c->n_heads;
    size_t numel = (size_t)b->n_patches * (size_t)(head_dim / 2);
    float *cos = sl_ctx_alloc(ctx, numel * sizeof *cos), *sin = sl_ctx_alloc(ctx, numel * sizeof *sin);
    if (cos && sin && c->alternating_rotation)
        alternating_angles(ctx, c, b->n_patches, positions, cos, sin);
    else if (cos && sin)
        SL_RUN(ctx, rope_table, b->n_patches, 2, head_dim / 4, positions, c->rope_theta, cos, sin);
    return (sl_attend){
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_heads,
        .head_dim = head_dim,
        .cos = cos,
        .sin = sin,
        .cu_seqlens = b->cu_patches,
        .n_seqs = b->n_pictures,
    };
}

/* n patches from `row` on as activations: borrowed in f32, else converted. */
static sl_tensor *patches_tensor(sl_ctx *ctx, const sl_batch *b, int64_t row, int64_t n, int64_t cols)
{
    const float *patches = b->patches + row * cols;
    if (ctx->dt == SL_F32) return sl_tensor_wrap(ctx, SL_F32, n, cols, (void *)patches);
    sl_tensor *t = sl_tensor_new(ctx, ctx->dt, n, cols);
    if (t) SL_RUN(ctx, scale, n * cols, 1.0f, patches, SL_F32, t->data, t->dtype);
    return t;
}

static bool in_list(const sl_int_list *list, int item)
{
    for (int i = 0; i < list->n; i++)
        if (list->items[i] == item) return true;
    return false;
}

/*
 * The blocks of a stack with what each reads, in the context's arenas; NULL once the context has failed. With windows
 * patches stand in their order, and only the configuration's full blocks look beyond them.
 */
static struct vit_block_args *block_args(sl_ctx *ctx, const sl_vit_config *c, const struct sl_vit_block *blocks,
                                         int depth, const sl_batch *b, const struct sl_windows *windows)
{
    sl_attend full = vit_attend(ctx, c, b, windows ? windows->positions : b->patch_positions), near = full;
    if (windows) near.cu_seqlens = windows->cu, near.n_seqs = windows->n;
    struct vit_block_args *args = sl_ctx_alloc_meta(ctx, (size_t)depth * sizeof *args);
    for (int i = 0; args && i < depth; i++)
        args[i] = (struct vit_block_args){
            .config = c, .weights = &blocks[i], .attend = in_list(&c->full_blocks, i) ? full : near};
    return args;
}

sl_tensor *sl_vit_blocks_forward(sl_ctx *ctx, const sl_model *m, const struct sl_vit_block *blocks, int depth,
                                 const sl_batch *b, sl_tensor *x)
{
    struct vit_block_args *args = block_args(ctx, &m->config.vit, blocks, depth, b, NULL);
    if (!args || !x) return NULL;
    for (int i = 0; i < depth; i++)
        x = sl_block(ctx, vit_block, &args[i], x, x && x->needs_grad ? m->vit_keep : SL_KEEP_NOTHING);
    return x;
}

void sl_vit_begin(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_vit_pass *pass)
{
    const sl_weights *w = &m->weights;
    const sl_vit_config *c = &m->config.vit;
    sl_taps taps;
    sl_tensor *x = patches_tensor(ctx, b, 0, b->n_patches, w->patch_w->k);
    sl_observe(ctx, x, "patches");
    x = sl_fn_linear(ctx, x, w->patch_w, &(sl_linear){.bias = w->patch_b});
    if (w->table && sl_table_taps(ctx, b, c->table_side, c->filter, &taps))
        x = sl_fn_add_interpolated(ctx, x, w->table, &taps);
    sl_observe(ctx, x, "vit.patch_embed");
    struct sl_windows *windows = c->window ? sl_windows_make(ctx, b, c->window) : NULL;
    if (windows) x = sl_fn_select_rows(ctx, x, b->n_patches, windows->order);
    *pass = (sl_vit_pass){
        .x = x,
        .args = c->window && !windows ? NULL : block_args(ctx, c, w->vit, c->depth, b, windows),
        .restore = windows ? windows->restore : NULL,
    };
}

/* Runs one adapter over patches. */
static sl_tensor *merge(sl_ctx *ctx, const sl_model *m, const struct sl_merger *w, sl_tensor *x, bool norm_first)
{
    const sl_adapter_config *c = &m->config.adapter;
    if (norm_first) x = norm(ctx, x, w->norm_w, w->norm_b, c->norm_eps);
    x = c->merge == SL_MERGE_CONCAT ? sl_fn_concat4(ctx, x) : sl_fn_pool4(ctx, x);
    if (w == &m->weights.adapter) sl_observe(ctx, x, "merge");
    if (!norm_first) x = norm(ctx, x, w->norm_w, w->norm_b, c->norm_eps);
    x = sl_fn_linear(ctx, x, w->fc1_w, &(sl_linear){.bias = w->fc1_b, .act = c->act});
    return sl_fn_linear(ctx, x, w->fc2_w, &(sl_linear){.bias = w->fc2_b});
}

/* Keeps what the decoder gets from the output of this block, if it is one of DeepStack's. */
static void keep_deep(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass)
{
    const sl_int_list *blocks = &m->config.adapter.deepstack;
    if (pass->n_deep >= blocks->n || blocks->items[pass->n_deep] != pass->next || !pass->x) return;
    const struct sl_merger *w = &m->weights.deepstack[pass->n_deep];
    sl_tensor *kept = NULL;
    if (!ctx->tape) { /* the result survives, its temporaries do not */
        kept = sl_tensor_new(ctx, pass->x->dtype, sl_tensor_rows(pass->x) / 4, m->config.decoder.hidden);
        sl_mark mark = sl_ctx_mark(ctx);
        sl_tensor *y = merge(ctx, m, w, pass->x, false);
        if (kept && y) SL_RUN(ctx, scale, sl_tensor_numel(y), 1.0f, y->data, y->dtype, kept->data, kept->dtype);
        sl_ctx_release_to(ctx, mark);
    } else {
        kept = merge(ctx, m, w, pass->x, false);
    }
    sl_observe(ctx, kept, "deepstack.%d", pass->n_deep);
    pass->deep[pass->n_deep++] = kept;
}

void sl_vit_begin_pieces(sl_ctx *ctx, const sl_model *m, const sl_batch *b, sl_vit_pass *pass)
{
    const sl_vit_config *c = &m->config.vit;
    SL_CHECK(!ctx->tape);
    if (m->weights.table || c->window) {
        sl_vit_begin(ctx, m, b, pass);
        return;
    }
    *pass = (sl_vit_pass){.x = sl_tensor_new(ctx, ctx->dt, b->n_patches, c->hidden), .patches = b};
    pass->args = block_args(ctx, c, m->weights.vit, c->depth, b, NULL);
}

/* Embeds the next n patches. */
static void embed_patches(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass, int64_t n)
{
    const sl_weights *w = &m->weights;
    sl_mark mark = sl_ctx_mark(ctx);
    sl_tensor *x = patches_tensor(ctx, pass->patches, pass->embedded, n, w->patch_w->k);
    x = sl_fn_linear(ctx, x, w->patch_w, &(sl_linear){.bias = w->patch_b});
    if (!x) return;
    size_t row = (size_t)sl_tensor_cols(x) * sl_dtype_size(x->dtype);
    if (ctx->ops) memcpy((char *)pass->x->data + (size_t)pass->embedded * row, x->data, (size_t)n * row);
    sl_ctx_release_to(ctx, mark);
    pass->embedded += n;
    if (pass->embedded < pass->patches->n_patches) return;
    pass->patches = NULL;
    sl_observe(ctx, pass->x, "vit.patch_embed");
}

void sl_vit_continue(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass, int n_blocks)
{
    bool trained = m->weights.patch_w->grad || (m->plan.adapted >> SL_MODULE_VIT & 1);
    if (pass->patches && pass->x) embed_patches(ctx, m, pass, pass->patches->n_patches - pass->embedded);
    if (!pass->args) return;
    for (; n_blocks > 0 && pass->next < m->config.vit.depth; n_blocks--, pass->next++) {
        pass->x = sl_block(ctx, vit_block, &pass->args[pass->next], pass->x, trained ? m->vit_keep : SL_KEEP_NOTHING);
        sl_observe(ctx, pass->x, "vit.blocks.%d", pass->next);
        keep_deep(ctx, m, pass);
    }
}

/* --- a block in pieces ------------------------------------------------------------------------------------------- */

/* Where a block stands between two pieces. Without a tape blocks work in place, so rows can be done one after another.
 */
struct sl_vit_cut {
    sl_mark mark;              /* before the block: its temporaries end there */
    sl_tensor *qkv, *attended; /* (n_patches, 3 hidden), (n_patches, hidden) */
    int64_t projected, done;   /* rows whose q, k and v are there; rows that are through */
    int heads;                 /* that have attended */
    int64_t queries;           /* of the next head, that have */
};

static void *rows_from(const sl_tensor *t, int64_t row)
{
    return (char *)t->data + (size_t)(row * sl_tensor_cols(t)) * sl_dtype_size(t->dtype);
}

static sl_tensor *some_rows(sl_ctx *ctx, const sl_tensor *t, int64_t row, int64_t n)
{
    return sl_tensor_wrap(ctx, t->dtype, n, sl_tensor_cols(t), rows_from(t, row));
}

/* q, k and v of n rows, turned by their places. */
static void project_rows(sl_ctx *ctx, const struct vit_block_args *a, struct sl_vit_cut *cut, const sl_tensor *x,
                         int64_t n)
{
    const struct sl_vit_block *w = a->weights;
    int64_t row = cut->projected, angles = row * (a->attend.head_dim / 2);
    sl_tensor *h = norm(ctx, some_rows(ctx, x, row, n), w->norm1_w, w->norm1_b, a->config->norm_eps);
    h = sl_fn_linear(ctx, h, w->qkv_w, &(sl_linear){.bias = w->qkv_b});
    if (!h) return;
    sl_qkv p = {
        .dt = h->dtype,
        .tokens = n,
        .n_heads = a->attend.n_heads,
        .n_kv_heads = a->attend.n_kv_heads,
        .head_dim = a->attend.head_dim,
        .cos = a->attend.cos + angles,
        .sin = a->attend.sin + angles,
    };
    SL_RUN(ctx, qkv_prepare, &p, h->data, rows_from(cut->qkv, row));
    cut->projected += n;
}

/* Where n queries from `row` on belong: *first, and how many sequences; begins are those of the queries, from 0 on. */
static int queries_in_sequences(sl_ctx *ctx, const sl_attend *how, int64_t row, int64_t n, int *first,
                                const int32_t **begins)
{
    const int32_t *cu = how->cu_seqlens;
    int from = 0, end;
    while (cu[from + 1] <= row) from++;
    for (end = from; cu[end] < row + n;) end++;
    int32_t *at = sl_ctx_alloc_meta(ctx, (size_t)(end - from + 1) * sizeof *at);
    for (int s = from; at && s <= end; s++)
        at[s - from] = cu[s] < row ? 0 : cu[s] > row + n ? (int32_t)n : (int32_t)(cu[s] - row);
    *first = from;
    *begins = at;
    return end - from;
}

/*
 * How many queries of a head take the work of most_rows rows behind attention; but so many that preparing the keys for
 * them is worth while.
 */
static int64_t queries_of_piece(const struct vit_block_args *a, int64_t rows, int64_t most_rows)
{
    enum { UNIT = 32 };
    const sl_vit_config *c = a->config;
    int64_t row_work = (int64_t)c->hidden * (c->hidden + 2 * (int64_t)c->mlp_hidden);
    int64_t query_work = 2 * (rows / a->attend.n_seqs + 1) * a->attend.head_dim;
    int64_t n = most_rows * row_work / query_work / UNIT * UNIT;
    return n < UNIT ? UNIT : n;
}

/* The next queries of a head look at all their keys; what they find goes to its place. */
static void attend_some(sl_ctx *ctx, const struct vit_block_args *a, struct sl_vit_cut *cut, int64_t most_rows)
{
    const sl_attend *how = &a->attend;
    size_t head = (size_t)how->head_dim * sl_dtype_size(cut->qkv->dtype), row = head * (size_t)how->n_heads;
    int64_t rows = sl_tensor_rows(cut->qkv);
    int64_t n = min_rows(queries_of_piece(a, rows, most_rows), rows - cut->queries);
    char *q = (char *)cut->qkv->data + (size_t)cut->heads * head;
    char *to = (char *)cut->attended->data + (size_t)cut->queries * row + (size_t)cut->heads * head;
    int first;
    sl_attention some = {
        .dt = cut->qkv->dtype,
        .n_heads = 1,
        .n_kv_heads = 1,
        .head_dim = how->head_dim,
        .q = q + (size_t)cut->queries * 3 * row,
        .k = q + row,
        .v = q + 2 * row,
        .q_stride = sl_tensor_cols(cut->qkv),
        .kv_stride = sl_tensor_cols(cut->qkv),
        .scale = 1.0f / sqrtf((float)how->head_dim),
    };
    sl_tensor *y = sl_tensor_new(ctx, cut->qkv->dtype, n, how->head_dim);
    some.n_seqs = queries_in_sequences(ctx, how, cut->queries, n, &first, &some.cu_seqlens);
    if (!y || !some.cu_seqlens) return;
    some.cu_keys = how->cu_seqlens + first;
    some.out = y->data;
    SL_RUN(ctx, attention, &some);
    for (int64_t i = 0; i < n; i++) memcpy(to + (size_t)i * row, (char *)y->data + (size_t)i * head, head);
    cut->queries += n;
    if (cut->queries < rows) return;
    cut->heads++;
    cut->queries = 0;
}

/* Everything behind attention for n rows. */
static void finish_rows(sl_ctx *ctx, const struct vit_block_args *a, struct sl_vit_cut *cut, const sl_tensor *x,
                        int64_t n)
{
    sl_tensor *attended = some_rows(ctx, cut->attended, cut->done, n);
    after_attention(ctx, a, attended, some_rows(ctx, x, cut->done, n));
    cut->done += n;
}

static struct sl_vit_cut *begin_cut(sl_ctx *ctx, const sl_tensor *x)
{
    sl_mark mark = sl_ctx_mark(ctx);
    struct sl_vit_cut *cut = sl_ctx_alloc_meta(ctx, sizeof *cut);
    if (!cut) return NULL;
    *cut = (struct sl_vit_cut){.mark = mark};
    cut->qkv = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), 3 * sl_tensor_cols(x));
    cut->attended = sl_tensor_new(ctx, x->dtype, sl_tensor_rows(x), sl_tensor_cols(x));
    return cut->qkv && cut->attended ? cut : NULL;
}

sl_vit_piece sl_vit_next_piece(const sl_vit_pass *pass)
{
    const struct sl_vit_cut *cut = pass->cut;
    if (pass->patches) return SL_VIT_EMBED;
    if (!cut || cut->projected < sl_tensor_rows(pass->x)) return SL_VIT_PROJECT;
    return cut->heads < pass->args[pass->next].attend.n_heads ? SL_VIT_ATTEND : SL_VIT_FINISH;
}

void sl_vit_continue_piece(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass, int most_rows)
{
    if (ctx->failed || !pass->args || !pass->x || pass->next >= m->config.vit.depth) return;
    const struct vit_block_args *a = &pass->args[pass->next];
    int64_t rows = sl_tensor_rows(pass->x);
    sl_vit_piece piece = sl_vit_next_piece(pass);
    SL_CHECK(!ctx->tape);
    if (piece == SL_VIT_EMBED) {
        embed_patches(ctx, m, pass, min_rows(rows - pass->embedded, most_rows));
        return;
    }
    if (!pass->cut) pass->cut = begin_cut(ctx, pass->x);
    struct sl_vit_cut *cut = pass->cut;
    if (!cut) return;
    sl_mark mark = sl_ctx_mark(ctx);
    if (piece == SL_VIT_PROJECT)
        project_rows(ctx, a, cut, pass->x, min_rows(rows - cut->projected, most_rows));
    else if (piece == SL_VIT_ATTEND)
        attend_some(ctx, a, cut, most_rows);
    else
        finish_rows(ctx, a, cut, pass->x, min_rows(rows - cut->done, most_rows));
    if (ctx->failed) return;
    bool whole = cut->done == rows;
    sl_ctx_release_to(ctx, whole ? cut->mark : mark);
    if (!whole) return;
    pass->cut = NULL;
    sl_observe(ctx, pass->x, "vit.blocks.%d", pass->next);
    keep_deep(ctx, m, pass);
    pass->next++;
}

sl_tensor *sl_vit_end(sl_ctx *ctx, const sl_model *m, const sl_vit_pass *pass)
{
    const sl_weights *w = &m->weights;
    sl_tensor *x = pass->x;
    if (x && pass->restore) x = sl_fn_select_rows(ctx, x, sl_tensor_rows(x), pass->restore);
    if (!w->post_norm_w) return x;
    x = norm(ctx, x, w->post_norm_w, w->post_norm_b, m->config.vit.norm_eps);
    sl_observe(ctx, x, "vit.post_norm");
    return x;
}

sl_tensor *sl_vit_forward(sl_ctx *ctx, const sl_model *m, const sl_batch *b)
{
    sl_vit_pass pass;
    sl_vit_begin(ctx, m, b, &pass);
    sl_vit_continue(ctx, m, &pass, m->config.vit.depth);
    return sl_vit_end(ctx, m, &pass);
}

/* 2x2 merge and adapter: (n_patches, vit hidden) -> (n_patches / 4, decoder hidden); all of the features but for
 * DeepStack. */
static sl_tensor *adapter_forward(sl_ctx *ctx, const sl_model *m, sl_tensor *patches)
{
    sl_tensor *x = merge(ctx, m, &m->weights.adapter, patches, m->config.adapter.norm_first);
    sl_observe(ctx, x, "adapter");
    return x;
}

sl_tensor *sl_vit_features(sl_ctx *ctx, const sl_model *m, sl_vit_pass *pass)
{
    sl_tensor *parts[1 + SL_MAX_LIST] = {adapter_forward(ctx, m, sl_vit_end(ctx, m, pass))};
    for (int j = 0; j < pass->n_deep; j++) parts[1 + j] = pass->deep[j];
    return pass->n_deep ? sl_fn_side_by_side(ctx, parts, 1 + pass->n_deep) : parts[0];
}

sl_tensor *sl_picture_features(sl_ctx *ctx, const sl_model *m, const sl_batch *b)
{
    sl_vit_pass pass;
    sl_vit_begin(ctx, m, b, &pass);
    sl_vit_continue(ctx, m, &pass, m->config.vit.depth);
    return sl_vit_features(ctx, m, &pass);
}
