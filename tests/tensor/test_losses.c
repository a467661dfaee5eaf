/*
 * test_losses.c: losses and the optimizer step: every level against the reference and against the formula in double,
 * and every gradient of the reference against differences.
 */
#include "tensor/kernels_test.h"

/* Variants: with gradient, without it, in place (f32). */
static void case_cross_entropy(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    bool in_place = s->c == 2;
    float *logits = kt_inout(r, in_place ? "d_logits" : NULL, SL_F32, n, 3);
    int32_t *targets = kt_in_ints(r, s->rows, 0, (int32_t)s->cols);
    for (int64_t i = 2; i < s->rows; i += 4) targets[i] = -1;
    float *weights = kt_in(r, SL_F32, s->rows, 1), *loss = kt_out(r, "loss", SL_F32, s->rows);
    void *d = s->c == 0 ? kt_out(r, "d_logits", s->dt, n) : in_place ? logits : NULL;
    o->cross_entropy(o, in_place ? SL_F32 : s->dt, s->rows, s->cols, logits, targets, weights, loss, d);
}

/* Variants: bit 1 without gradient, bit 2 rows shorter than eps. A single column, where all cancels, becomes two. */
static void case_cosine_loss(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t cols = s->cols + (s->cols == 1), n = s->rows * cols;
    void *x = kt_in(r, s->dt, n, 1);
    float *target = kt_in(r, SL_F32, n, 1), *weights = kt_in(r, SL_F32, s->rows, 1);
    float *loss = kt_out(r, "loss", SL_F32, s->rows);
    void *dx = s->c & 1 ? NULL : kt_out(r, "dx", s->dt, n);
    o->cosine_loss(o, s->dt, s->rows, cols, x, target, weights, s->c & 2 ? 1e3f : 1e-8f, loss, dx);
}

static void case_sigmoid_contrastive(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    float *sims = kt_inout(r, "d_sims", SL_F32, s->rows * s->cols, 0.3f);
    int32_t *row_label = kt_in_ints(r, s->rows, 0, 7), *col_label = kt_in_ints(r, s->cols, 0, 7);
    float *loss = kt_out(r, "loss", SL_F32, s->rows), *sums_out = kt_out(r, "sums", SL_F32, 2);
    double sums[2] = {1, -1};
    o->sigmoid_contrastive(o, s->rows, s->cols, sims, row_label, col_label, 10, s->c ? 0 : -10, 64, loss, sums);
    sums_out[0] = (float)sums[0];
    sums_out[1] = (float)sums[1];
}

static void case_adamw(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int64_t n = s->rows * s->cols;
    float *w = kt_inout(r, "w", SL_F32, n, 1), *g = kt_inout(r, "g", SL_F32, n, 1);
    float *m = kt_inout(r, "m", SL_F32, n, 1), *v = kt_inout(r, "v", SL_F32, n, 1);
    for (int64_t i = 0; i < n; i++) v[i] *= v[i];
    sl_adamw p = {.lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.1f, .grad_scale = 0.3f};
    p.step = s->c ? 1000 : 1;
    o->adamw(o, n, w, g, m, v, &p);
}

static const struct {
    const char *name;
    kt_case *run;
    int n_variants;
} cases[] = {
    {"cross_entropy", case_cross_entropy, 3},
    {"cosine_loss", case_cosine_loss, 4},
    {"sigmoid_contrastive", case_sigmoid_contrastive, 2},
    {"adamw", case_adamw, 2},
};

