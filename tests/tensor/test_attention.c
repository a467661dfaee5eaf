/*
 * test_attention.c: attention at every level this processor has: against the formula in double, against the
 * reference, the backward against differences, and the promise that packing, paging, chunks and threads change
 * nothing, to the bit.
 */
#include "kernels_test.h"

enum { MAX_SEQS = 8 };

/* A problem; lengths end with -1. Extra elements between tokens come on top of the packed size. */
struct shape {
    const char *name;
    int n_heads, n_kv_heads, head_dim;
    bool causal;
    int q_extra, kv_extra;
    float std; /* of q and k: the scale of scores is std^2 */
    int lengths[MAX_SEQS + 1];
};

static const struct shape shapes[] = {
    {"one token", 2, 2, 64, false, 0, 0, 1, {1, -1}},
    {"one token, causal", 4, 1, 64, true, 0, 0, 1, {1, -1}},
    {"no sequences", 2, 1, 8, true, 0, 0, 1, {-1}},
    {"only empty sequences", 2, 1, 8, true, 0, 0, 1, {0, 0, -1}},
    {"smallest head", 3, 3, 8, false, 0, 8, 1, {5, 17, -1}},
    {"odd lengths, empty one between", 2, 1, 64, true, 128, 64, 1, {33, 0, 1, 127, -1}},
    {"head of 40, grouped", 6, 2, 40, true, 160, 24, 1, {129, 31, -1}},
    {"head of 80", 2, 2, 80, false, 0, 0, 1, {150, 64, -1}},
    {"head of 128, grouped", 4, 2, 128, true, 8, 16, 1, {140, 3, -1}},
    {"head of 256", 2, 1, 256, true, 0, 0, 1, {140, -1}},
    {"head of 200, bidirectional", 2, 2, 200, false, 0, 0, 1, {70, 19, -1}},
    {"several blocks of keys", 2, 1, 64, true, 0, 0, 1, {400, -1}},
    {"several blocks, bidirectional", 2, 2, 64, false, 384, 192, 1, {259, 16, 32, 128, -1}},
    {"a group of eight", 8, 1, 32, true, 0, 0, 1, {97, 40, -1}},
    {"steep", 1, 1, 64, false, 0, 0, 2, {300, -1}},
    {"steep, causal", 2, 1, 64, true, 0, 0, 2, {300, -1}},
};

static const sl_dtype dtypes[] = {SL_F32, SL_BF16};

/* Everything one forward and backward need. */
struct problem {
    sl_attention a;
    sl_attention_grad g;
    int32_t cu_seqlens[MAX_SEQS + 1];
    int64_t tokens;
};

static void make_problem(struct kt_run *r, const struct shape *s, sl_dtype dt, struct problem *p)
{
    *p = (struct problem){0};
    int n = 0;
    for (; s->lengths[n] >= 0; n++) p->cu_seqlens[n + 1] = p->cu_seqlens[n] + s->lengths[n];
    p->tokens = p->cu_seqlens[n];
    int64_t q_stride = s->n_heads * s->head_dim + s->q_extra, kv_stride = s->n_kv_heads * s->head_dim + s->kv_extra;
    int64_t rows = p->tokens * s->n_heads, out = rows * s->head_dim;
    p->a = (sl_attention){
        .dt = dt,
        .n_heads = s->n_heads,
        .n_kv_heads = s->n_kv_heads,
        .head_dim = s->head_dim,
        .q = kt_in(r, dt, p->tokens * q_stride, s->std),
        .k = kt_in(r, dt, p->tokens * kv_stride, s->std),
        .v = kt_in(r, dt, p->tokens * kv_stride, 1),
        .q_stride = q_stride,
        .kv_stride = kv_stride,
        .out = kt_out(r, "out", dt, out),
        .lse = kt_out(r, "lse", SL_F32, rows),
        .cu_seqlens = p->cu_seqlens,
        .n_seqs = n,
        .causal = s->causal,
        .scale = 1 / sqrtf((float)s->head_dim),
    };
    p->g = (sl_attention_grad){
        .d_out = kt_in(r, dt, out, 1),
        .dq = kt_out(r, "dq", dt, p->tokens * q_stride),
        .dk = kt_out(r, "dk", dt, p->tokens * kv_stride),
        .dv = kt_out(r, "dv", dt, p->tokens * kv_stride),
        .delta = kt_out(r, "delta", SL_F32, rows),
    };
}

