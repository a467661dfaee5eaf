/*
 * families_test.h: one family after the other as a recipe, for the tests that go over all of them.
 */
#ifndef SL_TESTS_SYNTH_FAMILIES_TEST_H
#define SL_TESTS_SYNTH_FAMILIES_TEST_H

#include "synth/recipe.h"

#include "test.h"

/* A family that was opened. */
struct test_family {
    struct sl_recipe recipe; /* of this family alone */
    const struct sl_synth_family *family;
    void *state;
};

/*
 * Opens family i with every task and level; false, with a line that says why, when this machine cannot make it, and in
 * silence when SEEDLING_TEST_FAMILY names another.
 */
static inline bool test_family_open(int i, struct test_family *f)
{
    sl_error err = {0};
    const char *only = getenv("SEEDLING_TEST_FAMILY");
    f->family = sl_synth_family_at(i);
    f->state = NULL;
    if (only && strcmp(only, f->family->name) != 0) return false;
    json_t *tree = json_pack("{s:i, s:{s:i}}", "seed", 11, "families", f->family->name, 1);
    assert_sl_ok(sl_recipe_read(tree, &f->recipe, &err), &err);
    json_decref(tree);
    sl_status status = f->family->open ? f->family->open(&f->state, &err) : SL_OK;
    if (!status) return true;
    sl_recipe_release(&f->recipe);
    if (status != SL_ERR_UNSUPPORTED) fail_msg("%s: %s", f->family->name, err.message);
    printf("# %s is left out: %s\n", f->family->name, err.message);
    return false;
}

/* Closes it. */
static inline void test_family_close(struct test_family *f)
{
    if (f->family->open) f->family->close(f->state);
    sl_recipe_release(&f->recipe);
}

#endif
