/*
 * test_moves.c: embedding, gathering, pooling and expert routing: every level against the reference, every backward
 * of the reference against differences of its forward, and what the routing promises.
 */
#include "tensor/kernels_test.h"

/* A random permutation of 0 .. n - 1, an input of the run. */
static int32_t *permutation(struct kt_run *r, int64_t n)
{
    int32_t *p = kt_out(r, NULL, SL_I32, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = sl_rng_below(&r->rng, (uint32_t)i + 1);
        p[i] = p[k];
        p[k] = (int32_t)i;
    }
    return p;
}

enum { VOCAB = 37 };

static void case_embed(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    sl_dtype table_type = s->c ? SL_BF16 : SL_F32;
    void *table = kt_in(r, table_type, VOCAB * s->cols, 1);
    int32_t *ids = kt_in_ints(r, s->rows, 0, VOCAB);
    o->embed(o, s->dt, s->rows, s->cols, ids, table, table_type, kt_out(r, "y", s->dt, s->rows * s->cols));
}

static void case_embed_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *dy = kt_in(r, s->dt, s->rows * s->cols, 1);
    int32_t *ids = kt_in_ints(r, s->rows, -3, VOCAB);
    o->embed_bwd(o, s->dt, s->rows, s->cols, ids, dy, kt_inout(r, "d_table", SL_F32, VOCAB * s->cols, 1));
}

static void case_gather_rows(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *x = kt_in(r, s->dt, VOCAB * s->cols, 1);
    int32_t *index = kt_in_ints(r, s->rows, -5, VOCAB);
    o->gather_rows(o, s->dt, s->rows, s->cols, index, x, kt_out(r, "y", s->dt, s->rows * s->cols));
}

static void case_scatter_rows(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *x = kt_in(r, s->dt, s->rows * s->cols, 1), *y = kt_inout(r, "y", s->dt, 2 * s->rows * s->cols, 1);
    int32_t *index = permutation(r, 2 * s->rows);
    for (int64_t i = 0; i < s->rows; i += 3) index[i] = -1;
    o->scatter_rows(o, s->dt, s->rows, s->cols, index, x, y, s->c);
}

static void case_pool4(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *x = kt_in(r, s->dt, 4 * s->rows * s->cols, 1);
    o->pool4(o, s->dt, s->rows, s->cols, x, kt_out(r, "y", s->dt, s->rows * s->cols));
}

static void case_pool4_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    void *dy = kt_in(r, s->dt, s->rows * s->cols, 1);
    o->pool4_bwd(o, s->dt, s->rows, s->cols, dy, kt_inout(r, "dx", s->dt, 4 * s->rows * s->cols, 1), s->c);
}

/* Choices a token in the cases below: 1, 2, 3 or 8, by the variant. */
static int top_k_of(int variant)
{
    static const int top_k[4] = {1, 2, 3, 8};
    return top_k[variant % 4];
}

/* Variants: top_k, and no residual, one apart, or y itself. */
static void case_combine(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int k = top_k_of(s->c);
    void *x = kt_in(r, s->dt, s->rows * k * s->cols, 1), *y = kt_inout(r, "y", s->dt, s->rows * s->cols, 1);
    float *weights = kt_in(r, SL_F32, s->rows * k, 1);
    void *residual = s->c / 4 == 0 ? NULL : s->c / 4 == 1 ? kt_in(r, s->dt, s->rows * s->cols, 1) : y;
    o->combine(o, s->dt, s->rows, s->cols, k, x, weights, permutation(r, s->rows * k), residual, y);
}

/* Variants: top_k, and both gradients, or one of them. */
static void case_combine_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int k = top_k_of(s->c);
    void *x = kt_in(r, s->dt, s->rows * k * s->cols, 1), *dy = kt_in(r, s->dt, s->rows * s->cols, 1);
    float *weights = kt_in(r, SL_F32, s->rows * k, 1);
    void *dx = s->c / 4 == 1 ? NULL : kt_out(r, "dx", s->dt, s->rows * k * s->cols);
    float *d_weights = s->c / 4 == 2 ? NULL : kt_out(r, "d_weights", SL_F32, s->rows * k);
    o->combine_bwd(o, s->dt, s->rows, s->cols, k, dy, x, weights, permutation(r, s->rows * k), dx, d_weights);
}

