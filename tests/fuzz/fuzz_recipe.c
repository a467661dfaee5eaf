/*
 * fuzz_recipe.c: any bytes as a recipe of made data: refused, or one whose resolved form reads back as itself.
 */
#include "base/yaml.h"
#include "synth/recipe.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *tree = NULL;
    struct sl_recipe r = {0}, again = {0};
    if (sl_yaml_parse((const char *)bytes, n, "recipe", &tree, NULL) != SL_OK) return 0;
    if (sl_recipe_read(tree, &r, NULL) == SL_OK) {
        if (sl_recipe_read(r.resolved, &again, NULL) != SL_OK || !json_equal(r.resolved, again.resolved)) abort();
    }
    sl_recipe_release(&again);
    sl_recipe_release(&r);
    json_decref(tree);
    return 0;
}