/*
 * Elements that a shape leaves between tokens must keep the bytes 0xFF. Sets them to zero, so that comparisons of
 * whole buffers see numbers.
 */
static void check_gaps(const char *name, void *p, sl_dtype dt, int64_t tokens, int64_t used, int64_t stride)
{
    size_t size = sl_dtype_size(dt);
    for (int64_t t = 0; t < tokens; t++)
        for (size_t i = (size_t)used * size; i < (size_t)stride * size; i++) {
            unsigned char *byte = (unsigned char *)p + (size_t)(t * stride) * size + i;
            if (*byte != 0xFF) fail_msg("%s: written between tokens", name);
            *byte = 0;
        }
}

static void run_problem(const sl_ops *o, const struct shape *s, struct problem *p)
{
    int64_t q_used = s->n_heads * s->head_dim, kv_used = s->n_kv_heads * s->head_dim;
    o->attention(o, &p->a);
    o->attention_bwd(o, &p->a, &p->g);
    check_gaps(s->name, p->g.dq, p->a.dt, p->tokens, q_used, p->a.q_stride);
    check_gaps(s->name, p->g.dk, p->a.dt, p->tokens, kv_used, p->a.kv_stride);
    check_gaps(s->name, p->g.dv, p->a.dt, p->tokens, kv_used, p->a.kv_stride);
}

/* How far a result may be from another, in parts of |want| and of the root mean square of all wanted values. */
struct bound {
    double relative; /* of each element */
    double floor;    /* of the root mean square, for each element */
    double rms;      /* of the root mean square, for the root mean square of all differences */
    double tiny;     /* absolute: for gradients that are zero but for rounding, as of softmax over one key */
};

static void assert_near(const char *what, const char *name, const void *got, const void *want, sl_dtype dt, int64_t n,
                        struct bound b)
{
    double rms = kt_rms(want, dt, n), sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double g = scalar_get(got, dt, i), w = scalar_get(want, dt, i);
        if (!(fabs(g - w) <= b.relative * fabs(w) + b.floor * rms + b.tiny))
            fail_msg("%s: %s[%lld] is %.9g, not %.9g (rms %.3g)", what, name, (long long)i, g, w, rms);
        sum += (g - w) * (g - w);
    }
    if (n && !(sqrt(sum / (double)n) <= b.rms * rms + b.tiny))
        fail_msg("%s: %s differs by %.3g on average, of %.3g", what, name, sqrt(sum / (double)n), rms);
}

/*
 * The bounds. f32: 1e-5. bf16: results are rounded (2^-9 relative at most), and kernels on bf16 products round P and
 * dS too, which leaves 2^-7 on average. Gradients add the rounding of out through delta, the same error for all keys
 * of a row, so that the worst of thousands of elements is off by much more.
 */
static void compare_with_reference(const char *what, const struct kt_run *got, const struct kt_run *want)
{
    static const struct bound f32 = {1e-5, 1e-5, 1e-5, 1e-5}, bf16 = {0x1p-6, 0x1p-3, 0x1p-7, 0x1p-7};
    static const struct bound f32_lse = {1e-5, 0, 1, 1e-5}, bf16_lse = {1e-5, 0, 1, 1e-3};
    bool is_bf16 = got->buffers[0].dtype == SL_BF16;
    for (int i = 0; i < got->n_buffers; i++) {
        const struct kt_buffer *g = &got->buffers[i], *w = &want->buffers[i];
        if (!g->name) continue;
        struct bound b = is_bf16 ? bf16 : f32;
        if (strcmp(g->name, "lse") == 0) b = is_bf16 ? bf16_lse : f32_lse;
        assert_near(what, g->name, g->data, w->data, g->dtype, g->n, b);
    }
}

