/*
 * test_rows.c: norms, activations, sums and the q/k/v preparation: every level against the reference, every backward
 * of the reference against differences of its forward, and the promises of ops.h that neither shows.
 */
#include "tensor/kernels_test.h"

/* A case's variant is in shape.c, bits that the case names. */
enum { ACCUMULATE = 1, SKIP_FIRST = 2, SKIP_SECOND = 4, SKIP_THIRD = 8 };

static void case_layernorm(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *x = kt_in(r, s->dt, s->rows * s->cols, 2);
    float *w = kt_in(r, SL_F32, s->cols, 1), *b = kt_in(r, SL_F32, s->cols, 1);
    void *y = kt_out(r, "y", s->dt, s->rows * s->cols);
    bool keep = s->c == 0;
    float *mean = keep ? kt_out(r, "mean", SL_F32, s->rows) : NULL;
    float *rstd = keep ? kt_out(r, "rstd", SL_F32, s->rows) : NULL;
    o->layernorm(o, s->dt, s->rows, s->cols, x, w, b, 1e-5f, y, mean, rstd);
}

/* Random statistics near 1, as a forward pass could have kept. */
static float *near_one(struct kt_run *r, int64_t n)
{
    float *p = kt_in(r, SL_F32, n, 0.1f);
    for (int64_t i = 0; i < n; i++) p[i] += 1;
    return p;
}

static void case_layernorm_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    void *dy = kt_in(r, s->dt, n, 1), *x = kt_in(r, s->dt, n, 1);
    float *w = kt_in(r, SL_F32, s->cols, 1), *mean = kt_in(r, SL_F32, s->rows, 0.1f), *rstd = near_one(r, s->rows);
    void *dx = s->c & SKIP_FIRST ? NULL : kt_inout(r, "dx", s->dt, n, 1);
    float *dw = s->c & SKIP_SECOND ? NULL : kt_inout(r, "dw", SL_F32, s->cols, 1);
    float *db = s->c & SKIP_THIRD ? NULL : kt_inout(r, "db", SL_F32, s->cols, 1);
    o->layernorm_bwd(o, s->dt, s->rows, s->cols, dy, x, w, mean, rstd, dx, s->c & ACCUMULATE, dw, db);
}

static void case_rmsnorm(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *x = kt_in(r, s->dt, s->rows * s->cols, 2);
    float *w = kt_in(r, SL_F32, s->cols, 1);
    void *y = kt_out(r, "y", s->dt, s->rows * s->cols);
    o->rmsnorm(o, s->dt, s->rows, s->cols, x, w, 1e-6f, y, s->c ? NULL : kt_out(r, "rstd", SL_F32, s->rows));
}

static void case_rmsnorm_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    void *dy = kt_in(r, s->dt, n, 1), *x = kt_in(r, s->dt, n, 1);
    float *w = kt_in(r, SL_F32, s->cols, 1), *rstd = near_one(r, s->rows);
    void *dx = s->c & SKIP_FIRST ? NULL : kt_inout(r, "dx", s->dt, n, 1);
    float *dw = s->c & SKIP_SECOND ? NULL : kt_inout(r, "dw", SL_F32, s->cols, 1);
    o->rmsnorm_bwd(o, s->dt, s->rows, s->cols, dy, x, w, rstd, dx, s->c & ACCUMULATE, dw);
}

static void case_act(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    void *x = kt_in(r, s->dt, n, 2);
    o->act(o, s->dt, (sl_act)s->c, n, x, kt_out(r, "y", s->dt, n));
}

/* Variants: four activations; written, added to, in place. */
static void case_act_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    void *x = kt_in(r, s->dt, n, 2), *dx = kt_inout(r, "dx", s->dt, n, 1);
    void *dy = s->c / 4 == 2 ? dx : kt_in(r, s->dt, n, 1);
    o->act_bwd(o, s->dt, (sl_act)(s->c % 4), n, dy, x, dx, s->c / 4 == 1);
}

static void case_swiglu(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *x = kt_in(r, s->dt, 2 * s->rows * s->cols, 2);
    o->swiglu(o, s->dt, s->rows, s->cols, x, kt_out(r, "y", s->dt, s->rows * s->cols));
}