static void case_gather_choices_bwd(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    int k = top_k_of(s->c);
    void *dy = kt_in(r, s->dt, s->rows * k * s->cols, 1), *dx = kt_inout(r, "dx", s->dt, s->rows * s->cols, 1);
    o->gather_choices_bwd(o, s->dt, s->rows, s->cols, k, permutation(r, s->rows * k), dy, dx, s->c / 4);
}

static const struct {
    const char *name;
    kt_case *run;
    int n_variants;
} cases[] = {
    {"embed", case_embed, 2},
    {"embed_bwd", case_embed_bwd, 1},
    {"gather_rows", case_gather_rows, 1},
    {"scatter_rows", case_scatter_rows, 2},
    {"pool4", case_pool4, 1},
    {"pool4_bwd", case_pool4_bwd, 2},
    {"combine", case_combine, 12},
    {"combine_bwd", case_combine_bwd, 12},
    {"gather_choices_bwd", case_gather_choices_bwd, 8},
};

static void every_level_agrees_with_the_reference(void **state)
{
    static const int64_t sizes[][2] = {{0, 8},  {1, 1},   {1, 16},  {3, 5},    {5, 17},
                                       {70, 8}, {33, 48}, {40, 50}, {35, 1003}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            for (int v = 0; v < cases[i].n_variants; v++)
                for (int d = 0; d < 2; d++) {
                    struct kt_shape s = {.rows = sizes[k][0], .cols = sizes[k][1], .dt = d ? SL_BF16 : SL_F32, .c = v};
                    kt_compare_levels(*state, cases[i].name, cases[i].run, &s, 1e-5);
                }
}

/* --- routing ---------------------------------------------------------------------------------------------------- */

/* Variants of routing: bits. */
enum { SIGMOID = 1, NORMALISE = 2, BIAS = 4, AUX = 8 };

static sl_routing make_routing(struct kt_run *r, const struct kt_shape *s)
{
    sl_routing p = {.tokens = s->rows, .n_experts = (int)s->cols, .top_k = s->a, .scale = 1.5f};
    p.sigmoid = s->c & SIGMOID;
    p.normalise = s->c & NORMALISE;
    if (!(s->c & BIAS)) return p;
    float *bias = kt_in(r, SL_F32, s->cols, 1);
    for (int64_t e = 0; e < s->cols; e++) bias[e] = 0.25f * (float)sl_rng_below(&r->rng, 3);
    p.select_bias = bias;
    return p;
}

/* Logits in coarse steps: any two are equal, a tie, or so far apart that rounding cannot exchange them. */
static float *coarse_logits(struct kt_run *r, int64_t n)
{
    float *logits = kt_in(r, SL_F32, n, 1.5f);
    for (int64_t i = 0; i < n; i++) logits[i] = roundf(logits[i] * 64) / 64;
    return logits;
}

static void case_route(const sl_ops *o, struct kt_run *r, const struct kt_shape *s)
{
    sl_routing p = make_routing(r, s);
    float *logits = coarse_logits(r, s->rows * s->cols);
    int64_t n = s->rows * s->a;
    int32_t *experts = kt_out(r, "experts", SL_I32, n);
    float *weights = kt_out(r, "weights", SL_F32, n);
    int32_t *offsets = kt_out(r, "offsets", SL_I32, s->cols + 1), *slot = kt_out(r, "slot", SL_I32, n);
    o->route(o, &p, logits, experts, weights, offsets, slot, kt_out(r, "source", SL_I32, n));
    float *d_logits = kt_out(r, "d_logits", SL_F32, s->rows * s->cols), *d_weights = kt_in(r, SL_F32, n, 1);
    o->route_bwd(o, &p, logits, experts, weights, offsets, d_weights, s->c & AUX ? 0.3f : 0, d_logits);
}

static void routing_agrees_with_the_reference(void **state)
{
    static const int sizes[][3] = {{0, 4, 2},   {1, 1, 1},   {1, 8, 8},     {5, 7, 2},    {9, 16, 4},
                                   {33, 33, 3}, {20, 64, 8}, {100, 384, 8}, {70, 512, 32}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int v = 0; v < 16; v++) {
            struct kt_shape s = {.rows = sizes[k][0], .cols = sizes[k][1], .a = sizes[k][2], .c = v};
            kt_compare_levels(*state, "route", case_route, &s, 1e-5);
        }
}

enum { TOKENS = 50, EXPERTS = 24, TOP_K = 5, CHOICES = TOKENS * TOP_K };

struct routed {
    sl_routing r;
    float logits[TOKENS * EXPERTS], bias[EXPERTS], weights[CHOICES];
    int32_t experts[CHOICES], offsets[EXPERTS + 1], slot[CHOICES], source[CHOICES];
};

static void route_randomly(const sl_ops *o, struct routed *p, int variant)
{
    struct sl_rng rng;
    sl_rng_init(&rng, 11, 1);
    *p = (struct routed){.r = {.tokens = TOKENS, .n_experts = EXPERTS, .top_k = TOP_K, .scale = 2.5f}};
    p->r.sigmoid = variant & SIGMOID;
    p->r.normalise = variant & NORMALISE;
    for (int i = 0; i < TOKENS * EXPERTS; i++) p->logits[i] = sl_rng_normal(&rng);
    for (int e = 0; e < EXPERTS; e++) p->bias[e] = 0.1f * sl_rng_normal(&rng);
    if (variant & BIAS) p->r.select_bias = p->bias;
    o->route(o, &p->r, p->logits, p->experts, p->weights, p->offsets, p->slot, p->source);
}

static double score_of(const struct routed *p, int t, int e)
{
    const float *row = p->logits + t * EXPERTS;
    if (p->r.sigmoid) return 1 / (1 + exp(-(double)row[e]));
    double sum = 0;
    for (int i = 0; i < EXPERTS; i++) sum += exp((double)row[i]);
    return exp((double)row[e]) / sum;
}

static double selection_of(const struct routed *p, int t, int e)
{
    return score_of(p, t, e) + (p->r.select_bias ? p->r.select_bias[e] : 0);
}

/* The chosen ones in descending order, and none better left out. */
static void assert_best_chosen(const struct routed *p, int t)
{
    const int32_t *experts = p->experts + t * TOP_K;
    bool taken[EXPERTS] = {false};
    for (int j = 0; j < TOP_K; j++) {
        assert_in_range(experts[j], 0, EXPERTS - 1);
        assert_false(taken[experts[j]]);
        taken[experts[j]] = true;
        if (j) assert_true(selection_of(p, t, experts[j]) <= selection_of(p, t, experts[j - 1]) + 1e-6);
    }
    for (int e = 0; e < EXPERTS; e++)
        assert_true(taken[e] || selection_of(p, t, e) <= selection_of(p, t, experts[TOP_K - 1]) + 1e-6);
}

static void the_best_experts_are_chosen_and_bias_does_not_weigh(void **state)
{
    const struct kt_levels *l = *state;
    static struct routed p;
    for (int level = 0; level < l->n_levels; level++)
        for (int variant = 0; variant < 8; variant++) {
            route_randomly(l->ops[level][0], &p, variant);
            for (int t = 0; t < TOKENS; t++) {
                assert_best_chosen(&p, t);
                double sum = 0;
                for (int j = 0; j < TOP_K; j++) sum += score_of(&p, t, p.experts[t * TOP_K + j]);
                for (int j = 0; j < TOP_K; j++) {
                    double want = 2.5 * score_of(&p, t, p.experts[t * TOP_K + j]) / (p.r.normalise ? sum : 1);
                    assert_true(fabs(p.weights[t * TOP_K + j] - want) <= 1e-6 * want);
                }
            }
        }
}

static void slots_sort_the_choices_by_expert_in_token_order(void **state)
{
    const struct kt_levels *l = *state;
    static struct routed p;
    for (int level = 0; level < l->n_levels; level++) {
        route_randomly(l->ops[level][0], &p, BIAS);
        assert_int_equal(p.offsets[0], 0);
        assert_int_equal(p.offsets[EXPERTS], CHOICES);
        bool filled[CHOICES] = {false};
        for (int i = 0; i < CHOICES; i++) {
            int s = p.slot[i], e = p.experts[i];
            assert_true(s >= p.offsets[e] && s < p.offsets[e + 1]);
            assert_int_equal(p.source[s], i / TOP_K);
            assert_false(filled[s]);
            filled[s] = true;
        }
        for (int e = 0; e < EXPERTS; e++)
            for (int s = p.offsets[e] + 1; s < p.offsets[e + 1]; s++) assert_true(p.source[s] > p.source[s - 1]);
    }
}

static void ties_go_to_the_lower_expert(void **state)
{
    const struct kt_levels *l = *state;
    for (int level = 0; level < l->n_levels; level++)
        for (int sigmoid = 0; sigmoid < 2; sigmoid++) {
            float logits[40] = {0}, weights[4];
            int32_t experts[4], offsets[41], slot[4], source[4];
            logits[33] = 1;
            sl_routing r = {.tokens = 1, .n_experts = 40, .top_k = 4, .sigmoid = sigmoid, .scale = 1};
            l->ops[level][0]->route(l->ops[level][0], &r, logits, experts, weights, offsets, slot, source);
            static const int32_t want[4] = {33, 0, 1, 2};
            assert_memory_equal(experts, want, sizeof want);
        }
}

/* A diverged model must not become an index out of range. */
static void not_a_number_still_chooses_distinct_experts(void **state)
{
    const struct kt_levels *l = *state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int level = 0; level < l->n_levels; level++)
        for (int b = 0; b < 3; b++)
            for (int count = 1; count <= 20; count += 19) {
                float logits[20] = {0}, weights[6];
                int32_t experts[6], offsets[21], slot[6], source[6];
                for (int i = 0; i < count; i++) logits[19 - i] = bad[b];
                sl_routing r = {.tokens = 1, .n_experts = 20, .top_k = 6, .normalise = true, .scale = 1};
                l->ops[level][0]->route(l->ops[level][0], &r, logits, experts, weights, offsets, slot, source);
                uint32_t seen = 0;
                for (int j = 0; j < 6; j++) {
                    assert_in_range(experts[j], 0, 19);
                    assert_false(seen >> experts[j] & 1);
                    seen |= 1u << experts[j];
                }
            }
}