static void every_level_agrees_with_the_reference(void **state)
{
    static const int64_t sizes[][2] = {{0, 8},   {1, 1},    {1, 16},  {3, 5},     {5, 17},   {2, 31},   {70, 8},
                                       {33, 48}, {40, 129}, {3, 300}, {67, 1003}, {9, 5000}, {1, 4096}, {1030, 40}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            for (int v = 0; v < cases[i].n_variants; v++)
                for (int d = 0; d < 2; d++) {
                    struct kt_shape s = {.rows = sizes[k][0], .cols = sizes[k][1], .dt = d ? SL_BF16 : SL_F32, .c = v};
                    kt_compare_levels(*state, cases[i].name, cases[i].run, &s, 1e-5);
                }
}

/* --- against formulas in double --------------------------------------------------------------------------------- */

static double log_sum_exp(const float *x, int n)
{
    double max = x[0], sum = 0;
    for (int j = 1; j < n; j++) max = fmax(max, x[j]);
    for (int j = 0; j < n; j++) sum += exp(x[j] - max);
    return max + log(sum);
}

/* Logits around zero, far from zero on either side, with rising maxima, and so spread that most underflow. */
static void cross_entropy_is_log_softmax_in_double(void **state)
{
    enum { N = 4500 };
    const struct kt_levels *l = *state;
    static float x[N], d[N];
    static const float shifts[] = {0, 1e4f, -1e4f}, stds[] = {1, 30};
    struct sl_rng rng;
    sl_rng_init(&rng, 5, 1);
    for (int s = 0; s < 6; s++) {
        for (int j = 0; j < N; j++) x[j] = shifts[s % 3] + stds[s / 3] * sl_rng_normal(&rng) + 0.001f * (float)j;
        int32_t target = (int32_t)sl_rng_below(&rng, N);
        double lse = log_sum_exp(x, N), want = 0.5 * (lse - x[target]);
        for (int level = 0; level < l->n_levels; level++) {
            float weight = 0.5f, loss = -1;
            l->ops[level][0]->cross_entropy(l->ops[level][0], SL_F32, 1, N, x, &target, &weight, &loss, d);
            assert_true(fabs(loss - want) <= 1e-5 * fabs(want));
            for (int j = 0; j < N; j++)
                assert_true(fabs(d[j] - 0.5 * (exp(x[j] - lse) - (j == target))) <= 1e-5 * exp(x[j] - lse) + 1e-7);
        }
    }
}

static void cross_entropy_survives_masked_logits(void **state)
{
    enum { N = 2100 }; /* the first block of a row holds nothing but masked logits */
    const struct kt_levels *l = *state;
    static float x[N], d[N];
    for (int j = 0; j < N; j++) x[j] = j < 2060 ? -INFINITY : 1;
    for (int level = 0; level < l->n_levels; level++) {
        float weight = 1, loss;
        int32_t target = 2070;
        l->ops[level][0]->cross_entropy(l->ops[level][0], SL_F32, 1, N, x, &target, &weight, &loss, d);
        assert_float_equal(loss, logf(40), 1e-5);
        assert_float_equal(d[0], 0, 0);
        assert_float_equal(d[2060], 0.025, 1e-6);
        assert_float_equal(d[2070], -0.975, 1e-6);
    }
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static void sigmoid_contrastive_is_its_formula_in_double(void **state)
{
    enum { R = 9, C = 37 };
    static const float biases[] = {-10, 0, 60}; /* the last makes softplus linear and the sigmoid 1 */
    const struct kt_levels *l = *state;
    struct sl_rng rng;
    sl_rng_init(&rng, 8, 1);
    float sims[R * C];
    int32_t rows[R], cols[C];
    for (int i = 0; i < R * C; i++) sims[i] = 2 * sl_rng_float(&rng) - 1;
    for (int i = 0; i < R; i++) rows[i] = i / 2; /* two rows share a label */
    for (int j = 0; j < C; j++) cols[j] = j % 6;
    for (int level = 0; level < l->n_levels; level++)
        for (int b = 0; b < 3; b++) {
            float d[R * C], loss[R];
            double sums[2] = {0, 0}, want_sums[2] = {0, 0};
            memcpy(d, sims, sizeof d);
            l->ops[level][0]->sigmoid_contrastive(l->ops[level][0], R, C, d, rows, cols, 7, biases[b], R, loss, sums);
            for (int i = 0; i < R; i++) {
                double want = 0;
                for (int j = 0; j < C; j++) {
                    double sign = rows[i] == cols[j] ? -1 : 1, u = sign * (7.0 * sims[i * C + j] + biases[b]);
                    double dz = sign / (1 + exp(-u)) / R;
                    want += softplus(u) / R;
                    want_sums[0] += dz * sims[i * C + j];
                    want_sums[1] += dz;
                    assert_true(fabs(d[i * C + j] - 7 * dz) <= 2e-5 * fabs(7 * dz) + 1e-30);
                }
                assert_true(fabs(loss[i] - want) <= 1e-5 * want);
            }
            for (int k = 0; k < 2; k++) assert_true(fabs(sums[k] - want_sums[k]) <= 1e-5 * fabs(want_sums[k]) + 1e-6);
        }
}

/* One pair at a time, so that no sum hides an error of the softplus: negative pairs, z from -20 to 20. */
static void softplus_is_accurate_everywhere(void **state)
{
    const struct kt_levels *l = *state;
    const int32_t row = 0, col = 1;
    for (int level = 0; level < l->n_levels; level++)
        for (int i = -400; i <= 400; i++) {
            float z = (float)i / 20, d = z, loss;
            double sums[2] = {0, 0};
            l->ops[level][0]->sigmoid_contrastive(l->ops[level][0], 1, 1, &d, &row, &col, 1, 0, 1, &loss, sums);
            assert_true(fabs(loss - softplus(z)) <= 1e-6 * softplus(z));
            assert_true(fabs(d - 1 / (1 + exp(-(double)z))) <= 1e-6 / (1 + exp(-(double)z)));
        }
}

/* More elements than the kernels handle in one go, so that their outermost loop turns twice. */
static void sum_squares_is_exact_in_double_for_any_thread_count(void **state)
{
    enum { N = 16384 * 512 + 1000 };
    const struct kt_levels *l = *state;
    float *x = calloc(N, sizeof *x);
    assert_non_null(x);
    struct sl_rng rng;
    sl_rng_init(&rng, 4, 1);
    for (int i = 0; i < N; i++) x[i] = sl_rng_float(&rng);
    x[3] = 1e25f; /* its square is beyond f32 */
    static const int sizes[] = {0, 1, 15, 16, 17, 100003, N};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        double want = 0;
        for (int i = 0; i < sizes[s]; i++) want += (double)x[i] * x[i];
        for (int level = 0; level < l->n_levels; level++) {
            double first = l->ops[level][0]->sum_squares(l->ops[level][0], sizes[s], x);
            assert_true(fabs(first - want) <= 1e-12 * want);
            for (int t = 1; t < KT_THREADS; t++)
                assert_true(l->ops[level][t]->sum_squares(l->ops[level][t], sizes[s], x) == first);
        }
        x[3] = 1;
    }
    free(x);
}

static void adamw_follows_the_formula_in_double(void **state)
{
    enum { N = 53, STEPS = 6 };
    const struct kt_levels *l = *state;
    const sl_adamw settings = {
        .lr = 0.02f, .beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-6f, .weight_decay = 0.1f, .grad_scale = 0.25f};
    for (int level = 0; level < l->n_levels; level++) {
        struct sl_rng rng;
        sl_rng_init(&rng, 6, 1);
        float w[N], g[N], m[N] = {0}, v[N] = {0};
        double want[N], m64[N] = {0}, v64[N] = {0};
        for (int i = 0; i < N; i++) want[i] = w[i] = sl_rng_normal(&rng);
        for (int step = 1; step <= STEPS; step++) {
            sl_adamw p = settings;
            p.step = step;
            for (int i = 0; i < N; i++) {
                g[i] = sl_rng_normal(&rng);
                double grad = g[i] * 0.25;
                m64[i] = p.beta1 * m64[i] + (1 - (double)p.beta1) * grad;
                v64[i] = p.beta2 * v64[i] + (1 - (double)p.beta2) * grad * grad;
                double m_hat = m64[i] / (1 - pow(p.beta1, step)), v_hat = v64[i] / (1 - pow(p.beta2, step));
                want[i] -= p.lr * (m_hat / (sqrt(v_hat) + p.eps) + p.weight_decay * want[i]);
            }
            l->ops[level][0]->adamw(l->ops[level][0], N, w, g, m, v, &p);
            for (int i = 0; i < N; i++) assert_true(g[i] == 0);
        }
        for (int i = 0; i < N; i++) {
            assert_true(fabs(w[i] - want[i]) <= 1e-6 * (1 + fabs(want[i])));
            assert_true(fabs(m[i] - m64[i]) <= 1e-6);
            assert_true(fabs(v[i] - v64[i]) <= 1e-6);
        }
    }
}

/* --- gradients against differences ------------------------------------------------------------------------------ */

enum { ROWS = 4, COLS = 7, N_SMALL = ROWS * COLS };

/* One loss of x (and scale, bias): the sum over its rows. */
struct problem {
    const sl_ops *o;
    float x[N_SMALL], target[N_SMALL], weights[ROWS], loss[ROWS], d[N_SMALL], scale, bias;
    int32_t targets[ROWS], labels[COLS];
    double sums[2];
};

static struct problem make_problem(void **state)
{
    const struct kt_levels *l = *state;
    struct problem p = {.o = l->ops[SL_CPU_REF][0], .scale = 2, .bias = -0.5f};
    struct sl_rng rng;
    sl_rng_init(&rng, 9, 1);
    for (int i = 0; i < N_SMALL; i++) {
        p.x[i] = sl_rng_normal(&rng);
        p.target[i] = sl_rng_normal(&rng);
    }
    for (int i = 0; i < ROWS; i++) {
        p.weights[i] = 1 + sl_rng_float(&rng);
        p.targets[i] = i == 2 ? -1 : i;
    }
    for (int j = 0; j < COLS; j++) p.labels[j] = j % 3;
    return p;
}

static double total(const struct problem *p)
{
    double sum = 0;
    for (int i = 0; i < ROWS; i++) sum += p->loss[i];
    return sum;
}

static double cross_entropy_loss(void *context)
{
    struct problem *p = context;
    p->o->cross_entropy(p->o, SL_F32, ROWS, COLS, p->x, p->targets, p->weights, p->loss, p->d);
    return total(p);
}

static double cosine_total(void *context)
{
    struct problem *p = context;
    p->o->cosine_loss(p->o, SL_F32, ROWS, COLS, p->x, p->target, p->weights, 0.5f, p->loss, p->d);
    return total(p);
}

static double contrastive_total(void *context)
{
    struct problem *p = context;
    memcpy(p->d, p->x, sizeof p->d);
    p->sums[0] = p->sums[1] = 0;
    p->o->sigmoid_contrastive(p->o, ROWS, COLS, p->d, p->labels, p->labels, p->scale, p->bias, 3, p->loss, p->sums);
    return total(p);
}

static void gradients_are_the_derivatives(void **state)
{
    struct problem p = make_problem(state);
    for (int j = 0; j < COLS; j++) p.x[j] *= 0.05f; /* the cosine's first row stays under eps */
    static const struct {
        const char *name;
        double (*loss)(void *context);
    } losses[] = {
        {"cross_entropy", cross_entropy_loss}, {"cosine", cosine_total}, {"sigmoid_contrastive", contrastive_total}};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        losses[i].loss(&p);
        float d[N_SMALL];
        memcpy(d, p.d, sizeof d);
        kt_check_gradient(losses[i].name, losses[i].loss, &p, p.x, d, N_SMALL, 1e-3f, 5e-3);
    }
    contrastive_total(&p);
    float d_scale = (float)p.sums[0], d_bias = (float)p.sums[1];
    kt_check_gradient("contrastive scale", contrastive_total, &p, &p.scale, &d_scale, 1, 1e-3f, 1e-3);
    kt_check_gradient("contrastive bias", contrastive_total, &p, &p.bias, &d_bias, 1, 1e-3f, 1e-3);
}