static void case_swiglu_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    void *dy = kt_in(r, s->dt, n, 1), *x = kt_in(r, s->dt, 2 * n, 2);
    o->swiglu_bwd(o, s->dt, s->rows, s->cols, dy, x, kt_out(r, "dx", s->dt, 2 * n));
}

/* Variants: y apart, y is a, y is b. */
static void case_add(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    void *y = kt_inout(r, "y", s->dt, n, 1);
    void *a = s->c == 1 ? y : kt_in(r, s->dt, n, 1), *b = s->c == 2 ? y : kt_in(r, s->dt, n, 1);
    o->add(o, s->dt, n, a, b, y);
}

/* Variants: to f32, to bf16, in place. */
static void case_scale(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    sl_dtype y_type = s->c == 0 ? SL_F32 : s->c == 1 ? SL_BF16 : s->dt;
    void *y = kt_inout(r, "y", y_type, n, 1), *x = s->c == 2 ? y : kt_in(r, s->dt, n, 1);
    o->scale(o, n, -0.37f, x, s->dt, y, y_type);
}

static void case_bias_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *dy = kt_in(r, s->dt, s->rows * s->cols, 1);
    o->bias_bwd(o, s->dt, s->rows, s->cols, dy, s->c ? NULL : kt_inout(r, "db", SL_F32, s->cols, 1));
}

static void case_l2norm(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *x = kt_in(r, s->dt, s->rows * s->cols, s->c & 2 ? 1e-9f : 1);
    void *y = kt_out(r, "y", s->dt, s->rows * s->cols);
    o->l2norm(o, s->dt, s->rows, s->cols, x, 1e-6f, y, s->c & 1 ? NULL : kt_out(r, "norm", SL_F32, s->rows));
}

static void case_l2norm_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    void *dy = kt_in(r, s->dt, n, 1), *y = kt_in(r, s->dt, n, s->c & 2 ? 1e-3f : 1);
    o->l2norm_bwd(o, s->dt, s->rows, s->cols, dy, y, near_one(r, s->rows), kt_inout(r, "dx", s->dt, n, 1),
                  s->c & ACCUMULATE);
}

static const struct {
    const char *name;
    kt_case *run;
    int n_variants;
} cases[] = {
    {"layernorm", case_layernorm, 2},
    {"layernorm_bwd", case_layernorm_bwd, 16},
    {"rmsnorm", case_rmsnorm, 2},
    {"rmsnorm_bwd", case_rmsnorm_bwd, 8},
    {"act", case_act, 4},
    {"act_bwd", case_act_bwd, 12},
    {"swiglu", case_swiglu, 1},
    {"swiglu_bwd", case_swiglu_bwd, 1},
    {"add", case_add, 3},
    {"scale", case_scale, 3},
    {"bias_bwd", case_bias_bwd, 2},
    {"l2norm", case_l2norm, 4},
    {"l2norm_bwd", case_l2norm_bwd, 4},
};