/* --- gradients against differences ------------------------------------------------------------------------------ */

/* loss = sum over choices of value[t, e] * weight, plus the balancing loss with the fractions f held fixed. */
struct route_problem {
    const sl_ops *o;
    sl_routing r;
    double aux_coef, f[9];
    float logits[4 * 9], value[4 * 9], weights[4 * 3];
    int32_t experts[4 * 3], offsets[10], slot[12], source[12];
};

static double route_loss(void *context)
{
    struct route_problem *p = context;
    p->o->route(p->o, &p->r, p->logits, p->experts, p->weights, p->offsets, p->slot, p->source);
    double loss = 0;
    for (int i = 0; i < 12; i++) loss += (double)p->weights[i] * p->value[i / 3 * 9 + p->experts[i]];
    for (int t = 0; t < 4; t++) {
        double sum = 0;
        for (int e = 0; e < 9; e++) sum += exp((double)p->logits[t * 9 + e]);
        for (int e = 0; e < 9; e++) loss += p->aux_coef * 9 * p->f[e] * exp((double)p->logits[t * 9 + e]) / sum / 4;
    }
    return loss;
}

static void route_backward_is_the_derivative(void **state)
{
    const struct kt_levels *l = *state;
    for (int variant = 0; variant < 16; variant++) {
        struct route_problem p = {.o = l->ops[SL_CPU_REF][0]};
        p.r = (sl_routing){.tokens = 4, .n_experts = 9, .top_k = 3, .scale = 1.7f};
        p.r.sigmoid = variant & SIGMOID;
        p.r.normalise = variant & NORMALISE;
        p.aux_coef = variant & AUX ? 0.5 : 0;
        static const float bias[9] = {0, 0.3f, 0, 0, -0.2f, 0, 0, 0.1f, 0};
        if (variant & BIAS) p.r.select_bias = bias;
        struct sl_rng rng;
        sl_rng_init(&rng, 21, 1);
        for (int i = 0; i < 36; i++) {
            p.logits[i] = sl_rng_normal(&rng);
            p.value[i] = sl_rng_normal(&rng);
        }
        route_loss(&p);
        for (int e = 0; e < 9; e++) p.f[e] = (p.offsets[e + 1] - p.offsets[e]) / 12.0;
        float d_weights[12], d_logits[36];
        for (int i = 0; i < 12; i++) d_weights[i] = p.value[i / 3 * 9 + p.experts[i]];
        p.o->route_bwd(p.o, &p.r, p.logits, p.experts, p.weights, p.offsets, d_weights, (float)p.aux_coef, d_logits);
        kt_check_gradient("route", route_loss, &p, p.logits, d_logits, 36, 1e-3f, 5e-3);
    }
}