static void test_levels_agree_with_the_reference_and_threads_change_nothing(void **state)
{
    const struct kt_levels *l = *state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int d = 0; d < 2; d++) {
            struct kt_run want, one, got;
            struct problem p;
            kt_run_begin(&want, s);
            make_problem(&want, &shapes[s], dtypes[d], &p);
            run_problem(l->ops[SL_CPU_REF][KT_THREADS - 1], &shapes[s], &p);
            for (int level = s % 4 ? 1 : 0; level < l->n_levels; level++) { /* the reference itself: now and then */
                char what[160];
                snprintf(what, sizeof what, "%s, %s, %s", shapes[s].name, sl_cpu_level_name((sl_cpu_level)level),
                         sl_dtype_name(dtypes[d]));
                kt_run_begin(&one, s);
                make_problem(&one, &shapes[s], dtypes[d], &p);
                run_problem(l->ops[level][0], &shapes[s], &p);
                compare_with_reference(what, &one, &want);
                for (int t = 1; t < KT_THREADS; t++) {
                    kt_run_begin(&got, s);
                    make_problem(&got, &shapes[s], dtypes[d], &p);
                    run_problem(l->ops[level][t], &shapes[s], &p);
                    kt_compare_runs(what, &got, &one, 0);
                    kt_run_end(&got);
                }
                kt_run_end(&one);
            }
            kt_run_end(&want);
        }
}

/* softmax(scale q k^T) v of one row, in double. */
static void formula_row(const struct problem *p, int64_t begin, int64_t end, int64_t row, int head, double *out,
                        double *lse)
{
    const sl_attention *a = &p->a;
    int kv_head = head * a->n_kv_heads / a->n_heads;
    const float *q = (const float *)a->q + row * a->q_stride + head * a->head_dim;
    double sum = 0, max = -1e300;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = begin; j < end; j++) {
            const float *k = (const float *)a->k + j * a->kv_stride + kv_head * a->head_dim;
            const float *v = (const float *)a->v + j * a->kv_stride + kv_head * a->head_dim;
            double s = 0;
            for (int d = 0; d < a->head_dim; d++) s += (double)q[d] * k[d];
            s *= a->scale;
            if (pass == 0) {
                max = s > max ? s : max;
                continue;
            }
            sum += exp(s - max);
            for (int d = 0; d < a->head_dim; d++) out[d] += exp(s - max) * v[d];
        }
    for (int d = 0; d < a->head_dim; d++) out[d] /= sum;
    *lse = max + log(sum);
}

static void test_forward_is_the_softmax_formula(void **state)
{
    const struct kt_levels *l = *state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct kt_run r;
        struct problem p;
        kt_run_begin(&r, s);
        make_problem(&r, &shapes[s], SL_F32, &p);
        l->ops[SL_CPU_REF][0]->attention(l->ops[SL_CPU_REF][0], &p.a);
        for (int q = 0; q < p.a.n_seqs; q++)
            for (int64_t t = p.cu_seqlens[q]; t < p.cu_seqlens[q + 1]; t += 7)
                for (int h = 0; h < p.a.n_heads; h++) {
                    double out[256] = {0}, lse;
                    formula_row(&p, p.cu_seqlens[q], p.a.causal ? t + 1 : p.cu_seqlens[q + 1], t, h, out, &lse);
                    const float *got = (const float *)p.a.out + (t * p.a.n_heads + h) * p.a.head_dim;
                    for (int d = 0; d < p.a.head_dim; d++) assert_float_equal(got[d], out[d], 1e-4);
                    assert_float_equal(p.a.lse[t * p.a.n_heads + h], lse, 1e-4);
                }
        kt_run_end(&r);
    }
}

/* A loss whose gradient by out is g.d_out. */
struct loss_context {
    const sl_ops *o;
    const struct problem *p;
};

static double linear_loss(void *context)
{
    const struct loss_context *c = context;
    c->o->attention(c->o, &c->p->a);
    double sum = 0;
    const float *out = c->p->a.out, *d_out = c->p->g.d_out;
    for (int64_t i = 0; i < c->p->tokens * c->p->a.n_heads * c->p->a.head_dim; i++) sum += (double)out[i] * d_out[i];
    return sum;
}

static void test_backward_is_the_derivative(void **state)
{
    const struct kt_levels *l = *state;
    static const struct shape small[] = {
        {"causal, grouped", 4, 2, 8, true, 0, 0, 1, {5, 1, 7, -1}},
        {"bidirectional", 2, 2, 16, false, 0, 0, 1, {6, 3, -1}},
    };
    for (size_t s = 0; s < 2; s++) {
        struct kt_run r;
        struct problem p;
        kt_run_begin(&r, s);
        make_problem(&r, &small[s], SL_F32, &p);
        struct loss_context c = {l->ops[SL_CPU_REF][0], &p};
        run_problem(c.o, &small[s], &p);
        kt_check_gradient("dq", linear_loss, &c, (float *)p.a.q, p.g.dq, p.tokens * p.a.q_stride, 1e-2f, 5e-3);
        kt_check_gradient("dk", linear_loss, &c, (float *)p.a.k, p.g.dk, p.tokens * p.a.kv_stride, 1e-2f, 5e-3);
        kt_check_gradient("dv", linear_loss, &c, (float *)p.a.v, p.g.dv, p.tokens * p.a.kv_stride, 1e-2f, 5e-3);
        kt_run_end(&r);
    }
}