static void every_level_agrees_with_the_reference(void **state)
{
    static const int64_t sizes[][2] = {{0, 8},  {1, 1},   {1, 16},   {3, 5},   {5, 17},    {2, 31},
                                       {70, 8}, {33, 48}, {40, 129}, {3, 300}, {67, 1003}, {300, 130}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            for (int v = 0; v < cases[i].n_variants; v++)
                for (int d = 0; d < 2; d++) {
                    struct kt_shape s = {.rows = sizes[k][0], .cols = sizes[k][1], .dt = d ? SL_BF16 : SL_F32, .c = v};
                    kt_compare_levels(*state, cases[i].name, cases[i].run, &s, 1e-5);
                }
}

/* shape: rows = tokens, cols = head_dim, a = n_heads, b = n_kv_heads, c = 1 norms + 2 rotation; flag: in place. */
static sl_qkv make_qkv(struct kt_run *r, const struct kt_shape *s, bool forward)
{
    bool norms = s->c & 1, rotation = s->c & 2;
    sl_qkv p = {.dt = s->dt, .tokens = s->rows, .n_heads = s->a, .n_kv_heads = s->b, .head_dim = (int)s->cols};
    p.eps = 1e-6f;
    if (norms) {
        int64_t n_stats = s->rows * (s->a + s->b);
        p.q_norm = near_one(r, s->cols);
        p.k_norm = near_one(r, s->cols);
        p.rstd = forward ? kt_out(r, "rstd", SL_F32, n_stats) : near_one(r, n_stats);
    }
    if (rotation) {
        float *c = kt_in(r, SL_F32, s->rows * s->cols / 2, 3), *sn = kt_in(r, SL_F32, s->rows * s->cols / 2, 0);
        for (int64_t i = 0; i < s->rows * s->cols / 2; i++) {
            sn[i] = sinf(c[i]);
            c[i] = cosf(c[i]);
        }
        p.cos = c;
        p.sin = sn;
    }
    return p;
}

static int64_t qkv_size(const struct kt_shape *s)
{
    return s->rows * (s->a + 2 * s->b) * s->cols;
}

static void case_qkv_prepare(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    sl_qkv p = make_qkv(r, s, true);
    void *out = kt_inout(r, "out", s->dt, qkv_size(s), 1);
    o->qkv_prepare(o, &p, s->flag ? out : kt_in(r, s->dt, qkv_size(s), 1), out);
}

static void case_qkv_prepare_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    sl_qkv p = make_qkv(r, s, false);
    void *in = kt_in(r, s->dt, qkv_size(s), 1), *d = kt_inout(r, "d_in", s->dt, qkv_size(s), 1);
    float *dq = s->flag ? NULL : kt_inout(r, "dq_norm", SL_F32, s->cols, 1);
    float *dk = s->flag ? NULL : kt_inout(r, "dk_norm", SL_F32, s->cols, 1);
    o->qkv_prepare_bwd(o, &p, in, d, dq, dk);
}