enum { ROWS = 3, COLS = 5, K = 2, WIDE = 4 * ROWS * COLS };

/* A function of x (up to WIDE) and weights (ROWS * K) into y (up to WIDE); loss = sum y dy. */
struct problem {
    const sl_ops *o;
    void (*forward)(struct problem *p);
    int n_y;
    float x[WIDE], weights[ROWS * K], y[WIDE], dy[WIDE];
};

static const int32_t slot[ROWS * K] = {4, 1, 0, 5, 2, 3};
static const int32_t source[ROWS * K] = {1, 0, 2, 2, 0, 1}; /* source[slot[t, j]] == t */

static double problem_loss(void *context)
{
    struct problem *p = context;
    p->forward(p);
    double sum = 0;
    for (int i = 0; i < p->n_y; i++) sum += (double)p->y[i] * p->dy[i];
    return sum;
}

static struct problem make_problem(void **state, void (*forward)(struct problem *p), int n_y)
{
    const struct kt_levels *l = *state;
    struct problem p = {.o = l->ops[SL_CPU_REF][0], .forward = forward, .n_y = n_y};
    struct sl_rng rng;
    sl_rng_init(&rng, 31, 1);
    for (int i = 0; i < WIDE; i++) {
        p.x[i] = sl_rng_normal(&rng);
        p.dy[i] = sl_rng_normal(&rng);
    }
    for (int i = 0; i < ROWS * K; i++) p.weights[i] = sl_rng_normal(&rng);
    return p;
}