static void a_row_without_target_has_no_loss_and_no_gradient(void **state)
{
    const struct kt_levels *l = *state;
    for (int level = 0; level < l->n_levels; level++) {
        float logits[3] = {1, 2, 3}, weight = 1, loss = 7;
        int32_t target = -1;
        sl_bf16 d[3] = {1, 1, 1};
        l->ops[level][0]->cross_entropy(l->ops[level][0], SL_BF16, 1, 3, logits, &target, &weight, &loss, d);
        assert_true(loss == 0);
        assert_true(d[0] == 0 && d[1] == 0 && d[2] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_agrees_with_the_reference),
        cmocka_unit_test(cross_entropy_is_log_softmax_in_double),
        cmocka_unit_test(cross_entropy_survives_masked_logits),
        cmocka_unit_test(sigmoid_contrastive_is_its_formula_in_double),
        cmocka_unit_test(softplus_is_accurate_everywhere),
        cmocka_unit_test(sum_squares_is_exact_in_double_for_any_thread_count),
        cmocka_unit_test(adamw_follows_the_formula_in_double),
        cmocka_unit_test(gradients_are_the_derivatives),
        cmocka_unit_test(a_row_without_target_has_no_loss_and_no_gradient),
    };
    return cmocka_run_group_tests(tests, kt_levels_setup, kt_levels_teardown);
}