/* Copies what one sequence's tokens own of an output with `width` elements a token. */
static void compare_slice(const char *what, const char *name, const void *packed, const void *alone, int64_t first,
                          int64_t tokens, int64_t width, size_t size)
{
    if (memcmp((const char *)packed + (size_t)(first * width) * size, alone, (size_t)(tokens * width) * size) != 0)
        fail_msg("%s: '%s' of a packed sequence differs from the sequence alone", what, name);
}

static void alone_equals_packed(const sl_ops *o, const char *what, const struct problem *p, int seq)
{
    size_t size = sl_dtype_size(p->a.dt);
    int64_t first = p->cu_seqlens[seq], tokens = p->cu_seqlens[seq + 1] - first;
    int64_t out_width = p->a.n_heads * p->a.head_dim;
    int32_t cu_seqlens[2] = {0, (int32_t)tokens};
    struct kt_run r;
    kt_run_begin(&r, 0);
    sl_attention a = p->a;
    sl_attention_grad g = p->g;
    a.q = (const char *)a.q + (size_t)(first * a.q_stride) * size;
    a.k = (const char *)a.k + (size_t)(first * a.kv_stride) * size;
    a.v = (const char *)a.v + (size_t)(first * a.kv_stride) * size;
    g.d_out = (const char *)g.d_out + (size_t)(first * out_width) * size;
    a.cu_seqlens = cu_seqlens;
    a.n_seqs = 1;
    a.out = kt_out(&r, "out", a.dt, tokens * out_width);
    a.lse = kt_out(&r, "lse", SL_F32, tokens * a.n_heads);
    g.dq = kt_out(&r, "dq", a.dt, tokens * a.q_stride);
    g.dk = kt_out(&r, "dk", a.dt, tokens * a.kv_stride);
    g.dv = kt_out(&r, "dv", a.dt, tokens * a.kv_stride);
    g.delta = kt_out(&r, "delta", SL_F32, tokens * a.n_heads);
    o->attention(o, &a);
    o->attention_bwd(o, &a, &g);
    compare_slice(what, "out", p->a.out, a.out, first, tokens, out_width, size);
    compare_slice(what, "lse", p->a.lse, a.lse, first, tokens, a.n_heads, 4);
    compare_slice(what, "dq", p->g.dq, g.dq, first, tokens, a.q_stride, size);
    compare_slice(what, "dk", p->g.dk, g.dk, first, tokens, a.kv_stride, size);
    compare_slice(what, "dv", p->g.dv, g.dv, first, tokens, a.kv_stride, size);
    kt_run_end(&r);
}

static void test_a_packed_sequence_has_the_bits_of_the_sequence_alone(void **state)
{
    const struct kt_levels *l = *state;
    static const struct shape packs[] = {
        {"causal, grouped", 4, 2, 64, true, 0, 0, 2, {70, 1, 300, 33, -1}},
        {"bidirectional", 2, 2, 40, false, 0, 0, 1, {129, 64, 5, -1}},
    };
    for (size_t s = 0; s < 2; s++)
        for (int d = 0; d < 2; d++)
            for (int level = d; level < l->n_levels; level++) {
                const sl_ops *o = l->ops[level][1];
                struct kt_run r;
                struct problem p;
                kt_run_begin(&r, s);
                make_problem(&r, &packs[s], dtypes[d], &p);
                o->attention(o, &p.a);
                o->attention_bwd(o, &p.a, &p.g);
                for (int q = 0; q < p.a.n_seqs; q++) alone_equals_packed(o, o->name, &p, q);
                kt_run_end(&r);
            }
}

enum { MAX_PAGES = 128 };

/* The keys and values of a packed problem laid out in pages whose numbers are shuffled. */
struct pages {
    void *k[MAX_PAGES], *v[MAX_PAGES];
    int32_t table[MAX_SEQS][MAX_PAGES];
    const int32_t *tables[MAX_SEQS];
    int size;
};

