/*
 * test_contact_page.c: a page of samples has a cell for each, with pictures, shapes and words.
 */
#include "families_test.h"

#include "synth/contact_page.h"

/* Share of pixels in an area that are not white. */
static double inked(const struct sl_picture *p, int x, int y, int w, int h)
{
    int n = 0;
    for (int j = y; j < y + h; j++)
        for (int i = x; i < x + w; i++) {
            const uint8_t *v = p->rgb + 3 * ((size_t)j * (size_t)p->width + (size_t)i);
            n += v[0] != 255 || v[1] != 255 || v[2] != 255;
        }
    return (double)n / (w * h);
}

static void test_a_page_shows_every_sample(void **state)
{
    (void)state;
    enum { N = 3, CELL = 120, TEXT = 60, MARGIN = 6 };
    const struct sl_contact_page page = {.columns = 2, .cell = CELL, .text = TEXT};
    struct sl_recipe_sample samples[N];
    struct test_family f;
    struct sl_picture out;
    sl_error err = {0};
    assert_true(test_family_open(0, &f));
    for (int i = 0; i < N; i++) {
        const struct sl_recipe_place at = {.number = i};
        assert_sl_ok(sl_recipe_make(&f.recipe, &at, f.state, &samples[i], &err), &err);
    }
    assert_sl_ok(sl_contact_page(samples, N, &page, &out, &err), &err);
    assert_int_equal(out.width, 2 * (CELL + MARGIN) + MARGIN);
    assert_int_equal(out.height, 2 * (CELL + TEXT + MARGIN) + MARGIN);
    for (int i = 0; i < 4; i++) {
        int x = MARGIN + i % 2 * (CELL + MARGIN), y = MARGIN + i / 2 * (CELL + TEXT + MARGIN);
        double picture = inked(&out, x, y, CELL, CELL), words = inked(&out, x, y + CELL, CELL, TEXT);
        if (i < N) assert_true(picture > 0.1 && words > 0.01 && words < 0.6);
        if (i == N) assert_true(picture == 0 && words == 0);
    }
    for (int i = 0; i < N; i++) sl_synth_sample_release(&samples[i].sample);
    sl_picture_free(&out);
    test_family_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_page_shows_every_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
