/*
 * test_camera.c: the turns and projections of boxes, against numbers worked out by hand and against plain matrices.
 */
#include "test.h"

#include "base/camera.h"
#include "base/rng.h"

#include <math.h>

static void expect_point(const double *got, double x, double y, double z)
{
    assert_float_equal(got[0], x, 1e-12);
    assert_float_equal(got[1], y, 1e-12);
    assert_float_equal(got[2], z, 1e-12);
}

static void the_assumed_camera_sees_sixty_degrees(void **state)
{
    (void)state;
    struct sl_camera c = sl_camera_default(1000, 600);
    assert_float_equal(c.fx, 866.0254037844386, 1e-9);
    assert_float_equal(c.fy, 519.6152422706632, 1e-9);
    double pixel[2], tan30 = tan(acos(-1.0) / 6);
    double right[3] = {2 * tan30, 0, 2}, top[3] = {0, -5 * tan30, 5};
    assert_true(sl_camera_project(&c, right, pixel));
    assert_float_equal(pixel[0], 1000, 1e-9);
    assert_float_equal(pixel[1], 300, 1e-9);
    assert_true(sl_camera_project(&c, top, pixel));
    assert_float_equal(pixel[0], 500, 1e-9);
    assert_float_equal(pixel[1], 0, 1e-9);
}

static void corners_are_numbered_by_their_sides(void **state)
{
    (void)state;
    struct sl_box3d b = {{10, 20, 30}, {2, 4, 6}, {0, 0, 0}};
    double corners[8][3];
    sl_box3d_corners(&b, corners);
    expect_point(corners[0], 9, 18, 27);
    expect_point(corners[1], 11, 18, 27);
    expect_point(corners[2], 9, 22, 27);
    expect_point(corners[4], 9, 18, 33);
    expect_point(corners[7], 11, 22, 33);
}

/* Quarter turns of corner 7, (1, 2, 3) before turning; the last row tells the order of the turns. */
static void quarter_turns_are_right_handed_and_in_order(void **state)
{
    (void)state;
    static const struct {
        double angles[3], want[3];
    } table[] = {
        {{0.5, 0, 0}, {1, -3, 2}},    /* y goes to z */
        {{0, 0.5, 0}, {3, 2, -1}},    /* z goes to x */
        {{0, 0, 0.5}, {-2, 1, 3}},    /* x goes to y */
        {{0.5, 0.5, 0}, {2, -3, -1}}, /* pitch before yaw */
        {{0.5, 0, 0.5}, {3, 1, 2}},   /* pitch before roll */
        {{0, 0.5, 0.5}, {-2, 3, -1}}, /* yaw before roll */
        {{0.5, 0.5, 0.5}, {3, 2, -1}}, {{-1, 0, 0}, {1, -2, -3}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sl_box3d b = {.size = {2, 4, 6}};
        double corners[8][3];
        memcpy(b.angles, table[i].angles, sizeof b.angles);
        sl_box3d_corners(&b, corners);
        expect_point(corners[7], table[i].want[0], table[i].want[1], table[i].want[2]);
    }
}

/* out = a b, 3 x 3. */
static void product(double a[3][3], double b[3][3], double out[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void any_turn_is_the_product_of_three_matrices(void **state)
{
    (void)state;
    struct sl_rng r;
    sl_rng_init(&r, 5, 0);
    for (int k = 0; k < 200; k++) {
        struct sl_box3d b;
        double t[3], corners[8][3];
        for (int i = 0; i < 3; i++) {
            b.center[i] = sl_rng_normal(&r);
            b.size[i] = sl_rng_float(&r) * 3;
            b.angles[i] = sl_rng_float(&r) * 2 - 1;
            t[i] = b.angles[i] * acos(-1.0);
        }
        double rx[3][3] = {{1, 0, 0}, {0, cos(t[0]), -sin(t[0])}, {0, sin(t[0]), cos(t[0])}};
        double ry[3][3] = {{cos(t[1]), 0, sin(t[1])}, {0, 1, 0}, {-sin(t[1]), 0, cos(t[1])}};
        double rz[3][3] = {{cos(t[2]), -sin(t[2]), 0}, {sin(t[2]), cos(t[2]), 0}, {0, 0, 1}};
        double yx[3][3], m[3][3];
        product(ry, rx, yx);
        product(rz, yx, m);
        sl_box3d_corners(&b, corners);
        for (int i = 0; i < 8; i++) {
            double v[3], want[3];
            for (int a = 0; a < 3; a++) v[a] = (i >> a & 1 ? 0.5 : -0.5) * b.size[a];
            for (int a = 0; a < 3; a++) want[a] = m[a][0] * v[0] + m[a][1] * v[1] + m[a][2] * v[2] + b.center[a];
            expect_point(corners[i], want[0], want[1], want[2]);
        }
    }
}

static void what_is_behind_the_camera_is_not_projected(void **state)
{
    (void)state;
    struct sl_camera c = {100, 100, 50, 50};
    double pixel[2] = {-1, -1}, behind[3] = {0, 0, -2}, at[3] = {0, 0, 0}, nowhere[3] = {0, 0, NAN};
    assert_false(sl_camera_project(&c, behind, pixel));
    assert_false(sl_camera_project(&c, at, pixel));
    assert_false(sl_camera_project(&c, nowhere, pixel));
    assert_float_equal(pixel[0], -1, 0);
}

static void a_box_in_front_has_twelve_edges(void **state)
{
    (void)state;
    struct sl_camera c = {100, 100, 50, 50};
    struct sl_box3d b = {{0, 0, 4}, {2, 2, 4}, {0, 0, 0}};
    double s[12][4], length = 0;
    assert_int_equal(sl_camera_box_edges(&c, &b, s), 12);
    for (int i = 0; i < 12; i++) length += hypot(s[i][2] - s[i][0], s[i][3] - s[i][1]);
    /* The near face is 100 pixels wide, the far one 100 / 3; four edges join their corners. */
    assert_float_equal(length, 4 * 100 + 4 * 100.0 / 3 + 4 * sqrt(2.0) * (50 - 50 / 3.0), 1e-9);
}

static void edges_are_cut_where_they_pass_behind(void **state)
{
    (void)state;
    struct sl_camera c = {100, 100, 50, 50};
    struct sl_box3d through = {{0, 0, 0}, {2, 2, 4}, {0, 0, 0}}, behind = {{0, 0, -5}, {2, 2, 4}, {0, 0, 0}};
    double s[12][4];
    assert_int_equal(sl_camera_box_edges(&c, &through, s), 8); /* the far face and four that reach behind */
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 4; k++) assert_true(fabs(s[i][k]) <= 100 / SL_CAMERA_NEAR + 51);
    assert_int_equal(sl_camera_box_edges(&c, &behind, s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_assumed_camera_sees_sixty_degrees),
        cmocka_unit_test(corners_are_numbered_by_their_sides),
        cmocka_unit_test(quarter_turns_are_right_handed_and_in_order),
        cmocka_unit_test(any_turn_is_the_product_of_three_matrices),
        cmocka_unit_test(what_is_behind_the_camera_is_not_projected),
        cmocka_unit_test(a_box_in_front_has_twelve_edges),
        cmocka_unit_test(edges_are_cut_where_they_pass_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