static void fill_pages(struct kt_run *r, const struct problem *p, int page_size, struct pages *out)
{
    int32_t numbers[MAX_PAGES];
    int used = 0;
    int64_t width = p->a.n_kv_heads * p->a.head_dim;
    size_t size = sl_dtype_size(p->a.dt);
    out->size = page_size;
    for (int i = 0; i < MAX_PAGES; i++) numbers[i] = i;
    for (int i = MAX_PAGES - 1; i > 0; i--) {
        int j = (int)sl_rng_below(&r->rng, (uint32_t)i + 1);
        int32_t kept = numbers[i];
        numbers[i] = numbers[j], numbers[j] = kept;
    }
    for (int s = 0; s < p->a.n_seqs; s++) {
        out->tables[s] = out->table[s];
        int64_t tokens = p->cu_seqlens[s + 1] - p->cu_seqlens[s];
        for (int64_t t = 0; t < tokens; t++) {
            int page = (int)(t / page_size);
            if (t % page_size == 0) {
                assert_true(used < MAX_PAGES);
                out->table[s][page] = numbers[used++];
                /* What no token fills stays NaN: reading it shows. */
                size_t bytes = (size_t)(page_size * width) * size;
                assert_non_null(out->k[out->table[s][page]] = malloc(bytes));
                assert_non_null(out->v[out->table[s][page]] = malloc(bytes));
                memset(out->k[out->table[s][page]], 0xFF, bytes);
                memset(out->v[out->table[s][page]], 0xFF, bytes);
            }
            size_t from = (size_t)((p->cu_seqlens[s] + t) * p->a.kv_stride) * size;
            size_t to = (size_t)(t % page_size * width) * size;
            memcpy((char *)out->k[out->table[s][page]] + to, (const char *)p->a.k + from, (size_t)width * size);
            memcpy((char *)out->v[out->table[s][page]] + to, (const char *)p->a.v + from, (size_t)width * size);
        }
    }
}

static void free_pages(struct pages *p)
{
    for (int i = 0; i < MAX_PAGES; i++) free(p->k[i]), free(p->v[i]);
}

/* Feeds every sequence to the paged kernel in chunks of random length up to most, all sequences at once. */
static void paged_equals_packed(const sl_ops *o, struct kt_run *r, const struct problem *p, const struct pages *pages,
                                int most)
{
    const sl_attention *a = &p->a;
    size_t size = sl_dtype_size(a->dt);
    int64_t out_width = a->n_heads * a->head_dim;
    int32_t done[MAX_SEQS] = {0};
    for (;;) {
        int32_t cu_seqlens[MAX_SEQS + 1] = {0}, lengths[MAX_SEQS];
        struct kt_run chunk;
        kt_run_begin(&chunk, 0);
        char *q = kt_out(&chunk, NULL, a->dt, p->tokens * a->q_stride);
        for (int s = 0; s < a->n_seqs; s++) {
            int32_t left = p->cu_seqlens[s + 1] - p->cu_seqlens[s] - done[s];
            int32_t n = (int32_t)sl_rng_below(&r->rng, (uint32_t)most) + 1;
            if (n > left) n = left;
            memcpy(q + (size_t)(cu_seqlens[s] * a->q_stride) * size,
                   (const char *)a->q + (size_t)((p->cu_seqlens[s] + done[s]) * a->q_stride) * size,
                   (size_t)(n * a->q_stride) * size);
            cu_seqlens[s + 1] = cu_seqlens[s] + n;
            lengths[s] = done[s] + n;
        }
        sl_attention_paged paged = {
            .dt = a->dt,
            .n_heads = a->n_heads,
            .n_kv_heads = a->n_kv_heads,
            .head_dim = a->head_dim,
            .q = q,
            .q_stride = a->q_stride,
            .out = kt_out(&chunk, "out", a->dt, cu_seqlens[a->n_seqs] * out_width),
            .k_pages = pages->k,
            .v_pages = pages->v,
            .page_table = pages->tables,
            .page_size = pages->size,
            .cu_seqlens = cu_seqlens,
            .lengths = lengths,
            .n_seqs = a->n_seqs,
            .scale = a->scale,
        };
        o->attention_paged(o, &paged);
        for (int s = 0; s < a->n_seqs; s++) {
            size_t row = (size_t)out_width * size, n = (size_t)(cu_seqlens[s + 1] - cu_seqlens[s]);
            const char *got = (const char *)paged.out + (size_t)cu_seqlens[s] * row;
            const char *want = (const char *)a->out + (size_t)(p->cu_seqlens[s] + done[s]) * row;
            if (memcmp(got, want, n * row) != 0)
                fail_msg("%s %s: %d rows of sequence %d after %d differ from packed attention", o->name,
                         sl_dtype_name(a->dt), (int)n, s, done[s]);
            done[s] = lengths[s];
        }
        int32_t n_rows = cu_seqlens[a->n_seqs];
        kt_run_end(&chunk);
        if (!n_rows) break;
    }
}