static void qkv_preparation_agrees_with_the_reference(void **state)
{
    static const struct kt_shape shapes[] = {{0, 8, 0, 2, 1, 0, 0},   {1, 8, 0, 1, 1, 0, 0},   {5, 24, 0, 3, 3, 0, 0},
                                             {33, 64, 0, 4, 2, 0, 0}, {7, 80, 0, 5, 1, 0, 0},  {3, 128, 0, 2, 2, 0, 0},
                                             {90, 40, 0, 6, 3, 0, 0}, {9, 256, 0, 2, 1, 0, 0}, {70, 88, 0, 4, 4, 0, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int v = 0; v < 16; v++) {
            struct kt_shape s = shapes[i];
            s.dt = v & 1 ? SL_BF16 : SL_F32;
            s.flag = v & 2;
            s.c = v / 4;
            kt_compare_levels(*state, "qkv_prepare", case_qkv_prepare, &s, 1e-5);
            kt_compare_levels(*state, "qkv_prepare_bwd", case_qkv_prepare_bwd, &s, 1e-5);
        }
}

/* --- gradients against differences ------------------------------------------------------------------------------ */

enum { ROWS = 4, COLS = 11, N = ROWS * COLS };

/* One differentiable function of x (N or 2 N), w and b (COLS): y (N), and loss = sum y dy. */
struct problem {
    const sl_ops *o;
    void (*forward)(struct problem *p);
    sl_act act;
    float x[2 * N], w[COLS], b[COLS], y[N], dy[N], mean[ROWS], rstd[ROWS];
};

static double problem_loss(void *context)
{
    struct problem *p = context;
    p->forward(p);
    double sum = 0;
    for (int i = 0; i < N; i++) sum += (double)p->y[i] * p->dy[i];
    return sum;
}

static void fill(struct sl_rng *rng, float *p, int n)
{
    for (int i = 0; i < n; i++) p[i] = sl_rng_normal(rng);
}

static struct problem make_problem(void **state, void (*forward)(struct problem *p))
{
    const struct kt_levels *l = *state;
    struct problem p = {.o = l->ops[SL_CPU_REF][0], .forward = forward};
    struct sl_rng rng;
    sl_rng_init(&rng, 7, 7);
    fill(&rng, p.x, 2 * N);
    fill(&rng, p.w, COLS);
    fill(&rng, p.b, COLS);
    fill(&rng, p.dy, N);
    return p;
}

/* Checks gradient (n) of x, computed by a backward that added it to start. */
static void check_added(const char *what, struct problem *p, float *x, float *gradient, const float *start, int n)
{
    for (int i = 0; i < n; i++) gradient[i] -= start[i];
    kt_check_gradient(what, problem_loss, p, x, gradient, n, 1e-3f, 5e-3);
}

static void layernorm_forward(struct problem *p)
{
    p->o->layernorm(p->o, SL_F32, ROWS, COLS, p->x, p->w, p->b, 1e-2f, p->y, p->mean, p->rstd);
}

static void layernorm_backward_is_the_derivative(void **state)
{
    struct problem p = make_problem(state, layernorm_forward);
    float dx[N], dw[COLS], db[COLS];
    memcpy(dx, p.dy, sizeof dx);
    memcpy(dw, p.w, sizeof dw);
    memcpy(db, p.b, sizeof db);
    layernorm_forward(&p);
    p.o->layernorm_bwd(p.o, SL_F32, ROWS, COLS, p.dy, p.x, p.w, p.mean, p.rstd, dx, true, dw, db);
    check_added("layernorm x", &p, p.x, dx, p.dy, N);
    float w[COLS], b[COLS];
    memcpy(w, p.w, sizeof w);
    memcpy(b, p.b, sizeof b);
    check_added("layernorm w", &p, p.w, dw, w, COLS);
    check_added("layernorm b", &p, p.b, db, b, COLS);
}

static void rmsnorm_forward(struct problem *p)
{
    p->o->rmsnorm(p->o, SL_F32, ROWS, COLS, p->x, p->w, 1e-2f, p->y, p->rstd);
}

static void rmsnorm_backward_is_the_derivative(void **state)
{
    struct problem p = make_problem(state, rmsnorm_forward);
    float dx[N], dw[COLS], w[COLS];
    memcpy(dx, p.dy, sizeof dx);
    memcpy(dw, p.w, sizeof dw);
    memcpy(w, p.w, sizeof w);
    rmsnorm_forward(&p);
    p.o->rmsnorm_bwd(p.o, SL_F32, ROWS, COLS, p.dy, p.x, p.w, p.rstd, dx, true, dw);
    check_added("rmsnorm x", &p, p.x, dx, p.dy, N);
    check_added("rmsnorm w", &p, p.w, dw, w, COLS);
}

static void act_forward(struct problem *p)
{
    p->o->act(p->o, SL_F32, p->act, N, p->x, p->y);
}

static void act_backward_is_the_derivative(void **state)
{
    static const char *const names[] = {"none", "gelu", "gelu_tanh", "silu"};
    for (int a = SL_ACT_NONE; a <= SL_ACT_SILU; a++) {
        struct problem p = make_problem(state, act_forward);
        p.act = (sl_act)a;
        float dx[N];
        memcpy(dx, p.dy, sizeof dx);
        p.o->act_bwd(p.o, SL_F32, p.act, N, p.dy, p.x, dx, true);
        check_added(names[a], &p, p.x, dx, p.dy, N);
    }
}

static void swiglu_forward(struct problem *p)
{
    p->o->swiglu(p->o, SL_F32, ROWS, COLS, p->x, p->y);
}

static void swiglu_backward_is_the_derivative(void **state)
{
    struct problem p = make_problem(state, swiglu_forward);
    float dx[2 * N];
    p.o->swiglu_bwd(p.o, SL_F32, ROWS, COLS, p.dy, p.x, dx);
    kt_check_gradient("swiglu", problem_loss, &p, p.x, dx, 2 * N, 1e-3f, 5e-3);
}

static void l2norm_forward(struct problem *p)
{
    p->o->l2norm(p->o, SL_F32, ROWS, COLS, p->x, 0.5f, p->y, p->rstd);
}

static void l2norm_backward_is_the_derivative_also_of_short_rows(void **state)
{
    struct problem p = make_problem(state, l2norm_forward);
    for (int j = 0; j < COLS; j++) p.x[j] *= 0.05f; /* the first row stays under eps */
    float dx[N];
    memcpy(dx, p.dy, sizeof dx);
    l2norm_forward(&p);
    assert_true(p.rstd[0] == 0.5f && p.rstd[1] > 1);
    p.o->l2norm_bwd(p.o, SL_F32, ROWS, COLS, p.dy, p.y, p.rstd, dx, true);
    check_added("l2norm", &p, p.x, dx, p.dy, N);
}

enum { TOKENS = 3, HEADS = 2, KV_HEADS = 1, HEAD_DIM = 8, QKV = TOKENS * (HEADS + 2 * KV_HEADS) * HEAD_DIM };

struct qkv_problem {
    const sl_ops *o;
    sl_qkv p;
    float in[QKV], out[QKV], d_out[QKV];
    float q_norm[HEAD_DIM], k_norm[HEAD_DIM], cos[TOKENS * HEAD_DIM / 2], sin[TOKENS * HEAD_DIM / 2];
    float rstd[TOKENS * (HEADS + KV_HEADS)];
};

static double qkv_loss(void *context)
{
    struct qkv_problem *q = context;
    q->o->qkv_prepare(q->o, &q->p, q->in, q->out);
    double sum = 0;
    for (int i = 0; i < QKV; i++) sum += (double)q->out[i] * q->d_out[i];
    return sum;
}

static void qkv_backward_is_the_derivative(void **state)
{
    const struct kt_levels *l = *state;
    for (int variant = 0; variant < 4; variant++) {
        struct qkv_problem q = {.o = l->ops[SL_CPU_REF][0]};
        q.p = (sl_qkv){.dt = SL_F32, .tokens = TOKENS, .n_heads = HEADS, .n_kv_heads = KV_HEADS, .head_dim = HEAD_DIM};
        struct sl_rng rng;
        sl_rng_init(&rng, 3, 3);
        fill(&rng, q.in, QKV);
        fill(&rng, q.d_out, QKV);
        fill(&rng, q.q_norm, HEAD_DIM);
        fill(&rng, q.k_norm, HEAD_DIM);
        for (int i = 0; i < TOKENS * HEAD_DIM / 2; i++) {
            q.cos[i] = cosf((float)i);
            q.sin[i] = sinf((float)i);
        }
        q.p.eps = 1e-2f;
        bool norms = variant & 1, rotation = variant & 2;
        if (norms) q.p.q_norm = q.q_norm, q.p.k_norm = q.k_norm, q.p.rstd = q.rstd;
        if (rotation) q.p.cos = q.cos, q.p.sin = q.sin;
        qkv_loss(&q);
        float d_in[QKV], dq[HEAD_DIM] = {0}, dk[HEAD_DIM] = {0};
        memcpy(d_in, q.d_out, sizeof d_in);
        q.o->qkv_prepare_bwd(q.o, &q.p, q.in, d_in, dq, dk);
        kt_check_gradient("qkv in", qkv_loss, &q, q.in, d_in, QKV, 1e-3f, 5e-3);
        kt_check_gradient("q_norm", qkv_loss, &q, q.q_norm, dq, HEAD_DIM, 1e-3f, 5e-3);
        kt_check_gradient("k_norm", qkv_loss, &q, q.k_norm, dk, HEAD_DIM, 1e-3f, 5e-3);
    }
}

/* --- promises ---------------------------------------------------------------------------------------------------- */

/* Known values, so that the reference itself is pinned: mean 2.5, variance 1.25; root mean square sqrt(7.5). */
static void norms_give_the_textbook_values(void **state)
{
    const struct kt_levels *l = *state;
    const float x[4] = {1, 2, 3, 4}, w[4] = {1, 1, 1, 2}, b[4] = {0, 0, 0, 10};
    float y[4], mean, stat;
    for (int level = 0; level < l->n_levels; level++) {
        const sl_ops *o = l->ops[level][0];
        o->layernorm(o, SL_F32, 1, 4, x, w, b, 0, y, &mean, &stat);
        assert_float_equal(y[0], -1.3416408, 1e-6);
        assert_float_equal(y[3], 12.6832816, 1e-5);
        assert_float_equal(mean, 2.5, 1e-6);
        o->rmsnorm(o, SL_F32, 1, 4, x, w, 0, y, &stat);
        assert_float_equal(y[0], 0.36514837, 1e-6);
        assert_float_equal(y[3], 2.9211870, 1e-6);
        o->l2norm(o, SL_F32, 1, 4, x, 0, y, &stat);
        assert_float_equal(stat, 5.4772256, 1e-6);
        assert_float_equal(y[1], 0.36514837, 1e-6);
    }
}

static void activations_give_the_textbook_values_and_stay_finite(void **state)
{
    static const struct {
        sl_act act;
        float x, y;
    } points[] = {
        {SL_ACT_NONE, -3, -3},           {SL_ACT_GELU, 1, 0.84134475f},
        {SL_ACT_GELU, -2, -0.04550026f}, {SL_ACT_GELU_TANH, 1, 0.841192f},
        {SL_ACT_SILU, 1, 0.7310586f},    {SL_ACT_SILU, -1, -0.26894143f},
        {SL_ACT_GELU, -500, 0},          {SL_ACT_GELU, 500, 500},
        {SL_ACT_GELU_TANH, -500, 0},     {SL_ACT_GELU_TANH, 500, 500},
        {SL_ACT_SILU, -500, 0},          {SL_ACT_SILU, 500, 500},
        {SL_ACT_SILU, -1e30f, 0},        {SL_ACT_GELU_TANH, 1e30f, 1e30f},
    };
    const struct kt_levels *l = *state;
    for (int level = 0; level < l->n_levels; level++)
        for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
            const sl_ops *o = l->ops[level][0];
            float x[17], y[17], dx[17];
            for (int k = 0; k < 17; k++) x[k] = points[i].x;
            o->act(o, SL_F32, points[i].act, 17, x, y);
            o->act_bwd(o, SL_F32, points[i].act, 17, x, x, dx, false);
            for (int k = 0; k < 17; k++) {
                assert_true(fabsf(y[k] - points[i].y) <= 2e-6f * fabsf(points[i].y) + 1e-6f);
                assert_true(isfinite(dx[k]));
            }
        }
}