static void combine_forward(struct problem *p)
{
    p->o->combine(p->o, SL_F32, ROWS, COLS, K, p->x, p->weights, slot, NULL, p->y);
}

static void combine_backward_is_the_derivative(void **state)
{
    struct problem p = make_problem(state, combine_forward, ROWS * COLS);
    float dx[ROWS * K * COLS], d_weights[ROWS * K];
    p.o->combine_bwd(p.o, SL_F32, ROWS, COLS, K, p.dy, p.x, p.weights, slot, dx, d_weights);
    kt_check_gradient("combine x", problem_loss, &p, p.x, dx, ROWS * K * COLS, 1e-2f, 1e-3);
    kt_check_gradient("combine weights", problem_loss, &p, p.weights, d_weights, ROWS * K, 1e-2f, 1e-3);
}

static void gather_forward(struct problem *p)
{
    p->o->gather_rows(p->o, SL_F32, ROWS * K, COLS, source, p->x, p->y);
}

static void gather_choices_backward_is_the_derivative(void **state)
{
    struct problem p = make_problem(state, gather_forward, ROWS * K * COLS);
    float dx[ROWS * COLS];
    memcpy(dx, p.x, sizeof dx);
    p.o->gather_choices_bwd(p.o, SL_F32, ROWS, COLS, K, slot, p.dy, dx, true);
    for (int i = 0; i < ROWS * COLS; i++) dx[i] -= p.x[i];
    kt_check_gradient("gather_choices", problem_loss, &p, p.x, dx, ROWS * COLS, 1e-2f, 1e-3);
}