static void test_pages_and_chunks_have_the_bits_of_packed_causal_attention(void **state)
{
    const struct kt_levels *l = *state;
    static const struct shape packs[] = {
        {"grouped", 4, 2, 64, true, 0, 64, 2, {70, 1, 300, 33, -1}},
        {"head of 40", 2, 2, 40, true, 16, 0, 1, {129, 64, 5, -1}},
        {"head of 128", 8, 1, 128, true, 0, 0, 1, {140, -1}},
    };
    static const struct {
        int page_size, most;
    } cuts[] = {{16, 1}, {16, 50}, {24, 300}, {256, 7}};
    for (size_t s = 0; s < 3; s++)
        for (int d = 0; d < 2; d++)
            for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++)
                for (int level = c == 1 && s == 1 ? 0 : 1; level < l->n_levels; level++) {
                    const sl_ops *o = l->ops[level][c % KT_THREADS];
                    struct kt_run r;
                    struct problem p;
                    struct pages pages = {0};
                    kt_run_begin(&r, s);
                    make_problem(&r, &packs[s], dtypes[d], &p);
                    o->attention(o, &p.a);
                    fill_pages(&r, &p, cuts[c].page_size, &pages);
                    paged_equals_packed(o, &r, &p, &pages, cuts[c].most);
                    free_pages(&pages);
                    kt_run_end(&r);
                }
}

/* Some queries of a few sequences, against all keys of these. */
static void test_some_queries_have_the_bits_that_they_have_among_all(void **state)
{
    const struct kt_levels *l = *state;
    static const struct shape packs[] = {
        {"one head of many", 3, 3, 64, false, 0, 64, 1, {300, -1}},
        {"three sequences", 2, 1, 40, false, 0, 0, 3, {150, 7, 90, -1}},
    };
    static const int cuts[][2] = {{0, 1}, {0, 96}, {100, 40}, {140, 107}, {150, 5}, {152, 95}};
    for (size_t i = 0; i < 2 * 2 * sizeof cuts / sizeof *cuts; i++)
        for (int level = 0; level < l->n_levels; level++) {
            const sl_ops *o = l->ops[level][i % KT_THREADS];
            const int *cut = cuts[i / 4];
            sl_dtype dt = dtypes[i / 2 % 2];
            struct kt_run r;
            struct problem p;
            int32_t cu[8] = {0};
            int first = 0, n = 0;
            kt_run_begin(&r, i);
            make_problem(&r, &packs[i % 2], dt, &p);
            sl_attention some = p.a;
            int64_t size = (int64_t)sl_dtype_size(dt), row = (int64_t)p.a.n_heads * p.a.head_dim * size;
            while (p.cu_seqlens[first + 1] <= cut[0]) first++;
            for (int end = 0; end < cut[1]; n++) {
                end = p.cu_seqlens[first + n + 1] - cut[0];
                cu[n + 1] = end = end < cut[1] ? end : cut[1];
            }
            some.q = (const char *)p.a.q + cut[0] * p.a.q_stride * size;
            some.out = kt_out(&r, "some", dt, cut[1] * row / size);
            some.lse = NULL;
            some.cu_seqlens = cu;
            some.cu_keys = p.cu_seqlens + first;
            some.n_seqs = n;
            o->attention(o, &p.a);
            o->attention(o, &some);
            if (memcmp(some.out, (const char *)p.a.out + cut[0] * row, (size_t)(cut[1] * row)) != 0)
                fail_msg("%s %s: %d queries from %d on differ", o->name, sl_dtype_name(dt), cut[1], cut[0]);
            kt_run_end(&r);
        }
}

/* Multiplies the tokens of one operand from token `first` on. */
static void enlarge(void *x, sl_dtype dt, int64_t first, int64_t n, float by)
{
    for (int64_t i = first; i < n; i++) scalar_put(x, dt, i, by * scalar_get(x, dt, i));
}