/* Row i of a batch has the same bits as the row alone: packing changes nothing. */
static void a_row_does_not_depend_on_the_other_rows(void **state)
{
    const struct kt_levels *l = *state;
    enum { BATCH = 500, WIDTH = 77 };
    struct kt_run r;
    kt_run_begin(&r, 5);
    float *x = kt_in(&r, SL_F32, BATCH * WIDTH, 1), *w = kt_in(&r, SL_F32, WIDTH, 1);
    float *many = kt_out(&r, "many", SL_F32, BATCH * WIDTH), *one = kt_out(&r, "one", SL_F32, WIDTH);
    for (int level = 0; level < l->n_levels; level++) {
        const sl_ops *o = l->ops[level][2];
        o->layernorm(o, SL_F32, BATCH, WIDTH, x, w, w, 1e-5f, many, NULL, NULL);
        for (int i = 0; i < BATCH; i += 83) {
            o->layernorm(o, SL_F32, 1, WIDTH, x + i * WIDTH, w, w, 1e-5f, one, NULL, NULL);
            assert_memory_equal(one, many + i * WIDTH, sizeof(float) * WIDTH);
        }
    }
    kt_run_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_agrees_with_the_reference),
        cmocka_unit_test(qkv_preparation_agrees_with_the_reference),
        cmocka_unit_test(layernorm_backward_is_the_derivative),
        cmocka_unit_test(rmsnorm_backward_is_the_derivative),
        cmocka_unit_test(act_backward_is_the_derivative),
        cmocka_unit_test(swiglu_backward_is_the_derivative),
        cmocka_unit_test(l2norm_backward_is_the_derivative_also_of_short_rows),
        cmocka_unit_test(qkv_backward_is_the_derivative),
        cmocka_unit_test(norms_give_the_textbook_values),
        cmocka_unit_test(activations_give_the_textbook_values_and_stay_finite),
        cmocka_unit_test(a_row_does_not_depend_on_the_other_rows),
    };
    return cmocka_run_group_tests(tests, kt_levels_setup, kt_levels_teardown);
}