static const int32_t ids[ROWS * K] = {2, 0, 2, 1, 2, 0};

static void embed_forward(struct problem *p)
{
    p->o->embed(p->o, SL_F32, ROWS * K, COLS, ids, p->x, SL_F32, p->y);
}

static void embed_backward_is_the_derivative(void **state)
{
    struct problem p = make_problem(state, embed_forward, ROWS * K * COLS);
    float d_table[3 * COLS] = {0};
    p.o->embed_bwd(p.o, SL_F32, ROWS * K, COLS, ids, p.dy, d_table);
    kt_check_gradient("embed", problem_loss, &p, p.x, d_table, 3 * COLS, 1e-2f, 1e-3);
}

static void pool4_forward(struct problem *p)
{
    p->o->pool4(p->o, SL_F32, ROWS, COLS, p->x, p->y);
}

static void pool4_backward_is_the_derivative(void **state)
{
    struct problem p = make_problem(state, pool4_forward, ROWS * COLS);
    float dx[WIDE];
    memcpy(dx, p.x, sizeof dx);
    p.o->pool4_bwd(p.o, SL_F32, ROWS, COLS, p.dy, dx, true);
    for (int i = 0; i < WIDE; i++) dx[i] -= p.x[i];
    kt_check_gradient("pool4", problem_loss, &p, p.x, dx, WIDE, 1e-2f, 1e-3);
}

static void negative_indices_write_zeros_or_nothing(void **state)
{
    const struct kt_levels *l = *state;
    for (int level = 0; level < l->n_levels; level++) {
        const sl_ops *o = l->ops[level][0];
        const float x[4] = {1, 2, 3, 4};
        const int32_t index[2] = {-1, 0};
        float gathered[4] = {9, 9, 9, 9}, scattered[4] = {9, 9, 9, 9}, table[4] = {9, 9, 9, 9};
        o->gather_rows(o, SL_F32, 2, 2, index, x, gathered);
        assert_memory_equal(gathered, ((float[4]){0, 0, 1, 2}), sizeof gathered);
        o->scatter_rows(o, SL_F32, 2, 2, index, x, scattered, false);
        assert_memory_equal(scattered, ((float[4]){3, 4, 9, 9}), sizeof scattered);
        o->embed_bwd(o, SL_F32, 2, 2, index, x, table);
        assert_memory_equal(table, ((float[4]){12, 13, 9, 9}), sizeof table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_agrees_with_the_reference),
        cmocka_unit_test(routing_agrees_with_the_reference),
        cmocka_unit_test(the_best_experts_are_chosen_and_bias_does_not_weigh),
        cmocka_unit_test(slots_sort_the_choices_by_expert_in_token_order),
        cmocka_unit_test(ties_go_to_the_lower_expert),
        cmocka_unit_test(not_a_number_still_chooses_distinct_experts),
        cmocka_unit_test(route_backward_is_the_derivative),
        cmocka_unit_test(combine_backward_is_the_derivative),
        cmocka_unit_test(gather_choices_backward_is_the_derivative),
        cmocka_unit_test(embed_backward_is_the_derivative),
        cmocka_unit_test(pool4_backward_is_the_derivative),
        cmocka_unit_test(negative_indices_write_zeros_or_nothing),
    };
    return cmocka_run_group_tests(tests, kt_levels_setup, kt_levels_teardown);
}