static void test_scores_of_hundreds_do_not_overflow(void **state)
{
    const struct kt_levels *l = *state;
    static const struct bound out = {0x1p-6, 0x1p-5, 0x1p-7, 0}, lse = {1e-5, 0, 1, 1e-3};
    static const struct shape steep = {"large scores", 2, 1, 64, true, 0, 0, 1, {400, -1}};
    for (int late = 0; late < 2; late++)
        for (int d = 0; d < 2; d++) {
            struct kt_run want, got;
            struct problem p;
            for (int level = 0; level < l->n_levels; level++) {
                struct kt_run *r = level ? &got : &want;
                kt_run_begin(r, 3);
                make_problem(r, &steep, dtypes[d], &p);
                /* Standard deviation 64 of the scores: they reach +-200; late: the large ones come last. */
                enlarge((void *)p.a.k, dtypes[d], late ? 300 * p.a.kv_stride : 0, p.tokens * p.a.kv_stride, 64);
                run_problem(l->ops[level][0], &steep, &p);
                for (int64_t i = 0; i < p.tokens * p.a.n_heads * p.a.head_dim; i++)
                    assert_true(isfinite(scalar_get(p.a.out, dtypes[d], i)));
                if (level) {
                    int64_t n = p.tokens * p.a.n_heads;
                    const struct kt_buffer *w = &want.buffers[3];
                    assert_near(l->ops[level][0]->name, "out", p.a.out, w->data, dtypes[d], w->n, out);
                    assert_near(l->ops[level][0]->name, "lse", p.a.lse, want.buffers[4].data, SL_F32, n, lse);
                    kt_run_end(&got);
                }
            }
            kt_run_end(&want);
        }
}

static void test_backward_in_several_ranges_of_keys_is_the_same_gradient(void **state)
{
    const struct kt_levels *l = *state;
    static const struct shape longer[] = {
        {"bidirectional", 1, 1, 64, false, 0, 0, 1, {400, -1}},
        {"causal, grouped", 2, 1, 64, true, 64, 0, 1, {10, 340, -1}},
    };
    for (size_t s = 0; s < 2; s++)
        for (int d = 0; d < 2; d++)
            for (int level = 1; level < l->n_levels; level++) {
                struct kt_run whole, cut;
                struct problem p;
                sl_ops small = *l->ops[level][0];
                small.scratch_size = 400 << 10; /* 128 to 320 keys a range */
                kt_run_begin(&whole, s);
                make_problem(&whole, &longer[s], dtypes[d], &p);
                run_problem(l->ops[level][0], &longer[s], &p);
                kt_run_begin(&cut, s);
                make_problem(&cut, &longer[s], dtypes[d], &p);
                l->ops[level][0]->attention(l->ops[level][0], &p.a);
                small.attention_bwd(&small, &p.a, &p.g);
                check_gaps("ranges", p.g.dq, p.a.dt, p.tokens, longer[s].n_heads * 64, p.a.q_stride);
                compare_with_reference(small.name, &cut, &whole);
                /* Rounding dq to bf16 between ranges is the only difference there is. */
                const struct kt_buffer *dk = &cut.buffers[7], *dv = &cut.buffers[8];
                assert_memory_equal(dk->data, whole.buffers[7].data, (size_t)dk->n * sl_dtype_size(dk->dtype));
                assert_memory_equal(dv->data, whole.buffers[8].data, (size_t)dv->n * sl_dtype_size(dv->dtype));
                kt_run_end(&cut);
                kt_run_end(&whole);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_is_the_softmax_formula),
        cmocka_unit_test(test_backward_is_the_derivative),
        cmocka_unit_test(test_levels_agree_with_the_reference_and_threads_change_nothing),
        cmocka_unit_test(test_a_packed_sequence_has_the_bits_of_the_sequence_alone),
        cmocka_unit_test(test_pages_and_chunks_have_the_bits_of_packed_causal_attention),
        cmocka_unit_test(test_some_queries_have_the_bits_that_they_have_among_all),
        cmocka_unit_test(test_scores_of_hundreds_do_not_overflow),
        cmocka_unit_test(test_backward_in_several_ranges_of_keys_is_the_same_gradient),
    };
    return cmocka_run_group_tests(tests, kt_levels_setup, kt_levels_teardown);
}
